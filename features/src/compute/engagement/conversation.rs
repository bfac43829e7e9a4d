//! Activities and surveys: who talks to whom, how fast the answers come, in which tone.

use std::ops::Range;

use crate::compute::declared::{Declared, How, Needs};
use crate::compute::window::{count, days_since, is_within, mean, median, ratio};
use crate::history::{Activity, ActivityStatus, ActivityType, Initiator, Survey, SurveyKind};
use crate::spec::Dimension;
use crate::spec::Direction::{self, LowersRisk, RaisesRisk, Unknown};
use crate::time::{DAY, Timestamp};

/// The activities known at an observation; at least one.
pub(in crate::compute) struct Activities<'a> {
    pub(in crate::compute) visible: &'a [Activity],
    pub(in crate::compute) as_of: Timestamp,
}

/// The survey answers known at an observation; at least one.
pub(in crate::compute) struct Surveys<'a> {
    visible: &'a [Survey],
    as_of: Timestamp,
}

const fn activity(
    name: &'static str,
    unit: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&Activities<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    Declared::number(
        words,
        Dimension::Engagement,
        direction,
        Needs::Table("activities"),
        How::Activities(value),
    )
}

const fn survey(
    name: &'static str,
    unit: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&Surveys<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    Declared::number(words, Dimension::Engagement, direction, Needs::Table("surveys"), How::Surveys(value))
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
        |a| days_since(a.as_of, a.visible.iter().filter_map(|one| two_way(one, a.as_of))),
    ),
    activity("days_since_qbr", "days", RaisesRisk, "Days since the latest business review held.", |a| {
        days_since(a.as_of, a.reviews().filter(|one| is_held(one)).map(|one| one.occurred_at))
    }),
    activity(
        "days_since_qbr_missed",
        "days",
        Unknown,
        "Days since the latest business review cancelled or missed.",
        |a| days_since(a.as_of, a.reviews().filter(|one| !is_held(one)).map(|one| one.occurred_at)),
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

pub(super) const SURVEYS: &[Declared] = &[
    survey("nps_latest", "score", LowersRisk, "Latest NPS answer (0–10).", |s| {
        s.latest(SurveyKind::Nps, 0)
    }),
    survey("nps_change", "score", LowersRisk, "Latest NPS answer less the one before.", |s| {
        s.latest(SurveyKind::Nps, 0) - s.latest(SurveyKind::Nps, 1)
    }),
    survey("days_since_nps", "days", Unknown, "Days since the latest NPS answer.", |s| {
        days_since(s.as_of, s.of_kind(SurveyKind::Nps).map(|answer| answer.responded_at))
    }),
    survey("csat_latest", "score", LowersRisk, "Latest customer-satisfaction answer.", |s| {
        s.latest(SurveyKind::Csat, 0)
    }),
    survey("ces_latest", "score", Unknown, "Latest customer-effort answer.", |s| {
        s.latest(SurveyKind::Ces, 0)
    }),
    survey("surveys_365d", "answers", LowersRisk, "Survey answers in the last 365 days.", |s| {
        count(s.visible.iter().filter(|answer| is_within(answer.responded_at, s.as_of, &(0..365))))
    }),
];

impl<'a> Activities<'a> {
    /// `None` where no activity is known yet.
    pub(in crate::compute) fn at(activities: &'a [Activity], as_of: Timestamp) -> Option<Self> {
        let visible = &activities[..activities.partition_point(|one| one.visible_at < as_of)];
        (!visible.is_empty()).then_some(Self { visible, as_of })
    }

    /// Activities within `days` before the observation.
    pub(in crate::compute) fn within(&self, days: Range<i64>) -> impl Iterator<Item = &'a Activity> {
        let as_of = self.as_of;
        self.visible.iter().filter(move |one| is_within(one.occurred_at, as_of, &days))
    }

    fn personal(&self, days: Range<i64>) -> impl Iterator<Item = &'a Activity> {
        self.within(days).filter(|one| one.is_automated != Some(true))
    }

    fn reviews(&self) -> impl Iterator<Item = &'a Activity> {
        self.visible.iter().filter(|one| one.activity_type == ActivityType::Qbr)
    }

    fn response_hours(&self, days: Range<i64>) -> f64 {
        let as_of = self.as_of;
        median(self.within(days).filter_map(|one| {
            let hours = one.response_hours?;
            answered_at(one).filter(|&answered| answered < as_of).map(|_| hours)
        }))
    }

    fn sentiment(&self, days: Range<i64>) -> f64 {
        mean(self.within(days).filter_map(|one| one.sentiment))
    }
}

impl<'a> Surveys<'a> {
    /// `None` where no answer is known yet.
    pub(in crate::compute) fn at(surveys: &'a [Survey], as_of: Timestamp) -> Option<Self> {
        let visible = &surveys[..surveys.partition_point(|answer| answer.visible_at < as_of)];
        (!visible.is_empty()).then_some(Self { visible, as_of })
    }

    fn of_kind(&self, kind: SurveyKind) -> impl Iterator<Item = &'a Survey> {
        // A survey without a kind is an NPS: the contract's first.
        self.visible.iter().filter(move |answer| answer.kind.unwrap_or(SurveyKind::Nps) == kind)
    }

    /// The score of the answer `back` before the latest; the lowest of answers given at one time.
    fn latest(&self, kind: SurveyKind, back: usize) -> f64 {
        let mut answers: Vec<&Survey> = self.of_kind(kind).collect();
        answers.sort_by(|a, b| b.responded_at.cmp(&a.responded_at).then(a.score.total_cmp(&b.score)));
        answers.get(back).map_or(f64::NAN, |answer| answer.score)
    }
}

fn is_meeting(one: &Activity) -> bool {
    matches!(one.activity_type, ActivityType::Call | ActivityType::Meeting | ActivityType::Qbr)
}

fn is_held(one: &Activity) -> bool {
    matches!(one.status, None | Some(ActivityStatus::Completed))
}

/// When the customer answered: the hours count from the activity.
fn answered_at(one: &Activity) -> Option<Timestamp> {
    let hours = one.response_hours?;
    #[expect(clippy::cast_possible_truncation, reason = "saturates, which is far in the future")]
    let micros = (hours / 24.0 * DAY_MICROS) as i64;
    Some(one.occurred_at + micros)
}

#[expect(clippy::cast_precision_loss, reason = "exact: below 2^53")]
const DAY_MICROS: f64 = DAY as f64;

/// When both sides took part; `None` for what only we sent.
fn two_way(one: &Activity, as_of: Timestamp) -> Option<Timestamp> {
    if one.is_automated == Some(true) {
        return None;
    }
    let attended = is_held(one)
        && !matches!(one.activity_type, ActivityType::Email | ActivityType::Community)
        && (one.status.is_some() || one.initiated_by.is_none());
    if one.initiated_by == Some(Initiator::Customer) || attended {
        return Some(one.occurred_at);
    }
    answered_at(one).filter(|&answered| answered < as_of)
}
