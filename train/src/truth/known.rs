//! The true probabilities of a simulated business, found by snapshot.

use std::collections::BTreeMap;
use std::path::Path;

use holdfast_features::Timestamp;
use holdfast_features::snapshot::Snapshot;
use holdfast_simulate::{TruthError, read_truth};

/// The true churn probabilities by account, time and horizon in days.
#[derive(Debug, Clone, PartialEq)]
pub struct Known(BTreeMap<(String, Timestamp, i64), f64>);

impl Known {
    /// Those of the simulated history in `folder`.
    ///
    /// # Errors
    /// A folder without the truth of a simulation.
    pub fn read(folder: &Path) -> Result<Self, TruthError> {
        let rows = read_truth(folder)?.into_iter();
        let entry = |row: holdfast_simulate::Truth| {
            ((row.account_id, row.as_of, i64::from(row.horizon_days)), row.churn_probability)
        };
        Ok(Self(rows.map(entry).collect()))
    }

    /// What is true of `snapshot`; `None` where what it asks is not what was simulated, as where a renewal is not recorded
    /// yet.
    #[must_use]
    pub fn of(&self, snapshot: &Snapshot) -> Option<f64> {
        let key = (snapshot.account_id.to_string(), snapshot.as_of, snapshot.horizon_days);
        self.0.get(&key).copied()
    }

    /// The snapshots that have a truth, each with it.
    #[must_use]
    pub fn with_truth(&self, snapshots: Vec<Snapshot>) -> (Vec<Snapshot>, Vec<f64>) {
        let known = snapshots.into_iter().filter_map(|snapshot| self.of(&snapshot).map(|p| (snapshot, p)));
        known.unzip()
    }
}
