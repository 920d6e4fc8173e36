//! Where each sealed field of the tables belongs: one place, so that who seals and who
//! opens cannot disagree.
//!
//! Must not know keys, or who may open what.

use crate::base::ClusterId;
use crate::radius::Number;
use crate::seal::Context;

/// The seed of the token whose number, greatest octet first, is `row`.
#[must_use]
pub const fn token_seed(cluster: ClusterId, row: &[u8]) -> Context<'_> {
    Context {
        cluster,
        table: "tokens",
        row,
        field: "seed",
    }
}

/// The hash of the own password of the user whose number, greatest octet first, is `row`.
#[must_use]
pub const fn user_password(cluster: ClusterId, row: &[u8]) -> Context<'_> {
    Context {
        cluster,
        table: "users",
        row,
        field: "password",
    }
}

/// Each shared secret of the client whose number, greatest octet first, is `row`.
#[must_use]
pub const fn client_secret(cluster: ClusterId, row: &[u8]) -> Context<'_> {
    Context {
        cluster,
        table: "clients",
        row,
        field: "secrets",
    }
}

/// A value that a rule grants hidden, of the attribute at this place ([`number_row`]). The
/// rule's own name is no part of it: a rule that is called or placed otherwise keeps its values.
#[must_use]
pub const fn rule_secret(cluster: ClusterId, row: &[u8]) -> Context<'_> {
    Context {
        cluster,
        table: "rules",
        row,
        field: "attributes",
    }
}

/// A secret of the password source of this name. A source that is renamed must be given its
/// secrets anew.
#[must_use]
pub const fn source_secret<'a>(
    cluster: ClusterId,
    source: &'a str,
    secret: SourceSecret,
) -> Context<'a> {
    Context {
        cluster,
        table: "settings",
        row: source.as_bytes(),
        field: match secret {
            SourceSecret::ClientSecret => "entra.client_secret",
            SourceSecret::ClientKey => "entra.client_key",
            SourceSecret::ServicePassword => "ldap.service_password",
        },
    }
}

/// The secret shared with the old server of this name. One that is renamed must be given its
/// secret anew.
#[must_use]
pub const fn forward_secret(cluster: ClusterId, forward: &str) -> Context<'_> {
    Context {
        cluster,
        table: "settings",
        row: forward.as_bytes(),
        field: "forward.secret",
    }
}

/// A secret of what sends passcodes.
#[must_use]
pub const fn sender_secret(cluster: ClusterId, secret: SenderSecret) -> Context<'static> {
    let (row, field) = match secret {
        SenderSecret::MailPassword => (b"mail".as_slice(), "mail.password"),
        SenderSecret::SmsSecret => (b"sms".as_slice(), "sms.secret"),
    };
    Context {
        cluster,
        table: "settings",
        row,
        field,
    }
}

/// Which secret of what sends passcodes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SenderSecret {
    /// The password at the mail server.
    MailPassword,
    /// What the gateway for SMS knows us by.
    SmsSecret,
}

/// Which secret of a source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SourceSecret {
    /// Of the Entra application.
    ClientSecret,
    /// The private key of the Entra application's certificate.
    ClientKey,
    /// The password of an LDAP source's service account.
    ServicePassword,
}

/// The row of [`rule_secret`] for an attribute.
#[must_use]
pub fn number_row(number: Number) -> Vec<u8> {
    let (kind, vendor, vendor_kind) = number.parts();
    [kind, vendor, vendor_kind].map(u32::to_be_bytes).concat()
}
