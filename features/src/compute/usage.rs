//! Usage: how much, how broadly, how recently and on what trend the product is used.

use super::declared::{Declared, How, Needs};
use super::usage_window::UsageWindow;
use super::window::{number, ratio};
use crate::spec::Dimension;
use crate::spec::Direction::{self, LowersRisk, RaisesRisk, Unknown};
use crate::time::Timestamp;

pub(super) const fn usage(
    name: &'static str,
    unit: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&UsageWindow<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    Declared::number(words, Dimension::Usage, direction, Needs::Usage, How::Usage(value))
}

/// How much, how broadly and how recently; people, channels and rhythm stand in rooms of their own, and a
/// history's own event names give the features of single events.
pub(super) const FEATURES: &[Declared] = &[
    usage("events_7d", "events", LowersRisk, "Usage events in the last 7 days.", |u| u.count.sum(0..7)),
    usage("events_14d", "events", LowersRisk, "Usage events in the last 14 days.", |u| u.count.sum(0..14)),
    usage("events_28d", "events", LowersRisk, "Usage events in the last 28 days.", |u| u.count.sum(0..28)),
    usage("events_90d", "events", LowersRisk, "Usage events in the last 90 days.", |u| u.count.sum(0..90)),
    usage("events_prior_14d", "events", Unknown, "Usage events in the 14 days before the last 14.", |u| {
        u.count.sum(14..28)
    }),
    usage("events_prior_28d", "events", Unknown, "Usage events in the 28 days before the last 28.", |u| {
        u.count.sum(28..56)
    }),
    usage(
        "events_ratio_7d",
        "ratio",
        LowersRisk,
        "Events in the last 7 days per event in the 7 before.",
        |u| ratio(u.count.sum(0..7), u.count.sum(7..14)),
    ),
    usage(
        "events_ratio_90d",
        "ratio",
        LowersRisk,
        "Events in the last 90 days per event in the 90 before.",
        |u| ratio(u.count.sum(0..90), u.count.sum(90..180)),
    ),
    usage(
        "events_ratio_14d",
        "ratio",
        LowersRisk,
        "Events in the last 14 days per event in the 14 before.",
        |u| ratio(u.count.sum(0..14), u.count.sum(14..28)),
    ),
    usage(
        "events_ratio_28d",
        "ratio",
        LowersRisk,
        "Events in the last 28 days per event in the 28 before.",
        |u| ratio(u.count.sum(0..28), u.count.sum(28..56)),
    ),
    usage(
        "events_share_7d_of_28d",
        "share",
        LowersRisk,
        "Share of the last 28 days' events that fell in the last 7.",
        |u| ratio(u.count.sum(0..7), u.count.sum(0..28)),
    ),
    usage(
        "events_slope_8w",
        "per week",
        LowersRisk,
        "Linear trend of weekly events over 8 weeks, relative to their mean.",
        slope,
    ),
    usage(
        "events_volatility_28d",
        "ratio",
        Unknown,
        "Standard deviation of daily events over 28 days, relative to their mean.",
        volatility,
    ),
    usage("events_per_active_day_28d", "events", LowersRisk, "Events on a day of use, last 28 days.", |u| {
        ratio(u.count.sum(0..28), number(u.count.days(0..28)))
    }),
    usage("active_days_7d", "days", LowersRisk, "Days with any use in the last 7.", |u| {
        number(u.count.days(0..7))
    }),
    usage("active_days_28d", "days", LowersRisk, "Days with any use in the last 28.", |u| {
        number(u.count.days(0..28))
    }),
    usage("active_days_90d", "days", LowersRisk, "Days with any use in the last 90.", |u| {
        number(u.count.days(0..90))
    }),
    usage(
        "active_days_change_28d",
        "days",
        LowersRisk,
        "Days with any use in the last 28, less those in the 28 before.",
        |u| number(u.count.days(0..28)) - number(u.count.days(28..56)),
    ),
    usage(
        "active_days_share",
        "share",
        LowersRisk,
        "Share of the days since first use, at most 90, with any use.",
        |u| ratio(number(u.count.days(0..90)), u.as_of.days_since(u.first).clamp(1.0, 90.0)),
    ),
    usage("days_since_last_use", "days", RaisesRisk, "Days since the latest use.", |u| {
        u.as_of.days_since(u.last)
    }),
    usage("days_since_first_use", "days", Unknown, "Days since the first use ever.", |u| {
        u.as_of.days_since(u.first)
    }),
    usage(
        "longest_gap_90d",
        "days",
        RaisesRisk,
        "Longest stretch without use in the last 90 days, since first use.",
        |u| longest(u, false),
    ),
    usage(
        "longest_streak_90d",
        "days",
        LowersRisk,
        "Longest stretch of daily use in the last 90 days.",
        |u| longest(u, true),
    ),
    usage("current_streak", "days", LowersRisk, "Days of daily use up to the observation.", |u| {
        number((0..90).take_while(|&age| u.count.at(age) > 0.0).count())
    }),
    usage("distinct_events_14d", "events", LowersRisk, "Distinct events used in the last 14 days.", |u| {
        distinct(u, 0..14)
    }),
    usage(
        "distinct_events_prior_14d",
        "events",
        Unknown,
        "Distinct events used in the 14 days before the last 14.",
        |u| distinct(u, 14..28),
    ),
    usage("distinct_events_28d", "events", LowersRisk, "Distinct events used in the last 28 days.", |u| {
        distinct(u, 0..28)
    }),
    usage("distinct_events_90d", "events", LowersRisk, "Distinct events used in the last 90 days.", |u| {
        distinct(u, 0..90)
    }),
    usage(
        "breadth_share_28d",
        "share",
        LowersRisk,
        "Share of the events the account ever used that it used in the last 28 days.",
        |u| ratio(distinct(u, 0..28), number(u.events().count())),
    ),
    usage(
        "events_per_distinct_event_28d",
        "events",
        LowersRisk,
        "Events for each distinct event in the last 28 days: depth against breadth.",
        |u| ratio(u.count.sum(0..28), distinct(u, 0..28)),
    ),
    usage(
        "features_in_use_28d",
        "events",
        LowersRisk,
        "Distinct events used on at least 3 of the last 28 days.",
        |u| number(u.event_days().regular(3)),
    ),
    usage(
        "days_since_new_event",
        "days",
        RaisesRisk,
        "Days since an event was used for the first time.",
        |u| {
            let newest = u.events().map(|event| event.first).max();
            newest.map_or(f64::NAN, |newest| u.as_of.days_since(newest))
        },
    ),
    usage(
        "new_events_28d",
        "events",
        LowersRisk,
        "Events used for the first time in the last 28 days.",
        |u| number(u.events().filter(|event| is_new(event.first, u)).count()),
    ),
    usage(
        "adopted_events_28d",
        "events",
        LowersRisk,
        "Events first used in the last 28 days, after the account's first week, on at least 3 days.",
        |u| {
            let later = |first: Timestamp| is_new(first, u) && first >= u.first.plus_days(7);
            number(u.events().filter(|event| later(event.first) && event.days.count(0..28) >= 3).count())
        },
    ),
    usage(
        "abandoned_events_28d",
        "events",
        RaisesRisk,
        "Events used in the 62 days before the last 28 and not since.",
        |u| distinct(u, 28..90) - number(u.event_days().within_both(&(28..90), &(0..28))),
    ),
    usage("value_7d", "value", LowersRisk, "Sum of the quantities that events carry, last 7 days.", |u| {
        valued(u, 0..7)
    }),
    usage("value_90d", "value", LowersRisk, "Sum of the quantities that events carry, last 90 days.", |u| {
        valued(u, 0..90)
    }),
    usage(
        "value_per_event_28d",
        "value",
        Unknown,
        "Quantity carried by an event, over the last 28 days.",
        |u| ratio(valued(u, 0..28), u.count.sum(0..28)),
    ),
    usage("value_28d", "value", LowersRisk, "Sum of the quantities that events carry, last 28 days.", |u| {
        valued(u, 0..28)
    }),
    usage(
        "value_ratio_28d",
        "ratio",
        LowersRisk,
        "Sum of quantities in the last 28 days per unit in the 28 before.",
        |u| ratio(valued(u, 0..28), valued(u, 28..56)),
    ),
];

