//! Look-ups by what operators type, and the sealed fields' places.
//!
//! Must not know who may read.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use countersign_core::base::{ClientId, Name, TokenId, UserId};
use countersign_core::ledger::{Read, StoreError, Table, query, storage};
use prost::Message as _;

/// The user with this name or alias.
pub(super) fn user(tables: &impl Read, name: &str) -> Result<Option<storage::User>, StoreError> {
    match Name::fold(name) {
        Ok(name) => query::user_by_names(tables, &[name]),
        Err(_) => Ok(None),
    }
}

/// Users in order of names, and where the next page begins. A page may have fewer than
/// `limit` although more follow.
pub(super) fn users(
    tables: &impl Read,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<storage::User>, Option<String>), StoreError> {
    let prefix = prefix.to_ascii_lowercase();
    let (mut ids, mut next) = (Vec::new(), None);
    let from = after.map_or_else(|| prefix.clone(), |after| format!("{after}\0"));
    let mut last = String::new();
    tables.scan(Table::Names, from.as_bytes(), &mut |key, value| {
        let Some(name) = text(key).filter(|name| name.starts_with(&prefix)) else {
            return ControlFlow::Break(());
        };
        if ids.len() >= limit {
            next = Some(std::mem::take(&mut last));
            return ControlFlow::Break(());
        }
        name.clone_into(&mut last);
        let id = value.try_into().map(u64::from_be_bytes);
        ids.extend(id.map(|id| (name.to_owned(), UserId(id))));
        ControlFlow::Continue(())
    })?;
    let (mut users, mut room, mut before) = (Vec::new(), Room::default(), None);
    for (name, id) in ids {
        let user = query::user(tables, id)?;
        if let Some(user) = user.filter(|user| is_called(user, &name)) {
            if !room.takes(user.encoded_len()) {
                return Ok((users, before));
            }
            users.push(user);
        }
        before = Some(name);
    }
    Ok((users, next))
}

/// What is left of one answer. A client of gRPC takes no message above 4 MiB unless it is
/// told to: whatever is listed in pages ends them by their octets too.
#[derive(Default)]
pub(super) struct Room {
    used: usize,
}

impl Room {
    /// Whether a record of so many octets still goes in. The first always does.
    pub(super) const fn takes(&mut self, octets: usize) -> bool {
        let is_first = self.used == 0;
        self.used = self.used.saturating_add(octets);
        is_first || self.used <= PAGE_OCTETS_MAX
    }
}

/// Whether the folded name is the user's own, not an alias.
fn is_called(user: &storage::User, folded: &str) -> bool {
    Name::fold(&user.name).is_ok_and(|name| name.as_str() == folded)
}

fn text(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key).ok()
}

/// The token with this id (16 hexadecimal signs) or serial number. An id wins.
pub(super) fn token(tables: &impl Read, name: &str) -> Result<Option<storage::Token>, StoreError> {
    let by_id = match parse_id(name) {
        Some(id) => query::token(tables, TokenId(id))?,
        None => None,
    };
    match by_id {
        Some(token) => Ok(Some(token)),
        None if name.is_empty() => Ok(None),
        None => query::token_by_serial(tables, name),
    }
}

/// The client with this name.
pub(super) fn client(
    tables: &impl Read,
    name: &str,
) -> Result<Option<storage::Client>, StoreError> {
    let Ok(wanted) = Name::fold(name) else {
        return Ok(None);
    };
    let called = |client: &storage::Client| Name::fold(&client.name).as_ref() == Ok(&wanted);
    Ok(query::clients(tables)?.into_iter().find(called))
}

/// All clients by their names, for those who look many up.
pub(super) struct Clients(BTreeMap<Name, storage::Client>);

impl Clients {
    pub(super) fn read(tables: &impl Read) -> Result<Self, StoreError> {
        let clients = query::clients(tables)?.into_iter();
        let named = clients.filter_map(|it| Some((Name::fold(&it.name).ok()?, it)));
        Ok(Self(named.collect()))
    }

    /// The one with this name.
    pub(super) fn find(&self, name: &str) -> Option<&storage::Client> {
        self.0.get(&Name::fold(name).ok()?)
    }
}

/// The client with this number.
pub(super) fn client_by_id(
    tables: &impl Read,
    id: u64,
) -> Result<Option<storage::Client>, StoreError> {
    query::client(tables, ClientId(id))
}

/// An id as operators see it: 16 hexadecimal signs.
#[must_use]
pub fn shown_id(id: u64) -> String {
    format!("{id:016x}")
}

/// The reverse of [`shown_id`].
pub(super) fn parse_id(text: &str) -> Option<u64> {
    let hex = text.len() == 16 && text.bytes().all(|sign| sign.is_ascii_hexdigit());
    hex.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// LIMIT: octets of the records on one page, unless a single one has more: a user with all
/// groups has some two and a half million.
const PAGE_OCTETS_MAX: usize = 1 << 20;
