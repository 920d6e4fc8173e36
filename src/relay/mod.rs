//! What nodes tell each other of logins: whole logins that one cannot judge and another
//! can, the keys under which all know a login again, and
//! what each has seen of a client.
//!
//! Must not know how a login is judged, or how consensus works; where a node stands in the
//! cluster it is told through [`Reign`].

mod codec;
mod keeper;
mod neighbourhood;
mod offers;
mod reign;
mod service;
mod sightings;

pub use keeper::{Holder, Keeper, Sets, Unanswered};
pub use neighbourhood::{Neighbourhood, OverLinks};
pub use reign::{Reign, Role, Standing};
pub use service::{Service, add_service};
pub use sightings::{Gathered, Teller, add_sightings};
