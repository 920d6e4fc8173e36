//! States of challenges; see `house/state_attribute.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| countersign_fuzz::open_state(input));
