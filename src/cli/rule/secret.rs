//! Attributes whose values are secrets come from files.

use std::path::Path;

use countersign_core::policy::written;

use crate::cli::failure::Failure;
use crate::cli::secrets;

/// Refuses a secret on the command line, which every user of the machine can read. What is
/// wrong with a text otherwise the node says.
pub(super) fn open_to_all(text: &str) -> Result<(), Failure> {
    let secret = written::attribute(text)
        .is_ok_and(|read| written::is_secret(&read) && !written::names_secret(&read.value));
    match text.split_once('=') {
        Some((name, _)) if secret => Err(Failure::Usage(format!(
            "{name} is a secret: write it to a file and say --secret-attribute {name}=FILE"
        ))),
        Some(_) | None => Ok(()),
    }
}

/// The attribute with the content of the file that it names.
pub(super) fn with_secret(text: &str) -> Result<String, Failure> {
    let usage = |why: &str| Failure::Usage(format!("--secret-attribute {text}: {why}"));
    let (name, file) = text
        .split_once('=')
        .ok_or_else(|| usage("a secret attribute is NAME=FILE"))?;
    let secret = secrets::read(Path::new(file))?;
    let value = std::str::from_utf8(secret.expose());
    let value = value.map_err(|_| usage("not UTF-8: write it as hex digits behind 0x"))?;
    Ok(format!("{name}={value}"))
}
