//! Scoring a row, calibrated, allocates nothing.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its input has nothing to count")]

use holdfast_features::history::Outcome;
use holdfast_features::snapshot::{Question, SnapshotConfig};
use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};
use holdfast_models::calibrate::{Segments, ladder_by_segment};
use holdfast_models::horizon::{self, Decisions, Followed, HorizonRows};
use holdfast_models::outcome;
use holdfast_models::{
    Blend, Candidate, ChurnModel, HorizonModel, Scratch, TrainingRows, additive, boost, fit, forest, logistic,
};

const N_ROWS: u32 = 600;

/// Twelve columns, some values missing, and two stages; churn where the first two are high.
fn table() -> (FeatureTable, Vec<f64>) {
    let value = |row: u32, column: u32| {
        let hash = (row * 12 + column + 1).wrapping_mul(0x9e37_79b1) >> 16;
        if hash.is_multiple_of(11) { f64::NAN } else { f64::from(hash % 97) }
    };
    let columns = (0..12).map(|column| Column::Number((0..N_ROWS).map(|row| value(row, column)).collect()));
    let stages = (0..N_ROWS).map(|row| Some(["adoption", "renewal"][row as usize % 2].into())).collect();
    let columns = columns.chain([Column::Text(stages)]);
    let specs = (0..12).map(|column| FeatureSpec::prepared(&format!("x{column}"), Kind::Number));
    let specs = specs.chain([FeatureSpec::prepared("stage", Kind::Category)]).collect();
    let churned = |row| value(row, 0) + value(row, 1) > 110.0 || row % 9 == 0;
    let labels = (0..N_ROWS).map(|row| f64::from(u8::from(churned(row)))).collect();
    (FeatureTable::new(specs, columns.collect(), N_ROWS as usize).unwrap(), labels)
}

/// Hazards by the margins of `model`: with label 1 a row ends in the third period.
fn horizons(model: &ChurnModel, table: &FeatureTable, labels: &[f64], groups: &[u32]) -> HorizonModel {
    let question = Question::from(&SnapshotConfig::default());
    let margins: Vec<f64> = model.predict_table(table).iter().map(|prediction| prediction.margin).collect();
    let ended = |label: f64| (label > 0.5).then_some((2, 0));
    let followed: Vec<Followed> =
        labels.iter().map(|&label| Followed { periods: 6, ended: ended(label), weight: 1.0 }).collect();
    let decisions = vec![Decisions::new(&question, Some(12.0), Some(80.0)); margins.len()];
    let rows = HorizonRows { margins: &margins, decisions: &decisions, followed: &followed, groups };
    horizon::fit(&rows, question, 1).unwrap().model
}

#[test]
fn a_call_allocates_nothing() {
    let (table, labels) = table();
    let rows: Vec<usize> = (0..N_ROWS as usize).collect();
    let weights = vec![1.0; rows.len()];
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let boosted =
        boost::Params { rounds: 100, leaves: 31, depth: 12, min_rows: 2, ..boost::Params::default() };
    let candidates = [
        Candidate::Boost(boosted.check().unwrap()),
        Candidate::Additive(additive::Params { rounds: 30, ..additive::Params::default() }.check().unwrap()),
        Candidate::Forest(forest::Params { trees: 20, ..forest::Params::default() }.check().unwrap()),
        Candidate::Logistic(logistic::Params::default().check().unwrap()),
    ];
    let linear = candidates[2].clone();
    let fitted = candidates.map(|candidate| fit(&candidate, &training, 1).unwrap());
    let groups: Vec<u32> = (0..N_ROWS).collect();
    // The margins of one stage are off, so that there is an offset to look up.
    let stages: Vec<Option<&str>> = rows.iter().map(|row| Some(["adoption", "renewal"][row % 2])).collect();
    let margins: Vec<f64> =
        rows.iter().map(|row| labels[*row] + 2.0 * f64::from(u32::from(row % 2 == 0))).collect();
    let segments = Segments { feature: 12, of: &stages, blocks: &vec![0; stages.len()] };
    let calibration = ladder_by_segment(&margins, &labels, &weights, &groups, segments, 1).unwrap();
    assert!(calibration.segments.is_some());
    let alone = Blend::from(fitted[0].clone());
    let all = Blend::new(fitted.map(|member| (0.4, member)).to_vec());
    for blend in [alone, all] {
        let model = ChurnModel::new(blend, &calibration, &table, &rows[..50]).unwrap();
        let horizons = horizons(&model, &table, &labels, &groups);
        let of = |row: usize| [Outcome::Contracted, Outcome::Renewed, Outcome::Expanded][row % 3];
        let known: Vec<Option<Outcome>> = rows.iter().map(|&row| Some(of(row))).collect();
        let outcomes = outcome::fit(&linear, &training, &known, 1).unwrap().unwrap();
        let mut scratch = Scratch::default();
        let first = model.predict_with(table.row(0), &mut scratch);
        assert!(outcomes.probabilities(0.1, table.row(0), &mut scratch).renewed > 0.0);
        let mut sum = 0.0;
        let counted = allocation_counter::measure(|| {
            for &row in &rows {
                let prediction = model.predict_with(table.row(row), &mut scratch);
                sum += prediction.probability;
                sum += outcomes.probabilities(0.1, table.row(row), &mut scratch).renewed;
                sum += horizons.risks(prediction.margin, table.row(row))[0].churn_probability;
            }
        });
        assert_eq!(counted.count_total, 0, "allocations in {} calls", rows.len());
        assert!(sum > first.probability);
    }
}
