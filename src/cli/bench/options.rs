//! What to load, with what: from the options, or from a demo's own file.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_core::base::Secret;
use countersign_core::base::limits::CLIENT_WAIT_MAX;
use countersign_core::otp::from_base32;
use serde::Deserialize;

use super::super::failure::Failure;
use super::super::output::Output;
use super::super::secrets;
use super::load::{self, Load, Pace};
use super::plan::{Plan, Typed};
use super::process::Processes;
use crate::device::Device;
use crate::login::Clock;
use crate::node::SystemClock;

/// Sends many RADIUS logins, as VPN devices would, and tells rate, times and cost
///
/// All users share one password and one seed. Each login takes a code that its user has
/// not used yet; the run ends early when there is none left.
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// A demo's demo.json: fills in servers, secrets, users and processes
    #[arg(long, value_name = "FILE")]
    demo: Option<PathBuf>,
    /// RADIUS servers, in the order in which they are asked
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    server: Vec<SocketAddr>,
    /// File with the shared secret
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_SECRET_FILE")]
    secret_file: Option<PathBuf>,
    /// What is typed: password and code, or the code alone
    #[arg(long, value_enum, default_value_t = Factors::Both)]
    factors: Factors,
    /// File with the password of all users
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// File with the Base32 seed of all users
    #[arg(long, value_name = "FILE")]
    totp_seed_file: Option<PathBuf>,
    /// User-Name; {n} is the user's number
    #[arg(long, value_name = "TEXT", default_value = "load{n}@contoso.example")]
    name: String,
    /// How many users there are
    #[arg(long, value_name = "N")]
    users: Option<u64>,
    /// The number of the first of them, so that two runs need not share any
    #[arg(long, value_name = "N", default_value_t = 1)]
    first_user: u64,
    /// The steps that a user logs in with, beside the current one
    #[arg(long, value_name = "FROM..TO", default_value = "-1..1", value_parser = steps,
        allow_hyphen_values = true)]
    steps: RangeInclusive<i64>,
    /// Logins in flight at one time: 64, or with --rate at most 4096
    #[arg(long, value_name = "N")]
    in_flight: Option<usize>,
    /// Begin so many logins a second, however long each takes; one for which there is no
    /// room is told as not sent
    #[arg(long, value_name = "LOGINS", value_parser = rate)]
    rate: Option<f64>,
    /// Stop after this time
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    seconds: u64,
    /// Stop after this many logins
    #[arg(long, value_name = "N", default_value_t = u64::MAX)]
    logins: u64,
    /// How long a device waits for an answer to one packet
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    timeout: u64,
    /// The same in milliseconds
    #[arg(long, value_name = "MILLISECONDS", conflicts_with = "timeout",
        value_parser = clap::value_parser!(u64).range(1..))]
    timeout_ms: Option<u64>,
    /// How long a device leaves out a server that answered nothing; 0: it asks the first
    /// one first, always
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    dead_time: u64,
    /// How often it asks one server
    #[arg(long, value_name = "N", default_value_t = 3)]
    tries: u32,
    /// The address to send from
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
    /// Calling-Station-Id: where all the users are
    #[arg(long, value_name = "TEXT", default_value = "198.51.100.7")]
    caller: String,
    /// Processes of the server whose cost is told
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pid: Vec<u32>,
    /// Tell a line each second; with --output json, everything is one line of JSON each
    #[arg(long)]
    progress: bool,
    /// Believe replies without Message-Authenticator, for a server that sends none
    #[arg(long)]
    dangerous_unprotected_replies: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Factors {
    /// The password with the code behind it
    Both,
    /// The code alone
    Code,
}

impl Bench {
    pub(crate) async fn run(mut self, output: Output) -> Result<(), Failure> {
        let demo = self.demo.take().map(|path| Demo::read(&path)).transpose()?;
        let load = self.load(demo, output)?;
        load::run(load).await?.show(output)
    }

