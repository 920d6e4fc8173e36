//! Where a request is led: to the flow of its login, to a challenge, or nowhere.
//!
//! Must not know when its device hears of it, or what a flow does.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{Timestamp, UserId};
use countersign_core::ledger::storage::Head;
use countersign_core::ledger::{Factors, Read, query};
use countersign_core::login::{
    AttemptMacs, Case, Decision, Dialogue, Ending, Identity, Opened, Reason, Request, Rule, Stop,
    Words, code_of,
};
use countersign_core::radius::Attribute;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::driver::{House, Logins};
use super::flows::{Entered, Told};
use super::passcodes::PasscodeAsk;
use super::ports::{Clock, Ledger, PasswordSource};
use super::task::Login;

/// What a request is judged by, whoever logs in.
pub(super) struct Basis {
    /// Asked for first: what is read of the tables after it is in force.
    pub(super) standing: Option<MayJudge>,
    ruling: Result<Ruling, Stop>,
}

/// Entry time and the attempt keys, where a node may judge.
pub(super) type MayJudge = (Timestamp, Arc<AttemptMacs>);
/// The head, read once for all that is read after it, and the rule of the client.
type Ruling = (Head, Arc<Rule>);

/// Where a request was led.
pub(super) enum Led {
    /// To no flow; its device hears this at once.
    AtOnce(Told),
    /// To no flow: the code is asked for, at once.
    Asked(Told, Box<Words>),
    /// To no flow: a passcode is asked for.
    Passcode(Box<PasscodeAsk>),
    /// To no flow; its device hears this in the ending's own time.
    Stopped(Factors, Told),
    /// To the flow that tells this.
    Flow(Factors, UserId, oneshot::Receiver<Told>, Answer),
}

/// What an Accept to this very packet carries beside what rules grant.
type Answer = Vec<Attribute>;

/// Why a request goes to no flow, and whose it is where that is known.
type Stopped = (Option<UserId>, Stop);

impl Basis {
    /// How long the device waits, as far as this node knows; it need not be in sync.
    pub(super) fn patience(&self) -> Duration {
        let deadline = |(_, rule): &Ruling| rule.policy.deadline;
        self.ruling.as_ref().map_or(PATIENCE, deadline)
    }
}

impl<L: Ledger, S: PasswordSource, C: Clock> Logins<L, S, C> {
    /// Leads a request to its flow, if it makes a login.
    pub(super) fn lead(
        &self,
        request: &Arc<Request>,
        received: Instant,
        deadline: Instant,
        basis: Basis,
    ) -> Led {
        let house = &self.0;
        let Some(standing) = basis.standing else {
            return Led::AtOnce(house.told(None, Ending::silent(Reason::NoQuorum)));
        };
        let (head, rule) = match basis.ruling {
            Ok(ruling) => ruling,
            Err(stop) => return Led::AtOnce(house.stopped(None, &stop)),
        };
        let stopped = |(user, stop): Stopped| {
            let factors = rule.usual_factors(request);
            Led::Stopped(factors, house.stopped(user, &stop))
        };
        let (request, answer) = match house.with_code(request, &rule) {
            Ok(found) => found,
            Err(stop) => return stopped((None, stop)),
        };
        let request = &request;
        let dialogue = match Dialogue::open(request, &standing.1) {
            Ok(dialogue) => dialogue,
            Err(stop) => return stopped((None, stop)),
        };
        let case = house.case(request, (&head, &rule), &standing);
        if let Some(user) = asked(&dialogue, request, &rule, case.as_ref()) {
            let asked = house.asked((&dialogue, &**request, &rule), case.as_ref(), &standing);
            return asked.unwrap_or_else(|stop| stopped((user, stop)));
        }
        let case = match case {
            Ok(case) => case,
            Err(at) => return stopped(at),
        };
        let factors = case.terms.factors;
        let Identity { user, name, .. } = case.identity;
        match house.flows.enter(name, deadline) {
            Entered::Full => {
                let told = house.told(Some(user), Ending::silent(Reason::Overload));
                Led::Stopped(factors, told)
            }
            Entered::Joined(told) => Led::Flow(factors, user, told, answer),
            Entered::First(ticket, told) => {
                let request = Arc::clone(request);
                let apart = dialogue.apart();
                let login = Login::new(house, (request, apart), received, ticket, (rule, case));
                tokio::spawn(login.run());
                Led::Flow(factors, user, told, answer)
            }
        }
    }
}

/// Whether the code is asked for, and of whom, where that is known. Who is unknown, locked,
/// disabled or refused by a rule is asked like most users of the client, before anything is
/// told of them.
#[expect(clippy::option_option, reason = "asked, and of whom")]
fn asked(
    dialogue: &Dialogue,
    request: &Request,
    rule: &Rule,
    case: Result<&Case, &Stopped>,
) -> Option<Option<UserId>> {
    let (user, prompt) = match case {
        Ok(case) => (Some(case.identity.user), case.terms.prompt),
        Err((_, Stop::Store(_))) => return None,
        Err((_, Stop::Ended(ending))) if ending.decision != Decision::Reject => return None,
        Err((user, Stop::Ended(_))) => (*user, rule.usual_prompt(request)),
    };
    let asks = dialogue.asks(prompt, request) || matches!(dialogue, Dialogue::Unanswered(_));
    asks.then_some(user)
}

