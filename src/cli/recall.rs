//! What a repeated request came to, where it is made anew from what is read: once it is done,
//! the same command would ask for something else.

use super::connection::Session;
use super::failure::Failure;
use crate::admin::api;
use crate::admin::api::operator_service_client::OperatorServiceClient;

/// How the request of the given id ended, if it was done; `None`: no id was given, or none is
/// known. `action`: what it was, as the audit names it.
pub(super) async fn recalled(
    session: &Session,
    action: &str,
) -> Result<Option<api::GetRequestResponse>, Failure> {
    if !session.is_repeated {
        return Ok(None);
    }
    let mut operators = OperatorServiceClient::new(session.named());
    let get = api::GetRequestRequest {
        request_id: session.request_id(),
    };
    ended(session.done(operators.get_request(get).await)?, action)
}

fn ended(
    told: api::GetRequestResponse,
    action: &str,
) -> Result<Option<api::GetRequestResponse>, Failure> {
    if !told.known {
        return Ok(None);
    }
    if told.action != action {
        let why = format!("the request id named another request: {}", told.action);
        return Err(Failure::Refused(why));
    }
    if told.refused.is_empty() {
        Ok(Some(told))
    } else {
        Err(Failure::Refused(told.refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_as_it_ended_and_none_as_another() {
        let told = |action: &str, refused: &str| api::GetRequestResponse {
            known: true,
            revision: 7,
            refused: refused.to_owned(),
            action: action.to_owned(),
            ..Default::default()
        };
        let done = ended(told("rules.put", ""), "rules.put");
        assert_eq!(done.ok().flatten().map(|it| it.revision), Some(7));
        let refused = ended(told("rules.put", "no such rule"), "rules.put");
        assert!(refused.is_err_and(|why| why.to_string() == "no such rule"));
        let other = ended(told("user.put", ""), "rules.put");
        assert!(other.is_err_and(|why| why.to_string().contains("user.put")));
        let unknown = ended(api::GetRequestResponse::default(), "rules.put");
        assert!(unknown.is_ok_and(|it| it.is_none()));
    }
}
