//! A domain controller whose certificate has the name where nobody looks any more.

use super::active_directory::{settings, with_service};
use super::{Light, UNREACHABLE, ask, complaints, password, source};

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn a_certificate_without_a_san_is_refused() {
    let source = source(&settings());
    let found = ask(&source, "administrator@corp.contoso.example", &password()).await;
    assert_eq!(found, UNREACHABLE);
}

#[tokio::test]
#[ignore = "tests/directory/run sets the directories up"]
async fn an_examination_asks_for_the_san() {
    let [complaint] = &complaints(&source(&with_service())).await[..] else {
        panic!("one complaint")
    };
    assert_eq!(
        (complaint.step, complaint.light),
        ("certificate", Light::Red)
    );
    let remedy = &complaint.remedy;
    assert!(
        remedy.contains("dc1.corp.contoso.example in its SAN"),
        "{remedy}"
    );
}
