//! SMS: one HTTPS request to the gateway of a service, as a template of the settings has it.
//!
//! Must not know which service it is. No redirect is followed, and only a status of success
//! counts; what else the answer says is not read.

use std::path::Path;
use std::time::Duration;

use countersign_core::base::Secret;
use countersign_core::ledger::storage::{self, SmsBody};
use reqwest::Method;
use reqwest::header::{self, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::mail::timeout;
use super::post::IN_HAND_MAX;
use super::template::{Escape, Place, Template, Values};
use super::{Pinned, SendError, SenderError};
use crate::sources::http::{self, Way};

/// A gateway that takes our messages.
pub struct Sms {
    client: reqwest::Client,
    request: Request,
    secret: Secret,
    pub(super) timeout: Duration,
}

/// What is sent to a gateway, and where to.
struct Request {
    host: String,
    port: u16,
    method: Method,
    url: Template,
    headers: HeaderMap,
    body: Template,
    escape: Escape,
}

impl Sms {
    /// From the settings.
    ///
    /// # Errors
    /// What of them cannot be used on this node.
    pub fn configure(
        settings: &storage::SmsGateway,
        secret: Option<&Secret>,
        (pinned, ca_file): (&Pinned, Option<&Path>),
    ) -> Result<Self, SenderError> {
        let request = Request::read(settings, secret)?;
        let (host, port) = (&*request.host, request.port);
        if !pinned.holds(host, port, &[HTTPS_PORT]) {
            return Err(SenderError::Unpinned(format!("{host}:{port}")));
        }
        let way = Way {
            ca_file: ca_file.map(Path::to_owned),
            proxy: None,
        };
        Ok(Self {
            client: http::client(&way, IN_HAND_MAX)?,
            request,
            secret: secret.map(Secret::duplicate).unwrap_or_default(),
            timeout: timeout(settings.timeout),
        })
    }

    /// Checks what every node takes or refuses alike, whatever its own file pins.
    ///
    /// # Errors
    /// The first setting that no node can use.
    pub fn check_anywhere(
        settings: &storage::SmsGateway,
        secret: Option<&Secret>,
    ) -> Result<(), SenderError> {
        Request::read(settings, secret).map(drop)
    }

    /// Sends one message, once.
    pub(super) async fn send(&self, phone: &str, text: &str) -> Result<(), SendError> {
        let values = Values {
            phone,
            text,
            secret: std::str::from_utf8(self.secret.expose()).unwrap_or_default(),
        };
        let it = &self.request;
        let url = Url::parse(&it.url.fill(&values, Escape::Url));
        let url = url.map_err(|_| SendError::Unwritable)?;
        let mut request = self.client.request(it.method.clone(), url);
        request = request.headers(it.headers.clone());
        if !it.body.is_empty() {
            request = request.body(it.body.fill(&values, it.escape));
        }
        let answer = request.send().await;
        let answer = answer.map_err(|error| SendError::Gateway(http::chain(error)))?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(SendError::Status(answer.status().as_u16()))
        }
    }
}

impl Request {
    fn read(settings: &storage::SmsGateway, secret: Option<&Secret>) -> Result<Self, SenderError> {
        let method = method(&settings.method)?;
        let url = Template::parse(&settings.url);
        let (host, port) = host_of(&url)?;
        let body = Template::parse(&settings.body);
        let (escape, kind) = match settings.body_type() {
            SmsBody::Unspecified | SmsBody::Json => (Escape::Json, "application/json"),
            SmsBody::Form => (Escape::Form, "application/x-www-form-urlencoded"),
        };
        if method == Method::GET && !body.is_empty() {
            return Err(SenderError::Method);
        }
        if !body.is_empty() {
            check_body(&body, escape)?;
        }
        // Without both of them a message goes to one and the same phone, or says nothing.
        let is_put = |place| url.has(place) || body.has(place);
        if !is_put(Place::Phone) || !is_put(Place::Text) {
            return Err(SenderError::Places);
        }
        let templates = settings.headers.iter().map(|it| Template::parse(&it.value));
        let templates: Vec<_> = templates.collect();
        let uses_secret = templates.iter().chain([&url, &body]);
        let uses_secret = uses_secret.into_iter().any(|it| it.has(Place::Secret));
        if uses_secret != secret.is_some() {
            return Err(SenderError::Secret);
        }
        let secret = secret.map(Secret::duplicate).unwrap_or_default();
        let names = settings.headers.iter().map(|it| &*it.name);
        let mut headers = headers(names.zip(&templates), &secret)?;
        if !body.is_empty() && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        Ok(Self {
            host,
            port,
            method,
            url,
            headers,
            body,
            escape,
        })
    }
}

