//! What became of accounts after any day: whether they went on paying, and until when that is known.
//!
//! A census observes every account in force on the same days, whatever its terms. Its rows ask no single question: each
//! is followed until the account ends or the history does not know any more, so that a term not yet due counts as
//! neither renewed nor churned.

use super::calendar::{denied, told};
use super::continuity::{contracts, runs};
use super::schedule::Period;
use super::{Snapshot, SnapshotConfig, open_terms};
use crate::history::{AccountFacts, History};
use crate::time::{DAY, Timestamp};

/// What is known of the days after a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowUp {
    /// Whole days after the snapshot for which it is known whether the account still paid; 0 where nothing is.
    pub days_known: u32,
    /// Whole days after the snapshot at which it stopped paying, 0 where it already had; `None` where it paid on all
    /// known days. A gap that a next contract closes within the grace period is no end.
    pub churned_after: Option<u32>,
}

impl FollowUp {
    /// The same as it was known `days` earlier: an end counts only where its absence would have been known too.
    #[must_use]
    pub fn known_earlier(self, days: u32) -> Self {
        let days_known = self.days_known.saturating_sub(days);
        Self { days_known, churned_after: self.churned_after.filter(|&day| day <= days_known) }
    }
}

/// Every account in force, as far as was known, on every `grid_days`-th day since 1970 of the history: unlabelled, by
/// date and account. The rows of one whole term share the weight 1; how many of them an early end or the history's end
/// leaves changes nothing about the others, or accounts that ended early would count for more.
#[must_use]
pub fn census(history: &History, config: &SnapshotConfig) -> Vec<Snapshot> {
    let starts = history.accounts.iter().flat_map(|facts| &facts.subscriptions).map(|own| own.started_at);
    let (Some(first), Some(until)) = (starts.min(), history.until) else { return Vec::new() };
    let grid = config.grid_days.max(1);
    let steps = first.day().div_euclid(grid) + 1..=until.day().div_euclid(grid);
    let apart = Timestamp(grid.saturating_mul(DAY)).days_since(Timestamp(0));
    let weighted = |(snapshot, term): (Snapshot, Period)| {
        let weight = (apart / term.end.days_since(term.start)).min(1.0);
        Snapshot { weight, ..snapshot }
    };
    steps
        .map(|step| Timestamp(step * grid * DAY))
        .filter(|&as_of| as_of <= until)
        .flat_map(|as_of| open_terms(history, as_of, config).map(weighted))
        .collect()
}

/// What became of the account of each snapshot, as known at the history's end.
#[must_use]
pub fn follow_ups(history: &History, snapshots: &[Snapshot], config: &SnapshotConfig) -> Vec<FollowUp> {
    let unknown = FollowUp { days_known: 0, churned_after: None };
    let Some(until) = history.until else { return vec![unknown; snapshots.len()] };
    let mut of_account: Vec<Option<Lives>> = vec![None; history.accounts.len()];
    let follow_up = |snapshot: &Snapshot| {
        let (facts, lives) = (history.accounts.get(snapshot.account)?, of_account.get_mut(snapshot.account)?);
        let lives = lives.get_or_insert_with(|| Lives::of(facts, config, until));
        Some(lives.after(snapshot.as_of, until, config.grace_days))
    };
    snapshots.iter().map(follow_up).map(|found| found.unwrap_or(unknown)).collect()
}

/// The ends of an account's runs that are past by at least the grace period.
#[derive(Clone)]
struct Lives {
    /// Start, end, and whether the end is a churn: a label may say that the account went on.
    ended: Vec<(Timestamp, Timestamp, bool)>,
    /// Ends that only labels tell.
    told: Vec<Timestamp>,
}

impl Lives {
    fn of(facts: &AccountFacts, config: &SnapshotConfig, until: Timestamp) -> Self {
        let grace = config.grace_days;
        let is_known = |end: &Timestamp| end.plus_days(grace) <= until;
        let runs = runs(&contracts(facts, until), grace);
        let ended = runs.iter().filter_map(|run| Some((run.start, run.end.filter(is_known)?)));
        Self {
            ended: ended.map(|(start, end)| (start, end, !denied(facts, end, grace))).collect(),
            told: told(facts).filter(is_known).collect(),
        }
    }

    fn after(&self, as_of: Timestamp, until: Timestamp, grace: i64) -> FollowUp {
        let known = days_between(as_of, until.plus_days(-grace));
        // A renewal that was overdue at the snapshot may turn out to have been an end.
        let own = self.ended.iter().find(|(start, end, _)| *start < as_of && as_of < end.plus_days(grace));
        let told = self.told.iter().filter(|end| as_of < end.plus_days(grace)).min().copied();
        let (end, is_churn) = match (own, told) {
            (Some(&(_, end, is_churn)), Some(told)) if told > end => (end, is_churn),
            (_, Some(told)) => (told, true),
            (Some(&(_, end, is_churn)), None) => (end, is_churn),
            (None, None) => return FollowUp { days_known: known, churned_after: None },
        };
        let day = days_between(as_of, end);
        if is_churn {
            FollowUp { days_known: known, churned_after: Some(day).filter(|&day| day <= known) }
        } else {
            // It went on in a contract that the history does not hold.
            FollowUp { days_known: known.min(day), churned_after: None }
        }
    }
}

