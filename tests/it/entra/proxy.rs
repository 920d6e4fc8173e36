//! Through a proxy: it is asked to connect, and hears nothing of what is said.

use std::sync::{Arc, Mutex, PoisonError};

use countersign::sources::Light::Green;
use countersign::sources::entra::{ConfigError, PinnedHosts};
use countersign_core::ledger::storage::EntraSettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{ACCEPTED, DOWN, Surroundings, ask, public, settings, surroundings};
use crate::stand_in::StandIn;

/// A proxy that connects wherever it is asked to, and keeps all that it is sent.
struct Proxy {
    url: String,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    async fn start(answer: &'static str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let heard = Arc::default();
        let keep = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, answer, Arc::clone(&keep)));
            }
        });
        Ok(Self { url, heard })
    }

    fn heard(&self) -> String {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&heard).into_owned()
    }
}

async fn carry(
    mut near: TcpStream,
    answer: &'static str,
    heard: Arc<Mutex<Vec<u8>>>,
) -> anyhow::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await?);
    }
    let keep = |octets: &[u8]| {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend_from_slice(octets);
    };
    keep(&head);
    let head = String::from_utf8(head)?;
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    near.write_all(answer.as_bytes()).await?;
    let mut far = TcpStream::connect(target).await?;
    let (mut out, mut back) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            read = near.read(&mut out) => {
                let octets = out.get(..read?).unwrap_or_default();
                if octets.is_empty() {
                    return Ok(());
                }
                keep(octets);
                far.write_all(octets).await?;
            }
            read = far.read(&mut back) => {
                let octets = back.get(..read?).unwrap_or_default();
                if octets.is_empty() {
                    return Ok(());
                }
                near.write_all(octets).await?;
            }
        }
    }
}

fn through(proxy: &Proxy, stand_in: &StandIn) -> anyhow::Result<(EntraSettings, Surroundings)> {
    let settings = EntraSettings {
        proxy: proxy.url.clone(),
        ..settings(stand_in)
    };
    let surroundings = Surroundings {
        pinned: PinnedHosts::parse([stand_in.host(), &proxy.url])?,
        ..surroundings(stand_in)?
    };
    Ok((settings, surroundings))
}

const CONNECTED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn a_question_goes_through_the_proxy_and_stays_sealed() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let proxy = Proxy::start(CONNECTED).await?;
    let (settings, surroundings) = through(&proxy, &stand_in)?;
    let source = public(&settings, &surroundings)?;
    assert_eq!(ask(&source).await, ACCEPTED);
    let heard = proxy.heard();
    let connect = format!("CONNECT {} HTTP/1.1\r\n", stand_in.host());
    assert!(heard.starts_with(&connect), "{heard}");
    for secret in ["R1ght", "mfa@", "mfa%40", "grant_type"] {
        assert!(!heard.contains(secret), "{secret}");
    }
    let findings = source.examine(Some("contoso.example")).await;
    assert!(findings.iter().all(|it| it.light == Green), "{findings:?}");
    Ok(())
}

#[tokio::test]
async fn a_proxy_that_refuses_leaves_the_question_unasked() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let proxy = Proxy::start(REFUSED).await?;
    let (settings, surroundings) = through(&proxy, &stand_in)?;
    assert_eq!(ask(&public(&settings, &surroundings)?).await, DOWN);
    assert!(stand_in.asked()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_proxy_that_is_not_pinned_is_refused() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let proxy = Proxy::start(CONNECTED).await?;
    let (settings, _) = through(&proxy, &stand_in)?;
    let refused = public(&settings, &surroundings(&stand_in)?);
    assert!(matches!(refused, Err(ConfigError::UnpinnedProxy(_))));
    Ok(())
}
