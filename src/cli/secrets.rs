//! Secrets come from files or standard input, never from the arguments: those are seen by
//! every process of the machine.

use std::io::{BufRead as _, Read as _};
use std::path::Path;

use countersign_core::base::Secret;

use super::failure::Failure;
use crate::admin::api::SecretText;

/// Reads a secret from a file, or from standard input where the path is `-`. One line
/// end at its end does not belong to it.
pub(super) fn read(path: &Path) -> Result<Secret, Failure> {
    let mut octets = whole(path)?;
    if octets.last() == Some(&b'\n') {
        octets.pop();
    }
    if octets.last() == Some(&b'\r') {
        octets.pop();
    }
    if octets.is_empty() {
        return Err(Failure::Usage(format!("{}: empty", path.display())));
    }
    Ok(Secret::new(octets))
}

/// Reads a secret from a file, or the next line of standard input where the path is `-`: a
/// login may need two.
pub(super) fn line(path: &Path) -> Result<Secret, Failure> {
    if path != Path::new("-") {
        return read(path);
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if read.map_err(|e| Failure::file(path, &e))? == 0 {
        return Err(Failure::Usage("standard input: no line to read".to_owned()));
    }
    while line.ends_with(['\r', '\n']) {
        line.pop();
    }
    Ok(Secret::from(line))
}

/// Reads a file as it is, or standard input.
pub(super) fn whole(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut octets = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut octets).map(drop)
    } else {
        std::fs::read(path).map(|read| octets = read)
    };
    read.map_err(|e| Failure::file(path, &e))?;
    Ok(octets)
}

/// As the API takes it.
pub(super) fn message(secret: &Secret) -> Result<SecretText, Failure> {
    let text = std::str::from_utf8(secret.expose());
    let text = text.map_err(|_| Failure::Usage("the secret is not UTF-8".to_owned()))?;
    Ok(SecretText {
        value: text.to_owned(),
    })
}

/// Reads an optional secret for a call.
pub(super) fn optional(path: Option<&Path>) -> Result<Option<SecretText>, Failure> {
    path.map(|path| message(&read(path)?)).transpose()
}

/// Writes a secret into a new file that only its owner can read.
pub(super) fn keep(path: &Path, secret: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(path);
    opened
        .and_then(|mut file| {
            writeln!(file, "{secret}")?;
            file.sync_all()
        })
        .map_err(|e| Failure::file(path, &e))
}
