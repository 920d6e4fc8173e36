//! A whole cluster on this machine, set up as an operator would: with the product's own
//! commands.

mod contract;
mod files;
mod node;
mod nodes;
mod people;
mod ports;
mod radsec;
mod run;

pub(crate) use run::{Options, run};
