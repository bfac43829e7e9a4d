//! A small table with numbers, categories, missing values and context, and models of it, for tests.

use holdfast_features::history::Outcome;
use holdfast_features::snapshot::{Question, SnapshotConfig};
use holdfast_features::{Column, Direction, FeatureSpec, FeatureTable, Kind, Role};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::artifact::{Bundle, FORMAT};
use crate::benchmark::{Benchmarks, SEGMENT_COLUMN};
use crate::calibrate::{Calibration, SegmentOffsets, ladder};
use crate::explain::choose_background;
use crate::fit::{Candidate, FittedClassifier, TrainingRows, fit};
use crate::horizon::{self, Decisions, Followed, HorizonModel, HorizonRows, N_PERIODS};
use crate::manifest::{BaseRates, Manifest, Provenance, ProvenanceKind};
use crate::model::ChurnModel;
use crate::outcome::{self, OutcomeModel};
use crate::probability::sigmoid;
use crate::{additive, boost, forest, logistic};

/// `n` accounts whose risk falls with usage, differs by plan and is high where usage is not known.
pub(crate) fn table(n: usize) -> (FeatureTable, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let (mut usage, mut seats, mut trial, mut plan, mut tier) = (vec![], vec![], vec![], vec![], vec![]);
    let mut labels = Vec::with_capacity(n);
    for _ in 0..n {
        let level: f64 = rng.random_range(0.0..10.0);
        let is_known = rng.random_bool(0.9);
        let name = ["basic", "plus", "pro"][rng.random_range(0..3_usize)];
        usage.push(if is_known { level } else { f64::NAN });
        seats.push(f64::from(rng.random_range(1..500_u32)).powi(2));
        trial.push(f64::from(u8::from(rng.random_bool(0.3))));
        plan.push(rng.random_bool(0.95).then(|| name.into()));
        tier.push(Some(["A", "B"][rng.random_range(0..2_usize)].into()));
        let risk =
            sigmoid(if is_known { 1.0 - 0.4 * level } else { 1.0 } + f64::from(u8::from(name == "basic")));
        labels.push(f64::from(u8::from(rng.random_bool(risk))));
    }
    let mut specs = vec![
        FeatureSpec::prepared("tier", Kind::Category),
        FeatureSpec::prepared("usage", Kind::Number),
        FeatureSpec::prepared("plan", Kind::Category),
        FeatureSpec::prepared("seats", Kind::Number),
        FeatureSpec::prepared("trial", Kind::Boolean),
    ];
    specs[0].role = Role::Context;
    specs[1].direction = Direction::LowersRisk;
    let columns = vec![
        Column::Text(tier),
        Column::Number(usage),
        Column::Text(plan),
        Column::Number(seats),
        Column::Number(trial),
    ];
    (FeatureTable::new(specs, columns, n).unwrap(), labels)
}

/// One small candidate of each learner.
pub(crate) fn candidates() -> [Candidate; 4] {
    let hinges = crate::encode::LinearOptions { hinges: 2, ..logistic::Params::default().encoding };
    let logistic = logistic::Params { encoding: hinges, ..logistic::Params::default() };
    let forest = forest::Params { trees: 12, max_depth: 5, ..forest::Params::default() };
    let additive = additive::Params { rounds: 25, learning_rate: 0.1, ..additive::Params::default() };
    let boost = boost::Params { rounds: 25, learning_rate: 0.1, ..boost::Params::default() };
    [
        Candidate::Logistic(logistic.check().unwrap()),
        Candidate::Forest(forest.check().unwrap()),
        Candidate::Boost(boost.check().unwrap()),
        Candidate::Additive(additive.check().unwrap()),
    ]
}

/// The candidate fitted to the first two thirds of the rows.
pub(crate) fn fitted(candidate: &Candidate, table: &FeatureTable, labels: &[f64]) -> FittedClassifier {
    let rows: Vec<usize> = (0..table.n_rows() * 2 / 3).collect();
    let weights = vec![1.0; labels.len()];
    let training = TrainingRows { table, labels, weights: &weights, groups: None, rows: &rows };
    fit(candidate, &training, 4).unwrap()
}

