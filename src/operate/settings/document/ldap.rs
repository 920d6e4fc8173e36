//! An LDAP source of a document.

use countersign_core::ledger::storage::{self, LdapBind, LdapKind};
use serde::{Deserialize, Serialize};

use super::source::{Masked, is_off, masked};

/// Where an LDAP directory is asked, and how.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::operate::settings) struct Ldap {
    pub(in crate::operate::settings) servers: Vec<String>,
    /// `active-directory` or `openldap`.
    pub(in crate::operate::settings) kind: String,
    /// `upn`, `domain` or `search`.
    pub(in crate::operate::settings) bind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::operate::settings) netbios_domain: String,
    pub(in crate::operate::settings) base_dn: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::operate::settings) user_attribute: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::operate::settings) user_filter: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::operate::settings) service_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::operate::settings) service_password: Option<Masked>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::operate::settings) required_group: String,
    #[serde(default)]
    pub(in crate::operate::settings) timeout_ms: u32,
    #[serde(default)]
    pub(in crate::operate::settings) connect_timeout_ms: u32,
    #[serde(default, skip_serializing_if = "is_off")]
    pub(in crate::operate::settings) dangerous_clear_text: bool,
}

impl Ldap {
    /// As it is stored, with its secret masked.
    pub(super) fn shown(ldap: &storage::LdapSettings) -> Self {
        let kind = KINDS.iter().find(|(_, known)| *known == ldap.kind());
        let bind = BINDS.iter().find(|(_, known)| *known == ldap.bind());
        Self {
            servers: ldap.servers.clone(),
            kind: kind.map_or("", |(word, _)| word).to_owned(),
            bind: bind.map_or("", |(word, _)| word).to_owned(),
            netbios_domain: ldap.netbios_domain.clone(),
            base_dn: ldap.base_dn.clone(),
            user_attribute: ldap.user_attribute.clone(),
            user_filter: ldap.user_filter.clone(),
            service_name: ldap.service_name.clone(),
            service_password: masked(&ldap.service_password),
            required_group: ldap.required_group.clone(),
            timeout_ms: ldap.timeout,
            connect_timeout_ms: ldap.connect_timeout,
            dangerous_clear_text: ldap.dangerous_clear_text,
        }
    }

    /// As it is to be stored, without its secret.
    ///
    /// # Errors
    /// The field that has no such value, and which values there are.
    pub(in crate::operate::settings) fn stored(
        self,
    ) -> Result<storage::LdapSettings, (&'static str, &'static str)> {
        let kind = KINDS.iter().find(|(word, _)| *word == self.kind);
        let kind = kind.ok_or(("source.ldap.kind", "active-directory or openldap"))?;
        let bind = BINDS.iter().find(|(word, _)| *word == self.bind);
        let bind = bind.ok_or(("source.ldap.bind", "upn, domain or search"))?;
        Ok(storage::LdapSettings {
            servers: self.servers,
            kind: kind.1.into(),
            bind: bind.1.into(),
            netbios_domain: self.netbios_domain,
            base_dn: self.base_dn,
            user_attribute: self.user_attribute,
            user_filter: self.user_filter,
            service_name: self.service_name,
            service_password: Vec::new(),
            required_group: self.required_group,
            timeout: self.timeout_ms,
            connect_timeout: self.connect_timeout_ms,
            dangerous_clear_text: self.dangerous_clear_text,
        })
    }
}

const KINDS: [(&str, LdapKind); 2] = [
    ("active-directory", LdapKind::ActiveDirectory),
    ("openldap", LdapKind::Openldap),
];
const BINDS: [(&str, LdapBind); 3] = [
    ("upn", LdapBind::Upn),
    ("domain", LdapBind::Domain),
    ("search", LdapBind::Search),
];
