use holdfast_features::snapshot::{FollowUp, SnapshotConfig};
use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::*;

fn question() -> Question {
    Question::from(&SnapshotConfig::default())
}

fn monthly(days: f64) -> Decisions {
    Decisions::new(&question(), Some(1.0), Some(days))
}

fn yearly(days: f64) -> Decisions {
    Decisions::new(&question(), Some(12.0), Some(days))
}

#[derive(Deserialize)]
struct Oracle {
    periods: Vec<usize>,
    causes: Vec<usize>,
    weights: Vec<f64>,
    plain: [[f64; 6]; 2],
    weighted: [[f64; 6]; 2],
}

/// lifelines' `AalenJohansenFitter` on rows with two causes and many ties; see tests/fixtures/aalen_johansen.py.
#[test]
fn hazards_without_covariates_are_those_of_aalen_and_johansen() {
    let oracle: Oracle =
        serde_json::from_str(include_str!("../../tests/fixtures/aalen_johansen.json")).unwrap();
    let ones = vec![1.0; oracle.weights.len()];
    for (weights, expected) in [(&ones, oracle.plain), (&oracle.weights, oracle.weighted)] {
        let rows = oracle.periods.iter().zip(&oracle.causes).zip(weights);
        let followed: Vec<Followed> = rows
            .map(|((&periods, &cause), &weight)| Followed {
                periods,
                ended: cause.checked_sub(1).map(|cause| (periods - 1, cause)),
                weight,
            })
            .collect();
        let incidence = cumulative_incidence(&observed_hazards::<2, 6>(&followed));
        for (period, found) in incidence.iter().enumerate() {
            for cause in 0..2 {
                assert!((found[cause] - expected[cause][period]).abs() < 1e-12, "{period} {cause}");
            }
        }
    }
}

proptest! {
    #[test]
    fn incidence_never_falls_and_causes_share_one(
        shares in prop::array::uniform6(prop::array::uniform3(0.0..=1.0_f64)),
    ) {
        let hazards = shares.map(|of_period| of_period.map(|share| share / 3.0));
        let mut before = [0.0; 3];
        for found in cumulative_incidence(&hazards) {
            prop_assert!(found.iter().zip(before).all(|(now, before)| *now >= before));
            prop_assert!(found.iter().sum::<f64>() <= 1.0 + 1e-12);
            before = found;
        }
    }

    #[test]
    fn risks_never_fall_with_the_horizon(
        slopes in prop::collection::vec(-50.0..50.0_f64, N_COLUMNS),
        margin in -1e9..1e9_f64,
        months in 0.0..40.0_f64,
        days in -60.0..900.0_f64,
        (a, b, c) in (0.0..9.0_f64, 0.0..9.0_f64, -9.0..9.0_f64),
    ) {
        let model = HorizonModel {
            question: question(),
            centre: 0.0,
            slopes: slopes.try_into().unwrap(),
            intercept: -3.0,
            calibrator: Calibrator::Beta { a, b, c },
            base_hazards: [0.1; N_PERIODS],
        };
        prop_assert!(model.validate().is_ok());
        let specs = ["term_months", "days_to_term_end"].map(|name| FeatureSpec::prepared(name, Kind::Number));
        let columns = vec![Column::Number(vec![months]), Column::Number(vec![days])];
        let table = FeatureTable::new(specs.to_vec(), columns, 1).unwrap();
        let mut before = 0.0;
        for (risk, days) in model.risks(margin, table.row(0)).into_iter().zip(HORIZONS) {
            prop_assert_eq!(risk.days, days);
            prop_assert!(risk.churn_probability >= before && risk.churn_probability <= 1.0);
            before = risk.churn_probability;
        }
    }
}

#[test]
fn only_whole_known_periods_count() {
    let followed = |days_known, churned_after| Followed::new(FollowUp { days_known, churned_after }, 1.0);
    let ends = |followed: Followed| (followed.periods, followed.ended.map(|(period, _)| period));
    assert_eq!(ends(followed(29, Some(3))), (0, None), "an end in a period that is not known to its end");
    assert_eq!(ends(followed(30, Some(0))), (1, Some(0)));
    assert_eq!(ends(followed(95, Some(30))), (3, Some(0)));
    assert_eq!(ends(followed(95, Some(31))), (3, Some(1)));
    assert_eq!(ends(followed(95, Some(95))), (3, None));
    assert_eq!(ends(followed(4_000, None)), (6, None));
    assert_eq!(followed(95, Some(31)).at_risk().collect::<Vec<_>>(), [(0, None), (1, Some(0))]);
}

#[test]
fn periods_know_where_they_lie_between_decisions() {
    let situations = |decisions: Decisions| -> Vec<Situation> {
        (0..N_PERIODS).map(|period| decisions.situation(period)).collect()
    };
    use Situation::{RollingBetween, RollingDecides, TermAfter, TermAhead, TermDecides, TermOverdue};
    assert_eq!(situations(monthly(12.0)), [RollingDecides; 6]);
    let quarterly = Decisions::new(&question(), Some(3.0), Some(40.0));
    let expected =
        [RollingBetween, RollingDecides, RollingBetween, RollingBetween, RollingDecides, RollingBetween];
    assert_eq!(situations(quarterly), expected);
    assert_eq!(situations(yearly(300.0)), [TermAhead; 6]);
    let expected = [TermAhead, TermAhead, TermDecides, TermAfter, TermAfter, TermAfter];
    assert_eq!(situations(yearly(90.4)), expected, "the day on which a period ends is in it");
    assert_eq!(situations(yearly(91.0))[3], TermDecides);
    assert_eq!(situations(yearly(0.0))[0], TermDecides);
    assert_eq!(situations(yearly(-4.0))[..2], [TermOverdue, TermAfter]);
    assert_eq!(situations(Decisions::new(&question(), None, Some(f64::NAN))), [RollingDecides; 6]);
}

