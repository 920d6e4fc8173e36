//! Refusals as gRPC states them.
//!
//! UNAVAILABLE: nothing was done. ABORTED: the result is unknown. All others: refused.

use countersign_core::ledger::storage::Refusal;
use tonic::{Code, Status};

use crate::operate::{OperateError, TransferError};

impl From<OperateError> for Status {
    fn from(error: OperateError) -> Self {
        let code = match &error {
            OperateError::Forbidden { .. } => Code::PermissionDenied,
            OperateError::Invalid { .. } => Code::InvalidArgument,
            OperateError::NotFound { .. } => Code::NotFound,
            OperateError::Refused { refusal, .. } => refused(*refusal),
            OperateError::Transfer(TransferError::NotTaken) => Code::Aborted,
            OperateError::Transfer(_) | OperateError::Roster(_) => Code::FailedPrecondition,
            OperateError::Busy(_) | OperateError::NotProposed => Code::Unavailable,
            OperateError::Unknown { .. } => Code::Aborted,
            OperateError::Sealed(_) | OperateError::Events(_) | OperateError::Store(_) => {
                // The cause names files and keys of this node: for its log, not for callers.
                tracing::error!(error = &error as &dyn std::error::Error, "action failed");
                Code::Internal
            }
        };
        Self::new(code, error.to_string())
    }
}

const fn refused(refusal: Refusal) -> Code {
    match refusal {
        Refusal::NotFound => Code::NotFound,
        Refusal::Exists => Code::AlreadyExists,
        Refusal::Invalid | Refusal::RequestReused => Code::InvalidArgument,
        Refusal::Limit => Code::ResourceExhausted,
        Refusal::Bootstrap | Refusal::Forbidden => Code::PermissionDenied,
        Refusal::Unspecified
        | Refusal::Revision
        | Refusal::NotFounded
        | Refusal::State
        | Refusal::LastAdmin => Code::FailedPrecondition,
    }
}
