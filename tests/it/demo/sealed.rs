//! What never lies on a node's disk, in its log or its metrics in the clear (DESIGN I7).
//!
//! Left out are the files that operators hold: of the demo its `demo.json`, `users.csv`,
//! `alice-seed` and `*-secret`; beside the node's data `keys`, `recovery-key`,
//! `bootstrap-token`, `operator-token`, `admin.key` and `peer-ca.key`.

use std::path::Path;
use std::{fs, io};

use anyhow::{Context, ensure};
use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest, Sha256, Sha512};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::cluster::{Cluster, NODES};
use super::codes::calm_step;
use super::process::until;
use super::world::{ALICE, Demo, HOME, Verdict, login};

/// A secret's name and the octets to look for.
type Needle = (String, Vec<u8>);

/// Everything secret, in the forms in which it could lie about.
fn needles(demo: &Demo, typed: &[String]) -> anyhow::Result<Vec<Needle>> {
    let mut needles: Vec<Needle> = Vec::new();
    for pointer in ["/users/0", "/users/1", "/load"] {
        let seed = demo.told(&format!("{pointer}/totp_secret"));
        needles.push((format!("{pointer}: seed"), seed.into()));
        let password = demo.told(&format!("{pointer}/password"));
        needles.push((format!("{pointer}: password"), password.into()));
    }
    for (name, app) in [("alice", demo.alice()?.app), ("load", demo.load(1)?.app)] {
        needles.push((format!("{name}: seed's octets"), app.octets().to_vec()));
    }
    for client in ["/clients/0", "/clients/1"] {
        let secret = demo.told(&format!("{client}/secret"));
        needles.push((format!("{client}: secret"), secret.into()));
    }
    for file in ["operator-token", "cluster/bootstrap-token"] {
        let token = fs::read(demo.folder().join(file))?;
        needles.push((file.to_owned(), token.trim_ascii().to_vec()));
    }
    for typed in typed {
        needles.push((format!("typed {typed}"), typed.clone().into()));
    }
    Ok(needles)
}

/// The needles again as others write them, and, of passwords, what would verify a guess.
fn disguised(needles: Vec<Needle>) -> Vec<Needle> {
    let forms = needles.into_iter().flat_map(|(name, octets)| {
        let hashes = if name.contains("password") || name.contains("typed") {
            vec![
                (
                    format!("{name} (SHA-256)"),
                    Sha256::digest(&octets).to_vec(),
                ),
                (
                    format!("{name} (SHA-512)"),
                    Sha512::digest(&octets).to_vec(),
                ),
            ]
        } else {
            Vec::new()
        };
        let texts = [
            (format!("{name} (hex)"), HEXLOWER.encode(&octets).into()),
            (format!("{name} (Base64)"), BASE64.encode(&octets).into()),
            (name, octets),
        ];
        texts.into_iter().chain(hashes)
    });
    forms.collect()
}

