//! Rounds of synchronisation with a directory, through the ledger.

#![expect(clippy::unwrap_used, reason = "a failed preparation fails the test")]

use std::sync::Arc;

use countersign::admin::api;
use countersign::admin::api::settings_service_client::SettingsServiceClient;
use countersign::login::Ledger as _;
use countersign::operate::{NewUser, OperateError, Role, SyncOptions, SyncReport};
use countersign::sources::ldap::{Ldap, LdapSurroundings};
use countersign::sources::{Kind, PinnedServers, Source};
use countersign_core::base::{NodeId, RequestId, Secret, Unobserved};
use countersign_core::ledger::storage::{self, UserStatus, source};
use countersign_core::ledger::{query, synced};

use tonic::{Code, Status, Streaming};

use super::api::{bootstrapped, with};
use super::directory::{Directory, Person};
use super::world::{World, admin, caller, request, world};

/// A cluster whose users 0 and on are all in the directory.
async fn corp(count: usize) -> (World, Directory) {
    let (world, directory) = (world(), Directory::new().await);
    let server = format!("127.0.0.1:{}", directory.port);
    let document = format!(
        "[[source]]\nname = \"corp\"\n[source.ldap]\nservers = [\"ldap://{server}\"]\n\
         kind = \"active-directory\"\nbind = \"upn\"\nbase_dn = \"DC=corp\"\n\
         service_name = \"svc\"\nservice_password = \"s3rvice\"\ndangerous_clear_text = true\n"
    );
    let operate = &world.operate;
    let document = Secret::from(document);
    let put = operate
        .apply_settings(&admin(), request(99), &document, 0)
        .await;
    put.unwrap();
    let settings = query::settings(&world.ledger.view()).unwrap().sources;
    let settings = settings.into_iter().next().unwrap();
    let Some(source::Kind::Ldap(ldap)) = &settings.kind else {
        panic!("{settings:?}")
    };
    let surroundings = LdapSurroundings {
        pinned: PinnedServers::parse([&*server]).unwrap(),
        boot_key: Arc::new(Secret::from(&[7; 32][..])),
        ca_file: None,
        dangerous_clear_text: true,
        clock: Arc::<super::world::StoppedClock>::clone(&world.clock),
        operations: Arc::new(Unobserved),
    };
    let password = Some(Secret::from("s3rvice".to_owned()));
    let ldap = Ldap::configure("corp", &[], ldap, password, &surroundings).unwrap();
    let kind = Kind::Ldap(Box::new(ldap));
    world
        .sources
        .adopt(1, vec![Arc::new(Source { settings, kind })]);
    for number in 0..count {
        let id = RequestId(u128::try_from(number + 1).unwrap().to_be_bytes());
        let added = operate.add_user(&admin(), id, new(number)).await;
        added.unwrap();
    }
    directory.set(|people| people.extend((0..count).map(person)));
    (world, directory)
}

fn name(number: usize) -> String {
    format!("user{number}@corp.contoso.example")
}

fn new(number: usize) -> NewUser {
    NewUser {
        name: name(number),
        ..NewUser::default()
    }
}

fn person(number: usize) -> Person {
    Person {
        account: name(number),
        disabled: false,
        groups: Vec::new(),
    }
}

async fn sync(world: &World, number: u8, options: SyncOptions) -> SyncReport {
    run(world, number, options).await.unwrap()
}

async fn run(world: &World, number: u8, options: SyncOptions) -> Result<SyncReport, OperateError> {
    let (operate, request) = (&world.operate, request(number));
    operate
        .sync_source(&admin(), request, "", options, None)
        .await
}

const NOW: SyncOptions = SyncOptions {
    confirm: false,
    dry_run: false,
};
const DRY: SyncOptions = SyncOptions {
    dry_run: true,
    ..NOW
};
const CONFIRMED: SyncOptions = SyncOptions {
    confirm: true,
    ..NOW
};

fn stored(world: &World, number: usize) -> storage::User {
    let shown = world.operate.show_user(&admin(), &name(number));
    shown.unwrap().user
}

/// How many changes were told to the audit table.
fn audit_length(world: &World) -> u64 {
    query::head(&world.ledger.view()).unwrap().audit_next
}

fn refused(world: &World, count: usize) -> Vec<usize> {
    let is_refused = |number: &usize| synced::is_refused(&stored(world, *number));
    (0..count).filter(is_refused).collect()
}

