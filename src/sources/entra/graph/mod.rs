//! Microsoft Graph, asked by the application itself: whether an account may be used, and
//! which groups it is in, directly or not. Asked only once a password or a code is proven.
//!
//! What was read of an account is good for ten minutes, and for an hour where Graph cannot be
//! asked again. Graph is throttled and breaks down apart from the token endpoint, so it is
//! left alone apart from it, and other nodes are not told: each asks little. Users are
//! synchronised by what has changed since the last round.
//!
//! Must not know: passwords, codes, what groups are good for.

mod address;
mod changes;
mod client;
mod lookup;
mod memory;
mod mirror;
mod roster;
mod token;

pub(super) use address::anyone;
pub use client::Graph;
pub(super) use client::State;
pub use lookup::Page;
pub(super) use token::bearer;
