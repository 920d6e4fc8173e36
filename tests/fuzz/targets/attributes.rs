//! What rules grant; see `house/attributes.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| countersign_fuzz::grant_attributes(input));
