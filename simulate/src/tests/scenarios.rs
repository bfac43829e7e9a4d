//! What each scenario bends, and that it bends it.

use super::*;
use crate::latent::Assignment;

fn of(scenario: Scenario) -> Business {
    Business { n_accounts: 1_500, n_months: 30, scenario, ..Business::default() }
}

/// Lives without their truth, which takes far longer.
fn lived(business: &Business) -> Vec<Life> {
    let simulation = simulate(&business.check().unwrap());
    (0..business.n_accounts).map(|index| simulation.life(index)).collect()
}

/// The share of terms of a year that ended in churn, among those that `keep` takes.
fn churned(lives: &[Life], keep: impl Fn(&crate::life::Term) -> bool) -> f64 {
    let decided: Vec<Outcome> = lives
        .iter()
        .filter(|life| life.profile.temper.term_months == 12)
        .flat_map(|life| life.terms.iter().filter(|term| keep(term)))
        .filter_map(|term| term.outcome)
        .collect();
    let churned = decided.iter().filter(|outcome| **outcome == Outcome::Churned).count();
    f64::from(u32::try_from(churned).unwrap()) / f64::from(u32::try_from(decided.len()).unwrap())
}

#[test]
fn in_the_null_everybody_has_the_same_yearly_term_and_the_same_probability() {
    let lives = lives(&Business { n_accounts: 500, ..of(Scenario::Null) });
    assert!(lives.iter().all(|(life, _)| life.profile.temper.term_months == 12));
    let rows: Vec<&TruthRow> = lives.iter().flat_map(|(_, rows)| rows).collect();
    assert!(rows.len() > 1_500);
    assert!(rows.iter().all(|row| (row.churn_probability - 0.14).abs() < 1e-12));
    let share = churned(&lived(&of(Scenario::Null)), |_| true);
    assert!((share - 0.14).abs() < 0.03, "{share:.3}");
}

#[test]
fn a_planted_leak_is_known_at_every_snapshot_of_who_left_and_of_nobody_else() {
    let lives = lives(&Business { n_accounts: 600, ..of(Scenario::PlantedLeak) });
    let mut n_planted = 0;
    for (life, rows) in &lives {
        let Some(survey) = crate::facts::exit_survey(life) else {
            continue;
        };
        n_planted += 1;
        assert!(life.ended_at.is_some());
        for row in rows.iter().filter(|row| row.horizon_days == 30 || row.term_end.is_some()) {
            let left = row.churned == Some(true);
            assert!(!left || survey < row.as_of, "{row:?}");
        }
    }
    assert!(n_planted > 50, "{n_planted}");
    assert!(lived(&of(Scenario::Default)).iter().all(|life| crate::facts::exit_survey(life).is_none()));
}

#[test]
fn a_drifting_market_loses_more_later() {
    let late = |scenario| {
        let business = Business { n_accounts: 3_000, ..of(scenario) }.check().unwrap();
        let from = business.params.start.plus_days(640);
        churned(&lived(&business.params), |term| term.end > from)
    };
    let (usual, drifted) = (late(Scenario::Default), late(Scenario::Drift));
    assert!(drifted > usual + 0.03, "{usual:.3} and {drifted:.3}");
}

#[test]
fn what_is_recorded_late_does_not_show_in_the_table_of_contracts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history");
    let business = Business { n_accounts: 600, ..of(Scenario::LabelDelay) };
    written(&business, &path);
    let until = business.check().unwrap().until.0;
    let events = batches(&path, "subscription_events");
    let kinds = texts(&events, "type");
    let delays: Vec<i64> = times(&events, "recorded_at")
        .into_iter()
        .zip(times(&events, "effective_at"))
        .zip(&kinds)
        .filter(|(_, kind)| matches!(kind.as_deref(), Some("renewal" | "churn")))
        .map(|((recorded, effective), _)| (recorded.unwrap() - effective.unwrap()) / holdfast_features::DAY)
        .collect();
    assert!(delays.len() > 300 && delays.iter().all(|days| (5..=60).contains(days)));
    let recorded: Vec<Option<String>> = texts(&events, "account_id")
        .into_iter()
        .zip(&kinds)
        .filter(|(_, kind)| kind.as_deref() == Some("churn"))
        .map(|(account, _)| account)
        .collect();
    let rows = batches(&path, "subscriptions");
    let ended: Vec<Option<String>> = texts(&rows, "account_id")
        .into_iter()
        .zip(times(&rows, "ended_at"))
        .filter(|(_, ended)| ended.is_some_and(|at| at <= until))
        .map(|(account, _)| account)
        .collect();
    assert_eq!(recorded, ended);
    let gone = lived(&business).iter().filter(|life| life.ended_at.is_some()).count();
    assert!(gone > ended.len() + 5, "{gone} left, {} are known to have", ended.len());
}

