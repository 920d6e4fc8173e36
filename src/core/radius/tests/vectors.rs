//! Packets printed in RFCs, and two signed by hand.

use super::*;
use crate::radius::{Integrity, Question, Reply, Response};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.split_whitespace().flat_map(str::bytes).collect();
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(octet).collect()
}

/// The secret of the RFCs' examples.
fn xyzzy() -> [Secret; 1] {
    [Secret::from(&b"xyzzy5461"[..])]
}

/// Whether the printed response fits the printed request.
fn assert_answers(request: &[u8], response: &[u8], secret: &Secret) {
    let authenticator = request[4..20].try_into().unwrap();
    let question = Question {
        identifier: request[1],
        authenticator: &authenticator,
        secret,
    };
    Response::dangerous_verify_unprotected(response, &question).unwrap();
}

#[test]
fn rfc2865_7_1_user_telnet_to_specified_host() {
    let request = hex("01 00 00 38 0f 40 3f 94 73 97 80 57 bd 83 d5 cb
        98 f4 22 7a 01 06 6e 65 6d 6f 02 12 0d be 70 8d
        93 d4 13 ce 31 96 e4 3f 78 2a 0a ee 04 06 c0 a8
        01 10 05 06 00 00 00 03");
    let response = hex("02 00 00 26 86 fe 22 0e 76 24 ba 2a 10 05 f6 bf
        9b 55 e0 b2 06 06 00 00 00 01 0f 06 00 00 00 00
        0e 06 c0 a8 01 03");
    let secrets = xyzzy();
    let packet = taken(&request, &secrets);
    assert_eq!(packet.user_name(), Some(&b"nemo"[..]));
    assert_eq!(packet.nas_ip_address(), Some([192, 168, 1, 16].into()));
    assert_eq!(packet.nas_port(), Some(3));
    let password = password_in(&request, &secrets).unwrap();
    assert_eq!(password.text(), Ok("arctangent"));
    assert_answers(&request, &response, &secrets[0]);
}

#[test]
fn rfc2865_7_2_framed_user_authenticating_with_chap() {
    let request = hex("01 01 00 47 2a ee 86 f0 8d 0d 55 96 9c a5 97 8e
        0d 33 67 a2 01 08 66 6c 6f 70 73 79 03 13 16 e9
        75 57 c3 16 18 58 95 f2 93 ff 63 44 07 72 75 04
        06 c0 a8 01 10 05 06 00 00 00 14 06 06 00 00 00
        02 07 06 00 00 00 01");
    let response = hex("02 01 00 38 15 ef bc 7d ab 26 cf a3 dc 34 d9 c0
        3c 86 01 a4 06 06 00 00 00 02 07 06 00 00 00 01
        08 06 ff ff ff fe 0a 06 00 00 00 02 0d 06 00 00
        00 01 0c 06 00 00 05 dc");
    let secrets = xyzzy();
    let packet = taken(&request, &secrets);
    assert_eq!(packet.user_name(), Some(&b"flopsy"[..]));
    let Ok(Credentials::Chap(chap)) = packet.credentials() else {
        panic!("the packet has a CHAP-Password");
    };
    assert!(chap.is_made_with(b"arctangent"));
    assert_answers(&request, &response, &secrets[0]);
}

#[test]
fn rfc5997_6_1_minimal_query_to_the_authentication_port() {
    let request = hex("0c da 00 26 8a 54 f4 68 6f b3 94 c5 28 66 e3 02
        18 5d 06 23 50 12 5a 66 5e 2e 1e 84 11 f3 e2 43
        82 20 97 c8 4f a3");
    let response = hex("02 da 00 14 ef 0d 55 2a 4b f2 d6 93 ec 2b 6f e8
        b5 41 1d 66");
    let secrets = xyzzy();
    let packet = verify(&request, &secrets, Policy::Require).unwrap();
    assert_eq!(packet.kind(), Kind::StatusServer);
    assert_answers(&request, &response, &secrets[0]);
}

/// Signed with Python's `hmac` and `hashlib`.
#[test]
fn a_login_signed_by_hand_is_proven_and_answered_octet_by_octet() {
    let request = hex("01 07 00 43 10 11 12 13 14 15 16 17 18 19 1a 1b
        1c 1d 1e 1f 01 07 61 6c 69 63 65 50 12 d1 ec ec
        43 b7 3b 8e 43 71 fd d4 94 e4 10 a1 10 02 12 e9
        bd bf 35 6b 90 45 ca 48 a4 6e 8f 8f c9 a5 b6 21
        04 70 73");
    let reject = hex("03 07 00 2e d8 aa e6 a5 85 66 8b e5 39 53 ec e5
        a9 fb 06 62 50 12 b2 c4 cc 44 a7 21 3f a8 ca c3
        e6 e2 df 61 90 73 12 04 6e 6f 21 04 70 73");
    let secrets = secrets();
    let packet = verify(&request, &secrets, Policy::Require).unwrap();
    assert_eq!(packet.integrity(), Integrity::Proven);
    let password = password_in(&request, &secrets).unwrap();
    assert_eq!(password.text(), Ok("S3cret!123456"));
    assert_eq!(packet.reply(&Reply::Reject(&["no"])).unwrap(), reject);
}
