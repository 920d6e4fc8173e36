//! A cluster of three: any node answers, one leads, and any may die.

mod admin;
mod burst;
mod challenges;
mod freshness;
mod frozen;
mod guesses;
mod leaving;
mod quorum;
mod strangers;
mod throttles;
mod trials;
mod unreachable;
mod verdicts;
