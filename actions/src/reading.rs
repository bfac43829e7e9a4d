//! How accounts stood earlier: what a fall in health and a change of band are told from.

use std::collections::HashMap;

use holdfast_features::history::Text;
use holdfast_features::{FeatureTable, RowKey, Timestamp};
use holdfast_models::Bundle;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::assess;
use crate::band::Band;
use crate::policy::Policy;

/// How an account stood at an earlier moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// When.
    pub as_of: Timestamp,
    /// Health, 0 to 100; `None` where no dimension had data.
    pub health: Option<f64>,
    /// The band by health and probability of that moment alone: neither settled nor capped by a signal.
    pub band: Band,
}

/// The earlier readings of many accounts.
#[derive(Debug, Clone, Default)]
pub struct Readings {
    /// By account, the oldest first.
    of: HashMap<Text, Vec<Reading>>,
}

impl Readings {
    /// Reads the rows of `table`, which belong to `keys` and are aligned with the bundle's model. Only rows
    /// that a later row of the same account can still look back to are read: most files hold none.
    #[must_use]
    pub fn of_table(policy: &Policy, bundle: &Bundle, keys: &[RowKey], table: &FeatureTable) -> Self {
        let mut rows: Vec<usize> = (0..keys.len().min(table.n_rows())).collect();
        rows.sort_by(|&a, &b| keys[a].cmp(&keys[b]));
        let days = policy.bands.settle_days.max(policy.escalation.health_drop_days);
        let looked_back_to: Vec<usize> = rows
            .windows(2)
            .filter(|pair| {
                let (earlier, later) = (&keys[pair[0]], &keys[pair[1]]);
                earlier.account_id == later.account_id && is_within(later.as_of, earlier.as_of, days)
            })
            .map(|pair| pair[0])
            .collect();
        let readings: Vec<Reading> = looked_back_to
            .par_iter()
            .map(|&row| assess::reading(policy, bundle, table.row(row), keys[row].as_of))
            .collect();
        let mut of: HashMap<Text, Vec<Reading>> = HashMap::new();
        for (row, reading) in looked_back_to.into_iter().zip(readings) {
            of.entry(keys[row].account_id.clone()).or_default().push(reading);
        }
        Self { of }
    }

    /// The readings of the account before `as_of`, the oldest first; empty where there are none.
    #[must_use]
    pub fn before(&self, account_id: &str, as_of: Timestamp) -> &[Reading] {
        let readings = self.of.get(account_id).map_or(&[][..], Vec::as_slice);
        &readings[..readings.partition_point(|reading| reading.as_of < as_of)]
    }
}

/// Whether `earlier` lies before `now`, by at most `days`.
pub(crate) fn is_within(now: Timestamp, earlier: Timestamp, days: f64) -> bool {
    let ago = now.days_since(earlier);
    ago > 0.0 && ago <= days
}
