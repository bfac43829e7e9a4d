//! Which accounts are observed when, what is asked of them, and what came of it.
//!
//! Observation dates come from the calendar and from contracts, never from outcomes: a churned and a
//! renewed account are observed at the same distances. Whether an outcome counts as known depends on dates
//! alone too: a churn that is certain early is not used before a renewal of the same day would be, or the
//! youngest rows would all be churns.

mod calendar;
mod config;
mod continuity;
mod follow_up;
mod question;
pub(crate) mod schedule;
mod terms;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::BTreeSet;

use rayon::prelude::*;

pub use config::{Framing, GRACE_DAYS, SnapshotConfig};
pub use follow_up::{FollowUp, census, follow_ups};
pub use question::Question;
pub use terms::{Term, terms, unmatched_labels};

use crate::compute::Key;
use crate::history::{AccountFacts, History, Outcome, Subscription, Text};
use crate::read::SnapshotRequest;
use crate::time::Timestamp;
use schedule::Period;

/// One observation of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The account's position in [`History::accounts`].
    pub account: usize,
    /// The account's id.
    pub account_id: Text,
    /// The observation time: features use only what was known before it.
    pub as_of: Timestamp,
    /// [`Framing::Term`] asks for the outcome at `term_end`, [`Framing::Calendar`] for a churn within
    /// `horizon_days`. Never [`Framing::Auto`].
    pub framing: Framing,
    /// Days from `as_of` to the end of what is asked: to the term's end, or the calendar horizon.
    pub horizon_days: i64,
    /// The end of the term in force.
    pub term_end: Option<Timestamp>,
    /// The subscription that term and tenure refer to; `None` is the one whose term ends next.
    pub subscription_id: Option<Text>,
    /// Whether any contract of the account was in force at `as_of`, as far as was known then. False only for
    /// requested snapshots, which then have no label but their own: nobody churns who is no customer.
    pub in_force: bool,
    /// Whether the account churned; `None` where it is not known yet.
    pub label: Option<bool>,
    /// How the term or the window ended, where it is derived from contracts.
    pub outcome: Option<Outcome>,
    /// From when the label counts as known: a split purges training rows by it.
    pub label_known_at: Timestamp,
    /// 1 / (snapshots of the same renewal); 1 on the calendar grid.
    pub weight: f64,
    /// Rows of one group (the parent account, else the account) never stand on both sides of a split.
    pub group: Text,
}

/// Why requested snapshots cannot be taken from a history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// An account that no table names.
    #[error(
        "snapshots, row {row}: account `{account_id}` is in no table of the history; correct its id or remove the row"
    )]
    UnknownAccount {
        /// 1-based row.
        row: usize,
        /// The id.
        account_id: Text,
    },
    /// A subscription that the account does not have.
    #[error(
        "snapshots, row {row}: account `{account_id}` has no subscription {wanted}; correct it or leave the column out"
    )]
    UnknownSubscription {
        /// 1-based row.
        row: usize,
        /// The account.
        account_id: Text,
        /// The id or the start that was asked for.
        wanted: String,
    },
}

/// Every snapshot of the history, labelled or not yet, ordered by account and observation time; at most one
/// for an account and time. Empty where the history has no end ([`History::until`]).
#[must_use]
pub fn observed(history: &History, config: &SnapshotConfig) -> Vec<Snapshot> {
    let Some(until) = history.until else { return Vec::new() };
    let mut snapshots = Vec::new();
    for (index, facts) in history.accounts.iter().enumerate() {
        let mut own = at_terms(index, facts, config, until);
        own.extend(calendar::snapshots(index, facts, config, until));
        own.sort_by_key(|snapshot| {
            (snapshot.as_of, snapshot.framing == Framing::Calendar, snapshot.term_end)
        });
        own.dedup_by_key(|snapshot| snapshot.as_of);
        snapshots.append(&mut own);
    }
    snapshots
}

/// The snapshots whose label is known: those to learn from.
#[must_use]
pub fn decided(history: &History, config: &SnapshotConfig) -> Vec<Snapshot> {
    let mut snapshots = observed(history, config);
    snapshots.retain(|snapshot| snapshot.label.is_some());
    snapshots
}

/// One unlabelled snapshot at `as_of` of each account with a contract in force then, as far as was known:
/// those to score. A renewal that is overdue by less than the grace period counts as in force.
#[must_use]
pub fn open(history: &History, as_of: Timestamp, config: &SnapshotConfig) -> Vec<Snapshot> {
    open_terms(history, as_of, config).map(|(snapshot, _)| snapshot).collect()
}

