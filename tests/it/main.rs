//! Tests of the parts together: one binary, a module for each part.

mod demo;
mod deploy;
mod directory;
mod entra;
mod operate;
mod relay;
mod stand_in;
