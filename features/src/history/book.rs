//! The book of contracts as a whole: how many are in force and how many ended lately, at any time; whether it tells the MRR.

use super::{AccountFacts, Subscription, SubscriptionEvent, SubscriptionEventType};
use crate::snapshot::schedule::events_of;
use crate::time::Timestamp;

/// When the contracts of all accounts became known and when they ended; each list ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    /// Beginnings.
    pub starts: Vec<Timestamp>,
    /// Ends.
    pub ends: Vec<Timestamp>,
    /// Whether any row of the renewal history tells the MRR: then no account's MRR of today stands for that of past dates.
    pub mrr_is_told: bool,
}

impl Book {
    /// The book of `accounts`.
    #[must_use]
    pub fn of(accounts: &[AccountFacts]) -> Self {
        let mut book = Self::default();
        for facts in accounts {
            for subscription in &facts.subscriptions {
                book.add(subscription, &facts.subscription_events);
            }
            book.mrr_is_told |= facts.subscription_events.iter().any(|event| event.mrr_after.is_some());
        }
        book.starts.sort_unstable();
        book.ends.sort_unstable();
        book
    }

    /// Adds a contract with its beginnings and ends, each from when it was known.
    fn add(&mut self, subscription: &Subscription, events: &[SubscriptionEvent]) {
        use SubscriptionEventType as Type;
        let start = subscription.visible_at.max(subscription.started_at);
        self.starts.push(start);
        let end = subscription.ended_at.map(|end| end.max(start));
        let mut is_in_force = true;
        // Events come in the order in which they became known.
        for event in events_of(events, &subscription.subscription_id) {
            let known_at = event.visible_at.max(event.effective_at).max(start);
            if end.is_some_and(|end| end <= known_at) {
                break;
            }
            match event.event_type {
                Type::Churn if is_in_force => self.ends.push(known_at),
                Type::New | Type::Renewal | Type::Reactivation if !is_in_force => self.starts.push(known_at),
                _ => continue,
            }
            is_in_force = !is_in_force;
        }
        self.ends.extend(end.filter(|_| is_in_force));
    }

    /// Contracts in force at `at`, as far as was known before.
    #[must_use]
    pub fn in_force(&self, at: Timestamp) -> usize {
        before(&self.starts, at).saturating_sub(before(&self.ends, at))
    }

    /// Contracts that began in the `days` before `at`.
    #[must_use]
    pub fn began(&self, at: Timestamp, days: i64) -> usize {
        before(&self.starts, at) - before(&self.starts, at.plus_days(-days))
    }

    /// Contracts that ended in the `days` before `at`.
    #[must_use]
    pub fn ended(&self, at: Timestamp, days: i64) -> usize {
        before(&self.ends, at) - before(&self.ends, at.plus_days(-days))
    }
}

fn before(times: &[Timestamp], at: Timestamp) -> usize {
    times.partition_point(|time| *time < at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::testing::{account, at, yearly};

    #[test]
    fn contracts_are_counted_as_far_as_was_known() {
        let mut ended = yearly("b", "2024-01-10", "2025-01-10");
        ended.ended_at = Some(at("2024-03-01"));
        let mut told_late = yearly("c", "2024-02-01", "2025-02-01");
        told_late.visible_at = at("2024-02-20");
        let book = Book::of(&[
            account(vec![yearly("a", "2024-01-01", "2025-01-01"), ended]),
            account(vec![told_late]),
        ]);
        let in_force = |time: &str| book.in_force(at(time));
        assert_eq!(in_force("2024-01-01"), 0, "a contract that begins now is not known before");
        assert_eq!(in_force("2024-02-15"), 2);
        assert_eq!(in_force("2024-03-01"), 3);
        assert_eq!(in_force("2024-03-02"), 2);
        assert_eq!((book.began(at("2024-03-02"), 30), book.ended(at("2024-03-02"), 30)), (1, 1));
    }
}
