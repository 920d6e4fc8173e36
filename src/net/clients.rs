//! Which client entry a request is of: by its source address the one with the longest prefix
//! that holds it; over TLS the one that has a name of the certificate.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_core::base::Secret;
use countersign_core::ledger::storage;
use countersign_core::login::Reason;
use countersign_core::policy::Bucket;
use ipnet::IpNet;

/// A client entry with its secrets opened.
#[derive(Debug)]
pub struct Client {
    /// As replicated.
    pub entry: storage::Client,
    /// The current secret first, then older ones that still hold.
    pub secrets: Vec<Secret>,
    /// What tells each of them from others, for those who note which one is in use.
    pub digests: Vec<[u8; 8]>,
    /// How many packets are let through; `None`: all.
    bucket: Option<Mutex<Bucket>>,
}

impl Client {
    /// A client whose bucket is full.
    #[must_use]
    pub fn new(entry: storage::Client, secrets: Vec<Secret>) -> Self {
        let bucket = Bucket::new(entry.rate, entry.burst);
        Self {
            entry,
            secrets,
            digests: Vec::new(),
            bucket: bucket.map(Mutex::new),
        }
    }

    /// Whether its rate lets a packet through; `now` is since any moment of the node's own.
    pub(super) fn may_send(&self, now: Duration) -> bool {
        self.bucket.as_ref().is_none_or(|bucket| {
            let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
            bucket.take(now)
        })
    }
}

/// All client entries by address. Built anew when one of them changes.
#[derive(Debug, Default)]
pub struct Clients {
    /// By length of the prefix, then by its first address. IPv4 and IPv6 do not meet:
    /// an address is of one kind, and so is the network made from it.
    by_length: BTreeMap<u8, HashMap<IpNet, Arc<Client>>>,
    by_name: HashMap<String, Arc<Client>>,
}

impl Clients {
    /// Sorts the entries in. A range that does not parse was refused when it was set; if
    /// one is met all the same, nobody matches it.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = Client>) -> Self {
        let mut by_length: BTreeMap<u8, HashMap<IpNet, Arc<Client>>> = BTreeMap::new();
        let mut by_name = HashMap::new();
        for client in entries.into_iter().map(Arc::new) {
            for name in &client.entry.certificate_names {
                by_name.insert(name.clone(), Arc::clone(&client));
            }
            for range in client.ranges() {
                let slot = by_length.entry(range.prefix_len()).or_default();
                slot.insert(range, Arc::clone(&client));
            }
        }
        Self { by_length, by_name }
    }

    /// The client of a source address.
    #[must_use]
    pub fn find(&self, source: IpAddr) -> Option<&Arc<Client>> {
        self.by_length.iter().rev().find_map(|(&length, ranges)| {
            let network = IpNet::new(source, length).ok()?.trunc();
            ranges.get(&network)
        })
    }

    /// The client of a certificate with these names (RFC 6614 §2.4), and which of them it is
    /// known by. Its entry's ranges, where it has any, must hold the source as well.
    ///
    /// # Errors
    /// No entry has one of the names, or several have; or the client may not come from there.
    pub fn find_named<'n>(
        &self,
        names: &'n [String],
        source: IpAddr,
    ) -> Result<(&Arc<Client>, &'n str), Reason> {
        let known = |name: &'n String| Some((self.by_name.get(name)?, name.as_str()));
        let mut found = names.iter().filter_map(known);
        let (client, name) = found.next().ok_or(Reason::UnknownCertificate)?;
        // A certificate of two clients is of neither: which one is asking would be a guess.
        if found.any(|(other, _)| other.entry.id != client.entry.id) {
            return Err(Reason::UnknownCertificate);
        }
        if !client.entry.ranges.is_empty() && !client.ranges().any(|it| it.contains(&source)) {
            return Err(Reason::CertificateElsewhere);
        }
        Ok((client, name))
    }
}

