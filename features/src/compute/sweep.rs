//! All accounts through the kernel: part by part of the history, on all threads, handed out in one order.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, mpsc};
use std::thread;

use super::plan::Plan;
use super::rows::{Account, Kernel, own_usage};
use super::usage_window::Sweeping;
use super::{ComputeError, Key, Whole, empty_columns};
use crate::history::{AccountFacts, History, Text};
use crate::matrix::Column;
use crate::spec::FeatureSpec;
use crate::store::{Part, StoreError};

/// Some rows of a feature table.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// The positions of their keys, in the order of account and time.
    pub rows: Vec<usize>,
    /// The columns, in the order of the specs.
    pub columns: Vec<Column>,
}

/// Rows that are computed and handed out together: a row group of a feature file. Cut by accounts and keys alone,
/// never by threads or memory, so that neither shows in a file.
pub(crate) const GROUP_ROWS: usize = 8_192;
/// Accounts of a part of a history that is not packed.
const PART_ACCOUNTS: usize = 64;

/// A key among its account's.
pub(super) struct Wanted {
    pub(super) account: usize,
    pub(super) row: usize,
}

/// Computes the features of `specs` for `keys` and hands them out in groups, in the order of account and time: each
/// group goes through `encode` on the thread that computed it and through `commit` on this one, in order.
///
/// # Errors
/// As [`super::table`], and whatever `encode` and `commit` return.
pub fn sweep<T: Send, E: From<ComputeError> + Send>(
    history: &History,
    keys: &[Key],
    specs: &[FeatureSpec],
    encode: impl Fn(Computed) -> Result<T, E> + Sync,
    commit: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let plan = Plan::new(history, specs)?;
    let whole = Whole::of(history, &plan);
    let wanted = wanted(history, keys)?;
    let names = event_names(history);
    let slot_of: Vec<Option<usize>> =
        names.iter().map(|name| plan.events.iter().position(|event| event == name)).collect();
    let run = Run {
        history,
        keys,
        specs,
        plan: &plan,
        whole: &whole,
        names: &names,
        sweeping: Sweeping { slot_of: &slot_of, n_named: plan.events.len(), is_daily: whole.usage_is_daily },
    };
    let groups = groups(&parts(history), &wanted);
    in_order(groups.len(), |group| encode(run.group(&groups[group])?), commit)
}

/// How many rows each group has that [`sweep`] would hand out.
pub(crate) fn group_lengths(history: &History, keys: &[Key]) -> Result<Vec<usize>, ComputeError> {
    let wanted = wanted(history, keys)?;
    let groups = groups(&parts(history), &wanted);
    Ok(groups.iter().map(|group| group.iter().map(|(_, own)| own.len()).sum()).collect())
}

/// The events of the history's usage, ascending.
pub(super) fn event_names(history: &History) -> Cow<'_, [Text]> {
    let own: BTreeSet<&Text> =
        history.accounts.iter().flat_map(|facts| &facts.usage).map(|row| &row.event).collect();
    match &history.store {
        Some(store) => Cow::Borrowed(store.events()),
        None => Cow::Owned(own.into_iter().cloned().collect()),
    }
}

/// The ranges of accounts that are taken together.
pub(super) fn parts(history: &History) -> Vec<Range<usize>> {
    match &history.store {
        Some(store) => store.ranges().to_vec(),
        None => {
            let n = history.accounts.len();
            (0..n).step_by(PART_ACCOUNTS).map(|start| start..(start + PART_ACCOUNTS).min(n)).collect()
        }
    }
}

/// The packed facts of the part at that position, if the history has such.
pub(super) fn load(history: &History, part: usize) -> Result<Option<Part>, StoreError> {
    history.store.as_ref().map(|store| store.load(part)).transpose()
}

/// The keys by account and time.
pub(super) fn wanted(history: &History, keys: &[Key]) -> Result<Vec<Wanted>, ComputeError> {
    let mut wanted = Vec::with_capacity(keys.len());
    let mut last: Option<(&Text, usize)> = None;
    for (row, key) in keys.iter().enumerate() {
        let account = match last.filter(|(id, _)| **id == key.account_id) {
            Some((_, account)) => account,
            None => history
                .accounts
                .binary_search_by(|facts| facts.account_id.cmp(&key.account_id))
                .map_err(|_| ComputeError::UnknownAccount { row, account_id: key.account_id.clone() })?,
        };
        last = Some((&key.account_id, account));
        wanted.push(Wanted { account, row });
    }
    wanted.sort_by_key(|one| (one.account, keys[one.row].as_of, one.row));
    Ok(wanted)
}

/// Some parts in a row, each with its keys.
type Group<'a> = Vec<(usize, &'a [Wanted])>;

fn groups<'a>(parts: &[Range<usize>], mut wanted: &'a [Wanted]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut n_rows = GROUP_ROWS;
    for (part, accounts) in parts.iter().enumerate() {
        let (own, rest) = wanted.split_at(wanted.partition_point(|one| one.account < accounts.end));
        wanted = rest;
        if own.is_empty() {
            continue;
        }
        if n_rows >= GROUP_ROWS {
            groups.push(Vec::new());
            n_rows = 0;
        }
        n_rows += own.len();
        if let Some(group) = groups.last_mut() {
            group.push((part, own));
        }
    }
    groups
}

/// All that a group needs.
struct Run<'a> {
    history: &'a History,
    keys: &'a [Key],
    specs: &'a [FeatureSpec],
    plan: &'a Plan,
    whole: &'a Whole<'a>,
    names: &'a [Text],
    sweeping: Sweeping<'a>,
}

