//! When a subscription's terms begin and end, by contract: never by what happened at their end.

use chrono::{DateTime, Months};

use crate::history::{Subscription, SubscriptionEvent, SubscriptionEventType, Text};
use crate::time::Timestamp;

/// A stretch of a contract: from its start to the day on which it must be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Period {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
}

/// Average length of a month, in days: lengths of terms are told by it.
const DAYS_PER_MONTH: f64 = 30.4375;
/// A subscription of one-month terms over this many years is the longest that is rolled out.
const MOST_PERIODS: i64 = 1_200;

impl Period {
    /// Its length in whole months, at least 1.
    pub(crate) fn months(self) -> u32 {
        months_between(self.start, self.end)
    }
}

/// `months` calendar months after `anchor`, the day clipped to the month's last.
pub(crate) fn plus_months(anchor: Timestamp, months: i64) -> Timestamp {
    let Some(time) = DateTime::from_timestamp_micros(anchor.0) else { return anchor };
    let span = Months::new(u32::try_from(months.unsigned_abs()).unwrap_or(u32::MAX));
    let moved = if months < 0 { time.checked_sub_months(span) } else { time.checked_add_months(span) };
    moved.map_or(anchor, |moved| Timestamp(moved.timestamp_micros()))
}

/// The events of one subscription.
pub(crate) fn events_of<'a>(
    events: &'a [SubscriptionEvent],
    subscription_id: &'a Text,
) -> impl Iterator<Item = &'a SubscriptionEvent> {
    events.iter().filter(move |event| event.subscription_id == *subscription_id)
}

/// The MRR that `events` tell for the subscription at `at`: after the latest change, else before the next.
pub(crate) fn mrr_told(subscription_id: &Text, events: &[SubscriptionEvent], at: Timestamp) -> Option<f64> {
    let own = || events_of(events, subscription_id);
    let before = own().filter(|event| event.effective_at <= at && event.mrr_after.is_some());
    let after = own().filter(|event| event.effective_at > at && event.mrr_before.is_some());
    let last = before.max_by_key(|event| event.effective_at).and_then(|event| event.mrr_after);
    last.or_else(|| after.min_by_key(|event| event.effective_at).and_then(|event| event.mrr_before))
}

/// When the subscription ended: its `ended_at`, else the latest churn event that nothing revived.
pub(crate) fn ended_at(subscription: &Subscription, events: &[SubscriptionEvent]) -> Option<Timestamp> {
    subscription.ended_at.or_else(|| ended_by_events(&subscription.subscription_id, events))
}

fn ended_by_events(subscription_id: &Text, events: &[SubscriptionEvent]) -> Option<Timestamp> {
    use SubscriptionEventType as Type;
    let latest = events_of(events, subscription_id)
        .filter(|event| {
            matches!(event.event_type, Type::Churn | Type::New | Type::Renewal | Type::Reactivation)
        })
        .max_by_key(|event| (event.effective_at, event.event_type != Type::Churn))?;
    (latest.event_type == Type::Churn).then_some(latest.effective_at)
}

/// As [`ended_at`], as far as was known at `as_of`, before which `visible` events were known.
pub(crate) fn ended_before(
    subscription: &Subscription,
    visible: &[SubscriptionEvent],
    as_of: Timestamp,
) -> Option<Timestamp> {
    // What `ended_at` says of the future must not hide a churn that was known.
    let ended_at = subscription.ended_at.filter(|&ended| ended < as_of);
    ended_at.or_else(|| ended_by_events(&subscription.subscription_id, visible))
}

