//! A draft reads as the tables will be once it is written.

use std::ops::ControlFlow;

use proptest::prelude::*;

use crate::ledger::table::Counting;
use crate::ledger::{Draft, MemoryTables, Read, Table, Write};

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Delete(u8),
    DeleteRange(u8, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..16_u8, any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
        2 => (0..16_u8).prop_map(Step::Delete),
        1 => (0..16_u8, 0..16_u8).prop_map(|(from, to)| Step::DeleteRange(from, to)),
    ]
}

fn carry_out(draft: &mut Draft<'_, MemoryTables>, step: &Step) {
    match *step {
        Step::Put(key, value) => draft.put(Table::Users, &[key], vec![value]),
        Step::Delete(key) => draft.delete(Table::Users, &[key]),
        Step::DeleteRange(from, to) => draft.delete_range(Table::Users, &[from], &[to]),
    }
}

fn written(mut tables: MemoryTables, steps: &[Step]) -> MemoryTables {
    for step in steps {
        let mut draft = Draft::new(&tables);
        carry_out(&mut draft, step);
        let writes = draft.into_writes();
        tables.write(writes);
    }
    tables
}

fn scanned(tables: &impl Read, from: u8, most: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut visit = |key: &[u8], value: &[u8]| {
        found.push((key.to_vec(), value.to_vec()));
        if found.len() == most {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    tables.scan(Table::Users, &[from], &mut visit).unwrap();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn reads_and_scans_see_what_will_be_written(
        before in prop::collection::vec(step(), 0..20),
        steps in prop::collection::vec(step(), 0..20),
        from in 0..16_u8,
        most in 1..20_usize,
        reads_between in any::<bool>(),
    ) {
        let mut base = written(MemoryTables::default(), &before);
        // A neighbour that must never show.
        base.write(vec![Write::Put(Table::Names, vec![3], vec![3])]);
        let expected = written(base.clone(), &steps);
        let mut draft = Draft::new(&base);
        for step in &steps {
            if reads_between {
                (0..16).for_each(|key| drop(draft.get(Table::Users, &[key])));
            }
            carry_out(&mut draft, step);
        }
        for key in 0..16 {
            prop_assert_eq!(
                draft.get(Table::Users, &[key]).unwrap(),
                expected.get(Table::Users, &[key]).unwrap()
            );
        }
        prop_assert_eq!(scanned(&draft, from, most), scanned(&expected, from, most));
        let writes = draft.into_writes();
        base.write(writes);
        prop_assert!(base.records().eq(expected.records()));
    }
}

#[test]
fn a_scan_of_a_draft_reads_no_further_than_it_is_asked() {
    struct Endless;
    impl Read for Endless {
        fn get(&self, _: Table, _: &[u8]) -> Result<Option<Vec<u8>>, crate::ledger::StoreError> {
            Ok(None)
        }
        fn scan(
            &self,
            _: Table,
            _: &[u8],
            visit: &mut crate::ledger::table::Visit<'_>,
        ) -> Result<(), crate::ledger::StoreError> {
            for number in 0_u64.. {
                if visit(&number.to_be_bytes(), &[]).is_break() {
                    break;
                }
            }
            Ok(())
        }
    }
    let base = Endless;
    let mut draft = Draft::new(&base);
    draft.delete(Table::Users, &1_u64.to_be_bytes());
    let found = scanned(&draft, 0, 3);
    let keys: Vec<_> = found.iter().map(|(key, _)| key[7]).collect();
    assert_eq!(keys, [0, 2, 3]);
}

#[test]
fn the_base_is_asked_for_a_record_once_even_if_it_has_none() {
    let mut tables = MemoryTables::default();
    tables.write(vec![Write::Put(Table::Users, vec![1], vec![10])]);
    let base = Counting::new(&tables);
    let draft = Draft::new(&base);
    let trial = Draft::new(&draft);
    for _ in 0..3 {
        assert_eq!(trial.get(Table::Users, &[1]).unwrap(), Some(vec![10]));
        assert_eq!(draft.get(Table::Users, &[2]).unwrap(), None);
        assert_eq!(draft.get(Table::Tokens, &[1]).unwrap(), None);
    }
    assert_eq!(base.gets().len(), 3);
}

#[test]
fn a_record_read_before_its_range_was_removed_is_gone() {
    let mut tables = MemoryTables::default();
    tables.write(vec![Write::Put(Table::Users, vec![1], vec![10])]);
    let mut draft = Draft::new(&tables);
    assert_eq!(draft.get(Table::Users, &[1]).unwrap(), Some(vec![10]));
    draft.delete_range(Table::Users, &[0], &[2]);
    assert_eq!(draft.get(Table::Users, &[1]).unwrap(), None);
}

#[test]
fn a_record_written_twice_is_kept_once() {
    let base = MemoryTables::default();
    let mut draft = Draft::new(&base);
    draft.put(Table::Users, &[1], vec![1]);
    draft.put(Table::Users, &[1], vec![2]);
    let expected = [Write::Put(Table::Users, vec![1], vec![2])];
    assert_eq!(draft.into_writes(), expected);
}
