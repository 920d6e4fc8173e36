//! A script of datagrams and what else happens; see `house/script.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| countersign_fuzz::run_script(input));
