//! A client whose entry contradicts itself is refused, with what, where and what to do.

use std::collections::BTreeSet;

use crate::base::limits::{
    ATTEMPT_KEEP_MAX, CLIENT_RATE_MAX, CLIENT_WAIT_MIN, GRACE_SLACK, REVALIDATION_MAX,
};
use crate::ledger::change::check::{ensure, is_language, name, text, valid};
use crate::ledger::change::done::Step;
use crate::ledger::storage::{
    BurnCode, Client, Factors, MessageAuthenticatorMode, NameForm, OnSourceDown, Refusal,
};
use crate::ledger::{AllowedFactors, Factors as Shown};

/// Checks how a client's logins are judged.
pub(super) fn check(client: &Client) -> Step<()> {
    if !client.default_domain.is_empty() {
        let domain = name(&client.default_domain, "the default domain")?;
        let plain = !domain.as_str().contains(['@', '\\']);
        valid(plain, "the default domain holds a sign of a user name")?;
    }
    text(&client.profile, "the profile")?;
    valid(
        client.language.is_empty() || is_language(&client.language),
        "the language is no tag such as de or pt-BR",
    )?;
    check_modes(client)?;
    check_factors(client)?;
    check_times(client)?;
    check_grace(client)?;
    check_rate(client)
}

/// A number that this version cannot name is refused, not read as the default.
fn check_modes(client: &Client) -> Step<()> {
    let known = MessageAuthenticatorMode::is_valid(client.message_authenticator)
        && BurnCode::is_valid(client.burn_code)
        && OnSourceDown::is_valid(client.on_source_down);
    valid(known, "a mode is unknown")?;
    let forms: BTreeSet<_> = client.name_forms.iter().collect();
    let named = |form: &&i32| NameForm::is_valid(**form) && **form != 0;
    let clear = forms.iter().all(named) && forms.len() == client.name_forms.len();
    valid(clear, "name forms are upn, down-level and bare, each once")
}

/// The client's own factors, by which it is judged while there is no rule, and the least
/// that it lets in with.
fn check_factors(client: &Client) -> Step<()> {
    let own = match client.factors() {
        Factors::PasswordAndCode => Shown::PasswordAndCode,
        Factors::Code => Shown::Code,
        Factors::Password | Factors::CodeAndAccount | Factors::Forward | Factors::Unspecified => {
            return valid(false, "the factors of a client are both or the code");
        }
    };
    let allowed = AllowedFactors::read(&client.allowed_factors);
    let allowed = match allowed {
        Ok(allowed) => allowed,
        Err(why) => return valid(false, &why.to_string()),
    };
    ensure(allowed.allow(own), Refusal::Invalid, || {
        let least = allowed.text();
        format!("the client's own factors show less than it allows ({least}): raise the factors")
    })
}

/// The times by which a device asks. All its tries at all its servers must be over while
/// the attempt still answers repeats, or a retry would become a second login.
fn check_times(client: &Client) -> Step<()> {
    let sane = (100..=30_000).contains(&client.timeout)
        && (1..=10).contains(&client.tries)
        && (1..=16).contains(&client.servers);
    valid(
        sane,
        "timeout is 100 to 30000 ms, tries 1 to 10, servers 1 to 16",
    )?;
    let waits = u128::from(client.timeout.saturating_mul(client.tries));
    let least = CLIENT_WAIT_MIN.as_millis();
    ensure(waits >= least, Refusal::Invalid, || {
        format!(
            "the device gives up after {waits} ms (timeout x tries), before a directory can \
             answer: raise its time-out; {least} ms is the least, 9000 ms are good"
        )
    })
}

/// What counts as the same login again.
fn check_grace(client: &Client) -> Step<()> {
    let strict = client.strict_grace;
    valid(
        !strict || client.retry_grace == 0,
        "strict grace and a retry grace contradict: set one of them to none",
    )?;
    valid(
        !strict || client.revalidation == 0,
        "strict grace and re-validation contradict: set one of them to none",
    )?;
    let retries = u64::from(client.timeout)
        .saturating_mul(client.tries.into())
        .saturating_mul(client.servers.into())
        .saturating_add(GRACE_SLACK.as_secs().saturating_mul(1000));
    let grace = match client.retry_grace {
        0 if strict => 0,
        0 => retries,
        set => set.into(),
    };
    valid(
        u128::from(grace) <= ATTEMPT_KEEP_MAX.as_millis(),
        "the device's tries take longer than an attempt is kept",
    )?;
    let revalidation = u64::from(client.revalidation);
    let most = REVALIDATION_MAX.as_secs();
    ensure(
        u128::from(revalidation) <= REVALIDATION_MAX.as_millis(),
        Refusal::Invalid,
        || format!("re-validation is at most {most} s: a code would be good for too long"),
    )?;
    ensure(
        revalidation == 0 || revalidation > grace,
        Refusal::Invalid,
        || {
            format!(
                "re-validation of {revalidation} ms changes nothing: retries are answered for \
                 {grace} ms already; raise it or leave it out"
            )
        },
    )
}

fn check_rate(client: &Client) -> Step<()> {
    valid(
        client.rate != 0 || client.burst == 0,
        "a burst without a rate: set the rate too, or neither",
    )?;
    let most = client.rate.max(client.burst);
    ensure(most <= CLIENT_RATE_MAX, Refusal::Invalid, || {
        format!("rate and burst are at most {CLIENT_RATE_MAX} packets; for more, set none")
    })
}
