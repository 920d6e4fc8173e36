//! How often a user may be wrong: passwords per user, codes per user and place
//! (DESIGN §2, "Places").
//!
//! All of it is one record per user: loaded once, asked and changed as a value, saved where
//! it changed. Must not know: attempts. They tell what happened; the budgets say who has to
//! wait.

mod codes;
mod limits;
mod places;
mod record;
mod standing;
mod strict;
mod without_token;

pub use limits::Limits;
pub(super) use record::Budgets;
pub use standing::{Standing, allow, standing, unlock};
pub use without_token::WithoutToken;
