//! A directory of few words: it takes every bind and lists whom a test has put into it.

#![expect(clippy::unwrap_used, reason = "a failed preparation fails the test")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use tokio::task::JoinSet;

/// An account of it.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) account: String,
    pub(super) disabled: bool,
    /// Names of groups.
    pub(super) groups: Vec<&'static str>,
}

pub(super) struct Directory {
    pub(super) port: u16,
    people: Arc<Mutex<Vec<Person>>>,
    /// Breaks each list off before its end.
    broken: Arc<AtomicBool>,
    /// Held by a test while no list is to be told.
    closed: Arc<RwLock<()>>,
    _task: JoinSet<()>,
}

impl Directory {
    pub(super) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let people: Arc<Mutex<Vec<Person>>> = Arc::default();
        let broken: Arc<AtomicBool> = Arc::default();
        let closed: Arc<RwLock<()>> = Arc::default();
        let (shown, breaks) = (Arc::clone(&people), Arc::clone(&broken));
        let door = Arc::clone(&closed);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut met = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (shown, breaks) = (Arc::clone(&shown), Arc::clone(&breaks));
                let door = Arc::clone(&door);
                met.spawn(async move { drop(meet(stream, &shown, &breaks, &door).await) });
            }
        });
        Self {
            port,
            people,
            broken,
            closed,
            _task: task,
        }
    }

    /// Changes who is in it.
    pub(super) fn set(&self, change: impl FnOnce(&mut Vec<Person>)) {
        change(&mut self.people.lock().unwrap());
    }

    /// Lets no list out for as long as the guard lives.
    pub(super) async fn close(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.closed).write_owned().await
    }

    pub(super) fn break_lists(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }
}

async fn meet(
    mut stream: TcpStream,
    people: &Mutex<Vec<Person>>,
    broken: &AtomicBool,
    closed: &RwLock<()>,
) -> std::io::Result<()> {
    loop {
        let message = message(&mut stream).await?;
        // A number of one octet: no test asks more.
        let [_, _, id, operation, ..] = *message else {
            return Ok(());
        };
        let has = |part: &[u8]| message.windows(part.len()).any(|window| window == part);
        if operation == 0x60 {
            stream.write_all(&answer(id, &[end(0x61)])).await?;
            continue;
        }
        if has(PAGED) {
            drop(closed.read().await);
        }
        if has(PAGED) && broken.load(Ordering::SeqCst) {
            // Without a word about parts.
            stream.write_all(&answer(id, &[end(0x65)])).await?;
            continue;
        }
        let mut octets = Vec::new();
        if has(b"\x0eobjectCategory") {
            let people = people.lock().unwrap().clone();
            octets = people
                .iter()
                .flat_map(|it| answer(id, &[entry(it)]))
                .collect();
        }
        let value = tlv(0x30, &[&[2, 1, 0], &*tlv(4, b"")].concat());
        let control = tlv(0x30, &[tlv(4, PAGED), tlv(4, &value)].concat());
        let done = match has(PAGED) {
            true => answer(id, &[end(0x65), tlv(0xa0, &control)]),
            false => answer(id, &[end(0x65)]),
        };
        // Whoever is asked for by name is not there: all that are stand in the list.
        let shown = if has(PAGED) { octets } else { Vec::new() };
        stream.write_all(&[shown, done].concat()).await?;
    }
}

/// A whole message, without its header.
async fn message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut header = [0; 2];
    stream.read_exact(&mut header).await?;
    let mut length = usize::from(header[1]);
    if length > 127 {
        let mut digits = vec![0; length - 128];
        stream.read_exact(&mut digits).await?;
        length = digits
            .iter()
            .fold(0, |all, it| (all << 8) | usize::from(*it));
    }
    let mut content = vec![0; length];
    stream.read_exact(&mut content).await?;
    Ok(content)
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84], &length[..], content].concat()
}

fn answer(id: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &[&[2, 1, id], &*parts.concat()].concat())
}

fn end(tag: u8) -> Vec<u8> {
    tlv(tag, &[&[0x0a, 1, 0], &*tlv(4, b""), &tlv(4, b"")].concat())
}

fn entry(person: &Person) -> Vec<u8> {
    let control = if person.disabled { "514" } else { "512" };
    let groups: Vec<_> = person
        .groups
        .iter()
        .map(|it| format!("CN={it},DC=corp"))
        .collect();
    let attribute = |name: &str, values: &[&str]| {
        let values: Vec<_> = values.iter().flat_map(|it| tlv(4, it.as_bytes())).collect();
        tlv(
            0x30,
            &[tlv(4, name.as_bytes()), tlv(0x31, &values)].concat(),
        )
    };
    let groups: Vec<_> = groups.iter().map(String::as_str).collect();
    let attributes = [
        attribute("uid", &[&person.account]),
        attribute("userPrincipalName", &[&person.account]),
        attribute("userAccountControl", &[control]),
        attribute("memberOf", &groups),
    ];
    let dn = format!("CN={},DC=corp", person.account);
    let content = [tlv(4, dn.as_bytes()), tlv(0x30, &attributes.concat())];
    tlv(0x64, &content.concat())
}

const PAGED: &[u8] = b"1.2.840.113556.1.4.319";
