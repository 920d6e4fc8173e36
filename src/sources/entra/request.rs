//! The forms that are sent, to one endpoint: the password grant, and the client's own; and a
//! body that tells whether any of it has left our hands.
//!
//! Must not know: connections, answers.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use countersign_core::base::{Secret, Timestamp};
use http_body::{Frame, SizeHint};
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::assertion::{Certificate, Claims, Unsigned};

/// What stays the same from question to question.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) proof: Proof,
    pub(super) scope: String,
    /// The token endpoint, for whom a statement is signed.
    pub(super) audience: String,
}

/// How the client proves itself.
#[derive(Debug)]
pub(super) enum Proof {
    Certificate(Box<Certificate>),
    Public,
    Secret(Secret),
}

/// What differs from request to request, beside user and password.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp<'a> {
    /// Never used before.
    pub(super) id: &'a str,
    pub(super) now: Timestamp,
}

impl Grant {
    /// Asks about a user.
    pub(super) fn form(
        &self,
        name: &str,
        password: &Secret,
        stamp: Stamp<'_>,
    ) -> Result<Bytes, Unsigned> {
        let asked = [
            ("grant_type", &b"password"[..]),
            ("scope", self.scope.as_bytes()),
            ("username", name.as_bytes()),
            ("password", password.expose()),
        ];
        self.with_proof(&asked, stamp)
    }

    /// Asks for a token of the client's own.
    pub(super) fn own_form(&self, scope: &str, stamp: Stamp<'_>) -> Result<Bytes, Unsigned> {
        let asked = [
            ("grant_type", &b"client_credentials"[..]),
            ("scope", scope.as_bytes()),
        ];
        self.with_proof(&asked, stamp)
    }

    fn with_proof(&self, asked: &[Field<'_>], stamp: Stamp<'_>) -> Result<Bytes, Unsigned> {
        let mut fields = vec![("client_id", self.client_id.as_bytes())];
        fields.extend_from_slice(asked);
        let assertion;
        match &self.proof {
            Proof::Public => {}
            Proof::Secret(secret) => fields.push(("client_secret", secret.expose())),
            Proof::Certificate(certificate) => {
                assertion = certificate.assertion(Claims {
                    audience: &self.audience,
                    client_id: &self.client_id,
                    id: stamp.id,
                    now: stamp.now,
                })?;
                fields.push(("client_assertion_type", JWT_BEARER));
                fields.push(("client_assertion", assertion.as_bytes()));
            }
        }
        Ok(encoded(&fields))
    }
}

type Field<'a> = (&'static str, &'a [u8]);

/// The form, percent-encoded field by field, so that no octet of a password can become
/// another field. Its octets are wiped when the last holder lets go.
fn encoded(fields: &[Field<'_>]) -> Bytes {
    // Room for everything at once: a buffer that grows leaves copies behind.
    let octets = fields.iter().map(|(field, value)| {
        let encoded = value.len().saturating_mul(ENCODED_OCTETS_MAX);
        encoded.saturating_add(field.len()).saturating_add(2)
    });
    let mut form = Zeroizing::new(String::with_capacity(octets.sum()));
    for (field, value) in fields {
        if !form.is_empty() {
            form.push('&');
        }
        form.push_str(field);
        form.push('=');
        form.extend(byte_serialize(value));
    }
    Bytes::from_owner(WipedForm(form))
}

/// The form as a body. Once the connection has taken it, the password may have been read.
#[derive(Debug)]
pub(super) struct TellingBody {
    form: Option<Bytes>,
    taken: Arc<AtomicBool>,
}

/// The other end of a [`TellingBody`].
#[derive(Clone, Debug)]
pub(super) struct Taken(Arc<AtomicBool>);

impl TellingBody {
    pub(super) fn new(form: Bytes) -> (Self, Taken) {
        let taken = Arc::new(AtomicBool::new(false));
        let body = Self {
            form: Some(form),
            taken: Arc::clone(&taken),
        };
        (body, Taken(taken))
    }
}

impl Taken {
    /// Whether a connection has asked for the octets. If not, certainly none was sent.
    pub(super) fn is_taken(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl http_body::Body for TellingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.taken.store(true, Ordering::Release);
        Poll::Ready(self.form.take().map(|form| Ok(Frame::data(form))))
    }

    fn is_end_stream(&self) -> bool {
        self.form.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.form.as_ref().map_or(0, |form| form.len() as u64))
    }
}

struct WipedForm(Zeroizing<String>);

impl AsRef<[u8]> for WipedForm {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Octets that one octet becomes at most: `%XX`.
const ENCODED_OCTETS_MAX: usize = 3;
/// RFC 7523 §2.2.
const JWT_BEARER: &[u8] = b"urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const STAMP: Stamp<'static> = Stamp {
        id: "one",
        now: Timestamp::from_millis(1_800_000_000_000),
    };

    fn grant(proof: Proof) -> Grant {
        Grant {
            client_id: "app".to_owned(),
            proof,
            scope: "openid".to_owned(),
            audience: "https://login.example/token".to_owned(),
        }
    }

    fn fields(form: Result<Bytes, Unsigned>) -> BTreeMap<String, String> {
        let form = form.expect("a form");
        url::form_urlencoded::parse(&form).into_owned().collect()
    }

    fn field<'a>(fields: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
        fields.get(name).map(String::as_str)
    }

    fn secret(text: &str) -> Secret {
        Secret::from(text.to_owned())
    }

    #[test]
    fn a_password_cannot_add_a_field() {
        let hostile = " a&username=mallory&scope=x+y%26=%00\u{e4}\u{1f511}\" ";
        let form = grant(Proof::Public).form("al+ice@contoso.example", &secret(hostile), STAMP);
        let fields = fields(form);
        assert_eq!(field(&fields, "password"), Some(hostile));
        assert_eq!(field(&fields, "username"), Some("al+ice@contoso.example"));
        assert_eq!(field(&fields, "scope"), Some("openid"));
        assert_eq!(fields.len(), 5);
    }

    #[test]
    fn only_a_confidential_client_sends_a_secret() {
        let form = |proof| fields(grant(proof).form("a@b", &secret("pw"), STAMP));
        let confidential = form(Proof::Secret(secret("s&t")));
        assert_eq!(field(&form(Proof::Public), "client_secret"), None);
        assert_eq!(field(&confidential, "client_secret"), Some("s&t"));
    }

    #[test]
    fn a_client_asks_for_itself_without_a_user() {
        let proof = Proof::Secret(secret("s"));
        let fields = fields(grant(proof).own_form("https://graph.example/.default", STAMP));
        assert_eq!(field(&fields, "grant_type"), Some("client_credentials"));
        let scope = Some("https://graph.example/.default");
        assert_eq!(field(&fields, "scope"), scope);
        assert_eq!(fields.len(), 4);
    }
}
