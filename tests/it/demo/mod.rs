//! What must be seen from outside: real packets, real processes, the product's own
//! commands, against a whole demo cluster for each test.

mod answers;
mod attacker;
mod bursts;
mod clients;
mod cluster;
mod codes;
mod conformance;
mod deaths;
mod directory;
mod graph;
mod imports;
mod kills;
mod operator;
mod passcodes;
#[cfg(feature = "dangerous-fail-points")]
mod points;
mod process;
mod radclient;
mod radsec;
mod refusals;
mod responses;
mod retries;
mod rules;
mod sealed;
mod several;
mod three;
mod volley;
mod world;
