//! Replies that prove nothing.

use tokio::net::UdpSocket;

use super::old::{rewritten, rewritten_under, unsigned};
use super::*;

/// A reply that is not believed, made of the right one to a packet.
type Forge = fn(&[u8], Vec<u8>) -> Vec<u8>;

/// What is done to the attributes of a right one.
type Change = fn(&mut Vec<(u8, Vec<u8>)>);

const FORGED: &[(&str, Forge)] = &[
    ("another code", |_, mut reply| {
        reply[0] = 3;
        reply
    }),
    ("another identifier", |_, mut reply| {
        reply[1] = reply[1].wrapping_add(1);
        reply
    }),
    ("a wrong authenticator", |_, mut reply| {
        reply[4] ^= 1;
        reply
    }),
    ("a wrong signature", |packet, reply| {
        rewritten(packet, &reply, |attributes| attributes[0].1[0] ^= 1)
    }),
    ("no signature", |packet, reply| unsigned(packet, &reply)),
    ("another secret", |packet, reply| {
        rewritten_under(b"another secret", packet, &reply, |_| ())
    }),
    ("half of itself", |_, reply| {
        reply[..reply.len() / 2].to_vec()
    }),
    ("nothing", |_, _| Vec::new()),
    ("the question", |packet, _| packet.to_vec()),
];

#[tokio::test]
async fn a_reply_that_proves_nothing_is_as_none() {
    for &(what, forge) in FORGED {
        let old = Old::new(move |_, packet| vec![forge(packet, accept(packet))]).await;
        let forward = forward(&settings(&[&old.at()]));
        assert_eq!(ask(&forward).await, SILENT, "{what}");
        assert_eq!(old.heard().len(), 2, "{what}");
    }
}

#[tokio::test]
async fn after_a_reply_that_proves_nothing_the_right_one_is_waited_for() {
    for &(what, forge) in FORGED {
        let old =
            Old::new(move |_, packet| vec![forge(packet, accept(packet)), accept(packet)]).await;
        let forward = forward(&settings(&[&old.at()]));
        assert_eq!(ask(&forward).await, right(), "{what}");
        assert_eq!(old.heard().len(), 1, "{what}");
    }
}

/// Made by the old server itself, for another login that it was asked about.
#[tokio::test]
async fn a_reply_without_the_mark_of_the_question_is_not_believed() {
    let changes: [Change; 3] = [
        |attributes| attributes.retain(|(number, _)| *number != kind::PROXY_STATE),
        |attributes| attributes[1].1[30] ^= 1,
        |attributes| attributes.push((kind::PROXY_STATE, b"another".to_vec())),
    ];
    for change in changes {
        let old = Old::new(move |_, packet| {
            let reply = unsigned(packet, &accept(packet));
            vec![rewritten(packet, &reply, change)]
        })
        .await;
        let settings = storage::Forward {
            dangerous_unsigned_replies: true,
            ..settings(&[&old.at()])
        };
        assert_eq!(ask(&forward(&settings)).await, SILENT);
    }
}

#[tokio::test]
async fn an_unsigned_reply_is_believed_where_that_is_set_and_a_forged_one_never_is() {
    let old = Old::new(|count, packet| {
        let unsigned = unsigned(packet, &accept(packet));
        let mut forged = unsigned.clone();
        forged[0] = 3;
        if count == 0 {
            vec![forged, unsigned]
        } else {
            vec![forged]
        }
    })
    .await;
    let settings = storage::Forward {
        dangerous_unsigned_replies: true,
        ..settings(&[&old.at()])
    };
    let forward = forward(&settings);
    assert_eq!(ask(&forward).await, right());
    assert_eq!(ask(&forward).await, SILENT);
}

#[tokio::test]
async fn a_right_reply_from_another_port_is_not_heard() {
    let [here, there] = [
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        UdpSocket::bind("127.0.0.1:0").await.unwrap(),
    ];
    let at = here.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let mut octets = [0; 4096];
        while let Ok((length, from)) = here.recv_from(&mut octets).await {
            let sent = there.send_to(&accept(&octets[..length]), from).await;
            sent.unwrap();
        }
    });
    assert_eq!(ask(&forward(&settings(&[&at]))).await, SILENT);
    task.abort();
}

#[tokio::test]
async fn a_reply_that_comes_twice_or_late_answers_no_other_question() {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let old = Old::new(move |_, packet| {
        let mut kept = kept.lock().unwrap();
        let before: Vec<Vec<u8>> = kept.drain(..).collect();
        let refusal = reply(packet, &Reply::Reject(&[]));
        kept.push(accept(packet));
        [before, vec![refusal.clone(), refusal]].concat()
    })
    .await;
    let forward = forward(&settings(&[&old.at()]));
    for _ in 0..3 {
        let heard = ask(&forward).await;
        assert_eq!(heard.outcome, SourceOutcome::Wrong);
    }
}

#[tokio::test]
async fn operators_are_told_of_replies_that_prove_nothing_until_one_does() {
    let old = Old::new(|count, packet| {
        let right = accept(packet);
        vec![if count < 2 {
            unsigned(packet, &right)
        } else {
            right
        }]
    })
    .await;
    let surroundings = surroundings(&[&old.at()]);
    let labels = || {
        let alarms = surroundings.alarms.list().into_iter();
        let told = alarms.map(|it| (it.source, it.trouble.label));
        told.collect::<Vec<_>>()
    };
    let settings = settings(&[&old.at()]);
    let forward = Forward::configure(&settings, Secret::from(SECRET), &surroundings).unwrap();
    assert_eq!(ask(&forward).await, SILENT);
    let told = ["forward_distrusted", "forward_silent"].map(|it| ("forward old".to_owned(), it));
    assert_eq!(labels(), told);
    assert_eq!(ask(&forward).await, right());
    assert_eq!(labels(), []);
}
