//! Rules, as a device and an operator meet them.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use countersign::device::Device;
use countersign_core::base::Secret;
use countersign_core::radius::{Code, Question, Raw, Response, kind};
use serde_json::Value;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::cluster::{Cluster, NODES};
use super::codes::calm_step;
use super::radclient;
use super::world::{Demo, HOME, Person, Verdict, login, text};

/// What a server told, and the attributes that rules grant in these tests.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    pub(super) code: Code,
    pub(super) classes: Vec<String>,
    vendors: Vec<Vec<u8>>,
}

impl Told {
    fn accepted(groups: &[&str]) -> Self {
        let vendor = |group: &&str| {
            let length = u8::try_from(group.len() + 2).expect("a short name");
            [&[0, 0, 0x30, 0x44, 1, length], group.as_bytes()].concat()
        };
        Self {
            code: Code::AccessAccept,
            classes: groups.iter().map(|group| format!("OU={group};")).collect(),
            vendors: groups.iter().map(vendor).collect(),
        }
    }

    fn refused() -> Self {
        Self {
            code: Code::AccessReject,
            ..Self::accepted(&[])
        }
    }
}

/// The reply to one login in one packet, as a device of the proxy sends it.
async fn reply(
    device: &Device,
    question: &Question<'_>,
    name: &str,
    typed: &str,
) -> anyhow::Result<Vec<u8>> {
    let source = device.source.context("a device has an address")?;
    let socket = UdpSocket::bind(SocketAddr::new(source, 0)).await?;
    socket
        .connect(device.servers.first().context("no server")?)
        .await?;
    let caller = Raw {
        kind: kind::CALLING_STATION_ID,
        value: HOME.as_bytes(),
    };
    let password = Secret::from(typed.to_owned());
    let packet = question.access_request(name.as_bytes(), &password, &[caller])?;
    socket.send(&packet).await?;
    let mut octets = vec![0; 4096];
    let length = timeout(Duration::from_secs(5), socket.recv(&mut octets)).await??;
    octets.truncate(length);
    Ok(octets)
}

const fn question(device: &Device) -> Question<'_> {
    Question {
        identifier: 7,
        authenticator: b"0123456789abcdef",
        secret: &device.secret,
    }
}

/// One login in one packet, from a port of its own.
pub(super) async fn ask(device: &Device, name: &str, typed: &str) -> anyhow::Result<Told> {
    let question = question(device);
    let octets = reply(device, &question, name, typed).await?;
    let response = Response::verify(&octets, &question)?;
    let all = |kind| response.datagram().all(kind).map(<[u8]>::to_vec);
    Ok(Told {
        code: response.code(),
        classes: all(kind::CLASS)
            .map(String::from_utf8)
            .collect::<Result<_, _>>()?,
        vendors: all(kind::VENDOR_SPECIFIC).collect(),
    })
}

const STAFF: [&str; 10] = [
    "rule",
    "add",
    "staff",
    "--group=staff",
    "--factors=code",
    "--attribute=Class=OU={groups};",
    "--attribute=Fortinet-Group-Name={groups}",
    "--burn-code=on-accept",
    "--nas=NAS-Port-Type=Virtual",
    "--address=203.0.113.0/24",
];

