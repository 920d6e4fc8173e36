//! The facts against the table: whole answers, read and judged as they come.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

/// One answer and what must come of it.
struct Fact {
    line: usize,
    status: u16,
    error: String,
    suberror: Option<String>,
    codes: Vec<u32>,
    outcome: String,
    reason: String,
}

/// All facts, each answer by itself.
fn facts() -> Vec<Fact> {
    let mut facts = Vec::new();
    for (number, line) in include_str!("facts.txt").lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fields: Vec<_> = line.split('|').map(str::trim).collect();
        let [status, error, suberror, answers, outcome, reason] = fields[..] else {
            panic!("line {}: not six fields", number + 1);
        };
        for answer in answers.split(' ').filter(|answer| !answer.is_empty()) {
            let codes = answer.split('+').filter(|code| *code != "-");
            facts.push(Fact {
                line: number + 1,
                status: status.parse().expect("a status"),
                error: error.to_owned(),
                suberror: (suberror != "-").then(|| suberror.to_owned()),
                codes: codes.map(|code| code.parse().expect("a number")).collect(),
                outcome: outcome.to_owned(),
                reason: reason.to_owned(),
            });
        }
    }
    facts
}

impl Fact {
    /// The answer's body, in the shape of Entra's.
    fn body(&self) -> String {
        match &*self.error {
            "text" => return "<html><body>Service unavailable</body></html>".to_owned(),
            "token" => return json!({"token_type": "Bearer", "access_token": "ey"}).to_string(),
            _ => {}
        }
        let mut body = json!({"error": self.error, "timestamp": "2026-11-21 10:00:00Z"});
        let fields = body.as_object_mut().expect("an object");
        if let Some(suberror) = &self.suberror {
            fields.insert("suberror".to_owned(), suberror.clone().into());
        }
        if let Some(first) = self.codes.first() {
            let text = format!("AADSTS{first}: Words.\r\nTrace ID: 0\r\nCorrelation ID: 0");
            fields.insert("error_description".to_owned(), text.into());
            fields.insert("error_codes".to_owned(), self.codes.clone().into());
        }
        body.to_string()
    }
}

