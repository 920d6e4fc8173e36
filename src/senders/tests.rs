//! Senders against a mail server and a gateway of our own, with certificates of our own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::base::{Secret, Unobserved, UserId};
use countersign_core::ledger::rules::PasscodeWay;
use countersign_core::ledger::storage::{self, HttpHeader, MailTls, SmsBody};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::{Mail, Pinned, Post, Route, Routes, SendError, SenderError, Sms, Witness};
use crate::login::{Letter, Messenger};
use crate::tls::testing::{Authority, Shown};

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// What a server does.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Takes,
    /// It says no, to the address or to the request.
    Refuses,
    /// It takes the connection, and says nothing.
    Hangs,
    /// It has no STARTTLS.
    Bare,
}

/// A server on a port of its own, and what it heard.
struct Fake {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    authority: tempfile::NamedTempFile,
}

impl Fake {
    fn heard(&self) -> String {
        self.heard.lock().unwrap().join("\n")
    }

    fn ca_file(&self) -> &std::path::Path {
        self.authority.path()
    }

    fn pinned(&self) -> Pinned {
        Pinned::parse([&*format!("localhost:{}", self.port)]).unwrap()
    }
}

fn acceptor(named: &str) -> (TlsAcceptor, tempfile::NamedTempFile) {
    let authority = Authority::new("senders");
    let (certificate, key) = authority.issue(&Shown {
        dns: vec![named.to_owned()],
        ..Shown::default()
    });
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(crate::tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority.certificate()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), file)
}

async fn smtp(manner: Manner, tls: MailTls, named: &str) -> Fake {
    let (acceptor, authority) = acceptor(named);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let notes = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, notes) = (acceptor.clone(), Arc::clone(&notes));
            tokio::spawn(async move {
                let session = Session { manner, notes };
                if tls == MailTls::Tls {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        session.greet(Box::new(stream), true).await;
                    }
                } else if let Some(stream) = session.plain(stream).await
                    && let Ok(stream) = acceptor.accept(stream).await
                {
                    session.talk(Box::new(stream), true).await;
                }
            });
        }
    });
    Fake {
        port,
        heard,
        authority,
    }
}

struct Session {
    manner: Manner,
    notes: Arc<Mutex<Vec<String>>>,
}

impl Session {
    /// Until TLS starts.
    async fn plain(&self, stream: TcpStream) -> Option<TcpStream> {
        let back = self.greet(Box::new(stream), false).await?;
        // Only the plain stream asks for TLS, so it is what comes back.
        let any: Box<dyn std::any::Any> = back.into_any();
        any.downcast::<TcpStream>().ok().map(|it| *it)
    }

    async fn greet(&self, mut stream: Box<dyn Plain>, secure: bool) -> Option<Box<dyn Plain>> {
        if self.manner == Manner::Hangs {
            std::future::pending::<()>().await;
        }
        stream.write_all(b"220 localhost\r\n").await.ok()?;
        self.talk(stream, secure).await
    }

    async fn talk(&self, stream: Box<dyn Plain>, secure: bool) -> Option<Box<dyn Plain>> {
        let mut stream = BufReader::new(stream);
        let mut in_message = false;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_owned();
            self.notes.lock().unwrap().push(line.clone());
            if in_message && line != "." {
                continue;
            }
            let answer = match line.split(' ').next().unwrap_or_default() {
                "." => {
                    in_message = false;
                    "250 taken"
                }
                "EHLO" if secure => "250-localhost\r\n250 AUTH PLAIN",
                "EHLO" if self.manner == Manner::Bare => "250 localhost",
                "EHLO" => "250-localhost\r\n250 STARTTLS",
                "STARTTLS" => "220 go",
                "AUTH" => "235 welcome",
                "RCPT" if self.manner == Manner::Refuses => "550 nobody here",
                "DATA" => {
                    in_message = true;
                    "354 go on"
                }
                "QUIT" => "221 bye",
                _ => "250 well",
            };
            let answer = format!("{answer}\r\n");
            stream.write_all(answer.as_bytes()).await.ok()?;
            if line == "STARTTLS" {
                return Some(stream.into_inner());
            }
        }
    }
}

