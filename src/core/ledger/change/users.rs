//! Changes of users. Names and aliases of all users share one space of folded names.

use std::collections::BTreeSet;

use super::audit::{Facts, told};
use super::check::{ensure, existing, name, present, put as store, revision, sealed, text, valid};
use super::done::{Done, Step, refuse};
use super::tokens;
use crate::base::limits::{USER_ALIASES_MAX, USER_GROUPS_MAX};
use crate::base::{Name, Timestamp, TokenId, UserId};
use crate::ledger::storage::{
    AllowUser, Budgets, PutUser, Refusal, RemoveUser, SetUserPassword, SetUserStatus, UnlockUser,
    User, UserStatus,
};
use crate::ledger::table::{Draft, Read, Table};
use crate::ledger::{address, budgets, passcodes, query, synced};

/// Makes a user, or replaces one: all but its id, its tokens, the time of its making
/// and what a directory says of the account of its name. A token has one owner, so only the
/// token's own changes say whose it is.
pub(super) fn put(draft: &mut Draft<'_, impl Read>, at: Timestamp, it: &PutUser) -> Step {
    let user = present(it.user.as_ref(), "the user")?;
    if it.expected_revision == 0 {
        let made = create(draft, at, user)?;
        return Ok(changed(&made, &Facts::default()));
    }
    let names = names(user)?;
    let old = load(draft, user.id)?;
    revision(old.revision, it.expected_revision)?;
    index(draft, user.id, &known_names(&old), &names)?;
    let user = User {
        revision: old.revision.saturating_add(1),
        created: old.created,
        tokens: old.tokens.clone(),
        password: old.password.clone(),
        synced: synced::under(&old, &user.name, at),
        ..user.clone()
    };
    store(draft, Table::Users, &user.id.to_be_bytes(), &user);
    Ok(changed(&user, &facts(&old)))
}

/// Makes a user whose id, name and aliases are all free.
pub(super) fn create(draft: &mut Draft<'_, impl Read>, at: Timestamp, user: &User) -> Step<User> {
    let names = names(user)?;
    let taken = draft.get(Table::Users, &user.id.to_be_bytes())?.is_some();
    ensure(!taken, Refusal::Exists, || "the user id is taken".into())?;
    index(draft, user.id, &BTreeSet::new(), &names)?;
    let user = User {
        revision: 1,
        created: at.as_millis(),
        tokens: Vec::new(),
        password: Vec::new(),
        synced: None,
        ..user.clone()
    };
    store(draft, Table::Users, &user.id.to_be_bytes(), &user);
    Ok(user)
}

/// Removes a user with its names, failures and places. Its tokens go back to the inventory,
/// disabled where they took logins, each with its counter: whoever gets the token next
/// cannot replay a code that was spent before.
pub(super) fn remove(draft: &mut Draft<'_, impl Read>, it: &RemoveUser) -> Step {
    let user = load(draft, it.id)?;
    revision(user.revision, it.expected_revision)?;
    for &token in &user.tokens {
        tokens::release(draft, TokenId(token))?;
    }
    index(draft, it.id, &known_names(&user), &BTreeSet::new())?;
    for table in [Table::Users, Table::Budgets] {
        draft.delete(table, &it.id.to_be_bytes());
    }
    passcodes::forget(draft, UserId(it.id));
    Ok(Done {
        id: it.id,
        before: facts(&user).into_text(),
        detail: format!("{} tokens went back to the inventory", user.tokens.len()),
        ..Done::default()
    })
}

/// Lets a user log in, or not.
pub(super) fn set_status(draft: &mut Draft<'_, impl Read>, it: &SetUserStatus) -> Step {
    let known = it.status() != UserStatus::Unspecified;
    valid(known, "the status is unknown")?;
    let mut user = load(draft, it.id)?;
    let before = facts(&user);
    if user.status != it.status {
        user.status = it.status;
        user.revision = user.revision.saturating_add(1);
        store(draft, Table::Users, &it.id.to_be_bytes(), &user);
    }
    Ok(changed(&user, &before))
}

/// Gives a user a password of its own, or takes it away.
pub(super) fn set_password(draft: &mut Draft<'_, impl Read>, it: &SetUserPassword) -> Step {
    if !it.password.is_empty() {
        sealed(&it.password, "the password")?;
    }
    let mut user = load(draft, it.id)?;
    let before = facts(&user);
    user.password.clone_from(&it.password);
    if !user.password.is_empty() {
        // No directory has the account any more.
        user.synced = None;
    }
    user.revision = user.revision.saturating_add(1);
    store(draft, Table::Users, &it.id.to_be_bytes(), &user);
    Ok(changed(&user, &before))
}

