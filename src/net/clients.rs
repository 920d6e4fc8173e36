//! Which client entry a source address belongs to: the longest prefix that holds it.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use countersign_core::base::Secret;
use countersign_core::ledger::storage;
use ipnet::IpNet;

/// A client entry with its secrets opened.
#[derive(Debug)]
pub struct Client {
    /// As replicated.
    pub entry: storage::Client,
    /// The current secret first, then older ones that still hold.
    pub secrets: Vec<Secret>,
}

/// All client entries by address. Built anew when one of them changes.
#[derive(Debug, Default)]
pub struct Clients {
    /// By length of the prefix, then by its first address. IPv4 and IPv6 do not meet:
    /// an address is of one kind, and so is the network made from it.
    by_length: BTreeMap<u8, HashMap<IpNet, Arc<Client>>>,
}

impl Clients {
    /// Sorts the entries in. A range that does not parse was refused when it was set; if
    /// one is met all the same, nobody matches it.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = Client>) -> Self {
        let mut by_length: BTreeMap<u8, HashMap<IpNet, Arc<Client>>> = BTreeMap::new();
        for client in entries.into_iter().map(Arc::new) {
            for range in client
                .entry
                .ranges
                .iter()
                .filter_map(|range| range.parse().ok())
            {
                let range: IpNet = range;
                let range = range.trunc();
                let slot = by_length.entry(range.prefix_len()).or_default();
                slot.insert(range, Arc::clone(&client));
            }
        }
        Self { by_length }
    }

    /// The client of a source address.
    #[must_use]
    pub fn find(&self, source: IpAddr) -> Option<&Arc<Client>> {
        self.by_length.iter().rev().find_map(|(&length, ranges)| {
            let network = IpNet::new(source, length).ok()?.trunc();
            ranges.get(&network)
        })
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
        Client {
            entry,
            secrets: Vec::new(),
        }
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

    #[test]
    fn a_range_with_host_bits_means_its_network() {
        let clients = Clients::new([client(1, &["198.51.100.9/24"])]);
        assert_eq!(id(&clients, "198.51.100.200"), Some(1));
    }
}