#[test]
fn three_in_a_hundred_leave_where_churn_is_rare() {
    let share = churned(&lived(&Business { n_accounts: 6_000, ..of(Scenario::RareChurn) }), |_| true);
    assert!((0.024..0.036).contains(&share), "{share:.4}");
}

#[test]
fn a_heavy_tail_holds_most_of_the_revenue() {
    let largest = |scenario| {
        let mut arr: Vec<f64> = lived(&of(scenario)).iter().map(|life| life.profile.arr).collect();
        arr.sort_by(|a, b| b.total_cmp(a));
        arr[..75].iter().sum::<f64>() / arr.iter().sum::<f64>()
    };
    let (usual, heavy) = (largest(Scenario::Default), largest(Scenario::HeavyTailedArr));
    assert!(usual < 0.45 && heavy > 0.6, "the largest twentieth holds {usual:.2} and {heavy:.2}");
}

/// The share called on among the healthier and among the iller half of the decisions that no coin made, by the mean of
/// health.
fn called_on(scenario: Scenario) -> (f64, f64) {
    let mut seen: Vec<(f64, Assignment)> = Vec::new();
    for life in lived(&of(scenario)).iter().filter(|life| !life.profile.temper.is_randomised) {
        for (_, _, state, week) in life.each_week() {
            seen.extend(
                week.assignment.map(|assignment| (state.health.iter().sum::<f64>() / 4.0, assignment)),
            );
        }
    }
    seen.sort_by(|a, b| a.0.total_cmp(&b.0));
    let share = |part: &[(f64, Assignment)]| {
        let treated = part.iter().filter(|(_, assignment)| assignment.is_treatment).count();
        f64::from(u32::try_from(treated).unwrap()) / f64::from(u32::try_from(part.len()).unwrap())
    };
    (share(&seen[seen.len() / 2..]), share(&seen[..seen.len() / 2]))
}

#[test]
fn a_confounded_policy_calls_on_the_ill_alone() {
    let (healthy, ill) = called_on(Scenario::Default);
    assert!(ill < 3.0 * healthy, "{healthy:.3} and {ill:.3}");
    let (healthy, ill) = called_on(Scenario::Confounding);
    assert!(ill > 5.0 * healthy, "{healthy:.3} and {ill:.3}");
}

#[test]
fn two_in_five_are_sleeping_dogs_where_they_are_the_scenario() {
    let lives = lived(&of(Scenario::SleepingDogs));
    let dogs = lives.iter().filter(|life| life.profile.temper.is_sleeping_dog).count();
    assert!((500..700).contains(&dogs), "{dogs} of 1500");
}

#[test]
fn the_truth_of_any_date_is_that_of_the_snapshots() {
    let business = of(Scenario::Default);
    let simulation = simulate(&business.check().unwrap());
    let (mut gap, mut n) = (0.0, 0.0);
    for (index, (life, rows)) in lives(&Business { n_accounts: 150, ..business }).iter().enumerate() {
        let rows: Vec<&TruthRow> =
            rows.iter().filter(|row| row.term_end.is_some() || row.horizon_days == SOON_DAYS).collect();
        let dates: Vec<Timestamp> = rows.iter().map(|row| row.as_of).collect();
        let index = u32::try_from(index).unwrap();
        assert_eq!(account_index(&life.profile.account_id), Some(index));
        for (row, found) in rows.iter().zip(simulation.churn_probabilities(index, &dates)) {
            let off = (found.unwrap() - row.churn_probability).abs();
            assert!(off < 0.25, "{row:?}: {found:?}");
            gap += off;
            n += 1.0;
        }
        let before = life.profile.started_at.plus_days(-1);
        assert_eq!(simulation.churn_probabilities(index, &[before]), [None]);
    }
    assert!(gap / n < 0.02, "{}", gap / n);
}
