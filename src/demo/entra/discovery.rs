//! What clients look at before they ask for a token.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;

use super::answer::{Refusal, Trace};
use super::log::noted;
use super::server::House;

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`.
pub(super) async fn openid_configuration(
    State(house): State<House>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Response {
    let faults = house.faults.load_full();
    if let Some((response, word)) = faults.interfere().await {
        return noted(response, None, word.to_owned());
    }
    let trace = Trace::of(&headers);
    if !house.is_tenant(&tenant) {
        let refusal = Refusal::UNKNOWN_TENANT;
        return noted(trace.refuse(refusal), None, refusal.code.to_string());
    }
    let base = format!("{}/{}", house.authority, house.tenant);
    let document = json!({
        "issuer": format!("{base}/v2.0"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "response_types_supported": ["id_token"],
        "scopes_supported": ["openid", "profile", "email"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
    });
    noted(trace.json(200, &document), None, "configuration".to_owned())
}

/// `GET /common/userrealm/{user}`.
pub(super) async fn user_realm(
    State(house): State<House>,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Response {
    let faults = house.faults.load_full();
    if let Some((response, word)) = faults.interfere().await {
        return noted(response, Some(user), word.to_owned());
    }
    let domain = user.rsplit_once('@').map_or("", |(_, domain)| domain);
    let kind = if house.accounts.has_domain(domain) {
        "Managed"
    } else {
        "Unknown"
    };
    let body = json!({
        "ver": "1.0",
        "account_type": kind,
        "domain_name": domain,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    });
    let response = Trace::of(&headers).json(200, &body);
    noted(response, Some(user), kind.to_lowercase())
}
