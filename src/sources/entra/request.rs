//! The one request that is ever sent: the password grant as a form, and a body that
//! tells whether any of it has left our hands.
//!
//! Must not know: connections, answers.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use countersign_core::base::Secret;
use http_body::{Frame, SizeHint};
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

/// What stays the same from question to question.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) client_id: String,
    /// `None`: a public client.
    pub(super) client_secret: Option<Secret>,
    pub(super) scope: String,
}

impl Grant {
    /// The form, percent-encoded field by field, so that no octet of a password can
    /// become another field. Its octets are wiped when the last holder lets go.
    pub(super) fn form(&self, name: &str, password: &Secret) -> Bytes {
        let secret = self.client_secret.as_ref().map_or(&[][..], Secret::expose);
        let values = [
            ("client_id", self.client_id.as_bytes()),
            ("grant_type", b"password"),
            ("scope", self.scope.as_bytes()),
            ("username", name.as_bytes()),
            ("password", password.expose()),
            ("client_secret", secret),
        ];
        // Room for everything at once: a buffer that grows leaves copies behind.
        let octets = values.iter().map(|(field, value)| {
            let encoded = value.len().saturating_mul(ENCODED_OCTETS_MAX);
            encoded.saturating_add(field.len()).saturating_add(2)
        });
        let mut form = Zeroizing::new(String::with_capacity(octets.sum()));
        for (field, value) in values {
            if field == "client_secret" && self.client_secret.is_none() {
                continue;
            }
            if !form.is_empty() {
                form.push('&');
            }
            form.push_str(field);
            form.push('=');
            form.extend(byte_serialize(value));
        }
        Bytes::from_owner(WipedForm(form))
    }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn grant(client_secret: Option<&str>) -> Grant {
        Grant {
            client_id: "app".to_owned(),
            client_secret: client_secret.map(|text| Secret::from(text.to_owned())),
            scope: "openid".to_owned(),
        }
    }

    fn fields(form: &[u8]) -> BTreeMap<String, String> {
        url::form_urlencoded::parse(form).into_owned().collect()
    }

    fn field<'a>(fields: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
        fields.get(name).map(String::as_str)
    }

    #[test]
    fn a_password_cannot_add_a_field() {
        let hostile = " a&username=mallory&scope=x+y%26=%00\u{e4}\u{1f511}\" ";
        let form = grant(None).form("al+ice@contoso.example", &Secret::from(hostile.to_owned()));
        let fields = fields(&form);
        assert_eq!(field(&fields, "password"), Some(hostile));
        assert_eq!(field(&fields, "username"), Some("al+ice@contoso.example"));
        assert_eq!(field(&fields, "scope"), Some("openid"));
        assert_eq!(fields.len(), 5);
    }

    #[test]
    fn only_a_confidential_client_sends_a_secret() {
        let password = Secret::from("pw".to_owned());
        let public = grant(None).form("a@b", &password);
        let confidential = grant(Some("s&t")).form("a@b", &password);
        assert_eq!(field(&fields(&public), "client_secret"), None);
        assert_eq!(field(&fields(&confidential), "client_secret"), Some("s&t"));
    }
}
