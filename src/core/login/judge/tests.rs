//! Which code of which token is found, and what is claimed and asked then.

use std::collections::BTreeSet;
use std::sync::Arc;

use prost::Message;

use super::*;
use crate::base::{AttemptKey, ClientId, KeyId, PlaceId, SeededEntropy, Timestamp, UserId};
use crate::ledger::attempts::State;
use crate::ledger::budgets::Limits;
use crate::ledger::rules::Prompt;
use crate::ledger::table::Counting;
use crate::ledger::{AllowedFactors, MemoryTables, Revisions, Table, Write};
use crate::login::{Call, Caller, Decision, Identity, LoginName, RuleList, Senders};
use crate::otp::{code_at, draw_seed};
use crate::policy::{ClientPolicy, Grants, NameForms, SourceDown, Terms, Texts};
use crate::seal::{DataKey, Purpose};

const USER: UserId = UserId(7);
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const STEP: u64 = 60_000_000;
const IDENTITY: Identity = Identity {
    user: USER,
    name: LoginName {
        key: AttemptKey([1; 32]),
        answer: None,
    },
    place: PlaceId([2; 16]),
};

fn rule(factors: Factors) -> Rule {
    let second = std::time::Duration::from_secs(1);
    Rule {
        client: "vpn".into(),
        rules: RuleList::from([]),
        policy: ClientPolicy {
            factors: Some(factors),
            deadline: second,
            source_timeout: second,
            lease: second * 2,
            window_steps: 1,
            on_source_down: SourceDown::Reject,
            name_forms: NameForms::default(),
            allowed: AllowedFactors::default(),
        },
        limits: Limits::of(&storage::Settings::default()),
        revisions: Revisions::default(),
        default_domain: String::new(),
        texts: Texts::default(),
        senders: Senders::default(),
    }
}

fn request(typed: &str) -> Request {
    Request {
        client: ClientId(1),
        client_revision: 0,
        user_name: b"alice".to_vec(),
        password: Secret::from(typed.as_bytes()),
        state: None,
        response: None,
        proven: true,
        caller: Caller::default(),
        arrived: NOW,
        call: Call::default(),
    }
}

struct World {
    tables: MemoryTables,
    secrets: Secrets,
    entropy: SeededEntropy,
    /// As the case was opened with them.
    tokens: BTreeSet<TokenId>,
}

impl World {
    fn new() -> Self {
        let mut entropy = SeededEntropy::new(1);
        let key = DataKey::draw(KeyId(1), Purpose::Fields, &mut entropy);
        let secrets = Secrets {
            cluster: ClusterId([9; 16]),
            keyring: Keyring::new([key], KeyId(1)).unwrap(),
            places: MacKey::draw(&mut entropy),
        };
        let tables = MemoryTables::default();
        Self {
            tables,
            secrets,
            entropy,
            tokens: BTreeSet::new(),
        }
    }

    /// A new token of the user; the code that it shows now.
    fn token(&mut self, id: u64, digits: u32) -> String {
        let seed = draw_seed(Algorithm::Sha1, &mut self.entropy);
        let row = id.to_be_bytes();
        let context = fields::token_seed(self.secrets.cluster, &row);
        let sealed = self
            .secrets
            .keyring
            .seal(&context, &seed, &mut self.entropy);
        let token = storage::Token {
            id,
            owner: USER.0,
            seed: sealed.unwrap().encode(),
            algorithm: storage::TokenAlgorithm::Sha1.into(),
            digits,
            period: 30,
            state: storage::TokenState::Active.into(),
            generation: 1,
            ..storage::Token::default()
        };
        self.put(&token);
        let parameters = Parameters {
            digits: Digits::try_from(digits).unwrap(),
            ..Parameters::default()
        };
        code_at(&seed, &parameters, STEP)
            .unwrap()
            .as_str()
            .to_owned()
    }

    fn put(&mut self, token: &storage::Token) {
        let row = token.id.to_be_bytes().to_vec();
        let put = Write::Put(Table::Tokens, row, token.encode_to_vec());
        self.tables.write(vec![put]);
        self.tokens.insert(TokenId(token.id));
    }

    fn judge(&self, typed: &str, factors: Factors) -> Result<Claim, Stop> {
        self.judge_case(&self.tables, &self.case(factors), typed, factors)
    }

