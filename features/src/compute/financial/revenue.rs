//! What the renewal history tells: how the revenue moved, at which price it renewed, what was called off.

use super::contract::{ContractView, changes_intent, contract, mrr_change, renewal};
use crate::compute::declared::{CURRENCY, Declared};
use crate::compute::window::{count, days_since, flag, is_within, number, ratio, total};
use crate::history::{SubscriptionEvent, SubscriptionEventType as Type};
use crate::snapshot::schedule::{self, Period, events_of};
use crate::spec::Direction::{LowersRisk, RaisesRisk, Unknown};
use crate::time::Timestamp;

pub(super) const REVENUE: &[Declared] = &[
    contract(
        "term_elapsed_share",
        "share",
        Unknown,
        "Share of the term in force that has passed; above 1 where the renewal is overdue.",
        |v| {
            let of =
                |period: Period| ratio(v.as_of.days_since(period.start), period.end.days_since(period.start));
            v.contract.period.map_or(f64::NAN, of)
        },
    ),
    contract(
        "subscriptions_added_365d",
        "subscriptions",
        LowersRisk,
        "Subscriptions begun in the last 365 days, besides the account's first.",
        |v| {
            count(v.contract.begun.iter().skip(1).filter(|own| is_within(own.started_at, v.as_of, &(0..365))))
        },
    ),
    contract(
        "subscriptions_ended_365d",
        "subscriptions",
        RaisesRisk,
        "Subscriptions of the account that ended in the last 365 days.",
        |v| {
            let ends = v.contract.begun.iter();
            let ends = ends.filter_map(|own| schedule::ended_before(own, v.contract.events, v.as_of));
            count(ends.filter(|&ended| is_within(ended, v.as_of, &(0..365))))
        },
    ),
    renewal(
        "arr_change_28d",
        "share",
        LowersRisk,
        "Relative change of recurring revenue over the last 28 days.",
        |v| v.contract.change(28),
    ),
    renewal(
        "arr_growth",
        "share",
        LowersRisk,
        "Relative change of recurring revenue since the account's first subscription began.",
        |v| v.contract.started_at().map_or(f64::NAN, |started| v.contract.change_since(started)),
    ),
    renewal(
        "mrr_below_peak_share",
        "share",
        RaisesRisk,
        "How far the recurring revenue of the subscription in question is below its highest so far, relative to that: 0 at the highest.",
        |v| v.contract.below_peak(),
    ),
    renewal(
        "renewal_price_change",
        "share",
        Unknown,
        "Relative change of recurring revenue at the latest renewal of the subscription in question; below 0 a discount or fewer seats.",
        |v| {
            let latest = v.contract.own_events(Type::Renewal).max_by_key(|event| event.effective_at);
            let change = latest.and_then(|event| Some((mrr_change(event)?, event.mrr_before?)));
            change.map_or(f64::NAN, |(change, before)| ratio(change, before))
        },
    ),
    renewal("days_since_renewal", "days", Unknown, "Days since the latest renewal of the account.", |v| {
        days_since(v.as_of, v.contract.of_type(Type::Renewal).map(|event| event.effective_at))
    }),
    renewal(
        "term_months_change",
        "months",
        LowersRisk,
        "Months of the latest term told of the subscription in question, less those of the term before.",
        |v| v.contract.term_change(),
    ),
    renewal(
        "expansions",
        "expansions",
        LowersRisk,
        "Events so far that raised the recurring revenue.",
        |v| count(v.contract.moves(1.0)),
    ),
    renewal(
        "contractions",
        "contractions",
        RaisesRisk,
        "Events so far that lowered the recurring revenue.",
        |v| count(v.contract.moves(-1.0)),
    ),
    renewal(
        "expansion_amount_365d",
        CURRENCY,
        LowersRisk,
        "Monthly revenue added by the expansions of the last 365 days, as far as told.",
        |v| total(v.contract.moves_365(1.0).filter_map(mrr_change).map(f64::abs)),
    ),
    renewal(
        "contraction_amount_365d",
        CURRENCY,
        RaisesRisk,
        "Monthly revenue lost by the contractions of the last 365 days, as far as told.",
        |v| total(v.contract.moves_365(-1.0).filter_map(mrr_change).map(f64::abs)),
    ),
    renewal("days_since_expansion", "days", Unknown, "Days since the latest expansion.", |v| {
        days_since(v.as_of, v.contract.moves(1.0).map(|event| event.effective_at))
    }),
    renewal("days_since_contraction", "days", LowersRisk, "Days since the latest contraction.", |v| {
        days_since(v.as_of, v.contract.moves(-1.0).map(|event| event.effective_at))
    }),
    renewal(
        "paused",
        "",
        RaisesRisk,
        "Whether the subscription in question is paused: no renewal or reactivation since the latest pause.",
        |v| v.contract.subscription.map_or(f64::NAN, |_| flag(v.contract.is_paused())),
    )
    .boolean(),
    renewal("reactivations", "reactivations", Unknown, "Reactivations of the account so far.", |v| {
        count(v.contract.of_type(Type::Reactivation))
    }),
    renewal(
        "cancels_withdrawn",
        "requests",
        RaisesRisk,
        "Requests to cancel after which the same subscription was renewed or reactivated; a request still running does not count.",
        |v| number(v.contract.withdrawn().len()),
    ),
    renewal(
        "days_since_cancel_withdrawn",
        "days",
        LowersRisk,
        "Days since a request to cancel was withdrawn: the renewal or reactivation after it.",
        |v| days_since(v.as_of, v.contract.withdrawn().into_iter()),
    ),
];

