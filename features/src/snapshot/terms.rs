//! The terms of an account and how each ended.

use super::SnapshotConfig;
use super::continuity::{Contract, contracts, mrr_at};
use super::schedule::Period;
use crate::history::{AccountFacts, Label, Outcome, Text};
use crate::time::Timestamp;

/// A term of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The subscription.
    pub subscription_id: Text,
    /// When it begins.
    pub start: Timestamp,
    /// When it must be renewed, by contract: an early end does not move it.
    pub end: Timestamp,
    /// Its length in whole months, at least 1.
    pub months: u32,
    /// Until when the subscription was active in it; `None` where it lasted to its end.
    pub ended_early: Option<Timestamp>,
    /// How it ended; `None` while it is open: its end plus grace is not past yet.
    pub outcome: Option<Outcome>,
    /// When its outcome counts as known, whatever it is: its end plus grace.
    pub decided_at: Timestamp,
}

/// The terms of an account that begin by `until`, ordered by their end. A row of `labels` within the grace
/// period of a term's end wins over the outcome derived from what follows.
#[must_use]
pub fn terms(facts: &AccountFacts, config: &SnapshotConfig, until: Timestamp) -> Vec<Term> {
    let contracts = contracts(facts, until);
    let mut terms: Vec<Term> = contracts
        .iter()
        .flat_map(|contract| contract.periods.iter().map(move |period| (contract, *period)))
        .filter(|(_, period)| period.start <= until)
        .map(|(contract, period)| {
            let early = contract.active_until.filter(|&ended| ended < period.end);
            let decided_at = period.end.plus_days(config.grace_days);
            let outcome = (decided_at <= until).then(|| {
                label_of(&facts.labels, period.end, config)
                    .unwrap_or_else(|| outcome(facts, &contracts, contract, period, config))
            });
            Term {
                subscription_id: contract.subscription.subscription_id.clone(),
                start: period.start,
                end: period.end,
                months: period.months(),
                ended_early: early,
                outcome,
                decided_at,
            }
        })
        .collect();
    terms.sort_by(|a, b| (a.end, a.start, &a.subscription_id).cmp(&(b.end, b.start, &b.subscription_id)));
    terms
}

/// The rows of `labels` that no term of their account ends near: a wrong date, or a contract that is missing.
#[must_use]
pub fn unmatched_labels<'a>(
    facts: &'a AccountFacts,
    config: &SnapshotConfig,
    until: Timestamp,
) -> Vec<&'a Label> {
    let terms = terms(facts, config, until);
    let near = |label: &Label| terms.iter().any(|term| is_near(label.term_end, term.end, config));
    facts.labels.iter().filter(|label| !near(label)).collect()
}

fn label_of(labels: &[Label], end: Timestamp, config: &SnapshotConfig) -> Option<Outcome> {
    labels
        .iter()
        .filter(|label| is_near(label.term_end, end, config))
        .min_by_key(|label| ((label.term_end - end).abs(), label.decided_at, label.outcome))
        .map(|label| label.outcome)
}

fn is_near(label_end: Timestamp, term_end: Timestamp, config: &SnapshotConfig) -> bool {
    label_end.days_since(term_end).abs() <= f64::from(u32::try_from(config.grace_days).unwrap_or(0))
}

