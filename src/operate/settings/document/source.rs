//! The password sources of a document.

use countersign_core::base::Secret;
use countersign_core::ledger::fields::SourceSecret;
use countersign_core::ledger::storage::{self, EntraCloud, source};
use serde::{Deserialize, Serialize};

use super::super::pem;
use super::MASK;
use super::ldap::Ldap;
use crate::operate::OperateError;

/// One source: what it is called, whom it is for, and one table that says what it is.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::operate::settings) struct Source {
    /// Empty: as its kind.
    #[serde(default)]
    pub(in crate::operate::settings) name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::operate::settings) domains: Vec<String>,
    /// Off: users' states and groups are not read there, though they could be.
    #[serde(default = "yes", skip_serializing_if = "is_on")]
    pub(in crate::operate::settings) sync: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::operate::settings) entra: Option<Entra>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::operate::settings) ldap: Option<Ldap>,
}

/// Where Entra ID is asked.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::operate::settings) struct Entra {
    /// `global`, `us-gov`, `us-dod` or `china`; empty: the authority tells.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::operate::settings) cloud: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::operate::settings) authority: String,
    #[serde(default, skip_serializing_if = "is_off")]
    pub(in crate::operate::settings) dangerous_custom_authority: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::operate::settings) proxy: String,
    pub(in crate::operate::settings) tenant: String,
    pub(in crate::operate::settings) client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::operate::settings) client_secret: Option<Masked>,
    /// PEM.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::operate::settings) client_certificate: String,
    /// PEM, PKCS#8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::operate::settings) client_key: Option<Masked>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(in crate::operate::settings) scope: String,
    #[serde(default)]
    pub(in crate::operate::settings) timeout_ms: u32,
    #[serde(default = "yes")]
    pub(in crate::operate::settings) require_registered_mfa: bool,
    #[serde(default)]
    pub(in crate::operate::settings) accept_external_challenge: bool,
}

/// Is read as a secret and only ever written as the mask.
pub(in crate::operate::settings) struct Masked(Secret);

impl<'de> Deserialize<'de> for Masked {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self(Secret::from(text)))
    }
}

impl Serialize for Masked {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(MASK)
    }
}

/// A secret of a document.
#[derive(Debug)]
pub(in crate::operate::settings) enum Given {
    Nothing,
    /// It stays as it is.
    Kept,
    New(Secret),
}

impl Source {
    /// Its secrets, each with what the document says of it.
    pub(in crate::operate::settings) fn secrets(
        &self,
    ) -> Result<Vec<(SourceSecret, Given)>, OperateError> {
        let mut secrets = Vec::new();
        if let Some(entra) = &self.entra {
            let given = given("source.entra.client_secret", entra.client_secret.as_ref())?;
            secrets.push((SourceSecret::ClientSecret, given));
            let given = given_key("source.entra.client_key", entra.client_key.as_ref())?;
            secrets.push((SourceSecret::ClientKey, given));
        }
        if let Some(ldap) = &self.ldap {
            let given = given(
                "source.ldap.service_password",
                ldap.service_password.as_ref(),
            )?;
            secrets.push((SourceSecret::ServicePassword, given));
        }
        Ok(secrets)
    }

    /// As it is stored, with its secrets masked.
    pub(super) fn shown(source: &storage::Source) -> Self {
        let (entra, ldap) = match &source.kind {
            Some(source::Kind::Entra(entra)) => (Some(Entra::shown(entra)), None),
            Some(source::Kind::Ldap(ldap)) => (None, Some(Ldap::shown(ldap))),
            None => (None, None),
        };
        Self {
            name: source.name.clone(),
            domains: source.domains.clone(),
            sync: !source.sync_off,
            entra,
            ldap,
        }
    }
}

impl Entra {
    fn shown(entra: &storage::EntraSettings) -> Self {
        Self {
            cloud: cloud_word(entra.cloud()).to_owned(),
            authority: entra.authority.clone(),
            dangerous_custom_authority: entra.dangerous_custom_authority,
            proxy: entra.proxy.clone(),
            tenant: entra.tenant.clone(),
            client_id: entra.client_id.clone(),
            client_secret: masked(&entra.client_secret),
            client_certificate: pem::certificate_text(&entra.client_certificate),
            client_key: masked(&entra.client_key),
            scope: entra.scope.clone(),
            timeout_ms: entra.timeout,
            require_registered_mfa: entra.require_registered_mfa,
            accept_external_challenge: entra.accept_external_challenge,
        }
    }
}

pub(super) fn given(field: &'static str, masked: Option<&Masked>) -> Result<Given, OperateError> {
    match masked {
        None => Ok(Given::Nothing),
        Some(Masked(secret)) if secret.expose() == MASK.as_bytes() => Ok(Given::Kept),
        Some(Masked(secret)) if secret.is_empty() => {
            let why = "empty; leave the key out where there is none";
            Err(OperateError::invalid(field, why))
        }
        Some(Masked(secret)) => Ok(Given::New(secret.duplicate())),
    }
}

/// The same of a private key: what is kept is its DER.
fn given_key(field: &'static str, masked: Option<&Masked>) -> Result<Given, OperateError> {
    match given(field, masked)? {
        Given::New(text) => pem::key(&text)
            .map(Given::New)
            .map_err(|why| OperateError::invalid(field, why)),
        other @ (Given::Nothing | Given::Kept) => Ok(other),
    }
}

/// Shown in place of what is there.
pub(super) fn masked(sealed: &[u8]) -> Option<Masked> {
    (!sealed.is_empty()).then(|| Masked(Secret::default()))
}

fn cloud_word(cloud: EntraCloud) -> &'static str {
    let found = CLOUDS.iter().find(|(_, known)| *known == cloud);
    found.map_or("", |(word, _)| word)
}

/// The clouds by name.
pub(in crate::operate::settings) const CLOUDS: [(&str, EntraCloud); 5] = [
    ("", EntraCloud::Unspecified),
    ("global", EntraCloud::Global),
    ("us-gov", EntraCloud::UsGov),
    ("us-dod", EntraCloud::UsDod),
    ("china", EntraCloud::China),
];

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
pub(super) const fn is_off(switch: &bool) -> bool {
    !*switch
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_on(switch: &bool) -> bool {
    *switch
}

const fn yes() -> bool {
    true
}
