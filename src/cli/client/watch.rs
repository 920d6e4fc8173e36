//! What nodes hear of a client, told as it becomes true, and what is missing in the end.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use crate::admin::api;
use crate::admin::api::client_service_client::ClientServiceClient;
use crate::cli::connection::{Named, Session};
use crate::cli::failure::Failure;

/// How long is waited.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(in crate::cli) struct Patience {
    /// Seconds after which the wait ends
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    wait_secs: u64,
}

/// One client, and what was told of it.
#[derive(Debug)]
pub(super) struct Watch {
    name: String,
    ranges: Vec<String>,
    certificates: Vec<String>,
    /// Whether packets without a Message-Authenticator are dropped.
    requires: bool,
    patience: Duration,
    /// What was there before is no news; by node, in its own time.
    since: BTreeMap<u32, u64>,
    /// What strangers did before is none of this client's business.
    strangers_since: BTreeMap<u32, u64>,
    told: BTreeSet<(Topic, String)>,
    last: api::GetSightingsResponse,
}

/// What becomes true.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Topic {
    Packet,
    Secret,
    MessageAuthenticator,
    Bare,
    Certificate,
    Dropped,
    Login,
    Unreachable,
}

impl Watch {
    /// Of a client that was there before: what is known of it by now is no news.
    pub(super) async fn of(
        session: &Session,
        clients: &mut ClientServiceClient<Named>,
        name: &str,
        patience: Patience,
    ) -> Result<Self, Failure> {
        let name = name.to_owned();
        let get = api::GetClientRequest { name: name.clone() };
        let client = session.done(clients.get_client(get).await)?;
        let mut watch = Self::of_new(&client, patience);
        let seen = clients
            .get_sightings(api::GetSightingsRequest { name })
            .await;
        let seen = session.done(seen)?;
        watch.since = seen.nodes.iter().map(|it| (it.node, it.now)).collect();
        Ok(watch)
    }

    /// Of a client that was made just now.
    pub(super) fn of_new(client: &api::Client, patience: Patience) -> Self {
        let policy = client.policy.clone().unwrap_or_default();
        let mode = policy.message_authenticator();
        Self {
            name: client.name.clone(),
            ranges: client.ranges.clone(),
            certificates: client.certificate_names.clone(),
            requires: matches!(
                mode,
                api::MessageAuthenticator::Unspecified | api::MessageAuthenticator::Require
            ) || client.message_authenticator_learnt != 0,
            patience: Duration::from_secs(patience.wait_secs),
            since: BTreeMap::new(),
            strangers_since: BTreeMap::new(),
            told: BTreeSet::new(),
            last: api::GetSightingsResponse::default(),
        }
    }