/// Forgives a user: the lock, what was wrong or unsure, wrong codes of every place. A
/// login in flight stays counted; its own end decides what becomes of it.
pub(super) fn unlock(draft: &mut Draft<'_, impl Read>, at: Timestamp, it: &UnlockUser) -> Step {
    let user = load(draft, it.id)?;
    let old: Option<Budgets> = query::record(draft, Table::Budgets, &it.id.to_be_bytes())?;
    let old = old.unwrap_or_default();
    let strict = old.strict.unwrap_or_default();
    let known = old.places.into_iter().map(|place| place.codes);
    let failing = known.chain([old.elsewhere]).flatten().count();
    budgets::unlock(draft, UserId(it.id), at)?;
    let before = Facts::default()
        .name("name", &user.name)
        .with("locked", strict.locked)
        .with("passwords", strict.keys.len())
        .with("places", failing);
    Ok(changed(&user, &before))
}

/// Grants a user the logins without a token once more.
pub(super) fn allow(draft: &mut Draft<'_, impl Read>, at: Timestamp, it: &AllowUser) -> Step {
    let user = load(draft, it.id)?;
    let old: Option<Budgets> = query::record(draft, Table::Budgets, &it.id.to_be_bytes())?;
    budgets::allow(draft, UserId(it.id), at)?;
    let before = Facts::default()
        .name("name", &user.name)
        .with("initial_logins", old.unwrap_or_default().initial_logins);
    Ok(changed(&user, &before))
}

fn load(tables: &impl Read, id: u64) -> Step<User> {
    existing(tables, Table::Users, &id.to_be_bytes(), "user")
}

/// The folded names of a user that is to be stored, which is checked whole.
fn names(user: &User) -> Step<BTreeSet<Name>> {
    valid(user.id != 0, "the user id is 0")?;
    valid(
        user.status() != UserStatus::Unspecified,
        "the status is unknown",
    )?;
    if user.aliases.len() > USER_ALIASES_MAX || user.groups.len() > USER_GROUPS_MAX {
        return refuse(Refusal::Limit, "too many aliases or groups");
    }
    text(&user.contact, "the contact")?;
    valid(
        user.email.is_empty() || address::is_email(&user.email),
        "the e-mail address is none",
    )?;
    valid(
        user.phone.is_empty() || address::is_phone(&user.phone),
        "the phone number is not + and 7 to 15 digits",
    )?;
    for group in &user.groups {
        text(group, "a group")?;
    }
    let mut names = BTreeSet::from([name(&user.name, "the name")?]);
    for alias in &user.aliases {
        names.insert(name(alias, "an alias")?);
    }
    Ok(names)
}

/// The folded names of a user as stored, each of which was checked when it was put.
fn known_names(user: &User) -> BTreeSet<Name> {
    let all = std::iter::once(&user.name).chain(&user.aliases);
    all.filter_map(|text| Name::fold(text).ok()).collect()
}

/// Turns a user's names in the index from `old` to `new`.
fn index(
    draft: &mut Draft<'_, impl Read>,
    id: u64,
    old: &BTreeSet<Name>,
    new: &BTreeSet<Name>,
) -> Step<()> {
    for name in new.difference(old) {
        let taken = query::user_id_by_name(draft, name)?.is_some();
        ensure(!taken, Refusal::Exists, || {
            format!("the name \"{name}\" is taken")
        })?;
    }
    for name in old.difference(new) {
        draft.delete(Table::Names, name.as_str().as_bytes());
    }
    for name in new.difference(old) {
        let key = name.as_str().as_bytes();
        draft.put(Table::Names, key, id.to_be_bytes().to_vec());
    }
    Ok(())
}

fn changed(user: &User, before: &Facts) -> Done {
    let (before, after) = told(before, &facts(user));
    Done {
        id: user.id,
        revision: user.revision,
        before,
        after,
        ..Done::default()
    }
}

fn facts(user: &User) -> Facts {
    Facts::default()
        .name("name", &user.name)
        .list("aliases", &user.aliases)
        .text("contact", &user.contact)
        .text("email", &user.email)
        .text("phone", &user.phone)
        .list("groups", &user.groups)
        .with("status", user.status().as_str_name())
        .sealed("own_password", &user.password)
}
