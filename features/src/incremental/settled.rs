//! Usage so old that no window will hold it again, in a few rows for each account: what of it still shows.
//!
//! A row looks [`compute::USAGE_DAYS`] days back. Of usage before, it tells first and last uses, sums over the account's
//! whole life, and what kinds of values there were: that much is kept of the files that were known before some time and
//! stands in for them, so that they need not be read again. Sums are kept only where they are exact in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::USAGE;
use crate::compute;
use crate::history::{Channel, History, Text};
use crate::read::{FileSpan, HistoryConfig, InputFile, usage_span};
use crate::store::{NO_USER, StoreBuilder, StoreError, UsageRow, UsageRows, user_hash};
use crate::time::Timestamp;

/// What is kept of old files of usage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// All of its rows were known before, and those of no other file were.
    pub(super) end: Timestamp,
    /// The files that it stands for, by their content, ascending.
    pub(super) files: Vec<String>,
    n_rows: u64,
    events: Vec<OfEvent>,
    accounts: Vec<(Text, Vec<Used>)>,
}

/// An event and how many rows there are of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct OfEvent {
    name: Text,
    n_rows: u64,
}

/// How an account used an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Used {
    /// Its position among the events.
    event: u32,
    first: i64,
    last: i64,
    count: f64,
    /// The sum of what its rows carry, where any carries something.
    value: Option<f64>,
    /// The channels, in their order.
    channels: Vec<Channel>,
    has_user: bool,
    has_active_users: bool,
}

/// What the usage of a history allows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Settling {
    /// That much may stand in for old files.
    Settled(Settled),
    /// Nothing can be told apart as old.
    Nothing,
    /// Sums over the account's life are not exact: rows of old files must be added up in their order.
    Inexact,
}

/// Further days, beyond what a row looks back, that stay unsettled: a late fact may have rows of the last dates computed
/// again.
const SLACK_DAYS: i64 = 60;

/// Sums of whole numbers below this are exact in any order.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Settled {
    /// Whether rows at `as_of` can be computed with it.
    #[must_use]
    pub fn serves(&self, as_of: Timestamp) -> bool {
        as_of.plus_days(-compute::USAGE_DAYS) >= self.end
    }

    /// Where the files stand that it stands for; `None` where one is not there any more.
    pub(super) fn paths(&self, files: &[InputFile]) -> Option<BTreeSet<PathBuf>> {
        let usage = files.iter().filter(|file| USAGE.contains(&file.table.as_str()));
        let mut left = self.files.clone();
        let own = usage.filter_map(|file| {
            let at = left.iter().position(|content| *content == file.sha256)?;
            left.swap_remove(at);
            Some(file.path.clone())
        });
        let own = own.collect();
        left.is_empty().then_some(own)
    }

    /// Puts the rows that stand in for the files into `store`.
    pub(crate) fn pack(&self, store: &Arc<StoreBuilder>) -> Result<(), StoreError> {
        let mut packer = StoreBuilder::packer(store, 0);
        let codes: Vec<u32> = self.events.iter().map(|event| store.events.code(&event.name)).collect();
        let mut packed: BTreeMap<Text, u64> = BTreeMap::new();
        for (account, used) in &self.accounts {
            let place = store.accounts.place(account);
            for one in used {
                let (Some(event), Some(code)) =
                    (self.events.get(one.event as usize), codes.get(one.event as usize))
                else {
                    continue;
                };
                for row in one.rows(*code) {
                    packer.row(place, &row)?;
                    *packed.entry(event.name.clone()).or_default() += 1;
                }
            }
        }
        packer.finish()?;
        for event in &self.events {
            let n_packed = packed.get(&event.name).copied().unwrap_or(0);
            store.stands_for(&event.name, event.n_rows.saturating_sub(n_packed));
        }
        Ok(())
    }

    /// What of the usage of `history` may stand in for its old files when rows after `latest` are asked for; `used` stood
    /// in for some of them already.
    pub(super) fn of(
        history: &History,
        files: &[InputFile],
        config: &HistoryConfig,
        latest: Option<Timestamp>,
        used: Option<&Self>,
    ) -> Result<Settling, StoreError> {
        let Some(store) = &history.store else { return Ok(Settling::Nothing) };
        let limit = latest.map(|latest| latest.plus_days(-compute::USAGE_DAYS - SLACK_DAYS));
        let old = limit.and_then(|limit| old_files(files, config, limit));
        // Of what was settled before, the single rows are not there any more: it stays as it is unless all of it is old.
        let old =
            old.filter(|old| used.is_none_or(|used| used.files.iter().all(|one| old.files.contains(one))));
        let end = old.as_ref().map(|old| old.end);
        let of_part = |part: usize| -> Result<Option<Found>, StoreError> {
            let loaded = store.load(part)?;
            let mut found = Found::default();
            for account in loaded.accounts.clone() {
                let rows = loaded.usage(account - loaded.accounts.start);
                if !found.account(&history.accounts[account].account_id, &rows, end) {
                    return Ok(None);
                }
            }
            Ok(Some(found))
        };
        let parts: Vec<Option<Found>> =
            (0..store.ranges().len()).into_par_iter().map(of_part).collect::<Result<_, _>>()?;
        let Some(parts) = parts.into_iter().collect::<Option<Vec<Found>>>() else {
            return Ok(Settling::Inexact);
        };
        let Some(old) = old else {
            return Ok(used.cloned().map_or(Settling::Nothing, Settling::Settled));
        };
        let mut settled =
            Self { end: old.end, files: old.files, n_rows: 0, events: vec![], accounts: vec![] };
        let mut n_rows = vec![0; store.events().len()];
        for part in parts {
            part.n_rows.iter().for_each(|(event, n)| n_rows[*event as usize] += n);
            settled.accounts.extend(part.accounts);
        }
        let event = |(event, n): (usize, u64)| {
            let name = store.events()[event].clone();
            let n_rows = n + if used.is_some() { store.rows_stood_for(&name) } else { 0 };
            OfEvent { name, n_rows }
        };
        settled.events = n_rows.into_iter().enumerate().map(event).collect();
        settled.n_rows = settled.events.iter().map(|event| event.n_rows).sum();
        // Statistics that do not tell the truth, or rows that were set aside: then the rows are not those of the files.
        let is_told = settled.n_rows == old.n_rows;
        Ok(if is_told {
            Settling::Settled(settled)
        } else {
            used.cloned().map_or(Settling::Nothing, Settling::Settled)
        })
    }
}

