//! One row of an import: what a token needs, read from fields that people have edited.
//!
//! No error repeats a field: when columns have shifted, any of them may be the seed.

use super::azure_csv::{Column, Options};
use crate::base::Secret;
use crate::base::limits::{NAME_OCTETS_MAX, TOKEN_TEXT_OCTETS_MAX};
use crate::otp::{self, Decoded, Parameters, Period, SeedError};

/// A token as a file describes it.
#[derive(Debug, Eq, PartialEq)]
pub struct TokenRow {
    /// The line of the file, from 1, the header included.
    pub line: u64,
    /// Whose it is, as written; `None`: nobody's yet.
    pub upn: Option<String>,
    /// Serial number, leading zeros kept.
    pub serial: String,
    /// Seed.
    pub seed: Secret,
    /// SHA-1 and six digits, which this format implies, and the row's period.
    pub parameters: Parameters,
    /// Manufacturer, possibly empty.
    pub manufacturer: String,
    /// Model, possibly empty.
    pub model: String,
    /// What was taken, but should be looked at.
    pub warnings: Vec<Warning>,
}

/// A row, or why it was left out.
pub type RowOutcome = Result<TokenRow, RowError>;

/// What is odd about a row that was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Warning {
    /// See [`Decoded::bits_dropped`].
    #[error("the last character of the seed has bits that belong to nothing: is one missing?")]
    BitsDropped,
    /// Fewer than the 128 bits of RFC 4226 §4.
    #[error("the seed has {bits} bits; 128 are the least that should be used")]
    ShortSeed {
        /// How many it has.
        bits: usize,
    },
}

/// Why a row was left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct RowError {
    /// The line of the file, from 1, the header included.
    pub line: u64,
    /// What is wrong with it.
    pub fault: RowFault,
}

/// What is wrong with a row, and what to do about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RowFault {
    /// The same serial number further up.
    #[error("line {first} has the same serial number: delete one of them")]
    DuplicateSerial {
        /// The line that has it.
        first: u64,
    },
    /// A field that must be there is not.
    #[error("the {column} is missing")]
    Empty {
        /// Its column.
        column: Column,
    },
    /// What a spreadsheet makes of a long number.
    #[error(
        "the serial number was damaged by a spreadsheet: take the file as the vendor sent it, \
         or format the column as text before pasting"
    )]
    ExcelSerial,
    /// Signs that Base32 lacks, but hexadecimal has.
    #[error("the secret key is hexadecimal, not Base32: import with the option for that")]
    HexSeed,
    /// A line break in a field, which the format never has: an open quote takes in the rows
    /// that follow it.
    #[error("a field has a line break: a quote is not closed, rows behind it are missing")]
    LineBreak,
    /// Neither 30 nor 60.
    #[error("the time interval is neither 30 nor 60 seconds")]
    Period,
    /// The secret key is no seed.
    #[error("the secret key is unusable: {0}")]
    Seed(SeedError),
    /// A field that is too long or has control characters.
    #[error("the {column} is too long or has control characters")]
    Text {
        /// Its column.
        column: Column,
    },
    /// More fields than the header.
    #[error("the row has more fields than the header: look for a stray delimiter or quote")]
    TooManyFields,
    /// Broken UTF-8.
    #[error("the {column} is no UTF-8: save the file as \"CSV UTF-8\"")]
    Utf8 {
        /// Its column.
        column: Column,
    },
}

/// Reads one row, whose fields `field` hands out as the file has them.
pub(super) fn read<'a>(
    line: u64,
    options: Options,
    field: impl Fn(Column) -> &'a [u8],
) -> Result<TokenRow, RowFault> {
    let text = |column, longest| text_of(column, field(column), longest);
    let upn = text(Column::Upn, NAME_OCTETS_MAX)?;
    let serial = serial_of(text(Column::Serial, TOKEN_TEXT_OCTETS_MAX)?)?;
    let secret = utf8_of(Column::Secret, field(Column::Secret))?;
    let Decoded { seed, bits_dropped } = seed_of(secret, options)?;
    let period = period_of(text(Column::Period, TOKEN_TEXT_OCTETS_MAX)?)?;
    let mut warnings = Vec::new();
    if bits_dropped {
        warnings.push(Warning::BitsDropped);
    }
    let bits = seed.len().saturating_mul(8);
    if bits < SEED_BITS_WANTED {
        warnings.push(Warning::ShortSeed { bits });
    }
    Ok(TokenRow {
        line,
        upn: (!upn.is_empty()).then(|| upn.to_owned()),
        serial: serial.to_owned(),
        seed,
        parameters: Parameters {
            period,
            ..Parameters::default()
        },
        manufacturer: text(Column::Manufacturer, TOKEN_TEXT_OCTETS_MAX)?.to_owned(),
        model: text(Column::Model, TOKEN_TEXT_OCTETS_MAX)?.to_owned(),
        warnings,
    })
}

const SEED_BITS_WANTED: usize = 128;

fn utf8_of(column: Column, field: &[u8]) -> Result<&str, RowFault> {
    std::str::from_utf8(field)
        .map(str::trim)
        .map_err(|_| RowFault::Utf8 { column })
}

fn text_of(column: Column, field: &[u8], longest: usize) -> Result<&str, RowFault> {
    let text = utf8_of(column, field)?;
    if text.len() > longest || text.contains(char::is_control) {
        return Err(RowFault::Text { column });
    }
    Ok(text)
}

/// Refuses what Excel makes of a number: `1.23E+11` has lost digits, and `="0012"` is a
/// formula that some wrote to keep zeros, in a file that Excel has then saved again.
fn serial_of(serial: &str) -> Result<&str, RowFault> {
    if serial.is_empty() {
        return Err(RowFault::Empty {
            column: Column::Serial,
        });
    }
    let rounded = serial
        .split_once("E+")
        .or_else(|| serial.split_once("e+"))
        .is_some_and(|(number, exponent)| {
            let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
            number.chars().all(digits) && exponent.chars().all(|c| c.is_ascii_digit())
        });
    if rounded || serial.starts_with('=') {
        return Err(RowFault::ExcelSerial);
    }
    Ok(serial)
}

fn seed_of(secret: &str, options: Options) -> Result<Decoded, RowFault> {
    if secret.is_empty() {
        return Err(RowFault::Empty {
            column: Column::Secret,
        });
    }
    if options.hex {
        return otp::from_hex(secret).map_err(RowFault::Seed);
    }
    otp::from_base32(secret).map_err(|error| match error {
        SeedError::ForeignSign { .. } if is_hex(secret) => RowFault::HexSeed,
        SeedError::ForeignSign { .. }
        | SeedError::Length { .. }
        | SeedError::TooLong
        | SeedError::TooShort { .. } => RowFault::Seed(error),
    })
}

/// Asked only when Base32 has failed, so that one of 0, 1, 8 and 9 is in it.
fn is_hex(secret: &str) -> bool {
    secret
        .chars()
        .all(|c| c.is_ascii_hexdigit() || c == '-' || c.is_whitespace())
}

fn period_of(seconds: &str) -> Result<Period, RowFault> {
    if seconds.is_empty() {
        return Err(RowFault::Empty {
            column: Column::Period,
        });
    }
    let seconds: u64 = seconds.parse().map_err(|_| RowFault::Period)?;
    Period::try_from(seconds).map_err(|_| RowFault::Period)
}
