//! What facts that came late changed: told beside a feature file that builds on an earlier one.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Arrived, Previous, Reuse};
use crate::compute::Key;
use crate::history::Text;
use crate::spec::FeatureSpec;
use crate::time::Timestamp;
use crate::write::Changes;

/// What facts that came since an earlier run changed in rows that both runs have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LateReport {
    /// The end of the history of the earlier run.
    pub previous_until: Option<Timestamp>,
    /// The end of the history.
    pub until: Option<Timestamp>,
    /// Why every row was computed, where the earlier file could not serve.
    pub all_computed_because: Option<String>,
    /// The files of usage.
    pub usage_files: FileCounts,
    /// By table what came late; tables without such are left out.
    pub tables: Vec<TableArrivals>,
    /// The rows.
    pub rows: RowCounts,
    /// The features that changed, those that changed in most rows first.
    pub features: Vec<FeatureChange>,
    /// The accounts with most changed values, ten at most.
    pub accounts: Vec<AccountChange>,
    /// The first rows that changed though nothing about them was new: account and date, ten at most.
    pub changed_without_news: Vec<(Text, Timestamp)>,
}

/// How many files of usage there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FileCounts {
    /// All of them.
    pub all: usize,
    /// Those that came since the earlier run.
    pub new: usize,
    /// Those that were not read: what of them still shows was known.
    pub not_read: usize,
}

/// What of a table came since an earlier run about the time before that run's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableArrivals {
    /// The table.
    pub table: String,
    /// Facts that happened before that end and became known at it or later: no earlier row may show them.
    pub late: u64,
    /// Facts that say they were known before that end, and which that run had not: told without a time of receipt, they
    /// change earlier rows.
    pub backdated: u64,
}

/// How many rows there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RowCounts {
    /// All rows of the file.
    pub all: usize,
    /// Those that the earlier file does not have.
    pub new: usize,
    /// Those taken over from it.
    pub taken_over: usize,
    /// Those that it has and that were computed again.
    pub computed_again: usize,
    /// Of these, those with other values than there.
    pub changed: usize,
    /// Of those computed again, those about which nothing was new before their date: none may have changed.
    pub without_news: usize,
    /// Of these, those that changed. Anything but 0 is a mistake of this program, or of the earlier file.
    pub changed_without_news: usize,
}

/// How a feature changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeatureChange {
    /// The feature.
    pub feature: String,
    /// Rows with another value.
    pub rows: usize,
    /// The median absolute change of those with a number before and after; `None` without such.
    pub median: Option<f64>,
    /// The largest.
    pub largest: Option<f64>,
}

/// How the rows of an account changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountChange {
    /// The account.
    pub account_id: Text,
    /// Rows with another value.
    pub rows: usize,
    /// Values that are others.
    pub values: usize,
}

/// Accounts and rows that are listed.
const LISTED: usize = 10;

impl LateReport {
    /// The report of a run on `keys` that was written with `taken` rows of `previous` and differs from it by `changes`.
    #[must_use]
    pub fn of(
        previous: &Previous,
        until: Option<Timestamp>,
        (keys, specs): (&[Key], &[FeatureSpec]),
        (reuse, taken): (&Reuse, &[Option<usize>]),
        (tables, arrived): (&[TableArrivals], &Arrived),
        (changes, usage_files): (&Changes, FileCounts),
    ) -> Self {
        let is_changed = |row: usize| changes.rows[row].is_some_and(|n_values| n_values > 0);
        let mut rows = RowCounts { all: keys.len(), ..RowCounts::default() };
        let mut changed_without_news = Vec::new();
        let mut accounts: BTreeMap<&Text, (usize, usize)> = BTreeMap::new();
        for (row, key) in keys.iter().enumerate() {
            let is_again = reuse.same[row].is_some() && taken[row].is_none();
            let is_without_news = is_again && reuse.without_news[row];
            rows.new += usize::from(reuse.same[row].is_none());
            rows.taken_over += usize::from(taken[row].is_some());
            rows.computed_again += usize::from(is_again);
            rows.changed += usize::from(is_changed(row));
            rows.without_news += usize::from(is_without_news);
            rows.changed_without_news += usize::from(is_without_news && is_changed(row));
            if is_without_news && is_changed(row) && changed_without_news.len() < LISTED {
                changed_without_news.push((key.account_id.clone(), key.as_of));
            }
            if let Some(n_values) = changes.rows[row].filter(|n_values| *n_values > 0) {
                let of_account = accounts.entry(&key.account_id).or_default();
                *of_account = (of_account.0 + 1, of_account.1 + n_values);
            }
        }
        let change =
            |(id, (rows, values)): (&Text, _)| AccountChange { account_id: id.clone(), rows, values };
        let mut accounts: Vec<AccountChange> = accounts.into_iter().map(change).collect();
        accounts.sort_by_key(|one| std::cmp::Reverse((one.values, one.rows)));
        accounts.truncate(LISTED);
        let mut features: Vec<FeatureChange> = (specs.iter().zip(&changes.sizes))
            .filter(|(_, sizes)| !sizes.is_empty())
            .map(|(spec, sizes)| FeatureChange::of(&spec.name, sizes))
            .collect();
        features.sort_by_key(|change| std::cmp::Reverse(change.rows));
        Self {
            previous_until: previous.basis.until,
            until,
            all_computed_because: reuse.why_all.as_ref().map(ToString::to_string),
            usage_files,
            tables: arrivals(previous, tables, arrived),
            rows,
            features,
            accounts,
            changed_without_news,
        }
    }
}

impl FeatureChange {
    fn of(feature: &str, sizes: &[f64]) -> Self {
        let mut told: Vec<f64> = sizes.iter().copied().filter(|size| !size.is_nan()).collect();
        told.sort_by(f64::total_cmp);
        let median = match told.len() {
            0 => None,
            n if n % 2 == 1 => Some(told[n / 2]),
            n => Some(f64::midpoint(told[n / 2 - 1], told[n / 2])),
        };
        Self { feature: feature.to_owned(), rows: sizes.len(), median, largest: told.last().copied() }
    }
}

/// What came late by table: `backdated` of `tables` still counts what the earlier run knew.
fn arrivals(previous: &Previous, tables: &[TableArrivals], arrived: &Arrived) -> Vec<TableArrivals> {
    let known_then = |table: &str| previous.basis.n_known.get(table).copied().unwrap_or(0);
    let told = tables.iter().map(|one| TableArrivals {
        backdated: one.backdated.saturating_sub(known_then(&one.table)),
        ..one.clone()
    });
    let usage =
        TableArrivals { table: "usage".to_owned(), late: arrived.n_late, backdated: arrived.n_known_then };
    told.chain([usage]).filter(|one| one.late + one.backdated > 0).collect()
}
