//! A passcode by e-mail, as a user meets it: asked for, read in a mailbox, typed.

use std::fs;
use std::sync::{Arc, Mutex};

use anyhow::{Context, ensure};
use countersign::device::Answer;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::process::{Process, is_gone, kill, until};
use super::world::{ALICE, Demo, HOME, send};

/// What a mail server was given, line by line.
type Mailbox = Arc<Mutex<Vec<String>>>;

/// The authority in PEM, and a server's side of TLS with a certificate of it.
fn certified() -> anyhow::Result<(String, TlsAcceptor)> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "mail");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key)?.pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate()?;
    let params = CertificateParams::new(vec!["localhost".to_owned()])?;
    let certificate = params.signed_by(&key, &issuer)?.pem();
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes())?];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes())?;
    let config = ServerConfig::builder_with_provider(countersign::tls::provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok((authority, TlsAcceptor::from(Arc::new(config))))
}

/// Takes every message over TLS; its port.
async fn mail_server(acceptor: TlsAcceptor, mailbox: Mailbox) -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, mailbox) = (acceptor.clone(), Arc::clone(&mailbox));
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await?;
                take(stream, &mailbox).await
            });
        }
    });
    Ok(port)
}

async fn take(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    mailbox: &Mailbox,
) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 localhost\r\n").await?;
    let mut in_message = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        mailbox.lock().expect("no panic").push(line.clone());
        if in_message && line != "." {
            continue;
        }
        in_message = line == "DATA";
        let answer = if in_message { "354 go on" } else { "250 well" };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

/// The digits of the message in the mailbox.
fn code(mailbox: &Mailbox) -> Option<String> {
    let lines = mailbox.lock().expect("no panic");
    let found = lines
        .iter()
        .find_map(|line| line.split_once(" is your code"));
    found.map(|(code, _)| code.to_owned())
}

fn challenge(answer: Option<Answer>) -> anyhow::Result<(String, Vec<u8>)> {
    match answer {
        Some(Answer::Challenge(text, state)) => Ok((text, state)),
        other => anyhow::bail!("no challenge: {other:?}"),
    }
}

/// Starts the node anew with a file that pins the mail server.
fn restarted(demo: &Demo, port: u16, authority: &str) -> anyhow::Result<Process> {
    let config = fs::read_to_string(demo.config())?;
    let pins = format!("[sources]\nmail_servers = [\"localhost:{port}\"]\n");
    let pinned = config.replace("[sources]\n", &pins);
    ensure!(pinned != config, "no section of sources");
    fs::write(demo.config(), pinned)?;
    let ca_file = demo.told("/entra/ca_file");
    let both = format!("{}{authority}", fs::read_to_string(ca_file)?);
    fs::write(ca_file, both)?;
    Process::serve(demo.config(), &demo.node_log())
}

/// Where her passcodes go to, who sends them, and the rule by which they may.
fn set_up(demo: &Demo, port: u16) -> anyhow::Result<()> {
    let set = [
        "user",
        "set",
        ALICE,
        "--email",
        "alice.private@fabrikam.example",
    ];
    demo.run(&set)?.json()?;
    let shown = demo.run(&["settings", "show"])?.json()?;
    let document = shown.get("document").and_then(serde_json::Value::as_str);
    let document = document.context("a document")?;
    let mail = format!(
        "{document}\n[mail]\nserver = \"localhost\"\nport = {port}\ntls = \"tls\"\n\
         from = \"vpn@contoso.example\"\n"
    );
    let file = demo.folder().join("settings.toml");
    fs::write(&file, mail)?;
    let file = file.to_str().context("UTF-8")?;
    demo.run(&["settings", "apply", file])?.json()?;
    let rule = [
        "rule",
        "add",
        "vpn",
        "--client=vpn",
        "--factors=both",
        "--prompt=challenge",
        "--passcode=email",
    ];
    demo.run(&rule)?.json()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_asks_for_a_passcode_gets_in_by_the_one_that_came_by_e_mail()
-> anyhow::Result<()> {
    let (authority, acceptor) = certified()?;
    let mailbox = Mailbox::default();
    let port = mail_server(acceptor, Arc::clone(&mailbox)).await?;
    let demo = Demo::start(1)?;
    let pid = demo.pid()?;
    kill(pid)?;
    until("the node has ended", async || is_gone(pid)).await?;
    let _node = restarted(&demo, port, &authority)?;
    until("the node is ready", async || {
        demo.watch("ready").await.is_some()
    })
    .await?;
    set_up(&demo, port)?;
    let (device, alice) = (demo.vpn()?, demo.alice()?);
    let first = send(&device, ALICE, (&alice.password, None), HOME).await?;
    let (_, state) = challenge(first)?;
    let asked = send(&device, ALICE, ("", Some(&state)), HOME).await?;
    let (text, state) = challenge(asked)?;
    ensure!(text.contains("a***@fabrikam.example"), "{text}");
    until("the message has come", async || code(&mailbox).is_some()).await?;
    let code = code(&mailbox).context("a code")?;
    ensure!(code.len() == 8 && !text.contains(&code), "{code}: {text}");
    let let_in = send(&device, ALICE, (&code, Some(&state)), HOME).await?;
    assert_eq!(let_in, Some(Answer::Accept));
    // It was good for one login.
    let first = send(&device, ALICE, (&alice.password, None), HOME).await?;
    let (_, state) = challenge(first)?;
    let again = send(&device, ALICE, (&code, Some(&state)), HOME).await?;
    ensure!(matches!(again, Some(Answer::Reject(_))), "{again:?}");
    let reasons = demo.reasons(ALICE, 5).await?;
    for reason in ["CS-R217", "CS-R302"] {
        ensure!(
            reasons.iter().any(|it| it == reason),
            "{reason}: {reasons:?}"
        );
    }
    assert_eq!(demo.count("passcodes_by_email", "sent").await, 1);
    Ok(())
}
