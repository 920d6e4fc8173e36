//! Texts that people hand in: files of tokens, and seeds.

use countersign_core::base::limits::{SEED_OCTETS_MAX, SEED_OCTETS_MIN};
use countersign_core::import::{Options, read_azure_csv};
use countersign_core::otp;

/// A file of tokens; the first octet says how it is read.
pub fn read_csv(input: &[u8]) {
    let (options, file) = input.split_first().unwrap_or((&0, &[]));
    let hex = options & 1 != 0;
    let Ok(rows) = read_azure_csv(file, Options { hex }) else {
        return;
    };
    let lines = rows.iter().map(|row| match row {
        Ok(row) => row.line,
        Err(error) => error.line,
    });
    let lines: Vec<u64> = lines.collect();
    // The header stands before them, and no row is told twice.
    let in_order = lines.is_sorted_by(|a, b| a < b) && lines.first().is_none_or(|line| *line > 1);
    assert!(in_order, "lines out of order: {lines:?}");
    let mut serials = std::collections::BTreeSet::new();
    for row in rows.into_iter().flatten() {
        let octets = row.seed.len();
        assert!(
            (SEED_OCTETS_MIN..=SEED_OCTETS_MAX).contains(&octets),
            "a seed of {octets}"
        );
        assert!(!row.serial.is_empty(), "a token without a serial number");
        assert!(
            serials.insert(row.serial.to_ascii_lowercase()),
            "a serial number twice"
        );
        let texts = [&row.serial, &row.manufacturer, &row.model];
        let mut texts = texts.into_iter().chain(&row.upn);
        assert!(
            !texts.any(|text| text.contains(char::is_control)),
            "a control character"
        );
    }
}

/// A seed as text, in Base32 and in hexadecimal. What is read has one way to be written.
pub fn read_base32(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for read in [otp::from_base32(&text), otp::from_hex(&text)] {
        let Ok(decoded) = read else {
            continue;
        };
        let octets = decoded.seed.len();
        assert!(
            (SEED_OCTETS_MIN..=SEED_OCTETS_MAX).contains(&octets),
            "a seed of {octets}"
        );
        let written = otp::to_base32(&decoded.seed);
        let written = std::str::from_utf8(written.expose()).expect("Base32 is ASCII");
        let again = otp::from_base32(written).expect("what is written can be read");
        assert!(
            again.seed == decoded.seed && !again.bits_dropped,
            "another seed"
        );
    }
}
