//! Rules as a file: TOML, where an unknown key is an error.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cli::failure::Failure;
use crate::cli::secrets;
use crate::operate::{RuleWritten, located};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// That the file was made from; another one by now refuses it.
    revision: Option<u64>,
    #[serde(default, rename = "rule")]
    rules: Vec<RuleWritten>,
}

/// The rules of a file, and the revision that it was made from; 0: it does not say.
pub(super) fn read(path: &Path) -> Result<(Vec<RuleWritten>, u64), Failure> {
    let octets = secrets::whole(path)?;
    let text = std::str::from_utf8(&octets);
    let text = text.map_err(|_| Failure::Usage(format!("{}: not UTF-8", path.display())))?;
    // Any line may belong to an attribute whose value is a secret.
    let fault = |error| located(text, &error, |_| true);
    let document: Document = toml::from_str(text)
        .map_err(|error| Failure::Usage(format!("{}: {}", path.display(), fault(error))))?;
    Ok((document.rules, document.revision.unwrap_or_default()))
}

/// The rules as a file.
pub(super) fn written(rules: &[RuleWritten], revision: u64) -> String {
    let document = Document {
        revision: Some(revision),
        rules: rules.to_vec(),
    };
    toml::to_string(&document).expect("texts and numbers have a form in TOML")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read_text(text: &str) -> Result<(Vec<RuleWritten>, u64), String> {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        read(file.path()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_is_printed_can_be_applied() {
        let rule = RuleWritten {
            name: "staff".to_owned(),
            groups: vec!["vpn".to_owned()],
            factors: "both".to_owned(),
            attributes: vec!["Class=OU={groups};".to_owned()],
            ..RuleWritten::default()
        };
        let text = written(std::slice::from_ref(&rule), 3);
        assert!(text.starts_with("revision = 3\n\n[[rule]]\n"), "{text}");
        assert_eq!(read_text(&text), Ok((vec![rule], 3)));
        assert_eq!(read_text(""), Ok((Vec::new(), 0)));
    }

    #[test]
    fn a_fault_is_told_with_its_line_and_without_a_secret() {
        for attributes in [
            "attributes = \"Tunnel-Password:1=s3cret\"",
            "attributes = [\"Tunnel-Password:1=s3cret]",
            "attributes = [\n \"Tunnel-Password:1=s3cret\",\n 4711]",
        ] {
            let fault = read_text(&format!("[[rule]]\nname = \"a\"\n{attributes}\n"));
            let fault = fault.expect_err("a fault");
            assert!(fault.contains("line "), "{fault}");
            assert!(
                !fault.contains("s3cret") && !fault.contains("4711"),
                "{fault}"
            );
        }
    }

    #[test]
    fn an_unknown_key_is_told_with_its_line() {
        let fault = read_text("[[rule]]\nname = \"a\"\nfactors = \"deny\"\ngroup = [\"b\"]\n");
        let fault = fault.expect_err("a fault");
        assert!(
            fault.contains("line 4") && fault.contains("group"),
            "{fault}"
        );
    }
}
