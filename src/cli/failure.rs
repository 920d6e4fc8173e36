//! How a command fails, and the exit status of each way.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use countersign_core::base::Shown;
use tonic::{Code, Status};

/// Why a command was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// The node said no; nothing was done.
    Refused(String),
    /// The command makes no sense here.
    Usage(String),
    /// No node could be asked, or the result is unknown.
    Unknown(String),
}

impl Failure {
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Refused(_) => ExitCode::from(1),
            Self::Usage(_) => ExitCode::from(2),
            Self::Unknown(_) => ExitCode::from(3),
        }
    }

    pub(super) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::Usage(format!("{}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) | Self::Usage(why) | Self::Unknown(why) => f.write_str(why),
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let said = Shown::from(status.message()).to_string();
        match status.code() {
            Code::Aborted
            | Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Unavailable
            | Code::Unknown => Self::Unknown(match std::error::Error::source(&status) {
                Some(cause) => format!("{said}: {cause}"),
                None => said,
            }),
            Code::Ok
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Internal
            | Code::DataLoss
            | Code::Unauthenticated => Self::Refused(said),
        }
    }
}
