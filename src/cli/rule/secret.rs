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
    // Without what follows the name: whoever confuses it with --attribute writes the secret.
    let name = text.split_once('=').map_or("", |(name, _)| name);
    let usage = |why: &str| Failure::Usage(format!("--secret-attribute {name}: {why}"));
    let (name, file) = text
        .split_once('=')
        .ok_or_else(|| usage("a secret attribute is NAME=FILE"))?;
    // Before the file is read: what goes to a node is stored, shown and told to the audit.
    let read = written::attribute(&format!("{name}=")).map_err(|error| usage(&error.why))?;
    if !written::is_secret(&read) {
        return Err(usage(
            "no device takes this one hidden, so that it would be stored and shown to everyone: \
             say --attribute, or with a vendor's own 26.VENDOR.TYPE:salted=FILE",
        ));
    }
    let secret = secrets::read(Path::new(file))?;
    let value = std::str::from_utf8(secret.expose());
    let value = value.map_err(|_| usage("not UTF-8: write it as hex digits behind 0x"))?;
    Ok(format!("{name}={value}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file() -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(b"s3cret").expect("written");
        file
    }

    fn asked(name: &str) -> Result<String, String> {
        let file = file();
        let text = format!("{name}={}", file.path().display());
        with_secret(&text).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_secret_goes_only_into_an_attribute_that_is_hidden() {
        let hidden = "Tunnel-Password:1=s3cret";
        assert_eq!(asked("Tunnel-Password:1").as_deref(), Ok(hidden));
        let vendors = "26.32473.1:salted=s3cret";
        assert_eq!(asked("26.32473.1:salted").as_deref(), Ok(vendors));
        for clear in ["Cisco-AVPair", "Class", "26.32473.1"] {
            let why = asked(clear).expect_err(clear);
            assert!(why.contains("shown to everyone"), "{why}");
        }
    }

    #[test]
    fn a_slip_in_the_name_shows_no_secret() {
        let why = asked("Tunel-Password:1").expect_err("a slip");
        assert!(why.contains("no attribute has this name"), "{why}");
        let why = with_secret("Tunel-Password:1=s3cret").expect_err("a slip");
        assert!(!why.to_string().contains("s3cret"), "{why}");
    }
}
