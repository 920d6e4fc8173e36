//! Administrative changes: each checked against the tables, done whole or not at all,
//! remembered under its request id and told to the audit table (DESIGN §3).
//!
//! Must not know: who may ask for what (that is `operate`), or any secret in the clear.

mod audit;
mod certificates;
mod check;
mod clients;
mod dispatch;
mod done;
mod facts;
mod found;
mod import;
mod keyring;
mod operators;
mod requests;
mod rules;
mod settings;
mod staying;
mod sync;
#[cfg(test)]
mod tests;
mod tokens;
mod trials;
mod users;

pub(super) use dispatch::apply;
pub use operators::names_its_token;
pub(super) use trials::{end_over, load as trial};
