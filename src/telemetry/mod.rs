//! What the node tells about itself: metrics, health, log lines, events.
//!
//! Knows names of series and reasons. Must not know a secret, and takes no decision.

pub mod events;
pub mod health;
mod logs;
mod metrics;
mod noise;
mod sightings;

pub use logs::{Format, start as start_logs};
pub use metrics::Metrics;
pub use noise::Noise;
pub use sightings::{Shown, Sightings};
