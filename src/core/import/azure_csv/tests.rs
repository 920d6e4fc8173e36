use proptest::prelude::*;

use super::super::{TokenRow, Warning};
use super::*;
use crate::otp::{self, Parameters, Period, SeedError};

const HEADER: &str = "upn,serial number,secret key,time interval,manufacturer,model";
/// Microsoft's own sample.
const SAMPLE: &str =
    "Helga@contoso.example,1234567,2234567abcdef2234567abcdef,60,Contoso,HardwareKey";
const SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn outcomes(file: &[u8]) -> Vec<RowOutcome> {
    read_azure_csv(file, Options::default()).expect("a readable file")
}

fn rows(file: &[u8]) -> Vec<TokenRow> {
    let rows: Result<_, _> = outcomes(file).into_iter().collect();
    rows.expect("every row is a token")
}

fn fault(row: &str) -> RowFault {
    let file = format!("{HEADER}\n{row}\n");
    let error = outcomes(file.as_bytes()).remove(0).expect_err("refused");
    assert_eq!(error.line, 2);
    error.fault
}

fn refused(file: &str) -> FileError {
    read_azure_csv(file.as_bytes(), Options::default()).expect_err("refused")
}

/// The sample as UTF-16 in either order of octets.
fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn microsofts_sample_is_read() {
    let row = rows(format!("{HEADER}\n{SAMPLE}\n").as_bytes()).remove(0);
    let seed = otp::from_base32("2234567abcdef2234567abcdef")
        .expect("a seed")
        .seed;
    let sixty = Period::try_from(60).expect("sixty");
    let expected = TokenRow {
        line: 2,
        upn: Some("Helga@contoso.example".to_owned()),
        serial: "1234567".to_owned(),
        seed,
        parameters: Parameters {
            period: sixty,
            ..Parameters::default()
        },
        manufacturer: "Contoso".to_owned(),
        model: "HardwareKey".to_owned(),
        warnings: vec![Warning::BitsDropped],
    };
    assert_eq!(row, expected);
}

#[test]
fn every_encoding_of_excel_reads_the_same() {
    let text = format!("{HEADER}\r\n{SAMPLE}\r\n");
    let marked = format!("\u{feff}{text}");
    let plain = rows(text.as_bytes());
    assert_eq!(plain.len(), 1);
    for file in [
        marked.as_bytes().to_vec(),
        utf16(&marked, u16::to_le_bytes),
        utf16(&marked, u16::to_be_bytes),
        utf16(&text, u16::to_le_bytes),
        utf16(&text, u16::to_be_bytes),
    ] {
        assert_eq!(rows(&file), plain);
    }
}

#[test]
fn semicolons_tabs_quotes_and_excels_sep_line_are_understood() {
    let plain = rows(format!("{HEADER}\n{SAMPLE}\n").as_bytes());
    for sign in [";", "\t"] {
        let text = format!("{HEADER}\n{SAMPLE}").replace(',', sign);
        assert_eq!(rows(text.as_bytes()), plain);
        let told = rows(format!("sep={sign}\r\n{text}").as_bytes());
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].line, 3);
    }
    let quoted = format!("\"{}\"", SAMPLE.replace(',', "\",\""));
    assert_eq!(rows(format!("{HEADER}\n{quoted}").as_bytes()), plain);
    let comma = format!("{HEADER}\n,7,{SEED},30,\"Contoso, Inc. \"\"A\"\"\",x");
    assert_eq!(
        rows(comma.as_bytes())[0].manufacturer,
        "Contoso, Inc. \"A\""
    );
}

#[test]
fn header_variants_and_any_order_are_understood() {
    let file = format!("Model, SerialNumber ,TimeInterval,SECRET_KEY\nm,0012,30,{SEED}");
    let row = rows(file.as_bytes()).remove(0);
    assert_eq!((row.serial.as_str(), row.model.as_str()), ("0012", "m"));
    assert_eq!((row.upn, row.warnings), (None, vec![]));
}