/// As [`open`], each with the term in force that ends next.
fn open_terms<'a>(
    history: &'a History,
    as_of: Timestamp,
    config: &'a SnapshotConfig,
) -> impl Iterator<Item = (Snapshot, Period)> + 'a {
    history.accounts.iter().enumerate().filter_map(move |(index, facts)| {
        let next = next_in_force(facts, as_of, config)?;
        let framing = if config.is_term_framed(next.months()) { Framing::Term } else { Framing::Calendar };
        let horizon_days = match framing {
            Framing::Term => next.end.day() - as_of.day(),
            _ => config.horizon_days,
        };
        let snapshot = Snapshot {
            account: index,
            account_id: facts.account_id.clone(),
            as_of,
            framing,
            horizon_days,
            term_end: Some(next.end),
            subscription_id: None,
            in_force: true,
            label: None,
            outcome: None,
            label_known_at: as_of.plus_days(horizon_days.max(0) + config.grace_days),
            weight: 1.0,
            group: group_of(facts),
        };
        Some((snapshot, next))
    })
}

/// The rows of a feature table that a file asks for, in its order: what [`requested`] gives, without what came of them.
///
/// # Errors
/// As [`requested`].
pub fn keys(history: &History, requests: Vec<SnapshotRequest>) -> Result<Vec<Key>, SnapshotError> {
    // Rows of one account usually stand together.
    let mut last: Option<&AccountFacts> = None;
    let key = |(row, request): (usize, SnapshotRequest)| {
        let facts = match last.filter(|facts| facts.account_id == request.account_id) {
            Some(facts) => facts,
            None => {
                let id = &request.account_id;
                let found = history.accounts.binary_search_by(|facts| facts.account_id.cmp(id));
                &history.accounts[found.map_err(|_| unknown_account(row, id))?]
            }
        };
        last = Some(facts);
        let subscription_id = wanted(facts, row, &request)?.map(|own| own.subscription_id.clone());
        Ok(Key { account_id: request.account_id, as_of: request.as_of, subscription_id })
    };
    (1..).zip(requests).map(key).collect()
}

/// The snapshots that a file asks for, in its order. A row's own label wins; without one the account's churn
/// within the calendar horizon is taken, where it is known and a contract was in force.
///
/// # Errors
/// [`SnapshotError`] for an account or a subscription that the history does not have.
pub fn requested(
    history: &History,
    requests: &[SnapshotRequest],
    config: &SnapshotConfig,
) -> Result<Vec<Snapshot>, SnapshotError> {
    let mut start = 0;
    // Those of an account usually stand together: its contracts are then worked out once.
    let of_accounts: Vec<(usize, &[SnapshotRequest])> = requests
        .chunk_by(|a, b| a.account_id == b.account_id)
        .map(|own| {
            start += own.len();
            (start - own.len(), own)
        })
        .collect();
    let snapshots: Vec<Vec<Result<Snapshot, SnapshotError>>> =
        of_accounts.par_iter().map(|(start, own)| of_account(history, *start, own, config)).collect();
    // The first row that cannot be taken is the one to tell, whichever thread came first.
    snapshots.into_iter().flatten().collect()
}

fn at_terms(index: usize, facts: &AccountFacts, config: &SnapshotConfig, until: Timestamp) -> Vec<Snapshot> {
    let mut snapshots = Vec::new();
    let mut observed_days = BTreeSet::new();
    for term in terms(facts, config, until).iter().filter(|term| config.is_term_framed(term.months)) {
        let in_term = |as_of: &Timestamp| {
            *as_of > term.start && *as_of <= until && term.ended_early.is_none_or(|ended| *as_of < ended)
        };
        // Two subscriptions that end on one day are one renewal of the account.
        let days: Vec<(i64, Timestamp)> = config
            .distances
            .iter()
            .map(|&distance| (distance, term.end.plus_days(-distance).midnight()))
            .filter(|(_, as_of)| in_term(as_of) && observed_days.insert(*as_of))
            .collect();
        let weight = 1.0 / f64::from(u32::try_from(days.len()).unwrap_or(u32::MAX).max(1));
        snapshots.extend(days.into_iter().map(|(horizon_days, as_of)| Snapshot {
            account: index,
            account_id: facts.account_id.clone(),
            as_of,
            framing: Framing::Term,
            horizon_days,
            term_end: Some(term.end),
            subscription_id: Some(term.subscription_id.clone()),
            in_force: true,
            label: term.outcome.map(|outcome| outcome == Outcome::Churned),
            outcome: term.outcome,
            label_known_at: term.decided_at,
            weight,
            group: group_of(facts),
        }));
    }
    snapshots
}

