//! A user, with what operators and what its directory say of it.

use serde_json::{Value, json};

use super::moment;
use crate::admin::api;
use crate::cli::output::word;

pub(in crate::cli) const USERS: &[&str] = &[
    "name",
    "status",
    "directory_status",
    "locked",
    "aliases",
    "contact",
    "created",
];
pub(in crate::cli) const USER: &[&str] = &[
    "name",
    "id",
    "status",
    "directory_status",
    "locked",
    "own_password",
    "aliases",
    "contact",
    "email",
    "phone",
    "groups",
    "directory_groups",
    "directory_source",
    "synced_at",
    "initial_logins",
    "forwarded_to",
    "forwarded_at",
    "created",
    "revision",
];

pub(in crate::cli) fn user(it: &api::User) -> Value {
    let directory = match it.directory_status() {
        api::DirectoryStatus::Unspecified => Value::Null,
        said @ (api::DirectoryStatus::Active
        | api::DirectoryStatus::Disabled
        | api::DirectoryStatus::Gone) => word(said.as_str_name(), "DIRECTORY_STATUS_").into(),
    };
    json!({
        "id": it.id,
        "name": it.name,
        "aliases": it.aliases,
        "contact": it.contact,
        "email": it.email,
        "phone": it.phone,
        "groups": it.groups,
        "status": word(it.status().as_str_name(), "USER_STATUS_"),
        "locked": it.locked,
        "own_password": it.own_password,
        "directory_status": directory,
        "directory_source": it.directory_source,
        "directory_groups": it.directory_groups,
        "synced_at": moment(it.synced_at),
        "initial_logins": it.initial_logins,
        "forwarded_to": it.forwarded_to,
        "forwarded_at": moment(it.forwarded_at),
        "created": moment(it.created),
        "revision": it.revision,
    })
}
