//! Settings that no node could use, and trials of those that it could.

use countersign::operate::OperateError;
use countersign_core::base::Secret;
use countersign_core::ledger::storage::Refusal;
use countersign_core::ledger::storage::end_trial::Subject;

use super::world::{World, admin, request, world};

async fn apply(world: &World, number: u8, text: &str, within: u32) -> Result<u64, OperateError> {
    let (caller, text) = (admin(), Secret::from(text.as_bytes()));
    let operate = &world.operate;
    let done = operate.apply_settings(&caller, request(number), &text, within);
    done.await.map(|done| done.revision)
}

const ENTRA: &str = "[[source]]\nname = \"cloud\"\n[source.entra]\ntenant = \"contoso.example\"\n\
                     client_id = \"11111111-2222-3333-4444-555555555555\"\n";
const LDAP: &str = "[[source]]\nname = \"corp\"\n[source.ldap]\n\
                    servers = [\"ldaps://dc1.contoso.example\"]\nkind = \"active-directory\"\n\
                    bind = \"upn\"\nbase_dn = \"dc=contoso,dc=example\"\n";
const SMS: &str = "[sms]\nurl = \"https://sms.contoso.example/send\"\nsecret = \"hunter2\"\n\
                   body = '{\"to\":\"{phone}\",\"text\":\"{text}\",\"key\":\"{secret}\"}'\n";
const MAIL: &str = "[mail]\nserver = \"mail.contoso.example\"\nfrom = \"vpn@contoso.example\"\n";

#[tokio::test]
async fn settings_that_nodes_can_use_are_taken_whatever_nodes_pin() {
    let world = world();
    let openldap = LDAP
        .replace("active-directory", "openldap")
        .replace("\"upn\"", "\"search\"");
    let openldap = format!(
        "{openldap}service_name = \"cn=reader\"\nservice_password = \"hunter2\"\n\
         timeout_ms = 30000\n"
    );
    for (number, text) in (1..).zip([ENTRA, LDAP, SMS, MAIL, &openldap]) {
        let applied = apply(&world, number, text, 0).await;
        assert!(applied.is_ok(), "{text}: {applied:?}");
    }
}

#[tokio::test]
async fn settings_that_no_node_could_use_are_refused_with_what_and_where() {
    let world = world();
    let with = |text: &str, more: &str| format!("{text}{more}\n");
    let changed = |text: &str, from: &str, to: &str| text.replace(from, to);
    for (text, place, why) in [
        (
            with(ENTRA, "timeout_ms = 45000"),
            "\"cloud\"",
            "100 to 30000 ms",
        ),
        (changed(ENTRA, "11111111-", ""), "\"cloud\"", "no GUID"),
        (
            with(ENTRA, "scope = \"offline_access\""),
            "\"cloud\"",
            "scope",
        ),
        (
            with(ENTRA, "authority = \"https://idp.example\""),
            "\"cloud\"",
            "no cloud",
        ),
        (
            with(LDAP, "connect_timeout_ms = 45000"),
            "\"corp\"",
            "100 to 30000 ms",
        ),
        (
            changed(LDAP, "active-directory", "openldap"),
            "\"corp\"",
            "`search`",
        ),
        (
            changed(LDAP, "\"upn\"", "\"search\""),
            "\"corp\"",
            "service account",
        ),
        (
            changed(LDAP, "\"upn\"", "\"domain\""),
            "\"corp\"",
            "NetBIOS",
        ),
        (
            changed(LDAP, "dc=contoso,dc", "contoso,dc"),
            "\"corp\"",
            "distinguished",
        ),
        (
            with(LDAP, "required_group = \"staff\""),
            "\"corp\"",
            "distinguished",
        ),
        (with(LDAP, "user_filter = \"(uid=\""), "\"corp\"", "filter"),
        (
            changed(LDAP, "dc1.contoso", "dc1 contoso"),
            "\"corp\"",
            "ldaps://",
        ),
        (changed(SMS, "{secret}", "x"), "sms", "not used"),
        (
            changed(SMS, "secret = \"hunter2\"\n", ""),
            "sms",
            "not there",
        ),
        (
            changed(MAIL, "mail.contoso", "mail contoso"),
            "mail",
            "no name of a host",
        ),
    ] {
        let refused = apply(&world, 1, &text, 0).await.expect_err(&text);
        let told = refused.to_string();
        assert!(told.contains(place) && told.contains(why), "{text}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    assert_eq!(world.operate.show_settings(&admin()).unwrap().revision, 1);
}

#[tokio::test]
async fn a_confirmation_repeated_after_it_was_done_is_told_the_same() {
    let world = world();
    let put = apply(&world, 1, ENTRA, 60_000).await.unwrap();
    let end = |number, confirmed, seen| {
        let operate = &world.operate;
        async move {
            let caller = admin();
            let done =
                operate.end_trial(&caller, request(number), Subject::Settings, confirmed, seen);
            done.await.map(|done| done.revision)
        }
    };
    let late = end(2, true, put - 1).await;
    let Err(OperateError::Refused { refusal, .. }) = late else {
        panic!("must be refused: {late:?}");
    };
    assert_eq!(refusal, Refusal::Revision);
    let reverted = end(3, false, put).await.unwrap();
    assert_eq!(end(3, false, reverted).await.unwrap(), reverted);
}