    fn case(&self, factors: Factors) -> Case {
        Case {
            identity: IDENTITY,
            directory_name: "alice@contoso.example".into(),
            own_password: Vec::new(),
            tokens: self.tokens.iter().copied().collect(),
            user_revision: 0,
            passcodes: Vec::new(),
            record: None,
            issued: NOW,
            terms: Terms {
                factors,
                burn_code: None,
                prompt: Prompt::Append,
                passcode: None,
                account: (factors == Factors::CodeAndAccount).then(|| Arc::from([])),
                grants: Grants::default(),
                account_grants: None,
                to: None,
                initial_logins: 0,
            },
        }
    }

    fn judge_case(
        &self,
        view: &impl Read,
        case: &Case,
        typed: &str,
        factors: Factors,
    ) -> Result<Claim, Stop> {
        let (rule, request) = (rule(factors), request(typed));
        case.judge(
            view,
            (&request, None),
            &rule,
            &self.secrets,
            Owner::default(),
        )
    }

    /// Password and code came each by itself.
    fn apart(&self, password: &str, code: &str, factors: Factors) -> Claim {
        let (rule, request) = (rule(factors), request(code));
        let apart = Apart {
            password: Secret::from(password.as_bytes()),
            code: Secret::from(code.as_bytes()),
        };
        let typed = (&request, Some(&apart));
        let case = self.case(factors);
        let claim = case.judge(&self.tables, typed, &rule, &self.secrets, Owner::default());
        claim.unwrap()
    }

    fn both(&self, typed: &str) -> Claim {
        self.judge(typed, Factors::PasswordAndCode).unwrap()
    }
}

fn tokens(claim: &Claim) -> Vec<u64> {
    claim
        .begin
        .matches
        .iter()
        .map(|found| found.token.0)
        .collect()
}

fn password(claim: &Claim) -> &[u8] {
    claim
        .question
        .as_ref()
        .map_or(b"", |question| question.password.expose())
}

#[test]
fn the_code_that_matches_fixes_the_split() {
    let mut world = World::new();
    let (six, eight) = (world.token(1, 6), world.token(2, 8));
    for (password_typed, code, token) in [
        ("secret", &six, 1),
        ("secret12", &six, 1),
        ("secret", &eight, 2),
    ] {
        let claim = world.both(&format!("{password_typed}{code}"));
        assert_eq!(tokens(&claim), [token], "{password_typed}");
        assert_eq!(password(&claim), password_typed.as_bytes());
        assert_eq!(claim.question.unwrap().name, "alice@contoso.example");
    }
}

#[test]
fn what_came_each_by_itself_is_not_split_again() {
    let mut world = World::new();
    let code = world.token(1, 6);
    let ends_in_digits = format!("secret{code}");
    let claim = world.apart(&ends_in_digits, &code, Factors::PasswordAndCode);
    assert_eq!(
        (tokens(&claim), password(&claim)),
        (vec![1], ends_in_digits.as_bytes())
    );
    let wrong = world.apart(&ends_in_digits, "000000", Factors::PasswordAndCode);
    assert_eq!((tokens(&wrong), wrong.miss), (vec![], Reason::WrongCode));
    assert!(wrong.question.is_none());
    let bare = world.apart("", &code, Factors::PasswordAndCode);
    assert_eq!((tokens(&bare), bare.miss), (vec![], Reason::EmptyPassword));
    assert_eq!(tokens(&world.apart("", &code, Factors::Code)), [1]);
    // Nothing may stand before a code that is all.
    assert_eq!(tokens(&world.apart("secret", &code, Factors::Code)), []);
}

#[test]
fn a_code_of_no_token_is_claimed_without_matches_and_asks_nobody() {
    let mut world = World::new();
    world.token(1, 6);
    let claim = world.both("secret000000");
    assert_eq!((tokens(&claim), claim.miss), (vec![], Reason::WrongCode));
    assert!(claim.question.is_none());
}

#[test]
fn a_right_code_without_a_password_is_not_even_looked_at() {
    let mut world = World::new();
    let code = world.token(1, 6);
    let claim = world.both(&code);
    assert_eq!(
        (tokens(&claim), claim.miss),
        (vec![], Reason::EmptyPassword)
    );
    assert!(claim.question.is_none());
}