#[tokio::test]
async fn a_round_writes_what_differs_and_nothing_else() {
    let (world, directory) = corp(40).await;
    let first = sync(&world, 1, NOW).await;
    assert_eq!((first.matched, first.changed, first.held), (40, 40, false));
    let before = audit_length(&world);
    let again = sync(&world, 2, NOW).await;
    assert_eq!((again.matched, again.changed), (40, 0));
    assert_eq!(audit_length(&world), before, "nothing was written");
    directory.set(|people| people[3].disabled = true);
    let dry = sync(&world, 3, DRY).await;
    assert_eq!(
        (dry.changed, dry.refused, &*dry.names),
        (1, 1, &[name(3)][..])
    );
    assert!(refused(&world, 40).is_empty());
    sync(&world, 4, NOW).await;
    assert_eq!(refused(&world, 40), [3]);
    // Whatever operators say.
    let enabled = world
        .operate
        .set_user_status(&admin(), request(5), &name(3), UserStatus::Active)
        .await;
    enabled.unwrap();
    assert_eq!(refused(&world, 40), [3]);
    directory.set(|people| people[3].disabled = false);
    sync(&world, 6, NOW).await;
    assert!(refused(&world, 40).is_empty());
}

#[tokio::test]
async fn a_round_that_would_refuse_too_many_waits_for_an_operator() {
    let (world, directory) = corp(40).await;
    sync(&world, 1, NOW).await;
    directory.set(|people| people.truncate(37));
    let held = world.operate.sync_due(NodeId(1), "corp").await.unwrap();
    assert_eq!((held.refused, held.held, held.changed), (3, true, 0));
    assert!(world.operate.is_sync_held("corp").unwrap());
    assert!(refused(&world, 40).is_empty());
    let before = audit_length(&world);
    let again = world.operate.sync_due(NodeId(1), "corp").await.unwrap();
    assert!(again.held);
    assert_eq!(audit_length(&world), before, "it was told once");
    // One more than the operator was told of.
    directory.set(|people| people.truncate(36));
    assert!(sync(&world, 2, CONFIRMED).await.held);
    assert!(!sync(&world, 3, CONFIRMED).await.held);
    assert_eq!(refused(&world, 40), [36, 37, 38, 39]);
    assert!(!world.operate.is_sync_held("corp").unwrap());
}

#[tokio::test]
async fn a_hold_is_over_when_the_directory_is_right_again() {
    let (world, directory) = corp(40).await;
    directory.set(|people| people.iter_mut().for_each(|it| it.disabled = true));
    assert!(sync(&world, 1, NOW).await.held);
    directory.set(|people| people.iter_mut().for_each(|it| it.disabled = false));
    assert!(!sync(&world, 2, NOW).await.held);
    assert!(!world.operate.is_sync_held("corp").unwrap());
    assert!(refused(&world, 40).is_empty());
}

#[tokio::test]
async fn a_list_that_breaks_off_changes_nothing() {
    let (world, directory) = corp(2).await;
    sync(&world, 1, NOW).await;
    directory.set(Vec::clear);
    directory.break_lists(true);
    let broken = world.operate.sync_due(NodeId(1), "corp").await;
    assert!(matches!(broken, Err(OperateError::Roster(_))), "{broken:?}");
    assert!(refused(&world, 2).is_empty());
}

#[tokio::test]
async fn what_was_read_of_users_without_a_source_is_forgotten() {
    let (world, directory) = corp(40).await;
    directory.set(|people| people[3].disabled = true);
    sync(&world, 1, NOW).await;
    world.operate.forget_unsynced(NodeId(1)).await.unwrap();
    assert_eq!(refused(&world, 40), [3]);
    let none = Secret::from(String::new());
    let put = world
        .operate
        .apply_settings(&admin(), request(2), &none, 0)
        .await;
    put.unwrap();
    world.operate.forget_unsynced(NodeId(1)).await.unwrap();
    assert_eq!(stored(&world, 3).synced, None);
}

#[tokio::test]
async fn only_administrators_run_a_round() {
    let (world, _directory) = corp(1).await;
    for role in [Role::Auditor, Role::Helpdesk] {
        let run = world
            .operate
            .sync_source(&caller(role), request(1), "", DRY, None)
            .await;
        assert!(matches!(run, Err(OperateError::Forbidden { .. })));
    }
    let unknown = world
        .operate
        .sync_source(&admin(), request(2), "nope", DRY, None)
        .await;
    assert!(matches!(unknown, Err(OperateError::NotFound { .. })));
}