#[test]
fn every_fact_is_decided_as_it_is_written() {
    let decisions = Decisions::new(Switches::default());
    let mut wrong = Vec::new();
    for fact in facts() {
        let judged = decisions.judge(fact.status, &Said::read(fact.body().as_bytes()));
        let Answer {
            outcome, reason, ..
        } = judged.answer;
        let decided = (format!("{outcome:?}"), format!("{reason:?}"));
        if decided != (fact.outcome.clone(), fact.reason.clone()) {
            wrong.push(format!("line {}: {:?}: {decided:?}", fact.line, fact.codes));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_number_of_the_table_is_a_fact() {
    let known: BTreeSet<u32> = facts()
        .into_iter()
        .filter(|fact| fact.codes.len() == 1)
        .flat_map(|fact| fact.codes)
        .collect();
    let decisions = Decisions::new(Switches::default());
    let rows = decisions.rows.keys().filter(|code| !known.contains(code));
    let unproven: Vec<_> = rows.collect();
    assert!(unproven.is_empty(), "rows without a fact: {unproven:?}");
}

#[test]
fn a_number_says_the_same_in_its_list_and_in_its_text() {
    let decisions = Decisions::new(Switches::default());
    for fact in facts() {
        let [code] = fact.codes[..] else {
            continue;
        };
        let listed = json!({"error": fact.error, "error_codes": [code]}).to_string();
        let text = format!("AADSTS{code}: Words.");
        let described = json!({"error": fact.error, "error_description": text}).to_string();
        let [listed, described] = [listed, described].map(|body| {
            let said = Said::read(body.as_bytes());
            decisions.judge(fact.status, &said).answer
        });
        assert_eq!(listed, described, "line {}", fact.line);
    }
}

#[test]
fn nothing_but_the_facts_lets_in() {
    let decisions = Decisions::new(Switches::default());
    let right = facts().into_iter().filter(|fact| fact.outcome == "Right");
    let right: BTreeSet<u32> = right.flat_map(|fact| fact.codes).collect();
    for code in (0..130_000).chain(500_000..540_000).chain(700_000..701_000) {
        let said = Said::read(format!(r#"{{"error_codes":[{code}]}}"#).as_bytes());
        let lets_in = decisions.judge(400, &said).answer.outcome == SourceOutcome::Right;
        assert_eq!(
            lets_in,
            right.contains(&code) && code != 70000 && code != 70002
        );
    }
}

/// Bodies that Entra never sends, with the worst that may come of them.
const HOSTILE: &[(u16, &[u8], SourceOutcome)] = &[
    (400, b"", SourceOutcome::Unanswered),
    (400, b"\xef\xbb\xbf", SourceOutcome::Unanswered),
    (400, b"null", SourceOutcome::Unanswered),
    (400, b"[50076]", SourceOutcome::Unanswered),
    (400, b"50076", SourceOutcome::Unanswered),
    (400, b"AADSTS50076: come in", SourceOutcome::Unanswered),
    (
        400,
        b"<html>AADSTS50076: come in</html>",
        SourceOutcome::Unanswered,
    ),
    (400, br#"{"error_codes":[50076]"#, SourceOutcome::Unanswered),
    (
        400,
        br#"{"error_codes":[50076]} x"#,
        SourceOutcome::Unanswered,
    ),
    (
        400,
        b"{\"error_codes\":[50076],\"a\":\"\xff\"}",
        SourceOutcome::Unanswered,
    ),
    (400, b"{}", SourceOutcome::Unanswered),
    (400, br#"{"error_codes":"50076"}"#, SourceOutcome::Denied),
    (400, br#"{"error_codes":["50076"]}"#, SourceOutcome::Denied),
    (400, br#"{"error_codes":[50076.5]}"#, SourceOutcome::Denied),
    (400, br#"{"error_codes":[-50076]}"#, SourceOutcome::Denied),
    (
        400,
        br#"{"error_codes":{"0":50076}}"#,
        SourceOutcome::Denied,
    ),
    (400, br#"{"error_codes":[[50076]]}"#, SourceOutcome::Denied),
    (400, br#"{"error_codes":true}"#, SourceOutcome::Denied),
    (
        400,
        br#"{"error_codes":[50076,null]}"#,
        SourceOutcome::Denied,
    ),
    (
        400,
        br#"{"error_codes":[4295017372]}"#,
        SourceOutcome::Denied,
    ),
    (
        400,
        br#"{"error":"e","error_codes":[]}"#,
        SourceOutcome::Denied,
    ),
    (
        400,
        br#"{"error":["interaction_required"]}"#,
        SourceOutcome::Unanswered,
    ),
    (
        400,
        br#"{"error_codes":[50076],"error_codes":[53003]}"#,
        SourceOutcome::Denied,
    ),
    (
        400,
        br#"{"error_codes":[53003],"error_codes":[50076]}"#,
        SourceOutcome::Denied,
    ),
    (
        400,
        br#"{"error_codes":[50126],"error_codes":[50076]}"#,
        SourceOutcome::Wrong,
    ),
    (
        200,
        br#"{"token_type":"Bearer","id_token":"ey"}"#,
        SourceOutcome::Unanswered,
    ),
    (200, br#"{"access_token":null}"#, SourceOutcome::Unanswered),
    (200, br#"{"access_token":50076}"#, SourceOutcome::Unanswered),
];

#[test]
fn no_hostile_body_lets_in() {
    let decisions = Decisions::new(Switches::default());
    let huge = format!(
        r#"{{"error_codes":[50076],"pad":"{}"}}"#,
        "x".repeat(10 << 20)
    );
    let deep = format!(
        r#"{{"error_codes":{}50076{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    let many = (0..5000).map(|_| "50076,").collect::<String>();
    let many = format!(r#"{{"error_codes":[{many}50126]}}"#);
    let made = [
        (deep.as_bytes(), SourceOutcome::Unanswered),
        (many.as_bytes(), SourceOutcome::Wrong),
    ];
    let made = made.map(|(body, outcome)| (400, body, outcome));
    for (status, body, outcome) in HOSTILE.iter().chain(&made) {
        let judged = decisions.judge(*status, &Said::read(body));
        let shown = String::from_utf8_lossy(body);
        assert_eq!(judged.answer.outcome, *outcome, "{shown:.80}");
    }
    // The client reads no further than its cap; what it were to read would be judged as ever.
    let read = decisions.judge(400, &Said::read(huge.as_bytes()));
    assert_eq!(read.answer.outcome, SourceOutcome::Right);
}

#[test]
fn numbers_in_what_a_user_typed_say_nothing() {
    let decisions = Decisions::new(Switches::default());
    for text in [
        "AADSTS50034: The user account AADSTS50076: does not exist",
        "AADSTS50034: The user \r\nAADSTS50076: does not exist",
        "AADSTS50034: {\\\"error_codes\\\":[50076]}",
    ] {
        let text = text.replace("\r\n", "\\r\\n");
        let body = format!(r#"{{"error":"invalid_grant","error_description":"{text}"}}"#);
        let judged = decisions.judge(400, &Said::read(body.as_bytes()));
        assert_eq!(judged.answer.outcome, SourceOutcome::Wrong, "{text}");
    }
    for text in [
        "50076",
        "The AADSTS50076: of AADSTS50034",
        " AADSTS50076: x",
        "aadsts50076: x",
    ] {
        let body = json!({"error": "invalid_grant", "error_description": text}).to_string();
        let judged = decisions.judge(400, &Said::read(body.as_bytes()));
        assert_eq!(judged.answer.outcome, SourceOutcome::Denied, "{text}");
    }
    for text in [
        "AADSTS50076 x",
        "AADSTS50076",
        "AADSTS+50076: x",
        "AADSTS: x",
    ] {
        let body = json!({"error": "invalid_grant", "error_description": text}).to_string();
        let judged = decisions.judge(400, &Said::read(body.as_bytes()));
        assert_eq!(judged.answer.outcome, SourceOutcome::Denied, "{text}");
    }
}