impl Run<'_> {
    fn group(&self, group: &Group<'_>) -> Result<Computed, ComputeError> {
        let n_rows = group.iter().map(|(_, wanted)| wanted.len()).sum();
        let mut columns = empty_columns(self.specs, n_rows);
        let mut rows = Vec::with_capacity(n_rows);
        let mut kernel = Kernel::default();
        for &(part, wanted) in group {
            let mut loaded = load(self.history, part)?;
            for of_account in wanted.chunk_by(|a, b| a.account == b.account) {
                let own: Vec<&Key> = of_account.iter().map(|one| &self.keys[one.row]).collect();
                let facts = &self.history.accounts[of_account[0].account];
                match &mut loaded {
                    Some(part) => {
                        let at = of_account[0].account - part.accounts.start;
                        let packed = std::mem::take(&mut part.facts[at]);
                        let facts = Cow::Owned(merged(facts, packed));
                        let account = Account { facts, usage: part.usage(at) };
                        kernel.append(&account, &own, self.plan, self.sweeping, self.whole, &mut columns);
                    }
                    None => {
                        let usage = own_usage(facts, self.names);
                        let account = Account { facts: Cow::Borrowed(facts), usage: usage.of(0) };
                        kernel.append(&account, &own, self.plan, self.sweeping, self.whole, &mut columns);
                    }
                }
                rows.extend(of_account.iter().map(|one| one.row));
            }
        }
        Ok(Computed { rows, columns })
    }
}

/// What the history itself holds of an account and what was packed of it.
pub(super) fn merged(core: &AccountFacts, packed: AccountFacts) -> AccountFacts {
    AccountFacts {
        account_id: core.account_id.clone(),
        account: core.account.clone(),
        subscriptions: core.subscriptions.clone(),
        subscription_events: core.subscription_events.clone(),
        labels: core.labels.clone(),
        ..packed
    }
}

/// Results a thread may be ahead of the one that is to be committed next.
const AHEAD: usize = 4;

/// Holds back whoever is too far ahead of what is committed.
struct Gate {
    committed: Mutex<usize>,
    moved: Condvar,
    ahead: usize,
}

impl Gate {
    fn wait(&self, index: usize) {
        let mut committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
        while index >= committed.saturating_add(self.ahead) {
            committed = self.moved.wait(committed).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn reach(&self, index: usize) {
        let mut committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
        *committed = index.max(*committed);
        self.moved.notify_all();
    }
}

/// Lets everybody through when the committing ends, or a thread in a panic: nobody waits for what will not come.
struct Opens<'a> {
    gate: &'a Gate,
    only_in_panic: bool,
}

impl Drop for Opens<'_> {
    fn drop(&mut self) {
        if !self.only_in_panic || thread::panicking() {
            self.gate.reach(usize::MAX);
        }
    }
}

/// Works on all of `0..n` on all threads and commits each result on this one, in order. Threads run ahead of the
/// slowest by a few results only, so that memory stays bounded.
pub(crate) fn in_order<T: Send, E: Send>(
    n: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
    mut commit: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let n_threads = rayon::current_num_threads().min(n).max(1);
    if n_threads == 1 {
        return (0..n).try_for_each(|index| commit(work(index)?));
    }
    let next = AtomicUsize::new(0);
    let gate = Gate { committed: Mutex::new(0), moved: Condvar::new(), ahead: AHEAD * n_threads };
    thread::scope(|scope| {
        let _opens = Opens { gate: &gate, only_in_panic: false };
        let (sender, receiver) = mpsc::sync_channel(n_threads);
        for _ in 0..n_threads {
            let (sender, next, work, gate) = (sender.clone(), &next, &work, &gate);
            scope.spawn(move || {
                let _opens = Opens { gate, only_in_panic: true };
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    gate.wait(index);
                    // A closed channel means that an earlier result failed.
                    if index >= n || sender.send((index, work(index))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut committed = 0;
        for (index, result) in receiver {
            waiting.insert(index, result);
            while let Some(result) = waiting.remove(&committed) {
                commit(result?)?;
                committed += 1;
                gate.reach(committed);
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nobody_runs_far_ahead_and_all_is_committed_in_order() {
        let furthest = AtomicUsize::new(0);
        let work = |index: usize| {
            furthest.fetch_max(index, Ordering::SeqCst);
            if index == 0 {
                thread::sleep(Duration::from_millis(200));
                return Ok((index, furthest.load(Ordering::SeqCst)));
            }
            Ok::<_, ()>((index, 0))
        };
        let mut committed = Vec::new();
        let mut at_first = 0;
        let n = 1_000;
        in_order(n, work, |(index, reached)| {
            at_first = at_first.max(reached);
            committed.push(index);
            Ok(())
        })
        .unwrap();
        assert_eq!(committed, (0..n).collect::<Vec<_>>());
        assert!(at_first < AHEAD * rayon::current_num_threads().max(1), "{at_first}");
    }

    #[test]
    fn a_failure_ends_the_work_and_its_waiting() {
        let result = in_order(1_000, |index| if index == 3 { Err(index) } else { Ok(index) }, |_| Ok(()));
        assert_eq!(result, Err(3));
        let refused = in_order(1_000, Ok, |index| if index == 5 { Err(index) } else { Ok(()) });
        assert_eq!(refused, Err(5));
    }
}