    /// Asks again and again, until all is well, time is up or Ctrl-C is pressed.
    pub(super) async fn run(
        mut self,
        session: &Session,
        mut clients: ClientServiceClient<Named>,
    ) -> Result<(), Failure> {
        let until = Instant::now() + self.patience;
        eprintln!("waiting for packets of {}; Ctrl-C ends it", self.name);
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            let name = self.name.clone();
            let seen = clients
                .get_sightings(api::GetSightingsRequest { name })
                .await;
            for (topic, text) in self.news(session.done(seen)?) {
                let step = json!({ "step": topic.name(), "text": text });
                session.output.next(&["text"], &step);
            }
            if self.is_done() {
                eprintln!("{}", self.tried());
                return Ok(());
            }
            tokio::select! {
                () = sleep(ASK_EVERY) => {}
                () = sleep_until(until) => return Err(Failure::Refused(self.missing())),
                _ = &mut interrupted => {
                    eprintln!("{}", self.missing());
                    return Ok(());
                }
            }
        }
    }

    /// What became true since the last time.
    fn news(&mut self, seen: api::GetSightingsResponse) -> Vec<(Topic, String)> {
        let mut news = Vec::new();
        for it in &seen.nodes {
            let recent = it.now.saturating_sub(STRANGERS_BEFORE_MILLIS);
            self.strangers_since.entry(it.node).or_insert(recent);
            let since = self.since.get(&it.node).copied().unwrap_or(0);
            news.extend(steps(it, since));
        }
        self.last = seen;
        news.retain(|step| self.told.insert(step.clone()));
        news
    }

    fn has(&self, topic: Topic) -> bool {
        self.told.iter().any(|(told, _)| *told == topic)
    }

    /// Whether the device is well set up, as far as one packet can show.
    fn is_done(&self) -> bool {
        let accepted = || {
            self.told
                .contains(&(Topic::Login, login("accept", "CS-R000")))
        };
        let bare = !self.requires && self.has(Topic::Bare) && accepted();
        // Whoever has a right certificate may still send nothing but a Status-Server.
        let by_tls = self.has(Topic::Certificate) && self.has(Topic::Login);
        self.has(Topic::MessageAuthenticator) || by_tls || bare
    }

    fn tried(&self) -> String {
        let (mut tried, mut others) = (Vec::new(), Vec::new());
        for it in &self.last.nodes {
            let since = self.since.get(&it.node).copied().unwrap_or(0);
            let list = if it.packet_at > since {
                &mut tried
            } else {
                &mut others
            };
            list.push(it.node.to_string());
        }
        let text = format!("servers tried: node {}", tried.join(", node "));
        if others.is_empty() {
            return text;
        }
        let others = others.join(", node ");
        format!("{text}; not yet: node {others} (a device asks the next when one is silent)")
    }

    /// What is missing, and what to do.
    fn missing(&self) -> String {
        let name = &self.name;
        if !self.has(Topic::Packet) {
            return self.no_packet();
        }
        if self.has(Topic::Bare) {
            return format!(
                "packets of {name} come without a Message-Authenticator, so the secret is not \
                 proven: try a login of a user who may be let in"
            );
        }
        if self.dropped("CS-R104") {
            return format!(
                "packets of {name} come with another secret: set the one of this client on the \
                 device, or `countersign client rotate-secret {name}` for a new one"
            );
        }
        if self.dropped("CS-R105") {
            return format!(
                "packets of {name} come without a Message-Authenticator and are dropped: \
                 update the device, or `countersign client set {name} --message-authenticator \
                 auto`"
            );
        }
        format!("packets of {name} come, and no Access-Request among them: try a login")
    }

    fn dropped(&self, code: &str) -> bool {
        let mut told = self.told.iter();
        told.any(|(topic, text)| *topic == Topic::Dropped && text.contains(code))
    }

    fn no_packet(&self) -> String {
        let name = &self.name;
        if self.ranges.is_empty() {
            return self.no_connection();
        }
        let ranges = self.ranges.join(", ");
        let mut strangers: Vec<_> = self.strangers().collect();
        strangers.sort_by_key(|it| std::cmp::Reverse(it.at));
        let Some(stranger) = strangers.first() else {
            let nodes = self.last.nodes.iter().flat_map(|it| &it.authentication);
            let nodes: Vec<_> = nodes.map(String::as_str).collect();
            return format!(
                "no packet came from {ranges}: check on the device that its servers are {}, \
                 and the firewalls between for UDP",
                nodes.join(", ")
            );
        };
        let options: Vec<_> = self
            .ranges
            .iter()
            .map(|it| format!("--range {it}"))
            .collect();
        let (options, source) = (options.join(" "), &stranger.source);
        format!(
            "no packet came from {ranges}, but {} from {source}, which no client has: if that is \
             this device, `countersign client set {name} {options} --range {source}`",
            stranger.packets
        )
    }

    fn no_connection(&self) -> String {
        let shown = self.certificates.join(", ");
        format!(
            "no packet came by a connection with a certificate of {shown}: check on the device \
             that its servers are these nodes by RADIUS over TLS, the firewalls between for \
             TCP, and the nodes' logs for refused connections (CS-R107 to CS-R110)"
        )
    }

    fn strangers(&self) -> impl Iterator<Item = &api::sighting::Stranger> {
        self.last.nodes.iter().flat_map(|it| {
            let since = self.strangers_since.get(&it.node).copied().unwrap_or(0);
            it.strangers
                .iter()
                .filter(move |stranger| stranger.at > since)
        })
    }
}

