//! Old servers that users may be forwarded to, as a document has them.

use countersign_core::base::limits::{FORWARD_SECRET_OCTETS_MAX, FORWARD_SECRET_OCTETS_MIN};
use countersign_core::ledger::storage::{self, AllowedAttribute};
use countersign_core::radius::{Entry, Number};
use serde::{Deserialize, Serialize};

use super::source::{Given, Masked, given, is_off, masked};
use crate::operate::OperateError;

/// An old RADIUS server.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::operate::settings) struct Forward {
    pub(in crate::operate::settings) name: String,
    servers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<Masked>,
    #[serde(default)]
    timeout_ms: u32,
    #[serde(default)]
    tries: u32,
    /// Names of the dictionary, or numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attributes: Vec<String>,
    #[serde(default, skip_serializing_if = "is_off")]
    dangerous_unsigned_replies: bool,
}

impl Forward {
    /// What the document says of its secret.
    pub(in crate::operate::settings) fn secret(&self) -> Result<Given, OperateError> {
        let given = given("forward.secret", self.secret.as_ref())?;
        let lengths = FORWARD_SECRET_OCTETS_MIN..=FORWARD_SECRET_OCTETS_MAX;
        if let Given::New(secret) = &given
            && !lengths.contains(&secret.len())
        {
            let why = format!(
                "it has {FORWARD_SECRET_OCTETS_MIN} to {FORWARD_SECRET_OCTETS_MAX} octets: \
                 give the old server a new one for these nodes"
            );
            return Err(OperateError::invalid("forward.secret", why));
        }
        Ok(given)
    }

    /// As it is stored, without its secret.
    pub(in crate::operate::settings) fn stored(self) -> Result<storage::Forward, OperateError> {
        let attributes = self.attributes.iter().map(|text| allowed(text));
        Ok(storage::Forward {
            attributes: attributes.collect::<Result<_, _>>()?,
            name: self.name,
            servers: self.servers,
            secret: Vec::new(),
            timeout: self.timeout_ms,
            tries: self.tries,
            dangerous_unsigned_replies: self.dangerous_unsigned_replies,
        })
    }

    pub(super) fn shown(forward: &storage::Forward) -> Self {
        Self {
            name: forward.name.clone(),
            servers: forward.servers.clone(),
            secret: masked(&forward.secret),
            timeout_ms: forward.timeout,
            tries: forward.tries,
            attributes: forward.attributes.iter().map(named).collect(),
            dangerous_unsigned_replies: forward.dangerous_unsigned_replies,
        }
    }
}

/// The number that a name or a number stands for.
fn allowed(text: &str) -> Result<AllowedAttribute, OperateError> {
    let fault = |why: String| OperateError::invalid("forward.attributes", why);
    let by_name = Entry::named(text).map(|entry| entry.number);
    let number = by_name.or_else(|| text.parse().ok()).ok_or_else(|| {
        fault(format!(
            "no attribute is called {text:?}; a number is 25 or 26.VENDOR.TYPE"
        ))
    })?;
    number
        .granted()
        .map_err(|why| fault(format!("{text:?}: {why}")))?;
    // The old server hides it for us, not for the device.
    let is_salted = Entry::numbered(number).is_some_and(|entry| entry.kind.is_salted());
    if is_salted {
        let why = format!("{text:?} is hidden with a shared secret: grant it by the rule");
        return Err(fault(why));
    }
    let (kind, vendor, vendor_kind) = number.parts();
    Ok(AllowedAttribute {
        kind,
        vendor,
        vendor_kind,
    })
}

fn named(it: &AllowedAttribute) -> String {
    match Number::of_parts(it.kind, it.vendor, it.vendor_kind) {
        Ok(number) => {
            Entry::numbered(number).map_or_else(|| number.to_string(), |it| it.name.to_owned())
        }
        Err(_) => format!("{}.{}.{}", it.kind, it.vendor, it.vendor_kind),
    }
}

#[cfg(test)]
mod tests {
    use countersign_core::base::Secret;

    use super::super::{parse, shown};
    use super::*;

    const DOCUMENT: &str = r#"
[[forward]]
name = "old"
servers = ["198.51.100.7", "old.contoso.example:1645"]
secret = "s3cret of 16 octets"
tries = 2
attributes = ["class", "25", "Fortinet-Group-Name", "26.32473.1"]
"#;

    fn read(text: &str) -> Forward {
        let mut document = parse(&Secret::from(text.as_bytes())).expect("a document");
        document.forwards.remove(0)
    }

    #[test]
    fn a_forward_is_shown_as_it_was_written_without_its_secret() {
        let forward = read(DOCUMENT);
        assert!(matches!(forward.secret(), Ok(Given::New(_))));
        let mut stored = forward.stored().expect("a forward");
        stored.secret = b"sealed".to_vec();
        let settings = storage::Settings {
            forwards: vec![stored],
            ..storage::Settings::default()
        };
        let text = shown(&settings);
        for told in [
            "Class\", \"Class",
            "Fortinet-Group-Name",
            "26.32473.1",
            "tries = 2",
        ] {
            assert!(text.contains(told), "{told} not in {text}");
        }
        assert!(
            !text.contains("sealed") && !text.contains("s3cret"),
            "{text}"
        );
        let again = read(&text);
        assert!(matches!(again.secret(), Ok(Given::Kept)));
        assert_eq!(again.servers, ["198.51.100.7", "old.contoso.example:1645"]);
    }

    #[test]
    fn a_short_secret_is_refused_and_not_shown() {
        let short = DOCUMENT.replace("s3cret of 16 octets", "testing123");
        let error = read(&short).secret().expect_err("a short secret");
        let error = error.to_string();
        assert!(
            error.contains("forward.secret: it has 16 to 128 octets"),
            "{error}"
        );
        assert!(!error.contains("testing123"), "{error}");
    }

    #[test]
    fn what_may_not_be_relayed_is_told_by_its_name() {
        for (name, told) in [
            ("Clas", "no attribute is called"),
            ("26.9", "no attribute is called"),
            ("Tunnel-Password", "hidden with the shared secret"),
            ("State", "may not stand in an Access-Accept"),
            ("Message-Authenticator", "may not stand in an Access-Accept"),
            ("Proxy-State", "may not stand in an Access-Accept"),
            ("User-Password", "may not stand in an Access-Accept"),
            ("EAP-Message", "may not stand in an Access-Accept"),
            ("101", "may not stand in an Access-Accept"),
            ("26.311.17", "MS-CHAP"),
            ("26.0.1", "no attribute's number"),
        ] {
            let odd = DOCUMENT.replace("\"class\"", &format!("{name:?}"));
            let error = read(&odd).stored().expect_err(name).to_string();
            assert!(error.contains(told) && error.contains(name), "{error}");
        }
    }
}
