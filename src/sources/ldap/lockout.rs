//! When a directory locks an account for wrong passwords, so that the house can stop
//! earlier.
//!
//! Must not know: accounts, what is made of the number.

use std::time::Duration;

use super::filter;
use super::lookup::{NO_SUCH_ATTRIBUTE, Reader};
use super::message::{Entry, Scope};
use super::settings::Kind;
use crate::sources::account::LookupError;

/// How many wrong passwords lock, by the strictest policy that can be read; `None`: no
/// number does.
pub(super) async fn threshold(
    reader: &mut Reader<'_>,
    kind: Kind,
    base: &str,
) -> Result<Option<u32>, LookupError> {
    let thresholds = match kind {
        Kind::ActiveDirectory => active_directory(reader, base).await?,
        Kind::OpenLdap => open_ldap(reader, base).await?,
    };
    Ok(thresholds.into_iter().filter(|many| *many > 0).min())
}

/// That of the domain, and those of finer policies, which few accounts may read.
async fn active_directory(reader: &mut Reader<'_>, base: &str) -> Result<Vec<u32>, LookupError> {
    let root = reader.entry("", &["defaultNamingContext"]).await?;
    let domain = root
        .as_ref()
        .and_then(|root| root.texts("defaultNamingContext").next());
    let domain = domain.unwrap_or(base).to_owned();
    let head = reader.entry(&domain, &["lockoutThreshold"]).await?;
    let of_domain = head
        .as_ref()
        .and_then(|head| number(head, "lockoutThreshold"));
    let mut thresholds = vec![of_domain.ok_or(LookupError::Refused(NO_SUCH_ATTRIBUTE))?];
    let finer = filter::of_class("msDS-PasswordSettings");
    let place = format!("CN=Password Settings Container,CN=System,{domain}");
    let finest = "msDS-LockoutThreshold";
    let attributes = [finest];
    let found = reader.search(&place, Scope::Subtree, finer, &attributes, POLICIES_MAX);
    match found.await {
        Ok(found) => thresholds.extend(found.iter().filter_map(|it| number(it, finest))),
        Err(LookupError::Refused(_)) => (),
        Err(error) => return Err(error),
    }
    Ok(thresholds)
}

/// That of the policies below the base. They may as well lie elsewhere, or be hidden: where
/// there is none, or one that does not tell what it must have, nothing is known.
async fn open_ldap(reader: &mut Reader<'_>, base: &str) -> Result<Vec<u32>, LookupError> {
    let policies = filter::of_class("pwdPolicy");
    let attributes = ["pwdAttribute", "pwdLockout", "pwdMaxFailure"];
    let found = reader.search(base, Scope::Subtree, policies, &attributes, POLICIES_MAX);
    let found = found.await?;
    if found.is_empty() {
        return Err(LookupError::Absent);
    }
    if found.iter().any(|it| it.values("pwdAttribute").is_empty()) {
        return Err(LookupError::Refused(NO_SUCH_ATTRIBUTE));
    }
    let locking = found
        .iter()
        .filter(|it| it.texts("pwdLockout").next() == Some("TRUE"));
    Ok(locking
        .filter_map(|it| number(it, "pwdMaxFailure"))
        .collect())
}

/// For how long an entry of OpenLDAP stays locked; zero: until somebody unlocks it, or
/// nothing is known.
pub(super) async fn lock_time(
    reader: &mut Reader<'_>,
    base: &str,
    entry: &Entry,
) -> Result<Duration, LookupError> {
    let attributes = ["pwdLockoutDuration"];
    let policy = match entry.texts("pwdPolicySubentry").next() {
        Some(policy) => reader.entry(policy, &attributes).await?,
        None => {
            let policies = filter::of_class("pwdPolicy");
            let found = reader.search(base, Scope::Subtree, policies, &attributes, POLICIES_MAX);
            let mut found = found.await?;
            // Of several, which is the default stands in the server's own settings.
            found.pop().filter(|_| found.is_empty())
        }
    };
    let secs = policy.and_then(|policy| number(&policy, "pwdLockoutDuration"));
    Ok(Duration::from_secs(secs.unwrap_or_default().into()))
}

fn number(entry: &Entry, attribute: &str) -> Option<u32> {
    entry.number(attribute)?.try_into().ok()
}

/// LIMIT: policies that are read.
const POLICIES_MAX: u32 = 256;
