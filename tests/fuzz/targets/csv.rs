//! Files of hardware tokens; see `house/text.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| countersign_fuzz::read_csv(input));