/// Accounts whose hazard is `sigmoid(margin)` in the period of their decision and 0 elsewhere.
struct Truth {
    margins: Vec<f64>,
    decisions: Vec<Decisions>,
    followed: Vec<Followed>,
    groups: Vec<u32>,
}

impl Truth {
    fn draw(n: u32) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut truth = Self { margins: vec![], decisions: vec![], followed: vec![], groups: vec![] };
        for group in 0..n {
            let margin: f64 = rng.random_range(-5.0..-1.0);
            let decisions =
                if group % 3 == 0 { monthly(10.0) } else { yearly(rng.random_range(0.0..365.0_f64).floor()) };
            let decides = |situation| matches!(situation, Situation::RollingDecides | Situation::TermDecides);
            let churns =
                (0..N_PERIODS).find(|&k| decides(decisions.situation(k)) && rng.random_bool(sigmoid(margin)));
            // Half of them are censored somewhere.
            let periods = if rng.random_bool(0.5) { N_PERIODS } else { rng.random_range(0..=N_PERIODS) };
            let ended = churns.filter(|&period| period < periods).map(|period| (period, 0));
            truth.margins.push(margin);
            truth.decisions.push(decisions);
            truth.followed.push(Followed { periods, ended, weight: 1.0 });
            truth.groups.push(group);
        }
        truth
    }

    fn rows(&self) -> HorizonRows<'_> {
        let Self { margins, decisions, followed, groups } = self;
        HorizonRows { margins, decisions, followed, groups }
    }
}

#[test]
fn known_hazards_are_recovered_from_censored_rows() {
    let truth = Truth::draw(6_000);
    let fitted = fit(&truth.rows(), question(), 1).unwrap();
    assert_eq!(fitted, fit(&truth.rows(), question(), 1).unwrap());
    assert!(fitted.churned > 300 && fitted.person_periods > fitted.rows);
    let risk = |margin, decisions| at_horizons(&fitted.model.hazards(margin, decisions));
    for margin in [-4.0, -3.0, -2.0] {
        let p = sigmoid(margin);
        let within = |periods: i32| 1.0 - (1.0 - p).powi(periods);
        let close = |found: f64, expected: f64| (logit_of(found) - logit_of(expected)).abs() < 0.35;
        let monthly = risk(margin, monthly(10.0));
        assert!(close(monthly[0].churn_probability, within(1)), "{margin} {monthly:?}");
        assert!(close(monthly[3].churn_probability, within(6)), "{margin} {monthly:?}");
        let yearly = risk(margin, yearly(75.0));
        assert!(yearly[1].churn_probability < 0.004, "{margin} {yearly:?}");
        assert!(close(yearly[2].churn_probability, p), "{margin} {yearly:?}");
        assert!(yearly[3].churn_probability < yearly[2].churn_probability + 0.006, "{margin} {yearly:?}");
    }
}

fn logit_of(probability: f64) -> f64 {
    crate::probability::logit(probability)
}

#[test]
fn the_base_risks_are_the_observed_incidence() {
    let truth = Truth::draw(2_000);
    let model = fit(&truth.rows(), question(), 1).unwrap().model;
    let observed = cumulative_incidence(&observed_hazards::<1, N_PERIODS>(&truth.followed));
    let base = model.base_risks();
    assert!((base[0].churn_probability - observed[0][0]).abs() < 1e-15);
    assert!((base[3].churn_probability - observed[5][0]).abs() < 1e-15);
}

#[test]
fn refuses_what_says_nothing() {
    let truth = Truth::draw(300);
    let short = HorizonRows { groups: &truth.groups[1..], ..truth.rows() };
    let refused = fit(&short, question(), 1).unwrap_err();
    assert_eq!(refused, HorizonError::Length { what: "groups", found: 299, expected: 300 });
    let nobody: Vec<Followed> =
        truth.followed.iter().map(|followed| Followed { ended: None, ..*followed }).collect();
    let rows = HorizonRows { followed: &nobody, ..truth.rows() };
    assert_eq!(fit(&rows, question(), 1), Err(HorizonError::TooFew { found: 0 }));
    let at_once = vec![Followed { periods: 1, ended: Some((0, 0)), weight: 1.0 }; 300];
    let rows = HorizonRows { followed: &at_once, ..truth.rows() };
    assert_eq!(fit(&rows, question(), 1), Err(HorizonError::NobodyStays));
    let mut model = fit(&Truth::draw(2_000).rows(), question(), 1).unwrap().model;
    model.slopes[3] = f64::NAN;
    assert_eq!(model.validate(), Err(NotUsable));
}
