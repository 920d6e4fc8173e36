//! Countersign's pure core: what a login means, and nothing about how bytes travel.
//!
//! Nothing here opens a socket or a file, reads a clock, draws a random number or
//! waits. Time and chance come in as arguments; what to do goes out as values. The
//! shells in the root package carry it out.
//!
//! Modules in order, each may use only those before it: [`base`]; [`radius`], [`otp`],
//! [`seal`]; [`ledger`], [`policy`], [`import`]; [`login`].

pub mod base;
pub mod import;
pub mod ledger;
pub mod login;
pub mod otp;
pub mod policy;
pub mod radius;
pub mod seal;
