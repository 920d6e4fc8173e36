//! Spans of time in which so many nodes were away.

use std::collections::BTreeSet;

use crate::history::{At, Fault, History};

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

    /// When more nodes may have been away than are tolerated, from the first of these
    /// faults until `patience` after the last of them was mended.
    pub(super) fn overstrained(&self, patience: At) -> Vec<Span> {
        let spans = away(&self.faults.iter(), self.tolerated() + 1, possibly);
        let whole = |(from, to): Span| {
            let part = |fault: &&Fault| overlap(possibly(fault), (from, to));
            let parts = self.faults.iter().filter(part).map(possibly);
            parts.fold((from, to), |all, (from, to)| {
                (all.0.min(from), all.1.max(to))
            })
        };
        let late = |(from, to): Span| (from, to.saturating_add(patience));
        spans.into_iter().map(whole).map(late).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fault, history};
    use crate::history::FaultKind::{Freeze, Kill};
    use crate::history::SECOND;

    #[test]
    fn only_what_overlaps_counts_together() {
        let mut run = history(3);
        run.faults = vec![fault(1, Kill, 10, 20), fault(2, Kill, 15, 25)];
        assert_eq!(run.without_quorum(), [(15 * SECOND, 20 * SECOND)]);
        assert_eq!(run.overstrained(0), [(10 * SECOND, 25 * SECOND)]);
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
}