impl std::fmt::Debug for Sms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sms").finish_non_exhaustive()
    }
}

fn method(text: &str) -> Result<Method, SenderError> {
    match text {
        "" | "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "GET" => Ok(Method::GET),
        _ => Err(SenderError::Method),
    }
}

/// No value may choose the host, or anything before it.
fn host_of(url: &Template) -> Result<(String, u16), SenderError> {
    let read = |values| Url::parse(&url.fill(&values, Escape::Url)).ok();
    let [Some(one), Some(other)] = PROBES.map(read) else {
        return Err(SenderError::Url);
    };
    let is_plain = one.username().is_empty() && one.password().is_none();
    let is_fixed = one.origin() == other.origin();
    if one.scheme() != "https" || !is_plain || !is_fixed || one.fragment().is_some() {
        return Err(SenderError::Url);
    }
    let host = one.host_str().ok_or(SenderError::Url)?;
    let port = one.port_or_known_default().unwrap_or(HTTPS_PORT);
    Ok((host.to_owned(), port))
}

/// Whatever is put in, the same fields are there.
fn check_body(body: &Template, escape: Escape) -> Result<(), SenderError> {
    let [one, other] = PROBES.map(|values| body.fill(&values, escape));
    match escape {
        Escape::Json => {
            let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
            let form = |text: &str| read(text).map(|json| shape(&json));
            let fits = form(&one).is_some() && form(&one) == form(&other);
            fits.then_some(()).ok_or(SenderError::Body("JSON"))
        }
        Escape::Form | Escape::Url | Escape::Plain => {
            let names = |text: &str| -> Vec<String> {
                let fields = url::form_urlencoded::parse(text.as_bytes());
                fields.map(|(name, _)| name.into_owned()).collect()
            };
            let fits = names(&one) == names(&other);
            fits.then_some(()).ok_or(SenderError::Body("form"))
        }
    }
}

/// JSON without its strings: numbers and words of a template stay as they are.
fn shape(json: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match json {
        Value::String(_) => Value::from("…"),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, it)| (name.clone(), shape(it)));
            Value::Object(fields.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => json.clone(),
    }
}

fn headers<'a>(
    templates: impl Iterator<Item = (&'a str, &'a Template)>,
    secret: &Secret,
) -> Result<HeaderMap, SenderError> {
    let values = Values {
        phone: "",
        text: "",
        secret: std::str::from_utf8(secret.expose()).unwrap_or_default(),
    };
    let mut headers = HeaderMap::new();
    for (name, template) in templates {
        let fault = || SenderError::Header(name.to_owned());
        let known: HeaderName = name.parse().map_err(|_| fault())?;
        let is_ours = OURS.contains(&known) || template.has(Place::Phone);
        if is_ours || template.has(Place::Text) {
            return Err(fault());
        }
        let value = template.fill(&values, Escape::Plain);
        let mut value = HeaderValue::from_str(&value).map_err(|_| fault())?;
        value.set_sensitive(true);
        headers.insert(known, value);
    }
    Ok(headers)
}

/// What says where a request goes and where it ends. Behind a front that many share, another
/// `Host` is another's house: the pinned name alone would let the passcode go there.
const OURS: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
const HTTPS_PORT: u16 = 443;
/// Values that would show wherever they are not escaped, and harmless ones.
const PROBES: [Values<'static>; 2] = [
    Values {
        phone: "1",
        text: "2",
        secret: "3",
    },
    Values {
        phone: "\",\"a\":{\"b\":\"&c=d@e.example:1/",
        text: "\",\"f\":{\"g\":\"&h=i@j.example:2/",
        secret: "\",\"k\":{\"l\":\"&m=n@o.example:3/",
    },
];
