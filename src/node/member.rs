//! A node as the others reach it, as files and options write it: `ID=HOST[:PORT]`.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use countersign_core::base::NodeId;

/// A node and where its peers dial it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Which node.
    pub node: NodeId,
    /// A DNS name or an address; one of IPv6 without its brackets.
    pub host: String,
    /// The port of its peers' listener.
    pub port: u16,
}

/// Why a text names no member.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MemberError {
    /// It is not of the form.
    #[error("is not of the form ID=HOST or ID=HOST:PORT")]
    Form,
    /// The id is none.
    #[error("\"{0}\" is no id from 1 to 65535")]
    Node(String),
    /// The host is none.
    #[error("\"{0}\" is no DNS name and no address")]
    Host(String),
    /// The port is none.
    #[error("\"{0}\" is no port from 1 to 65535")]
    Port(String),
}

impl Member {
    /// Host and port, as a dialler takes them.
    #[must_use]
    pub fn address(&self) -> String {
        let Self { host, port, .. } = self;
        if host.parse::<Ipv6Addr>().is_ok() {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.node, self.address())
    }
}

impl FromStr for Member {
    type Err = MemberError;

    fn from_str(text: &str) -> Result<Self, MemberError> {
        let (node, address) = text.split_once('=').ok_or(MemberError::Form)?;
        let id = node.parse().ok().filter(|id| *id > 0);
        let id = id.ok_or_else(|| MemberError::Node(node.to_owned()))?;
        let (host, port) = split(address);
        let port = match port {
            None => PEERS_PORT,
            Some(port) => {
                let number = port.parse().ok().filter(|number| *number > 0);
                number.ok_or_else(|| MemberError::Port(port.to_owned()))?
            }
        };
        if !is_host(host) {
            return Err(MemberError::Host(host.to_owned()));
        }
        Ok(Self {
            node: NodeId(id),
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

/// Host and port; an address of IPv6 stands in brackets where it has a port.
fn split(address: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = address
        .strip_prefix('[')
        .and_then(|inside| inside.split_once(']'))
    {
        return match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => (address, None),
        };
    }
    match address.split_once(':') {
        Some((_, rest)) if rest.contains(':') => (address, None),
        Some((host, port)) => (host, Some(port)),
        None => (address, None),
    }
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        let sign = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(sign)
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    host.parse::<Ipv6Addr>().is_ok() || (name.len() <= 253 && name.split('.').all(label))
}

/// Where peers listen, unless configured.
pub(super) const PEERS_PORT: u16 = 8300;
/// Voters of one cluster: more make every write slower and nothing safer.
pub const MEMBERS_MAX: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_read_and_written_alike() {
        for (text, address) in [
            ("1=node1.contoso.example", "node1.contoso.example:8300"),
            ("2=Node2:9300", "node2:9300"),
            ("3=192.0.2.3", "192.0.2.3:8300"),
            ("4=[2001:db8::4]:9300", "[2001:db8::4]:9300"),
            ("5=2001:db8::5", "[2001:db8::5]:8300"),
        ] {
            let member: Member = text.parse().unwrap();
            assert_eq!(member.address(), address);
            assert_eq!(member.to_string().parse(), Ok(member));
        }
    }

    #[test]
    fn what_is_no_member_is_told_apart() {
        let error = |text: &str| text.parse::<Member>().unwrap_err();
        assert_eq!(error("node1:8300"), MemberError::Form);
        for text in ["0=a", "x=a", "70000=a", "=a"] {
            assert!(matches!(error(text), MemberError::Node(_)), "{text}");
        }
        for text in ["1=a:0", "1=a:b", "1=a:70000", "1=a:", "1=[::1]:"] {
            assert!(matches!(error(text), MemberError::Port(_)), "{text}");
        }
        for text in [
            "1=", "1=a b", "1=:8300", "1=a..b", "1=[::1]x", "1=a/b", "1=\"a",
        ] {
            assert!(matches!(error(text), MemberError::Host(_)), "{text}");
        }
    }
}
