//! Events come back as they were told, and a flood of one kind leaves the others alone.

use countersign_core::base::{Timestamp, Unobserved};

use super::segments::SEGMENT_OCTETS;
use super::*;
use crate::operate::{EventLog, EventQuery};

fn login(at: u64, answer: &'static str) -> Record {
    Record {
        at,
        kind: "login".into(),
        answer: answer.into(),
        ..Record::default()
    }
}

fn open(folder: &tempfile::TempDir) -> Events {
    Events::open(
        countersign_core::base::NodeId(1),
        folder.path(),
        std::sync::Arc::new(Unobserved),
    )
    .unwrap()
}

fn any(limit: usize) -> EventQuery {
    EventQuery {
        from: Timestamp::default(),
        until: Timestamp::from_millis(u64::MAX),
        user: String::new(),
        reference: String::new(),
        limit,
    }
}

fn times(events: &Events, limit: usize) -> Vec<u64> {
    let listed = events.list(&any(limit)).unwrap();
    listed.iter().map(|event| event.at.as_millis()).collect()
}

#[tokio::test]
async fn events_of_an_earlier_start_are_still_there() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder).tell(login(1, "accept"));
    let events = open(&folder);
    events.record(login(2, "reject")).await.unwrap();
    assert_eq!(times(&events, 10), [1, 2]);
}

#[tokio::test]
async fn the_latest_are_listed_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let events = open(&folder);
    for at in 1..=9 {
        events
            .record(login(at, if at % 2 == 0 { "accept" } else { "reject" }))
            .await
            .unwrap();
    }
    assert_eq!(times(&events, 3), [7, 8, 9]);
}

#[tokio::test]
async fn a_flood_of_refusals_does_not_push_an_accept_out() {
    let folder = tempfile::tempdir().unwrap();
    let events = open(&folder);
    events.record(login(1, "accept")).await.unwrap();
    let mut large = login(2, "reject");
    large.detail = "x".repeat(SEGMENT_OCTETS / 2);
    for _ in 0..80 {
        events.record(large.clone()).await.unwrap();
    }
    let refused = std::fs::read_dir(folder.path().join("refused"))
        .unwrap()
        .count();
    assert!(refused <= 32, "{refused} files");
    let early = EventQuery {
        until: Timestamp::from_millis(2),
        ..any(10)
    };
    assert_eq!(events.list(&early).unwrap().len(), 1);
}

#[tokio::test]
async fn a_line_cut_short_by_a_crash_hides_no_other() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder).tell(login(1, "accept"));
    let file = folder.path().join("granted").join("000000000001.jsonl");
    let whole = std::fs::read(&file).unwrap();
    let cut = whole.len() / 2;
    std::fs::write(&file, [&whole[..], &whole[..cut]].concat()).unwrap();
    assert_eq!(times(&open(&folder), 10), [1]);
}

#[tokio::test]
async fn a_follower_hears_what_is_told_from_now_on() {
    let folder = tempfile::tempdir().unwrap();
    let events = open(&folder);
    let mut follower = events.follow();
    events.tell(login(5, "accept"));
    assert_eq!(follower.recv().await.unwrap().at.as_millis(), 5);
}
