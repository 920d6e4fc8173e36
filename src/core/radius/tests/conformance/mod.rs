//! One test at least for each row of the conformance list, named after its row: what one
//! packet says and what one reply may carry. Rows that need a whole server have theirs in
//! `tests/it/demo/conformance`; `tests/tidy.rs` sees to it that no row is without one.

mod access;
mod integrity;
mod others;
mod packet;
mod replies;

use super::*;