impl<L: Ledger, S: PasswordSource, C: Clock> House<L, S, C> {
    /// Entry time and the attempt keys, where this node may judge now.
    pub(super) fn may_judge(&self) -> Option<MayJudge> {
        let issued = self.ledger.standing()?;
        // Named after the standing: what one word allowed, no older word unlocks.
        let macs = self.keys.at(self.neighbours.attempt_keys(), issued)?;
        Some((issued, macs))
    }

    pub(super) fn basis(&self, request: &Request) -> Basis {
        Basis {
            standing: self.may_judge(),
            ruling: self.ruling(&self.ledger.view(), request),
        }
    }

    pub(super) fn ruling(&self, view: &impl Read, request: &Request) -> Result<Ruling, Stop> {
        let head = query::head(view)?;
        let rule = self.rules.of(view, &head, request.client)?;
        rule.admit(request)?;
        Ok((head, rule))
    }

    fn case(
        &self,
        request: &Request,
        (head, rule): (&Head, &Rule),
        (issued, macs): &MayJudge,
    ) -> Result<Case, Stopped> {
        let view = self.ledger.view();
        let identity = self.identity(&view, request, (head, rule), (*issued, macs));
        let identity = identity.map_err(|stop| (None, stop))?;
        let case = Case::open(&view, (head, rule), request, identity, *issued);
        case.map_err(|stop| (Some(identity.user), stop))
    }

    pub(super) fn identity(
        &self,
        view: &impl Read,
        request: &Request,
        (head, rule): (&Head, &Rule),
        (issued, macs): (Timestamp, &AttemptMacs),
    ) -> Result<Identity, Stop> {
        let places = &self.secrets.load().places;
        Identity::find(view, head, request, rule, macs, places, issued)
    }

    /// The request with the code in clear, where its response was made with one that a token
    /// of the user may show; and what proves this server to the device, should the code let
    /// the user in.
    fn with_code(
        &self,
        request: &Arc<Request>,
        rule: &Rule,
    ) -> Result<(Arc<Request>, Answer), Stop> {
        let Some(response) = &request.response else {
            return Ok((Arc::clone(request), Vec::new()));
        };
        let secrets = self.secrets.load();
        let code = code_of(&self.ledger.view(), request, response, rule, &secrets)?;
        let Some(code) = code else {
            return Ok((Arc::clone(request), Vec::new()));
        };
        let answer = response.success(&code).unwrap_or_default();
        Ok((Arc::new(request.with_code(code)), answer))
    }

    /// The challenge that who is asked hears; or that a passcode is asked for first.
    fn asked(
        self: &Arc<Self>,
        (dialogue, request, rule): (&Dialogue, &Request, &Arc<Rule>),
        case: Result<&Case, &Stopped>,
        standing: &MayJudge,
    ) -> Result<Led, Stop> {
        let user = match case {
            Ok(case) => Some(case.identity.user),
            Err((user, _)) => *user,
        };
        if let Dialogue::Unanswered(Opened {
            asks_passcode: true,
            ..
        }) = dialogue
        {
            let case = case.map_err(|(user, stop)| (*user, stop.ending().reason));
            let ask = self.passcode((dialogue, request, rule), case, standing)?;
            if let Some(ask) = ask {
                return Ok(Led::Passcode(Box::new(ask)));
            }
        }
        let words = self.challenge(dialogue, request, rule, standing)?;
        Ok(Led::Asked(self.told(user, Ending::CHALLENGE), words))
    }

    fn challenge(
        &self,
        dialogue: &Dialogue,
        request: &Request,
        rule: &Rule,
        (issued, macs): &MayJudge,
    ) -> Result<Box<Words>, Stop> {
        let state = self.with_chance(|chance| dialogue.ask(request, macs, *issued, chance))?;
        let message = match dialogue {
            Dialogue::Unanswered(_) => &rule.texts.ask_again,
            Dialogue::Joined | Dialogue::Apart(_) => &rule.texts.ask,
        };
        let message = message.clone();
        Ok(Box::new(Words { message, state }))
    }

    /// What a packet hears that ends without a flow.
    fn stopped(&self, user: Option<UserId>, stop: &Stop) -> Told {
        if let Stop::Store(error) = stop {
            tracing::error!(%error, "a login found the store unreadable");
        }
        self.told(user, stop.ending())
    }
}

/// What a device waits at the least, where its client is not known.
const PATIENCE: Duration = Duration::from_millis(2500);
