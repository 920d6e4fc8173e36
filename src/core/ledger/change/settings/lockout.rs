//! How many wrong passwords a user may have here before a directory locks the account there:
//! always fewer than the directory counts, so that nobody locks others out through us.

use super::super::done::{Step, refuse};
use crate::ledger::storage::{
    EntraCloud, EntraSettings, LearnLockout, Limits, Refusal, Settings, Source, source,
};

/// The settings with what was learnt of sources that they still have, by name, and with the
/// ceiling that follows.
pub(super) fn keeping(settings: &Settings, old: &Settings) -> Settings {
    let mut settings = settings.clone();
    for source in &mut settings.sources {
        let known = old.sources.iter().find(|old| old.name == source.name);
        source.lockout_threshold = known.map_or(0, |old| old.lockout_threshold);
    }
    under_ceiling(settings)
}

/// The settings with what was learnt now. It moves the ceiling alone: what operators have set
/// is never exceeded by it.
pub(super) fn learning(settings: &Settings, it: &LearnLockout) -> Step<Settings> {
    let mut settings = settings.clone();
    let mut sources = settings.sources.iter_mut();
    let Some(source) = sources.find(|source| source.name == it.source) else {
        return refuse(Refusal::NotFound, "there is no source of this name");
    };
    if !matches!(source.kind, Some(source::Kind::Ldap(_))) {
        return refuse(Refusal::State, "nothing is learnt of a source of this kind");
    }
    source.lockout_threshold = it.threshold;
    Ok(under_ceiling(settings))
}

fn under_ceiling(mut settings: Settings) -> Settings {
    let ceilings = settings.sources.iter().filter_map(ceiling);
    let ceiling = ceilings.min().unwrap_or(0);
    if ceiling != 0 || settings.limits.is_some() {
        settings.limits = Some(Limits {
            strict_ceiling: ceiling,
            ..settings.limits.unwrap_or_default()
        });
    }
    settings
}

/// `None`: the default of three is below what the source counts, or it counts nothing.
fn ceiling(source: &Source) -> Option<u32> {
    match &source.kind {
        Some(source::Kind::Entra(entra)) => is_us_government(entra).then_some(US_GOVERNMENT),
        Some(source::Kind::Ldap(_)) => {
            // Half of it: the user may have been wrong elsewhere, too.
            (source.lockout_threshold != 0).then(|| (source.lockout_threshold / 2).max(1))
        }
        None => None,
    }
}

/// There an account is locked after three wrong passwords, elsewhere after ten.
fn is_us_government(entra: &EntraSettings) -> bool {
    matches!(entra.cloud(), EntraCloud::UsGov | EntraCloud::UsDod)
        || entra
            .authority
            .trim_end_matches(":443")
            .ends_with("//login.microsoftonline.us")
}

const US_GOVERNMENT: u32 = 2;
