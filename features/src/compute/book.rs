//! The whole book of business at an observation: how many leave just now, and how the account's cohort fares.
//!
//! The only features that look beyond the account. A base rate that moves (a price rise, a season, a strong
//! year's cohort) moves every account's risk; a model that knows the rate of the weeks before need not learn
//! the calendar. Only ends before the observation count, so the rule of time holds as everywhere.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::declared::{Declared, How, Needs};
use super::view::View;
use super::window::{number, ratio};
use crate::history::{History, Subscription, SubscriptionEvent, SubscriptionEventType};
use crate::snapshot::schedule;
use crate::spec::Dimension;
use crate::spec::Direction::{self, RaisesRisk, Unknown};
use crate::time::Timestamp;

/// Every subscription of the history, by start.
pub(super) struct Book {
    contracts: Vec<Contract>,
    rates: BTreeMap<Timestamp, Rates>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Contract {
    start: Timestamp,
    end: Option<Timestamp>,
    visible_at: Timestamp,
}

/// Rates at one observation.
#[derive(Debug, Clone, Copy)]
struct Rates {
    churn_14d: f64,
    churn_30d: f64,
    churn_90d: f64,
    new_30d: f64,
}

/// Subscriptions that started within so many days of each other are one cohort.
const COHORT_DAYS: i64 = 15;

const fn book(
    name: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&View<'_>) -> f64,
) -> Declared {
    let words = (name, "share", meaning);
    Declared::number(words, Dimension::Financial, direction, Needs::Table("subscriptions"), How::View(value))
}

/// All of them.
pub(super) const FEATURES: &[Declared] = &[
    book(
        "book_churn_14d",
        RaisesRisk,
        "Share of all subscriptions active 14 days before that ended since.",
        |v| v.whole.book.rates.get(&v.as_of).map_or(f64::NAN, |rates| rates.churn_14d),
    ),
    book(
        "book_churn_30d",
        RaisesRisk,
        "Share of all subscriptions active 30 days before that ended since.",
        |v| v.whole.book.rates.get(&v.as_of).map_or(f64::NAN, |rates| rates.churn_30d),
    ),
    book(
        "book_churn_90d",
        RaisesRisk,
        "Share of all subscriptions active 90 days before that ended since.",
        |v| v.whole.book.rates.get(&v.as_of).map_or(f64::NAN, |rates| rates.churn_90d),
    ),
    book("book_new_30d", Unknown, "Share of all active subscriptions that began in the last 30 days.", |v| {
        v.whole.book.rates.get(&v.as_of).map_or(f64::NAN, |rates| rates.new_30d)
    }),
    book(
        "cohort_ended_share",
        RaisesRisk,
        "Share that ended so far of the other subscriptions that began within 15 days of this one.",
        |v| v.contract.subscription.map_or(f64::NAN, |own| v.whole.book.cohort_ended_share(own, v.as_of)),
    ),
];

impl Book {
    /// The book of `history`, with its rates at each of `times`.
    pub(super) fn at(history: &History, times: &BTreeSet<Timestamp>) -> Self {
        let mut contracts: Vec<Contract> = history
            .accounts
            .iter()
            .flat_map(|facts| facts.subscriptions.iter().map(move |own| (own, &facts.subscription_events)))
            .map(|(own, events)| Contract {
                start: own.started_at,
                end: own.ended_at.or_else(|| first_churn(own, events)),
                visible_at: own.visible_at,
            })
            .collect();
        contracts.sort_unstable();
        let rates = times.par_iter().map(|&as_of| (as_of, rates(&contracts, as_of))).collect();
        Self { contracts, rates }
    }

    fn cohort_ended_share(&self, own: &Subscription, as_of: Timestamp) -> f64 {
        let from = own.started_at.plus_days(-COHORT_DAYS);
        let to = own.started_at.plus_days(COHORT_DAYS);
        let first = self.contracts.partition_point(|contract| contract.start < from);
        let cohort = self.contracts[first..].iter().take_while(|contract| contract.start <= to);
        let known = cohort.filter(|contract| contract.is_known(as_of));
        let (mut all, mut ended) = (0_usize, 0_usize);
        for contract in known {
            all += 1;
            ended += usize::from(contract.has_ended(as_of));
        }
        let own_ended = own.ended_at.is_some_and(|end| end < as_of);
        ratio(number(ended.saturating_sub(usize::from(own_ended))), number(all.saturating_sub(1)))
    }
}

impl Contract {
    fn is_known(&self, as_of: Timestamp) -> bool {
        self.start < as_of && self.visible_at < as_of
    }

    fn has_ended(&self, as_of: Timestamp) -> bool {
        self.end.is_some_and(|end| end < as_of)
    }
}

/// When it became known that the subscription ended, by the renewal history; what revives it later does not
/// undo that it ended then.
fn first_churn(own: &Subscription, events: &[SubscriptionEvent]) -> Option<Timestamp> {
    let own_events = schedule::events_of(events, &own.subscription_id);
    let churns = own_events.filter(|event| event.event_type == SubscriptionEventType::Churn);
    churns.map(|event| event.visible_at).min()
}

fn rates(contracts: &[Contract], as_of: Timestamp) -> Rates {
    let known = || contracts.iter().filter(|contract| contract.is_known(as_of));
    let churn = |days: i64| {
        let before = as_of.plus_days(-days);
        let (mut active, mut ended) = (0_usize, 0_usize);
        for contract in known().filter(|contract| contract.start < before && !contract.has_ended(before)) {
            active += 1;
            ended += usize::from(contract.has_ended(as_of));
        }
        ratio(number(ended), number(active))
    };
    let active = || known().filter(|contract| !contract.has_ended(as_of));
    let month_ago = as_of.plus_days(-30);
    let new = active().filter(|contract| contract.start >= month_ago).count();
    Rates {
        churn_14d: churn(14),
        churn_30d: churn(30),
        churn_90d: churn(90),
        new_30d: ratio(number(new), number(active().count())),
    }
}
