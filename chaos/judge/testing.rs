//! Histories made by hand, in whole seconds.

use crate::history::{At, Due, Fate, Fault, FaultKind, Heard, History, Login, Password, SECOND};
use crate::history::{Visit, What, Write};

/// An empty one of so many nodes.
pub(super) fn history(nodes: u16) -> History {
    History {
        nodes,
        grace: 32 * SECOND,
        lease: 12 * SECOND,
        source_timeout: 3 * SECOND,
        caught_up_after: vec![Some(SECOND)],
        ..History::default()
    }
}

/// In effect from the first moment to the last.
pub(super) fn fault(node: u16, kind: FaultKind, from: At, to: At) -> Fault {
    Fault {
        node,
        kind,
        begun: from * SECOND,
        down: from * SECOND,
        up: to * SECOND,
        healed: Some(to * SECOND),
    }
}

/// Alice with the right password and code, through `vpn`, at node 1.
pub(super) fn login(begun: At, ended: At, heard: Heard) -> Login {
    Login {
        client: "vpn",
        user: "alice".to_owned(),
        password: Password::Right,
        code: "123456".to_owned(),
        is_code_right: true,
        caller: "198.51.100.7".to_owned(),
        node: 1,
        is_patient: true,
        begun: begun * SECOND,
        ended: ended * SECOND,
        heard,
    }
}

/// A refusal.
pub(super) fn reject() -> Heard {
    Heard::Reject("Access denied (ref ABC123)".to_owned())
}

/// A right login of a device that keeps trying.
pub(super) fn visit(begun: At, ended: At, heard: Heard) -> Visit {
    Visit {
        user: "alice".to_owned(),
        due: Due::Accept,
        begun: begun * SECOND,
        ended: ended * SECOND,
        heard,
    }
}

/// A write at node 1.
pub(super) fn write(what: What, begun: At, ended: At, fate: Fate) -> Write {
    Write {
        what,
        begun: begun * SECOND,
        ended: ended * SECOND,
        fate,
        tries: vec![(1, String::new())],
    }
}
