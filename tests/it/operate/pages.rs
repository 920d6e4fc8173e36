//! Listings whose records are long: they come in pages that fit into one answer.

use countersign::admin::api;
use countersign::admin::api::user_service_client::UserServiceClient;
use countersign::login::Ledger as _;
use countersign::operate::NewUser;
use countersign_core::ledger::{Table, Write, query, storage};
use prost::Message as _;

use super::api::{api, bootstrapped, with};
use super::world::{MemoryLedger, admin, request, world};

/// Puts a record behind the log's back.
fn plant(ledger: &MemoryLedger, table: Table, key: &[u8], record: &impl prost::Message) {
    let put = Write::Put(table, key.to_vec(), record.encode_to_vec());
    ledger.write([put]);
}

#[tokio::test]
async fn users_with_long_records_come_in_several_pages() {
    let api = api().await;
    let root = bootstrapped(&api).await;
    for number in 0..40_u8 {
        let new = NewUser {
            name: format!("user{number:02}"),
            groups: (0..256).map(|n| format!("{n:0250}")).collect(),
            ..NewUser::default()
        };
        let (admin, id) = (admin(), request(number + 100));
        let added = api.world.operate.add_user(&admin, id, new).await;
        added.unwrap();
    }
    let mut users = UserServiceClient::new(api.channel.clone());
    let (mut names, mut pages, mut page_token) = (Vec::new(), 0, String::new());
    loop {
        let list = api::ListUsersRequest {
            page_size: 1000,
            page_token,
            ..Default::default()
        };
        let page = users
            .list_users(with(&root, list))
            .await
            .unwrap()
            .into_inner();
        assert!(page.encoded_len() < 2 << 20);
        names.extend(page.users.into_iter().map(|user| user.name));
        pages += 1;
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let all: Vec<_> = (0..40).map(|number| format!("user{number:02}")).collect();
    assert_eq!((names, pages), (all, 3));
}

#[tokio::test]
async fn long_audit_records_come_in_several_pages() {
    let world = world();
    let record = storage::Audit {
        before: "x".repeat(1024),
        after: "y".repeat(1024),
        ..storage::Audit::default()
    };
    let mut head = query::head(&world.ledger.view()).unwrap();
    for number in head.audit_next..1000 {
        plant(&world.ledger, Table::Audit, &number.to_be_bytes(), &record);
    }
    head.audit_next = 1000;
    plant(&world.ledger, Table::Head, &[], &head);
    let (mut numbers, mut pages, mut before) = (Vec::new(), 0, 0);
    while pages == 0 || before > 0 {
        let page = world.operate.list_audit(&admin(), before, 1000).unwrap();
        before = page.last().unwrap().number;
        numbers.extend(page.into_iter().map(|it| it.number));
        pages += 1;
    }
    assert!(numbers.into_iter().eq((0..1000).rev()));
    assert_eq!(pages, 2);
}

#[tokio::test]
async fn clients_with_long_records_come_in_several_pages() {
    let world = world();
    for id in 1..=400_u64 {
        let client = storage::Client {
            id,
            name: format!("fw{id:03}"),
            certificate_names: (0..16).map(|n| format!("{n:0250}")).collect(),
            ..storage::Client::default()
        };
        plant(&world.ledger, Table::Clients, &id.to_be_bytes(), &client);
    }
    let (mut names, mut pages, mut after) = (Vec::new(), 0, Some(String::new()));
    while let Some(from) = after {
        let (page, next) = world.operate.list_clients(&admin(), &from).unwrap();
        names.extend(page.into_iter().map(|client| client.name));
        (pages, after) = (pages + 1, next);
    }
    let all: Vec<_> = (1..=400).map(|id| format!("fw{id:03}")).collect();
    assert_eq!((names, pages), (all, 2));
}
