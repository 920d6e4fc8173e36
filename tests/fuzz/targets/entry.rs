//! Entries of arbitrary octets in the log; see `house/ledger.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| countersign_fuzz::run_entries(input));