impl Topic {
    const fn name(self) -> &'static str {
        match self {
            Self::Packet => "packet",
            Self::Secret => "secret",
            Self::MessageAuthenticator => "message-authenticator",
            Self::Bare => "no-message-authenticator",
            Self::Certificate => "certificate",
            Self::Dropped => "dropped",
            Self::Login => "login",
            Self::Unreachable => "unreachable",
        }
    }
}

/// What one node tells of the time after `since`.
fn steps(it: &api::Sighting, since: u64) -> Vec<(Topic, String)> {
    let node = it.node;
    if !it.fault.is_empty() {
        let text = format!("node {node} cannot be asked: {}", it.fault);
        return vec![(Topic::Unreachable, text)];
    }
    let all = [
        (
            it.packet_at,
            Topic::Packet,
            format!("packet from {} at node {node}", it.source),
        ),
        (
            it.proven_at,
            Topic::Secret,
            "the secret is right".to_owned(),
        ),
        (
            it.message_authenticator_at,
            Topic::MessageAuthenticator,
            "the Message-Authenticator is there and right".to_owned(),
        ),
        (
            it.bare_at,
            Topic::Bare,
            "a login without a Message-Authenticator: its secret is not proven".to_owned(),
        ),
        (
            it.session_at,
            Topic::Certificate,
            format!("by TLS: the certificate of {} is right", it.certificate),
        ),
        (
            it.refused_at,
            Topic::Dropped,
            format!("dropped: {} {}", it.refused, it.cause),
        ),
        (it.answered_at, Topic::Login, login(&it.answer, &it.reason)),
    ];
    let new = all.into_iter().filter(|(at, ..)| *at > since);
    new.map(|(_, topic, text)| (topic, text)).collect()
}

fn login(answer: &str, reason: &str) -> String {
    format!("a login ended: {answer} ({reason})")
}