/// Churned where no other term of the account follows; else by the account's MRR before and after.
fn outcome(
    facts: &AccountFacts,
    contracts: &[Contract<'_>],
    own: &Contract<'_>,
    period: Period,
    config: &SnapshotConfig,
) -> Outcome {
    let end = own.active_until.map_or(period.end, |ended| ended.min(period.end));
    let deadline = end.plus_days(config.grace_days);
    let follows = contracts
        .iter()
        .flat_map(|contract| contract.periods.iter().map(move |other| (contract, other)))
        .filter(|(contract, other)| !(std::ptr::eq(*contract, own) && **other == period))
        .filter(|(contract, other)| {
            let active_end = contract.active_until.map_or(other.end, |ended| ended.min(other.end));
            other.start <= deadline && active_end > end
        })
        .map(|(_, other)| other.start)
        .min();
    let Some(follows) = follows else { return Outcome::Churned };
    let before = mrr_at(contracts, &facts.subscription_events, end + -1);
    let after = mrr_at(contracts, &facts.subscription_events, follows.max(end));
    if after > before * (1.0 + config.mrr_tolerance) {
        Outcome::Expanded
    } else if after < before * (1.0 - config.mrr_tolerance) {
        Outcome::Contracted
    } else {
        Outcome::Renewed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::SubscriptionEventType::{Contraction, New, Renewal};
    use crate::snapshot::testing::{account, at, event, event_mrr, subscription, yearly};

    fn outcomes(facts: &AccountFacts, until: &str) -> Vec<Option<Outcome>> {
        let config = SnapshotConfig::default();
        terms(facts, &config, at(until)).into_iter().map(|term| term.outcome).collect()
    }

    #[test]
    fn a_term_is_open_until_its_grace_period_is_over() {
        let facts = account(vec![yearly("s", "2024-01-01", "2025-01-01")]);
        assert_eq!(outcomes(&facts, "2025-01-30"), [None]);
        assert_eq!(outcomes(&facts, "2025-01-31"), [Some(Outcome::Churned)]);
    }

    #[test]
    fn a_next_term_within_the_grace_period_is_a_renewal_even_of_another_subscription() {
        let old = yearly("a", "2023-01-01", "2024-01-01");
        let in_time = account(vec![old.clone(), yearly("b", "2024-01-31", "2025-01-31")]);
        assert_eq!(outcomes(&in_time, "2024-12-01"), [Some(Outcome::Renewed), None]);
        let too_late = account(vec![old, yearly("b", "2024-02-01", "2025-02-01")]);
        assert_eq!(outcomes(&too_late, "2024-12-01"), [Some(Outcome::Churned), None]);
    }

    #[test]
    fn an_early_end_is_a_churn_unless_something_follows() {
        let mut early = yearly("a", "2023-01-01", "2024-01-01");
        early.ended_at = Some(at("2023-06-01"));
        let alone = account(vec![early.clone()]);
        assert_eq!(outcomes(&alone, "2024-06-01"), [Some(Outcome::Churned)]);
        let found = &terms(&alone, &SnapshotConfig::default(), at("2024-06-01"))[0];
        assert_eq!((found.end, found.ended_early), (at("2024-01-01"), Some(at("2023-06-01"))));
        let mut upgrade = yearly("b", "2023-06-01", "2024-06-01");
        upgrade.mrr = 300.0;
        let switched = account(vec![early, upgrade]);
        assert_eq!(outcomes(&switched, "2024-05-01"), [Some(Outcome::Expanded), None]);
    }

    #[test]
    fn revenue_before_and_after_tells_contraction_from_expansion() {
        for (after, expected) in [
            (99.5, Outcome::Renewed),
            (100.9, Outcome::Renewed),
            (98.0, Outcome::Contracted),
            (102.0, Outcome::Expanded),
        ] {
            let mut facts = account(vec![yearly("s", "2023-01-01", "2024-01-01")]);
            facts.subscriptions[0].current_term_end = Some(at("2025-01-01"));
            facts.subscriptions[0].current_term_start = Some(at("2024-01-01"));
            facts.subscription_events = vec![
                event_mrr("s", New, "2023-01-01", "2024-01-01", (0.0, 100.0)),
                event_mrr("s", Renewal, "2024-01-01", "2025-01-01", (100.0, after)),
            ];
            assert_eq!(outcomes(&facts, "2024-06-01"), [Some(expected), None], "{after}");
        }
    }

    #[test]
    fn one_of_two_subscriptions_lost_is_a_contraction() {
        let facts =
            account(vec![yearly("a", "2023-01-01", "2024-01-01"), yearly("b", "2023-07-01", "2024-07-01")]);
        assert_eq!(outcomes(&facts, "2024-05-01"), [Some(Outcome::Contracted), None]);
    }

    #[test]
    fn a_monthly_subscription_ends_with_its_last_term_only() {
        let mut monthly = subscription("s", "2024-01-01");
        monthly.billing_period_months = Some(1);
        monthly.ended_at = Some(at("2024-03-12"));
        let found = outcomes(&account(vec![monthly]), "2024-12-01");
        assert_eq!(found, [Some(Outcome::Renewed), Some(Outcome::Renewed), Some(Outcome::Churned)]);
    }

    #[test]
    fn a_label_wins() {
        let mut facts = account(vec![yearly("s", "2023-01-01", "2024-01-01")]);
        facts.labels =
            vec![Label { term_end: at("2024-01-03"), outcome: Outcome::Renewed, decided_at: None }];
        assert_eq!(outcomes(&facts, "2024-06-01"), [Some(Outcome::Renewed)]);
        let config = SnapshotConfig::default();
        assert!(unmatched_labels(&facts, &config, at("2024-06-01")).is_empty());
        facts.labels[0].term_end = at("2024-05-01");
        assert_eq!(unmatched_labels(&facts, &config, at("2024-06-01")).len(), 1);
    }

    #[test]
    fn events_of_another_subscription_change_nothing() {
        let mut facts = account(vec![yearly("s", "2023-01-01", "2024-01-01")]);
        facts.subscription_events = vec![
            event("other", Renewal, "2024-01-01", Some("2025-01-01")),
            event("other", Contraction, "2023-05-01", None),
        ];
        assert_eq!(outcomes(&facts, "2024-06-01"), [Some(Outcome::Churned)]);
    }
}
