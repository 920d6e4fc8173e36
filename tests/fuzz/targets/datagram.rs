//! One datagram, up to its verdict; see `house/script.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| countersign_fuzz::judge_datagram(input));
