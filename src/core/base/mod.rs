//! The words every module shares: identifiers, secrets, limits, time and chance.
//!
//! Knows nothing of RADIUS, codes or the store.

mod entropy;
mod ids;
pub mod limits;
mod name;
mod operations;
mod secret;
mod text;
mod time;

pub use entropy::{Entropy, SeededEntropy};
pub use ids::{
    AnswerId, AttemptKey, Boot, ClientId, ClusterId, Epoch, KeyId, NodeId, Owner, PasscodeId,
    PlaceId, Reference, RequestId, TokenId, UserId,
};
pub use name::{Name, NameError};
pub use operations::{Operations, Unobserved};
pub use secret::Secret;
pub use text::Shown;
pub use time::Timestamp;