impl<'a> ContractView<'a> {
    /// The known events of a type that took effect.
    fn of_type(&self, event_type: Type) -> impl Iterator<Item = &'a SubscriptionEvent> {
        let (events, as_of): (&'a [SubscriptionEvent], _) = (self.events, self.as_of);
        events.iter().filter(move |event| event.event_type == event_type && event.effective_at < as_of)
    }

    /// Those of the subscription in question.
    fn own_events(&self, event_type: Type) -> impl Iterator<Item = &'a SubscriptionEvent> {
        let own = self.subscription.map(|own| &own.subscription_id);
        self.of_type(event_type).filter(move |event| Some(&event.subscription_id) == own)
    }

    fn below_peak(&self) -> f64 {
        let Some(own) = self.subscription else { return f64::NAN };
        let Some(now) = schedule::mrr_told(&own.subscription_id, self.events, self.as_of) else {
            return f64::NAN;
        };
        let told =
            events_of(self.events, &own.subscription_id).filter(|event| event.effective_at < self.as_of);
        let peak = told.filter_map(|event| event.mrr_after).fold(now, f64::max);
        ratio(peak - now, peak)
    }

    /// The months of the latest term that the renewal history tells, less those of the one before.
    fn term_change(&self) -> f64 {
        let Some(own) = self.subscription else { return f64::NAN };
        let begins = |event: &&SubscriptionEvent| {
            matches!(event.event_type, Type::New | Type::Renewal | Type::Reactivation)
                && event.effective_at < self.as_of
        };
        let mut terms: Vec<Period> = events_of(self.events, &own.subscription_id)
            .filter(begins)
            .filter_map(|event| Some(Period { start: event.effective_at, end: event.term_end? }))
            .filter(|term| term.start < term.end)
            .collect();
        terms.sort_by_key(|term| (term.start, term.end));
        match terms.as_slice() {
            [.., before, latest] => f64::from(latest.months()) - f64::from(before.months()),
            _ => f64::NAN,
        }
    }

    fn is_paused(&self) -> bool {
        let changes = [Type::Pause, Type::Renewal, Type::Reactivation, Type::New];
        let own = changes.into_iter().flat_map(|event_type| self.own_events(event_type));
        let latest = own.max_by_key(|event| (event.effective_at, event.event_type != Type::Pause));
        latest.is_some_and(|event| event.event_type == Type::Pause)
    }

    /// When each request to cancel was withdrawn: by the first event of the same subscription after it that
    /// shows another intent. A request that still runs is in none.
    fn withdrawn(&self) -> Vec<Timestamp> {
        let withdrawal = |request: &SubscriptionEvent| {
            let own = events_of(self.events, &request.subscription_id);
            let after = own.filter(|event| {
                changes_intent(event.event_type)
                    && event.event_type != Type::CancelRequested
                    && event.effective_at > request.effective_at
                    && event.effective_at < self.as_of
            });
            after.map(|event| event.effective_at).min()
        };
        self.of_type(Type::CancelRequested).filter_map(withdrawal).collect()
    }
}