/// Every term that the contract has up to `last`, in order of their ends.
///
/// Terms come from the renewal history and the explicit current term. Where only the current one is known,
/// the earlier ones are rolled back from its start; without an explicit term they roll from the start.
pub(crate) fn periods(
    subscription: &Subscription,
    events: &[SubscriptionEvent],
    last: Timestamp,
) -> Vec<Period> {
    let mut periods = explicit(subscription, events);
    if periods.is_empty() {
        let months = i64::from(subscription.billing_period_months.unwrap_or(1).max(1));
        return rolled(subscription.started_at, months, last);
    }
    periods.sort_by_key(|period| (period.end, period.start));
    periods.dedup_by(|later, earlier| {
        let same = later.end.day() == earlier.end.day();
        earlier.start = if same { earlier.start.min(later.start) } else { earlier.start };
        same
    });
    let first = periods[0];
    let mut earlier = rolled_back(first, subscription.started_at);
    earlier.extend(periods);
    earlier.retain(|period| period.start <= last);
    earlier
}

/// The term that is in force at `at`, as far as `visible` events tell: the one that contains it, else the
/// latest that ended before it (the renewal is overdue). `grace` is in days.
pub(crate) fn in_force(
    subscription: &Subscription,
    visible: &[SubscriptionEvent],
    at: Timestamp,
    grace: i64,
) -> Option<Period> {
    let mut told = told_by_events(subscription, visible);
    told.retain(|period| period.start <= at);
    if let Some(period) = told.iter().filter(|period| at < period.end).min_by_key(|period| period.end) {
        return Some(*period);
    }
    // A renewal that is recorded late shows as overdue; long after, a contract that did not end is taken to have gone on
    // for as long again. Its current term is what is known today, and would tell the renewal before it was known.
    if let Some(latest) = told.iter().max_by_key(|period| period.end) {
        if at < latest.end.plus_days(grace) {
            return Some(*latest);
        }
        return rolled(latest.end, i64::from(latest.months()), at).last().copied().or(Some(*latest));
    }
    let by_contract: Vec<Period> =
        periods(subscription, &[], at).into_iter().filter(|period| period.start <= at).collect();
    let containing = by_contract.iter().find(|period| at < period.end);
    containing.or_else(|| by_contract.last()).copied()
}

fn explicit(subscription: &Subscription, events: &[SubscriptionEvent]) -> Vec<Period> {
    let mut periods = told_by_events(subscription, events);
    if let Some(end) = subscription.current_term_end {
        let before = periods.iter().map(|period| period.end).filter(|&other| other < end).max();
        let by_length = subscription.billing_period_months.map(|months| plus_months(end, -i64::from(months)));
        let start = subscription.current_term_start.or(before).or(by_length);
        let start = start.unwrap_or(subscription.started_at).max(subscription.started_at);
        if start < end {
            periods.push(Period { start, end });
        }
    }
    periods
}

/// The terms that new, renewal, reactivation (they begin one) and churn events (they end one) tell.
fn told_by_events(subscription: &Subscription, events: &[SubscriptionEvent]) -> Vec<Period> {
    use SubscriptionEventType as Type;
    let mut periods: Vec<Period> = Vec::new();
    let mut ends: Vec<Timestamp> = Vec::new();
    for event in events_of(events, &subscription.subscription_id) {
        let Some(end) = event.term_end else { continue };
        match event.event_type {
            Type::New | Type::Renewal | Type::Reactivation if event.effective_at < end => {
                periods.push(Period { start: event.effective_at.max(subscription.started_at), end });
            }
            Type::Churn => ends.push(end),
            _ => {}
        }
    }
    for end in ends {
        if periods.iter().all(|period| period.end.day() != end.day()) {
            let start = periods.iter().map(|period| period.end).filter(|&other| other < end).max();
            let start = start.unwrap_or(subscription.started_at);
            if start < end {
                periods.push(Period { start, end });
            }
        }
    }
    periods.retain(|period| period.start < period.end);
    periods
}

fn rolled(start: Timestamp, months: i64, last: Timestamp) -> Vec<Period> {
    (0..MOST_PERIODS)
        .map(|k| Period { start: plus_months(start, k * months), end: plus_months(start, (k + 1) * months) })
        .take_while(|period| period.start <= last && period.start < period.end)
        .collect()
}

