//! A device's configuration, filled in.
//!
//! Must not know devices: the lines are theirs.

use super::Profile;
use countersign_core::ledger::storage;

/// A node, as a device is told of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::operate) struct Server {
    /// Name or address.
    pub(in crate::operate) host: String,
    /// Where it takes Access-Requests.
    pub(in crate::operate) port: u16,
    /// Where it takes Accounting-Requests.
    pub(in crate::operate) accounting: u16,
}

/// What the device is to be told. As many servers as it can have are in it.
pub(in crate::operate) fn configuration(
    profile: &Profile,
    client: &storage::Client,
    secret: &str,
    servers: &[Server],
) -> String {
    let most = usize::try_from(profile.servers).unwrap_or(usize::MAX);
    let servers = servers.get(..most).unwrap_or(servers);
    let wait = client.timeout.saturating_mul(client.tries);
    let fixed = [
        ("{secret}", secret.to_owned()),
        ("{client}", client.name.clone()),
        ("{timeout}", seconds(client.timeout)),
        ("{wait}", seconds(wait)),
        ("{tries}", client.tries.to_string()),
        ("{retries}", client.tries.saturating_sub(1).to_string()),
        ("{auth_list}", listed(servers, |it| it.port)),
        ("{acct_list}", listed(servers, |it| it.accounting)),
    ];
    let mut text = String::new();
    let mut block = Vec::new();
    // One line more, so that a block at the end is written too.
    for line in profile.configuration.lines().chain([""]) {
        if let Some(each) = line.strip_prefix("@each ") {
            block.push(each);
            continue;
        }
        for (n, server) in (1..).zip(servers) {
            block
                .iter()
                .for_each(|line| push(&mut text, &of(line, n, server)));
        }
        block.clear();
        match numbered(line) {
            None => push(&mut text, line),
            Some((n, line)) => {
                if let Some(server) = servers.get(n.saturating_sub(1)) {
                    push(&mut text, &of(line, n, server));
                }
            }
        }
    }
    // The secret goes in last: what it holds is no placeholder.
    let filled = fixed
        .iter()
        .rev()
        .fold(text, |text, (sign, value)| text.replace(sign, value));
    filled.trim().to_owned()
}

/// `@2 line`: of the second server.
fn numbered(line: &str) -> Option<(usize, &str)> {
    let (number, line) = line.strip_prefix('@')?.split_once(' ')?;
    Some((number.parse().ok()?, line))
}

fn of(line: &str, n: usize, server: &Server) -> String {
    line.replace("{n}", &n.to_string())
        .replace("{host}", &server.host)
        .replace("{port}", &server.port.to_string())
        .replace("{accounting}", &server.accounting.to_string())
}

/// All servers with the secret, as radcli takes them.
fn listed(servers: &[Server], port: impl Fn(&Server) -> u16) -> String {
    let one = |it: &Server| format!("{}:{}:{{secret}}", it.host, port(it));
    servers.iter().map(one).collect::<Vec<_>>().join(",")
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// Whole seconds, at least one: devices take no others.
fn seconds(millis: u32) -> String {
    millis.div_ceil(1000).max(1).to_string()
}