/// The snapshots of `requests`, all of one account, which begin at the row `start`.
fn of_account(
    history: &History,
    start: usize,
    requests: &[SnapshotRequest],
    config: &SnapshotConfig,
) -> Vec<Result<Snapshot, SnapshotError>> {
    let id = requests.first().map(|request| &request.account_id);
    let found = history.accounts.binary_search_by(|facts| Some(&facts.account_id).cmp(&id));
    let mut course = None;
    let snapshot = |(row, request): (usize, &SnapshotRequest)| {
        let index = found.map_err(|_| unknown_account(row, &request.account_id))?;
        let facts = &history.accounts[index];
        let subscription = wanted(facts, row, request)?;
        let in_force = next_in_force(facts, request.as_of, config).is_some();
        let derived = history.until.filter(|_| in_force).and_then(|until| {
            let course = course.get_or_insert_with(|| calendar::Course::of(facts, config, until));
            course.outcome_of_customer(request.as_of, config)
        });
        let given = request.label.map(|label| label > 0.5);
        Ok(Snapshot {
            account: index,
            account_id: request.account_id.clone(),
            as_of: request.as_of,
            framing: Framing::Calendar,
            horizon_days: config.horizon_days,
            term_end: None,
            subscription_id: subscription.map(|subscription| subscription.subscription_id.clone()),
            in_force,
            label: given.or(derived.map(|outcome| outcome == Outcome::Churned)),
            outcome: if given.is_some() { None } else { derived },
            label_known_at: request.as_of.plus_days(config.horizon_days + config.grace_days),
            weight: 1.0,
            group: group_of(facts),
        })
    };
    (start + 1..).zip(requests).map(snapshot).collect()
}

fn unknown_account(row: usize, id: &Text) -> SnapshotError {
    SnapshotError::UnknownAccount { row, account_id: id.clone() }
}

/// The subscription that the request of that 1-based `row` names by id or by the day of its start; of several that started
/// on one day, the one still running at the observation.
fn wanted<'a>(
    facts: &'a AccountFacts,
    row: usize,
    request: &SnapshotRequest,
) -> Result<Option<&'a Subscription>, SnapshotError> {
    if request.subscription_id.is_none() && request.started_at.is_none() {
        return Ok(None);
    }
    let mut fitting: Vec<&Subscription> = facts
        .subscriptions
        .iter()
        .filter(|own| request.subscription_id.as_ref().is_none_or(|id| *id == own.subscription_id))
        .filter(|own| request.started_at.is_none_or(|start| start.day() == own.started_at.day()))
        .collect();
    fitting.sort_by_key(|own| (own.ended_at.is_some_and(|end| end < request.as_of), &own.subscription_id));
    fitting.first().copied().map(Some).ok_or_else(|| {
        let by_id = request.subscription_id.as_ref().map(|id| format!("`{id}`"));
        let by_start = request.started_at.map(|start| format!("that started on {start}"));
        let wanted = by_id.into_iter().chain(by_start).collect::<Vec<_>>().join(" ");
        SnapshotError::UnknownSubscription { row, account_id: facts.account_id.clone(), wanted }
    })
}

/// The next end of a term among the contracts in force at `as_of`, as far as was known.
fn next_in_force(facts: &AccountFacts, as_of: Timestamp, config: &SnapshotConfig) -> Option<Period> {
    let events = facts.subscription_events.as_slice();
    let visible_events = &events[..events.partition_point(|event| event.visible_at < as_of)];
    facts
        .subscriptions
        .iter()
        .filter(|subscription| subscription.visible_at < as_of && subscription.started_at < as_of)
        .filter(|subscription| schedule::ended_before(subscription, visible_events, as_of).is_none())
        .filter_map(|subscription| schedule::in_force(subscription, visible_events, as_of, config.grace_days))
        .filter(|period| as_of < period.end.plus_days(config.grace_days))
        .min_by_key(|period| period.end)
}

fn group_of(facts: &AccountFacts) -> Text {
    let parent = facts.account.as_ref().and_then(|account| account.parent_account_id.clone());
    parent.unwrap_or_else(|| facts.account_id.clone())
}

#[cfg(test)]
mod tests;