    fn load(self, demo: Option<Demo>, output: Output) -> Result<Load, Failure> {
        let demo = demo.unwrap_or_default();
        let client = demo.client(self.factors)?;
        let servers = filled(self.server, demo.nodes.iter().map(|node| node.radius));
        if servers.is_empty() {
            return Err(Failure::Usage("whom to ask? --server or --demo".to_owned()));
        }
        let password = match self.factors {
            Factors::Code => Secret::new(Vec::new()),
            Factors::Both => given(self.password_file, demo.load.password, "--password-file")?,
        };
        let seed = given(
            self.totp_seed_file,
            demo.load.totp_secret,
            "--totp-seed-file",
        )?;
        let timeout = self
            .timeout_ms
            .map_or_else(|| Duration::from_secs(self.timeout), Duration::from_millis);
        let silences = silences(timeout, self.tries, servers.len());
        let pids = filled(self.pid, demo.nodes.iter().map(|node| node.pid));
        Ok(Load {
            device: Device {
                servers,
                secret: given(self.secret_file, client.secret, "--secret-file")?,
                timeout,
                tries: self.tries,
                source: self.source.or(client.source),
                identifier: "countersign-bench".to_owned(),
                dangerous_unprotected_replies: self.dangerous_unprotected_replies,
            },
            dead_time: Duration::from_secs(self.dead_time),
            caller: self.caller,
            plan: Plan::new(
                Typed::new(self.name, password, seed_of(&seed)?),
                self.first_user
                    ..self
                        .first_user
                        .saturating_add(self.users.or(demo.load.users).unwrap_or(USERS_DEFAULT)),
                self.steps,
                SystemClock.wall(),
                self.logins,
            )
            .for_device(silences),
            pace: self.rate.map_or(Pace::Closed, Pace::Open),
            in_flight: self.in_flight.unwrap_or(match self.rate {
                None => IN_FLIGHT_CLOSED,
                Some(_) => IN_FLIGHT_OPEN,
            }),
            longest: Duration::from_secs(self.seconds),
            server: Processes(pids),
            progress: self.progress.then_some(output),
        })
    }
}

/// How long until the last of the servers hears of a login, where all others are dead.
fn silences(timeout: Duration, tries: u32, servers: usize) -> Duration {
    let dead = u32::try_from(servers.saturating_sub(1)).unwrap_or(u32::MAX);
    let silences = timeout.saturating_mul(tries).saturating_mul(dead);
    silences.min(CLIENT_WAIT_MAX)
}

/// What the bench reads of `demo.json`.
#[derive(Debug, Default, Deserialize)]
struct Demo {
    nodes: Vec<Node>,
    clients: Vec<Client>,
    load: Users,
}

#[derive(Debug, Deserialize)]
struct Node {
    pid: u32,
    radius: SocketAddr,
}

#[derive(Debug, Deserialize)]
struct Client {
    cidr: String,
    secret: String,
    factors: String,
}

#[derive(Debug, Default, Deserialize)]
struct Users {
    users: Option<u64>,
    password: Option<String>,
    totp_secret: Option<String>,
}

/// The client whose part the bench plays.
#[derive(Debug, Default)]
struct Part {
    secret: Option<String>,
    source: Option<IpAddr>,
}

impl Demo {
    fn read(path: &Path) -> Result<Self, Failure> {
        serde_json::from_slice(&secrets::whole(path)?)
            .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
    }

    fn client(&self, factors: Factors) -> Result<Part, Failure> {
        if self.clients.is_empty() {
            return Ok(Part::default());
        }
        let wanted = match factors {
            Factors::Both => "both",
            Factors::Code => "code",
        };
        let client = self.clients.iter().find(|it| it.factors == wanted);
        let client =
            client.ok_or_else(|| Failure::Usage(format!("the demo has no client for {wanted}")))?;
        let address = client.cidr.split('/').next().unwrap_or_default();
        Ok(Part {
            secret: Some(client.secret.clone()),
            source: address.parse().ok(),
        })
    }
}

fn filled<T>(given: Vec<T>, demo: impl Iterator<Item = T>) -> Vec<T> {
    if given.is_empty() {
        demo.collect()
    } else {
        given
    }
}

fn given(file: Option<PathBuf>, demo: Option<String>, option: &str) -> Result<Secret, Failure> {
    match (file, demo) {
        (Some(path), _) => secrets::read(&path),
        (None, Some(text)) => Ok(Secret::new(text.into_bytes())),
        (None, None) => Err(Failure::Usage(format!("{option} is missing"))),
    }
}

fn seed_of(text: &Secret) -> Result<Secret, Failure> {
    let text = std::str::from_utf8(text.expose());
    let decoded = text.ok().map(from_base32);
    match decoded {
        Some(Ok(decoded)) => Ok(decoded.seed),
        Some(Err(error)) => Err(Failure::Usage(format!("the seed: {error}"))),
        None => Err(Failure::Usage("the seed is no text".to_owned())),
    }
}

fn steps(text: &str) -> Result<RangeInclusive<i64>, String> {
    let bounds = text.split_once("..");
    let bounds = bounds.and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    let (from, to) = bounds.ok_or("steps are written FROM..TO, as in -1..1")?;
    Ok(from..=to)
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.01..=1e6).contains(rate));
    rate.ok_or_else(|| "a rate is a number of logins a second, as in 200".to_owned())
}

const IN_FLIGHT_CLOSED: usize = 64;
const IN_FLIGHT_OPEN: usize = 4096;
const USERS_DEFAULT: u64 = 1000;