fn distinct(usage: &UsageWindow<'_>, ages: std::ops::Range<usize>) -> f64 {
    number(usage.event_days().within(&ages))
}

fn valued(usage: &UsageWindow<'_>, ages: std::ops::Range<usize>) -> f64 {
    if usage.knows.values { usage.value.sum(ages) } else { f64::NAN }
}

fn is_new(first: Timestamp, usage: &UsageWindow<'_>) -> bool {
    first >= usage.until.plus_days(-28)
}

/// Least-squares slope of the weekly sums, oldest first, over their mean.
fn slope(usage: &UsageWindow<'_>) -> f64 {
    let weeks: Vec<f64> = (0..8).rev().map(|week| usage.count.sum(week * 7..week * 7 + 7)).collect();
    let mean = weeks.iter().sum::<f64>() / 8.0;
    // Σ (x − 3.5)² over the weeks 0–7 is 42.
    let covariance: f64 = weeks.iter().enumerate().map(|(x, y)| (number(x) - 3.5) * (y - mean)).sum();
    ratio(covariance / 42.0, mean)
}

fn volatility(usage: &UsageWindow<'_>) -> f64 {
    let mean = usage.count.sum(0..28) / 28.0;
    let variance = (0..28).map(|age| (usage.count.at(age) - mean).powi(2)).sum::<f64>() / 28.0;
    ratio(variance.sqrt(), mean)
}

/// The longest stretch of days with (`used`) or without use, from the first use, at most 90 days back.
fn longest(usage: &UsageWindow<'_>, used: bool) -> f64 {
    let (mut longest, mut current) = (0_usize, 0_usize);
    for age in (0..90).filter(|&age| usage.first < usage.until.plus_days(-age)) {
        let active = usize::try_from(age).is_ok_and(|age| usage.count.at(age) > 0.0);
        current = if active == used { current + 1 } else { 0 };
        longest = longest.max(current);
    }
    number(longest)
}
