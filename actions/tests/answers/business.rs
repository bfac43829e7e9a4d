//! A made-up business: 240 accounts whose churn follows their use, and three more by hand.

use holdfast_actions::{Policy, standing};
use holdfast_features::snapshot::{Question, SnapshotConfig};
use holdfast_features::{Column, Dimension, Direction, FeatureSpec, FeatureTable, Kind, Role};
use holdfast_models::benchmark::SEGMENT_COLUMN;
use holdfast_models::{
    BaseRates, Benchmarks, Bundle, Candidate, ChurnModel, Manifest, Provenance, ProvenanceKind, TrainingRows,
    calibrate, explain, fit, logistic,
};

/// A model with what it learnt from, and accounts that it never saw.
pub(crate) struct Business {
    pub(crate) bundle: Bundle,
    pub(crate) history: FeatureTable,
    pub(crate) accounts: FeatureTable,
}

const ROWS: usize = 240;

/// Name, unit, meaning, dimension, direction; the last columns are context.
type Declared = (&'static str, &'static str, &'static str, Option<Dimension>, Direction);

const LEARNT: [Declared; 15] = {
    use Dimension::{Engagement, Financial, Relationship, Usage};
    use Direction::{LowersRisk, RaisesRisk, Unknown};
    [
        ("users_14d", "users", "Active users in the last 14 days.", Some(Usage), LowersRisk),
        ("users_prior_14d", "users", "Active users in the 14 days before.", Some(Usage), Unknown),
        ("seats_active_share_28d", "share", "Share of seats in use in 28 days.", Some(Usage), LowersRisk),
        ("features_in_use_28d", "features", "Features in regular use.", Some(Usage), LowersRisk),
        ("tickets_7d", "tickets", "Tickets opened in the last 7 days.", Some(Engagement), RaisesRisk),
        ("nps_latest", "score", "Score of the latest NPS answer.", Some(Engagement), LowersRisk),
        ("days_since_nps", "days", "Days since the latest NPS answer.", Some(Engagement), Unknown),
        ("outcomes_achieved", "outcomes", "Outcome milestones achieved.", Some(Engagement), LowersRisk),
        ("max_days_overdue", "days", "Days the oldest open invoice is overdue.", Some(Financial), RaisesRisk),
        ("days_to_term_end", "days", "Days until the term ends.", Some(Financial), Unknown),
        ("term_months", "months", "Length of the term.", Some(Financial), Unknown),
        ("tenure_days", "days", "Days since the first term began.", Some(Financial), LowersRisk),
        (
            "days_since_sponsor_contact",
            "days",
            "Days since the sponsor was in touch.",
            Some(Relationship),
            RaisesRisk,
        ),
        ("sponsor_present", "", "Whether an executive sponsor is known.", Some(Relationship), LowersRisk),
        ("champion_present", "", "Whether a champion is known.", Some(Relationship), LowersRisk),
    ]
};
const CONTEXT: [&str; 5] =
    ["arr", "is_strategic", "days_since_sponsor_left", "days_since_strategic_review", "active_escalation"];

fn specs() -> Vec<FeatureSpec> {
    let learnt = LEARNT.iter().map(|(name, unit, meaning, dimension, direction)| FeatureSpec {
        unit: (*unit).to_owned(),
        meaning: (*meaning).to_owned(),
        dimension: *dimension,
        direction: *direction,
        ..FeatureSpec::prepared(name, if unit.is_empty() { Kind::Boolean } else { Kind::Number })
    });
    let context = |name: &str, kind| FeatureSpec { role: Role::Context, ..FeatureSpec::prepared(name, kind) };
    learnt
        .chain(CONTEXT.map(|name| context(name, Kind::Number)))
        .chain(["tier", "currency"].map(|name| context(name, Kind::Category)))
        .collect()
}

/// A table of rows given as numbers by name, and a tier; what a row does not name is missing.
fn table(rows: &[(Vec<(&str, f64)>, &str)]) -> FeatureTable {
    let specs = specs();
    let columns = specs
        .iter()
        .map(|spec| match spec.name.as_str() {
            "tier" => Column::Text(rows.iter().map(|(_, tier)| Some((*tier).into())).collect()),
            "currency" => Column::Text(vec![Some("USD".into()); rows.len()]),
            name => {
                let value = |row: &[(&str, f64)]| {
                    row.iter().find(|(found, _)| *found == name).map_or(f64::NAN, |(_, value)| *value)
                };
                Column::Number(rows.iter().map(|(row, _)| value(row)).collect())
            }
        })
        .collect();
    FeatureTable::new(specs, columns, rows.len()).unwrap()
}

/// A number in [0, 1) for each row and use, without order but always the same.
fn draw(row: usize, of: usize) -> f64 {
    let mixed = (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (of as u64).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed ^ (mixed >> 29)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn made_up(row: usize) -> (Vec<(&'static str, f64)>, &'static str) {
    let quality = draw(row, 0);
    let around = |of: usize| (0.7 * quality + 0.3 * draw(row, of)).clamp(0.0, 1.0);
    let seats = 10.0 + (40.0 * draw(row, 1)).floor();
    let numbers = vec![
        ("users_14d", (seats * around(2)).round()),
        ("users_prior_14d", (seats * around(3)).round()),
        ("seats_active_share_28d", around(2)),
        ("features_in_use_28d", (10.0 * around(4)).round()),
        ("tickets_7d", (4.0 * (1.0 - around(5))).round()),
        ("nps_latest", (10.0 * around(6)).round()),
        ("days_since_nps", (200.0 * draw(row, 7)).round()),
        ("outcomes_achieved", (3.0 * around(8)).round()),
        ("max_days_overdue", (30.0 * (1.0 - around(9)) - 5.0).max(0.0).round()),
        ("days_to_term_end", (360.0 * draw(row, 10)).round()),
        ("term_months", 12.0),
        ("tenure_days", 30.0 + (900.0 * draw(row, 11)).round()),
        ("days_since_sponsor_contact", (120.0 * (1.0 - around(12))).round()),
        ("sponsor_present", f64::from(around(13) > 0.2)),
        ("champion_present", f64::from(around(14) > 0.2)),
        ("arr", (2_000.0 + 150_000.0 * draw(row, 15).powi(3)).round()),
        ("is_strategic", f64::from(draw(row, 16) > 0.95)),
    ];
    (numbers, ["high_touch", "mid_touch", "low_touch"][row % 3])
}

fn churned(row: usize) -> f64 {
    f64::from(draw(row, 17) < 0.45 * (1.0 - draw(row, 0)).powi(2) + 0.02)
}

pub(crate) fn business(policy: &Policy) -> Business {
    let rows: Vec<_> = (0..ROWS).map(made_up).collect();
    let history = table(&rows);
    let every: Vec<usize> = (0..ROWS).collect();
    let benchmarks = standing::benchmarks(policy, &history, &every).unwrap();
    let labels: Vec<f64> = every.iter().map(|&row| churned(row)).collect();
    let bundle = bundle(&history, &labels, benchmarks, ProvenanceKind::History);
    Business { bundle, accounts: table(&by_hand()), history }
}

/// The same business as a prepared table: no dimensions, no context, names that say nothing.
pub(crate) fn prepared() -> Business {
    let rows: Vec<_> = (0..ROWS).map(made_up).collect();
    let source = table(&rows);
    let specs = (0..LEARNT.len()).map(|of| FeatureSpec::prepared(&format!("x{of}"), Kind::Number)).collect();
    let history = FeatureTable::new(specs, source.columns()[..LEARNT.len()].to_vec(), ROWS).unwrap();
    let every: Vec<usize> = (0..ROWS).collect();
    let labels: Vec<f64> = every.iter().map(|&row| churned(row)).collect();
    let benchmarks = Benchmarks::fit(&history, &every, SEGMENT_COLUMN);
    let bundle = bundle(&history, &labels, benchmarks, ProvenanceKind::Table);
    Business { bundle, accounts: history.clone(), history }
}

fn bundle(table: &FeatureTable, labels: &[f64], benchmarks: Benchmarks, kind: ProvenanceKind) -> Bundle {
    let rows: Vec<usize> = (0..table.n_rows()).collect();
    let weights = vec![1.0; rows.len()];
    let candidate = Candidate::Logistic(logistic::Params::default().check().unwrap());
    let training = TrainingRows { table, labels, weights: &weights, groups: None, rows: &rows };
    let fitted = fit(&candidate, &training, 7).unwrap();
    let margins = fitted.margins(table, &rows);
    let groups: Vec<u32> = (0..u32::try_from(rows.len()).unwrap()).collect();
    let calibration = calibrate::ladder(&margins, labels, &weights, &groups, 7).unwrap();
    let background = explain::choose_background(&rows, 7);
    let model = ChurnModel::new(fitted, &calibration, table, &background).unwrap();
    let manifest = Manifest {
        name: "churn".to_owned(),
        version: "v000001".to_owned(),
        format: 1,
        crate_version: String::new(),
        candidate: candidate.describe(),
        specs: table.specs().to_vec(),
        question: Some(Question::from(&SnapshotConfig::default())),
        base_rates: BaseRates {
            all: labels.iter().sum::<f64>() / weights.iter().sum::<f64>(),
            renewals: None,
            rolling: None,
        },
        calibration: calibration.report,
        metrics: serde_json::Value::Null,
        provenance: Provenance {
            kind,
            data_sha256: String::new(),
            config: String::new(),
            seed: 7,
            first: None,
            last: None,
            as_of: None,
            crate_version: String::new(),
            positive_label: None,
        },
    };
    Bundle { manifest, model, benchmarks, horizons: None, outcomes: None }
}

fn by_hand() -> [(Vec<(&'static str, f64)>, &'static str); 3] {
    let large = vec![
        ("users_14d", 9.0),
        ("users_prior_14d", 22.0),
        ("seats_active_share_28d", 0.35),
        ("features_in_use_28d", 4.0),
        ("tickets_7d", 3.0),
        ("nps_latest", 5.0),
        ("days_since_nps", 20.0),
        ("outcomes_achieved", 1.0),
        ("max_days_overdue", 0.0),
        ("days_to_term_end", 62.0),
        ("term_months", 12.0),
        ("tenure_days", 668.0),
        ("days_since_sponsor_contact", 95.0),
        ("sponsor_present", 0.0),
        ("champion_present", 1.0),
        ("arr", 132_000.0),
        ("is_strategic", 1.0),
        ("days_since_sponsor_left", 21.0),
        ("days_since_strategic_review", 240.0),
    ];
    let growing = vec![
        ("users_14d", 46.0),
        ("users_prior_14d", 44.0),
        ("seats_active_share_28d", 0.96),
        ("features_in_use_28d", 10.0),
        ("tickets_7d", 0.0),
        ("nps_latest", 10.0),
        ("days_since_nps", 30.0),
        ("outcomes_achieved", 3.0),
        ("max_days_overdue", 0.0),
        ("days_to_term_end", 240.0),
        ("term_months", 12.0),
        ("tenure_days", 855.0),
        ("days_since_sponsor_contact", 4.0),
        ("sponsor_present", 1.0),
        ("champion_present", 1.0),
        ("arr", 36_000.0),
    ];
    let silent = vec![
        ("max_days_overdue", 24.0),
        ("days_to_term_end", 200.0),
        ("term_months", 12.0),
        ("tenure_days", 530.0),
        ("arr", 4_800.0),
        ("active_escalation", 0.0),
    ];
    [(large, "high_touch"), (growing, "mid_touch"), (silent, "low_touch")]
}
