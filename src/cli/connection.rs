//! Which node is asked, as whom, and how its answers are printed.

use std::path::PathBuf;
use std::time::Duration;

use countersign_core::base::{Entropy, Secret};
use data_encoding::HEXLOWER_PERMISSIVE;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

use super::failure::Failure;
use super::output::{Format, Output};
use super::secrets;
use crate::node::SystemEntropy;

/// Options of every command that asks a node.
#[derive(Debug, clap::Args)]
pub(super) struct Connection {
    /// The node to ask
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "COUNTERSIGN_ADMIN",
        default_value = "https://127.0.0.1:8443"
    )]
    admin: String,
    /// File with the API token
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "COUNTERSIGN_TOKEN_FILE"
    )]
    token_file: Option<PathBuf>,
    /// Certificates (PEM) that may vouch for the node
    #[arg(long, global = true, value_name = "FILE", env = "COUNTERSIGN_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// How answers are printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Repeats the request that had this id: it is done once, and told again
    #[arg(long, global = true, value_name = "HEX", value_parser = request_id)]
    request_id: Option<[u8; 16]>,
}

/// A way to a node.
pub(super) struct Session {
    channel: Channel,
    bearer: Bearer,
    pub(super) output: Output,
    request: [u8; 16],
    /// The request's id was given: it may have been done before.
    pub(super) is_repeated: bool,
}

/// A channel that names the operator in each call.
pub(super) type Named = InterceptedService<Channel, Bearer>;

impl Connection {
    /// How answers are printed, for a command that asks no node.
    pub(super) fn output(&self) -> Output {
        Output(self.output)
    }

    /// Opens a session with the operator's API token.
    pub(super) fn open(self) -> Result<Session, Failure> {
        let Some(path) = &self.token_file else {
            let text = "no API token: --token-file or COUNTERSIGN_TOKEN_FILE";
            return Err(Failure::Usage(text.to_owned()));
        };
        let token = secrets::read(path)?;
        self.open_with(Some(&token))
    }

    /// Opens a session for the calls that need no API token.
    pub(super) fn open_nameless(self) -> Result<Session, Failure> {
        self.open_with(None)
    }

    fn open_with(self, token: Option<&Secret>) -> Result<Session, Failure> {
        let is_repeated = self.request_id.is_some();
        let request = match self.request_id {
            Some(id) => id,
            None => SystemEntropy.array(),
        };
        Ok(Session {
            bearer: Bearer::new(token)?,
            channel: self.channel()?,
            output: Output(self.output),
            request,
            is_repeated,
        })
    }

    /// Connects when the first call is made.
    fn channel(&self) -> Result<Channel, Failure> {
        let usage = |error: tonic::transport::Error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            Failure::Usage(format!("{}: {}", self.admin, cause.unwrap_or_default()))
        };
        if !self.admin.starts_with("https://") {
            let text = format!("{}: only https, since the token travels in it", self.admin);
            return Err(Failure::Usage(text));
        }
        let Some(path) = &self.ca_file else {
            let text = "no certificate to trust: --ca-file or COUNTERSIGN_CA_FILE";
            return Err(Failure::Usage(text.to_owned()));
        };
        let ca = std::fs::read(path).map_err(|e| Failure::file(path, &e))?;
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
        let endpoint = Endpoint::from_shared(self.admin.clone()).map_err(usage)?;
        let endpoint = endpoint
            .tls_config(tls)
            .map_err(usage)?
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(ANSWER_TIME_MAX);
        Ok(endpoint.connect_lazy())
    }
}

impl Session {
    /// The channel for one service's client.
    pub(super) fn named(&self) -> Named {
        InterceptedService::new(self.channel.clone(), self.bearer.clone())
    }

    /// The id of this run's request.
    pub(super) fn request_id(&self) -> Vec<u8> {
        self.request.to_vec()
    }

    /// A result, or a failure that says how to learn an unknown one.
    pub(super) fn done<T>(&self, answer: Result<tonic::Response<T>, Status>) -> Result<T, Failure> {
        match answer.map_err(Failure::from) {
            Ok(answer) => {
                if let Some(warning) = staleness(answer.metadata()) {
                    eprintln!("{warning}");
                }
                Ok(answer.into_inner())
            }
            Err(Failure::Unknown(why)) if !why.contains("--request-id") => {
                let id = HEXLOWER_PERMISSIVE.encode(&self.request);
                let text =
                    format!("{why} (a repetition with --request-id {id} does nothing twice)");
                Err(Failure::Unknown(text))
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Puts the API token into each call.
#[derive(Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    fn new(token: Option<&Secret>) -> Result<Self, Failure> {
        let Some(token) = token else {
            return Ok(Self(None));
        };
        let text = [b"Bearer ", token.expose()].concat();
        let mut value = MetadataValue::try_from(&*text)
            .map_err(|_| Failure::Usage("the token file holds no API token".to_owned()))?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            let name = "authorization";
            request.metadata_mut().insert(name, value.clone());
        }
        Ok(request)
    }
}

/// What an operator must know of an answer that may be old.
fn staleness(answer: &MetadataMap) -> Option<String> {
    let said = |name: &str| answer.get(name).and_then(|value| value.to_str().ok());
    if said("countersign-in-sync")? != "0" {
        return None;
    }
    let (node, applied) = (said("countersign-node")?, said("countersign-applied")?);
    Some(format!(
        "node {node} is not in sync: this is as of entry {applied}, and may be old"
    ))
}

fn request_id(text: &str) -> Result<[u8; 16], String> {
    let octets = HEXLOWER_PERMISSIVE.decode(text.as_bytes());
    octets
        .ok()
        .and_then(|octets| octets.try_into().ok())
        .ok_or_else(|| "32 hexadecimal signs".to_owned())
}

const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
const ANSWER_TIME_MAX: Duration = Duration::from_secs(40);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_may_be_old_is_warned_of() {
        let answer = |in_sync: u16| {
            let mut headers = MetadataMap::new();
            headers.insert("countersign-node", 2_u16.into());
            headers.insert("countersign-applied", 4711_u64.into());
            headers.insert("countersign-in-sync", in_sync.into());
            headers
        };
        assert_eq!(staleness(&answer(1)), None);
        assert_eq!(staleness(&MetadataMap::new()), None);
        let warning = staleness(&answer(0)).expect("a warning");
        assert!(
            warning.contains("node 2") && warning.contains("4711"),
            "{warning}"
        );
    }
}
