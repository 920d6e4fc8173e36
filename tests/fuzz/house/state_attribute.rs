//! State of a challenge, from what a device may send back: only what was sealed for this
//! very login opens, and it opens to what was sealed.

use countersign_core::base::limits::STATE_OCTETS_MAX;
use countersign_core::base::{ClientId, Secret, SeededEntropy, Timestamp};
use countersign_core::login::{AttemptMacs, Call, Caller, Dialogue, Request};

use crate::octets::Octets;

/// Opens the input as a State, and one that was made, changed as the input says.
pub fn open_state(input: &[u8]) {
    let mut input = Octets::new(input);
    let macs = AttemptMacs::draw(1, NOW, &mut SeededEntropy::new(1));
    let flags = input.octet();
    let first = request(&mut input, flags);
    let answered = |first: &Request, code: &[u8], state: &[u8]| Request {
        user_name: first.user_name.clone(),
        caller: first.caller.clone(),
        call: Call::default(),
        password: Secret::from(code),
        state: Some(state.to_vec()),
        response: None,
        ..*first
    };
    let (forged, code) = (input.text(), input.text());
    let opened = Dialogue::open(&answered(&first, code, forged), &macs);
    assert!(opened.is_err(), "a State that nobody sealed opens");

    let dialogue = Dialogue::open(&first, &macs);
    let mut entropy = SeededEntropy::new(2);
    let asked = dialogue.and_then(|dialogue| dialogue.ask(&first, &macs, NOW, &mut entropy));
    let Ok(mut state) = asked else { return };
    assert!(
        state.len() <= STATE_OCTETS_MAX,
        "a State of {} octets",
        state.len()
    );
    let right = Dialogue::open(&answered(&first, b"123456", &state), &macs);
    let right = right.ok().and_then(Dialogue::apart).expect("it opens");
    assert_eq!(right.password.expose(), first.password.expose());

    let (at, bits) = (usize::from(input.octet()), input.octet());
    if let Some(octet) = state.get_mut(at)
        && bits != 0
    {
        *octet ^= bits;
        let changed = Dialogue::open(&answered(&first, b"123456", &state), &macs);
        assert!(changed.is_err(), "a State opens with octet {at} changed");
    }
}

fn request(input: &mut Octets<'_>, flags: u8) -> Request {
    let mut part = |bit: u8| (flags & bit != 0).then(|| input.text().to_vec());
    Request {
        client: ClientId(1),
        client_revision: 1,
        user_name: part(1).unwrap_or_default(),
        password: Secret::new(part(2).unwrap_or_default()),
        state: None,
        response: None,
        proven: flags & 4 != 0,
        caller: Caller {
            calling_station_id: part(8),
            nas_identifier: part(16),
            nas_port_id: part(32),
            ..Caller::default()
        },
        arrived: NOW,
        call: Call::default(),
    }
}

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
