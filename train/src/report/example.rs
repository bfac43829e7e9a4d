//! A report about made-up rows, for the tests of the page.

use holdfast_features::{Dimension, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::evaluate::{
    Estimate, EvaluateOptions, HorizonEvaluation, RiskGroup, Scale, ScoredRows, by_segment, difference,
    evaluate, evaluate_ranking, term_distance,
};
use crate::lead_time::{Caught, LeadTime, THRESHOLDS};
use crate::outcomes::OutcomeFigures;
use crate::scorings::Ranking;

fn date(text: &str) -> Option<Timestamp> {
    Some(Timestamp::parse(text).unwrap())
}

/// The model warns earlier than the one rule beside it; nobody could be followed for half a year.
fn lead_times() -> LeadTimes {
    let ranking = |name: &str, shares: [Option<f64>; 5]| {
        let caught = THRESHOLDS.iter().zip(shares).zip([80, 70, 61, 40, 0]);
        Ranking {
            name: name.to_owned(),
            lead: LeadTime {
                caught: caught.map(|((&days, share), in_reach)| Caught { days, in_reach, share }).collect(),
                median_days: Some(41.0),
                precision_at_first: Some(0.42),
                flip_flop: Some(0.31),
                accuracy: Some(0.86),
            },
        }
    };
    LeadTimes {
        budget: 0.1,
        every_days: 30,
        first: Timestamp::parse("2025-01-01").unwrap(),
        last: Timestamp::parse("2025-07-30").unwrap(),
        scorings: 8,
        renewals: 600,
        churned: 80,
        nobody_accuracy: 0.87,
        rankings: vec![
            ranking("this model", [Some(0.5), Some(0.45), Some(0.4), Some(0.3), None]),
            ranking("health score, given weights", [Some(0.3), Some(0.25), Some(0.2), Some(0.1), None]),
        ],
    }
}

/// 1,300 rows of 650 accounts whose true probability is known; the model sees it with noise.
pub(crate) fn report() -> Report {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut noise = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
    let (mut labels, mut probabilities, mut rule, mut health) = (vec![], vec![], vec![], vec![]);
    let (mut arr, mut groups, mut stages, mut distances) = (vec![], vec![], vec![], vec![]);
    for row in 0..1300_usize {
        let risk = -2.2 + 1.25 * noise();
        let luck = logistic(1.7 * noise());
        labels.push(if luck < logistic(risk) { 1.0 } else { 0.0 });
        probabilities.push(logistic(risk + 0.35 * noise()));
        rule.push((30.0 + 14.0 * (risk + 2.6 * noise())).round().max(0.0));
        health.push(logistic(0.4 * risk - 0.9 + 0.4 * noise()));
        arr.push((9.0 + 1.2 * noise()).exp().round());
        groups.push(row / 2);
        stages.push(["adoption", "expansion", "onboarding", "renewal", "value_realisation"][row % 5]);
        distances.push(term_distance(f64::from(u32::try_from(row * 7 % 200).unwrap()) - 10.0));
    }
    let weights = vec![1.0; labels.len()];
    let rows = ScoredRows {
        labels: &labels,
        probabilities: &probabilities,
        weights: &weights,
        groups: &groups,
        arr: Some(&arr),
    };
    let options = EvaluateOptions { seed: 5, replicates: 200, capacity: 0.1 };
    let evaluation = evaluate(&rows, &options).unwrap();
    let constant = vec![evaluation.base_rate.value; labels.len()];
    let judge = |name: &str, meaning: &str, scores: &[f64], scale: Scale| {
        let judged = ScoredRows { probabilities: scores, ..rows };
        NamedEvaluation {
            name: name.to_owned(),
            meaning: meaning.to_owned(),
            evaluation: match scale {
                Scale::Probability => evaluate(&judged, &options).unwrap(),
                Scale::Ranking => evaluate_ranking(&judged, &options).unwrap(),
            },
            model_minus_this: Some(difference(&rows, scores, scale, &options).unwrap()),
        }
    };
    let mut segments = by_segment(&rows, "stage", &stages, &options).unwrap();
    segments.extend(by_segment(&rows, "distance to term end", &distances, &options).unwrap());
    Report {
        title: "Renewal risk".to_owned(),
        generated_for: "renewals@7".to_owned(),
        outcome: "did not renew".to_owned(),
        subjects: "accounts".to_owned(),
        data: data(&evaluation),
        protocol: protocol(&evaluation),
        baselines: vec![
            judge(
                "base rate",
                "everybody gets the average of the development rows",
                &constant,
                Scale::Probability,
            ),
            judge("days since last use", "the longer unused, the riskier", &rule, Scale::Ranking),
            judge(
                "health score, given weights",
                "the weighted health, turned round",
                &health,
                Scale::Probability,
            ),
        ],
        candidates: candidates(),
        calibration: CalibrationSummary {
            method: "ridge beta".to_owned(),
            positives: 412,
            log_loss_before: Some(0.3367),
            log_loss_after: Some(0.3341),
            reason: "150 to 1000 churned rows allow a beta calibration, and it lowered the log loss."
                .to_owned(),
        },
        importance: importance(),
        importance_by_dimension: [
            (Some(Dimension::Usage), 0.46),
            (Some(Dimension::Relationship), 0.22),
            (Some(Dimension::Engagement), 0.17),
            (Some(Dimension::Financial), 0.11),
            (None, 0.04),
        ]
        .map(|(dimension, share)| DimensionImportance { dimension, share })
        .to_vec(),
        glass_box: Some(glass_box()),
        segments,
        lead_time: Some(lead_times()),
        horizons: Some(horizons()),
        outcomes: Some(OutcomeReport {
            rows: 1_290,
            log_loss: 0.9021,
            base_log_loss: 0.9784,
            constant_log_loss: 0.9302,
            outcomes: [
                ("churned", 187, 0.145),
                ("contracted", 101, 0.078),
                ("renewed", 771, 0.597),
                ("expanded", 231, 0.18),
            ]
            .map(|(outcome, rows, observed)| OutcomeFigures {
                outcome: outcome.to_owned(),
                rows,
                observed,
                mean_probability: observed + 0.004,
                likeliest: [0.1, 0.0, 0.85, 0.05],
            })
            .to_vec(),
        }),
        notes: vec!["Amounts are in USD; nothing was converted.".to_owned()],
        warnings: vec![
            "Only 38 accounts of the high-touch tier are in the test block: read their figures as a hint."
                .to_owned(),
            "`surveys` ends 94 days before the other tables: survey features are missing for late rows."
                .to_owned(),
        ],
        evaluation,
    }
}

fn glass_box() -> GlassBox {
    let step = |(from, to, value)| ShapeStep { from, to, value };
    let category = |(name, share, value): (&str, f64, f64)| Category { name: name.to_owned(), share, value };
    let shape = |feature: &str, unit: &str, importance, missing: Option<f64>| FeatureShape {
        feature: feature.to_owned(),
        meaning: format!("the `{feature}` of the account"),
        unit: unit.to_owned(),
        importance,
        steps: Vec::new(),
        bars: Vec::new(),
        categories: Vec::new(),
        missing,
        missing_share: if missing.is_some() { 0.12 } else { 0.0 },
    };
    let steps = [(0.0, 4.5, -0.8), (4.5, 21.0, -0.1), (21.0, 60.0, 0.9)].map(step).to_vec();
    let days = FeatureShape {
        steps,
        bars: vec![0.5, 0.2, 0.1, 0.1, 0.06, 0.04],
        ..shape("days_since_last_use", "days", 0.5, Some(0.4))
    };
    let plans = [("enterprise", 0.5, -0.6), ("team", 0.38, 0.7)].map(category).to_vec();
    let plan = FeatureShape { categories: plans, ..shape("plan", "", 0.4, Some(0.1)) };
    GlassBox {
        settings: "additive rounds=120 rate=0.03".to_owned(),
        log_loss: 0.3391,
        auc: Some(0.792),
        features: 41,
        shapes: vec![days, plan],
    }
}

fn horizons() -> HorizonReport {
    let figure = |value: f64| Some(Estimate { value, low: Some(value - 0.02), high: Some(value + 0.02) });
    let judged = [(30, 1_300, 19, 0.84), (60, 1_180, 37, 0.82), (90, 1_012, 55, 0.81), (180, 640, 91, 0.78)]
        .map(|(days, rows, churned, auc)| HorizonEvaluation {
            days,
            rows,
            churned,
            observed: Estimate { value: 0.0005 * f64::from(days), low: None, high: None },
            mean_probability: Some(0.00052 * f64::from(days)),
            auc: figure(auc),
            log_loss: figure(0.1 + 0.001 * f64::from(days)),
            calibration_slope: figure(0.97),
            base_log_loss: Some(0.12 + 0.0012 * f64::from(days)),
            renewal_auc: Some(auc - 0.04),
            renewal_log_loss: Some(0.2),
        })
        .to_vec();
    let group = |name: &str, rows: usize, rate: f64| RiskGroup {
        name: name.to_owned(),
        rows,
        predicted: [30.0, 60.0, 90.0, 180.0].map(|days: f64| rate * days).to_vec(),
        observed: [30.0, 60.0, 90.0, 180.0].map(|days: f64| 1.1 * rate * days).to_vec(),
    };
    HorizonReport {
        rows: 8_204,
        churned: 603,
        person_periods: 44_410,
        calibration: "beta".to_owned(),
        judged,
        groups: vec![
            group("riskiest tenth", 130, 0.0025),
            group("next four tenths", 520, 0.0006),
            group("safer half", 650, 0.0001),
        ],
    }
}

fn data(evaluation: &Evaluation) -> DataSummary {
    let table = |name: &str, rows: usize| TableSummary {
        name: name.to_owned(),
        rows,
        set_aside: 0,
        first: date("2021-01-04"),
        last: date("2024-12-31"),
    };
    let group = |name: &str, dimension: Dimension, features: usize, off_because: Option<&str>| FeatureGroup {
        name: name.to_owned(),
        dimension: Some(dimension),
        features,
        off_because: off_because.map(str::to_owned),
    };
    DataSummary {
        tables: vec![
            table("accounts", 2140),
            table("subscriptions", 5122),
            table("usage_daily", 1_842_071),
            table("tickets", 18_320),
            table("contacts", 9_911),
            table("invoices", 24_007),
        ],
        first: date("2021-01-04"),
        last: date("2024-12-31"),
        accounts: 2140,
        snapshots: 14_220,
        decided: 3_981,
        open: 744,
        base_rate: evaluation.base_rate.value,
        feature_groups: vec![
            group("usage level and trend", Dimension::Usage, 22, None),
            group("tickets", Dimension::Engagement, 9, None),
            group("surveys", Dimension::Engagement, 0, Some("there is no table `surveys`")),
            group("invoices", Dimension::Financial, 8, None),
            group("contacts", Dimension::Relationship, 11, None),
        ],
    }
}

fn protocol(evaluation: &Evaluation) -> Protocol {
    Protocol {
        lines: vec![
            "Features of a row use only facts known before its date.".to_owned(),
            "The model was chosen and calibrated on the development block; the test block was touched once."
                .to_owned(),
            "An account and its parent never stand on both sides of a fold or of the split.".to_owned(),
        ],
        blocks: vec![
            Block {
                name: "development".to_owned(),
                first: date("2021-06-01"),
                last: date("2024-02-28"),
                rows: 9_804,
                accounts: 1_490,
                positives: 1_377,
            },
            Block {
                name: "test".to_owned(),
                first: date("2024-06-01"),
                last: date("2024-11-30"),
                rows: evaluation.rows,
                accounts: evaluation.groups,
                positives: evaluation.positives,
            },
        ],
        folds: 5,
        purge_days: Some(94.0),
        seeds: vec![
            Seed { of: "folds and learners".to_owned(), value: 7 },
            Seed { of: "intervals".to_owned(), value: 5 },
        ],
    }
}

fn candidates() -> Vec<CandidateResult> {
    [
        ("gradient boosting", "depth 4, 312 rounds, rate 0.03", 0.3341, 0.809, CandidateOutcome::Chosen),
        ("logistic regression", "ridge 1.0", 0.3402, 0.798, CandidateOutcome::NotChosen),
        ("random forest", "400 trees", 0.3466, 0.791, CandidateOutcome::NotChosen),
    ]
    .map(|(name, settings, log_loss, auc, outcome)| CandidateResult {
        name: name.to_owned(),
        settings: settings.to_owned(),
        log_loss,
        auc: Some(auc),
        outcome,
    })
    .to_vec()
}

fn importance() -> Vec<Importance> {
    [
        (
            "usage_trend_28d",
            Some(Dimension::Usage),
            0.21,
            "share",
            "Change of daily events, last 28 days against the 28 before",
        ),
        ("days_since_last_use", Some(Dimension::Usage), 0.15, "days", "Days since anybody used the product"),
        (
            "days_since_sponsor_left",
            Some(Dimension::Relationship),
            0.13,
            "days",
            "Days since the executive sponsor left",
        ),
        ("active_users_share_28d", Some(Dimension::Usage), 0.10, "share", "Seats used in the last 28 days"),
        (
            "tickets_high_90d",
            Some(Dimension::Engagement),
            0.09,
            "tickets",
            "Tickets of high priority in the last 90 days",
        ),
        (
            "champion_meetings_90d",
            Some(Dimension::Relationship),
            0.09,
            "meetings",
            "Meetings with the champion in the last 90 days",
        ),
        ("days_to_term_end", Some(Dimension::Financial), 0.07, "days", "Days to the end of the term"),
        (
            "invoices_overdue",
            Some(Dimension::Financial),
            0.04,
            "invoices",
            "Invoices more than 15 days overdue",
        ),
        ("stage", None, 0.04, "", "Lifecycle stage"),
        (
            "nps_last",
            Some(Dimension::Engagement),
            0.08,
            "points",
            "The last survey score <0–10> & its \"trend\"",
        ),
    ]
    .map(|(feature, dimension, share, unit, meaning)| Importance {
        feature: feature.to_owned(),
        dimension,
        mean_contribution: share * 2.1,
        share,
        meaning: meaning.to_owned(),
        unit: unit.to_owned(),
    })
    .to_vec()
}
