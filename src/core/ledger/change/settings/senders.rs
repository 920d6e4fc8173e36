//! What sends passcodes. Which hosts may be asked, and what a template makes of a value, is
//! checked by the node that sends.

use super::super::audit::Facts;
use super::super::check::{sealed, text, valid};
use super::super::done::Step;
use super::entra::check_timeout;
use crate::base::limits::{SMS_BODY_OCTETS_MAX, SMS_HEADERS_MAX};
use crate::ledger::address::is_email;
use crate::ledger::storage::{Mail, MailTls, Settings, SmsBody, SmsGateway};

/// What must hold of the senders, whatever node uses them.
pub(super) fn check(settings: &Settings) -> Step<()> {
    settings.mail.as_ref().map_or(Ok(()), check_mail)?;
    settings.sms.as_ref().map_or(Ok(()), check_sms)
}

fn check_mail(mail: &Mail) -> Step<()> {
    text(&mail.server, "the mail server")?;
    text(&mail.user, "the user of the mail server")?;
    valid(!mail.server.is_empty(), "the mail server is missing")?;
    valid(
        mail.port <= u16::MAX.into(),
        "the port of the mail server is none",
    )?;
    valid(
        MailTls::try_from(mail.tls).is_ok(),
        "the TLS of the mail server is unknown",
    )?;
    valid(
        is_email(&mail.from),
        "the address that e-mail comes from is none",
    )?;
    valid(
        mail.user.is_empty() == mail.password.is_empty(),
        "a mail server has a user and a password, or neither",
    )?;
    if !mail.password.is_empty() {
        sealed(&mail.password, "the password of the mail server")?;
    }
    check_timeout(mail.timeout)
}

fn check_sms(sms: &SmsGateway) -> Step<()> {
    text(&sms.url, "the URL of the gateway")?;
    valid(
        sms.url.starts_with("https://"),
        "the URL of the gateway is not https",
    )?;
    text(&sms.method, "the method of the gateway")?;
    valid(
        sms.headers.len() <= SMS_HEADERS_MAX,
        "the gateway has too many headers",
    )?;
    for header in &sms.headers {
        text(&header.name, "a header of the gateway")?;
        text(&header.value, "a header of the gateway")?;
    }
    valid(
        sms.body.len() <= SMS_BODY_OCTETS_MAX,
        "the body of the gateway is too long",
    )?;
    valid(
        SmsBody::try_from(sms.body_type).is_ok(),
        "the type of the gateway's body is unknown",
    )?;
    if !sms.secret.is_empty() {
        sealed(&sms.secret, "the secret of the gateway")?;
    }
    check_timeout(sms.timeout)
}

/// What the audit tells of them. Headers may hold what nobody thought of as a secret.
pub(super) fn facts(mut facts: Facts, settings: &Settings) -> Facts {
    if let Some(mail) = &settings.mail {
        facts = facts
            .text("mail.server", &mail.server)
            .with("mail.port", mail.port)
            .with("mail.tls", mail.tls().as_str_name())
            .text("mail.user", &mail.user)
            .with("mail.password", !mail.password.is_empty())
            .text("mail.from", &mail.from)
            .with("mail.timeout", mail.timeout);
    }
    if let Some(sms) = &settings.sms {
        facts = facts
            .text("sms.url", &sms.url)
            .text("sms.method", &sms.method)
            .with("sms.headers", sms.headers.len())
            .text("sms.body", &sms.body)
            .with("sms.body_type", sms.body_type().as_str_name())
            .with("sms.secret", !sms.secret.is_empty())
            .with("sms.timeout", sms.timeout);
    }
    facts
}
