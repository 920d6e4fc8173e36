//! The servers that may receive passwords: a list of the node's own file.
//!
//! The settings choose among them, so that a stolen operator account cannot send passwords
//! elsewhere. Must not know what is asked there.

use countersign_core::base::Shown;
use url::{Host, Url};

/// Servers that may receive passwords. None is, unless it is named.
#[derive(Clone, Debug, Default)]
pub struct PinnedServers(Vec<(Host<String>, Option<u16>)>);

/// An entry that is no server.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the pinned server {0} is not host[:port]")]
pub struct Unpinnable(pub String);

impl PinnedServers {
    /// Reads `host` (at the usual ports) or `host:port` entries.
    ///
    /// # Errors
    /// Names the first entry that is neither.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, Unpinnable> {
        let servers = entries.into_iter().map(|entry| {
            host_port(entry).ok_or_else(|| Unpinnable(Shown::from(entry).to_string()))
        });
        Ok(Self(servers.collect::<Result<_, _>>()?))
    }

    /// Whether a host may be asked at this port. One that is pinned without a port may be
    /// asked at the `usual` ones.
    pub(super) fn allows(&self, host: &Host<String>, port: u16, usual: &[u16]) -> bool {
        self.0.iter().any(|(pinned, at)| {
            let usual = || usual.contains(&port);
            pinned == host && at.map_or_else(usual, |at| at == port)
        })
    }
}

/// A host with or without a port, and nothing else.
pub(super) fn host_port(text: &str) -> Option<(Host<String>, Option<u16>)> {
    // Read as a web address: names are folded, and addresses have one form.
    let url = Url::parse(&format!("https://{text}")).ok()?;
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && !text.contains(['/', '@', '\\']);
    // 443 is taken for no port by such a reader.
    let port = url.port().or_else(|| text.ends_with(":443").then_some(443));
    bare.then_some((url.host()?.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_that_is_no_host_is_refused() {
        for entry in ["", "ldaps://dc1", "dc1/x", "a b", "dc1:port"] {
            let error = PinnedServers::parse([entry]).unwrap_err();
            assert_eq!(error, Unpinnable(entry.to_owned()));
        }
    }

    #[test]
    fn a_host_is_pinned_at_its_port_or_at_the_usual_ones() {
        let pinned = PinnedServers::parse(["Old.contoso.example", "198.51.100.7:1645"]).unwrap();
        let allows = |text| {
            let (host, port) = host_port(text).unwrap();
            pinned.allows(&host, port.unwrap_or(1812), &[1812])
        };
        assert!(allows("old.contoso.example") && allows("198.51.100.7:1645"));
        assert!(!allows("old.contoso.example:1645") && !allows("198.51.100.7"));
        assert!(!allows("contoso.example") && !allows("198.51.100.8:1645"));
    }
}