trait Plain: Duplex {
    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any>;
}

impl<T: Duplex + 'static> Plain for T {
    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any> {
        self
    }
}

fn mail_settings(fake: &Fake, tls: MailTls) -> storage::Mail {
    storage::Mail {
        server: "localhost".into(),
        port: fake.port.into(),
        tls: tls.into(),
        user: "vpn".into(),
        from: "vpn@contoso.example".into(),
        timeout: 2000,
        ..storage::Mail::default()
    }
}

fn mail(fake: &Fake, tls: MailTls) -> Mail {
    let password = Secret::from(b"hunter2".as_slice());
    let with = (&fake.pinned(), Some(fake.ca_file()));
    Mail::configure(&mail_settings(fake, tls), Some(&password), with).unwrap()
}

async fn sent(mail: &Mail) -> Result<(), SendError> {
    mail.send(
        "alice@contoso.example",
        "Your code",
        "12345678 is your code.",
    )
    .await
}

#[tokio::test]
async fn a_message_is_handed_in_over_starttls_and_over_tls() {
    for tls in [MailTls::Starttls, MailTls::Tls] {
        let fake = smtp(Manner::Takes, tls, "localhost").await;
        sent(&mail(&fake, tls)).await.unwrap();
        let heard = fake.heard();
        assert_eq!(heard.contains("STARTTLS"), tls == MailTls::Starttls);
        for line in [
            "MAIL FROM:<vpn@contoso.example>",
            "RCPT TO:<alice@contoso.example>",
            "Subject: Your code",
            "Auto-Submitted: auto-generated",
            "12345678 is your code.",
            "AUTH PLAIN AHZwbgBodW50ZXIy",
        ] {
            assert!(heard.contains(line), "{line}: {heard}");
        }
        assert_eq!(heard.matches("DATA").count(), 1);
    }
}

#[tokio::test]
async fn nothing_is_sent_to_a_server_without_tls_or_with_the_certificate_of_another() {
    let bare = smtp(Manner::Bare, MailTls::Starttls, "localhost").await;
    let refused = sent(&mail(&bare, MailTls::Starttls)).await;
    assert!(matches!(refused, Err(SendError::Mail(_))), "{refused:?}");
    assert!(!bare.heard().contains("AUTH") && !bare.heard().contains("MAIL"));
    for tls in [MailTls::Starttls, MailTls::Tls] {
        let other = smtp(Manner::Takes, tls, "other.contoso.example").await;
        let refused = sent(&mail(&other, tls)).await;
        assert!(matches!(refused, Err(SendError::Mail(_))), "{refused:?}");
        assert!(!other.heard().contains("AUTH"), "{}", other.heard());
        let unknown = smtp(Manner::Takes, tls, "localhost").await;
        let password = Secret::from(b"hunter2".as_slice());
        let with = (&unknown.pinned(), Some(other.ca_file()));
        let settings = mail_settings(&unknown, tls);
        let foreign = Mail::configure(&settings, Some(&password), with).unwrap();
        assert!(sent(&foreign).await.is_err());
        assert!(!unknown.heard().contains("AUTH"));
    }
}

#[tokio::test]
async fn a_refusal_is_told_and_not_tried_again() {
    let fake = smtp(Manner::Refuses, MailTls::Tls, "localhost").await;
    let refused = sent(&mail(&fake, MailTls::Tls)).await;
    assert!(matches!(refused, Err(SendError::Mail(_))), "{refused:?}");
    assert_eq!(fake.heard().matches("RCPT").count(), 1);
    assert!(!fake.heard().contains("12345678"));
}

