//! What an operator should know of a client that was set, although it was done.

use crate::ledger::storage::{Client, MessageAuthenticatorMode as Mode};

/// Sentences, parted by line ends; empty: there is nothing to say.
pub(super) fn of(old: Option<&Client>, new: &Client) -> String {
    let all = [
        unprotected(new),
        weaker(old, new),
        forgotten(old, new),
        revalidates(new),
    ];
    let said: Vec<_> = all.into_iter().flatten().collect();
    said.join("\n")
}

/// Both checks are off (draft-ietf-radext-deprecating-radius).
fn unprotected(new: &Client) -> Option<String> {
    let text = "neither a Message-Authenticator nor the absence of Proxy-State is asked for: \
                whoever stands between can turn a refusal into an Accept (CVE-2024-3596); set \
                message-authenticator to auto, which bears devices that send none";
    (new.message_authenticator() == Mode::No).then(|| text.to_owned())
}

fn weaker(old: Option<&Client>, new: &Client) -> Option<String> {
    let (before, after) = (old?.message_authenticator(), new.message_authenticator());
    let weaker = strength(after) < strength(before);
    weaker.then(|| {
        let (before, after) = (word(before), word(after));
        format!("the Message-Authenticator mode is weaker than before: {before} became {after}")
    })
}

fn forgotten(old: Option<&Client>, new: &Client) -> Option<String> {
    let forgot = old?.message_authenticator_learnt != 0 && new.message_authenticator_learnt == 0;
    let learns = new.message_authenticator() == Mode::Auto;
    let text = "what was learnt of the client is forgotten: until it has sent a right \
                Message-Authenticator again, requests without one are taken";
    (forgot && learns).then(|| text.to_owned())
}

fn revalidates(new: &Client) -> Option<String> {
    let seconds = new.revalidation.div_ceil(1000);
    (new.revalidation != 0).then(|| {
        format!(
            "a spent code is taken again from the same caller for {seconds} s; the device has \
             to name its callers (Calling-Station-Id, NAS-Port or NAS-Port-Id), else nobody \
             is let in again"
        )
    })
}

const fn strength(mode: Mode) -> u8 {
    match mode {
        Mode::No => 0,
        Mode::LimitProxyState => 1,
        Mode::Auto => 2,
        Mode::Require | Mode::Unspecified => 3,
    }
}

const fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::No => "no",
        Mode::LimitProxyState => "limit-proxy-state",
        Mode::Auto => "auto",
        Mode::Require | Mode::Unspecified => "require",
    }
}
