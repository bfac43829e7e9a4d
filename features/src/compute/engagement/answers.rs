//! Answers: whether the customer writes, answers what we write, or falls silent; and in which tone.

use super::activities::Tally;
use super::conversation::activity;
use super::meetings::of_used;
use crate::compute::declared::Declared;
use crate::compute::window::{count, ratio, slope};
use crate::history::Activity;
use crate::spec::Direction::{LowersRisk, RaisesRisk, Unknown};

/// Days in a month, for slopes.
const MONTH: f64 = 30.0;

pub(super) const ANSWERS: &[Declared] = &[
    activity(
        "emails_answered_share_28d",
        "share",
        LowersRisk,
        "Share of the e-mails that we wrote by hand in the last 28 days that were answered.",
        |a| answered(&a.seen().last_28),
    ),
    activity(
        "emails_answered_share_90d",
        "share",
        LowersRisk,
        "Share of the e-mails that we wrote by hand in the last 90 days that were answered.",
        |a| answered(&a.seen().last_90),
    ),
    activity(
        "emails_answered_share_change_90d",
        "share",
        LowersRisk,
        "That share in the last 90 days less that in the 90 before.",
        |a| answered(&a.seen().last_90) - answered(&a.seen().prior_90),
    ),
    activity(
        "response_hours_90d",
        "hours",
        RaisesRisk,
        "Median hours until the customer answered, last 90 days.",
        |a| a.response_hours(0..90),
    ),
    activity(
        "outreach_28d",
        "activities",
        Unknown,
        "E-mails, calls and meetings that we began by hand in the last 28 days; missing where there never was any.",
        |a| of_used(a.seen().ever.outreach, a.seen().last_28.outreach),
    ),
    activity(
        "outreach_90d",
        "activities",
        Unknown,
        "E-mails, calls and meetings that we began by hand in the last 90 days; missing where there never was any.",
        |a| of_used(a.seen().ever.outreach, a.seen().last_90.outreach),
    ),
    activity(
        "outreach_unanswered",
        "activities",
        RaisesRisk,
        "E-mails, calls and meetings that we began by hand since the latest two-way contact; missing where we never began any.",
        |a| if a.seen().ever.outreach > 0 { count(a.unanswered()) } else { f64::NAN },
    ),
    activity(
        "days_unanswered",
        "days",
        RaisesRisk,
        "Days since the first of those; 0 where nothing waits for an answer.",
        |a| {
            let first = a.unanswered().map(|one| one.occurred_at).min();
            let waiting = first.map_or(0.0, |first| a.as_of.days_since(first));
            if a.seen().ever.outreach > 0 { waiting } else { f64::NAN }
        },
    ),
    activity(
        "days_since_customer_wrote",
        "days",
        RaisesRisk,
        "Days since the customer last wrote an e-mail or answered one.",
        |a| a.days_since(a.seen().wrote),
    ),
    activity(
        "emails_from_customer_28d",
        "e-mails",
        LowersRisk,
        "E-mails that the customer began in the last 28 days; missing where there never was any.",
        |a| of_used(a.seen().ever.emails_theirs, a.seen().last_28.emails_theirs),
    ),
    activity(
        "emails_from_customer_90d",
        "e-mails",
        LowersRisk,
        "E-mails that the customer began in the last 90 days; missing where there never was any.",
        |a| of_used(a.seen().ever.emails_theirs, a.seen().last_90.emails_theirs),
    ),
    activity(
        "emails_from_customer_ratio_90d",
        "ratio",
        LowersRisk,
        "E-mails that the customer began in the last 90 days for each in the 90 before.",
        |a| ratio(a.seen().last_90.emails_theirs.into(), a.seen().prior_90.emails_theirs.into()),
    ),
    activity(
        "customer_initiated_share_28d",
        "share",
        LowersRisk,
        "Share of the last 28 days' activities that the customer began.",
        |a| initiated(&a.seen().last_28),
    ),
    activity(
        "customer_initiated_share_change_90d",
        "share",
        LowersRisk,
        "Share of the last 90 days' activities that the customer began, less that of the 90 days before.",
        |a| initiated(&a.seen().last_90) - initiated(&a.seen().prior_90),
    ),
    activity(
        "two_way_contacts_28d",
        "contacts",
        LowersRisk,
        "Held meetings, answers and contacts the customer began, in the last 28 days; missing where there never was any.",
        |a| of_used(a.seen().ever.two_way, a.seen().last_28.two_way),
    ),
    activity(
        "two_way_contacts_90d",
        "contacts",
        LowersRisk,
        "Held meetings, answers and contacts the customer began, in the last 90 days; missing where there never was any.",
        |a| of_used(a.seen().ever.two_way, a.seen().last_90.two_way),
    ),
    activity(
        "two_way_contacts_ratio_90d",
        "ratio",
        LowersRisk,
        "Such contacts in the last 90 days for each in the 90 before.",
        |a| ratio(a.seen().last_90.two_way.into(), a.seen().prior_90.two_way.into()),
    ),
    activity(
        "two_way_weeks_12w",
        "weeks",
        LowersRisk,
        "Weeks of the last 12 with two-way contact; missing where there never was any.",
        |a| of_used(a.seen().ever.two_way, a.seen().two_way_weeks.count_ones()),
    ),
    activity(
        "sentiment_latest",
        "score",
        LowersRisk,
        "Sentiment of the latest activity that tells one.",
        |a| a.seen().tone.map_or(f64::NAN, |(_, tone)| tone),
    ),
    activity(
        "sentiment_90d",
        "score",
        LowersRisk,
        "Mean sentiment (−1 to 1) of the last 90 days' activities.",
        |a| a.sentiment(0..90),
    ),
    activity(
        "sentiment_lowest_90d",
        "score",
        LowersRisk,
        "Lowest sentiment of the last 90 days' activities.",
        |a| a.seen().last_90.tone_lowest.unwrap_or(f64::NAN),
    ),
    activity(
        "sentiment_negative_share_90d",
        "share",
        RaisesRisk,
        "Share of the sentiments of the last 90 days that are below 0.",
        |a| ratio(a.seen().last_90.tones_negative.into(), a.seen().last_90.tones.into()),
    ),
    activity(
        "sentiment_slope_180d",
        "per month",
        LowersRisk,
        "Linear trend of the sentiments of the last 180 days, over 30 days; missing below 3 of them.",
        |a| {
            let months = |one: &Activity| -a.as_of.days_since(one.occurred_at) / MONTH;
            let points: Vec<(f64, f64)> =
                a.within(0..180).filter_map(|one| Some((months(one), one.sentiment?))).collect();
            slope(&points)
        },
    ),
];

fn answered(tally: &Tally) -> f64 {
    ratio(tally.emails_answered.into(), tally.emails_ours.into())
}

fn initiated(tally: &Tally) -> f64 {
    ratio(tally.by_customer.into(), tally.initiator_told.into())
}