const ASK_EVERY: Duration = Duration::from_millis(500);
/// A device that was set up before its client is a stranger until then.
const STRANGERS_BEFORE_MILLIS: u64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(requires: bool) -> Watch {
        let mode = if requires {
            api::MessageAuthenticator::Require
        } else {
            api::MessageAuthenticator::Auto
        };
        let client = api::Client {
            name: "fw1".into(),
            ranges: vec!["198.51.100.1/32".into()],
            policy: Some(api::ClientPolicy {
                message_authenticator: mode.into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        Watch::of_new(&client, Patience { wait_secs: 1 })
    }

    fn sighting(node: u32) -> api::Sighting {
        api::Sighting {
            node,
            now: 100_000,
            authentication: vec![format!("192.0.2.{node}:1812")],
            ..Default::default()
        }
    }

    fn hear(watch: &mut Watch, nodes: Vec<api::Sighting>) -> Vec<Topic> {
        let seen = api::GetSightingsResponse {
            nodes,
            ..Default::default()
        };
        watch
            .news(seen)
            .into_iter()
            .map(|(topic, _)| topic)
            .collect()
    }

    fn packet(node: u32) -> api::Sighting {
        api::Sighting {
            packet_at: 5,
            source: "198.51.100.1".into(),
            ..sighting(node)
        }
    }

    #[test]
    fn each_step_is_told_once_and_a_proven_login_ends_the_wait() {
        let mut watch = watch(true);
        assert_eq!(hear(&mut watch, vec![sighting(1), sighting(2)]), []);
        assert_eq!(
            hear(&mut watch, vec![packet(1), sighting(2)]),
            [Topic::Packet]
        );
        assert!(!watch.is_done());
        let proven = || api::Sighting {
            proven_at: 6,
            message_authenticator_at: 6,
            ..packet(1)
        };
        let steps = [Topic::Secret, Topic::MessageAuthenticator];
        assert_eq!(hear(&mut watch, vec![proven(), sighting(2)]), steps);
        assert!(watch.is_done());
        let tried = watch.tried();
        assert!(
            tried.starts_with("servers tried: node 1; not yet: node 2"),
            "{tried}"
        );
        assert_eq!(hear(&mut watch, vec![proven(), packet(2)]), [Topic::Packet]);
    }

    #[test]
    fn what_was_there_before_is_no_news() {
        let mut watch = watch(true);
        watch.since = BTreeMap::from([(1, 5)]);
        assert_eq!(hear(&mut watch, vec![packet(1)]), []);
    }

    #[test]
    fn a_right_certificate_and_a_login_end_the_wait_of_a_client_that_comes_by_tls() {
        let mut watch = watch(true);
        let by_tls = || api::Sighting {
            session_at: 5,
            certificate: "fw2.contoso.example".into(),
            ..packet(1)
        };
        assert_eq!(
            hear(&mut watch, vec![by_tls()]),
            [Topic::Packet, Topic::Certificate]
        );
        assert!(!watch.is_done());
        let answered = api::Sighting {
            answered_at: 6,
            answer: "reject".into(),
            ..by_tls()
        };
        assert_eq!(hear(&mut watch, vec![answered]), [Topic::Login]);
        assert!(watch.is_done());
    }

    #[test]
    fn where_no_connection_comes_the_certificate_is_named() {
        let mut watch = watch(true);
        watch.ranges.clear();
        watch.certificates = vec!["fw2.contoso.example".into()];
        hear(&mut watch, vec![sighting(1)]);
        let missing = watch.missing();
        assert!(missing.contains("fw2.contoso.example"), "{missing}");
    }

    #[test]
    fn where_no_packet_comes_a_stranger_is_named_with_the_command_that_takes_it_in() {
        let mut watch = watch(true);
        hear(&mut watch, vec![sighting(1)]);
        let missing = watch.missing();
        assert!(
            missing.contains("its servers are 192.0.2.1:1812"),
            "{missing}"
        );
        let stranger = |at| api::sighting::Stranger {
            source: "203.0.113.9".into(),
            at,
            packets: 3,
        };
        let mut seen = sighting(1);
        seen.strangers = vec![stranger(1)];
        hear(&mut watch, vec![seen.clone()]);
        assert!(!watch.missing().contains("203.0.113.9"), "long ago");
        seen.strangers = vec![stranger(99_000)];
        hear(&mut watch, vec![seen]);
        let missing = watch.missing();
        let command = "client set fw1 --range 198.51.100.1/32 --range 203.0.113.9`";
        assert!(missing.contains(command), "{missing}");
    }

    #[test]
    fn a_wrong_secret_and_a_missing_authenticator_are_told_apart() {
        for (code, said) in [("CS-R104", "another secret"), ("CS-R105", "auto")] {
            let mut watch = watch(true);
            let dropped = api::Sighting {
                refused_at: 6,
                refused: code.into(),
                ..packet(1)
            };
            assert_eq!(
                hear(&mut watch, vec![dropped]),
                [Topic::Packet, Topic::Dropped]
            );
            assert!(!watch.is_done() && watch.missing().contains(said), "{code}");
        }
    }

    #[test]
    fn without_a_proof_only_an_accepted_login_ends_the_wait() {
        let mut watch = watch(false);
        let mut bare = api::Sighting {
            bare_at: 6,
            answered_at: 6,
            answer: "reject".into(),
            reason: "CS-R203".into(),
            ..packet(1)
        };
        hear(&mut watch, vec![bare.clone()]);
        assert!(!watch.is_done() && watch.missing().contains("try a login"));
        (bare.answer, bare.reason) = ("accept".into(), "CS-R000".into());
        hear(&mut watch, vec![bare]);
        assert!(watch.is_done());
    }
}
