//! Usage by channel and by rhythm: how the product is reached, and how the last days compare with the usual.

use super::declared::Declared;
use super::usage::usage;
use super::usage_window::UsageWindow;
use super::window::{number, ratio};
use crate::history::Channel;
use crate::spec::Direction::{LowersRisk, RaisesRisk, Unknown};

/// All of them. A channel that the account never used is missing, not zero.
pub(super) const FEATURES: &[Declared] = &[
    usage(
        "api_share_28d",
        "share",
        Unknown,
        "Share of the last 28 days' events that came through the API or an integration.",
        |u| {
            let machines = u.through(MACHINES, 0..28);
            let any = if u.knows.channels.contains(&true) { 0.0 } else { f64::NAN };
            ratio(if machines.is_nan() { any } else { machines }, u.count.sum(0..28))
        },
    ),
    usage(
        "interactive_events_28d",
        "events",
        LowersRisk,
        "Events through the user interface or a mobile device in the last 28 days; missing where there never were any.",
        |u| u.through(&[Channel::Ui, Channel::Mobile], 0..28),
    ),
    usage(
        "ui_events_28d",
        "events",
        LowersRisk,
        "Events through the user interface in the last 28 days.",
        |u| u.through(&[Channel::Ui], 0..28),
    ),
    usage("mobile_events_28d", "events", LowersRisk, "Events on a mobile device in the last 28 days.", |u| {
        u.through(&[Channel::Mobile], 0..28)
    }),
    usage("api_events_28d", "events", LowersRisk, "Events through the API in the last 28 days.", |u| {
        u.through(&[Channel::Api], 0..28)
    }),
    usage(
        "integration_events_28d",
        "events",
        LowersRisk,
        "Events through an integration in the last 28 days.",
        |u| u.through(&[Channel::Integration], 0..28),
    ),
    usage(
        "interactive_ratio_28d",
        "ratio",
        LowersRisk,
        "Events through the user interface or a mobile device in the last 28 days per event in the 28 before.",
        |u| {
            let people = &[Channel::Ui, Channel::Mobile];
            ratio(u.through(people, 0..28), u.through(people, 28..56))
        },
    ),
    usage(
        "api_ratio_28d",
        "ratio",
        LowersRisk,
        "Events through the API or an integration in the last 28 days per event in the 28 before.",
        |u| ratio(u.through(MACHINES, 0..28), u.through(MACHINES, 28..56)),
    ),
    usage("channels_28d", "channels", LowersRisk, "Distinct channels used in the last 28 days.", |u| {
        if u.knows.channels.contains(&true) {
            number(u.channels.iter().filter(|daily| daily.sum(0..28) > 0.0).count())
        } else {
            f64::NAN
        }
    }),
    usage(
        "busiest_day_events_28d",
        "events",
        Unknown,
        "Largest number of events on one of the last 28 days.",
        |u| u.count.max(0..28),
    ),
    usage(
        "events_of_best_28d",
        "share",
        LowersRisk,
        "Events in the last 28 days as a share of the best 28 days in a row among the last 168, in steps of 28.",
        |u| {
            let blocks = (0..6).map(|block| u.count.sum(block * 28..block * 28 + 28));
            ratio(u.count.sum(0..28), blocks.fold(0.0, f64::max))
        },
    ),
    usage(
        "weekday_change_7d",
        "ratio",
        LowersRisk,
        "Mean over the last 7 days of the day's events against the mean of the same weekday in the four weeks before: (day − usual) / (day + usual), −1 to 1; days with neither count as 0.",
        |u| (0..7).map(|age| contrast(u.count.at(age), usual(u, age))).sum::<f64>() / 7.0,
    ),
    usage(
        "days_below_usual_7d",
        "days",
        RaisesRisk,
        "Days of the last 7 with less than half of the usual events of their weekday in the four weeks before.",
        |u| number((0..7).filter(|&age| u.count.at(age) < usual(u, age) / 2.0).count()),
    ),
    usage(
        "active_days_rhythm_28d",
        "share",
        LowersRisk,
        "Share of the weekdays used in the four weeks before the last 7 days that were used in these too.",
        |u| {
            let used = || (0..7).filter(|&age| usual(u, age) > 0.0);
            ratio(number(used().filter(|&age| u.count.at(age) > 0.0).count()), number(used().count()))
        },
    ),
    usage(
        "events_stall_weeks",
        "weeks",
        RaisesRisk,
        "Weeks in a row, of the last 12, with fewer events than the week before each; 0 while usage holds.",
        |u| {
            let week = |back: usize| u.count.sum(back * 7..back * 7 + 7);
            number((0..12).take_while(|&back| week(back) < week(back + 1)).count())
        },
    ),
];

/// Channels without a person behind each event.
const MACHINES: &[Channel] = &[Channel::Api, Channel::Integration];

/// The mean of the same weekday in the four weeks before the last.
fn usual(usage: &UsageWindow<'_>, age: usize) -> f64 {
    (1..5).map(|week| usage.count.at(age + 7 * week)).sum::<f64>() / 4.0
}

/// How two amounts differ, −1 to 1.
fn contrast(now: f64, before: f64) -> f64 {
    if now + before > 0.0 { (now - before) / (now + before) } else { 0.0 }
}