#[tokio::test]
async fn a_rule_decides_at_every_node_and_every_node_grants_the_same() -> anyhow::Result<()> {
    let cluster = Cluster::start(7)?;
    cluster.settled().await?;
    let people: Vec<Person> = (1..=7)
        .map(|number| cluster.demo.load(number))
        .collect::<Result<_, _>>()?;
    let (staff, guest) = (&people[..6], &people[6]);
    for person in staff {
        cluster
            .run(0, &["user", "set", &person.name, "--group=staff"])?
            .json()?;
    }
    // Without the port type, of which the packets say nothing.
    let added = cluster
        .run(1, &[&STAFF[..8], &STAFF[9..]].concat())?
        .json()?;
    assert!(
        text(&added, "note").contains("rules alone decide"),
        "{added}"
    );
    let code = guest.app.code(calm_step(20).await)?;
    for node in NODES {
        let (here, next) = (cluster.proxy_at(node)?, cluster.proxy_at((node + 1) % 3)?);
        let person = &staff[node];
        let told = ask(&here, &person.name, &code).await?;
        assert_eq!(told, Told::accepted(&["staff"]), "node {node}");
        let again = ask(&next, &person.name, &code).await?;
        assert_eq!(again, told, "the same login at the node after {node}");
        let told = ask(&here, &guest.name, &code).await?;
        assert_eq!(told, Told::refused(), "no rule matches");
    }
    let refused = cluster.run(0, &["rule", "set", "staff", "--factors=deny"])?;
    assert_eq!(refused.status, 1, "denies and grants: {refused:?}");
    cluster.run(2, &["rule", "remove", "staff"])?.json()?;
    let denies = ["rule", "add", "staff", "--group=staff", "--factors=deny"];
    cluster.run(2, &denies)?.json()?;
    for node in NODES {
        let told = ask(&cluster.proxy_at(node)?, &staff[3 + node].name, &code).await?;
        assert_eq!(told, Told::refused(), "the stricter rule at node {node}");
    }
    for (person, reason) in [(guest, "CS-R206"), (&staff[3], "CS-R209")] {
        let reasons = cluster.demo.reasons(&person.name, 1).await?;
        assert_eq!(reasons.first().map(String::as_str), Some(reason));
    }
    Ok(())
}

#[tokio::test]
async fn an_operator_tries_rules_before_they_count() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let name = demo.load(1)?.name;
    demo.run(&["user", "set", &name, "--group=vpn-a", "--group=staff"])?
        .json()?;
    demo.run(&STAFF)?.json()?;
    let test = |args: &[&str], draft: &str| {
        let test = ["rule", "test", &name, "--client=proxy"];
        let said = demo.run_with(&[&test[..], args].concat(), draft.as_bytes());
        said?.json()
    };
    let steps = |result: &Value| {
        let steps = result.get("steps").and_then(Value::as_array);
        let steps = steps.cloned().unwrap_or_default();
        steps
            .iter()
            .map(|it| text(it, "why").to_owned())
            .collect::<Vec<_>>()
    };
    let missed = test(&["--attr=Calling-Station-Id=203.0.113.5"], "")?;
    assert_eq!(text(&missed, "refusal"), "no rule matches it");
    assert_eq!(
        steps(&missed),
        ["NAS-Port-Type is not Virtual: the request has none"]
    );
    let call = [
        "--attr=Calling-Station-Id=203.0.113.5",
        "--attr=NAS-Port-Type=Virtual",
    ];
    let granted = test(&call, "")?;
    assert_eq!(steps(&granted), ["it decides"]);
    let attributes = granted.get("attributes").cloned().unwrap_or_default();
    let expected = [
        "Class=OU=vpn-a;",
        "Class=OU=staff;",
        "Fortinet-Group-Name=vpn-a",
        "Fortinet-Group-Name=staff",
    ];
    assert_eq!(attributes, serde_json::json!(expected));
    let draft = "[[rule]]\nname = \"nights\"\nfactors = \"deny\"\n\
                 hours = [\"mon-sun 22:00-06:00 +01:00\"]\n\
                 [[rule]]\nname = \"all\"\nfactors = \"both\"\n\
                 attributes = [\"Filter-Id={group:vpn-}\"]\n";
    let night = test(&["--draft=-", "--at=2026-11-28T23:30:00Z"], draft)?;
    assert_eq!(text(&night, "refusal"), "rule \"nights\" denies it");
    let day = test(&["--draft=-", "--at=2026-11-28T12:00:00Z"], draft)?;
    assert_eq!(steps(&day), ["the time is another", "it decides"]);
    assert_eq!(
        day.get("attributes"),
        Some(&serde_json::json!(["Filter-Id=vpn-a"]))
    );
    let draft = "[[rule]]\nname = \"all\"\nfactors = \"both\"\nprompt = \"challenge\"\n\
                 passcode = \"sms\"\n";
    assert_eq!(text(&test(&["--draft=-"], draft)?, "passcode"), "sms");
    let listed = demo.run(&["rule", "list"])?.json()?;
    assert_eq!(
        listed.as_array().map(Vec::len),
        Some(1),
        "a draft changes nothing"
    );
    Ok(())
}