/// Calibrated on the rest of them, with offsets by `plan`.
pub(crate) fn calibration(fitted: &FittedClassifier, table: &FeatureTable, labels: &[f64]) -> Calibration {
    let rows: Vec<usize> = (table.n_rows() * 2 / 3..table.n_rows()).collect();
    let groups: Vec<u32> = (0..u32::try_from(rows.len()).unwrap()).collect();
    let of_rest: Vec<f64> = rows.iter().map(|&row| labels[row]).collect();
    let own = ladder(&fitted.margins(table, &rows), &of_rest, &vec![1.0; rows.len()], &groups, 1).unwrap();
    Calibration { segments: Some(SegmentOffsets::example(2, ["basic", "pro"])), ..own }
}

/// A whole bundle of `candidate` on 300 accounts, and their table.
pub(crate) fn bundle(candidate: &Candidate) -> (Bundle, FeatureTable) {
    let (table, labels) = table(300);
    let fitted = fitted(candidate, &table, &labels);
    let calibration = calibration(&fitted, &table, &labels);
    let rows: Vec<usize> = (0..300).collect();
    let background: Vec<usize> = choose_background(&rows, 1).into_iter().take(20).collect();
    let model = ChurnModel::new(fitted, &calibration, &table, &background).unwrap();
    let manifest = Manifest {
        name: "churn".into(),
        version: String::new(),
        format: FORMAT,
        crate_version: env!("CARGO_PKG_VERSION").into(),
        candidate: candidate.describe(),
        specs: table.specs().to_vec(),
        question: None,
        base_rates: BaseRates { all: 0.3, renewals: None, rolling: None },
        calibration: calibration.report,
        metrics: serde_json::json!({"auc": 0.75}),
        provenance: Provenance {
            kind: ProvenanceKind::History,
            data_sha256: "00".repeat(32),
            config: String::new(),
            seed: 4,
            first: None,
            last: None,
            as_of: None,
            crate_version: env!("CARGO_PKG_VERSION").into(),
            positive_label: None,
        },
    };
    let benchmarks = Benchmarks::fit(&table, &rows, SEGMENT_COLUMN);
    let horizons = Some(horizons(&model, &table, &labels));
    let outcomes = Some(outcomes(&table, &labels));
    (Bundle { manifest, model, benchmarks, horizons, outcomes }, table)
}

/// Of the accounts with label 0 every third contracts and every third expands.
fn outcomes(table: &FeatureTable, labels: &[f64]) -> OutcomeModel {
    let of = |row: usize| [Outcome::Contracted, Outcome::Renewed, Outcome::Expanded][row * 7 % 3];
    let known = |(row, &label): (usize, &f64)| Some(if label > 0.5 { Outcome::Churned } else { of(row) });
    let outcomes: Vec<Option<Outcome>> = labels.iter().enumerate().map(known).collect();
    let (rows, weights) = ((0..labels.len()).collect::<Vec<_>>(), vec![1.0; labels.len()]);
    let training = TrainingRows { table, labels, weights: &weights, groups: None, rows: &rows };
    outcome::fit(&candidates()[0], &training, &outcomes, 1).unwrap().unwrap()
}

/// Hazards of monthly contracts, of which those with label 1 end in the second month.
pub(crate) fn horizons(model: &ChurnModel, table: &FeatureTable, labels: &[f64]) -> HorizonModel {
    let question = Question::from(&SnapshotConfig::default());
    let margins: Vec<f64> = model.predict_table(table).iter().map(|prediction| prediction.margin).collect();
    let followed: Vec<Followed> = labels
        .iter()
        .map(|&label| Followed { periods: N_PERIODS, ended: (label > 0.5).then_some((1, 0)), weight: 1.0 })
        .collect();
    let decisions = vec![Decisions::new(&question, None, None); margins.len()];
    let groups: Vec<u32> = (0..u32::try_from(margins.len()).unwrap()).collect();
    let rows = HorizonRows { margins: &margins, decisions: &decisions, followed: &followed, groups: &groups };
    horizon::fit(&rows, question, 1).unwrap().model
}
