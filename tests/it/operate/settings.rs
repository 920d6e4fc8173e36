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

/// Each document with what is told of it: refused, with the place and the reason.
async fn are_refused(place: &str, documents: &[(String, &str)]) {
    let world = world();
    for (text, why) in documents {
        let refused = apply(&world, 1, text, 0).await.expect_err(text);
        let told = refused.to_string();
        assert!(told.contains(place) && told.contains(why), "{text}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    let stands = world.operate.show_settings(&admin());
    assert_eq!(stands.map_or(0, |it| it.revision), 1, "nothing was changed");
}

fn with(text: &str, more: &str) -> String {
    format!("{text}{more}\n")
}

#[tokio::test]
async fn an_entra_source_that_no_node_could_use_is_refused() {
    let custom = with(ENTRA, "authority = \"https://idp.example\"");
    are_refused(
        "\"cloud\"",
        &[
            (with(ENTRA, "timeout_ms = 45000"), "100 to 30000 ms"),
            (ENTRA.replace("11111111-", ""), "no GUID"),
            (with(ENTRA, "scope = \"offline_access\""), "scope"),
            (custom, "no cloud"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_directory_that_no_node_could_use_is_refused() {
    let bind = |bind: &str| LDAP.replace("upn", bind);
    let openldap = LDAP.replace("active-directory", "openldap");
    let server = LDAP.replace("dc1.contoso", "dc1 contoso");
    are_refused(
        "\"corp\"",
        &[
            (with(LDAP, "connect_timeout_ms = 45000"), "100 to 30000 ms"),
            (openldap, "`search`"),
            (bind("search"), "service account"),
            (bind("domain"), "NetBIOS"),
            (LDAP.replace("dc=contoso,dc", "contoso,dc"), "distinguished"),
            (with(LDAP, "required_group = \"staff\""), "distinguished"),
            (with(LDAP, "user_filter = \"(uid=\""), "filter"),
            (server, "ldaps://"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_sender_that_no_node_could_use_is_refused() {
    let unused = SMS.replace("{secret}", "x");
    let missing = SMS.replace("secret = \"hunter2\"\n", "");
    are_refused("sms", &[(unused, "not used"), (missing, "not there")]).await;
    let server = MAIL.replace("mail.contoso", "mail contoso");
    are_refused("mail", &[(server, "no name of a host")]).await;
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
        panic!("{late:?}");
    };
    assert_eq!(refusal, Refusal::Revision);
    let reverted = end(3, false, put).await.unwrap();
    assert_eq!(end(3, false, reverted).await.unwrap(), reverted);
}
