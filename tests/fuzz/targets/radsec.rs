//! A stream under TLS; see `house/radsec.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| countersign_fuzz::read_stream(input));
