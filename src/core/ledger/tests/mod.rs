//! The ledger's tests: one named test for each line of DESIGN §2's tables and each rule
//! around them, then properties against an independent model.

#![expect(
    clippy::type_complexity,
    clippy::wildcard_enum_match_arm,
    reason = "a test that panics has failed"
)]

mod account;
mod answers;
mod begin_1_to_8;
mod begin_9_to_14;
mod budgets;
mod codec;
mod counters;
mod draft;
mod due;
mod entries;
mod generations;
mod grace;
mod model;
mod passcodes;
mod password_alone;
mod places;
mod properties;
mod reads;
mod revalidation;
mod script;
mod settle_lines;
mod without_token;
mod world;
