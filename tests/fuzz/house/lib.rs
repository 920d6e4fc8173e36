//! What the fuzz targets run: the core's whole way from a datagram to a reply, over tables
//! in memory, with the invariants of DESIGN §1 asserted along it.
//!
//! Nothing is mocked: the keys are wrapped and opened, the seeds sealed, every command goes
//! through its octets on disk. What the shells add (tasks, sockets, the log) is left out;
//! the source's answer, the clock and the order of things come from the fuzz input.
//!
//! `make fuzz` runs every target (`run`), and tells at the end what of the RADIUS layer it
//! reached (`reach`). `corpus/` holds the seeds, written by `cargo run --example seeds`. A
//! crash is run again, and made smaller, with
//! `RUSTC_BOOTSTRAP=1 cargo-fuzz run|tmin -s none --fuzz-dir . TARGET artifacts/TARGET/FILE`.

#![forbid(unsafe_code)]

mod attributes;
mod changes;
mod claims;
mod datagrams;
mod ledger;
mod login;
mod octets;
mod old_server;
mod packet;
mod port;
mod radsec;
mod script;
mod state;
mod state_attribute;
mod text;

pub use attributes::grant_attributes;
pub use ledger::run_entries;
pub use old_server::hear_old_server;
pub use packet::receive_packet;
pub use radsec::read_stream;
pub use script::{judge_datagram, run_script};
pub use state::{CLIENTS, STATE, State, TOKEN, Tester};
pub use state_attribute::open_state;
pub use text::{read_base32, read_csv};

/// Every target and what it runs.
pub const TARGETS: [(&str, fn(&[u8])); 10] = [
    ("attributes", grant_attributes),
    ("base32", read_base32),
    ("csv", read_csv),
    ("datagram", judge_datagram),
    ("entry", run_entries),
    ("old_server", hear_old_server),
    ("packet", receive_packet),
    ("radsec", read_stream),
    ("script", run_script),
    ("state", open_state),
];
