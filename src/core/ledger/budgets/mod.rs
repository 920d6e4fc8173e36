//! How often a user may be wrong: passwords per user, codes per user and place
//! (DESIGN §2, "Places").
//!
//! Must not know: attempts. They tell what happened; the budgets say who has to wait.

mod codes;
mod limits;
mod places;
mod standing;
mod strict;

pub(super) use codes::Slot;
pub(super) use limits::Limits;
pub use standing::{Standing, standing, unlock};
pub(super) use strict::Strict;
