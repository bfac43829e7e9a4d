//! What new files of usage say, and of whom from when on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::USAGE;
use crate::compute::{Arrivals, Ends};
use crate::history::Text;
use crate::read::{self, HistoryConfig, Listener, ReadError};
use crate::time::Timestamp;

/// The rows of usage that came with new files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrived {
    /// For each account the earliest time from which any of them may be used.
    pub earliest: BTreeMap<Text, Timestamp>,
    /// Rows known before the earlier end: told without a time of receipt, or by files that came late.
    pub n_known_then: u64,
    /// Rows that had happened before the earlier end and became known at it or later.
    pub n_late: u64,
}

impl Arrived {
    /// Reads of the usage of the history in `dir` the files at `new` alone; `others` are its other files of usage, and
    /// `then` is the end of the earlier run.
    ///
    /// # Errors
    /// As [`read::history`].
    pub fn with_files(
        dir: &Path,
        config: &HistoryConfig,
        new: &[PathBuf],
        others: &[PathBuf],
        then: Option<Timestamp>,
    ) -> Result<Self, ReadError> {
        if new.is_empty() {
            return Ok(Self::default());
        }
        let config = HistoryConfig {
            wanted: Some(BTreeSet::from(USAGE)),
            left_out: others.iter().cloned().collect(),
            settled: None,
            listener: Listener::default(),
            with_hashes: false,
            ..config.clone()
        };
        let history = read::history(dir, &config)?;
        let Some(store) = &history.store else { return Ok(Self::default()) };
        let ends = Ends { now: None, then };
        let of_part = |part: usize| {
            let part = store.load(part)?;
            let mut found = Vec::new();
            let mut arrivals = Arrivals::default();
            for account in part.accounts.clone() {
                let rows = part.usage(account - part.accounts.start);
                let Some(earliest) = rows.visible_at.iter().min() else { continue };
                found.push((history.accounts[account].account_id.clone(), Timestamp(*earliest)));
                for (happened, known) in rows.occurred_at.iter().zip(rows.visible_at) {
                    arrivals.count(Timestamp(*happened), Timestamp(*known), &ends);
                }
            }
            Ok((found, arrivals))
        };
        let parts = (0..store.ranges().len()).into_par_iter().map(of_part);
        let parts = parts.collect::<Result<Vec<_>, ReadError>>()?;
        let mut arrived = Self::default();
        for (found, arrivals) in parts {
            arrived.earliest.extend(found);
            arrived.n_known_then += arrivals.n_known_then;
            arrived.n_late += arrivals.n_late;
        }
        Ok(arrived)
    }

    /// Whether a row of `account_id` at `as_of` may use any of them.
    #[must_use]
    pub fn concerns(&self, account_id: &str, as_of: Timestamp) -> bool {
        self.earliest.get(account_id).is_some_and(|earliest| *earliest < as_of)
    }
}
