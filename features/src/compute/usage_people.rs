//! Usage by people: how many, how often, who stays, and how much hangs on one of them.

use std::ops::Range;

use super::declared::{Declared, How, Needs};
use super::usage::usage;
use super::usage_window::UsageWindow;
use super::window::{number, ratio};
use crate::history::MutableColumn;
use crate::spec::Dimension;
use crate::spec::Direction::{LowersRisk, RaisesRisk, Unknown};

/// All of them; missing where no row so far names a user.
pub(super) const FEATURES: &[Declared] = &[
    usage("users_7d", "users", LowersRisk, "Distinct users in the last 7 days.", |u| users(u, 0..7)),
    usage("users_14d", "users", LowersRisk, "Distinct users in the last 14 days.", |u| users(u, 0..14)),
    usage("users_prior_14d", "users", Unknown, "Distinct users in the 14 days before the last 14.", |u| {
        users(u, 14..28)
    }),
    usage("users_28d", "users", LowersRisk, "Distinct users in the last 28 days.", |u| users(u, 0..28)),
    usage("users_90d", "users", LowersRisk, "Distinct users in the last 90 days.", |u| users(u, 0..90)),
    usage(
        "users_ratio_28d",
        "ratio",
        LowersRisk,
        "Distinct users in the last 28 days per user in the 28 before.",
        |u| ratio(users(u, 0..28), users(u, 28..56)),
    ),
    usage("daily_users_28d", "users", LowersRisk, "Mean users on a day of use, last 28 days.", daily_users),
    usage(
        "events_per_user_28d",
        "events",
        LowersRisk,
        "Events for each distinct user in the last 28 days.",
        |u| ratio(u.count.sum(0..28), users(u, 0..28)),
    ),
    usage(
        "users_ratio_14d",
        "ratio",
        LowersRisk,
        "Distinct users in the last 14 days per user in the 14 before.",
        |u| ratio(users(u, 0..14), users(u, 14..28)),
    ),
    usage(
        "stickiness_28d",
        "share",
        LowersRisk,
        "Mean daily users over the last 28 days, for each distinct user of them (DAU/MAU).",
        |u| ratio(user_days(u) / 28.0, users(u, 0..28)),
    ),
    usage(
        "weekly_stickiness_28d",
        "share",
        LowersRisk,
        "Distinct users in the last 7 days for each in the last 28 (WAU/MAU).",
        |u| ratio(users(u, 0..7), users(u, 0..28)),
    ),
    usage(
        "user_retention_28d",
        "share",
        LowersRisk,
        "Share of the users of the 28 days before the last 28 who used the product in these again.",
        |u| ratio(both(u, 28..56, 0..28), users(u, 28..56)),
    ),
    usage(
        "users_lost_28d",
        "users",
        RaisesRisk,
        "Users of the 28 days before the last 28 who did not come back in these.",
        |u| users(u, 28..56) - both(u, 28..56, 0..28),
    ),
    usage(
        "users_new_28d",
        "users",
        LowersRisk,
        "Users of the last 28 days who did not use the product in the 152 days before.",
        |u| users(u, 0..28) - both(u, 0..28, 28..180),
    ),
    usage("regular_users_28d", "users", LowersRisk, "Users on at least 8 of the last 28 days.", |u| {
        if u.knows.users { number(u.users().regular(8)) } else { f64::NAN }
    }),
    usage(
        "top_user_share_28d",
        "share",
        RaisesRisk,
        "Share of the days of use of all users in the last 28 days that are those of the busiest one.",
        |u| ratio(number(u.users().most_days()), user_days(u)),
    ),
    Declared::number(
        ("seats_active_share_28d", "share", "Distinct users in the last 28 days for each seat bought."),
        Dimension::Usage,
        LowersRisk,
        Needs::Usage,
        How::View(|view| {
            view.usage.as_ref().map_or(f64::NAN, |u| ratio(users(u, 0..28), view.contract.seats))
        }),
    )
    .of_today(&[MutableColumn::Quantity]),
];

fn users(usage: &UsageWindow<'_>, ages: Range<usize>) -> f64 {
    if !usage.knows.users {
        return f64::NAN;
    }
    number(usage.users().within(&ages))
}

/// The sum over users of their days of use within the last 28.
fn user_days(usage: &UsageWindow<'_>) -> f64 {
    if !usage.knows.users {
        return f64::NAN;
    }
    number(usage.users().days())
}

/// Users with days of use in both.
fn both(usage: &UsageWindow<'_>, some: Range<usize>, others: Range<usize>) -> f64 {
    number(usage.users().within_both(&some, &others))
}

fn daily_users(usage: &UsageWindow<'_>) -> f64 {
    let days = number(usage.count.days(0..28));
    if usage.knows.users {
        ratio(user_days(usage), days)
    } else if usage.knows.active_users {
        ratio(usage.active_users.sum(0..28), days)
    } else {
        f64::NAN
    }
}
