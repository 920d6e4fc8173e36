//! The hosts that passcodes may be handed in at: a list of the node's own file.

use super::SenderError;

/// Hosts, each with the ports that it may be asked at.
#[derive(Clone, Debug, Default)]
pub struct Pinned(Vec<(String, Option<u16>)>);

impl Pinned {
    /// Reads `host` and `host:port`. A host without a port is pinned at the usual ones.
    ///
    /// # Errors
    /// The first that is neither.
    pub fn parse<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Result<Self, SenderError> {
        let hosts = hosts.into_iter().map(|text| {
            let fault = || SenderError::Pinned(text.to_owned());
            let (host, port) = match text.rsplit_once(':') {
                Some((host, port)) => (host, Some(port.parse().map_err(|_| fault())?)),
                None => (text, None),
            };
            if is_host(host) {
                Ok((host.to_ascii_lowercase(), port))
            } else {
                Err(fault())
            }
        });
        hosts.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a host may be asked at this port.
    pub(super) fn holds(&self, host: &str, port: u16, usual: &[u16]) -> bool {
        let host = host.to_ascii_lowercase();
        let mut pinned = self.0.iter().filter(|(pinned, _)| *pinned == host);
        pinned.any(|(_, at)| at.map_or_else(|| usual.contains(&port), |at| at == port))
    }
}

/// Whether it has the form of a DNS name or an IPv4 address.
pub(super) fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        let known = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(known)
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_pinned_at_its_port_or_at_the_usual_ones() {
        let pinned = Pinned::parse(["Mail.contoso.example", "198.51.100.7:2525"]).unwrap();
        assert!(pinned.holds("mail.CONTOSO.example", 587, &[587, 465]));
        assert!(!pinned.holds("mail.contoso.example", 25, &[587, 465]));
        assert!(pinned.holds("198.51.100.7", 2525, &[587]));
        assert!(!pinned.holds("198.51.100.7", 587, &[587]));
        assert!(!pinned.holds("contoso.example", 587, &[587]));
    }

    #[test]
    fn what_is_no_host_is_a_fault() {
        for odd in ["", "https://mail", "mail:", "mail:x", "a b", "user@mail"] {
            assert!(Pinned::parse([odd]).is_err(), "{odd}");
        }
    }
}
