//! What each action does, through the ledger.

use countersign::operate::{
    Action, ClientFacts, EventQuery, NewApiToken, NewToken, NewUser, OperateError, Role, TokensOf,
    UserEdit, refused,
};
use countersign_core::base::{Secret, Timestamp};
use countersign_core::ledger::storage::{self, Refusal, TokenState};
use countersign_core::ledger::{Read as _, Table};
use prost::Message as _;

use super::world::{BOOTSTRAP, World, admin, caller, code, first_token, request, world};
use countersign::login::Ledger as _;

const SEED: &[u8] = b"12345678901234567890";
const SEED_TEXT: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn alice() -> NewUser {
    NewUser {
        name: "alice@contoso.example".to_owned(),
        aliases: vec!["alice".to_owned()],
        ..Default::default()
    }
}

fn known_seed(owner: &str) -> NewToken {
    NewToken {
        owner: owner.to_owned(),
        serial: "4711".to_owned(),
        seed: Some(Secret::from(SEED_TEXT.to_owned())),
        issuer: "Contoso".to_owned(),
        ..Default::default()
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, OperateError>) -> Refusal {
    match result {
        Err(OperateError::Refused { refusal, .. }) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_user_is_found_by_every_name_and_listed_once() {
    let World { operate, .. } = world();
    let added = operate
        .add_user(&admin(), request(1), alice())
        .await
        .unwrap();
    assert_eq!(added.user.revision, 1);
    let shown = operate.show_user(&admin(), "ALICE").unwrap();
    assert_eq!(shown.user.id, added.user.id);
    let page = operate.list_users(&admin(), "", None, 10).unwrap();
    assert_eq!((page.users.len(), page.next), (1, None));
}

#[tokio::test]
async fn an_own_password_is_stored_sealed_and_can_be_taken_away() {
    let World {
        operate, ledger, ..
    } = world();
    operate
        .add_user(&admin(), request(1), alice())
        .await
        .unwrap();
    let password = Secret::from("correct horse".to_owned());
    let caller = admin();
    let set =
        |number, password| operate.set_user_password(&caller, request(number), "alice", password);
    let stored = || {
        let id = operate.show_user(&admin(), "alice").unwrap().user.id;
        let octets = ledger.view().get(Table::Users, &id.to_be_bytes());
        storage::User::decode(&*octets.unwrap().unwrap()).unwrap()
    };
    assert_eq!(set(2, Some(&password)).await.unwrap().revision, 2);
    let sealed = stored().password;
    let told = String::from_utf8_lossy(&sealed).into_owned();
    assert!(!sealed.is_empty() && !told.contains("argon2") && !told.contains("horse"));
    // Another change of the user keeps it.
    let edit = UserEdit {
        contact: Some("ada".to_owned()),
        ..UserEdit::default()
    };
    operate
        .set_user(&admin(), request(3), "alice", 0, edit)
        .await
        .unwrap();
    assert_eq!(stored().password, sealed);
    let short = Secret::from("short".to_owned());
    let refused = set(4, Some(&short)).await.unwrap_err();
    assert!(refused.to_string().contains("8 to 112 octets"), "{refused}");
    set(5, None).await.unwrap();
    assert!(stored().password.is_empty());
}

/// There its token may have been revoked unheard.
#[tokio::test]
async fn a_node_that_is_cut_off_shows_how_it_stands_and_nothing_else() {
    let World {
        operate, ledger, ..
    } = world();
    let root = admin();
    let query = || EventQuery {
        from: Timestamp::default(),
        until: Timestamp::from_millis(u64::MAX),
        user: String::new(),
        reference: String::new(),
        limit: 1,
    };
    assert!(operate.list_events(&root, query()).await.is_ok());
    assert!(operate.follow_events(&root).is_ok());
    ledger.cut_off();
    let late = |error: Option<OperateError>| matches!(error, Some(OperateError::NotProposed));
    assert!(late(operate.list_events(&root, query()).await.err()));
    assert!(late(operate.follow_events(&root).err()));
    assert!(late(operate.list_audit(&root, 0, 1).err()));
    assert!(!operate.status(&root).unwrap().in_sync);
    assert!(operate.members(&root).await.is_ok());
}

/// As on a node that lags behind: it has let the caller in by a token that is gone.
#[tokio::test]
async fn a_token_that_was_revoked_meanwhile_changes_nothing() {
    let World {
        operate, ledger, ..
    } = world();
    ledger.revoke_token_of(Role::Helpdesk);
    let grace = caller(Role::Helpdesk);
    let late = operate.add_user(&grace, request(1), alice());
    assert_eq!(refusal(late.await), Refusal::Forbidden);
    operate
        .add_user(&admin(), request(2), alice())
        .await
        .unwrap();
}

#[tokio::test]
async fn pages_give_every_user_once() {
    let World { operate, .. } = world();
    for number in 0..25_u8 {
        let new = NewUser {
            name: format!("user{number:02}"),
            aliases: (0..5).map(|a| format!("alias{number}-{a}")).collect(),
            ..Default::default()
        };
        operate
            .add_user(&admin(), request(number + 100), new)
            .await
            .unwrap();
    }
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = operate
            .list_users(&admin(), "", after.as_deref(), 4)
            .unwrap();
        names.extend(page.users.into_iter().map(|shown| shown.user.name));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let wanted: Vec<_> = (0..25).map(|number| format!("user{number:02}")).collect();
    assert_eq!(names, wanted);
}

#[tokio::test]
async fn an_auditor_changes_nothing_and_a_helpdesk_no_clients() {
    let World { operate, .. } = world();
    let auditor = caller(Role::Auditor);
    let refused = operate.add_user(&auditor, request(1), alice()).await;
    assert!(matches!(
        refused,
        Err(OperateError::Forbidden {
            action: Action::UserAdd,
            role: Role::Auditor
        })
    ));
    let helpdesk = caller(Role::Helpdesk);
    operate
        .add_user(&helpdesk, request(2), alice())
        .await
        .unwrap();
    let client = operate.add_client(&helpdesk, request(3), ClientFacts::default(), "", None);
    assert!(matches!(client.await, Err(OperateError::Forbidden { .. })));
    assert!(operate.list_audit(&auditor, 0, 10).is_ok());
}

#[tokio::test]
async fn a_repeated_request_is_done_once_and_told_the_same() {
    let World {
        operate, ledger, ..
    } = world();
    operate
        .add_user(&admin(), request(1), alice())
        .await
        .unwrap();
    ledger.lose_answers(1);
    let new = || NewToken {
        owner: "alice".to_owned(),
        ..Default::default()
    };
    let lost = operate.add_token(&admin(), request(2), new()).await;
    assert!(matches!(lost, Err(OperateError::Unknown { .. })));
    let again = operate
        .add_token(&admin(), request(2), new())
        .await
        .unwrap();
    let third = operate
        .add_token(&admin(), request(2), new())
        .await
        .unwrap();
    assert_eq!(again.uri, third.uri);
    let shown = operate
        .list_tokens(&admin(), &Default::default(), 0, 10)
        .unwrap();
    assert_eq!(shown.0.len(), 1);
    let other = NewToken {
        label: "other".to_owned(),
        ..new()
    };
    let reused = operate.add_token(&admin(), request(2), other).await;
    assert_eq!(refusal(reused), Refusal::RequestReused);
}

#[tokio::test]
async fn a_repeated_removal_is_told_as_done() {
    let World { operate, .. } = world();
    operate
        .add_user(&admin(), request(1), alice())
        .await
        .unwrap();
    operate
        .remove_user(&admin(), request(2), "alice", 0)
        .await
        .unwrap();
    operate
        .remove_user(&admin(), request(2), "alice", 0)
        .await
        .unwrap();
    let other = operate.remove_user(&admin(), request(3), "alice", 0).await;
    assert_eq!(refusal(other), Refusal::NotFound);
}

#[tokio::test]
async fn a_change_made_from_an_old_revision_is_refused() {
    let World { operate, .. } = world();
    operate
        .add_user(&admin(), request(1), alice())
        .await
        .unwrap();
    let edit = |contact: &str| UserEdit {
        contact: Some(contact.to_owned()),
        ..Default::default()
    };
    operate
        .set_user(&admin(), request(2), "alice", 1, edit("a"))
        .await
        .unwrap();
    let late = operate
        .set_user(&admin(), request(3), "alice", 1, edit("b"))
        .await;
    assert_eq!(refusal(late), Refusal::Revision);
}

#[tokio::test]
async fn a_pending_token_shows_its_seed_until_a_code_has_proven_it() {
    let World { operate, .. } = world();
    operate
        .add_user(&admin(), request(1), alice())
        .await
        .unwrap();
    let added = operate
        .add_token(&admin(), request(2), known_seed("alice"))
        .await
        .unwrap();
    let uri = added.uri.unwrap();
    let text = std::str::from_utf8(uri.expose()).unwrap();
    assert!(
        text.contains(SEED_TEXT) && text.contains("alice%40contoso.example"),
        "{text}"
    );
    assert_eq!(operate.token_uri(&admin(), "4711", "Contoso").unwrap(), uri);
    let activate = |number, code| {
        let operate = &operate;
        async move {
            let code: Option<Secret> = code;
            let active = TokenState::Active;
            operate
                .set_token_state(&admin(), request(number), "4711", active, code.as_ref())
                .await
        }
    };
    let unproven = activate(3, None).await;
    assert!(matches!(
        unproven,
        Err(OperateError::Invalid { field: "code", .. })
    ));
    let far = activate(4, Some(code(SEED, 9))).await;
    assert!(matches!(
        far,
        Err(OperateError::Invalid { field: "code", .. })
    ));
    activate(5, Some(code(SEED, 0))).await.unwrap();
    assert_eq!(
        refusal(operate.token_uri(&admin(), "4711", "Contoso")),
        Refusal::State
    );
}

#[tokio::test]
async fn a_token_that_nobody_could_enrol_is_not_made() {
    let World { operate, .. } = world();
    let misread = [
        ("Acme: VPN", "4711", ""),
        ("", "47:11", ""),
        ("", "", "a: b"),
    ];
    for (number, (issuer, serial, label)) in (1..).zip(misread) {
        let new = NewToken {
            issuer: issuer.to_owned(),
            serial: serial.to_owned(),
            label: label.to_owned(),
            ..NewToken::default()
        };
        let refused = operate.add_token(&admin(), request(number), new).await;
        assert!(
            matches!(refused, Err(OperateError::Invalid { .. })),
            "{refused:?}"
        );
        let made = operate.list_tokens(&admin(), &TokensOf::Everybody, 0, 10);
        assert!(made.unwrap().0.is_empty(), "{issuer}");
    }
}

#[tokio::test]
async fn two_successive_codes_set_the_drift_and_others_do_not() {
    let World { operate, .. } = world();
    operate
        .add_token(&admin(), request(1), known_seed(""))
        .await
        .unwrap();
    let resync = |number, first, second| {
        let operate = &operate;
        async move {
            let (first, second) = (code(SEED, first), code(SEED, second));
            operate
                .resync_token(&admin(), request(number), "4711", [&first, &second])
                .await
        }
    };
    assert!(resync(2, 2, 4).await.is_err());
    let far = resync(3, 19, 20).await.unwrap_err().to_string();
    assert!(far.contains("off by 20 steps"), "{far}");
    assert_eq!(resync(4, 3, 4).await.unwrap(), 4);
    assert_eq!(operate.show_token(&admin(), "4711").unwrap().drift, 4);
}

#[tokio::test]
async fn a_rotated_secret_stays_valid_beside_the_new_one_until_it_is_dropped() {
    let World { operate, .. } = world();
    let facts = ClientFacts(storage::Client {
        name: "vpn".to_owned(),
        ranges: vec!["198.51.100.7/24".to_owned()],
        factors: storage::Factors::Code.into(),
        timeout: 3000,
        tries: 3,
        servers: 2,
        ..Default::default()
    });
    let added = operate
        .add_client(&admin(), request(1), facts, "", None)
        .await
        .unwrap();
    assert_eq!(added.client.ranges, ["198.51.100.0/24"]);
    assert_eq!(added.secret.unwrap().len(), 32);
    let caller = admin();
    let rotate =
        |number, drop| operate.rotate_client_secret(&caller, request(number), "vpn", None, drop);
    let new = rotate(2, false).await.unwrap();
    assert_eq!(new.client.secrets.len(), 2);
    let repeated = rotate(2, false).await.unwrap();
    assert_eq!(
        (repeated.secret, repeated.client.secrets.len()),
        (new.secret, 2)
    );
    assert_eq!(rotate(3, true).await.unwrap().client.secrets.len(), 1);
}

#[tokio::test]
async fn settings_are_put_as_a_whole_and_their_secret_is_kept_when_masked() {
    let World {
        operate, ledger, ..
    } = world();
    let text = "[[source]]\n[source.entra]\ntenant = \"contoso.example\"\n\
                client_id = \"11111111-2222-3333-4444-555555555555\"\n\
                client_secret = \"hunter2hunter2\"\n";
    let apply = |number, text: String| {
        let operate = &operate;
        async move {
            operate
                .apply_settings(&admin(), request(number), &Secret::from(text), 0)
                .await
        }
    };
    apply(1, text.to_owned()).await.unwrap();
    let shown = operate.show_settings(&admin()).unwrap();
    assert!(!shown.document.contains("hunter2"), "{}", shown.document);
    let sealed = || {
        let octets = ledger.view().get(Table::Settings, &[]).unwrap().unwrap();
        let mut settings = storage::Settings::decode(&*octets).unwrap();
        let source = settings.sources.pop().unwrap();
        let Some(storage::source::Kind::Entra(entra)) = source.kind else {
            panic!("not Entra");
        };
        entra.client_secret
    };
    let before = sealed();
    apply(2, shown.document.replace("1111-", "1112-"))
        .await
        .unwrap();
    assert_eq!(sealed(), before);
    assert_eq!(refusal(apply(3, shown.document).await), Refusal::Revision);
}

#[tokio::test]
async fn no_secret_is_in_the_tables_the_audit_or_a_debug_print() {
    let World {
        operate, ledger, ..
    } = world();
    let token = operate
        .add_token(&admin(), request(1), known_seed(""))
        .await
        .unwrap();
    let new = NewApiToken {
        name: "ci".to_owned(),
        operator: "root".to_owned(),
        role: Role::Auditor,
        expires: 0,
        networks: Vec::new(),
    };
    bootstrap(&operate).await.unwrap();
    let api = operate
        .add_api_token(&admin(), request(3), new)
        .await
        .unwrap();
    let api_text = String::from_utf8(api.secret.expose().to_vec()).unwrap();
    let printed = format!("{token:?} {api:?}");
    assert!(!printed.contains(SEED_TEXT) && !printed.contains(&api_text));
    let mut stored = Vec::new();
    for (_, key, value) in ledger.view().records() {
        stored.extend_from_slice(key);
        stored.extend_from_slice(value);
    }
    let holds = |secret: &[u8]| stored.windows(secret.len()).any(|found| found == secret);
    for secret in [
        SEED,
        SEED_TEXT.as_bytes(),
        api_text.as_bytes(),
        BOOTSTRAP.as_bytes(),
    ] {
        assert!(!holds(secret));
    }
    assert!(holds(b"token.put"), "the audit is among what was searched");
}

async fn bootstrap(
    operate: &countersign::operate::Operate<super::world::MemoryLedger>,
) -> Result<(), OperateError> {
    let proof = Secret::from(BOOTSTRAP.to_owned());
    let made = operate.bootstrap(admin().source, request(90), &proof, "root", first_token());
    made.await.map(drop)
}

#[tokio::test]
async fn the_bootstrap_token_works_once_and_its_retry_is_told_the_same() {
    let World {
        operate, ledger, ..
    } = world();
    let wrong = Secret::from("another".to_owned());
    let refused = operate.bootstrap(admin().source, request(1), &wrong, "eve", first_token());
    assert_eq!(refusal(refused.await), Refusal::Bootstrap);
    ledger.lose_answers(1);
    assert!(matches!(
        bootstrap(&operate).await,
        Err(OperateError::Unknown { .. })
    ));
    bootstrap(&operate).await.unwrap();
    let caller = operate.caller(&first_token(), admin().source).unwrap();
    assert_eq!((&*caller.operator, caller.role), ("root", Role::Admin));
    let proof = Secret::from(BOOTSTRAP.to_owned());
    let second = operate.bootstrap(admin().source, request(91), &proof, "eve", first_token());
    assert_eq!(refusal(second.await), Refusal::Bootstrap);
}

#[tokio::test]
async fn it_is_told_what_became_of_a_request_whose_answer_got_lost() {
    let World {
        operate, ledger, ..
    } = world();
    ledger.lose_answers(1);
    let lost = operate.add_user(&admin(), request(1), alice()).await;
    assert!(matches!(lost, Err(OperateError::Unknown { .. })));
    let ended = |number| operate.show_request(&admin(), request(number)).unwrap();
    let (action, outcome) = ended(1).expect("it was done");
    assert_eq!((&*action, outcome.revision), ("user.put", 1));
    let twin = operate.add_user(&admin(), request(2), alice()).await;
    assert_eq!(refusal(twin), Refusal::Exists);
    let (_, outcome) = ended(2).expect("it was refused");
    let why = refused(&outcome).expect("it was refused").to_string();
    assert!(why.contains("is taken"), "{why}");
    assert!(ended(3).is_none());
}