#[test]
fn blank_lines_and_columns_do_not_count_but_lines_do() {
    let file = format!(
        "{HEADER},,\r\n\r\n\r\n,1,{SEED},30,,,,\r\n , ,,,,\r\n\r\n,2,{SEED},30\r\n,,\r\n\r\n"
    );
    let rows = rows(file.as_bytes());
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row.serial.as_str(), row.line))
        .collect();
    assert_eq!(found, [("1", 4), ("2", 7)]);
}

#[test]
fn any_end_of_line_gives_the_same_lines() {
    for end in ["\n", "\r\n", "\r"] {
        let file = [HEADER, "", "bad", SAMPLE].join(end);
        let lines: Vec<u64> = outcomes(file.as_bytes())
            .into_iter()
            .map(|outcome| outcome.map_or_else(|error| error.line, |row| row.line))
            .collect();
        assert_eq!(lines, [3, 4], "{end:?}");
    }
}

#[test]
fn each_broken_field_is_named() {
    let text = |column| RowFault::Text { column };
    let empty = |column| RowFault::Empty { column };
    let cases = [
        (format!("a@b,,{SEED},30,,"), empty(Column::Serial)),
        ("a@b,1,,30,,".to_owned(), empty(Column::Secret)),
        (format!("a@b,1,{SEED}"), empty(Column::Period)),
        (format!("a@b,1,{SEED},45,,"), RowFault::Period),
        (format!("a@b,1,{SEED},-30,,"), RowFault::Period),
        (format!("a@b,1,{SEED},30,,,x"), RowFault::TooManyFields),
        (format!("a\u{1}b,1,{SEED},30,,"), text(Column::Upn)),
        (
            format!("{},1,{SEED},30,,", "a".repeat(257)),
            text(Column::Upn),
        ),
        (
            format!(",{},{SEED},30,,", "1".repeat(129)),
            text(Column::Serial),
        ),
        (format!(",1,{SEED},30,,\"a\nb\""), RowFault::LineBreak),
    ];
    for (row, expected) in cases {
        assert_eq!(fault(&row), expected, "{row}");
    }
}

#[test]
fn serials_that_excel_damaged_are_refused_and_those_that_look_alike_taken() {
    for serial in [
        "1.23E+11",
        "\"1,23E+11\"",
        "1E+11",
        "1.2e+9",
        "=\"0012\"",
        "\"=\"\"0012\"\"\"",
    ] {
        assert_eq!(
            fault(&format!(",{serial},{SEED},30,,")),
            RowFault::ExcelSerial,
            "{serial}"
        );
    }
    for serial in ["12E4", "GA-E+11", "0012", "E+x"] {
        let file = format!("{HEADER}\n,{serial},{SEED},30,,");
        assert_eq!(rows(file.as_bytes())[0].serial, serial);
    }
}

#[test]
fn the_second_of_two_equal_serials_is_refused() {
    let file = format!("{HEADER}\n,ab,{SEED},30\n,Ab,{SEED},30\n,ac,{SEED},30\n");
    let outcomes = outcomes(file.as_bytes());
    let fault = RowFault::DuplicateSerial { first: 2 };
    assert_eq!(outcomes[1], Err(RowError { line: 3, fault }));
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
}

#[test]
fn a_broken_row_does_not_take_its_serial() {
    let file = format!("{HEADER}\n,ab,{SEED},31\n,ab,{SEED},30\n");
    let outcomes = outcomes(file.as_bytes());
    assert!(outcomes[0].is_err() && outcomes[1].is_ok());
}

#[test]
fn hexadecimal_is_refused_with_a_remedy_unless_it_was_told() {
    let row = ",1,3132333435363738393031323334353637383930,30,,";
    assert_eq!(fault(row), RowFault::HexSeed);
    let file = format!("{HEADER}\n{row}\n");
    let told = read_azure_csv(file.as_bytes(), Options { hex: true }).expect("a file");
    let seed = &told[0].as_ref().expect("a token").seed;
    assert_eq!(seed.expose(), b"12345678901234567890");
}

