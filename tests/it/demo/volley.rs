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

use super::codes::calm_step;
use super::world::{Demo, Verdict, is_refusal};

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

/// Three callers type the one code of each of so many users at one time: exactly one of
/// three is let in. On a machine with other work a device may have given up before; its
/// user then tries again, with all three callers and the code of that time, a few users at
/// a time.
pub(super) async fn one_of_three(demo: &Demo, device: &Device, users: u32) -> anyhow::Result<()> {
    let mut left: Vec<u32> = (1..=users).collect();
    let mut at_a_time = left.len();
    for _ in 0..VOLLEYS_MAX {
        // The newest code of the window stays valid for a minute and more.
        let newest = calm_step(12).await + 1;
        let few: Vec<_> = left.drain(..at_a_time.min(left.len())).collect();
        let mut shots = Vec::new();
        for number in &few {
            let person = demo.load(*number)?;
            let code = person.app.code(newest)?;
            shots.extend(CALLERS.map(|caller| Shot {
                name: person.name.clone(),
                typed: code.clone(),
                caller: caller.to_owned(),
            }));
        }
        let (verdicts, took) = volley(device, &shots).await?;
        let before = left.len();
        for (number, three) in few.iter().zip(verdicts.chunks(CALLERS.len())) {
            let accepts = three.iter().filter(|it| **it == Verdict::Accept).count();
            ensure!(accepts <= 1, "load{number}: {three:?}");
            if three.contains(&Verdict::Silence) {
                left.push(*number);
            } else {
                ensure!(accepts == 1, "load{number}: {three:?}");
            }
        }
        println!(
            "{} logins sent within {took:?}: {} of {} users have to try again",
            shots.len(),
            left.len() - before,
            few.len()
        );
        if left.is_empty() {
            return Ok(());
        }
        at_a_time = FEW;
    }
    anyhow::bail!("{} users were never answered", left.len())
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
const CALLERS: [&str; 3] = ["198.51.100.7", "198.51.100.8", "198.51.100.9"];
/// Users who try again at a time.
const FEW: usize = 25;
const VOLLEYS_MAX: usize = 100;
