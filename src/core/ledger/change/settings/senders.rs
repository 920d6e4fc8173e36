//! What sends passcodes. Which hosts may be asked, and what a template makes of a value, is
//! checked by the node that sends.

use prost::Message;

use super::super::audit::Facts;
use super::super::check::{sealed, text, valid};
use super::super::done::Step;
use super::entra::check_within;
use crate::base::limits::{SENDER_TIMEOUT_MAX, SMS_BODY_OCTETS_MAX, SMS_HEADERS_MAX};
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
    check_within(mail.timeout, SENDER_TIMEOUT_MAX)
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
    check_within(sms.timeout, SENDER_TIMEOUT_MAX)
}

/// What the audit tells of them.
pub(super) fn facts(facts: Facts, settings: &Settings) -> Facts {
    let facts = facts
        .under("")
        .with("mail", there(settings.mail.is_some()))
        .with("sms", there(settings.sms.is_some()));
    let facts = settings.mail.iter().fold(facts, mail_facts);
    settings.sms.iter().fold(facts, sms_facts)
}

const fn there(is_there: bool) -> &'static str {
    if is_there { "set" } else { "none" }
}

fn mail_facts(facts: Facts, mail: &Mail) -> Facts {
    let Mail {
        server,
        port,
        tls: _,
        user,
        password,
        from,
        timeout,
    } = mail;
    facts
        .under("mail")
        .text("server", server)
        .with("port", port)
        .with("tls", mail.tls().as_str_name())
        .text("user", user)
        .sealed("password", password)
        .text("from", from)
        .with("timeout", timeout)
}

/// Queries, headers and bodies may hold what nobody thought of as a secret.
fn sms_facts(facts: Facts, sms: &SmsGateway) -> Facts {
    let SmsGateway {
        url,
        method,
        headers,
        body,
        body_type: _,
        secret,
        timeout,
    } = sms;
    let names: Vec<_> = headers.iter().map(|header| &*header.name).collect();
    let values = headers.iter().map(Message::encode_length_delimited_to_vec);
    facts
        .under("sms")
        .withheld("url", address(url), url.clone().into())
        .text("method", method)
        .withheld("headers", names.join(","), values.flatten().collect())
        .withheld("body", octets(body), body.clone().into())
        .with("body_type", sms.body_type().as_str_name())
        .sealed("secret", secret)
        .with("timeout", timeout)
}

/// Where a gateway is: its URL without a user, a query or anything behind.
fn address(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (url, behind) = url.split_at(end);
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit('@').next().unwrap_or_default();
    let query = if behind.is_empty() { "" } else { "?…" };
    format!("{scheme}://{host}{path}{query}")
}

fn octets(body: &str) -> String {
    format!("{} octets", body.len())
}
