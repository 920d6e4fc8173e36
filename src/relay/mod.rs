//! What nodes tell each other of logins: whole logins that one cannot judge and another
//! can, the keys under which all know a login again, what each has seen of a client, and
//! which password source wants to be left alone.
//!
//! Must not know how a login is judged, or how consensus works; where a node stands in the
//! cluster it is told through [`Reign`].

mod codec;
mod keeper;
mod neighbourhood;
mod offers;
mod reign;
mod rests;
mod service;
mod sightings;

pub use keeper::{Holder, Keeper, Sets, Unanswered};
pub use neighbourhood::{Neighbourhood, OverLinks};
pub use reign::{Reign, Role, Standing};
pub use rests::{PEER_REST_MAX, RestTeller, add_rests};
pub use service::{Service, add_service};
pub use sightings::{Gathered, Teller, add_sightings};
