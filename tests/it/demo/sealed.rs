//! What never lies on a node's disk, in its log or its metrics in the clear (DESIGN I7).
//!
//! Left out are the files that operators hold: of the demo its `demo.json`, `users.csv`,
//! `alice-seed` and `*-secret`; beside the node's data `keys`, `recovery-key`,
//! `bootstrap-token`, `operator-token`, `admin.key` and `peer-ca.key`.

use std::fs;
use std::path::Path;

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest, Sha256, Sha512};

use super::codes::calm_step;
use super::process::{Process, kill, until};
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
    for file in ["operator-token", "n1/bootstrap-token"] {
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
            } else {
                files.push((path.display().to_string(), fs::read(&path)?));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn holds(octets: &[u8], needle: &[u8]) -> bool {
    octets.windows(needle.len()).any(|window| window == needle)
}

/// Logins of each kind, and what was typed at them.
async fn busy(demo: &Demo) -> anyhow::Result<Vec<String>> {
    let (vpn, alice, bob) = (demo.vpn()?, demo.alice()?, demo.bob()?);
    let now = calm_step(15).await;
    let right = alice.password.clone() + &alice.app.code(now)?;
    assert_eq!(login(&vpn, ALICE, &right, HOME).await?, Verdict::Accept);
    let mut typed = vec![right];
    let code = bob.app.code(now)?;
    let wrong = bob.app.wrong(1)?.concat();
    for attempt in [
        format!("an unforgettable guess{code}"),
        bob.password.clone() + &wrong,
        bob.password.clone() + &code,
    ] {
        assert_eq!(
            login(&vpn, &bob.name, &attempt, HOME).await?,
            Verdict::Reject
        );
        typed.push(attempt);
    }
    login(
        &vpn,
        "nobody@contoso.example",
        "a stranger's password",
        HOME,
    )
    .await?;
    typed.push("a stranger's password".to_owned());
    typed.push("an unforgettable guess".to_owned());
    Ok(typed)
}

#[tokio::test]
async fn no_seed_secret_or_password_lies_in_data_log_metrics_or_events() -> anyhow::Result<()> {
    let demo = Demo::start(2)?;
    let mut typed = busy(&demo).await?;
    // Once more with a log that tells all it can, on a store that was replayed.
    kill(demo.pid()?)?;
    let node = Process::serve(demo.config(), &demo.node_log())?;
    until("ready again", async || demo.watch("ready").await.is_some()).await?;
    let person = demo.load(1)?;
    let right = person.password.clone() + &person.app.code(calm_step(5).await)?;
    assert_eq!(
        login(&demo.vpn()?, &person.name, &right, HOME).await?,
        Verdict::Accept
    );
    typed.push(right);
    let data = demo.folder().join("n1/data");
    let mut hay = files(&data)?;
    let on_disk = hay.len();
    hay.push(("node log".to_owned(), fs::read(demo.node_log())?));
    let metrics = demo.watch("metrics").await.unwrap_or_default();
    hay.push(("metrics".to_owned(), metrics.into()));
    for command in [
        ["events", "--limit=500"],
        ["audit", "--limit=500"],
        ["settings", "show"],
    ] {
        hay.push((command.join(" "), demo.run(&command)?.out.into()));
    }
    hay.push((
        "stand-in's log".to_owned(),
        fs::read(demo.told("/entra/log"))?,
    ));
    let needles = disguised(needles(&demo, &typed)?);
    for (place, octets) in &hay {
        for (name, needle) in &needles {
            assert!(!holds(octets, needle), "{name} lies in {place}");
        }
    }
    // The search finds what is there: names on the disk and in the logs, a seed elsewhere.
    let found = |octets: &Vec<u8>| holds(octets, ALICE.as_bytes());
    let finds = hay.iter().filter(|(_, octets)| found(octets)).count();
    assert!(finds >= 3, "the search finds nothing");
    let csv = fs::read(demo.folder().join("users.csv"))?;
    assert!(needles.iter().any(|(_, needle)| holds(&csv, needle)));
    let octets: usize = hay.iter().map(|(_, octets)| octets.len()).sum();
    println!(
        "{} forms of secrets in none of {on_disk} files and {} other places, {octets} octets",
        needles.len(),
        hay.len() - on_disk
    );
    drop(node);
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
