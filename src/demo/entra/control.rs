//! The control endpoint: faults and account states, set while the stand-in runs.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign_core::base::Secret;
use futures_util::stream;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::account::Standing;
use super::graph::Signer;
use super::server::House;

/// What goes wrong now.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Faults {
    /// Before each answer.
    delay_ms: u64,
    /// 503, in HTML.
    outage: bool,
    /// 429 with Retry-After.
    throttle: bool,
    /// What that says, if not a minute.
    retry_after: Option<String>,
    /// Takes the request and breaks the connection off.
    cut: bool,
    /// Said instead of any answer.
    canned: Option<Canned>,
}

/// An answer word for word, for answers that Entra itself never gives.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Canned {
    status: u16,
    #[serde(default)]
    location: Option<String>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    body: String,
    /// Octets of blanks that follow the body.
    #[serde(default)]
    padding: usize,
}

/// One POST: what it names is set, the rest stays. `"canned": null` takes it away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    delay_ms: Option<u64>,
    outage: Option<bool>,
    throttle: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    retry_after: Option<Option<String>>,
    cut: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    canned: Option<Option<Canned>>,
    user: Option<String>,
    state: Option<Standing>,
    password: Option<String>,
    /// All groups that the user is in from now on.
    groups: Option<Vec<String>>,
    /// Faults of Graph; those beside it are the authority's.
    graph: Option<Box<Self>>,
    /// The application's own tokens that are out are good for nothing more.
    revoke: Option<bool>,
    /// Graph leaves out what it tells only to who holds the permissions.
    hide: Option<bool>,
    /// Graph no longer knows of anyone how far changes were told.
    forget: Option<bool>,
}

impl Faults {
    /// Waits, and says what to answer instead, with a word for the log.
    pub(super) async fn interfere(&self) -> Option<(Response, &'static str)> {
        if self.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.delay_ms)).await;
        }
        if let Some(canned) = &self.canned {
            return Some((canned.answer(), "canned"));
        }
        if self.cut {
            let broken = stream::once(async { Err::<Vec<u8>, _>(std::io::Error::other("cut")) });
            return Some((Body::from_stream(broken).into_response(), "cut"));
        }
        if self.outage {
            let html = [(header::CONTENT_TYPE, "text/html")];
            let page = "<html><body>Service Unavailable</body></html>";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Some(((status, html, page).into_response(), "outage"));
        }
        if self.throttle {
            let retry_after = self.retry_after.as_deref().unwrap_or("60");
            let head = [
                (header::RETRY_AFTER, retry_after),
                (header::CONTENT_TYPE, "text/plain"),
            ];
            let status = StatusCode::TOO_MANY_REQUESTS;
            return Some((
                (status, head, "Too Many Requests").into_response(),
                "throttle",
            ));
        }
        None
    }

    fn obey(&mut self, order: &Order) {
        self.delay_ms = order.delay_ms.unwrap_or(self.delay_ms);
        self.outage = order.outage.unwrap_or(self.outage);
        self.throttle = order.throttle.unwrap_or(self.throttle);
        self.cut = order.cut.unwrap_or(self.cut);
        if let Some(retry_after) = &order.retry_after {
            self.retry_after.clone_from(retry_after);
        }
        if let Some(canned) = &order.canned {
            self.canned.clone_from(canned);
        }
    }
}

impl Canned {
    fn answer(&self) -> Response {
        let mut octets = self.body.clone().into_bytes();
        let length = octets
            .len()
            .saturating_add(self.padding.min(PADDING_OCTETS_MAX));
        octets.resize(length, b' ');
        // As a stream, so that no Content-Length warns the client.
        let body = Body::from_stream(stream::once(async { Ok::<_, Infallible>(octets) }));
        let mut response = Response::builder().status(self.status);
        if let Some(location) = &self.location {
            response = response.header(header::LOCATION, location);
        }
        let json = "application/json";
        let content_type = self.content_type.as_deref().unwrap_or(json);
        let built = response
            .header(header::CONTENT_TYPE, content_type)
            .body(body);
        built.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }
}

/// `GET /control`.
pub(super) async fn show(State(house): State<House>) -> Json<Value> {
    Json(listing(&house))
}

/// `POST /control`.
pub(super) async fn set(State(house): State<House>, body: Body) -> Response {
    let refuse = |why: String| (StatusCode::BAD_REQUEST, why).into_response();
    let order: Order = match read(body).await {
        Ok(order) => order,
        Err(why) => return refuse(why.to_string()),
    };
    if let Err(why) = set_user(&house, &order) {
        return refuse(why);
    }
    let obeyed = |faults: &Faults, order: &Order| {
        let mut faults = faults.clone();
        faults.obey(order);
        Arc::new(faults)
    };
    house.faults.store(obeyed(&house.faults.load(), &order));
    if let Some(order) = &order.graph {
        let faults = obeyed(&house.graph_faults.load(), order);
        house.graph_faults.store(faults);
    }
    if let Some(hide) = order.hide {
        house.graph_hides.store(hide, Ordering::Relaxed);
    }
    if order.forget == Some(true) {
        house.graph_forgets.fetch_add(1, Ordering::Relaxed);
    }
    if order.revoke == Some(true) {
        house.signer.store(Arc::new(Signer::new()));
    }
    Json(listing(&house)).into_response()
}

/// What the order says of a user.
fn set_user(house: &House, order: &Order) -> Result<(), String> {
    let password = order.password.clone().map(Secret::from);
    let any = order.state.is_some() || password.is_some() || order.groups.is_some();
    match (&order.user, any) {
        (None, false) => Ok(()),
        (Some(user), true) if !house.accounts.set(user, order.state, password) => {
            Err(format!("no account is called {user}"))
        }
        (Some(user), true) => {
            if let Some(groups) = &order.groups {
                house.groups.set(user, groups);
            }
            Ok(())
        }
        (None, true) | (Some(_), false) => {
            Err("a user goes with a state, a password or groups".to_owned())
        }
    }
}

/// Whatever its Content-Type: `curl -d` sends none that fits.
async fn read(body: Body) -> anyhow::Result<Order> {
    let octets = axum::body::to_bytes(body, ORDER_OCTETS_MAX).await?;
    Ok(serde_json::from_slice(&octets)?)
}

fn listing(house: &House) -> Value {
    json!({
        "asked": house.asked.load(Ordering::Relaxed),
        "faults": *house.faults.load_full(),
        "graph": {
            "asked": house.graph_asked.load(Ordering::Relaxed),
            "faults": *house.graph_faults.load_full(),
        },
        "users": house.accounts.list(),
    })
}

/// Tells `null` from absent.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

const ORDER_OCTETS_MAX: usize = 1024 * 1024;
const PADDING_OCTETS_MAX: usize = 64 * 1024 * 1024;