#[test]
fn microsofts_old_samples_are_refused_by_their_cause() {
    assert_eq!(
        fault(",1,1234567890abcdef1234567890abcdef,60,,"),
        RowFault::HexSeed
    );
    let foreign = |position| RowFault::Seed(SeedError::ForeignSign { position });
    assert_eq!(fault(",1,C2dE3fH4iJ5kL6mN7oP1qR2sT3uV4w,30,,"), foreign(20));
    let length = RowFault::Seed(SeedError::Length { signs: 25 });
    assert_eq!(fault(",1,2234567abcdef2234567abcde,30,,"), length);
}

#[test]
fn a_short_seed_is_taken_with_a_warning() {
    let file = format!("{HEADER}\n,1,GEZDGNBVGY3TQOJQ,30,,");
    let warnings = rows(file.as_bytes()).remove(0).warnings;
    assert_eq!(warnings, [Warning::ShortSeed { bits: 80 }]);
}

#[test]
fn broken_utf8_is_the_fault_of_one_row() {
    let mut file = format!("{HEADER}\n,1,{SEED},30,M").into_bytes();
    file.extend_from_slice(b"\xfcller,\n");
    file.extend_from_slice(format!(",2,{SEED},30,,\n").as_bytes());
    let outcomes = outcomes(&file);
    let fault = RowFault::Utf8 {
        column: Column::Manufacturer,
    };
    assert_eq!(outcomes[0], Err(RowError { line: 2, fault }));
    assert!(outcomes[1].is_ok());
}

#[test]
fn a_file_that_is_none_is_refused_by_its_cause() {
    assert_eq!(refused(""), FileError::Empty);
    assert_eq!(refused("\n\n"), FileError::Empty);
    assert_eq!(refused(SAMPLE), FileError::NoHeader);
    let missing = |column| FileError::MissingColumn { column };
    assert_eq!(
        refused("serial number,time interval"),
        missing(Column::Secret)
    );
    assert_eq!(refused("secret key,time interval"), missing(Column::Serial));
    assert_eq!(refused("serial,secret"), missing(Column::Period));
    let twice = FileError::TwiceColumn {
        column: Column::Serial,
    };
    assert_eq!(refused("serial,secret,interval,serial number"), twice);
    let unknown = FileError::UnknownColumn { place: 4 };
    assert_eq!(refused("serial,secret,interval,algorithm"), unknown);
    let broken = read_azure_csv(b"\xff\xfeabc", Options::default());
    assert_eq!(broken, Err(FileError::Utf16));
}

#[test]
fn no_error_and_no_debug_print_shows_a_seed() {
    let good = format!("{HEADER}\n,1,QQQQQQQQQQQQQQQQ,30,,\n,2,QQQQQQ!,30,,\n,3,4,QQQQQQ,,\n");
    let shown = format!("{:?}", outcomes(good.as_bytes()));
    assert!(!shown.contains("QQ"), "{shown}");
}

#[test]
fn a_hundred_thousand_rows_keep_their_order_and_lines() {
    let mut file = format!("{HEADER}\r\n\r\n");
    for n in 0..100_000 {
        file.push_str(&format!(
            "user{n}@contoso.example,{n},{SEED},30,Contoso,Key\r\n"
        ));
    }
    let rows = rows(file.as_bytes());
    let in_order = (0_u64..)
        .zip(&rows)
        .all(|(n, row)| row.line == n + 3 && row.serial == n.to_string());
    assert!(in_order && rows.len() == 100_000);
}

proptest! {
    #[test]
    fn no_octets_break_the_reader(file in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_azure_csv(&file, Options::default());
    }

    #[test]
    fn no_rows_behind_a_header_break_the_reader(
        rows in "([a-z0-9=E+,;\"\r\n\t\u{e9} ]{0,200})",
        hex: bool,
    ) {
        let file = format!("{HEADER}\n{rows}");
        let options = Options { hex };
        prop_assert!(read_azure_csv(file.as_bytes(), options).is_ok());
    }
}