/// The terms before `first`, of the same length, down to the subscription's start.
fn rolled_back(first: Period, started_at: Timestamp) -> Vec<Period> {
    let months = i64::from(first.months());
    let mut periods: Vec<Period> = (0..MOST_PERIODS)
        .map(|k| Period {
            start: plus_months(first.start, -(k + 1) * months).max(started_at),
            end: plus_months(first.start, -k * months),
        })
        .take_while(|period| period.end.plus_days(-1) > started_at)
        .collect();
    periods.reverse();
    periods
}

fn months_between(start: Timestamp, end: Timestamp) -> u32 {
    let months = (end.days_since(start) / DAYS_PER_MONTH).round().clamp(1.0, 1_200.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1–1200")]
    let months = months as u32;
    months
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::testing::{at, event, subscription};

    fn ends(periods: &[Period]) -> Vec<String> {
        periods.iter().map(|period| period.end.to_string()).collect()
    }

    #[test]
    fn monthly_terms_roll_from_the_start_and_keep_the_day() {
        let mut monthly = subscription("s", "2025-01-31");
        monthly.billing_period_months = Some(1);
        let found = periods(&monthly, &[], at("2025-04-15"));
        assert_eq!(ends(&found), ["2025-02-28", "2025-03-31", "2025-04-30"]);
    }

    #[test]
    fn terms_before_the_current_one_are_rolled_back() {
        let mut yearly = subscription("s", "2022-03-01");
        yearly.current_term_start = Some(at("2024-03-01"));
        yearly.current_term_end = Some(at("2025-03-01"));
        let found = periods(&yearly, &[], at("2026-01-01"));
        assert_eq!(ends(&found), ["2023-03-01", "2024-03-01", "2025-03-01"]);
        assert_eq!(found[0].start, at("2022-03-01"));
    }

    #[test]
    fn the_renewal_history_wins_where_it_is_known() {
        use SubscriptionEventType::{New, Renewal};
        let mut told = subscription("s", "2022-01-01");
        told.current_term_start = Some(at("2024-07-01"));
        told.current_term_end = Some(at("2025-07-01"));
        let events = [
            event("s", New, "2022-01-01", Some("2023-01-01")),
            event("s", Renewal, "2023-01-01", Some("2024-07-01")),
        ];
        let found = periods(&told, &events, at("2026-01-01"));
        assert_eq!(ends(&found), ["2023-01-01", "2024-07-01", "2025-07-01"]);
    }

    #[test]
    fn a_renewal_recorded_late_is_overdue_until_then() {
        use SubscriptionEventType::New;
        let mut late = subscription("s", "2023-01-01");
        late.current_term_start = Some(at("2024-01-01"));
        late.current_term_end = Some(at("2025-01-01"));
        let events = [event("s", New, "2023-01-01", Some("2024-01-01"))];
        let ten_days_on = in_force(&late, &events, at("2024-01-11"), 30).unwrap();
        assert_eq!(ten_days_on.end, at("2024-01-01"));
        let later = in_force(&late, &events, at("2024-03-01"), 30).unwrap();
        assert_eq!(later.end, at("2025-01-01"));
        assert_eq!(in_force(&late, &events, at("2025-03-01"), 30).unwrap().end, at("2026-01-01"));
        // What nobody knew by then changes nothing: a renewal for three years, or none at all.
        for today in ["2027-01-01", "2024-01-01"] {
            late.current_term_end = Some(at(today));
            for day in ["2024-01-11", "2024-03-01", "2025-03-01"] {
                let found = in_force(&late, &events, at(day), 30).unwrap();
                late.current_term_end = None;
                assert_eq!(Some(found), in_force(&late, &events, at(day), 30), "{today} {day}");
                late.current_term_end = Some(at(today));
            }
        }
    }

    #[test]
    fn a_churn_event_ends_a_subscription_unless_it_was_revived() {
        use SubscriptionEventType::{Churn, Reactivation};
        let open = subscription("s", "2023-01-01");
        let churn = event("s", Churn, "2023-06-01", None);
        assert_eq!(ended_at(&open, std::slice::from_ref(&churn)), Some(at("2023-06-01")));
        assert_eq!(ended_at(&open, &[churn, event("s", Reactivation, "2023-06-20", None)]), None);
    }
}