#[test]
fn where_the_code_is_all_nothing_is_asked() {
    let mut world = World::new();
    let code = world.token(1, 6);
    let claim = world.judge(&code, Factors::Code).unwrap();
    assert_eq!(tokens(&claim), [1]);
    assert!(claim.question.is_none());
    let claim = world
        .judge(&format!("secret{code}"), Factors::Code)
        .unwrap();
    assert_eq!(tokens(&claim), Vec::<u64>::new());
}

#[test]
fn where_no_code_is_asked_for_nothing_is_split_and_no_token_is_read() {
    let mut world = World::new();
    let code = world.token(1, 6);
    let typed = format!("secret{code}");
    let claim = world.judge(&typed, Factors::Password).unwrap();
    assert_eq!(tokens(&claim), Vec::<u64>::new());
    assert_eq!(password(&claim), typed.as_bytes());
    assert_eq!(claim.begin.factors, Factors::Password);
    let nobody = World::new().judge("secret", Factors::Password).unwrap();
    assert_eq!(password(&nobody), b"secret", "a user without a token");
    let stop = world.judge("", Factors::Password).unwrap_err();
    assert_eq!(stop.ending(), Ending::reject(Reason::EmptyPassword));
}

#[test]
fn a_token_that_is_not_active_or_not_understood_takes_no_login() {
    type Change = fn(&mut storage::Token);
    let changes: [Change; 5] = [
        |token| token.state = storage::TokenState::Pending.into(),
        |token| token.state = storage::TokenState::Disabled.into(),
        |token| token.algorithm = 99,
        |token| token.digits = 4,
        // Given to somebody else since the case was opened.
        |token| token.owner = USER.0 + 1,
    ];
    for change in changes {
        let mut world = World::new();
        world.token(1, 6);
        let mut token = query::token(&world.tables, TokenId(1)).unwrap().unwrap();
        change(&mut token);
        world.put(&token);
        let stop = world
            .judge("secret123456", Factors::PasswordAndCode)
            .unwrap_err();
        assert_eq!(stop.ending(), Ending::reject(Reason::NoToken));
    }
}

#[test]
fn a_seed_moved_from_another_token_opens_nothing_and_counts_nobody_wrong() {
    let mut world = World::new();
    let code = world.token(1, 6);
    let mut moved = query::token(&world.tables, TokenId(1)).unwrap().unwrap();
    moved.id = 2;
    world.put(&moved);
    let both = world.both(&format!("secret{code}"));
    assert_eq!(tokens(&both), [1]);
    moved.id = 1;
    moved.state = storage::TokenState::Disabled.into();
    world.put(&moved);
    let stop = world
        .judge(&format!("secret{code}"), Factors::PasswordAndCode)
        .unwrap_err();
    assert_eq!(stop.ending().decision, Decision::Silent);
    assert_eq!(stop.ending().reason, Reason::Unsealable);
}

#[test]
fn a_login_reads_each_record_once_and_scans_nothing() {
    let mut world = World::new();
    let code = world.token(1, 6);
    let user = storage::User {
        status: storage::UserStatus::Active.into(),
        tokens: vec![1],
        ..storage::User::default()
    };
    let row = USER.0.to_be_bytes().to_vec();
    let put = Write::Put(Table::Users, row, user.encode_to_vec());
    world.tables.write(vec![put]);
    let view = Counting::new(&world.tables);
    let head = query::head(&view).unwrap();
    let rule = rule(Factors::Code);
    let case = Case::open(&view, (&head, &rule), &request(&code), IDENTITY, NOW).unwrap();
    let claim = world.judge_case(&view, &case, &code, Factors::Code);
    assert_eq!(tokens(&claim.unwrap()), [1]);
    let read: Vec<_> = view.gets().into_iter().map(|(table, _)| table).collect();
    let of_case = [Table::Head, Table::Users, Table::Budgets];
    let of_judge = [Table::Tokens, Table::Counters];
    assert_eq!(read, [&of_case[..], &of_judge].concat());
    assert_eq!(view.scans(), 0);
}

