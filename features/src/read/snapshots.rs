//! A snapshots file: which accounts are observed when.

use std::collections::HashMap;
use std::path::Path;

use foldhash::fast::FixedState;

use crate::history::Text;
use crate::time::Timestamp;

use super::config::OnBadRow;
use super::convert::{Interner, boolean, time};
use super::error::{Problem, ReadError, Reason};
use super::findings::Findings;
use super::source::{Cells, shown};
use super::whole_file::WholeFile;

/// A row of a snapshots file.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotRequest {
    /// The account.
    pub account_id: Text,
    /// The observation time.
    pub as_of: Timestamp,
    /// The start of the subscription meant.
    pub started_at: Option<Timestamp>,
    /// The subscription meant.
    pub subscription_id: Option<Text>,
    /// The label, 0 or 1, where the file has one: a column `label`, `churned` or `churned_…`.
    pub label: Option<f64>,
}

/// Reads which accounts are observed when: columns `account_id` and `as_of`, optionally `started_at` or
/// `subscription_id`, and a label in a column named `label`, `churned` or beginning with `churned_`. Rows keep
/// their order; other columns are not read.
///
/// # Errors
/// [`ReadError::Problems`]: missing columns or values, values of a wrong type, the same snapshot twice.
pub fn snapshots_file(path: &Path) -> Result<Vec<SnapshotRequest>, ReadError> {
    let file = WholeFile::read(path)?;
    let mut findings = Findings::new(OnBadRow::Stop);
    file.require(&["account_id", "as_of"], &mut findings);
    let is_label = |name: &&String| *name == "label" || *name == "churned" || name.starts_with("churned_");
    let labels: Vec<String> = file.columns.iter().filter(is_label).cloned().collect();
    if labels.len() > 1 {
        findings.problem(file.problem(Reason::WhichLabel(labels.clone())));
    }
    let mut interner = Interner::default();
    // Rows of one account usually stand together.
    let mut last: Option<Text> = None;
    let mut text = |cells: &Cells, row| {
        let Some(text) = cells.text(row) else { return Ok(None) };
        if last.as_ref().is_none_or(|last| **last != *text) {
            last = Some(interner.text(&text));
        }
        Ok(last.clone())
    };
    let accounts = file.values("account_id", &mut findings, &mut text);
    let as_of = file.values("as_of", &mut findings, time);
    let started_at = file.values("started_at", &mut findings, time);
    let subscriptions = file.values("subscription_id", &mut findings, &mut text);
    let label = labels.first().map_or("label", String::as_str);
    let labels = file.values(label, &mut findings, |cells, row| {
        Ok(boolean(cells, row)?.map(|churned| f64::from(u8::from(churned))))
    });
    let at = |times: &[Option<Timestamp>], row: usize| times.get(row).copied().flatten();
    let mut requests = Vec::with_capacity(accounts.len());
    let mut rows = Vec::with_capacity(accounts.len());
    for (row, account_id) in accounts.into_iter().enumerate() {
        let (Some(account_id), Some(as_of)) = (account_id, at(&as_of, row)) else { continue };
        let started_at = at(&started_at, row);
        let subscription_id = subscriptions.get(row).cloned().flatten();
        let label = labels.get(row).copied().flatten();
        requests.push(SnapshotRequest { account_id, as_of, started_at, subscription_id, label });
        rows.push(row);
    }
    for (earlier, later) in repetitions(&requests) {
        let reason = Reason::SnapshotTwice(rows[earlier] + 1);
        let value = Some(shown(&requests[later].account_id));
        findings.problem(Problem { value, ..file.in_column("account_id", Some(rows[later]), reason) });
    }
    findings.into_result().map(|_| requests)
}

/// The positions of requests that ask for what an earlier one does, after that one's.
fn repetitions(requests: &[SnapshotRequest]) -> Vec<(usize, usize)> {
    // In strict order none can.
    if requests.is_sorted_by(|a, b| (&a.account_id, a.as_of) < (&b.account_id, b.as_of)) {
        return Vec::new();
    }
    let mut seen = HashMap::with_capacity_and_hasher(requests.len(), FixedState::default());
    let mut found = Vec::new();
    for (later, request) in requests.iter().enumerate() {
        let key = (&request.account_id, request.as_of, request.started_at, &request.subscription_id);
        if let Some(earlier) = seen.insert(key, later) {
            found.push((earlier, later));
        }
    }
    found
}
