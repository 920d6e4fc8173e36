//! The CSV of hardware tokens that Microsoft Entra takes, as vendors ship and Excel bends it.
//!
//! ```text
//! upn,serial number,secret key,time interval,manufacturer,model
//! ```
//! The first column may be missing: then nobody owns the tokens yet. Columns go by their
//! names, so their order does not matter. The reader's buffers are not wiped: a file of
//! seeds lies on a disk in the clear anyhow.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use csv::ByteRecord;

use super::rows::{self, RowError, RowFault, RowOutcome};
use super::text::{Delimiter, Lines, as_utf8};
use crate::base::limits::IMPORT_OCTETS_MAX;

/// What the operator says about the file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Options {
    /// Secret keys are hexadecimal. Never guessed: a hexadecimal seed can look like Base32.
    pub hex: bool,
}

/// A column of the file.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Column {
    /// `manufacturer`
    Manufacturer,
    /// `model`
    Model,
    /// `time interval`, in seconds.
    Period,
    /// `secret key`
    Secret,
    /// `serial number`
    Serial,
    /// `upn`
    Upn,
}

impl Column {
    /// The column that a header names; case and everything but letters do not matter.
    fn named(header: &[u8]) -> Option<Self> {
        let letters = header.iter().filter(|octet| octet.is_ascii_alphabetic());
        let letters: Vec<u8> = letters.map(u8::to_ascii_lowercase).collect();
        match letters.as_slice() {
            b"manufacturer" => Some(Self::Manufacturer),
            b"model" => Some(Self::Model),
            b"timeinterval" | b"timeintervalinseconds" | b"interval" => Some(Self::Period),
            b"secretkey" | b"secret" => Some(Self::Secret),
            b"serialnumber" | b"serial" => Some(Self::Serial),
            b"upn" | b"userprincipalname" | b"username" => Some(Self::Upn),
            _ => None,
        }
    }
}

/// The name as Microsoft writes it.
impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manufacturer => "manufacturer",
            Self::Model => "model",
            Self::Period => "time interval",
            Self::Secret => "secret key",
            Self::Serial => "serial number",
            Self::Upn => "upn",
        })
    }
}

/// Reads a file into its rows, in their order; each is a token or says why it is none.
/// Blank rows are left out. Time is linear in the file's length, but for the look-up of
/// serial numbers.
///
/// # Errors
/// The file as a whole cannot be read; see [`FileError`].
pub fn read_azure_csv(file: &[u8], options: Options) -> Result<Vec<RowOutcome>, FileError> {
    if file.len() > IMPORT_OCTETS_MAX {
        return Err(FileError::TooLong);
    }
    let text = as_utf8(file).ok_or(FileError::Utf16)?;
    let delimiter = Delimiter::of(&text);
    let text = text.get(delimiter.skip..).unwrap_or_default();
    let mut records = csv::ReaderBuilder::new()
        .delimiter(delimiter.sign)
        .has_headers(false)
        .flexible(true)
        .from_reader(text);
    let mut record = ByteRecord::new();
    let read = |records: &mut csv::Reader<&[u8]>, record: &mut ByteRecord| {
        records
            .read_byte_record(record)
            .expect("memory is always readable")
    };
    if !read(&mut records, &mut record) {
        return Err(FileError::Empty);
    }
    let header = Header::of(&record)?;
    let mut lines = Lines::of(text);
    let mut serials = Serials::default();
    let mut outcomes = Vec::new();
    while read(&mut records, &mut record) {
        let start = record.position().map_or(0, csv::Position::byte);
        let line = lines.line_at(usize::try_from(start).unwrap_or(usize::MAX));
        if !record.iter().all(is_blank) {
            outcomes.push(header.row(line, options, &record, &mut serials));
        }
    }
    Ok(outcomes)
}

/// Why nothing in a file can be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FileError {
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// A needed column is not named in the header.
    #[error("the header has no column `{column}`")]
    MissingColumn {
        /// The column.
        column: Column,
    },
    /// The first row names no column.
    #[error(
        "the first row is no header: it should read \
         upn,serial number,secret key,time interval,manufacturer,model"
    )]
    NoHeader,
    /// Larger than any import.
    #[error("the file has more than {IMPORT_OCTETS_MAX} octets: split it")]
    TooLong,
    /// A column is named twice.
    #[error("the header names the column `{column}` twice")]
    TwiceColumn {
        /// The column.
        column: Column,
    },
    /// A column that the format lacks. It is not passed over: it may say that the tokens
    /// have another algorithm, and they would be imported as what they are not.
    #[error("the format has no column like number {place} of the header: delete it")]
    UnknownColumn {
        /// Its place, from 1.
        place: usize,
    },
    /// It claims to be UTF-16 and is not.
    #[error("the file is broken UTF-16: save it as \"CSV UTF-8\"")]
    Utf16,
}

/// Where each column is.
struct Header {
    places: BTreeMap<Column, usize>,
    /// Fields beyond the last column with a name must be blank.
    width: usize,
}

impl Header {
    fn of(record: &ByteRecord) -> Result<Self, FileError> {
        let names: Vec<_> = record.iter().map(Column::named).collect();
        if names.iter().all(Option::is_none) {
            return Err(FileError::NoHeader);
        }
        let mut places = BTreeMap::new();
        let mut width = 0;
        for (place, (name, column)) in record.iter().zip(names).enumerate() {
            let next = place.saturating_add(1);
            match column {
                None if is_blank(name) => continue,
                None => return Err(FileError::UnknownColumn { place: next }),
                Some(column) if places.insert(column, place).is_some() => {
                    return Err(FileError::TwiceColumn { column });
                }
                Some(_) => width = next,
            }
        }
        for column in [Column::Serial, Column::Secret, Column::Period] {
            if !places.contains_key(&column) {
                return Err(FileError::MissingColumn { column });
            }
        }
        Ok(Self { places, width })
    }

    fn row(
        &self,
        line: u64,
        options: Options,
        record: &ByteRecord,
        serials: &mut Serials,
    ) -> RowOutcome {
        let field = |column| {
            let place = self.places.get(&column);
            place
                .and_then(|&place| record.get(place))
                .unwrap_or_default()
        };
        let outcome = if record.iter().any(|field| field.contains(&b'\n')) {
            Err(RowFault::LineBreak)
        } else if record.iter().skip(self.width).all(is_blank) {
            rows::read(line, options, field)
        } else {
            Err(RowFault::TooManyFields)
        };
        outcome
            .and_then(|row| serials.first_of(&row.serial, line).map(|()| row))
            .map_err(|fault| RowError { line, fault })
    }
}

/// The serial numbers of the rows taken so far, and their lines.
#[derive(Default)]
struct Serials(BTreeMap<String, u64>);

impl Serials {
    fn first_of(&mut self, serial: &str, line: u64) -> Result<(), RowFault> {
        match self.0.entry(serial.to_ascii_lowercase()) {
            Entry::Occupied(taken) => Err(RowFault::DuplicateSerial {
                first: *taken.get(),
            }),
            Entry::Vacant(free) => {
                free.insert(line);
                Ok(())
            }
        }
    }
}

fn is_blank(field: &[u8]) -> bool {
    field.trim_ascii().is_empty()
}

#[cfg(test)]
mod tests;
