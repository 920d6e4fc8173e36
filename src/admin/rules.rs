//! Rules over gRPC.

use countersign_core::base::Timestamp;
use tonic::{Request, Response, Status};

use super::api::{self, rule_service_server::RuleService};
use super::auth::caller;
use super::convert::{page_size, request_id};
use super::server::Desk;
use crate::login::Ledger;
use crate::operate::{Difference, ForwardedUser, RuleStep, RuleTrial, RuleWritten};

#[tonic::async_trait]
impl<L: Ledger> RuleService for Desk<L> {
    async fn get_rules(
        &self,
        request: Request<api::GetRulesRequest>,
    ) -> Result<Response<api::Rules>, Status> {
        let shown = self.0.list_rules(&caller(&request)?)?;
        Ok(Response::new(api::Rules {
            rules: shown.rules.into_iter().map(api::Rule::from).collect(),
            revision: shown.revision,
            trial_until: shown.trial_until.map_or(0, Timestamp::as_millis),
        }))
    }

    async fn put_rules(
        &self,
        request: Request<api::PutRulesRequest>,
    ) -> Result<Response<api::PutRulesResponse>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let rules = asked.rules.into_iter().map(RuleWritten::from).collect();
        let put = self.0.put_rules(
            &caller,
            id,
            rules,
            asked.expected_revision,
            asked.confirm_within,
        );
        let done = put.await?;
        Ok(Response::new(api::PutRulesResponse {
            revision: done.revision,
            note: done.detail,
        }))
    }

    async fn replay_rules(
        &self,
        request: Request<api::ReplayRulesRequest>,
    ) -> Result<Response<api::ReplayRulesResponse>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let since = Timestamp::from_millis(asked.since);
        let draft: Vec<_> = asked.rules.into_iter().map(RuleWritten::from).collect();
        let replayed = self.0.replay_rules(&caller, &draft, since).await?;
        Ok(Response::new(api::ReplayRulesResponse {
            logins: replayed.logins,
            gone: replayed.gone,
            more: replayed.more,
            differences: replayed.differences.into_iter().map(difference).collect(),
        }))
    }

    async fn test_rules(
        &self,
        request: Request<api::TestRulesRequest>,
    ) -> Result<Response<api::TestRulesResponse>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let draft = asked.rules.into_iter().map(RuleWritten::from).collect();
        let trial = RuleTrial {
            user: asked.user,
            client: asked.client,
            attributes: asked.attributes,
            at: Timestamp::from_millis(asked.at),
            draft: asked.draft.then_some(draft),
        };
        let result = self.0.try_rules(&caller, &trial)?;
        Ok(Response::new(api::TestRulesResponse {
            steps: result.steps.into_iter().map(step).collect(),
            refusal: result.refusal,
            factors: result.factors,
            burn_code: result.burn_code,
            prompt: result.prompt,
            attributes: result.attributes,
            to: result.to,
            initial_logins: result.initial_logins,
            initial_logins_used: result.initial_logins_used,
        }))
    }

    async fn list_forwarded(
        &self,
        request: Request<api::ListForwardedRequest>,
    ) -> Result<Response<api::ListForwardedResponse>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let after = Some(&*asked.page_token).filter(|token| !token.is_empty());
        let limit = page_size(asked.page_size);
        let page = self.0.list_forwarded(&caller, after, limit)?;
        Ok(Response::new(api::ListForwardedResponse {
            forwarded: page.forwarded.into_iter().map(forwarded).collect(),
            never: page.never,
            next_page_token: page.next.unwrap_or_default(),
        }))
    }
}

fn forwarded(it: ForwardedUser) -> api::list_forwarded_response::Forwarded {
    api::list_forwarded_response::Forwarded {
        user: it.user,
        server: it.server,
        at: it.at,
        has_token: it.has_token,
    }
}

fn difference(it: Difference) -> api::replay_rules_response::Difference {
    api::replay_rules_response::Difference {
        user: it.user,
        client: it.client,
        caller: it.caller,
        count: it.count,
        last: it.last.as_millis(),
        now: it.now,
        draft: it.draft,
    }
}

fn step(step: RuleStep) -> api::test_rules_response::Step {
    api::test_rules_response::Step {
        rule: step.rule,
        mismatch: step.mismatch,
    }
}

impl From<RuleWritten> for api::Rule {
    fn from(rule: RuleWritten) -> Self {
        Self {
            name: rule.name,
            clients: rule.clients,
            users: rule.users,
            groups: rule.groups,
            domains: rule.domains,
            addresses: rule.addresses,
            nas: rule.nas,
            hours: rule.hours,
            until: rule.until,
            factors: rule.factors,
            to: rule.to,
            initial_logins: rule.initial_logins,
            burn_code: rule.burn_code,
            prompt: rule.prompt,
            passcode: rule.passcode,
            account: rule.account,
            account_groups: rule.account_groups,
            attributes: rule.attributes,
        }
    }
}

impl From<api::Rule> for RuleWritten {
    fn from(rule: api::Rule) -> Self {
        Self {
            name: rule.name,
            clients: rule.clients,
            users: rule.users,
            groups: rule.groups,
            domains: rule.domains,
            addresses: rule.addresses,
            nas: rule.nas,
            hours: rule.hours,
            until: rule.until,
            factors: rule.factors,
            to: rule.to,
            initial_logins: rule.initial_logins,
            burn_code: rule.burn_code,
            prompt: rule.prompt,
            passcode: rule.passcode,
            account: rule.account,
            account_groups: rule.account_groups,
            attributes: rule.attributes,
        }
    }
}
