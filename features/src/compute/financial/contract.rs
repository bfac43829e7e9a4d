//! Contracts: tenure, the term in force, revenue and its changes.

use crate::compute::Whole;
use crate::compute::declared::{CURRENCY, Declared, How, Needs};
use crate::compute::view::View;
use crate::compute::window::{count, flag, is_within, number, ratio};
use crate::history::{
    AccountFacts, MutableColumn, Subscription, SubscriptionEvent, SubscriptionEventType, Text,
};
use crate::snapshot::GRACE_DAYS;
use crate::snapshot::schedule::{self, Period, events_of};
use crate::spec::Dimension;
use crate::spec::Direction::{self, LowersRisk, RaisesRisk, Unknown};
use crate::time::Timestamp;

/// The contracts of an account as known at an observation.
pub(in crate::compute) struct ContractView<'a> {
    pub(super) as_of: Timestamp,
    pub(super) whole: &'a Whole<'a>,
    /// Begun and known before the observation, in the order of their starts.
    pub(super) begun: Vec<&'a Subscription>,
    pub(super) events: &'a [SubscriptionEvent],
    /// The subscription that term and age refer to.
    pub(in crate::compute) subscription: Option<&'a Subscription>,
    pub(super) period: Option<Period>,
    /// Seats of the active subscriptions; NaN where any does not tell, or only today's are known.
    pub(in crate::compute) seats: f64,
}

/// A feature of `subscriptions`.
pub(super) const fn contract(
    name: &'static str,
    unit: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&View<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    Declared::number(words, Dimension::Financial, direction, Needs::Table("subscriptions"), How::View(value))
}

/// A feature of `subscription_events`.
pub(super) const fn renewal(
    name: &'static str,
    unit: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&View<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    let needs = Needs::Table("subscription_events");
    Declared::number(words, Dimension::Financial, direction, needs, How::View(value))
}

pub(super) const CONTRACT: &[Declared] = &[
    contract("arr", CURRENCY, Unknown, "Annual recurring revenue of the active subscriptions.", |v| {
        v.contract.mrr() * 12.0
    })
    .of_today(&[MutableColumn::Mrr]),
    contract(
        "days_to_term_end",
        "days",
        Unknown,
        "Days to the end of the term in force; negative where the renewal is overdue.",
        |v| v.contract.period.map_or(f64::NAN, |period| period.end.days_since(v.as_of)),
    ),
    contract("term_months", "months", Unknown, "Length of the term in force.", |v| {
        v.contract.period.map_or(f64::NAN, |period| f64::from(period.months()))
    }),
    contract("tenure_days", "days", LowersRisk, "Days since the account's first term began.", |v| {
        v.contract.started_at().map_or(f64::NAN, |started| v.as_of.days_since(started))
    }),
    contract(
        "subscription_age_days",
        "days",
        LowersRisk,
        "Days since the subscription in question began.",
        |v| v.contract.subscription.map_or(f64::NAN, |own| v.as_of.days_since(own.started_at)),
    ),
    contract(
        "terms_completed",
        "terms",
        LowersRisk,
        "Terms of the subscription in question that were renewed so far.",
        |v| v.contract.terms_completed(),
    ),
    contract(
        "active_subscriptions",
        "subscriptions",
        LowersRisk,
        "Subscriptions active at the observation.",
        |v| count(v.contract.active(v.as_of)),
    ),
    contract(
        "ended_subscriptions",
        "subscriptions",
        Unknown,
        "Subscriptions of the account that ended before the observation.",
        |v| number(v.contract.begun.len()) - count(v.contract.active(v.as_of)),
    ),
    contract(
        "days_without_contract",
        "days",
        RaisesRisk,
        "Days between the end of the latest earlier subscription and the start of the one in question; 0 where they overlap, missing for the first.",
        |v| v.contract.days_without(),
    ),
    contract("seats", "seats", Unknown, "Seats of the active subscriptions.", |v| v.contract.seats)
        .of_today(&[MutableColumn::Quantity]),
    contract("mrr_per_seat", CURRENCY, Unknown, "Monthly recurring revenue for each seat.", |v| {
        ratio(v.contract.mrr(), v.contract.seats)
    })
    .of_today(&[MutableColumn::Mrr, MutableColumn::Quantity]),
    contract("auto_renew", "", LowersRisk, "Whether the subscription in question renews by itself.", |v| {
        let own = v.contract.subscription_of_today(MutableColumn::AutoRenew);
        own.and_then(|own| own.auto_renew).map_or(f64::NAN, flag)
    })
    .of_today(&[MutableColumn::AutoRenew])
    .boolean(),
    renewal(
        "arr_change_90d",
        "share",
        LowersRisk,
        "Relative change of recurring revenue over the last 90 days.",
        |v| v.contract.change(90),
    ),
    renewal(
        "arr_change_365d",
        "share",
        LowersRisk,
        "Relative change of recurring revenue over the last 365 days.",
        |v| v.contract.change(365),
    ),
    renewal("renewals", "renewals", LowersRisk, "Renewals of the account so far.", |v| {
        count(v.contract.events.iter().filter(|event| event.event_type == SubscriptionEventType::Renewal))
    }),
    renewal(
        "expansions_365d",
        "expansions",
        LowersRisk,
        "Events in the last 365 days that raised the recurring revenue.",
        |v| count(v.contract.moves_365(1.0)),
    ),
    renewal(
        "contractions_365d",
        "contractions",
        RaisesRisk,
        "Events in the last 365 days that lowered the recurring revenue.",
        |v| count(v.contract.moves_365(-1.0)),
    ),
    renewal("pauses_365d", "pauses", RaisesRisk, "Pauses in the last 365 days.", |v| {
        count(v.contract.events.iter().filter(|event| {
            event.event_type == SubscriptionEventType::Pause
                && is_within(event.effective_at, v.as_of, &(0..365))
        }))
    }),
];