#[test]
fn a_learnt_drift_of_an_older_seed_does_not_move_the_window() {
    let mut world = World::new();
    let code = world.token(1, 6);
    let counter = |generation| storage::Counter {
        generation,
        drift: 5,
        ..storage::Counter::default()
    };
    let found = |world: &World| tokens(&world.both(&format!("secret{code}"))).len();
    for (generation, expected) in [(0, 1), (1, 0)] {
        let key = 1_u64.to_be_bytes().to_vec();
        let put = Write::Put(Table::Counters, key, counter(generation).encode_to_vec());
        world.tables.write(vec![put]);
        assert_eq!(found(&world), expected, "generation {generation}");
    }
}

#[test]
fn where_the_account_must_be_alive_the_directory_is_asked_for_no_password() {
    let mut world = World::new();
    let code = world.token(1, 6);
    let claim = world.judge(&code, Factors::CodeAndAccount).unwrap();
    assert_eq!(tokens(&claim), [1]);
    let question = claim.question.unwrap();
    assert!(question.password.is_empty() && matches!(question.against, Against::Account));
    assert!(question.account.is_some() && claim.begin.account);
    let with_password = format!("secret{code}");
    let claim = world
        .judge(&with_password, Factors::CodeAndAccount)
        .unwrap();
    assert!(claim.question.is_none() && claim.begin.matches.is_empty());
}

#[test]
fn beside_a_password_the_account_is_asked_for_at_whoever_proves_it() {
    let mut world = World::new();
    let code = world.token(1, 6);
    for (factors, typed) in [
        (Factors::PasswordAndCode, format!("secret{code}")),
        (Factors::Password, "secret".to_owned()),
    ] {
        let mut case = world.case(factors);
        let asks = |case: &Case| {
            let claim = world.judge_case(&world.tables, case, &typed, factors);
            let Claim {
                begin, question, ..
            } = claim.unwrap();
            let question = question.unwrap();
            assert!(matches!(question.against, Against::Directory));
            assert_eq!(begin.account, question.account.is_some());
            question.account
        };
        assert_eq!(asks(&case), None);
        let groups: Arc<[String]> = Arc::from(["VPN".to_owned()]);
        case.terms.account = Some(Arc::clone(&groups));
        assert_eq!(asks(&case), Some(groups));
    }
}

#[test]
fn a_user_with_an_own_password_is_asked_for_at_no_directory() {
    let mut world = World::new();
    let code = world.token(1, 6);
    let hash = Secret::from("a PHC text".as_bytes());
    let mut entropy = SeededEntropy::new(5);
    let mut judge = |of: u64| {
        let row = of.to_be_bytes();
        let context = fields::user_password(world.secrets.cluster, &row);
        let sealed = world.secrets.keyring.seal(&context, &hash, &mut entropy);
        let mut case = world.case(Factors::PasswordAndCode);
        case.own_password = sealed.unwrap().encode();
        let typed = format!("secret{code}");
        world.judge_case(&world.tables, &case, &typed, Factors::PasswordAndCode)
    };
    let question = judge(USER.0).unwrap().question.unwrap();
    assert!(matches!(question.against, Against::Own(own) if own == hash));
    // Another user's, put there by somebody who holds the disk.
    let stop = judge(8).unwrap_err();
    assert_eq!(stop.ending(), Ending::silent(Reason::Unsealable));
}

/// A record that was made with a code of the token 1.
fn record(factors: Factors) -> Attempt {
    Attempt {
        user: USER,
        client: ClientId(1),
        place: PlaceId([2; 16]),
        matches: vec![Match {
            token: TokenId(1),
            generation: 1,
            step: STEP,
            offset: 0,
        }],
        owner: Owner::default(),
        epoch: Epoch::default(),
        factors,
        grace: std::time::Duration::ZERO,
        keep: std::time::Duration::ZERO,
        answer: None,
        passcode: 0,
        account: false,
        initial_logins: 0,
        relayed: None,
        state: State::Open { at: NOW },
    }
}

#[test]
fn a_code_that_has_left_its_window_is_read_as_its_record_was() {
    let mut world = World::new();
    world.token(1, 6);
    let question = |typed: &str, factors: Factors| {
        let mut case = world.case(factors);
        case.record = Some(record(factors));
        let claim = world.judge_case(&world.tables, &case, typed, factors);
        claim.unwrap().question.map(|it| it.password)
    };
    let (both, account) = (Factors::PasswordAndCode, Factors::CodeAndAccount);
    let secret = |text: &str| Some(Secret::from(text.as_bytes()));
    assert_eq!(question("secret000000", both), secret("secret"));
    // An empty password would be asked for, or a password where none is.
    assert_eq!(question("000000", both), None);
    assert_eq!(question("000000", account), secret(""));
    assert_eq!(question("secret000000", account), None);
}

