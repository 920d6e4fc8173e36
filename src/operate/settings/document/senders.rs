//! What sends passcodes, as a document has it.

use std::collections::BTreeMap;

use countersign_core::ledger::fields::SenderSecret;
use countersign_core::ledger::storage::{self, HttpHeader, MailTls, SmsBody};
use serde::{Deserialize, Serialize};

use super::source::{Given, Masked, given, masked};
use crate::operate::OperateError;

/// Where e-mail is handed in.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::operate::settings) struct Mail {
    server: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    port: u32,
    /// `starttls` or `tls`; empty: starttls.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    tls: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<Masked>,
    from: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    timeout_ms: u32,
}

/// The gateway of a service that sends SMS.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::operate::settings) struct Sms {
    url: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    method: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    body: String,
    /// `json` or `form`; empty: json.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    body_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<Masked>,
    #[serde(default, skip_serializing_if = "is_zero")]
    timeout_ms: u32,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Mail {
    /// What the document says of its secret.
    pub(in crate::operate::settings) fn secret(
        &self,
    ) -> Result<(SenderSecret, Given), OperateError> {
        let given = given("mail.password", self.password.as_ref())?;
        Ok((SenderSecret::MailPassword, given))
    }

    /// As it is stored, without its secret.
    pub(in crate::operate::settings) fn stored(self) -> Result<storage::Mail, OperateError> {
        let known = TLS.iter().find(|(word, _)| *word == self.tls);
        let tls = known.ok_or_else(|| OperateError::invalid("mail.tls", "starttls or tls"))?;
        Ok(storage::Mail {
            server: self.server,
            port: self.port,
            tls: tls.1.into(),
            user: self.user,
            password: Vec::new(),
            from: self.from,
            timeout: self.timeout_ms,
        })
    }

    pub(super) fn shown(mail: &storage::Mail) -> Self {
        let found = TLS.iter().find(|(_, known)| *known == mail.tls());
        Self {
            server: mail.server.clone(),
            port: mail.port,
            tls: found.map_or("", |(word, _)| word).to_owned(),
            user: mail.user.clone(),
            password: masked(&mail.password),
            from: mail.from.clone(),
            timeout_ms: mail.timeout,
        }
    }
}

impl Sms {
    /// What the document says of its secret.
    pub(in crate::operate::settings) fn secret(
        &self,
    ) -> Result<(SenderSecret, Given), OperateError> {
        let given = given("sms.secret", self.secret.as_ref())?;
        Ok((SenderSecret::SmsSecret, given))
    }

    /// As it is stored, without its secret.
    pub(in crate::operate::settings) fn stored(self) -> Result<storage::SmsGateway, OperateError> {
        let known = BODIES.iter().find(|(word, _)| *word == self.body_type);
        let kind = known.ok_or_else(|| OperateError::invalid("sms.body_type", "json or form"))?;
        for place in ["{phone}", "{text}"] {
            if !self.url.contains(place) && !self.body.contains(place) {
                let why = format!("the url or the body must have {place} in it");
                return Err(OperateError::invalid("sms", why));
            }
        }
        let headers = self.headers.into_iter();
        Ok(storage::SmsGateway {
            url: self.url,
            method: self.method,
            headers: headers
                .map(|(name, value)| HttpHeader { name, value })
                .collect(),
            body: self.body,
            body_type: kind.1.into(),
            secret: Vec::new(),
            timeout: self.timeout_ms,
        })
    }

    pub(super) fn shown(sms: &storage::SmsGateway) -> Self {
        let found = BODIES.iter().find(|(_, known)| *known == sms.body_type());
        let headers = sms.headers.iter().cloned();
        Self {
            url: sms.url.clone(),
            method: sms.method.clone(),
            body: sms.body.clone(),
            body_type: found.map_or("", |(word, _)| word).to_owned(),
            secret: masked(&sms.secret),
            timeout_ms: sms.timeout,
            headers: headers.map(|it| (it.name, it.value)).collect(),
        }
    }
}

const TLS: [(&str, MailTls); 3] = [
    ("", MailTls::Unspecified),
    ("starttls", MailTls::Starttls),
    ("tls", MailTls::Tls),
];

const BODIES: [(&str, SmsBody); 3] = [
    ("", SmsBody::Unspecified),
    ("json", SmsBody::Json),
    ("form", SmsBody::Form),
];

#[cfg(test)]
mod tests {
    use countersign_core::base::Secret;

    use super::super::{parse, shown};
    use super::*;

    const DOCUMENT: &str = r#"
[mail]
server = "mail.contoso.example"
tls = "tls"
user = "vpn"
password = "hunter2"
from = "vpn@contoso.example"

[sms]
url = "https://gw.contoso.example/send"
body = '{"to":"{phone}","text":"{text}"}'
secret = "hunter3"

[sms.headers]
Authorization = "Bearer {secret}"
"#;

    #[test]
    fn senders_are_shown_as_they_were_written_without_their_secrets() {
        let document = parse(&Secret::from(DOCUMENT.as_bytes())).expect("a document");
        let (mail, sms) = (document.mail.expect("mail"), document.sms.expect("sms"));
        assert!(matches!(mail.secret(), Ok((_, Given::New(_)))));
        assert!(matches!(sms.secret(), Ok((_, Given::New(_)))));
        let (mut mail, mut sms) = (mail.stored().expect("mail"), sms.stored().expect("sms"));
        assert_eq!(mail.tls(), MailTls::Tls);
        assert_eq!(sms.headers[0].value, "Bearer {secret}");
        mail.password = b"sealed".to_vec();
        sms.secret = b"sealed".to_vec();
        let settings = storage::Settings {
            mail: Some(mail),
            sms: Some(sms),
            ..storage::Settings::default()
        };
        let text = shown(&settings);
        assert!(
            !text.contains("sealed") && !text.contains("hunter"),
            "{text}"
        );
        let again = parse(&Secret::from(text)).expect("a document");
        let (mail, sms) = (again.mail.expect("mail"), again.sms.expect("sms"));
        assert!(matches!(mail.secret(), Ok((_, Given::Kept))));
        assert!(matches!(sms.secret(), Ok((_, Given::Kept))));
    }

    #[test]
    fn what_is_of_no_known_kind_is_a_fault() {
        let odd = DOCUMENT.replace("\"tls\"", "\"none\"");
        let document = parse(&Secret::from(odd.as_bytes())).expect("a document");
        assert!(document.mail.expect("mail").stored().is_err());
    }
    #[test]
    fn a_gateway_that_would_send_nothing_or_to_one_phone_alone_is_a_fault() {
        for place in ["{phone}", "{text}"] {
            let odd = DOCUMENT.replace(place, "1");
            let document = parse(&Secret::from(odd.as_bytes())).expect("a document");
            let fault = document.sms.expect("sms").stored().expect_err("a fault");
            assert!(fault.to_string().contains(place), "{fault}");
        }
    }
}
