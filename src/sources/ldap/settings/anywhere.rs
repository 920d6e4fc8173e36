//! What of settings every node takes or refuses alike, whatever its own file pins.

use countersign_core::base::{Secret, Shown};
use countersign_core::ledger::storage::{LdapKind, LdapSettings};

use super::{BindNames, Kind, LdapConfigError, SERVERS_MAX};

/// Checks settings and the password of the service account.
///
/// # Errors
/// The first setting that no node can use.
pub fn check_anywhere(
    settings: &LdapSettings,
    bind_password: Option<Secret>,
) -> Result<(), LdapConfigError> {
    let kind = match settings.kind() {
        LdapKind::Unspecified => return Err(LdapConfigError::MissingKind),
        LdapKind::ActiveDirectory => Kind::ActiveDirectory,
        LdapKind::Openldap => Kind::OpenLdap,
    };
    let service = super::service(settings, bind_password)?;
    match (super::bind_names(settings)?, kind) {
        (BindNames::Search, _) if service.is_none() => return Err(LdapConfigError::MissingService),
        (BindNames::Upn | BindNames::Domain(_), Kind::OpenLdap) => {
            return Err(LdapConfigError::BindForm);
        }
        (BindNames::Search | BindNames::Upn | BindNames::Domain(_), _) => {}
    }
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
