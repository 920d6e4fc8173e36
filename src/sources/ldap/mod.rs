//! An LDAP directory: Active Directory or OpenLDAP. The user's own password is proven by a
//! bind on a connection of its own; a service account reads what the bind does not tell.
//!
//! The protocol's messages are read by a reader of our own, with bounds: a directory is
//! spoken to before it has shown who it is (StartTLS), so anyone on the way can answer.
//!
//! Must not know: codes, the ledger, RADIUS.

mod account;
mod addresses;
mod ber;
mod client;
mod connection;
mod decision;
mod dialler;
mod directory;
mod dn;
mod domains;
mod endpoint;
mod examine;
mod filter;
mod groups;
mod lockout;
mod lookup;
mod message;
mod refusals;
mod roster;
mod service;
mod settings;
mod transport;

pub use client::Ldap;
pub use settings::{LdapConfigError, LdapSurroundings, check_anywhere};

#[cfg(test)]
mod tests;
