//! I8: the same applied index, the same state; and at the end every node is at the same.

use super::spans::RECOVERY;
use crate::history::{History, seconds};

pub(super) fn judge(history: &History) -> Vec<String> {
    let end = &history.end;
    let mut sentences = Vec::new();
    for (number, one) in end.standings.iter().enumerate() {
        for other in end.standings.iter().skip(number + 1) {
            if one.applied == other.applied && one.hash != other.hash {
                sentences.push(format!(
                    "nodes {} and {} differ at index {}: {} and {}",
                    one.node, other.node, one.applied, one.hash, other.hash
                ));
            }
        }
    }
    match end.converged_after {
        None => sentences.push(format!("the nodes never became equal: {:?}", end.standings)),
        Some(after) if after > RECOVERY => sentences.push(format!(
            "the nodes became equal only {} after the end",
            seconds(after)
        )),
        Some(_) => {}
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::super::testing::history;
    use super::*;
    use crate::history::{SECOND, Standing};

    fn standing(node: u16, applied: u64, hash: &str) -> Standing {
        Standing {
            node,
            applied,
            hash: hash.to_owned(),
            leader: 1,
        }
    }

    #[test]
    fn equal_in_time_is_right() {
        let mut run = history(2);
        run.end.standings = vec![standing(1, 7, "aa"), standing(2, 7, "aa")];
        run.end.converged_after = Some(SECOND);
        assert!(judge(&run).is_empty());
        run.end.converged_after = Some(11 * SECOND);
        assert_eq!(judge(&run).len(), 1);
    }

    #[test]
    fn another_hash_at_the_same_index_is_told() {
        let mut run = history(2);
        run.end.standings = vec![standing(1, 7, "aa"), standing(2, 7, "ab")];
        assert_eq!(judge(&run).len(), 2);
        run.end.standings = vec![standing(1, 7, "aa"), standing(2, 6, "ab")];
        assert_eq!(judge(&run).len(), 1);
    }
}
