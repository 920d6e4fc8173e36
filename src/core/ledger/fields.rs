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

/// The client secret of the Entra application.
#[must_use]
pub const fn entra_client_secret(cluster: ClusterId) -> Context<'static> {
    Context {
        cluster,
        table: "settings",
        row: &[],
        field: "entra.client_secret",
    }
}

/// The private key of the Entra application's certificate.
#[must_use]
pub const fn entra_client_key(cluster: ClusterId) -> Context<'static> {
    Context {
        cluster,
        table: "settings",
        row: &[],
        field: "entra.client_key",
    }
}

/// The row of [`rule_secret`] for an attribute.
#[must_use]
pub fn number_row(number: Number) -> Vec<u8> {
    let (kind, vendor, vendor_kind) = number.parts();
    [kind, vendor, vendor_kind].map(u32::to_be_bytes).concat()
}
