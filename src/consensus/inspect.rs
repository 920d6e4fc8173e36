//! A look at a store before it is opened for good, so that a node with the wrong keys can
//! refuse to start without having touched it.

use std::io;
use std::path::Path;

use super::codec;
use super::disk::{self, Db, OpenError, Owner};
use super::layout::{self, Layout};
use super::tables::TableView;
use super::tuning;

/// Lets `look` read the tables of `owner`'s store; none where there is no store yet.
/// Writes nothing to it.
///
/// # Errors
/// When the store is not the owner's, or cannot be read.
pub fn inspect<T>(
    directory: &Path,
    owner: Owner,
    look: impl FnOnce(&TableView<'_>) -> T,
) -> Result<Option<T>, OpenError> {
    let layout = Layout::new(directory);
    let Some(marks) = layout.marks()? else {
        return Ok(None);
    };
    layout::accept(marks, owner)?;
    let path = layout.store();
    let families = disk::family_names(&path)?;
    let families = families.iter().map(|name| tuning::family(name));
    let db = Db::open_cf_descriptors_read_only(&tuning::store(false), &path, families, false)
        .map_err(io::Error::other)?;
    let applied = disk::applied_record(&db)?;
    let number = match applied {
        Some(octets) => codec::applied(&octets)?.0,
        None => 0,
    };
    let family = disk::family(&db, &disk::tables_name(number));
    Ok(Some(look(&TableView::latest(&db, family))))
}
