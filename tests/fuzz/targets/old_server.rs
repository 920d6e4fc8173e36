//! A reply of an old server; see `house/old_server.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| countersign_fuzz::hear_old_server(input));