#[tokio::test]
async fn settings_of_another_host_or_without_their_secret_are_refused() {
    let fake = smtp(Manner::Takes, MailTls::Tls, "localhost").await;
    let ca_file = Some(fake.ca_file());
    let settings = mail_settings(&fake, MailTls::Tls);
    let elsewhere = Pinned::parse(["mail.contoso.example"]).unwrap();
    let password = Secret::from(b"hunter2".as_slice());
    let refused = Mail::configure(&settings, Some(&password), (&elsewhere, ca_file));
    assert!(matches!(refused, Err(SenderError::Unpinned(_))));
    let refused = Mail::configure(&settings, None, (&fake.pinned(), ca_file));
    assert!(matches!(refused, Err(SenderError::Secret)));
}

async fn gateway(manner: Manner, named: &str) -> Fake {
    let (acceptor, authority) = acceptor(named);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let notes = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, notes) = (acceptor.clone(), Arc::clone(&notes));
            tokio::spawn(async move {
                let mut stream = BufReader::new(acceptor.accept(stream).await.ok()?);
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).await.ok()?;
                    let line = line.trim_end().to_owned();
                    if line.is_empty() {
                        break;
                    }
                    if let Some(value) = line.strip_prefix("content-length: ") {
                        length = value.parse().ok()?;
                    }
                    notes.lock().unwrap().push(line);
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).await.ok()?;
                let body = String::from_utf8(body).ok()?;
                notes.lock().unwrap().push(body);
                let status = match manner {
                    Manner::Hangs => std::future::pending().await,
                    Manner::Refuses => "429 Too Many Requests",
                    Manner::Takes | Manner::Bare => "202 Accepted",
                };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.ok()
            });
        }
    });
    Fake {
        port,
        heard,
        authority,
    }
}

fn sms_settings(fake: &Fake) -> storage::SmsGateway {
    storage::SmsGateway {
        url: format!("https://localhost:{}/send", fake.port),
        headers: vec![HttpHeader {
            name: "Authorization".into(),
            value: "Bearer {secret}".into(),
        }],
        body: r#"{"to":"{phone}","text":"{text}"}"#.into(),
        timeout: 2000,
        ..storage::SmsGateway::default()
    }
}

fn configured(settings: &storage::SmsGateway, fake: &Fake) -> Result<Sms, SenderError> {
    let secret = Secret::from(b"hunter3".as_slice());
    let with = (&fake.pinned(), Some(fake.ca_file()));
    Sms::configure(settings, Some(&secret), with)
}

#[tokio::test]
async fn a_gateway_is_asked_as_its_template_says() {
    let fake = gateway(Manner::Takes, "localhost").await;
    let sms = configured(&sms_settings(&fake), &fake).unwrap();
    sms.send("+491701234512", "12345678 \"is\" your code")
        .await
        .unwrap();
    let heard = fake.heard();
    for line in [
        "POST /send HTTP/1.1",
        "authorization: Bearer hunter3",
        "content-type: application/json",
        r#"{"to":"+491701234512","text":"12345678 \"is\" your code"}"#,
    ] {
        assert!(heard.contains(line), "{line}: {heard}");
    }
    let form = storage::SmsGateway {
        url: format!("https://localhost:{}/send/{{phone}}", fake.port),
        method: "PUT".into(),
        body: "k={secret}&text={text}".into(),
        body_type: SmsBody::Form.into(),
        headers: Vec::new(),
        ..sms_settings(&fake)
    };
    configured(&form, &fake)
        .unwrap()
        .send("+49170", "a&to=b")
        .await
        .unwrap();
    let heard = fake.heard();
    assert!(heard.contains("PUT /send/%2B49170 HTTP/1.1"), "{heard}");
    assert!(heard.contains("k=hunter3&text=a%26to%3Db"), "{heard}");
}

