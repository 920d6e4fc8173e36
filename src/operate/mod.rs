//! Every administrative action, once: a typed function with its role check and its
//! command. gRPC, panel, portal and command line only translate.
//!
//! Must not know: how a call arrives or an answer leaves.

mod action;
mod caller;
mod clients;
mod error;
mod house;
mod import;
mod observe;
mod operators;
mod ports;
mod profiles;
mod proofs;
mod read;
mod requests;
mod rules;
mod settings;
mod sync;
mod tokens;
mod trials;
mod users;

pub use action::{Action, Role, UnknownRole};
pub use caller::{AuthenticateError, Caller};
pub use clients::{ClientAdded, ClientFacts, SightingsOf, secret_digest};
pub use error::{OperateError, said};
pub use house::{Operate, Shells};
pub use import::{ImportOptions, ImportProgress, RowReport};
pub use observe::{AuditShown, Status};
pub use operators::{ApiTokenAdded, NewApiToken};
pub use ports::{
    ClusterStanding, ClusterView, Event, EventLog, EventQuery, LinkStanding, Member,
    MemberStanding, NodeRole, Refusals, SECRETS_SEEN_MAX, Sighting, SightingLog, Stranger,
    TransferError, UsedSecret,
};
pub use profiles::{Profile, profiles};
pub use read::shown_id;
pub use requests::refused;
pub use rules::{
    Difference, ForwardedPage, ForwardedUser, Replayed, RuleStep, RuleTrial, RuleTrialResult,
    RuleWritten, RulesShown, has_ended,
};
pub use settings::{DocumentError, Examined, MASK, SettingsShown, located};
pub use sync::{SyncOptions, SyncProgress, SyncReport};
pub use tokens::{NewToken, TokenAdded, TokenShown, TokensOf};
pub use users::{NewUser, UserEdit, UserPage, UserShown};
