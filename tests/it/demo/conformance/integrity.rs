//! Rows M1–M7: Message-Authenticator.

use countersign_core::base::Secret;
use countersign_core::radius::{Code, kind};

use super::super::codes::calm_step;
use super::super::process::until;
use super::super::world::{ALICE, Demo};
use super::Line;

fn unsigned(line: &Line, number: u8, typed: &str) -> anyhow::Result<Vec<u8>> {
    let typed = Secret::from(typed.to_owned());
    let question = line.question(number);
    Ok(question.dangerous_unprotected_access_request(ALICE.as_bytes(), &typed, &[])?)
}

#[tokio::test]
async fn m2_a_client_need_not_sign_only_where_its_entry_says_so() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let line = Line::vpn(&demo).await?;
    let alice = demo.alice()?;
    let wrong = alice.password.clone() + &alice.app.wrong(1)?.concat();
    let set = ["client", "set", "vpn", "--message-authenticator"];
    let set = |mode| demo.run(&[&set[..], &[mode]].concat())?.json();
    set("require")?;
    line.socket.send(&unsigned(&line, 1, &wrong)?).await?;
    until("it is dropped", async || {
        demo.count("datagrams", "CS-R105").await == 1
    })
    .await?;
    line.is_silent(2).await?;
    set("limit-proxy-state")?;
    let told = line.told(&unsigned(&line, 3, &wrong)?).await?;
    assert_eq!(told.code, Code::AccessReject);
    set("require")?;
    line.socket.send(&unsigned(&line, 4, &wrong)?).await?;
    until("it is dropped again", async || {
        demo.count("datagrams", "CS-R105").await == 2
    })
    .await?;
    line.is_silent(5).await
}

#[tokio::test]
async fn m4_every_reply_is_signed_first_of_all_also_to_who_never_signs() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let set = ["client", "set", "vpn", "--message-authenticator", "no"];
    demo.run(&set)?.json()?;
    let (line, alice) = (Line::vpn(&demo).await?, demo.alice()?);
    let typed = alice.password.clone() + &alice.app.code(calm_step(10).await)?;
    for (number, typed, code) in [
        (1, &*typed, Code::AccessAccept),
        (2, "guess000000", Code::AccessReject),
    ] {
        // A reply that is not signed first is not believed.
        let told = line.told(&unsigned(&line, number, typed)?).await?;
        assert_eq!(told.code, code);
        let first = told.kinds().first().copied();
        assert_eq!(first, Some(kind::MESSAGE_AUTHENTICATOR));
    }
    Ok(())
}