#[tokio::test]
async fn a_gateway_that_refuses_or_shows_anothers_certificate_has_sent_nothing() {
    let fake = gateway(Manner::Refuses, "localhost").await;
    let sms = configured(&sms_settings(&fake), &fake).unwrap();
    let refused = sms.send("+491701234512", "1").await;
    assert!(
        matches!(refused, Err(SendError::Status(429))),
        "{refused:?}"
    );
    assert_eq!(fake.heard().matches("POST").count(), 1);
    let other = gateway(Manner::Takes, "other.contoso.example").await;
    let sms = configured(&sms_settings(&other), &other).unwrap();
    let refused = sms.send("+491701234512", "1").await;
    assert!(matches!(refused, Err(SendError::Gateway(_))), "{refused:?}");
    assert!(other.heard().is_empty());
}

#[tokio::test]
async fn a_template_in_which_a_value_could_leave_its_place_is_refused() {
    let fake = gateway(Manner::Takes, "localhost").await;
    let changes: [fn(&mut storage::SmsGateway); 15] = [
        |it| it.url = "https://{phone}.contoso.example/".into(),
        |it| it.url = "https://localhost.contoso.example/".into(),
        |it| it.url = it.url.replace("https", "http"),
        |it| it.url = it.url.replace("localhost", "user@localhost"),
        |it| it.body = r#"{"to":{phone}}"#.into(),
        |it| it.body = r#"{"to":"{phone}""#.into(),
        |it| it.body = r#"{"{phone}":1}"#.into(),
        |it| it.headers[0].value = "{text}".into(),
        |it| it.headers[0].name = "a b".into(),
        |it| it.headers[0].name = "Host".into(),
        |it| it.headers[0].name = "content-length".into(),
        |it| it.body = r#"{"to":"+491701234567","text":"{text}"}"#.into(),
        |it| it.body = r#"{"to":"{phone}"}"#.into(),
        |it| it.method = "DELETE".into(),
        |it| it.method = "GET".into(),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut settings = sms_settings(&fake);
        change(&mut settings);
        assert!(configured(&settings, &fake).is_err(), "{number}");
    }
    let form = storage::SmsGateway {
        body: "to={phone}&{text}={secret}".into(),
        body_type: SmsBody::Form.into(),
        ..sms_settings(&fake)
    };
    assert!(configured(&form, &fake).is_err());
    let mut unused = sms_settings(&fake);
    unused.headers.clear();
    assert!(matches!(
        configured(&unused, &fake),
        Err(SenderError::Secret)
    ));
}

struct Told(mpsc::UnboundedSender<&'static str>);

impl Witness for Told {
    fn failed(&self, _: UserId, _: PasscodeWay, why: &SendError) {
        self.0.send(why.label()).unwrap();
    }
}

fn letter(way: PasscodeWay) -> Letter {
    Letter {
        way,
        user: UserId(7),
        to: Secret::from(b"alice@contoso.example".as_slice()),
        subject: "Your code".into(),
        text: Secret::from(b"12345678".as_slice()),
    }
}

#[tokio::test]
async fn what_hangs_ends_in_time_and_is_told_to_operators() {
    let (sender, mut told) = mpsc::unbounded_channel();
    let post = Post::new(Arc::new(Unobserved), Arc::new(Told(sender)));
    post.send(letter(PasscodeWay::Sms));
    assert_eq!(told.recv().await, Some("no_sender"));
    let fake = smtp(Manner::Hangs, MailTls::Starttls, "localhost").await;
    let mut slow = mail(&fake, MailTls::Starttls);
    slow.timeout = Duration::from_millis(50);
    let mail = Some(Route {
        settings: storage::Mail::default(),
        sender: Some(Arc::new(slow)),
    });
    post.adopt(Routes { mail, sms: None });
    for _ in 0..=super::post::IN_HAND_MAX {
        post.send(letter(PasscodeWay::Email));
    }
    let first = timeout(Duration::from_secs(10), told.recv()).await.unwrap();
    assert_eq!(first, Some("busy"), "the last one did not wait");
    for _ in 0..super::post::IN_HAND_MAX {
        let next = timeout(Duration::from_secs(10), told.recv()).await.unwrap();
        assert_eq!(next, Some("late"));
    }
}
