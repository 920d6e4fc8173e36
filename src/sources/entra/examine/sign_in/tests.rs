use super::*;
use crate::sources::Light;
use crate::sources::entra::decision::{Decisions, Switches};
use crate::sources::entra::response::Said;

fn found(status: u16, code: u32) -> Finding {
    let body = format!(r#"{{"error":"e","error_codes":[{code}]}}"#);
    let decisions = Decisions::new(Switches::default());
    let judged = decisions.judge(status, &Said::read(body.as_bytes()));
    finding(&judged, "contoso.example")
}

#[test]
fn a_user_who_is_not_there_is_what_is_wanted() {
    let light = |code| found(400, code).light;
    assert_eq!(light(50034), Light::Green);
    for code in [50126, 90033, 80002] {
        assert_eq!(light(code), Light::Amber, "{code}");
    }
    for code in [50059, 50053, 7_000_218, 700_016, 70011, 90002, 50076, 4711] {
        assert_eq!(light(code), Light::Red, "{code}");
    }
}

#[test]
fn whatever_is_not_green_has_a_remedy_and_shows_its_number() {
    for code in [50126, 50059, 50053, 7_000_222, 700_024, 65001, 50076, 80002] {
        let finding = found(400, code);
        assert!(!finding.remedy.is_empty(), "{code}");
        assert!(finding.found.contains(&code.to_string()), "{code}");
    }
}
