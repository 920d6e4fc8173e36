//! Users and their groups as Graph tells what has changed of them.

use std::time::Duration;

use countersign::sources::account::LookupError;
use countersign::sources::entra::Entra;
use countersign::sources::{Listed, Roster, RosterError};
use serde_json::json;

use super::graph::confidential;
use crate::stand_in::StandIn;

/// Of the user: whether it is off, and the names of its groups; `Err`: how else it is had.
type Told = Result<(bool, Vec<String>), Listed>;

async fn read(source: &Entra, names: &[&str]) -> Result<Vec<Told>, RosterError> {
    let names: Vec<_> = names.iter().map(|name| full(name)).collect();
    let listed = source.roster(&names).await?;
    let told = listed.into_iter().map(|listed| match listed {
        Listed::There(listing) => {
            let groups = listing.groups.unwrap_or_default();
            let groups = groups.iter().map(|group| group.name.clone());
            Ok((listing.disabled, groups.collect()))
        }
        other @ (Listed::Gone | Listed::Unread) => Err(other),
    });
    Ok(told.collect())
}

fn full(name: &str) -> String {
    if name.contains('@') || name.is_empty() {
        name.to_owned()
    } else {
        format!("{name}@contoso.example")
    }
}

fn there(disabled: bool, groups: &[&str]) -> Told {
    Ok((disabled, groups.iter().map(ToString::to_string).collect()))
}

async fn set(stand_in: &StandIn, name: &str, state: &str, groups: &[&str]) -> anyhow::Result<()> {
    let order = json!({"user": full(name), "state": state, "groups": groups});
    stand_in.control(order).await
}

#[tokio::test]
async fn states_and_groups_come_whole_and_then_as_they_change() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&["--load-users", "250"])?;
    let (source, _) = confidential(&stand_in)?;
    set(&stand_in, "mfa", "mfa", &["VPN Users", "Staff"]).await?;
    let names = ["MFA", "disabled", "load250"];
    let first = vec![
        there(false, &["Staff", "VPN Users"]),
        there(true, &[]),
        there(false, &[]),
    ];
    assert_eq!(read(&source, &names).await, Ok(first));
    assert_eq!(
        stand_in.graph_asked().await?,
        4,
        "three pages of users, one of groups"
    );
    set(&stand_in, "mfa", "disabled", &["Staff"]).await?;
    set(&stand_in, "disabled", "mfa", &[]).await?;
    let then = vec![
        there(true, &["Staff"]),
        there(false, &[]),
        there(false, &[]),
    ];
    assert_eq!(read(&source, &names).await, Ok(then));
    assert_eq!(
        stand_in.graph_asked().await?,
        6,
        "what has changed, and no more"
    );
    Ok(())
}

#[tokio::test]
async fn who_is_not_there_was_asked_for_by_name_once() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let (source, _) = confidential(&stand_in)?;
    let names = ["mfa", "unknown", "nobody", "bare name@"];
    let gone = || Err(Listed::Gone);
    let all = || vec![there(false, &[]), gone(), gone(), Err(Listed::Unread)];
    assert_eq!(read(&source, &names).await, Ok(all()));
    assert_eq!(stand_in.graph_asked().await?, 4);
    assert_eq!(read(&source, &names).await, Ok(all()));
    assert_eq!(stand_in.graph_asked().await?, 6, "asked for no more");
    set(&stand_in, "unknown", "mfa", &["Staff"]).await?;
    set(&stand_in, "mfa", "unknown", &[]).await?;
    let found = vec![gone(), there(false, &["Staff"])];
    assert_eq!(read(&source, &names[..2]).await, Ok(found));
    Ok(())
}

#[tokio::test]
async fn what_graph_hides_is_told_and_nobody_is_gone_by_it() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let (source, _) = confidential(&stand_in)?;
    let hidden = || Err(RosterError::Lookup(LookupError::Hidden));
    stand_in.control(json!({"hide": true})).await?;
    assert_eq!(read(&source, &["mfa"]).await, hidden());
    stand_in.control(json!({"hide": false})).await?;
    assert_eq!(read(&source, &["mfa"]).await, Ok(vec![there(false, &[])]));
    stand_in.control(json!({"hide": true})).await?;
    set(&stand_in, "no_mfa", "disabled", &[]).await?;
    assert_eq!(read(&source, &["mfa"]).await, hidden());
    let said = LookupError::Hidden.to_string();
    assert!(said.contains("User.Read.All"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_reading_that_was_broken_off_tells_nothing_and_goes_on_where_it_stood()
-> anyhow::Result<()> {
    let stand_in = StandIn::start(&["--load-users", "250"])?;
    let (source, _) = confidential(&stand_in)?;
    let names = ["mfa", "disabled"];
    let all = vec![there(false, &[]), there(true, &[])];
    for fault in [
        json!({"outage": true}),
        json!({"outage": false, "cut": true}),
    ] {
        stand_in.control(json!({"graph": fault})).await?;
        let read = read(&source, &names).await;
        assert_eq!(
            read,
            Err(RosterError::Lookup(LookupError::Broken)),
            "{fault}"
        );
    }
    stand_in.control(json!({"graph": {"cut": false}})).await?;
    assert_eq!(read(&source, &names).await, Ok(all));
    Ok(())
}

#[tokio::test]
async fn where_graph_has_forgotten_how_far_it_told_all_is_read_anew() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let (source, _) = confidential(&stand_in)?;
    set(&stand_in, "mfa", "mfa", &["Staff"]).await?;
    assert_eq!(
        read(&source, &["mfa"]).await,
        Ok(vec![there(false, &["Staff"])])
    );
    set(&stand_in, "mfa", "disabled", &[]).await?;
    stand_in.control(json!({"forget": true})).await?;
    assert_eq!(read(&source, &["mfa"]).await, Ok(vec![there(true, &[])]));
    assert_eq!(stand_in.graph_asked().await?, 2 + 1 + 2);
    Ok(())
}

#[tokio::test]
async fn a_reading_waits_for_as_long_as_graph_asks_and_goes_on() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let (source, _) = confidential(&stand_in)?;
    let throttle = json!({"throttle": true, "retry_after": "1"});
    stand_in.control(json!({"graph": throttle})).await?;
    let healed = async {
        while stand_in.graph_asked().await? == 0 {
            tokio::task::yield_now().await;
        }
        stand_in
            .control(json!({"graph": {"throttle": false}}))
            .await
    };
    let (told, healed) = tokio::join!(read(&source, &["mfa"]), healed);
    healed?;
    assert_eq!(told, Ok(vec![there(false, &[])]));
    assert_eq!(
        stand_in.graph_asked().await?,
        3,
        "asked once too early, and no more"
    );
    let long = json!({"throttle": true, "retry_after": "300"});
    stand_in.control(json!({"graph": long})).await?;
    let began = tokio::time::Instant::now();
    let late = read(&source, &["mfa"]).await;
    assert_eq!(late, Err(RosterError::Lookup(LookupError::Resting)));
    assert!(
        began.elapsed() < Duration::from_secs(60),
        "it does not wait that long"
    );
    Ok(())
}

#[tokio::test]
async fn an_application_without_permissions_reads_nobody() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&["--role", "Mail.Send"])?;
    let (source, _) = confidential(&stand_in)?;
    let refused = read(&source, &["mfa"]).await;
    assert_eq!(refused, Err(RosterError::Lookup(LookupError::Refused(403))));
    Ok(())
}
