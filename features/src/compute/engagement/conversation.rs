//! Activities: how much is done together, how fast the answers come, in which tone.

use super::activities::{Activities, is_held, is_meeting};
use crate::compute::declared::{Declared, How, Needs};
use crate::compute::window::{count, ratio};
use crate::history::{Activity, ActivityType};
use crate::spec::Dimension;
use crate::spec::Direction::{self, LowersRisk, RaisesRisk, Unknown};

/// A feature of `activities`.
pub(super) const fn activity(
    name: &'static str,
    unit: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&Activities<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    let needs = Needs::Table("activities");
    Declared::number(words, Dimension::Engagement, direction, needs, How::Activities(value))
}

pub(super) const ACTIVITIES: &[Declared] = &[
    activity(
        "activities_28d",
        "activities",
        LowersRisk,
        "Activities that no machine sent in the last 28 days.",
        |a| count(a.personal(0..28)),
    ),
    activity(
        "activities_90d",
        "activities",
        LowersRisk,
        "Activities that no machine sent in the last 90 days.",
        |a| count(a.personal(0..90)),
    ),
    activity(
        "activities_ratio_28d",
        "ratio",
        LowersRisk,
        "Such activities in the last 28 days for each in the 28 before.",
        |a| ratio(count(a.personal(0..28)), count(a.personal(28..56))),
    ),
    activity("emails_28d", "e-mails", LowersRisk, "E-mails that no machine sent in the last 28 days.", |a| {
        count(a.personal(0..28).filter(|one| one.activity_type == ActivityType::Email))
    }),
    activity(
        "meetings_90d",
        "meetings",
        LowersRisk,
        "Calls, meetings and business reviews held in the last 90 days.",
        |a| count(a.within(0..90).filter(|one| is_meeting(one) && is_held(one))),
    ),
    activity(
        "no_shows_90d",
        "meetings",
        RaisesRisk,
        "Calls, meetings and reviews cancelled or missed in the last 90 days.",
        |a| count(a.within(0..90).filter(|one| is_meeting(one) && !is_held(one))),
    ),
    activity(
        "no_show_share_180d",
        "share",
        RaisesRisk,
        "Share of calls, meetings and reviews of the last 180 days that were cancelled or missed.",
        |a| {
            let planned = || a.within(0..180).filter(|one| is_meeting(one));
            ratio(count(planned().filter(|one| !is_held(one))), count(planned()))
        },
    ),
    activity(
        "trainings_180d",
        "trainings",
        LowersRisk,
        "Trainings and webinars attended in the last 180 days.",
        |a| {
            let taught =
                |one: &&Activity| matches!(one.activity_type, ActivityType::Training | ActivityType::Webinar);
            count(a.within(0..180).filter(|one| taught(one) && is_held(one)))
        },
    ),
    activity("community_90d", "posts", LowersRisk, "Community activities in the last 90 days.", |a| {
        count(a.within(0..90).filter(|one| one.activity_type == ActivityType::Community))
    }),
    activity(
        "days_since_two_way_contact",
        "days",
        RaisesRisk,
        "Days since a held meeting, an answer or anything the customer began.",
        |a| a.days_since(a.seen().two_way),
    ),
    activity("days_since_qbr", "days", RaisesRisk, "Days since the latest business review held.", |a| {
        a.days_since(a.seen().review_held)
    }),
    activity(
        "days_since_qbr_missed",
        "days",
        Unknown,
        "Days since the latest business review cancelled or missed.",
        |a| a.days_since(a.seen().review_missed),
    ),
    activity(
        "response_hours_28d",
        "hours",
        RaisesRisk,
        "Median hours until the customer answered, last 28 days.",
        |a| a.response_hours(0..28),
    ),
    activity(
        "response_hours_prior_90d",
        "hours",
        Unknown,
        "Median hours until the customer answered, in the 90 days before the last 28.",
        |a| a.response_hours(28..118),
    ),
    activity(
        "response_ratio_28d",
        "ratio",
        RaisesRisk,
        "Median hours to an answer in the last 28 days, over those in the 90 before.",
        |a| ratio(a.response_hours(0..28), a.response_hours(28..118)),
    ),
    activity(
        "sentiment_28d",
        "score",
        LowersRisk,
        "Mean sentiment (−1 to 1) of the last 28 days' activities.",
        |a| a.sentiment(0..28),
    ),
    activity(
        "sentiment_prior_90d",
        "score",
        Unknown,
        "Mean sentiment of the activities in the 90 days before the last 28.",
        |a| a.sentiment(28..118),
    ),
    activity(
        "sentiment_change_28d",
        "score",
        LowersRisk,
        "Mean sentiment of the last 28 days less that of the 90 before.",
        |a| a.sentiment(0..28) - a.sentiment(28..118),
    ),
];