/// All files below a folder with what they hold.
pub(super) fn files(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let (mut files, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if let Some(octets) = read(&path)? {
                files.push((path.display().to_string(), octets));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// None: a node that runs has just removed it.
fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

fn holds(octets: &[u8], needle: &[u8]) -> bool {
    octets.windows(needle.len()).any(|window| window == needle)
}

/// Logins of each kind at each node, and what was typed at them.
async fn busy(cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    let (alice, bob) = (cluster.demo.alice()?, cluster.demo.bob()?);
    let now = calm_step(15).await;
    let right = alice.password.clone() + &alice.app.code(now)?;
    let verdict = login(&cluster.vpn_at(0)?, ALICE, &right, HOME).await?;
    assert_eq!(verdict, Verdict::Accept);
    let mut typed = vec![right];
    let code = bob.app.code(now)?;
    let wrong = bob.app.wrong(1)?.concat();
    let attempts = [
        format!("an unforgettable guess{code}"),
        bob.password.clone() + &wrong,
        bob.password.clone() + &code,
    ];
    for (attempt, node) in attempts.into_iter().zip(NODES) {
        let verdict = login(&cluster.vpn_at(node)?, &bob.name, &attempt, HOME).await?;
        assert_eq!(verdict, Verdict::Reject);
        typed.push(attempt);
    }
    let stranger = "a stranger's password";
    for node in NODES {
        let vpn = cluster.vpn_at(node)?;
        login(&vpn, "nobody@contoso.example", stranger, HOME).await?;
    }
    typed.push(stranger.to_owned());
    typed.push("an unforgettable guess".to_owned());
    Ok(typed)
}

/// Passes on what comes for the peers' port of a node, until it is dropped.
async fn passage(from: &str, to: &str) -> anyhow::Result<JoinSet<()>> {
    let listener = TcpListener::bind(from).await?;
    let (mut passage, to) = (JoinSet::new(), to.to_owned());
    passage.spawn(async move {
        let mut passing = JoinSet::new();
        while let Ok((mut caller, _)) = listener.accept().await {
            let to = to.clone();
            passing.spawn(async move {
                let mut node = TcpStream::connect(to).await?;
                copy_bidirectional(&mut caller, &mut node).await
            });
        }
    });
    Ok(passage)
}

/// Starts all nodes anew with a log that tells all it can, on stores that are replayed;
/// `far` behind a passage.
async fn restart(cluster: &Cluster, far: usize) -> anyhow::Result<JoinSet<()>> {
    let peers = cluster.demo.told(&format!("/nodes/{far}/peers")).to_owned();
    let moved = peers.replace("127.0.0.1", "127.0.0.2");
    let config = Path::new(cluster.demo.told(&format!("/nodes/{far}/config")));
    let behind = config.with_file_name("behind.toml");
    let listen = |at: &str| format!("listen = \"{at}\"");
    let text = fs::read_to_string(config)?;
    ensure!(text.contains(&listen(&peers)), "{text}");
    fs::write(&behind, text.replace(&listen(&peers), &listen(&moved)))?;
    for node in NODES {
        cluster.kill(node).await?;
    }
    let passage = passage(&peers, &moved).await?;
    for node in NODES {
        if node == far {
            cluster.restart_as(node, &behind, &[])?;
        } else {
            cluster.restart(node)?;
        }
    }
    for node in NODES {
        cluster.ready(node).await?;
    }
    Ok(passage)
}

/// A right and a wrong login at a node that hears nobody: peers judge them.
async fn hand_over(
    cluster: &Cluster,
    far: usize,
    passage: JoinSet<()>,
) -> anyhow::Result<Vec<String>> {
    cluster.lead((far + 1) % 3).await?;
    drop(passage);
    until("it hears nobody", async || !cluster.answers(far).await).await?;
    let person = cluster.demo.load(2)?;
    let code = person.app.code(calm_step(5).await)?;
    let mut typed = Vec::new();
    for (password, expected) in [
        ("a guess that went far", Verdict::Reject),
        (&*person.password, Verdict::Accept),
    ] {
        let word = password.to_owned() + &code;
        let verdict = login(&cluster.vpn_at(far)?, &person.name, &word, HOME).await?;
        ensure!(verdict == expected, "{password}: {verdict:?}");
        typed.push(word);
    }
    typed.push("a guess that went far".to_owned());
    ensure!(!cluster.answers(far).await, "it may have judged by itself");
    Ok(typed)
}

/// Everything that three nodes leave behind or tell.
async fn hay(cluster: &Cluster) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let demo = &cluster.demo;
    let mut hay = Vec::new();
    for node in NODES {
        hay.extend(files(&demo.folder().join(format!("n{}/data", node + 1)))?);
        hay.push((format!("log {node}"), fs::read(cluster.log(node))?));
        let metrics = demo.watch_at(node, "metrics").await.context("no metrics")?;
        hay.push((format!("metrics {node}"), metrics.into()));
        for command in [
            ["events", "--limit=500"],
            ["audit", "--limit=500"],
            ["settings", "show"],
            ["cluster", "status"],
        ] {
            let said = cluster.run(node, &command)?;
            hay.push((format!("{} {node}", command.join(" ")), said.out.into()));
        }
    }
    let log = fs::read(demo.told("/entra/log"))?;
    hay.push(("stand-in's log".to_owned(), log));
    Ok(hay)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_seed_secret_or_password_lies_in_data_logs_metrics_or_events() -> anyhow::Result<()> {
    let cluster = Cluster::start(2)?;
    let demo = &cluster.demo;
    let far = (cluster.settled().await? + 1) % 3;
    let mut typed = busy(&cluster).await?;
    let passage = restart(&cluster, far).await?;
    let person = demo.load(1)?;
    let right = person.password.clone() + &person.app.code(calm_step(5).await)?;
    let verdict = login(&cluster.vpn_at(far)?, &person.name, &right, HOME).await?;
    assert_eq!(verdict, Verdict::Accept);
    typed.push(right);
    typed.extend(hand_over(&cluster, far, passage).await?);
    let hay = hay(&cluster).await?;
    let needles = disguised(needles(demo, &typed)?);
    for (place, octets) in &hay {
        for (name, needle) in &needles {
            assert!(!holds(octets, needle), "{name} lies in {place}");
        }
    }
    // The search finds what is there: names on each disk and in each log, a seed elsewhere.
    let names: Vec<_> = hay
        .iter()
        .filter(|(_, octets)| holds(octets, ALICE.as_bytes()))
        .map(|(place, _)| place)
        .collect();
    for node in 1..=3 {
        let data = format!("/n{node}/data/");
        assert!(names.iter().any(|it| it.contains(&data)), "{names:?}");
    }
    let csv = fs::read(demo.folder().join("users.csv"))?;
    assert!(needles.iter().any(|(_, needle)| holds(&csv, needle)));
    let octets: usize = hay.iter().map(|(_, octets)| octets.len()).sum();
    println!(
        "{} forms of secrets in none of {} places, {octets} octets",
        needles.len(),
        hay.len()
    );
    Ok(())
}

/// What a crash of it would leave is more than all these places hold.
#[tokio::test]
async fn a_node_leaves_no_core_dump() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let limits = fs::read_to_string(format!("/proc/{}/limits", demo.pid()?))?;
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let fields: Vec<_> = core.unwrap_or_default().split_whitespace().collect();
    assert_eq!(fields.get(4..6), Some(&["0", "0"][..]), "{limits}");
    Ok(())
}