impl<'a> ContractView<'a> {
    /// The contracts known at `as_of`; `wanted` is the subscription in question, by default the active one
    /// whose term ends next.
    pub(in crate::compute) fn at(
        facts: &'a AccountFacts,
        as_of: Timestamp,
        wanted: Option<&Text>,
        whole: &'a Whole<'a>,
    ) -> Self {
        let events = facts.subscription_events.as_slice();
        let events = &events[..events.partition_point(|event| event.visible_at < as_of)];
        let mut begun: Vec<&Subscription> = facts
            .subscriptions
            .iter()
            .filter(|own| own.visible_at < as_of && own.started_at < as_of)
            .collect();
        begun.sort_by_key(|own| (own.started_at, &own.subscription_id));
        // Not the configured period: a feature means the same in training and serving.
        let in_force = |own: &Subscription| schedule::in_force(own, events, as_of, GRACE_DAYS);
        let mut view =
            Self { as_of, whole, begun, events, subscription: None, period: None, seats: f64::NAN };
        let next = view
            .active(as_of)
            .min_by_key(|own| (in_force(own).map_or(as_of, |period| period.end), &own.subscription_id));
        let named = wanted.and_then(|id| view.begun.iter().find(|own| own.subscription_id == *id).copied());
        view.subscription = named.or(next);
        view.period = view.subscription.and_then(in_force);
        if whole.tells(MutableColumn::Quantity, as_of) && view.active(as_of).next().is_some() {
            view.seats = view.active(as_of).map(|own| own.quantity.unwrap_or(f64::NAN)).sum();
        }
        view
    }

