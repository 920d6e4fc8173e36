//! A whole cluster on this machine, set up as an operator would: with the product's own
//! commands.

mod contract;
mod node;
mod people;
mod run;

pub(crate) use run::{Options, run};
