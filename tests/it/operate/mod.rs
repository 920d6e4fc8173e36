//! The administrative actions, and the API and command line on top of them.

mod actions;
mod api;
mod clients;
mod directory;
mod imports;
mod pages;
mod replays;
mod settings;
mod sync;
mod without_token;
mod world;
