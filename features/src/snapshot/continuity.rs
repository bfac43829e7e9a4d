//! Whether an account goes on: the stretches of time in which any of its subscriptions is active.

use super::schedule::{self, Period};
use crate::history::{AccountFacts, Subscription, SubscriptionEvent};
use crate::time::Timestamp;

/// One subscription with its terms and the time until which it was active.
pub(crate) struct Contract<'a> {
    pub(crate) subscription: &'a Subscription,
    /// `None`: no end is known.
    pub(crate) active_until: Option<Timestamp>,
    pub(crate) periods: Vec<Period>,
}

/// A stretch without a gap longer than the grace period; `end` is `None` where no end is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: Timestamp,
    pub(crate) end: Option<Timestamp>,
}

impl Contract<'_> {
    pub(crate) fn is_active(&self, at: Timestamp) -> bool {
        self.subscription.started_at <= at && self.active_until.is_none_or(|end| at < end)
    }
}

/// The contracts of an account, with all that is known up to `until`.
pub(crate) fn contracts(facts: &AccountFacts, until: Timestamp) -> Vec<Contract<'_>> {
    let events = facts.subscription_events.as_slice();
    let contract = |subscription| {
        let ended = schedule::ended_at(subscription, events);
        let mut periods = schedule::periods(subscription, events, ended.unwrap_or(until).min(until));
        // The term that would begin where the subscription ends never began.
        periods.retain(|period| ended.is_none_or(|ended| period.start < ended));
        let rolls = subscription.current_term_end.is_none();
        let expires = periods.last().map(|period| period.end).filter(|_| !rolls);
        Contract { subscription, active_until: ended.or(expires), periods }
    };
    facts.subscriptions.iter().map(contract).collect()
}

/// The account's runs in time order.
pub(crate) fn runs(contracts: &[Contract<'_>], grace_days: i64) -> Vec<Run> {
    let mut spans: Vec<Run> = contracts
        .iter()
        .map(|contract| Run { start: contract.subscription.started_at, end: contract.active_until })
        .collect();
    spans.sort_by_key(|span| (span.start, span.end.is_none(), span.end));
    let mut runs: Vec<Run> = Vec::new();
    for span in spans {
        match runs.last_mut() {
            Some(run) if run.end.is_none_or(|end| span.start <= end.plus_days(grace_days)) => {
                run.end = match (run.end, span.end) {
                    (Some(one), Some(other)) => Some(one.max(other)),
                    _ => None,
                };
            }
            _ => runs.push(span),
        }
    }
    runs
}

/// Monthly recurring revenue of all subscriptions active at `at`, by the whole renewal history.
pub(crate) fn mrr_at(contracts: &[Contract<'_>], events: &[SubscriptionEvent], at: Timestamp) -> f64 {
    contracts
        .iter()
        .filter(|contract| contract.is_active(at))
        .map(|contract| contract.subscription)
        .map(|own| schedule::mrr_told(&own.subscription_id, events, at).unwrap_or(own.mrr))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::testing::{account, at, subscription};

    #[test]
    fn gaps_up_to_the_grace_period_are_bridged() {
        let mut first = subscription("a", "2024-01-01");
        first.ended_at = Some(at("2024-03-01"));
        let mut second = subscription("b", "2024-03-31");
        second.ended_at = Some(at("2024-06-01"));
        let mut third = subscription("c", "2024-08-01");
        third.billing_period_months = Some(1);
        let facts = account(vec![first, second, third]);
        let contracts = contracts(&facts, at("2025-01-01"));
        let found = runs(&contracts, 30);
        assert_eq!(
            found,
            [
                Run { start: at("2024-01-01"), end: Some(at("2024-06-01")) },
                Run { start: at("2024-08-01"), end: None },
            ]
        );
        assert_eq!(runs(&contracts, 29).len(), 3);
    }

    #[test]
    fn revenue_adds_what_is_active() {
        let mut first = subscription("a", "2024-01-01");
        first.ended_at = Some(at("2024-03-01"));
        first.mrr = 100.0;
        let mut second = subscription("b", "2024-02-01");
        second.mrr = 50.0;
        let facts = account(vec![first, second]);
        let contracts = contracts(&facts, at("2025-01-01"));
        for (day, expected) in [("2024-01-15", 100.0), ("2024-02-15", 150.0), ("2024-03-01", 50.0)] {
            assert!((mrr_at(&contracts, &[], at(day)) - expected).abs() < 1e-12, "{day}");
        }
    }
}
