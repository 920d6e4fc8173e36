use proptest::prelude::*;

use super::*;

fn codes(body: &str) -> Vec<u32> {
    Said::read(body.as_bytes()).codes
}

#[test]
fn numbers_of_list_and_description_are_united() {
    let body = r#"{"error":"invalid_grant","error_codes":[70002,50126],
        "error_description":"AADSTS50076: text","suberror":"basic_action"}"#;
    let said = Said::read(body.as_bytes());
    assert_eq!(said.codes, [70002, 50126, 50076]);
    assert_eq!(said.error.as_deref(), Some("invalid_grant"));
    assert!(!said.token);
}

#[test]
fn a_number_quoted_further_in_is_not_read() {
    let body = r#"{"error_description":"AADSTS50034: The user AADSTS50076: is not here"}"#;
    assert_eq!(codes(body), [50034]);
    assert_eq!(codes(r#"{"error_description":" AADSTS50076: x"}"#), [0; 0]);
    assert_eq!(
        codes(r#"{"error_description":"user AADSTS50076: x"}"#),
        [0; 0]
    );
}

#[test]
fn a_key_that_stands_twice_is_read_twice() {
    assert_eq!(
        codes(r#"{"error_codes":[50126],"error_codes":[50076]}"#),
        [50126, 50076]
    );
}

#[test]
fn what_is_no_number_stays_as_unreadable() {
    for list in [
        "[50076,null]",
        "[50076,-1]",
        "[50076,1.5]",
        "[50076,\"50076\"]",
    ] {
        let body = format!(r#"{{"error_codes":{list}}}"#);
        assert_eq!(codes(&body), [50076, UNREADABLE], "{list}");
    }
    assert_eq!(codes(r#"{"error_codes":"50076"}"#), [UNREADABLE]);
    assert_eq!(codes(r#"{"error_codes":{"a":50076}}"#), [UNREADABLE]);
    assert_eq!(codes(r#"{"error_codes":[4294967296]}"#), [UNREADABLE]);
    for start in [
        "AADSTS50076",
        "AADSTS50076x: y",
        "AADSTS99999999999: y",
        "AADSTS: y",
    ] {
        let body = format!(r#"{{"error_description":"{start}"}}"#);
        assert_eq!(codes(&body), [UNREADABLE], "{start}");
    }
}

#[test]
fn more_numbers_than_are_read_end_as_unreadable() {
    let list: Vec<u32> = (50000..50100).collect();
    let codes = codes(&format!(r#"{{"error_codes":{list:?}}}"#));
    assert_eq!(codes.len(), CODES_MAX);
    assert_eq!(codes.last(), Some(&UNREADABLE));
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert_eq!(codes("\u{feff}{\"error_codes\":[50126]}"), [50126]);
}

#[test]
fn what_is_no_object_says_nothing() {
    let deep = "[".repeat(100_000);
    let truncated = r#"{"error_codes":[50076],"#;
    let bodies = [
        "",
        "<html>AADSTS50076: </html>",
        "[50076]",
        "null",
        &deep,
        truncated,
    ];
    for body in bodies {
        assert_eq!(Said::read(body.as_bytes()), Said::default());
    }
    assert_eq!(
        Said::read(b"{\"error_codes\":[50076],\"error_description\":\"\xff\"}"),
        Said::default()
    );
}

#[test]
fn a_token_is_noticed_and_not_kept() {
    let said = Said::read(br#"{"token_type":"Bearer","access_token":"eyJ.x.y"}"#);
    assert!(said.token);
    assert!(!format!("{said:?}").contains("eyJ"));
    assert!(!Said::read(br#"{"access_token":17}"#).token);
}

proptest! {
    #[test]
    fn no_octets_panic(body: Vec<u8>) {
        Said::read(&body);
    }

    #[test]
    fn what_the_user_typed_never_becomes_a_number(name: String) {
        let text = format!("AADSTS50034: the user {name} is not here AADSTS50076: {name}");
        let body = serde_json::to_vec(&serde_json::json!({"error_description": text}));
        prop_assert_eq!(Said::read(&body.unwrap()).codes, vec![50034]);
    }
}
