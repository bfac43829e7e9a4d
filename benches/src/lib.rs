//! Sized, seeded inputs for the benches, all of them out of `holdfast-simulate`.

pub mod field;

use std::collections::BTreeMap;

use anyhow::Context;
use holdfast_features::compute::{self, ComputeConfig, Key};
use holdfast_features::read::{self, HistoryConfig};
use holdfast_features::snapshot::{self, Snapshot, SnapshotConfig};
use holdfast_features::{FeatureSpec, FeatureTable, History};
use holdfast_models::TrainingRows;
use holdfast_simulate::{Business, CheckedBusiness, simulate};

/// A simulated business of `n_accounts` over 24 months, seed 1.
///
/// # Errors
/// A number of accounts out of range.
pub fn business(n_accounts: u32) -> anyhow::Result<CheckedBusiness> {
    Ok(Business { n_accounts, n_months: 24, ..Business::default() }.check()?)
}

/// A history in memory and what is asked of it.
#[derive(Debug)]
pub struct Observed {
    /// The facts.
    pub history: History,
    /// Every decided snapshot.
    pub snapshots: Vec<Snapshot>,
    /// The keys of the snapshots.
    pub keys: Vec<Key>,
    /// All features that the history offers.
    pub specs: Vec<FeatureSpec>,
}

/// The history of [`business`], written, read and observed at its decided snapshots.
///
/// # Errors
/// Whatever simulating or reading says.
pub fn observed(n_accounts: u32) -> anyhow::Result<Observed> {
    let scratch = tempfile::tempdir()?;
    let dir = scratch.path().join("history");
    simulate(&business(n_accounts)?).write(&dir, |_| {})?;
    let history = read::history(&dir, &HistoryConfig::default())?;
    let snapshots = snapshot::decided(&history, &SnapshotConfig::default());
    let keys = snapshots.iter().map(Key::from).collect();
    let specs = compute::specs(&history, &ComputeConfig::default())?;
    Ok(Observed { history, snapshots, keys, specs })
}

/// Rows to learn from.
#[derive(Debug)]
pub struct Labelled {
    /// The features, one row a snapshot.
    pub table: FeatureTable,
    /// 1 where the account churned, else 0.
    pub labels: Vec<f64>,
    /// 1 / (snapshots of the same renewal).
    pub weights: Vec<f64>,
    /// The account of each row.
    pub groups: Vec<u32>,
    /// All rows.
    pub rows: Vec<usize>,
}

impl Labelled {
    /// The rows as the learners take them.
    #[must_use]
    pub fn training(&self) -> TrainingRows<'_> {
        TrainingRows {
            table: &self.table,
            labels: &self.labels,
            weights: &self.weights,
            groups: Some(&self.groups),
            rows: &self.rows,
        }
    }
}

/// The features and labels of [`observed`].
///
/// # Errors
/// Whatever computing the features says.
pub fn labelled(observed: &Observed) -> anyhow::Result<Labelled> {
    let table = compute::table(&observed.history, &observed.keys, &observed.specs)?;
    let snapshots = &observed.snapshots;
    let mut numbers = BTreeMap::new();
    let groups = snapshots
        .iter()
        .map(|snapshot| {
            let next = u32::try_from(numbers.len())?;
            Ok(*numbers.entry(snapshot.group.clone()).or_insert(next))
        })
        .collect::<anyhow::Result<Vec<u32>>>()?;
    let label = |snapshot: &Snapshot| {
        let churned = snapshot.label.context("a decided snapshot has a label")?;
        Ok(f64::from(u8::from(churned)))
    };
    Ok(Labelled {
        labels: snapshots.iter().map(label).collect::<anyhow::Result<_>>()?,
        weights: snapshots.iter().map(|snapshot| snapshot.weight).collect(),
        rows: (0..table.n_rows()).collect(),
        groups,
        table,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_sized_and_hold_both_outcomes() {
        let observed = observed(200).unwrap();
        let labelled = labelled(&observed).unwrap();
        assert_eq!(labelled.table.n_rows(), observed.snapshots.len());
        assert!(labelled.table.n_rows() > 500);
        assert!(labelled.labels.contains(&1.0) && labelled.labels.contains(&0.0));
    }
}
