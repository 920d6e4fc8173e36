//! What the accepted logins of one input have in common, and must not.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::base::{AttemptKey, Epoch, Timestamp};
use countersign_core::ledger::attempts::{self, Attempt, State as Stage};
use countersign_core::ledger::{Factors, Match, Read, Verdict, query, storage};
use countersign_core::login::Request;

use crate::state::STATE;

/// Who was let in by which code.
#[derive(Default)]
pub(crate) struct Claims {
    /// Token, generation of its seed and step → the only grant that it let in.
    spent: BTreeMap<(u64, u64, u64), (AttemptKey, Epoch)>,
    /// The logins whose password the source has found right.
    proven: BTreeSet<AttemptKey>,
}

impl Claims {
    /// The source says that the password is right.
    pub(crate) fn proven(&mut self, key: AttemptKey) {
        self.proven.insert(key);
    }

    /// A login is let in by what the tables say now.
    pub(crate) fn accepted(&mut self, view: &impl Read, key: AttemptKey, request: &Request) {
        let head = query::head(view).expect("the head can be read");
        let record = attempts::look(view, &head, &key, Timestamp::default());
        let record = record
            .expect("attempts can be read")
            .expect("let in without a record");
        let is_accepted = matches!(
            record.state,
            Stage::Settled {
                verdict: Verdict::Accepted,
                ..
            }
        );
        assert!(is_accepted, "let in by {record:?}");
        self.check_factors(view, key, request, &record);
        check_revoked(view, request, &record);
        assert!(!record.matches.is_empty(), "let in without a code");
        for step in &record.matches {
            check_code(request, step);
            let code = (step.token.0, step.generation, step.step);
            let grant = (key, record.epoch);
            let first = self.spent.insert(code, grant).unwrap_or(grant);
            assert_eq!(first, grant, "one code let in two logins: {step:?}");
        }
    }

    /// Nobody comes in without the password where the client's rule asks for it.
    fn check_factors(
        &self,
        view: &impl Read,
        key: AttemptKey,
        request: &Request,
        record: &Attempt,
    ) {
        let client = query::client(view, request.client).expect("clients can be read");
        let client = client.expect("let in through a client that is gone");
        let is_asked = client.factors() == storage::Factors::PasswordAndCode
            || record.factors == Factors::PasswordAndCode;
        assert!(
            !is_asked || self.proven.contains(&key),
            "let in without the password"
        );
    }
}

/// What was revoked lets nobody in (I5).
fn check_revoked(view: &impl Read, request: &Request, record: &Attempt) {
    assert_eq!(
        record.client, request.client,
        "the record is another client's"
    );
    let user = query::user(view, record.user).expect("users can be read");
    let status = user.expect("let in as a user who is gone").status();
    assert_eq!(
        status,
        storage::UserStatus::Active,
        "let in as a disabled user"
    );
    for step in &record.matches {
        let token = query::token(view, step.token).expect("tokens can be read");
        let token = token.expect("let in with a token that is gone");
        assert_eq!(
            token.state(),
            storage::TokenState::Active,
            "let in with {token:?}"
        );
        let same = (token.owner, token.generation) == (record.user.0, step.generation);
        assert!(same, "let in with another's token or seed");
    }
}

/// The typed octets end with the code that the user's own app shows for that step.
fn check_code(request: &Request, step: &Match) {
    let tester = STATE
        .testers
        .iter()
        .find(|tester| tester.token == step.token.0);
    let code = tester.expect("no other tokens are made").code_of(step.step);
    let typed = request.password.expose();
    assert!(
        !code.is_empty() && typed.ends_with(&code),
        "let in by a wrong code"
    );
}