#[tokio::test]
async fn rules_are_applied_from_a_file_moved_and_removed() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let names = || {
        let listed = demo.run(&["rule", "list"])?.json()?;
        let listed = listed.as_array().cloned().unwrap_or_default();
        let names = listed.iter().map(|it| text(it, "name").to_owned());
        Ok::<_, anyhow::Error>(names.collect::<Vec<_>>())
    };
    let apply = |file: &str| demo.run_with(&["rule", "apply", "-"], file.as_bytes());
    let rule = |name: &str, more: &str| {
        format!("[[rule]]\nname = \"{name}\"\nfactors = \"code\"\n{more}\n")
    };
    let file = rule("a", "groups = [\"a\"]") + &rule("b", "groups = [\"b\"]") + &rule("c", "");
    apply(&file)?.json()?;
    assert_eq!(names()?, ["a", "b", "c"]);
    demo.run(&["rule", "move", "b", "--first"])?.json()?;
    assert_eq!(names()?, ["b", "a", "c"]);
    let late = demo.run(&["rule", "move", "a"])?;
    assert!(
        late.status == 1 && late.err.contains("never reached"),
        "{late:?}"
    );
    let old = apply(&format!("revision = 1\n{file}"))?;
    assert_eq!(old.status, 1, "somebody changed it meanwhile: {old:?}");
    for (more, why) in [
        ("clients = [\"fw9\"]", "no client is called"),
        (
            "attributes = [\"State=x\"]",
            "attribute 24 may not stand in an Access-Accept",
        ),
        ("attributes = [\"Clas=x\"]", "no attribute has this name"),
        ("addresses = [\"198.51.100.7/24\"]", "is no CIDR"),
    ] {
        let refused = apply(&rule("d", more))?;
        assert!(
            refused.status == 1 && refused.err.contains(why),
            "{why}: {refused:?}"
        );
    }
    demo.run(&["rule", "remove", "A"])?.json()?;
    assert_eq!(names()?, ["b", "c"]);
    let audit = demo.run(&["audit"])?.json()?;
    let last = audit
        .as_array()
        .and_then(|it| it.first())
        .cloned()
        .unwrap_or_default();
    assert_eq!(text(&last, "action"), "rules.put");
    assert_eq!(
        demo.run(&["client", "remove", "vpn"])?.status,
        0,
        "no rule names it"
    );
    Ok(())
}

#[tokio::test]
async fn radclient_reads_the_group_from_an_accept() -> anyhow::Result<()> {
    if !radclient::is_installed() {
        return Ok(());
    }
    let demo = Demo::start(1)?;
    let alice = demo.alice()?;
    demo.run(&["user", "set", &alice.name, "--group=staff"])?
        .json()?;
    demo.run(&[&STAFF[..4], &["--factors=both", STAFF[5], STAFF[6]]].concat())?
        .json()?;
    let typed = alice.password.clone() + &alice.app.code(calm_step(10).await)?;
    let said = radclient::said(&demo, "vpn-secret", &alice.name, &typed, HOME)?;
    // "OU=staff;" and its dictionary's own name.
    for line in [
        "Class = 0x4f553d73746166663b",
        "Fortinet-Group-Name = \"staff\"",
    ] {
        assert!(said.out.contains(line), "{line}: {said:?}");
    }
    let guessed = login(&demo.vpn()?, &alice.name, "guess000000", HOME).await?;
    assert_eq!(guessed, Verdict::Reject);
    Ok(())
}