impl Used {
    /// Rows that show what all rows showed, to whom looks from afar.
    fn rows(&self, event: u32) -> impl Iterator<Item = UsageRow> {
        let n_rows = self.channels.len().max(if self.first == self.last { 1 } else { 2 });
        (0..n_rows).map(move |at| UsageRow {
            occurred_at: if at == 1 { self.last } else { self.first },
            visible_at: if at == 1 { self.last } else { self.first },
            event,
            user: self.has_user.then(|| user_hash("")),
            count: Some(if at == 0 { self.count } else { 0.0 }),
            active_users: (self.has_active_users && at == 0).then_some(0.0),
            value: self.value.filter(|_| at == 0),
            channel: self.channels.get(at).copied(),
        })
    }
}

/// Files of usage that are old, as opposed to all others.
struct Old {
    end: Timestamp,
    files: Vec<String>,
    n_rows: u64,
}

/// The files all of whose rows were known before `limit` and before those of every other file; at least one is not old.
fn old_files(files: &[InputFile], config: &HistoryConfig, limit: Timestamp) -> Option<Old> {
    let usage = files.iter().filter(|file| USAGE.contains(&file.table.as_str()));
    let spans = usage.map(|file| Some((usage_span(file, config)?, file.sha256.as_str())));
    let mut spans: Vec<(FileSpan, &str)> = spans.collect::<Option<_>>()?;
    spans.sort_by_key(|(span, content)| (span.last, span.first, *content));
    let is_split = |at: &usize| {
        let (old, rest) = spans.split_at(*at);
        let last = old.last().map(|(span, _)| span.last);
        let first = rest.iter().map(|(span, _)| span.first).min();
        last.zip(first).is_some_and(|(last, first)| last < first && last < limit)
    };
    let n_old = (1..spans.len()).rev().find(is_split)?;
    let (old, rest) = spans.split_at(n_old);
    let mut contents: Vec<String> = old.iter().map(|(_, content)| (*content).to_owned()).collect();
    contents.sort_unstable();
    let end = rest.iter().map(|(span, _)| span.first).min()?.min(limit);
    Some(Old { end, files: contents, n_rows: old.iter().map(|(span, _)| span.n_rows).sum() })
}

/// What was found of a part of the accounts.
#[derive(Default)]
struct Found {
    accounts: Vec<(Text, Vec<Used>)>,
    n_rows: BTreeMap<u32, u64>,
}

impl Found {
    /// Takes in the rows of an account that were known before `end`; whether sums of all its rows are exact in any order.
    fn account(&mut self, account_id: &Text, rows: &UsageRows<'_>, end: Option<Timestamp>) -> bool {
        let mut used: BTreeMap<u32, Used> = BTreeMap::new();
        let (mut counts, mut values) = (0.0, 0.0);
        for row in 0..rows.event.len() {
            let count = rows.count.get(row).copied().unwrap_or(1.0);
            let value = Some(rows.value[row]).filter(|value| !value.is_nan());
            let is_whole = |number: f64| number.trunc().to_bits() == number.to_bits() && number >= 0.0;
            if !is_whole(count) || !value.is_none_or(is_whole) {
                return false;
            }
            counts += count;
            values += value.unwrap_or(0.0);
            if end.is_none_or(|end| rows.visible_at[row] >= end.0) {
                continue;
            }
            let (event, time) = (rows.event[row], rows.occurred_at[row]);
            let one = used.entry(event).or_insert(Used {
                event,
                first: time,
                last: time,
                count: 0.0,
                value: None,
                channels: Vec::new(),
                has_user: false,
                has_active_users: false,
            });
            (one.first, one.last) = (one.first.min(time), one.last.max(time));
            one.count += count;
            one.value = one.value.map(|sum| sum + value.unwrap_or(0.0)).or(value);
            one.channels.extend(rows.channel[row].filter(|channel| !one.channels.contains(channel)));
            one.has_user |= rows.user[row] != NO_USER;
            one.has_active_users |= rows.active_users.get(row).is_some_and(|users| !users.is_nan());
            *self.n_rows.entry(event).or_default() += 1;
        }
        if !used.is_empty() {
            let mut used: Vec<Used> = used.into_values().collect();
            used.iter_mut().for_each(|one| one.channels.sort_unstable());
            self.accounts.push((account_id.clone(), used));
        }
        counts < EXACT && values < EXACT
    }
}
