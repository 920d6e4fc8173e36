//! Countersign: the shells around the pure core, and what binds them together.
//!
//! Layers, top to bottom; an arrow may only point down (held by `tests/tidy.rs`): `cli`;
//! `node`; `net`, `admin`, `telemetry`, `relay`; `operate`; `senders`; `consensus`,
//! `device`, `sources`;
//! `login`, `peers`; `tls`, `fail_point`; and below all of them the crate `countersign_core`.

pub mod admin;
pub mod cli;
pub mod consensus;
pub mod device;
mod fail_point;
pub mod login;
pub mod net;
pub mod node;
pub mod operate;
pub mod peers;
pub mod relay;
pub mod senders;
pub mod sources;
pub mod telemetry;
pub mod tls;
