//! What of settings every node takes or refuses alike, whatever its own file pins.

use countersign_core::base::{Secret, Shown};
use countersign_core::ledger::storage::LdapSettings;

use super::{LdapConfigError, SERVERS_MAX};

/// Checks settings and the password of the service account.
///
/// # Errors
/// The first setting that no node can use.
pub fn check_anywhere(
    settings: &LdapSettings,
    bind_password: Option<Secret>,
) -> Result<(), LdapConfigError> {
    let (kind, ..) = super::ways(settings, bind_password)?;
    servers(settings)?;
    super::distinguished(&settings.base_dn).map_err(LdapConfigError::BaseDn)?;
    super::users(settings, kind)?;
    super::required_group(settings)?;
    super::within(settings.timeout, super::TIMEOUT_DEFAULT)?;
    super::within(settings.connect_timeout, super::CONNECT_TIMEOUT_DEFAULT)?;
    Ok(())
}

fn servers(settings: &LdapSettings) -> Result<(), LdapConfigError> {
    if settings.servers.is_empty() {
        return Err(LdapConfigError::MissingServer);
    }
    if settings.servers.len() > SERVERS_MAX {
        return Err(LdapConfigError::TooManyServers);
    }
    for text in &settings.servers {
        if super::endpoint(text, settings.dangerous_clear_text).is_none() {
            return Err(LdapConfigError::Server(Shown::from(&**text).to_string()));
        }
    }
    Ok(())
}
