//! What an LDAP directory needs of the settings. Names and filters are read by the node that
//! asks: a change here is no syntax check of a directory.

use super::super::audit::Facts;
use super::super::check::{sealed, text, valid};
use super::super::done::Step;
use super::entra::check_timeout;
use crate::base::limits::LDAP_SERVERS_MAX;
use crate::ledger::storage::{LdapBind, LdapKind, LdapSettings};

/// What must hold of an LDAP source, whatever node uses it.
pub(super) fn check(ldap: &LdapSettings) -> Step<()> {
    valid(
        (1..=LDAP_SERVERS_MAX).contains(&ldap.servers.len()),
        "an LDAP source has no server, or too many",
    )?;
    for server in &ldap.servers {
        let is_url = server.starts_with("ldaps://") || server.starts_with("ldap://");
        valid(is_url, "a server is not ldaps://host or ldap://host")?;
        text(server, "a server")?;
    }
    let known = ldap.kind() != LdapKind::Unspecified && ldap.bind() != LdapBind::Unspecified;
    valid(known, "the kind of the directory or its bind is unknown")?;
    for (value, what) in [
        (&ldap.netbios_domain, "the NetBIOS domain"),
        (&ldap.base_dn, "the base"),
        (&ldap.user_attribute, "the user attribute"),
        (&ldap.user_filter, "the user filter"),
        (&ldap.service_name, "the name of the service account"),
        (&ldap.required_group, "the required group"),
    ] {
        text(value, what)?;
    }
    valid(!ldap.base_dn.is_empty(), "the base is missing")?;
    valid(
        ldap.service_name.is_empty() == ldap.service_password.is_empty(),
        "a service account has a name and a password, or neither",
    )?;
    if !ldap.service_password.is_empty() {
        sealed(&ldap.service_password, "the service account's password")?;
    }
    check_timeout(ldap.timeout)?;
    check_timeout(ldap.connect_timeout)
}

/// What the audit tells of it.
pub(super) fn facts(facts: Facts, ldap: &LdapSettings) -> Facts {
    facts
        .list("ldap.servers", &ldap.servers)
        .with("ldap.kind", ldap.kind().as_str_name())
        .with("ldap.bind", ldap.bind().as_str_name())
        .text("ldap.netbios_domain", &ldap.netbios_domain)
        .text("ldap.base_dn", &ldap.base_dn)
        .text("ldap.user_attribute", &ldap.user_attribute)
        .text("ldap.user_filter", &ldap.user_filter)
        .text("ldap.service_name", &ldap.service_name)
        .with("ldap.service_password", !ldap.service_password.is_empty())
        .text("ldap.required_group", &ldap.required_group)
        .with("ldap.timeout", ldap.timeout)
        .with("ldap.connect_timeout", ldap.connect_timeout)
        .with("ldap.dangerous_clear_text", ldap.dangerous_clear_text)
}
