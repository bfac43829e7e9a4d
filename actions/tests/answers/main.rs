//! Whole answers for hand-made accounts, from a model fitted on made-up but plausible ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod business;
mod earlier;
mod rendered;

use business::{Business, business};
use holdfast_actions::{Account, Band, Guardrail, Policy, Reading, answer, answer_account};
use holdfast_features::Timestamp;
use holdfast_features::settings::Settings;
use rendered::rendered;

fn policy() -> Policy {
    Policy::read(&mut Settings::parse("holdfast.toml", "").unwrap(), &[]).unwrap()
}

fn as_of() -> Timestamp {
    Timestamp::parse("2025-06-02").unwrap()
}

#[test]
fn a_large_account_that_loses_its_sponsor_before_the_renewal() {
    let Business { bundle, accounts, .. } = business(&policy());
    insta::assert_snapshot!(rendered(&answer(&policy(), &bundle, accounts.row(0), as_of())));
}

#[test]
fn a_healthy_account_that_needs_more_seats() {
    let Business { bundle, accounts, .. } = business(&policy());
    insta::assert_snapshot!(rendered(&answer(&policy(), &bundle, accounts.row(1), as_of())));
}

#[test]
fn a_small_account_on_the_interface_alone_that_pays_late() {
    let Business { bundle, accounts, .. } = business(&policy());
    insta::assert_snapshot!(rendered(&answer(&policy(), &bundle, accounts.row(2), as_of())));
}

#[test]
fn the_same_account_gets_the_same_answer_and_a_ranked_one() {
    let policy = policy();
    let Business { bundle, history, .. } = business(&policy);
    for index in 0..history.n_rows() {
        let row = history.row(index);
        let first = answer(&policy, &bundle, row, as_of());
        assert_eq!(
            serde_json::to_string(&first).unwrap(),
            serde_json::to_string(&answer(&policy, &bundle, row, as_of())).unwrap()
        );
        let worth = |at: usize| {
            let action = &first.actions[at];
            action.expected_saved_arr.unwrap() + action.expected_new_arr.unwrap()
        };
        assert!(first.actions.len() <= policy.max_actions);
        assert!((1..first.actions.len()).all(|at| worth(at) <= worth(at - 1)));
        assert!((0..first.actions.len()).all(|at| worth(at) > 0.0), "doing nothing is worth more");
        assert!(first.actions.iter().all(|action| action.talking_points.len() == 3));
    }
}

#[test]
fn bands_and_health_spread_over_a_business() {
    let policy = policy();
    let Business { bundle, history, .. } = business(&policy);
    let answers: Vec<_> =
        (0..history.n_rows()).map(|row| answer(&policy, &bundle, history.row(row), as_of())).collect();
    for band in Band::ALL {
        let share = answers.iter().filter(|answer| answer.assessment.band == band).count();
        assert!(share * 100 >= answers.len() * 3, "{band:?}: {share} of {}", answers.len());
    }
    let top = answers.iter().filter(|answer| answer.assessment.health_percentile >= Some(0.75)).count();
    assert!((20..=30).contains(&(100 * top / answers.len())), "{top} of {}", answers.len());
}

#[test]
fn a_fall_in_health_is_seen_where_earlier_readings_are_given() {
    let policy = policy();
    let Business { bundle, accounts, .. } = business(&policy);
    let row = accounts.row(0);
    let now = answer(&policy, &bundle, row, as_of()).assessment.health.overall.unwrap();
    let drop = |days: i64, points: f64| {
        let readings =
            [Reading { as_of: as_of().plus_days(-days), health: Some(now + points), band: Band::Low }];
        let account = Account { row, as_of: as_of(), readings: &readings, touches: &[] };
        let answer = answer_account(&policy, &bundle, &account);
        let found = answer.assessment.signals.iter().any(|signal| signal.kind.name() == "health_drop");
        let escalated = answer.escalation.is_some_and(|escalation| {
            escalation.reasons.iter().any(|(_, text)| text.starts_with("Health fell"))
        });
        assert_eq!(found, escalated);
        found
    };
    assert!(drop(30, 20.0));
    assert!(!drop(31, 20.0));
    assert!(!drop(10, 19.0));
}

#[test]
fn a_prepared_table_gets_bands_by_probability_alone() {
    let policy = policy();
    let business = business::prepared();
    let mut bands = Vec::new();
    for index in 0..business.history.n_rows() {
        let answer = answer(&policy, &business.bundle, business.history.row(index), as_of());
        let assessment = &answer.assessment;
        assert_eq!((assessment.stage, assessment.health.overall, assessment.health_band), (None, None, None));
        assert!(!assessment.health.data_sparse, "a table without dimensions lacks nothing");
        assert!(answer.actions.iter().all(|action| action.expected_saved_arr.is_none()));
        assert!(answer.actions.iter().all(|action| !action.automated || action.channel.name() == "internal"));
        assert!(answer.suppressed.iter().all(|held| held.guardrail != Guardrail::TopHealth));
        assert!(!answer.actions.is_empty());
        bands.push((assessment.prediction.probability, assessment.band));
    }
    bands.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(bands.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    assert!(bands.first().unwrap().1 < Band::High && bands.last().unwrap().1 == Band::High);
}
