//! The administrative API, `countersign.admin.v1`, over TLS with API tokens.
//!
//! Only translates: what an action means and who may take it is said in `operate`.

pub mod api;
mod auth;
mod clients;
mod convert;
mod guests;
mod imports;
mod observe;
mod operators;
mod refusal;
mod rules;
mod server;
mod settings;
mod tokens;
mod users;

pub use server::{AdminError, Tls, serve};