/// Whole days from `from` to `to`, 0 where it is earlier.
fn days_between(from: Timestamp, to: Timestamp) -> u32 {
    u32::try_from((to - from).div_euclid(DAY).max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Label, Outcome};
    use crate::snapshot::open;
    use crate::snapshot::testing::{account, at, subscription, yearly};

    fn followed(facts: AccountFacts, as_of: &str, until: &str) -> Option<FollowUp> {
        let history = History { accounts: vec![facts], until: Some(at(until)), ..History::default() };
        let config = SnapshotConfig::default();
        let snapshots = open(&history, at(as_of), &config);
        follow_ups(&history, &snapshots, &config).first().copied()
    }

    fn known(days_known: u32, churned_after: Option<u32>) -> Option<FollowUp> {
        Some(FollowUp { days_known, churned_after })
    }

    #[test]
    fn an_account_is_followed_to_its_end_or_to_what_is_known() {
        let lapsed = account(vec![yearly("s", "2024-01-01", "2025-01-01")]);
        assert_eq!(followed(lapsed.clone(), "2024-11-02", "2025-03-02"), known(90, Some(60)));
        // Until the grace period is over nobody knows that no contract follows.
        assert_eq!(followed(lapsed.clone(), "2024-11-02", "2025-01-30"), known(59, None));
        assert_eq!(followed(lapsed.clone(), "2024-11-02", "2025-01-31"), known(60, Some(60)));
        assert_eq!(followed(lapsed, "2024-11-02", "2024-11-20"), known(0, None));
        let mut rolling = subscription("s", "2024-01-10");
        rolling.billing_period_months = Some(1);
        assert_eq!(followed(account(vec![rolling]), "2024-11-02", "2025-01-31"), known(60, None));
    }

    #[test]
    fn a_renewal_and_a_new_contract_within_the_grace_period_are_no_end() {
        let next = yearly("b", "2025-01-20", "2026-01-20");
        let both = account(vec![yearly("a", "2024-01-01", "2025-01-01"), next]);
        assert_eq!(followed(both, "2024-11-02", "2025-12-01"), known(364, None));
        let mut early = yearly("a", "2024-01-01", "2025-01-01");
        early.ended_at = Some(at("2024-11-12"));
        assert_eq!(followed(account(vec![early]), "2024-11-02", "2025-03-02"), known(90, Some(10)));
    }

    #[test]
    fn an_overdue_renewal_that_turns_out_an_end_ended_at_once() {
        let lapsed = account(vec![yearly("s", "2024-01-01", "2025-01-01")]);
        assert_eq!(followed(lapsed, "2025-01-11", "2025-06-01"), known(111, Some(0)));
    }

    #[test]
    fn labels_end_an_account_and_deny_an_end() {
        let label = |end: &str, outcome| Label { term_end: at(end), outcome, decided_at: None };
        let mut facts = account(vec![yearly("s", "2024-01-01", "2025-01-01")]);
        facts.labels = vec![label("2025-01-01", Outcome::Renewed)];
        assert_eq!(followed(facts.clone(), "2024-11-02", "2025-06-01"), known(60, None));
        facts.labels = vec![label("2024-12-12", Outcome::Churned)];
        assert_eq!(followed(facts, "2024-11-02", "2025-06-01"), known(181, Some(40)));
    }

    #[test]
    fn what_was_known_earlier_holds_no_later_end() {
        let found = FollowUp { days_known: 90, churned_after: Some(60) };
        assert_eq!(found.known_earlier(30), FollowUp { days_known: 60, churned_after: Some(60) });
        assert_eq!(found.known_earlier(31), FollowUp { days_known: 59, churned_after: None });
        assert_eq!(found.known_earlier(100), FollowUp { days_known: 0, churned_after: None });
    }

    #[test]
    fn a_census_holds_everybody_and_the_rows_of_a_whole_term_count_as_one() {
        let mut rolling = subscription("r", "2024-01-10");
        rolling.billing_period_months = Some(1);
        let mut monthly = account(vec![rolling]);
        monthly.account_id = "monthly".into();
        let yearly = account(vec![yearly("s", "2024-01-01", "2025-01-01")]);
        let history =
            History { accounts: vec![yearly, monthly], until: Some(at("2024-06-01")), ..History::default() };
        let found = census(&history, &SnapshotConfig::default());
        let of = |account: usize| found.iter().filter(move |one| one.account == account);
        assert_eq!((of(0).count(), of(1).count()), (5, 5));
        assert!(of(0).all(|one| (one.weight - 30.0 / 366.0).abs() < 1e-12));
        assert!(of(1).all(|one| one.weight > 0.95));
        assert!(found.is_sorted_by_key(|one| (one.as_of, one.account)));
    }
}
