//! A stand-in for Microsoft Entra ID: the v2.0 token endpoint, OpenID configuration, userrealm
//! and a little of Graph over TLS, with the shapes and headers of the real one and texts of
//! its own.
//!
//! It never writes a password anywhere. It is no identity provider: its tokens are noise.

mod account;
mod answer;
mod assertion;
mod certificate;
mod control;
mod discovery;
mod graph;
mod log;
mod options;
mod server;
mod token;

pub(crate) use account::Account;
pub(crate) use options::Options;
pub(crate) use server::{Ready, run, start};
