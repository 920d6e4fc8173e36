//! Imports: chunks, all or nothing, rehearsals.

#![expect(clippy::unwrap_used, reason = "a failed preparation fails the test")]

use countersign::admin::api;
use countersign::admin::api::import_service_client::ImportServiceClient;
use countersign::operate::{ImportOptions, OperateError, Role, RowReport};
use countersign_core::base::Secret;
use countersign_core::ledger::storage::TokenState;
use tokio::sync::mpsc;
use tonic::Code;

use super::api::{api, bootstrapped, token, with};
use super::world::{World, admin, request, world};

const HEADER: &str = "upn,serial number,secret key,time interval,manufacturer,model\n";

fn file(rows: usize) -> String {
    let row = |n: usize| {
        format!("user{n}@contoso.example,S{n},GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ,30,Contoso,T1\n")
    };
    (0..rows)
        .map(row)
        .fold(HEADER.to_owned(), |file, row| file + &row)
}

async fn import(
    world: &World,
    number: u8,
    file: &str,
    options: ImportOptions,
) -> Result<Vec<RowReport>, OperateError> {
    let (report, mut reports) = mpsc::channel(1000);
    let file = Secret::from(file.to_owned());
    let (id, admin) = (request(number), admin());
    world
        .operate
        .import_azure_csv(&admin, id, file, options, report)
        .await?;
    let mut done = Vec::new();
    while let Some(progress) = reports.recv().await {
        done.extend(progress.done);
    }
    Ok(done)
}

fn refused(rows: &[RowReport]) -> Vec<u64> {
    let refused = rows.iter().filter(|row| row.refused.is_some());
    refused.map(|row| row.line).collect()
}

fn tokens(world: &World) -> usize {
    let all = world
        .operate
        .list_tokens(&admin(), &Default::default(), 0, 1000);
    all.unwrap().0.len()
}

#[tokio::test]
async fn every_row_of_a_long_file_is_reported_once_and_in_order() {
    let world = world();
    let rows = import(&world, 1, &file(950), ImportOptions::default())
        .await
        .unwrap();
    let lines: Vec<_> = rows.iter().map(|row| row.line).collect();
    assert_eq!(lines, (2..=951).collect::<Vec<_>>());
    assert_eq!((refused(&rows).len(), tokens(&world)), (0, 950));
    let token = world.operate.show_token(&admin(), "S7").unwrap();
    assert_eq!(token.owner, "user7@contoso.example");
    assert_eq!(token.token.state(), TokenState::Active);
}

#[tokio::test]
async fn a_bad_row_is_told_by_its_line_and_the_others_are_imported() {
    let world = world();
    let file = file(3) + "eve,S9,not-base-32!,30,,\n" + "bob,S1,GEZDGNBVGY3TQOJQGEZDGNBVGY,30,,\n";
    let rows = import(&world, 1, &file, ImportOptions::default())
        .await
        .unwrap();
    assert_eq!((refused(&rows), tokens(&world)), (vec![5, 6], 3));
}

#[tokio::test]
async fn with_atomic_one_bad_row_leaves_nothing() {
    let world = world();
    let atomic = ImportOptions {
        atomic: true,
        ..Default::default()
    };
    let unreadable = file(3) + "eve,S9,not-base-32!,30,,\n";
    let rows = import(&world, 1, &unreadable, atomic).await.unwrap();
    assert_eq!((refused(&rows), tokens(&world)), (vec![2, 3, 4, 5], 0));
    import(&world, 2, &file(1), ImportOptions::default())
        .await
        .unwrap();
    let rows = import(&world, 3, &file(3), atomic).await.unwrap();
    assert_eq!((refused(&rows), tokens(&world)), (vec![2, 3, 4], 1));
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_says_what_would_be_refused() {
    let world = world();
    import(&world, 1, &file(1), ImportOptions::default())
        .await
        .unwrap();
    let dry = ImportOptions {
        dry_run: true,
        ..Default::default()
    };
    let rows = import(&world, 2, &file(3), dry).await.unwrap();
    assert_eq!((refused(&rows), tokens(&world)), (vec![2], 1));
}

#[tokio::test(start_paused = true)]
async fn an_import_repeated_under_its_id_does_nothing_twice() {
    let world = world();
    world.ledger.lose_answers(2);
    let first = import(&world, 1, &file(450), ImportOptions::default())
        .await
        .unwrap();
    assert_eq!((refused(&first).len(), tokens(&world)), (0, 450));
    let again = import(&world, 1, &file(450), ImportOptions::default())
        .await
        .unwrap();
    assert_eq!((first, tokens(&world)), (again, 450));
}

#[tokio::test]
async fn a_rehearsal_stays_beside_the_event_loop_and_is_told_in_parts() {
    let world = world();
    let (report, mut reports) = mpsc::channel(10);
    let dry = ImportOptions {
        dry_run: true,
        ..Default::default()
    };
    let (root, file) = (admin(), Secret::from(file(450)));
    let operate = &world.operate;
    let done = operate.import_azure_csv(&root, request(2), file, dry, report);
    done.await.unwrap();
    assert!(!world.ledger.was_viewed_here());
    let mut lengths = Vec::new();
    while let Some(part) = reports.recv().await {
        lengths.push(part.done.len());
    }
    assert_eq!(lengths, [200, 200, 50]);
}

#[tokio::test]
async fn who_may_not_import_is_told_before_the_file_comes() {
    let api = api().await;
    bootstrapped(&api).await;
    let auditor = token(&api, "aaa", Role::Auditor, 0, "127.0.0.0/8").await;
    let mut imports = ImportServiceClient::new(api.channel.clone());
    let never = tokio_stream::pending::<api::ImportRequest>();
    let refused = imports.import_azure_csv(with(&auditor, never)).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
}
