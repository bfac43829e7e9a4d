//! Scores, their trend, and whether anybody still answers.

use super::{ago, assert_values, values};
use crate::history::*;
use crate::snapshot::testing::{account, yearly};

use SurveyKind::{Ces, Csat, Nps};

fn answer(kind: SurveyKind, days: i64, score: f64, contact: Option<&str>) -> Survey {
    Survey {
        visible_at: ago(days),
        contact_id: contact.map(Text::from),
        kind: Some(kind),
        score,
        responded_at: ago(days),
    }
}

fn facts() -> AccountFacts {
    let mut facts = account(vec![yearly("s", "2023-01-01", "2025-06-01")]);
    facts.surveys = vec![
        answer(Nps, 400, 9.0, Some("c0")),
        answer(Nps, 300, 8.0, Some("c0")),
        answer(Csat, 250, 5.0, None),
        answer(Nps, 200, 6.0, Some("c1")),
        answer(Csat, 170, 4.0, None),
        answer(Nps, 100, 9.0, Some("c0")),
        answer(Csat, 60, 3.0, None),
        answer(Ces, 40, 3.0, None),
        answer(Nps, 20, 5.0, Some("c1")),
        answer(Csat, 10, 2.0, None),
    ];
    facts
}

#[test]
fn scores_tell_level_and_trend() {
    assert_values(
        &facts(),
        &[
            ("nps_mean_365d", 7.0),
            ("nps_lowest_365d", 5.0),
            ("nps_trend", -0.6),
            ("nps_answers_365d", 4.0),
            ("promoters_365d", 1.0),
            ("detractors_365d", 2.0),
            ("promoter_share_365d", 0.25),
            ("detractor_share_365d", 0.5),
            ("csat_mean_180d", 3.0),
            ("csat_change", -1.0),
            ("csat_trend", -1.0),
            ("csat_answers_365d", 4.0),
            ("days_since_csat", 10.0),
            ("ces_mean_365d", 3.0),
            ("days_since_survey", 10.0),
            ("survey_respondents_365d", 2.0),
        ],
    );
}

#[test]
fn silence_is_measured_by_the_usual_gap_between_answers() {
    // The gaps are 100, 50, 50, 30, 70, 40, 20, 20 and 10 days: 40 in the middle.
    assert_values(&facts(), &[("survey_silence_ratio", 0.25)]);
    assert_eq!(values(&facts(), -70, ["survey_silence_ratio"]), [Some(2.0)]);
    assert_eq!(values(&facts(), 240, ["survey_silence_ratio"]), [Some(10.0 / 75.0)]);
    assert_eq!(values(&facts(), 280, ["survey_silence_ratio"]), [None], "two days of answers make one gap");
}

#[test]
fn a_survey_never_answered_is_missing() {
    let mut facts = facts();
    facts.surveys.retain(|answer| answer.kind == Some(Csat));
    let names = ["promoters_365d", "detractors_365d", "nps_answers_365d", "survey_respondents_365d"];
    assert_eq!(values(&facts, 0, names), [None; 4]);
    facts.surveys = vec![answer(Nps, 400, 9.0, Some("c0"))];
    assert_eq!(values(&facts, 0, names), [Some(0.0); 4], "asked before, silent for a year");
}
