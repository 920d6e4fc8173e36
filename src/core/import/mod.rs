//! Files from elsewhere, read into rows that can be turned into commands.
//!
//! Knows the formats and their usual damage. Must not know users or the store: whether a
//! name exists or a serial number is taken, the ledger says.

mod azure_csv;
mod rows;
mod text;

pub use azure_csv::{Column, FileError, Options, read_azure_csv};
pub use rows::{RowError, RowFault, RowOutcome, TokenRow, Warning};