    /// The subscriptions running at `at`, as far as is known at the observation.
    pub(super) fn active(&self, at: Timestamp) -> impl Iterator<Item = &'a Subscription> + use<'a, '_> {
        self.begun.iter().copied().filter(move |own| {
            let ended = schedule::ended_before(own, self.events, self.as_of);
            own.started_at <= at && ended.is_none_or(|ended| at < ended)
        })
    }

    /// The subscription in question, where today's value of the column is that of the observation.
    pub(in crate::compute) fn subscription_of_today(
        &self,
        column: MutableColumn,
    ) -> Option<&'a Subscription> {
        self.subscription.filter(|_| self.whole.tells(column, self.as_of))
    }

    /// Whether the customer asked to cancel a running subscription.
    pub(in crate::compute) fn cancel_requested(&self) -> bool {
        self.active(self.as_of).any(|own| {
            own.cancel_requested_at.is_some_and(|at| at < self.as_of)
                || events_of(self.events, &own.subscription_id)
                    .filter(|event| changes_intent(event.event_type))
                    .max_by_key(|event| event.effective_at)
                    .is_some_and(|event| event.event_type == SubscriptionEventType::CancelRequested)
        })
    }

    pub(super) fn mrr(&self) -> f64 {
        if self.active(self.as_of).next().is_none() {
            return f64::NAN;
        }
        self.mrr_at(self.as_of, self.whole.tells(MutableColumn::Mrr, self.as_of))
    }

    /// `own_counts`: where the renewal history does not tell, the subscription's own does.
    fn mrr_at(&self, at: Timestamp, own_counts: bool) -> f64 {
        self.active(at)
            .map(|own| {
                let told = schedule::mrr_told(&own.subscription_id, self.events, at);
                told.unwrap_or(if own_counts { own.mrr } else { f64::NAN })
            })
            .sum()
    }

    /// The relative change of the revenue over the last `days`.
    pub(super) fn change(&self, days: i64) -> f64 {
        self.change_since(self.as_of.plus_days(-days))
    }

    /// Today's MRR tells of no change: it counts only where it is the MRR of every time.
    pub(super) fn change_since(&self, at: Timestamp) -> f64 {
        if self.active(self.as_of).next().is_none() {
            return f64::NAN;
        }
        let is_constant = self.whole.constant.contains(&MutableColumn::Mrr);
        let [before, now] = [at, self.as_of].map(|at| self.mrr_at(at, is_constant));
        ratio(now - before, before)
    }

    /// Events that took effect and moved the revenue in the direction of `sign`.
    pub(super) fn moves(&self, sign: f64) -> impl Iterator<Item = &'a SubscriptionEvent> {
        let (events, as_of): (&'a [SubscriptionEvent], _) = (self.events, self.as_of);
        let moved = move |event: &&SubscriptionEvent| {
            let by_type = match event.event_type {
                SubscriptionEventType::Expansion => 1.0,
                SubscriptionEventType::Contraction => -1.0,
                SubscriptionEventType::Renewal => mrr_change(event).unwrap_or(0.0),
                _ => 0.0,
            };
            by_type * sign > 0.0 && event.effective_at < as_of
        };
        events.iter().filter(moved)
    }

    /// Those of the last year.
    pub(super) fn moves_365(&self, sign: f64) -> impl Iterator<Item = &'a SubscriptionEvent> {
        let as_of = self.as_of;
        self.moves(sign).filter(move |event| is_within(event.effective_at, as_of, &(0..365)))
    }

    /// When the account's first subscription began.
    pub(in crate::compute) fn started_at(&self) -> Option<Timestamp> {
        self.begun.first().map(|first| first.started_at)
    }

    fn terms_completed(&self) -> f64 {
        let Some((own, period)) = self.subscription.zip(self.period) else { return f64::NAN };
        let earlier = schedule::periods(own, self.events, self.as_of);
        count(earlier.iter().filter(|other| other.end <= period.start))
    }

    fn days_without(&self) -> f64 {
        let Some(own) = self.subscription else { return f64::NAN };
        let ends = self
            .begun
            .iter()
            .filter(|other| {
                other.subscription_id != own.subscription_id && other.started_at <= own.started_at
            })
            .map(|other| schedule::ended_before(other, self.events, self.as_of));
        let latest = ends.map(|end| end.unwrap_or(self.as_of)).max();
        latest.map_or(f64::NAN, |end| own.started_at.days_since(end).max(0.0))
    }
}

/// What the event adds to the MRR, where it tells.
pub(super) fn mrr_change(event: &SubscriptionEvent) -> Option<f64> {
    event.mrr_after.zip(event.mrr_before).map(|(after, before)| after - before)
}

pub(super) fn changes_intent(event_type: SubscriptionEventType) -> bool {
    use SubscriptionEventType as Type;
    matches!(event_type, Type::CancelRequested | Type::Renewal | Type::Reactivation | Type::New)
}