#[test]
fn an_old_server_is_asked_as_if_the_device_had() {
    let world = World::new();
    let mut case = world.case(Factors::Forward);
    case.terms.to = Some("old".into());
    let claim = world.judge_case(&world.tables, &case, "secret123456", Factors::Forward);
    let claim = claim.unwrap();
    assert_eq!(password(&claim), b"secret123456", "nothing is split");
    assert!(claim.begin.matches.is_empty());
    assert_eq!(claim.let_in, Reason::AcceptedForwarded);
    let question = claim.question.unwrap();
    assert_eq!(question.name, "alice", "as it was typed");
    let Against::Forward(forwarded) = question.against else {
        panic!("{:?}", question.against);
    };
    assert_eq!(&*forwarded.server, "old");
    let stop = world.judge_case(&world.tables, &case, "", Factors::Forward);
    let ending = stop.unwrap_err().ending();
    assert_eq!(ending, Ending::reject(Reason::EmptyPassword));
}

#[test]
fn an_old_server_is_told_of_the_call_what_the_device_said_of_it() {
    let request = Request {
        caller: Caller {
            calling_station_id: Some(b"198.51.100.7".to_vec()),
            nas_identifier: Some(Vec::new()),
            nas_ip_address: Some([192, 0, 2, 1].into()),
            nas_port: Some(7),
            nas_port_id: None,
        },
        call: Call {
            called_station_id: Some(b"vpn".to_vec()),
            nas_port_type: Some(5),
            echoed_octets: 0,
        },
        ..request("secret")
    };
    let said = request.forwarded_attributes();
    let said: Vec<_> = said
        .iter()
        .map(|it| (it.number().to_string(), it.value().unwrap_or_default()))
        .collect();
    let expected: [(&str, &[u8]); 5] = [
        ("31", b"198.51.100.7"),
        ("30", b"vpn"),
        ("4", &[192, 0, 2, 1]),
        ("5", &[0, 0, 0, 7]),
        ("61", &[0, 0, 0, 5]),
    ];
    assert_eq!(
        said,
        expected.map(|(number, value)| (number.to_owned(), value))
    );
}

#[test]
fn an_answer_to_a_challenge_goes_to_no_old_server() {
    let world = World::new();
    let mut case = world.case(Factors::Forward);
    case.terms.to = Some("old".into());
    let apart = Apart {
        password: Secret::from(&b"secret"[..]),
        code: Secret::from(&b"123456"[..]),
    };
    let judge = |state| {
        let request = Request {
            state,
            ..request("123456")
        };
        let typed = (&request, Some(&apart));
        let rule = rule(Factors::Forward);
        case.judge(
            &world.tables,
            typed,
            &rule,
            &world.secrets,
            Owner::default(),
        )
    };
    let stop = judge(Some(vec![1])).unwrap_err();
    assert_eq!(stop.ending(), Ending::reject(Reason::ForwardToChallenge));
    // Of a static challenge the server gets what the device has sent.
    assert_eq!(password(&judge(None).unwrap()), b"123456");
}

#[test]
fn each_exception_is_told_as_what_it_is() {
    let mut world = World::new();
    world.token(1, 6);
    let let_in = |factors, initial_logins, record| {
        let mut case = world.case(factors);
        case.terms.initial_logins = initial_logins;
        case.record = record;
        let claim = world.judge_case(&world.tables, &case, "secret000000", factors);
        claim.unwrap().let_in
    };
    let password = Factors::Password;
    assert_eq!(let_in(password, 0, None), Reason::AcceptedSingleFactor);
    assert_eq!(let_in(password, 3, None), Reason::AcceptedInitial);
    assert_eq!(let_in(Factors::PasswordAndCode, 0, None), Reason::Accepted);
    // A code was shown before the rule asked for none.
    let shown = Some(record(Factors::PasswordAndCode));
    assert_eq!(let_in(password, 0, shown), Reason::Accepted);
}
