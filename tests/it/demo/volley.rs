//! Many logins at one time, sent before the first answer is read.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use countersign::device::Device;
use countersign::login::Clock;
use countersign::node::{SystemClock, SystemEntropy};
use countersign_core::base::{Entropy, Secret};
use countersign_core::radius::{Code, Question, Raw, Response, kind};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::world::{Verdict, is_refusal};

/// What one of many types.
pub(super) struct Shot {
    pub(super) name: String,
    pub(super) typed: String,
    pub(super) caller: String,
}

struct Sent {
    shot: usize,
    authenticator: [u8; 16],
    packet: Vec<u8>,
}

/// A socket with up to 250 questions in hand, by their identifiers.
struct Battery {
    socket: UdpSocket,
    sent: HashMap<u8, Sent>,
}

/// Fires all shots, neighbours from different ports and to different servers, and sends
/// again as a device does that knows one server. Tells each shot's verdict and how long the
/// first sending took.
pub(super) async fn volley(
    device: &Device,
    shots: &[Shot],
) -> anyhow::Result<(Vec<Verdict>, Duration)> {
    let mut batteries = Vec::new();
    let servers = device.servers.len();
    let ports = shots.len().div_ceil(BATTERY_SHOTS);
    // As many for each server, so that a shot's number tells which one it meets.
    for port in 0..ports.next_multiple_of(servers) {
        let server = device.servers.get(port % servers).context("no server")?;
        batteries.push(Battery::open(device, *server).await?);
    }
    let ports = batteries.len();
    for (number, shot) in shots.iter().enumerate() {
        let battery = batteries.get_mut(number % ports).context("no battery")?;
        battery.load(device, number, shot)?;
    }
    let begun = SystemClock.monotonic();
    for round in 0..BATTERY_SHOTS {
        for battery in &batteries {
            if let Some(sent) = battery.sent.get(&u8::try_from(round)?) {
                battery.socket.send(&sent.packet).await?;
            }
        }
    }
    let took = begun.elapsed();
    let mut hearing = JoinSet::new();
    for battery in batteries {
        hearing.spawn(battery.hear(device.secret.duplicate()));
    }
    let mut verdicts = vec![Verdict::Silence; shots.len()];
    while let Some(heard) = hearing.join_next().await {
        for (shot, verdict) in heard?? {
            *verdicts.get_mut(shot).context("no such shot")? = verdict;
        }
    }
    Ok((verdicts, took))
}

impl Battery {
    async fn open(device: &Device, server: SocketAddr) -> anyhow::Result<Self> {
        let source = device.source.context("no source")?;
        let socket = UdpSocket::bind((source, 0)).await?;
        socket.connect(server).await?;
        let sent = HashMap::new();
        Ok(Self { socket, sent })
    }

    fn load(&mut self, device: &Device, shot: usize, what: &Shot) -> anyhow::Result<()> {
        let identifier = u8::try_from(self.sent.len())?;
        let authenticator = SystemEntropy.array();
        let question = Question {
            identifier,
            authenticator: &authenticator,
            secret: &device.secret,
        };
        let caller = Raw {
            kind: kind::CALLING_STATION_ID,
            value: what.caller.as_bytes(),
        };
        let typed = Secret::from(what.typed.clone());
        let packet = question.access_request(what.name.as_bytes(), &typed, &[caller])?;
        let sent = Sent {
            shot,
            authenticator,
            packet,
        };
        self.sent.insert(identifier, sent);
        Ok(())
    }

    async fn hear(mut self, secret: Secret) -> anyhow::Result<Vec<(usize, Verdict)>> {
        let mut heard = Vec::new();
        for _ in 0..TRIES {
            let deadline = Instant::now() + TIMEOUT;
            let mut octets = [0; 4096];
            while !self.sent.is_empty()
                && let Ok(length) = timeout_at(deadline, self.socket.recv(&mut octets)).await
            {
                let reply = octets.get(..length?).context("no reply")?;
                heard.extend(self.take(reply, &secret)?);
            }
            for sent in self.sent.values() {
                self.socket.send(&sent.packet).await?;
            }
        }
        Ok(heard)
    }

    /// What a reply says; none: the same reply once more.
    fn take(&mut self, reply: &[u8], secret: &Secret) -> anyhow::Result<Option<(usize, Verdict)>> {
        let identifier = *reply.get(1).context("a short reply")?;
        let Some(sent) = self.sent.remove(&identifier) else {
            return Ok(None);
        };
        let question = Question {
            identifier,
            authenticator: &sent.authenticator,
            secret,
        };
        let response = Response::verify(reply, &question)?;
        if response.code() == Code::AccessAccept {
            return Ok(Some((sent.shot, Verdict::Accept)));
        }
        let text = response.datagram().first(kind::REPLY_MESSAGE);
        let text = String::from_utf8_lossy(text.unwrap_or_default());
        ensure!(is_refusal(&text), "a refusal of another form: {text:?}");
        Ok(Some((sent.shot, Verdict::Reject)))
    }
}

const BATTERY_SHOTS: usize = 250;
const TIMEOUT: Duration = Duration::from_secs(3);
const TRIES: u32 = 3;
