//! What can be wrong between this node and an old server, in words.

use crate::sources::alarm::{Over, Trouble};

/// Nothing comes.
pub(super) static SILENT: Trouble = Trouble {
    label: "forward_silent",
    what: "an old server does not answer",
    remedy: "look at the server, at its list of clients, where this node must be, and at the \
             secret there",
    over: Over::Answered,
};

/// Something comes that nobody can believe.
pub(super) static DISTRUSTED: Trouble = Trouble {
    label: "forward_distrusted",
    what: "replies of an old server are not believed",
    remedy: "set the same secret on both sides, and have it sign its replies with a \
             Message-Authenticator",
    over: Over::Answered,
};

/// The settings cannot be used here.
pub(super) static UNUSABLE: Trouble = Trouble {
    label: "forward_unusable",
    what: "this node must not or cannot ask an old server as it is set",
    remedy: "the node's log says why; look at the hosts that its file pins: [sources] \
             forward_servers",
    over: Over::Told,
};
