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
    let LdapSettings {
        servers,
        kind: _,
        bind: _,
        netbios_domain,
        base_dn,
        user_attribute,
        user_filter,
        service_name,
        service_password,
        required_group,
        timeout,
        connect_timeout,
        dangerous_clear_text,
    } = ldap;
    facts
        .with("kind", ldap.kind().as_str_name())
        .list("servers", servers)
        .with("bind", ldap.bind().as_str_name())
        .text("netbios_domain", netbios_domain)
        .text("base_dn", base_dn)
        .text("user_attribute", user_attribute)
        .text("user_filter", user_filter)
        .text("service_name", service_name)
        .sealed("service_password", service_password)
        .text("required_group", required_group)
        .with("timeout", timeout)
        .with("connect_timeout", connect_timeout)
        .with("dangerous_clear_text", dangerous_clear_text)
}
