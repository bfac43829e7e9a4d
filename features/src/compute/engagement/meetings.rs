//! Meetings, business reviews, trainings and the community: who comes, and when last.

use super::activities::Tally;
use super::conversation::activity;
use crate::compute::declared::Declared;
use crate::compute::window::ratio;
use crate::spec::Direction::{LowersRisk, RaisesRisk, Unknown};

pub(super) const MEETINGS: &[Declared] = &[
    activity(
        "meeting_attendance_90d",
        "share",
        LowersRisk,
        "Share of calls, meetings and reviews of the last 90 days that were held.",
        |a| attendance(&a.seen().last_90),
    ),
    activity(
        "meeting_attendance_change_90d",
        "share",
        LowersRisk,
        "That share in the last 90 days less that in the 90 before.",
        |a| attendance(&a.seen().last_90) - attendance(&a.seen().prior_90),
    ),
    activity(
        "meetings_ratio_90d",
        "ratio",
        LowersRisk,
        "Calls, meetings and reviews held in the last 90 days for each in the 90 before.",
        |a| ratio(a.seen().last_90.meetings_held.into(), a.seen().prior_90.meetings_held.into()),
    ),
    activity(
        "days_since_meeting",
        "days",
        RaisesRisk,
        "Days since the latest call, meeting or review held.",
        |a| a.days_since(a.seen().meeting_held),
    ),
    activity(
        "meetings_missed_in_a_row",
        "meetings",
        RaisesRisk,
        "Calls, meetings and reviews cancelled or missed since the latest held one; missing where there never was any.",
        |a| if a.seen().ever.meetings > 0 { a.missed_in_a_row() } else { f64::NAN },
    ),
    activity(
        "qbrs_365d",
        "reviews",
        LowersRisk,
        "Business reviews held in the last 365 days; missing where there never was any.",
        |a| of_used(a.seen().ever.reviews, a.seen().last_365.reviews_held),
    ),
    activity(
        "qbr_attendance_365d",
        "share",
        LowersRisk,
        "Share of the business reviews of the last 365 days that were held.",
        |a| ratio(a.seen().last_365.reviews_held.into(), a.seen().last_365.reviews.into()),
    ),
    activity(
        "trainings_365d",
        "trainings",
        LowersRisk,
        "Trainings and webinars attended in the last 365 days; missing where there never was any.",
        |a| of_used(a.seen().ever.lessons, a.seen().last_365.lessons_held),
    ),
    activity(
        "training_attendance_365d",
        "share",
        LowersRisk,
        "Share of the trainings and webinars of the last 365 days that were attended.",
        |a| ratio(a.seen().last_365.lessons_held.into(), a.seen().last_365.lessons.into()),
    ),
    activity(
        "days_since_training",
        "days",
        RaisesRisk,
        "Days since the latest training or webinar attended.",
        |a| a.days_since(a.seen().taught),
    ),
    activity(
        "community_28d",
        "posts",
        LowersRisk,
        "Community activities in the last 28 days; missing where there never was any.",
        |a| of_used(a.seen().ever.community, a.seen().last_28.community),
    ),
    activity(
        "community_ratio_90d",
        "ratio",
        LowersRisk,
        "Community activities in the last 90 days for each in the 90 before.",
        |a| ratio(a.seen().last_90.community.into(), a.seen().prior_90.community.into()),
    ),
    activity("days_since_community", "days", RaisesRisk, "Days since the latest community activity.", |a| {
        a.days_since(a.seen().posted)
    }),
    activity(
        "automated_share_90d",
        "share",
        Unknown,
        "Share of the last 90 days' activities that a machine sent.",
        |a| ratio(a.seen().last_90.automated.into(), a.seen().last_90.all.into()),
    ),
];

fn attendance(tally: &Tally) -> f64 {
    ratio(tally.meetings_held.into(), tally.meetings.into())
}

/// The number, where the account ever used the channel.
pub(super) fn of_used(ever: u32, number: u32) -> f64 {
    if ever > 0 { number.into() } else { f64::NAN }
}
