//! Scoring a row, calibrated, allocates nothing.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its input has nothing to count")]

use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};
use holdfast_models::calibrate::ladder;
use holdfast_models::{
    Blend, Candidate, ChurnModel, Scratch, TrainingRows, additive, boost, fit, forest, logistic,
};

const N_ROWS: u32 = 600;

/// Twelve columns, some values missing; churn where the first two are high.
fn table() -> (FeatureTable, Vec<f64>) {
    let value = |row: u32, column: u32| {
        let hash = (row * 12 + column + 1).wrapping_mul(0x9e37_79b1) >> 16;
        if hash.is_multiple_of(11) { f64::NAN } else { f64::from(hash % 97) }
    };
    let columns = (0..12).map(|column| Column::Number((0..N_ROWS).map(|row| value(row, column)).collect()));
    let specs = (0..12).map(|column| FeatureSpec::prepared(&format!("x{column}"), Kind::Number)).collect();
    let churned = |row| value(row, 0) + value(row, 1) > 110.0 || row % 9 == 0;
    let labels = (0..N_ROWS).map(|row| f64::from(u8::from(churned(row)))).collect();
    (FeatureTable::new(specs, columns.collect(), N_ROWS as usize).unwrap(), labels)
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
    let fitted = candidates.map(|candidate| fit(&candidate, &training, 1).unwrap());
    let groups: Vec<u32> = (0..N_ROWS).collect();
    let calibration = ladder(&fitted[0].margins(&table, &rows), &labels, &weights, &groups, 1).unwrap();
    let alone = Blend::from(fitted[0].clone());
    let all = Blend::new(fitted.map(|member| (0.4, member)).to_vec());
    for blend in [alone, all] {
        let model = ChurnModel::new(blend, &calibration, &table, &rows[..50]).unwrap();
        let mut scratch = Scratch::default();
        let first = model.predict_with(table.row(0), &mut scratch);
        let mut sum = 0.0;
        let counted = allocation_counter::measure(|| {
            sum = rows.iter().map(|&row| model.predict_with(table.row(row), &mut scratch).probability).sum();
        });
        assert_eq!(counted.count_total, 0, "allocations in {} calls", rows.len());
        assert!(sum > first.probability);
    }
}