impl Client {
    fn ranges(&self) -> impl Iterator<Item = IpNet> {
        let ranges = self.entry.ranges.iter();
        ranges.filter_map(|range| Some(range.parse::<IpNet>().ok()?.trunc()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(id: u64, ranges: &[&str]) -> Client {
        let ranges = ranges.iter().map(ToString::to_string).collect();
        let entry = storage::Client {
            id,
            ranges,
            ..Default::default()
        };
        Client::new(entry, Vec::new())
    }

    fn id(clients: &Clients, source: &str) -> Option<u64> {
        clients
            .find(source.parse().unwrap())
            .map(|client| client.entry.id)
    }

    #[test]
    fn the_longest_prefix_decides() {
        let clients = Clients::new([
            client(1, &["198.51.100.0/24"]),
            client(2, &["198.51.100.7/32", "2001:db8::/32"]),
            client(3, &["0.0.0.0/0"]),
        ]);
        assert_eq!(id(&clients, "198.51.100.7"), Some(2));
        assert_eq!(id(&clients, "198.51.100.8"), Some(1));
        assert_eq!(id(&clients, "203.0.113.1"), Some(3));
        assert_eq!(id(&clients, "2001:db8::1"), Some(2));
        assert_eq!(id(&clients, "2001:db9::1"), None);
    }

    fn named(id: u64, names: &[&str], ranges: &[&str]) -> Client {
        let mut named = client(id, ranges);
        named.entry.certificate_names = names.iter().map(ToString::to_string).collect();
        named
    }

    #[test]
    fn a_client_is_found_by_any_exact_name_of_its_certificate() {
        let clients = Clients::new([
            named(1, &["fw1.contoso.example", "urn:device:fw1"], &[]),
            named(2, &["fw2.contoso.example"], &["198.51.100.0/24"]),
            client(3, &["0.0.0.0/0"]),
        ]);
        let find = |names: &[&str], source: &str| {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            let found = clients.find_named(&names, source.parse().unwrap());
            found.map(|(client, name)| (client.entry.id, name.to_owned()))
        };
        let first = Ok((1, "fw1.contoso.example".to_owned()));
        let other = ["www.contoso.example", "fw1.contoso.example"];
        assert_eq!(find(&other, "203.0.113.1"), first);
        let by_uri = Ok((1, "urn:device:fw1".to_owned()));
        assert_eq!(find(&["urn:device:fw1"], "203.0.113.1"), by_uri);
        for stranger in ["contoso.example", "*.contoso.example", "urn:device:fw"] {
            let found = find(&[stranger], "198.51.100.7");
            assert_eq!(found, Err(Reason::UnknownCertificate));
        }
        let inside = find(&["fw2.contoso.example"], "198.51.100.7");
        assert_eq!(inside, Ok((2, "fw2.contoso.example".to_owned())));
        let outside = find(&["fw2.contoso.example"], "203.0.113.1");
        assert_eq!(outside, Err(Reason::CertificateElsewhere));
        let both = ["fw1.contoso.example", "fw2.contoso.example"];
        let found = find(&both, "198.51.100.7");
        assert_eq!(found, Err(Reason::UnknownCertificate));
    }

    #[test]
    fn a_client_without_a_rate_may_send_all_and_one_with_a_rate_that_many() {
        let sent = |rate, burst| {
            let entry = storage::Client {
                rate,
                burst,
                ..Default::default()
            };
            let client = Client::new(entry, Vec::new());
            (0..50)
                .filter(|_| client.may_send(Duration::from_secs(9)))
                .count()
        };
        assert_eq!((sent(0, 0), sent(10, 0), sent(10, 20)), (50, 10, 20));
    }

    #[test]
    fn a_range_with_host_bits_means_its_network() {
        let clients = Clients::new([client(1, &["198.51.100.9/24"])]);
        assert_eq!(id(&clients, "198.51.100.200"), Some(1));
    }
}
