//! Rolling contracts: observed on a calendar grid, asked whether the account churns within the horizon.

use super::continuity::{Contract, Run, contracts, mrr_at, runs};
use super::{Framing, Snapshot, SnapshotConfig, group_of};
use crate::history::{AccountFacts, Outcome};
use crate::time::{DAY, Timestamp};

/// The snapshots of an account on the grid of every `grid_days`-th day since 1970, while a contract runs and
/// none of those running is asked about its renewal instead.
pub(super) fn snapshots(
    index: usize,
    facts: &AccountFacts,
    config: &SnapshotConfig,
    until: Timestamp,
) -> Vec<Snapshot> {
    let course = Course::of(facts, config, until);
    let contracts = &course.contracts;
    let Some(first) = contracts.iter().map(|contract| contract.subscription.started_at).min() else {
        return Vec::new();
    };
    let grid = config.grid_days.max(1);
    let first_step = first.day().div_euclid(grid) + 1;
    let last_step = until.day().div_euclid(grid);
    (first_step..=last_step)
        .map(|step| Timestamp(step * grid * DAY))
        .filter(|&as_of| as_of <= until)
        .filter_map(|as_of| {
            let term_end = next_end(contracts, as_of, config)?;
            let outcome = course.outcome(as_of, config);
            Some(Snapshot {
                account: index,
                account_id: facts.account_id.clone(),
                as_of,
                framing: Framing::Calendar,
                horizon_days: config.horizon_days,
                term_end: Some(term_end),
                subscription_id: None,
                in_force: true,
                label: outcome.map(|outcome| outcome == Outcome::Churned),
                outcome,
                label_known_at: known_at(as_of, config),
                weight: 1.0,
                group: group_of(facts),
            })
        })
        .collect()
}

/// How an account went on, as far as is known at last: worked out once for all of its observations.
pub(super) struct Course<'a> {
    facts: &'a AccountFacts,
    contracts: Vec<Contract<'a>>,
    runs: Vec<Run>,
    until: Timestamp,
}

impl<'a> Course<'a> {
    pub(super) fn of(facts: &'a AccountFacts, config: &SnapshotConfig, until: Timestamp) -> Self {
        let contracts = contracts(facts, until);
        let runs = runs(&contracts, config.grace_days);
        Self { facts, contracts, runs, until }
    }

    /// What became of the account within the horizon after `as_of`; `None` where it is not known by the end, or the
    /// account was no customer then as is known since: its term was over and no other followed.
    pub(super) fn outcome_of_customer(&self, as_of: Timestamp, config: &SnapshotConfig) -> Option<Outcome> {
        let is_customer =
            self.runs.iter().any(|run| run.start < as_of && run.end.is_none_or(|end| as_of < end));
        self.outcome(as_of, config).filter(|_| is_customer)
    }

    fn outcome(&self, as_of: Timestamp, config: &SnapshotConfig) -> Option<Outcome> {
        let Self { facts, contracts, runs, until } = self;
        if known_at(as_of, config) > *until {
            return None;
        }
        let horizon = as_of.plus_days(config.horizon_days);
        let within = |time: Timestamp| as_of < time && time <= horizon;
        let mut ends = runs.iter().filter_map(|run| run.end);
        let churned =
            told(facts).any(within) || ends.any(|end| within(end) && !denied(facts, end, config.grace_days));
        if churned {
            return Some(Outcome::Churned);
        }
        let before = mrr_at(contracts, &facts.subscription_events, as_of);
        let after = mrr_at(contracts, &facts.subscription_events, horizon);
        // Within a bridged gap nothing is paid, which is neither expansion nor contraction.
        let in_gap = !contracts.iter().any(|contract| contract.is_active(as_of));
        let resumed = if after == 0.0 { before } else { after };
        let before = if in_gap { resumed } else { before };
        Some(if resumed > before * (1.0 + config.mrr_tolerance) {
            Outcome::Expanded
        } else if resumed < before * (1.0 - config.mrr_tolerance) {
            Outcome::Contracted
        } else {
            Outcome::Renewed
        })
    }
}

/// The ends of terms that labels call a churn.
pub(super) fn told(facts: &AccountFacts) -> impl Iterator<Item = Timestamp> {
    facts.labels.iter().filter(|label| label.outcome == Outcome::Churned).map(|label| label.term_end)
}

/// Whether a label says that the account went on after what looks like its `end`.
pub(super) fn denied(facts: &AccountFacts, end: Timestamp, grace_days: i64) -> bool {
    facts.labels.iter().any(|label| {
        label.outcome != Outcome::Churned
            && label.term_end.plus_days(-grace_days) <= end
            && end <= label.term_end.plus_days(grace_days)
    })
}

/// A churn counts as known only when its absence would be known too.
fn known_at(as_of: Timestamp, config: &SnapshotConfig) -> Timestamp {
    as_of.plus_days(config.horizon_days + config.grace_days)
}

/// The next term's end of the contracts that run at `as_of`, where all of them are asked on the grid.
fn next_end(contracts: &[Contract<'_>], as_of: Timestamp, config: &SnapshotConfig) -> Option<Timestamp> {
    let mut next: Option<Timestamp> = None;
    for contract in contracts.iter().filter(|contract| contract.is_active(as_of)) {
        if contract.subscription.started_at >= as_of {
            continue;
        }
        let period = contract.periods.iter().find(|period| period.start <= as_of && as_of < period.end)?;
        if config.is_term_framed(period.months()) {
            return None;
        }
        next = Some(next.map_or(period.end, |end| end.min(period.end)));
    }
    next
}
