//! What a client's entry says of its logins.

use std::time::Duration;

use countersign_core::ledger::Table;
use countersign_core::ledger::storage::{Client, Factors, NameForm};
use countersign_core::login::{Decision, Reason};
use tokio::time::advance;

use super::world::{PROXY, VPN, World};
use super::{ACCEPTED, reject, said};

fn edit(world: &World, id: u64, change: impl FnOnce(&mut Client)) {
    world.ledger.edit(Table::Clients, id, change);
}

#[tokio::test(start_paused = true)]
async fn a_name_of_another_form_is_refused_like_any_other() {
    let world = World::new();
    edit(&world, VPN.0, |it| {
        it.default_domain = "contoso.example".into();
        it.name_forms = vec![NameForm::Upn.into(), NameForm::DownLevel.into()];
    });
    let mut bare = world.right();
    bare.user_name = b"alice".to_vec();
    assert_eq!(said(&world.login(bare).await), reject(Reason::NameForm));
    assert_eq!(
        world.ledger.commands(),
        (0, 0),
        "no command, as for an unknown user"
    );
    let mut down_level = world.right();
    down_level.user_name = br"CONTOSO\alice".to_vec();
    assert_eq!(said(&world.login(down_level).await), ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_would_show_less_than_its_client_allows_is_refused() {
    let world = World::new();
    edit(&world, PROXY.0, |it| {
        it.allowed_factors = vec![Factors::PasswordAndCode.into()];
    });
    let request = world.request(PROXY, &world.code(0));
    let outcome = world.login(request).await;
    assert_eq!(said(&outcome), reject(Reason::FactorsForbidden));
    assert_eq!(world.ledger.commands(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_login_repeated_by_its_caller_is_revalidated_without_a_question_and_told_apart() {
    let world = World::new();
    edit(&world, VPN.0, |it| {
        it.retry_grace = 1000;
        it.revalidation = 300_000;
    });
    let typed = format!("secret{}", world.code(0));
    let login = || world.login(world.request(VPN, &typed));
    assert_eq!(said(&login().await), ACCEPTED);
    assert_eq!(said(&login().await), ACCEPTED, "a retry");
    advance(Duration::from_secs(240)).await;
    let again = (Decision::Accept, Reason::Revalidated);
    assert_eq!(said(&login().await), again);
    let mut elsewhere = world.request(VPN, &typed);
    elsewhere.caller.calling_station_id = Some(b"198.51.100.8".to_vec());
    assert_eq!(
        said(&world.login(elsewhere).await),
        reject(Reason::WrongCode)
    );
    advance(Duration::from_secs(61)).await;
    assert_eq!(said(&login().await).0, Decision::Reject, "never extended");
    assert_eq!(world.source.asked(), 1);
}
