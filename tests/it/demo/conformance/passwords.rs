//! Rows A2 and A3: what is typed reaches the source octet by octet, or nowhere.

use countersign_core::radius::Code;
use serde_json::json;

use super::super::codes::calm_step;
use super::super::process::until;
use super::super::world::Demo;
use super::Line;

/// Passwords so long that 1 to 240 octets are sent with the code behind them, those of the
/// blocks' edges, and such as could be cut or split at the wrong place.
fn passwords() -> Vec<String> {
    let lengths = [1, 9, 10, 11, 16, 17, 122, 123, 128, 129, 233, 234];
    let mut passwords: Vec<_> = lengths.map(|length| "p".repeat(length)).into();
    let others = [
        "pa55word",
        "123456",
        "pa55word12345678",
        " two  blanks ",
        "gr\u{fc}\u{df}e\u{20ac}",
    ];
    passwords.extend(others.map(str::to_owned));
    passwords
}

#[tokio::test]
async fn a2_a_password_of_any_length_reaches_the_source_whole() -> anyhow::Result<()> {
    let passwords = passwords();
    let demo = Demo::start(u32::try_from(passwords.len())?)?;
    let line = Line::vpn(&demo).await?;
    for (number, password) in (1..).zip(&passwords) {
        let person = demo.load(number.into())?;
        let order = json!({"user": person.name, "password": password});
        demo.entra(&order).await?;
        let code = person.app.code(calm_step(5).await)?;
        let typed = password.clone() + &code;
        let told = line.judged(number, &person.name, typed.as_bytes()).await?;
        assert_eq!(told.code, Code::AccessAccept, "{} octets", typed.len());
        assert_eq!(demo.asked(&person.name)?, 1);
    }
    Ok(())
}

#[tokio::test]
async fn a2_nothing_and_a_nul_inside_reach_no_source() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let (line, person) = (Line::vpn(&demo).await?, demo.load(1)?);
    let code = person.app.code(calm_step(10).await)?;
    let password = &*person.password;
    let typed = [
        (String::new(), "CS-R301"),
        ("p".to_owned(), "CS-R301"),
        (code.clone(), "CS-R207"),
        (format!("{password}\0{code}"), "CS-R202"),
        (format!("{password}{code}\0{code}"), "CS-R202"),
        (format!("\0{password}{code}"), "CS-R202"),
    ];
    for (number, (typed, _)) in (1..).zip(&typed) {
        let told = line.judged(number, &person.name, typed.as_bytes()).await?;
        assert_eq!(told.code, Code::AccessReject, "{typed:?}");
    }
    let reasons = demo.reasons(&person.name, typed.len()).await?;
    assert!(
        reasons.iter().eq(typed.iter().map(|(_, reason)| reason)),
        "{reasons:?}"
    );
    assert_eq!(demo.asked(&person.name)?, 0);
    // The padding's NULs are no part of it.
    let right = format!("{password}{code}\0\0");
    let told = line.judged(100, &person.name, right.as_bytes()).await?;
    assert_eq!(told.code, Code::AccessAccept);
    Ok(())
}

#[tokio::test]
async fn a3_what_is_not_utf8_is_refused_where_signed_and_else_is_noise() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let (line, person) = (Line::vpn(&demo).await?, demo.load(1)?);
    let code = person.app.code(calm_step(10).await)?;
    let typed = [b"gr\xfc\xdfe", code.as_bytes()].concat();
    let signed = line.judged(1, &person.name, &typed).await?;
    assert_eq!(signed.code, Code::AccessReject);
    let set = ["client", "set", "vpn", "--message-authenticator", "no"];
    demo.run(&set)?.json()?;
    // What a wrong secret makes of a password: who sends it is not told that it was heard.
    let noise = countersign_core::base::Secret::new(typed);
    let (question, name) = (line.question(2), person.name.as_bytes());
    let unsigned = question.dangerous_unprotected_access_request(name, &noise, &[])?;
    line.socket.send(&unsigned).await?;
    until("both are noted", async || {
        let reasons = demo.reasons(&person.name, 2).await.unwrap_or_default();
        reasons == ["CS-R202"; 2]
    })
    .await?;
    line.is_silent(3).await?;
    assert_eq!(demo.asked(&person.name)?, 0);
    Ok(())
}
