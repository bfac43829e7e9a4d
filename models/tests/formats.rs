//! Bundles that earlier versions wrote are read and answer as they did there. The files are those of `holdfast-train table`
//! on 300 rows (`customer,plan,tenure_months,seats,churned`): of format 1 a logistic regression, by the last commit that
//! wrote it, of format 2 a forest with Platt's calibration, likewise. The expected figures are those of `score` there.
#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use holdfast_features::{Column, FeatureTable, Kind};
use holdfast_models::Bundle;

/// Plan, tenure in months, seats.
const ROWS: [(&str, f64, f64); 7] = [
    ("free", 37.0, 49.0),
    ("free", 32.0, 31.0),
    ("free", 7.0, 25.0),
    ("free", 45.0, 47.0),
    ("business", 7.0, 2.0),
    ("business", 35.0, f64::NAN),
    ("business", 14.0, 47.0),
];

/// Probability and evidence interval of each row by the bundle's bytes.
fn answers(bytes: &[u8]) -> Vec<[f64; 3]> {
    let bundle = Bundle::from_bytes(bytes).unwrap();
    let column = |name: &str, kind| match (name, kind) {
        (_, Kind::Category) => Column::Text(ROWS.iter().map(|row| Some(row.0.into())).collect()),
        ("tenure_months", _) => Column::Number(ROWS.iter().map(|row| row.1).collect()),
        _ => Column::Number(ROWS.iter().map(|row| row.2).collect()),
    };
    let specs = bundle.model.specs().to_vec();
    let columns = specs.iter().map(|spec| column(&spec.name, spec.kind)).collect();
    let table = FeatureTable::new(specs, columns, ROWS.len()).unwrap();
    let found = bundle.model.predict_table(&table).into_iter();
    found.map(|answer| [answer.probability, answer.p_low, answer.p_high]).collect()
}

fn agree(found: &[[f64; 3]], expected: &[[f64; 3]]) {
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    assert!(pairs.into_iter().all(|(found, expected)| (found - expected).abs() < 1e-12), "{found:?}");
    assert_eq!(found.len(), expected.len());
}

#[test]
fn format_2_is_read() {
    let expected = [
        [0.12521844799661508, 0.12521844799661508, 0.15789473684210525],
        [0.12863214632399508, 0.12863214632399508, 0.15789473684210525],
        [0.8071058544837738, 0.6666666666666666, 1.0],
        [0.11952595013180614, 0.11952595013180614, 0.15789473684210525],
        [0.46961446396194473, 0.46961446396194473, 0.5483870967741935],
        [0.10267717369211114, 0.10267717369211114, 0.15254237288135594],
        [0.06828770891807003, 0.05555555555555555, 0.07407407407407407],
    ];
    agree(&answers(include_bytes!("fixtures/format_2.holdfast")), &expected);
}

#[test]
fn format_1_is_read() {
    let expected = [
        [0.14896233013188967, 0.09803921568627451, 0.14896233013188967],
        [0.25703988291466434, 0.25703988291466434, 0.36363636363636365],
        [0.5237595235719904, 0.43103448275862066, 0.5237595235719904],
        [0.11838238519127714, 0.09090909090909091, 0.11904761904761904],
        [0.33473937493675887, 0.33473937493675887, 0.4482758620689655],
        [0.13242186051472427, 0.09803921568627451, 0.13242186051472427],
        [0.10237291619620384, 0.04, 0.1111111111111111],
    ];
    agree(&answers(include_bytes!("fixtures/format_1.holdfast")), &expected);
}
