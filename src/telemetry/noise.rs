//! Packets that are no requests of ours: added up, so that a flood of them neither fills
//! the log nor hides what else goes on.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use countersign_core::base::{Shown, Timestamp};
use countersign_core::login::Reason;

use super::events::Record;

/// Counts drops by sender and reason until they are collected.
#[derive(Debug, Default)]
pub struct Noise(Mutex<HashMap<(IpAddr, Reason), Heap>>);

#[derive(Debug)]
struct Heap {
    client: String,
    certificate: String,
    count: u64,
}

impl Noise {
    /// Adds a drop. True: it is the first of its kind since the last collection, and worth
    /// a log line. `certificate`: a name in the one that was shown.
    pub fn add(
        &self,
        source: IpAddr,
        client: Option<&str>,
        certificate: Option<&str>,
        reason: Reason,
    ) -> bool {
        let mut heaps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(heap) = heaps.get_mut(&(source, reason)) {
            heap.count = heap.count.saturating_add(1);
            return false;
        }
        if heaps.len() >= SENDERS_MAX {
            return false;
        }
        let heap = Heap {
            client: client.unwrap_or_default().to_owned(),
            certificate: certificate
                .map(|name| format!(" certificate={}", Shown::from(name)))
                .unwrap_or_default(),
            count: 1,
        };
        heaps.insert((source, reason), heap);
        true
    }

    /// Takes what was added since the last call, one record for each sender and reason.
    pub fn collect(&self, now: Timestamp) -> Vec<Record> {
        let heaps = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let records = heaps.into_iter().map(|((source, reason), heap)| Record {
            at: now.as_millis(),
            kind: "noise".into(),
            client: heap.client,
            source: source.to_string(),
            answer: "silence".into(),
            reason: reason.code().into(),
            detail: format!("count={}{}", heap.count, heap.certificate),
            ..Record::default()
        });
        records.collect()
    }
}

/// LIMIT: senders and reasons told apart in one period; more are counted in the metrics
/// alone. Sender addresses are easily forged.
const SENDERS_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

    #[test]
    fn a_flood_is_one_line_and_one_record() {
        let noise = Noise::default();
        let lines = (0..1000)
            .filter(|_| noise.add(SOURCE, None, None, Reason::Forged))
            .count();
        assert_eq!(lines, 1);
        let records = noise.collect(Timestamp::from_millis(5));
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].detail, "count=1000");
        assert!(
            noise.add(SOURCE, None, None, Reason::Forged),
            "a new period"
        );
    }

    #[test]
    fn what_was_shown_is_in_the_record() {
        let noise = Noise::default();
        let certificate = Some("fw9.contoso.example");
        noise.add(SOURCE, None, certificate, Reason::UnknownCertificate);
        let records = noise.collect(Timestamp::from_millis(5));
        let detail = "count=1 certificate=fw9.contoso.example";
        assert_eq!(records[0].detail, detail);
    }

    #[test]
    fn forged_sender_addresses_do_not_fill_the_memory() {
        let noise = Noise::default();
        for sender in 0..5000u32 {
            noise.add(
                std::net::Ipv4Addr::from(sender).into(),
                None,
                None,
                Reason::UnknownClient,
            );
        }
        assert_eq!(noise.collect(Timestamp::default()).len(), SENDERS_MAX);
    }
}
