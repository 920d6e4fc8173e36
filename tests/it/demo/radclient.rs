//! FreeRADIUS's own client: nothing of it is ours.

use std::process::Command;

use super::process::Said;
use super::world::{Demo, Verdict, is_refusal};

/// Whether the package freeradius-utils is there; says so where it is not.
pub(super) fn is_installed() -> bool {
    let there = Command::new("radclient").arg("-v").output().is_ok();
    if !there {
        println!("SKIPPED: radclient is not installed (package freeradius-utils)");
    }
    there
}

/// What it says of a login from 127.0.0.1 with the secret in this file.
pub(super) fn said(
    demo: &Demo,
    secret: &str,
    name: &str,
    typed: &str,
    caller: &str,
) -> anyhow::Result<Said> {
    let mut command = Command::new("radclient");
    command.args(["-x", "-r", "1", "-t", "3", "-S"]);
    command.arg(demo.folder().join(secret));
    command.args([demo.told("/nodes/0/radius"), "auth"]);
    let request = format!(
        "User-Name = \"{name}\", User-Password = \"{typed}\", \
         Calling-Station-Id = \"{caller}\", Message-Authenticator = 0x00\n"
    );
    Said::by(&mut command, request.as_bytes())
}

/// What it says of a login from the demo's proxy that hashes what was typed: by
/// `CHAP-Password`, or by `MS-CHAP-Password`, of which it makes the first version.
pub(super) fn hashed(demo: &Demo, name: &str, by: &str, typed: &str) -> anyhow::Result<Said> {
    let mut command = Command::new("radclient");
    command.args(["-x", "-r", "1", "-t", "3"]);
    command.args([demo.told("/nodes/0/radius"), "auth"]);
    command.arg(demo.told("/clients/1/secret"));
    let request = format!(
        "User-Name = \"{name}\", {by} = \"{typed}\", Packet-Src-IP-Address = 127.0.0.2, \
         Calling-Station-Id = \"198.51.100.7\", Message-Authenticator = 0x00\n"
    );
    Said::by(&mut command, request.as_bytes())
}

/// Logs in from 127.0.0.1 with the secret in this file.
pub(super) fn login(
    demo: &Demo,
    secret: &str,
    name: &str,
    typed: &str,
    caller: &str,
) -> anyhow::Result<Verdict> {
    let said = said(demo, secret, name, typed, caller)?;
    let message = said
        .out
        .lines()
        .find_map(|line| line.trim().strip_prefix("Reply-Message = \""))
        .and_then(|rest| rest.strip_suffix('"'));
    if said.out.contains("Received Access-Accept") {
        Ok(Verdict::Accept)
    } else if said.out.contains("Received Access-Reject") && message.is_some_and(is_refusal) {
        Ok(Verdict::Reject)
    } else if said.err.contains("No reply") || said.out.contains("No reply") {
        Ok(Verdict::Silence)
    } else {
        anyhow::bail!("radclient: {said:?}")
    }
}
