//! Surveys: what the customers say when asked, and whether they still answer.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::compute::declared::{Declared, How, Needs};
use crate::compute::window::{
    count, days_since, flag, is_within, mean, median, number, ratio, recent, slope,
};
use crate::history::{Survey, SurveyKind};
use crate::spec::Dimension;
use crate::spec::Direction::{self, LowersRisk, RaisesRisk, Unknown};
use crate::time::Timestamp;

/// Answers from which on, and up to which, who answers is called a promoter or a detractor: the scale of NPS.
const PROMOTES_FROM: f64 = 9.0;
const DETRACTS_TO: f64 = 6.0;

/// The survey answers known at an observation; at least one.
pub(in crate::compute) struct Surveys<'a> {
    visible: &'a [Survey],
    as_of: Timestamp,
    nps_of_contacts: OnceCell<BTreeMap<&'a str, f64>>,
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
    survey("nps_mean_365d", "score", LowersRisk, "Mean NPS answer of the last 365 days.", |s| {
        mean(s.scores(SurveyKind::Nps, 365))
    }),
    survey("nps_lowest_365d", "score", LowersRisk, "Lowest NPS answer of the last 365 days.", |s| {
        s.scores(SurveyKind::Nps, 365).reduce(f64::min).unwrap_or(f64::NAN)
    }),
    survey(
        "nps_trend",
        "score",
        LowersRisk,
        "Linear trend of the last four NPS answers, from one to the next; missing below 3 answers.",
        |s| s.trend(SurveyKind::Nps),
    ),
    survey(
        "nps_answers_365d",
        "answers",
        LowersRisk,
        "NPS answers of the last 365 days; missing where there never was any.",
        |s| s.answers(SurveyKind::Nps, 365),
    ),
    survey(
        "promoters_365d",
        "answers",
        LowersRisk,
        "NPS answers of 9 or 10 in the last 365 days; missing where no NPS answer was ever given.",
        |s| s.counted(SurveyKind::Nps, is_promoter),
    ),
    survey(
        "detractors_365d",
        "answers",
        RaisesRisk,
        "NPS answers of 0 to 6 in the last 365 days; missing where no NPS answer was ever given.",
        |s| s.counted(SurveyKind::Nps, is_detractor),
    ),
    survey(
        "promoter_share_365d",
        "share",
        LowersRisk,
        "Share of the NPS answers of the last 365 days that are 9 or 10.",
        |s| mean(s.scores(SurveyKind::Nps, 365).map(|score| flag(is_promoter(score)))),
    ),
    survey(
        "detractor_share_365d",
        "share",
        RaisesRisk,
        "Share of the NPS answers of the last 365 days that are 0 to 6.",
        |s| mean(s.scores(SurveyKind::Nps, 365).map(|score| flag(is_detractor(score)))),
    ),
    survey(
        "csat_mean_180d",
        "score",
        LowersRisk,
        "Mean customer-satisfaction answer of the last 180 days.",
        |s| mean(s.scores(SurveyKind::Csat, 180)),
    ),
    survey(
        "csat_change",
        "score",
        LowersRisk,
        "Latest customer-satisfaction answer less the one before.",
        |s| s.latest(SurveyKind::Csat, 0) - s.latest(SurveyKind::Csat, 1),
    ),
    survey(
        "csat_trend",
        "score",
        LowersRisk,
        "Linear trend of the last four customer-satisfaction answers, from one to the next; missing below 3 answers.",
        |s| s.trend(SurveyKind::Csat),
    ),
    survey(
        "csat_answers_365d",
        "answers",
        LowersRisk,
        "Customer-satisfaction answers of the last 365 days; missing where there never was any.",
        |s| s.answers(SurveyKind::Csat, 365),
    ),
    survey("days_since_csat", "days", Unknown, "Days since the latest customer-satisfaction answer.", |s| {
        days_since(s.as_of, s.of_kind(SurveyKind::Csat).map(|answer| answer.responded_at))
    }),
    survey("ces_mean_365d", "score", Unknown, "Mean customer-effort answer of the last 365 days.", |s| {
        mean(s.scores(SurveyKind::Ces, 365))
    }),
    survey("days_since_survey", "days", Unknown, "Days since the latest answer of any kind.", |s| {
        days_since(s.as_of, s.visible.iter().map(|answer| answer.responded_at))
    }),
    survey(
        "survey_silence_ratio",
        "ratio",
        RaisesRisk,
        "Days since the latest answer of any kind, over the median days between the days of answers; well above 1 the customer no longer answers. Missing below 3 such days.",
        |s| s.silence(),
    ),
    survey(
        "survey_respondents_365d",
        "people",
        LowersRisk,
        "Distinct contacts who answered in the last 365 days; missing where no answer names who gave it.",
        |s| s.respondents(),
    ),
];

