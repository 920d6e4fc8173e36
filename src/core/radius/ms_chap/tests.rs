//! The examples of RFC 2759 §9.2 and RFC 3079 §3.5.3, whose password is no code but ASCII.

use data_encoding::HEXUPPER;

use super::*;

const AUTHENTICATOR: &str = "5B5D7C7D7B3F2F3E3C2C602132262628";
const PEER: &str = "21402324255E262A28295F2B3A337C7E";
const NT_RESPONSE: &str = "82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF";
const PASSWORD: &[u8] = b"clientPass";

fn hex(text: &str) -> Vec<u8> {
    HEXUPPER.decode(text.as_bytes()).unwrap()
}

fn example(name: &[u8]) -> MsChap2 {
    let response = [vec![7, 0], hex(PEER), vec![0; 8], hex(NT_RESPONSE)].concat();
    MsChap2::new(&response, &hex(AUTHENTICATOR), name).unwrap()
}

#[test]
fn the_hashes_of_rfc_2759_9_2_are_made_step_by_step() {
    assert_eq!(example(b"User").challenge_hash(), *hex("D02E4386BCE91226"));
    assert_eq!(*nt_hash(PASSWORD), *hex("44EBBA8D5312B8D611474411F56989AE"));
    let response = nt_response(&example(b"User").challenge_hash(), &nt_hash(PASSWORD));
    assert_eq!(response, *hex(NT_RESPONSE));
}

#[test]
fn a_response_is_made_with_its_password_name_and_challenges_and_no_others() {
    assert!(example(b"User").is_made_with(PASSWORD));
    assert!(!example(b"User").is_made_with(b"clientpass"));
    assert!(!example(b"user").is_made_with(PASSWORD));
    let response = example(b"User").response;
    let other = MsChap2::new(response.expose(), &[0; 16], b"User").unwrap();
    assert!(!other.is_made_with(PASSWORD));
}

#[test]
fn a_domain_before_the_name_is_left_out_of_the_hash() {
    assert!(example(b"CONTOSO\\User").is_made_with(PASSWORD));
    assert!(!example(b"User@contoso.example").is_made_with(PASSWORD));
}

#[test]
fn the_server_proves_itself_as_in_rfc_2759_9_2() {
    let text = example(b"User").success(PASSWORD).text;
    assert_eq!(text, *b"\x07S=407A5589115FD0D6209F510FE9C04566932CDA56");
}

#[test]
fn the_keys_of_the_tunnel_are_those_of_rfc_3079_3_5_3() {
    let success = example(b"User").success(PASSWORD);
    let send = hex("8B7CDC149B993A1BA118CB153F56DCCB");
    assert_eq!(success.send_key.expose(), send);
    // The RFC prints this one key; the other is what clients have made of the same example.
    let recv = hex("D5F0E9521E3EA9589645E86051C82226");
    assert_eq!(success.recv_key.expose(), recv);
}

#[test]
fn an_accept_has_room_for_what_a_success_brings() {
    let attributes = example(b"User").success(PASSWORD).attributes().unwrap();
    let octets: usize = attributes.iter().map(Attribute::packet_octets).sum();
    assert_eq!(octets, MsChap2Success::PACKET_OCTETS);
    let numbers = attributes.map(|attribute| attribute.number().to_string());
    assert_eq!(numbers, ["26.311.26", "26.311.16", "26.311.17"]);
}

#[test]
fn a_client_makes_the_response_that_the_server_looks_for() {
    let peer = hex(PEER).try_into().unwrap();
    let password = Secret::from(PASSWORD);
    let made = MsChap2::respond(7, &peer, &hex(AUTHENTICATOR), b"User", &password);
    assert_eq!(made, Ok(example(b"User")));
}

#[test]
fn what_has_an_impossible_length_is_no_response() {
    let length =
        |response: &[u8], challenge: &[u8]| MsChap2::new(response, challenge, b"User").unwrap_err();
    assert_eq!(
        length(&[0; 49], &[0; 16]),
        Uncredentialed::Length(RESPONSE, 49)
    );
    assert_eq!(
        length(&[0; 50], &[0; 8]),
        Uncredentialed::Length(CHALLENGE, 8)
    );
}