#[tokio::test]
async fn where_users_are_read_from_nowhere_it_is_said_what_that_needs() {
    let none = world()
        .operate
        .sync_source(&admin(), request(1), "", DRY, None)
        .await;
    let why = none.unwrap_err().to_string();
    assert!(why.contains("a service account"), "{why}");
}

/// What the last message of a round says.
async fn reported(
    mut told: Streaming<api::SyncSourceProgress>,
) -> Result<api::SyncSourceReport, Status> {
    let mut last = api::SyncSourceProgress::default();
    while let Some(next) = told.message().await? {
        last = next;
    }
    Ok(last.report.unwrap())
}

#[tokio::test]
async fn a_round_outlives_the_call_that_asked_for_it() {
    let (world, directory) = corp(3).await;
    let closed = directory.close().await;
    let api = super::api::serving(world).await;
    let token = bootstrapped(&api).await;
    let mut settings = SettingsServiceClient::new(api.channel.clone());
    let message = api::SyncSourceRequest {
        request_id: vec![1; 16],
        ..Default::default()
    };
    let asked = settings.sync_source(with(&token, message)).await;
    let mut told = asked.unwrap().into_inner();
    let first = told.message().await.unwrap().unwrap();
    assert_eq!((first.reading, first.report), (3, None));
    drop(told);
    drop(closed);
    // After it, since one runs at a time.
    let dry = sync(&api.world, 2, DRY).await;
    assert_eq!((dry.matched, dry.changed), (3, 0), "it has written all");
}

#[tokio::test]
async fn a_repeated_round_writes_what_the_first_try_has_left() {
    // One part of a round has at most 256 users.
    let (world, _directory) = corp(300).await;
    world.ledger.lose_answers(1);
    let cut = run(&world, 1, NOW).await;
    assert!(
        matches!(cut, Err(OperateError::Unknown { request: id }) if id == request(1)),
        "{cut:?}"
    );
    let is_written = |number: &usize| stored(&world, *number).synced.is_some();
    assert_eq!((0..300).filter(is_written).count(), 256);
    assert_eq!(sync(&world, 1, NOW).await.changed, 44);
    assert_eq!((0..300).filter(is_written).count(), 300);
}

#[tokio::test]
async fn a_round_is_run_and_told_over_the_api() {
    let (world, directory) = corp(40).await;
    let api = super::api::serving(world).await;
    let token = bootstrapped(&api).await;
    let settings = SettingsServiceClient::new(api.channel.clone());
    let sync = async |number: u8, dry_run, confirm| {
        let message = api::SyncSourceRequest {
            request_id: vec![number; 16],
            source: "corp".to_owned(),
            dry_run,
            confirm,
        };
        let done = settings.clone().sync_source(with(&token, message)).await;
        reported(done?.into_inner()).await
    };
    let first = sync(1, false, false).await.unwrap();
    assert_eq!((first.matched, first.changed, first.held), (40, 40, false));
    directory.set(|people| people[..3].iter_mut().for_each(|it| it.disabled = true));
    let dry = sync(2, true, false).await.unwrap();
    assert!(dry.dry_run && dry.held);
    let mut named = dry.names;
    named.sort();
    assert_eq!((dry.refused, named), (3, (0..3).map(name).collect()));
    assert!(refused(&api.world, 40).is_empty());
    assert!(sync(3, false, false).await.unwrap().held);
    let done = sync(4, false, true).await.unwrap();
    assert_eq!((done.refused, done.held), (3, false));
    assert_eq!(refused(&api.world, 40), [0, 1, 2]);
    directory.break_lists(true);
    let broken = sync(5, false, false).await.unwrap_err();
    assert!(broken.message().contains("directory"), "{broken:?}");
    let stranger = with("nobody's", api::SyncSourceRequest::default());
    let refused = settings.clone().sync_source(stranger).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn what_was_learnt_of_a_directory_keeps_no_round_from_it() {
    let (world, _directory) = corp(40).await;
    let learnt = world.operate.learn_lockout(NodeId(1), "corp", 5).await;
    learnt.unwrap();
    let settings = query::settings(&world.ledger.view()).unwrap();
    assert_eq!(settings.sources[0].lockout_threshold, 5);
    assert_eq!(sync(&world, 1, NOW).await.matched, 40);
}
