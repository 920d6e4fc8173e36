//! What can be wrong between this server and Entra, in words, with what to do about it. The
//! table of numbers names them by their labels.
//!
//! Must not know numbers.

use crate::sources::alarm::{Over, Trouble};
use crate::sources::breaker::Fault;

macro_rules! troubles {
    ($($name:ident $label:literal $over:ident $what:literal, $remedy:literal;)*) => {
        $(pub(super) static $name: Trouble = Trouble {
            label: $label,
            what: $what,
            remedy: $remedy,
            over: Over::$over,
        };)*

        /// All of them.
        static ALL: &[&Trouble] = &[$(&$name),*];
    };
}

/// The trouble with that label.
pub(super) fn called(label: &str) -> Option<&'static Trouble> {
    ALL.iter().copied().find(|trouble| trouble.label == label)
}

/// What a breaker that opens tells. A misconfiguration is told by its own number, and a
/// throttle by whoever asks for it.
pub(super) const fn of(fault: Fault) -> Option<&'static Trouble> {
    match fault {
        Fault::Misconfigured | Fault::Throttled => None,
        Fault::Temporary => Some(&TEMPORARY),
        Fault::Unanswered => Some(&UNANSWERED),
        Fault::Unreachable => Some(&UNREACHABLE),
    }
}

troubles! {
    APPLICATION "application" Answered
        "the application is unknown or disabled in this tenant, or may not use this endpoint",
        "compare the client id and the tenant with the app registration; enable the application";
    ASSERTION "assertion" Answered
        "the client certificate is not taken",
        "upload this very certificate under Certificates & secrets of the app registration";
    CLOCK "clock" Answered
        "the statement of the client certificate is not valid at the time it arrived",
        "check NTP on this node";
    CONSENT "consent" Proven
        "the application lacks consent",
        "grant admin consent under API permissions of the app registration";
    DIRECTORY "directory" Answered
        "the directory reports a fault that does not pass by itself",
        "look at the service health of the tenant; open a case with Microsoft";
    EGRESS "egress_blocked" Answered
        "many users at once are said to be locked: this node's address is blocked",
        "confirm the address as safe under Identity Protection, or name it a trusted location";
    EXTERNAL "external_control" Proven
        "a custom control of Conditional Access is set up wrongly",
        "look at the custom controls and at the service behind them";
    GRAPH "graph_permission" Answered
        "the application may not read accounts and their groups",
        "grant the application permissions User.Read.All and GroupMember.Read.All, with consent";
    LOOP "loop" Answered
        "the same question was seen too often",
        "find the device that sends one login again and again";
    PUBLIC_FLOW "public_flow" Answered
        "the application must prove itself and is set up here as a public client",
        "set Allow public client flows to Yes, or give the settings a secret or a certificate";
    REQUEST "request" Answered
        "the request is called malformed or not supported",
        "compare tenant, client id and scope with the app registration; report the number";
    RESTRICTION "restriction" Answered
        "tenant restrictions or a cross-tenant policy stand in between",
        "leave this server out of the proxy that adds the headers of tenant restrictions";
    SCOPE "scope" Answered
        "the scope or the resource behind it is not known",
        "leave scope out, or name one that the app registration has";
    SECRET "secret" Answered
        "the client secret is wrong",
        "give the settings the value of the secret, not its id";
    SECRET_EXPIRED "secret_expired" Answered
        "the client secret has expired",
        "make a new secret and give its value to the settings";
    SECRET_UNWANTED "secret_unwanted" Answered
        "a public client proved itself",
        "take the secret or certificate out of the settings, or set public flows to No";
    SECURITY_DEFAULTS "security_defaults" Proven
        "security defaults refuse the way in which passwords are asked for",
        "replace security defaults by Conditional Access that demands MFA of the application";
    TEMPORARY "temporary" Answered
        "Entra says that it judges nothing now",
        "look at the service health of the tenant, and at its on-premises agents if it has any";
    TENANT "tenant" Answered
        "the tenant is not found, or is of another cloud",
        "compare tenant and cloud with the overview page of the directory";
    THROTTLED "throttled" Answered
        "Entra asked to be left alone for a while",
        "find out who asks so much: the sign-in log counts by application";
    UNANSWERED "unanswered" Answered
        "questions are taken and not answered in time, or not readably",
        "look at proxies and inspection on the way, and at the service health of the tenant";
    UNREACHABLE "unreachable" Answered
        "no connection",
        "check name, route, proxy and certificates on the way to the authority";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn labels_are_distinct_and_lead_back() {
        let labels: BTreeSet<_> = ALL.iter().map(|trouble| trouble.label).collect();
        assert_eq!(labels.len(), ALL.len());
        assert!(called("consent").is_some_and(|trouble| *trouble == CONSENT));
        assert!(called("nothing").is_none());
    }
}
