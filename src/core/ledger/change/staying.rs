//! What of a list stays in its order when it becomes another one.

/// Which values stay: of the old list, and of the new one. All others came, went or moved;
/// there are as few of them as can be.
///
/// LIMIT: takes time by the product of the lengths, which the bounds of rules and groups keep
/// small.
pub(super) fn staying(old: &[String], new: &[String]) -> (Vec<bool>, Vec<bool>) {
    let common = common(old, new);
    let (mut old_stay, mut new_stay) = (Vec::new(), Vec::new());
    let (mut old_rest, mut new_rest) = (old, new);
    while let (Some((one, old_next)), Some((other, new_next))) =
        (old_rest.split_first(), new_rest.split_first())
    {
        let (at_old, at_new) = (old_stay.len(), new_stay.len());
        let without = |old: usize, new: usize| {
            let row = common.get(at_old.saturating_add(old));
            let count = row.and_then(|row| row.get(at_new.saturating_add(new)));
            count.copied().unwrap_or_default()
        };
        let stays = one == other;
        if stays || without(1, 0) >= without(0, 1) {
            old_stay.push(stays);
            old_rest = old_next;
        }
        if stays || without(1, 0) < without(0, 1) {
            new_stay.push(stays);
            new_rest = new_next;
        }
    }
    old_stay.resize(old.len(), false);
    new_stay.resize(new.len(), false);
    (old_stay, new_stay)
}

/// How many values are common, in order, to the old list from one place on and the new list
/// from another.
fn common(old: &[String], new: &[String]) -> Vec<Vec<usize>> {
    let mut rows = vec![vec![0_usize; new.len().saturating_add(1)]];
    for value in old.iter().rev() {
        let below = rows.last().map_or(&[][..], Vec::as_slice);
        // From the end of the new list on.
        let mut row = vec![0_usize];
        for (other, pair) in new.iter().zip(below.windows(2)).rev() {
            let &[down, beyond] = pair else {
                continue;
            };
            let right = row.last().copied().unwrap_or_default();
            row.push(if value == other {
                beyond.saturating_add(1)
            } else {
                right.max(down)
            });
        }
        row.reverse();
        rows.push(row);
    }
    rows.reverse();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// What does not stay, of either list.
    fn changed(old: &str, new: &str) -> (String, String) {
        let (old, new) = (of(old), of(new));
        let (old_stay, new_stay) = staying(&old, &new);
        assert_eq!((old_stay.len(), new_stay.len()), (old.len(), new.len()));
        let left = |values: Vec<String>, stay: Vec<bool>| {
            let left = values.into_iter().zip(stay).filter(|(_, stays)| !stays);
            left.map(|(value, _)| value).collect::<Vec<_>>().join(" ")
        };
        (left(old, old_stay), left(new, new_stay))
    }

    #[test]
    fn as_few_values_as_can_be_are_said_to_have_moved() {
        for (old, new, gone, come) in [
            ("a b c d", "a b c d", "", ""),
            ("a b c d", "a c d b", "b", "b"),
            ("d a b c", "a b c d", "d", "d"),
            ("a b c", "a x c", "b", "x"),
            ("a b", "", "a b", ""),
            ("", "a b", "", "a b"),
            ("a a b", "a b", "a", ""),
        ] {
            let expected = (gone.to_owned(), come.to_owned());
            assert_eq!(changed(old, new), expected, "{old} -> {new}");
        }
    }
}
