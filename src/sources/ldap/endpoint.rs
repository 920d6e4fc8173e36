//! One server of a directory, and what keeps a password from being read on the way there.
//!
//! Must not know: what is said on a connection.

use std::fmt;

use rustls_pki_types::ServerName;

use super::addresses::Addresses;

/// One server.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) security: Security,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) name_in_certificate: ServerName<'static>,
    /// Of the host, as they were last looked up.
    pub(super) addresses: Addresses,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.security {
            Security::Tls => "ldaps",
            Security::StartTls | Security::ClearText => "ldap",
        };
        let (open, close) = if self.host.contains(':') {
            ("[", "]")
        } else {
            ("", "")
        };
        write!(f, "{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}

/// What keeps a password from being read on the way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Security {
    /// TLS from the start.
    Tls,
    /// TLS before anything that matters.
    StartTls,
    /// Nothing.
    ClearText,
}
