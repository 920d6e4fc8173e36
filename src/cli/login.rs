//! `countersign login`: one real RADIUS login, as a VPN device would send it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use countersign_core::base::{Secret, Shown};

use super::failure::Failure;
use super::secrets;
use crate::device::{Answer, Credentials, Device, Lines, Report};
use crate::node::SystemEntropy;

/// Sends a real RADIUS login, as a VPN device would, and shows the answer
///
/// The password, with the code behind it, is read from a file or a line of standard input,
/// so that it stands in no list of processes and no history of a shell. Where the server
/// asks for the code, so is the answer.
#[derive(Debug, clap::Args)]
pub(super) struct Login {
    /// User-Name
    name: String,
    /// RADIUS servers, in the order in which they are asked
    #[arg(
        long,
        value_name = "ADDRESS",
        value_delimiter = ',',
        default_value = "127.0.0.1:1812"
    )]
    server: Vec<SocketAddr>,
    /// File with the shared secret
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_SECRET_FILE")]
    secret_file: PathBuf,
    /// File with the password and the code behind it; - is standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    password_file: PathBuf,
    /// File with the answer to a challenge; - is the next line of standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    code_file: PathBuf,
    /// Calling-Station-Id: where the user is
    #[arg(long, value_name = "TEXT", default_value = "")]
    caller: String,
    /// How long to wait for an answer to one packet
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    timeout: u64,
    /// How often to ask one server
    #[arg(long, value_name = "N", default_value_t = 3)]
    tries: u32,
    /// The address to send from
    #[arg(long, value_name = "ADDRESS")]
    source: Option<IpAddr>,
}

impl Login {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let secret = secrets::read(&self.secret_file)?;
        let password = secrets::line(&self.password_file)?;
        let device = Device {
            servers: self.server.clone(),
            secret,
            timeout: Duration::from_secs(self.timeout),
            tries: self.tries,
            source: self.source,
            identifier: "countersign-login".to_owned(),
            dangerous_unprotected_replies: false,
        };
        let mut lines = Lines::default();
        let mut report = self.ask(&device, &mut lines, (&password, None)).await?;
        // LIMIT: a server that never ends asking is not answered for ever.
        for _ in 0..CHALLENGES_MAX {
            let Some(Answer::Challenge(text, state)) = &report.answer else {
                break;
            };
            eprint!("{}", Shown(text.as_bytes()));
            let code = secrets::line(&self.code_file)?;
            report = self.ask(&device, &mut lines, (&code, Some(state))).await?;
        }
        show(&report)
    }

    async fn ask(
        &self,
        device: &Device,
        lines: &mut Lines,
        (password, state): (&Secret, Option<&[u8]>),
    ) -> Result<Report, Failure> {
        let credentials = Credentials {
            name: &self.name,
            password,
            state,
            caller: &self.caller,
        };
        let report = device.login(&credentials, lines, &mut SystemEntropy).await;
        report.map_err(|error| Failure::Usage(error.to_string()))
    }
}

fn show(report: &Report) -> Result<(), Failure> {
    let Report {
        sent,
        distrusted,
        took,
        ..
    } = report;
    let from = report
        .server
        .map_or_else(String::new, |server| format!(" from {server}"));
    let figures = format!(
        "{from} after {} ms, {sent} packet(s) sent",
        took.as_millis()
    );
    if *distrusted > 0 {
        eprintln!("{distrusted} reply(ies) not believed: is the shared secret right?");
    }
    match &report.answer {
        Some(Answer::Accept) => {
            println!("Access-Accept{figures}");
            Ok(())
        }
        Some(Answer::Reject(text)) => Err(Failure::Refused(format!(
            "Access-Reject \"{text}\"{figures}"
        ))),
        Some(Answer::Challenge(text, _)) => Err(Failure::Refused(format!(
            "Access-Challenge \"{text}\"{figures}"
        ))),
        None => Err(Failure::Unknown(format!("no answer{figures}"))),
    }
}

const CHALLENGES_MAX: usize = 8;
