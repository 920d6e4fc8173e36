//! One datagram of any octets; see `house/packet.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| countersign_fuzz::receive_packet(input));
