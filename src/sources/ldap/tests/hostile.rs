//! A directory that breaks, hangs, lies or says anything at all: never a crash, never an
//! accept, never a second bind.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::fake::{entry, message, texts, tlv};
use super::*;
use crate::sources::route;

/// Answers the bind by `replies`; beside it stands a server that would say yes.
async fn after_bind(replies: impl Fn(u32) -> Vec<Reply> + Send + Sync + 'static) -> Answer {
    let hostile = Fake::new(move |id, asked| match asked {
        Asked::Bind { .. } => replies(id),
        Asked::Search { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await;
    let good = Fake::new(in_order).await;
    let fakes = [&hostile, &good];
    let source = source(
        &fakes,
        &LdapSettings {
            timeout: 400,
            ..settings(&fakes)
        },
    );
    let found = ask(&source).await;
    assert_eq!(hostile.binds().len(), 1, "asked once");
    assert_eq!(good.connections(), 0, "and nobody else");
    found
}

async fn after_octets(octets: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> Answer {
    after_bind(move |id| vec![Reply::Octets(octets(id)), Reply::Hang]).await
}

#[tokio::test]
async fn silence_after_the_bind_is_no_answer() {
    assert_eq!(after_bind(|_| vec![Reply::Hang]).await, SILENT);
}

#[tokio::test]
async fn an_end_after_the_bind_is_no_answer() {
    assert_eq!(after_bind(|_| vec![Reply::Close]).await, SILENT);
}

#[tokio::test]
async fn no_part_of_an_acceptance_accepts() {
    let whole = outcome(1, 0x61, 0, "");
    for length in 0..whole.len() {
        let part = whole[..length].to_vec();
        let found = after_bind(move |_| vec![Reply::Octets(part.clone()), Reply::Close]).await;
        assert_eq!(found, SILENT, "{length} octets");
    }
}

#[tokio::test]
async fn ten_mebibytes_are_not_read() {
    let text = "x".repeat(10 << 20);
    let found = after_bind(move |id| vec![Reply::Octets(outcome(id, 0x61, 0, &text))]).await;
    assert_eq!(found, SILENT);
    // Nor is a length waited for that is larger still.
    let found = after_octets(|_| vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).await;
    assert_eq!(found, SILENT);
}

#[tokio::test]
async fn garbage_is_no_answer() {
    for garbage in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        &[0; 64],
        &[0xff; 64],
        &[0x30, 0],
        &[0x30, 0x80, 0, 0],
        &[0x30, 3, 2, 1, 1],
        &[0x30, 5, 2, 1, 1, 0x61, 0],
        &[0x1f, 0x85, 1],
    ] {
        let octets = garbage.to_vec();
        assert_eq!(
            after_octets(move |_| octets.clone()).await,
            SILENT,
            "{garbage:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_nested_without_end_costs_no_stack() {
    let deep = [0x30, 0x84, 0, 7, 0, 0].repeat(60_000);
    let nested = deep.clone();
    assert_eq!(after_octets(move |_| nested.clone()).await, SILENT);
    let found = after_octets(move |id| message(id, &[tlv(0x61, &deep[..16_000])])).await;
    assert_eq!(found, SILENT);
}

#[tokio::test]
async fn an_answer_to_something_else_is_no_answer() {
    // To another question; to none, as a directory says that it closes; of another kind.
    assert_eq!(
        after_octets(|id| outcome(id + 1, 0x61, 0, "")).await,
        SILENT
    );
    assert_eq!(after_octets(|_| outcome(0, 0x78, 0, "")).await, SILENT);
    assert_eq!(after_octets(|id| outcome(id, 0x65, 0, "")).await, SILENT);
    assert_eq!(after_octets(|id| outcome(id, 0x78, 0, "")).await, SILENT);
    assert_eq!(after_octets(|id| entry(id, DN, &[])).await, SILENT);
}

#[tokio::test]
async fn a_result_of_many_octets_or_below_nought_is_no_answer() {
    for code in [
        &[0x0a, 0][..],
        &[0x0a, 1, 0x80],
        &[0x0a, 5, 0, 0, 0, 0, 0],
        &[0x02, 1, 0],
    ] {
        let found = after_octets(move |id| {
            let result = [code.to_vec(), tlv(4, b""), tlv(4, b"")].concat();
            message(id, &[tlv(0x61, &result)])
        });
        assert_eq!(found.await, SILENT, "{code:?}");
    }
}

/// After the password is known to be right, the directory stops.
async fn in_search(replies: impl Fn(u32) -> Vec<Reply> + Send + Sync + 'static) -> Answer {
    let fake = Fake::new(move |id, asked| match asked {
        Asked::Search { .. } => replies(id),
        Asked::Bind { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await;
    let source = source(
        &[&fake],
        &LdapSettings {
            timeout: 400,
            ..settings(&[&fake])
        },
    );
    let found = ask(&source).await;
    assert_eq!(fake.binds().len(), 1);
    found
}

#[tokio::test]
async fn a_directory_that_breaks_off_before_all_is_read_lets_nobody_in() {
    assert_eq!(in_search(|_| vec![Reply::Hang]).await, STALLED);
    assert_eq!(in_search(|_| vec![Reply::Close]).await, STALLED);
    assert_eq!(
        in_search(|_| vec![Reply::Octets(vec![0; 99])]).await,
        STALLED
    );
    let bind = |id| vec![Reply::Octets(outcome(id, 0x61, 0, ""))];
    assert_eq!(in_search(bind).await, STALLED);
}

/// The first search is the service account's, and stalls; `later` answers the others.
async fn behind_a_stalled_reading(later: fn(u32) -> Vec<Reply>) -> Answer {
    let searches = AtomicUsize::new(0);
    let fake = Fake::new(move |id, asked| match asked {
        Asked::Search { .. } if searches.fetch_add(1, Ordering::SeqCst) == 0 => vec![Reply::Hang],
        Asked::Search { .. } => later(id),
        Asked::Bind { .. } | Asked::Paged { .. } | Asked::StartTls | Asked::Other(_) => {
            in_order(id, asked)
        }
    })
    .await;
    let settings = LdapSettings {
        timeout: 1_000,
        ..with_service(&[&fake])
    };
    ask(&source(&[&fake], &settings)).await
}

#[tokio::test]
async fn a_service_account_that_reads_late_leaves_time_to_read_as_the_user() {
    let found = |id| {
        let enabled = ("userAccountControl", texts(&["512"]));
        vec![
            Reply::Octets(entry(id, DN, &[enabled])),
            Reply::Octets(done(id, 0)),
        ]
    };
    assert_eq!(behind_a_stalled_reading(found).await, RIGHT);
}

#[tokio::test]
async fn a_right_password_is_no_guess_where_nobody_can_read_in_time() {
    let stalled = behind_a_stalled_reading(|_| vec![Reply::Hang]).await;
    assert_eq!(stalled, STALLED);
    assert!(!route::goes_on(&stalled), "no other source is asked");
}

#[tokio::test]
async fn entries_without_end_are_not_read() {
    let found = in_search(|id| {
        let one = entry(id, DN, &[("description", texts(&["x"]))]);
        vec![Reply::Octets(one.repeat(3_000)), Reply::Octets(done(id, 0))]
    });
    assert_eq!(found.await, STALLED);
    let found = in_search(|id| {
        let long = "x".repeat(400 << 10);
        let one = entry(id, DN, &[("description", texts(&[&long]))]);
        vec![Reply::Octets(one.repeat(30)), Reply::Octets(done(id, 0))]
    });
    assert_eq!(found.await, STALLED);
}

#[tokio::test]
async fn a_malformed_entry_is_no_entry() {
    for content in [
        tlv(4, b"\xff\xfe"),
        [tlv(4, b""), tlv(0x30, &tlv(0x30, b""))].concat(),
        [tlv(4, b""), tlv(0x31, b"")].concat(),
        [
            tlv(4, b"CN=a"),
            tlv(0x30, &tlv(0x30, &[tlv(4, b"a"), tlv(4, b"b")].concat())),
        ]
        .concat(),
        Vec::new(),
    ] {
        let content = tlv(0x64, &content);
        let found = in_search(move |id| {
            let said = message(id, std::slice::from_ref(&content));
            vec![Reply::Octets(said), Reply::Octets(done(id, 0))]
        });
        assert_eq!(found.await, STALLED);
    }
}
