//! Spans of time in which so many nodes were away.

use std::collections::BTreeSet;

use crate::history::{At, Fault, History, SECOND};

/// From, to.
pub(super) type Span = (At, At);

/// When the node was away for sure.
pub(super) fn surely(fault: &Fault) -> Span {
    (fault.down, fault.up)
}

/// When the node may have been away.
pub(super) fn possibly(fault: &Fault) -> Span {
    (fault.begun, fault.healed.unwrap_or(At::MAX))
}

/// The spans in which at least so many nodes were away at one time.
pub(super) fn away<'f>(
    faults: &(impl Iterator<Item = &'f Fault> + Clone),
    at_least: u16,
    span: impl Fn(&Fault) -> Span,
) -> Vec<Span> {
    let mut edges = BTreeSet::new();
    for fault in faults.clone() {
        let (from, to) = span(fault);
        edges.extend([from, to]);
    }
    let edges: Vec<_> = edges.into_iter().collect();
    let mut spans: Vec<Span> = Vec::new();
    for (from, to) in edges.iter().copied().zip(edges.iter().copied().skip(1)) {
        let covers = |fault: &&Fault| {
            let (begin, end) = span(fault);
            begin <= from && to <= end
        };
        let nodes: BTreeSet<_> = faults.clone().filter(covers).map(|it| it.node).collect();
        if nodes.len() < usize::from(at_least) {
            continue;
        }
        match spans.last_mut() {
            Some(last) if last.1 == from => last.1 = to,
            Some(_) | None => spans.push((from, to)),
        }
    }
    spans
}

/// Whether two spans have a moment in common.
pub(super) fn overlap(one: Span, other: Span) -> bool {
    one.0 <= other.1 && other.0 <= one.1
}

impl History {
    /// How many nodes may be away while the others still answer.
    pub(super) fn tolerated(&self) -> u16 {
        self.nodes.saturating_sub(1) / 2
    }

    /// When no quorum ran, for sure.
    pub(super) fn without_quorum(&self) -> Vec<Span> {
        away(&self.faults.iter(), self.tolerated() + 1, surely)
    }

    /// When the keys of the attempts may have been lost: every process had ended.
    pub(super) fn memory_lost(&self) -> Vec<Span> {
        let ended = self.faults.iter().filter(|fault| fault.ends_process());
        away(&ended, self.nodes, possibly)
    }

    /// The faults, those together that hang together in time: each begins before the
    /// others are well again, or should be.
    pub(super) fn fault_sets(&self) -> Vec<FaultSet<'_>> {
        let mut faults: Vec<_> = self.faults.iter().collect();
        faults.sort_by_key(|fault| fault.begun);
        let mut sets: Vec<FaultSet<'_>> = Vec::new();
        for fault in faults {
            match sets.last_mut() {
                Some(last) if fault.begun <= last.end() => last.0.push(fault),
                Some(_) | None => sets.push(FaultSet(vec![fault])),
            }
        }
        sets
    }

    /// When more nodes may have been away than are tolerated: from the first of the faults
    /// that hang together until the last of them should be overcome. That a node is not well
    /// again by then excuses nothing.
    pub(super) fn overstrained(&self) -> Vec<Span> {
        let at_least = self.tolerated() + 1;
        let sets = self.fault_sets().into_iter();
        let sets = sets.filter(|set| !away(&set.0.iter().copied(), at_least, extent).is_empty());
        sets.map(|set| (set.begun(), set.overcome())).collect()
    }

    /// When less than a quorum may have been in order for so long that a lease ran out
    /// before what a node had in hand could be settled.
    pub(super) fn leases_overrun(&self) -> Vec<Span> {
        let spans = away(&self.faults.iter(), self.tolerated() + 1, extent);
        let long = |(from, to): &Span| to.saturating_sub(*from) + ASKED_BEFORE > self.lease;
        spans.into_iter().filter(long).collect()
    }
}

/// Faults that hang together in time; never none.
#[derive(Debug)]
pub(super) struct FaultSet<'h>(Vec<&'h Fault>);

impl<'h> FaultSet<'h> {
    pub(super) fn faults(&self) -> impl Iterator<Item = &'h Fault> {
        self.0.iter().copied()
    }

    pub(super) fn begun(&self) -> At {
        self.0.iter().map(|it| it.begun).min().unwrap_or_default()
    }

    /// The last mending.
    pub(super) fn mended(&self) -> At {
        self.0.iter().map(|it| it.up).max().unwrap_or_default()
    }

    /// When all is to be well again.
    pub(super) fn overcome(&self) -> At {
        self.mended().saturating_add(RECOVERY)
    }

    fn end(&self) -> At {
        let ends = self.0.iter().map(|fault| extent(fault).1);
        ends.max().unwrap_or_default()
    }
}

/// When the node may have been away, as far as that is forgiven.
fn extent(fault: &Fault) -> Span {
    let late = fault.up.saturating_add(RECOVERY);
    (fault.begun, fault.healed.unwrap_or(At::MAX).min(late))
}

/// L2: how soon everything is well again.
pub(super) const RECOVERY: At = 10 * SECOND;
/// How long a question may have waited for its answer when a node was hurt: the longest
/// that this program makes the source think, and a little.
pub(super) const ASKED_BEFORE: At = 2 * SECOND;

#[cfg(test)]
mod tests {
    use super::super::testing::{fault, history};
    use super::*;
    use crate::history::FaultKind::{Freeze, Kill};

    #[test]
    fn only_what_overlaps_counts_together() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 20), fault(2, Kill, 15, 25)];
        assert_eq!(run.without_quorum(), [(15 * SECOND, 20 * SECOND)]);
        assert_eq!(run.overstrained(), [(10 * SECOND, 35 * SECOND)]);
        assert!(run.memory_lost().is_empty());
    }

    #[test]
    fn one_node_twice_is_one_node() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 20), fault(1, Freeze, 15, 25)];
        assert!(run.without_quorum().is_empty());
    }

    #[test]
    fn a_cluster_of_one_forgets_with_each_end_of_its_process() {
        let mut run = history(1);
        run.faults = vec![fault(1, Kill, 10, 20), fault(1, Freeze, 30, 40)];
        assert_eq!(run.memory_lost(), [(10 * SECOND, 20 * SECOND)]);
        assert_eq!(run.without_quorum().len(), 2);
    }

    #[test]
    fn what_never_heals_excuses_no_longer_than_what_heals() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 20), fault(2, Kill, 15, 25)];
        run.faults[0].healed = None;
        run.faults[1].healed = None;
        assert_eq!(run.overstrained(), [(10 * SECOND, 35 * SECOND)]);
    }

    #[test]
    fn a_fault_belongs_to_those_that_are_not_overcome() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 20), fault(2, Kill, 22, 25)];
        assert_eq!(run.fault_sets().len(), 2);
        run.faults[0].healed = Some(23 * SECOND);
        assert_eq!(run.fault_sets().len(), 1);
        assert_eq!(run.fault_sets()[0].mended(), 25 * SECOND);
        run.faults[0].healed = None;
        run.faults[1].begun = 31 * SECOND;
        assert_eq!(run.fault_sets().len(), 2);
    }

    #[test]
    fn a_lease_runs_out_only_in_a_long_time_without_a_quorum() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 30), fault(2, Kill, 19, 40)];
        assert_eq!(run.leases_overrun(), [(19 * SECOND, 30 * SECOND)]);
        run.faults[1].begun = 20 * SECOND;
        assert!(run.leases_overrun().is_empty());
    }
}
