//! How renewals are decided and when accounts are observed, `[snapshots]`.

use serde::{Deserialize, Serialize};

use super::question::Question;
use crate::settings::Section;

/// Which question is asked of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// By the length of each term: long ones are renewed, short ones roll.
    Auto,
    /// Each term: is it renewed at its end?
    Term,
    /// A calendar grid: does the account churn within the horizon?
    Calendar,
}

/// The rules of outcomes and observation dates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotConfig {
    /// Which question is asked.
    pub framing: Framing,
    /// Days after a term's end within which a next term still counts as following it.
    pub grace_days: i64,
    /// Relative change of MRR up to which a renewal is neither an expansion nor a contraction.
    pub mrr_tolerance: f64,
    /// Shortest term, in months, that is asked about its renewal rather than rolling on.
    pub min_term_months: u32,
    /// Days before a term's end at which it is observed, longest first.
    pub distances: Vec<i64>,
    /// Days between the observation dates of the calendar grid.
    pub grid_days: i64,
    /// Horizon of the calendar question, in days.
    pub horizon_days: i64,
}

/// For so many days after a term's end a renewal may be overdue, unless configured; features always say so.
pub const GRACE_DAYS: i64 = 30;

impl Default for SnapshotConfig {
    fn default() -> Self {
        Self {
            framing: Framing::Auto,
            grace_days: GRACE_DAYS,
            mrr_tolerance: 0.01,
            min_term_months: 6,
            distances: vec![180, 120, 90, 60, 30],
            grid_days: 30,
            horizon_days: 30,
        }
    }
}

impl SnapshotConfig {
    /// Reads `[snapshots]`; what is absent keeps its default.
    pub fn from_section(section: &mut Section<'_, '_>) -> Self {
        let default = Self::default();
        let framings = [("auto", Framing::Auto), ("term", Framing::Term), ("calendar", Framing::Calendar)];
        let framing = section.choice("framing", default.framing, &framings);
        let mrr_tolerance = section.number("mrr_tolerance", default.mrr_tolerance, 0.0..=0.5);
        let mut days = |key: &str, value: i64, low: u64, high: u64| {
            signed(section.integer(key, value.unsigned_abs(), low..=high))
        };
        let grace_days = days("grace_days", default.grace_days, 0, 365);
        let grid_days = days("grid_days", default.grid_days, 1, 366);
        let horizon_days = days("horizon_days", default.horizon_days, 1, 730);
        let months = days("min_term_months", i64::from(default.min_term_months), 1, 120);
        let defaults: Vec<u64> = default.distances.iter().map(|days| days.unsigned_abs()).collect();
        let line = section.line_of("distances");
        let mut distances: Vec<i64> =
            section.integers("distances", &defaults, 1..=1_095).into_iter().map(signed).collect();
        distances.sort_unstable_by(|a, b| b.cmp(a));
        distances.dedup();
        if distances.is_empty() {
            let message = "`snapshots.distances` must name at least one distance in days".to_owned();
            section.report(line.unwrap_or(1), message);
        }
        Self {
            framing,
            grace_days,
            mrr_tolerance,
            min_term_months: u32::try_from(months).unwrap_or(default.min_term_months),
            distances,
            grid_days,
            horizon_days,
        }
    }

    /// Whether a term of `months` is observed before its end (`true`) or on the calendar grid.
    #[must_use]
    pub fn is_term_framed(&self, months: u32) -> bool {
        Question::from(self).is_of_renewal(Some(f64::from(months)))
    }
}

fn signed(days: u64) -> i64 {
    i64::try_from(days).unwrap_or(i64::MAX)
}