impl<'a> Surveys<'a> {
    /// `None` where no answer is known yet.
    pub(in crate::compute) fn at(surveys: &'a [Survey], as_of: Timestamp) -> Option<Self> {
        let visible = &surveys[..surveys.partition_point(|answer| answer.visible_at < as_of)];
        (!visible.is_empty()).then_some(Self { visible, as_of, nps_of_contacts: OnceCell::new() })
    }

    fn of_kind(&self, kind: SurveyKind) -> impl Iterator<Item = &'a Survey> {
        self.visible.iter().filter(move |answer| kind_of(answer) == kind)
    }

    /// Answers within the last `days`.
    fn within(&self, days: i64) -> impl Iterator<Item = &'a Survey> {
        let (visible, as_of): (&'a [Survey], _) = (self.visible, self.as_of);
        recent(visible, as_of, days, |answer| answer.visible_at)
            .iter()
            .filter(move |answer| is_within(answer.responded_at, as_of, &(0..days)))
    }

    fn scores(&self, kind: SurveyKind, days: i64) -> impl Iterator<Item = f64> {
        self.within(days).filter(move |answer| kind_of(answer) == kind).map(|answer| answer.score)
    }

    /// The scores within a year that are such; NaN where nobody ever answered.
    fn counted(&self, kind: SurveyKind, is_such: fn(f64) -> bool) -> f64 {
        let ever = self.of_kind(kind).next().is_some();
        if ever { count(self.scores(kind, 365).filter(|&score| is_such(score))) } else { f64::NAN }
    }

    fn answers(&self, kind: SurveyKind, days: i64) -> f64 {
        let ever = self.of_kind(kind).next().is_some();
        if ever { count(self.scores(kind, days)) } else { f64::NAN }
    }

    fn trend(&self, kind: SurveyKind) -> f64 {
        let mut last: Vec<(Timestamp, f64)> =
            self.of_kind(kind).map(|answer| (answer.responded_at, answer.score)).collect();
        last.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let from = last.len().saturating_sub(4);
        let points: Vec<(f64, f64)> =
            last[from..].iter().enumerate().map(|(place, (_, score))| (number(place), *score)).collect();
        slope(&points)
    }

    fn silence(&self) -> f64 {
        let days: BTreeSet<i64> = self.visible.iter().map(|answer| answer.responded_at.day()).collect();
        if days.len() < 3 {
            return f64::NAN;
        }
        let days: Vec<f64> = days.into_iter().map(whole).collect();
        let usual = median(days.windows(2).map(|pair| pair[1] - pair[0]));
        ratio(days_since(self.as_of, self.visible.iter().map(|answer| answer.responded_at)), usual)
    }

    fn respondents(&self) -> f64 {
        if self.visible.iter().all(|answer| answer.contact_id.is_none()) {
            return f64::NAN;
        }
        number(
            self.within(365).filter_map(|answer| answer.contact_id.as_deref()).collect::<BTreeSet<_>>().len(),
        )
    }

    /// The latest NPS answer of each contact who gave one within the last 365 days; the lowest of answers
    /// given at one time.
    pub(in crate::compute) fn nps_of_contacts(&self) -> &BTreeMap<&'a str, f64> {
        self.nps_of_contacts.get_or_init(|| self.latest_nps())
    }

    fn latest_nps(&self) -> BTreeMap<&'a str, f64> {
        let mut latest: BTreeMap<&str, (Timestamp, f64)> = BTreeMap::new();
        for answer in self.within(365).filter(|answer| kind_of(answer) == SurveyKind::Nps) {
            let Some(contact) = answer.contact_id.as_deref() else { continue };
            let (at, score) = (answer.responded_at, answer.score);
            let known = latest.entry(contact).or_insert((at, score));
            if at > known.0 || (at == known.0 && score < known.1) {
                *known = (at, score);
            }
        }
        latest.into_iter().map(|(contact, (_, score))| (contact, score)).collect()
    }

    /// The score of the answer `back` before the latest; the lowest of answers given at one time.
    fn latest(&self, kind: SurveyKind, back: usize) -> f64 {
        let mut answers: Vec<&Survey> = self.of_kind(kind).collect();
        answers.sort_by(|a, b| b.responded_at.cmp(&a.responded_at).then(a.score.total_cmp(&b.score)));
        answers.get(back).map_or(f64::NAN, |answer| answer.score)
    }
}

/// A survey without a kind is an NPS: the contract's first.
fn kind_of(answer: &Survey) -> SurveyKind {
    answer.kind.unwrap_or(SurveyKind::Nps)
}

pub(in crate::compute) fn is_promoter(score: f64) -> bool {
    score >= PROMOTES_FROM
}

pub(in crate::compute) fn is_detractor(score: f64) -> bool {
    score <= DETRACTS_TO
}

#[expect(clippy::cast_precision_loss, reason = "days since 1970 are far below 2^53")]
fn whole(days: i64) -> f64 {
    days as f64
}
