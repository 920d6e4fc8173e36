//! What is on disks already must be read for ever: the octets are fixed here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use countersign_core::ledger::storage::StoreMarks;

use super::*;

#[test]
fn a_vote_lies_on_disk_as_ever() {
    let given = Vote::new_committed(3, 65_537);
    assert_eq!(hex(&vote_octets(&given)), "0803108180041801");
    assert_eq!(vote(&vote_octets(&given)).unwrap(), given);
    let asked = Vote::new(3, 65_537);
    assert_eq!(hex(&vote_octets(&asked)), "080310818004");
    assert_eq!(vote(&vote_octets(&asked)).unwrap(), asked);
}

#[test]
fn a_log_id_lies_on_disk_as_ever() {
    let id = new_log_id(2, 300);
    assert_eq!(hex(&log_id_octets(&id)), "080210ac02");
    assert_eq!(log_id(&log_id_octets(&id)).unwrap(), id);
}

#[test]
fn entries_lie_on_disk_as_ever() {
    let entry = |payload| LogEntry {
        log_id: new_log_id(2, 5),
        payload,
    };
    let batch = EntryPayload::Normal(Batch::new(b"abc".to_vec()));
    for (payload, octets) in [
        (EntryPayload::Blank, "08021005"),
        (batch, "080210051a03616263"),
        (EntryPayload::Membership(members()), MEMBERSHIP_RECORD),
    ] {
        let written = record_octets(&entry(payload));
        assert_eq!(hex(&written), octets);
        let read = record(&written).unwrap();
        assert_eq!(read.log_id, new_log_id(2, 5));
        assert_eq!(record_octets(&read), written);
    }
}

#[test]
fn the_applied_state_lies_on_disk_as_ever() {
    let membership = StoredMembership::new(Some(new_log_id(1, 4)), members());
    let last = new_log_id(2, 9);
    let written = applied_octets(3, Some(&last), &membership);
    assert_eq!(hex(&written), format!("0803120408021009{}", APPLIED_TAIL));
    assert_eq!(applied(&written).unwrap(), (3, Some(last), membership));
}

#[test]
fn the_marks_lie_on_disk_as_ever() {
    let marks = StoreMarks {
        format: 1,
        cluster: vec![7; 2],
        node: 1,
        incarnation: 2,
    };
    assert_eq!(hex(&marks.encode_to_vec()), "08011202070718012002");
}

#[test]
fn octets_that_are_none_of_ours_are_refused() {
    assert!(vote(b"\xff\xff").is_err());
    assert!(record(b"\xff\xff").is_err());
    assert!(applied(b"\xff\xff").is_err());
}

fn members() -> Membership {
    let peer = Peer {
        address: "a:1".to_owned(),
    };
    let peers = BTreeMap::from([(65_537, peer.clone()), (131_073, peer)]);
    Membership::new(vec![BTreeSet::from([65_537])], peers).unwrap()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}

const MEMBERSHIP_RECORD: &str =
    "08021005221d0a050a038180041209088180041203613a311209088180081203613a31";
const APPLIED_TAIL: &str =
    "1a0408011004221d0a050a038180041209088180041203613a311209088180081203613a31";