#[tokio::test]
async fn an_edit_whose_answer_got_lost_is_told_as_done_when_it_is_repeated() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let commands: [&[&str]; 4] = [
        &["rule", "add", "a", "--factors=deny", "--group=a"],
        &["rule", "set", "a", "--rename=b"],
        &["rule", "remove", "b"],
        &["client", "set", "vpn", "--rename=vpn2", "--tries=4"],
    ];
    for (number, command) in commands.iter().enumerate() {
        let id = format!("--request-id={number:032x}");
        let command = [*command, &[&id]].concat();
        let first = demo.run(&command)?.json()?;
        let again = demo.run(&command)?.json()?;
        assert_eq!(again["revision"], first["revision"], "{command:?}");
    }
    let other = demo.run(&["rule", "remove", "b", &format!("--request-id={:032x}", 3)])?;
    assert!(
        other.status == 1 && other.err.contains("another request"),
        "{other:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_secret_that_a_rule_grants_is_read_by_the_device_alone() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let person = demo.load(1)?;
    let file = demo.folder().join("tunnel-secret");
    fs::write(&file, "s3cret of the tunnel\n")?;
    let secret = format!("--secret-attribute=Tunnel-Password:1={}", file.display());
    let all = ["rule", "add", "all", "--factors=code"];
    demo.run(&[&all[..], &[&secret]].concat())?.json()?;
    let open = demo.run(&[&all[..2], &["open", "--attribute=Tunnel-Password=x"]].concat())?;
    assert_eq!(open.status, 2, "a secret on the command line: {open:?}");

    // What an operator changes otherwise keeps it, and nobody is shown it.
    let set = ["rule", "set", "all", "--rename=everyone"];
    demo.run(&set)?.json()?;
    let shown = demo.run(&["rule", "show", "everyone"])?.json()?;
    let attribute = shown["attributes"][0].to_string();
    assert!(attribute.contains("Tunnel-Password:1=sealed:"), "{shown}");
    let test = ["rule", "test", &person.name, "--client=proxy"];
    let tested = demo.run(&test)?.json()?;
    assert_eq!(tested["attributes"][0], "Tunnel-Password:1=(hidden)");

    let device = demo.proxy()?;
    let question = question(&device);
    let code = person.app.code(calm_step(20).await)?;
    let octets = reply(&device, &question, &person.name, &code).await?;
    let response = Response::verify(&octets, &question)?;
    let value = response
        .datagram()
        .first(kind::TUNNEL_PASSWORD)
        .context("none")?;
    let (tag, salted) = value.split_first().context("a tag")?;
    let clear = question.unsalted(salted).context("it opens")?;
    assert_eq!((*tag, clear.expose()), (1, &b"s3cret of the tunnel"[..]));
    Ok(())
}

#[tokio::test]
async fn a_draft_is_held_against_what_has_happened() -> anyhow::Result<()> {
    let demo = Demo::start(2)?;
    let (first, second) = (demo.load(1)?, demo.load(2)?);
    let code = first.app.code(calm_step(10).await)?;
    let typed = first.password.clone() + &code;
    let verdict = login(&demo.vpn()?, &first.name, &typed, HOME).await?;
    assert_eq!(verdict, Verdict::Accept);
    let verdict = login(&demo.proxy()?, &second.name, &code, HOME).await?;
    assert_eq!(verdict, Verdict::Accept);
    for person in [&first, &second] {
        demo.reasons(&person.name, 1).await?;
    }
    // Another network than HOME, and what stands now for the VPN alone.
    let draft = "[[rule]]\nname = \"vpn\"\nclients = [\"vpn\"]\nfactors = \"both\"\n\
                 [[rule]]\nname = \"inside\"\nfactors = \"code\"\n\
                 addresses = [\"198.51.100.0/24\"]\n";
    let replay = ["rule", "replay", "--draft", "-", "--since", "1h"];
    let told = demo.run_with(&replay, draft.as_bytes())?.json()?;
    assert_eq!(told.get("logins"), Some(&Value::from(2)));
    let of = |name: &str| {
        let all = told.get("differences").and_then(Value::as_array);
        let all = all.into_iter().flatten();
        let mut its = all.filter(|it| text(it, "user") == name);
        its.next().cloned().unwrap_or_default()
    };
    assert_eq!(
        text(&of(&second.name), "draft"),
        "refused: no rule matches it"
    );
    assert_eq!(text(&of(&second.name), "now"), "code, append, on-accept");
    // The first is decided by a rule that has a name now; what it must show is the same.
    assert_eq!(
        text(&of(&first.name), "draft"),
        "vpn, both, append, on-accept"
    );
    Ok(())
}
