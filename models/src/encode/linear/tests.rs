use super::*;
use crate::encode::Encoder;
use holdfast_features::{Kind, Role};

const OPTIONS: LinearOptions = LinearOptions { hinges: 2, min_level_rows: 2, max_levels: 3 };

fn table(columns: Vec<(&str, Column)>) -> FeatureTable {
    let n_rows = columns[0].1.n_rows();
    let (specs, columns) = columns
        .into_iter()
        .map(|(name, column)| {
            let kind = if matches!(column, Column::Text(_)) { Kind::Category } else { Kind::Number };
            (FeatureSpec::prepared(name, kind), column)
        })
        .unzip();
    FeatureTable::new(specs, columns, n_rows).unwrap()
}

fn texts(values: &[&str]) -> Column {
    Column::Text(values.iter().map(|&text| (!text.is_empty()).then(|| text.into())).collect())
}

fn encoded(table: &FeatureTable, row: usize, encoder: &LinearEncoder) -> Vec<f64> {
    let mut out = vec![f64::NAN; encoder.sources().len()];
    encoder.encode(table.row(row), &mut out);
    out
}

#[test]
fn numbers_are_standardised_and_missing_is_told() {
    let table = table(vec![("x", Column::Number(vec![1.0, 3.0, f64::NAN, 1e300]))]);
    let encoder = LinearEncoder::fit(&table, &[0, 1, 2], OPTIONS);
    assert_eq!(encoded(&table, 0, &encoder), [-1.0, 0.0]);
    assert_eq!(encoded(&table, 1, &encoder), [1.0, 0.0]);
    assert_eq!(encoded(&table, 2, &encoder), [0.0, 1.0]);
    assert_eq!(encoded(&table, 3, &encoder), [1.0, 0.0], "beyond the training range");
}

#[test]
fn rare_and_unseen_categories_are_pooled() {
    let plans = texts(&["a", "a", "b", "b", "c", "", "z"]);
    let table = table(vec![("plan", plans)]);
    let encoder = LinearEncoder::fit(&table, &[0, 1, 2, 3, 4, 5], OPTIONS);
    let rows = [0, 2, 4, 5, 6].map(|row| encoded(&table, row, &encoder));
    assert_eq!(rows[0], [1.0, 0.0, 0.0, 0.0]);
    assert_eq!(rows[1], [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(rows[2], [0.0, 0.0, 1.0, 0.0]);
    assert_eq!(rows[3], [0.0, 0.0, 0.0, 1.0]);
    assert_eq!(rows[4], rows[2], "unseen");
}

#[test]
fn what_tells_nothing_has_no_column() {
    let table = table(vec![
        ("constant", Column::Number(vec![2.0; 3])),
        ("missing", Column::Number(vec![f64::NAN; 3])),
        ("one", texts(&["a", "a", "a"])),
        ("none", texts(&["", "", ""])),
    ]);
    let encoder = LinearEncoder::fit(&table, &[0, 1, 2], OPTIONS);
    assert_eq!(encoder.sources(), [0_usize; 0]);
}

#[test]
fn heavy_tails_and_huge_values_stay_finite() {
    let mut values: Vec<f64> = (0..40).map(f64::from).collect();
    values.extend([f64::MAX, f64::MIN, 1e-300]);
    let rows: Vec<usize> = (0..values.len()).collect();
    let table = table(vec![("x", Column::Number(values))]);
    let encoder = LinearEncoder::fit(&table, &rows, OPTIONS);
    assert!(encoder.sources().len() > 1, "hinges");
    for &row in &rows {
        assert!(encoded(&table, row, &encoder).iter().all(|value| value.is_finite()));
    }
    let specs = table.specs();
    assert_eq!(encoder.validate(specs), Ok(()));
}

#[test]
fn refuses_an_encoder_that_does_not_fit() {
    let table = table(vec![("x", Column::Number(vec![1.0, 2.0, 3.0])), ("plan", texts(&["a", "a", "b"]))]);
    let good = LinearEncoder::fit(&table, &[0, 1, 2], OPTIONS);
    let check = |spoil: &dyn Fn(&mut LinearEncoder)| {
        let mut encoder = good.clone();
        spoil(&mut encoder);
        Encoder::Linear(encoder).validate(table.specs())
    };
    assert_eq!(check(&|_| ()), Ok(()));
    let outside = Err(EncoderError::Source { feature: 9, features: 2 });
    assert_eq!(check(&|encoder| encoder.blocks[0].source = 9), outside);
    assert_eq!(check(&|encoder| encoder.sources.push(9)), outside);
    assert_eq!(check(&|encoder| encoder.blocks[0].source = 1), Err(EncoderError::Type("plan".into())));
    assert_eq!(check(&|encoder| encoder.blocks[1].first = 0), Err(EncoderError::Layout("plan".into())));
    let number = |change: fn(&mut Number)| {
        check(&|encoder| match &mut encoder.blocks[0].code {
            Code::Number(Some(number)) => change(number),
            code => panic!("{code:?}"),
        })
    };
    assert_eq!(number(|number| number.line.sd = 0.0), Err(EncoderError::Number("x".into())));
    assert_eq!(number(|number| number.low = f64::NAN), Err(EncoderError::Number("x".into())));
    let unsorted = check(&|encoder| {
        encoder.blocks[1].code = Code::Category { levels: vec!["b".into(), "a".into()], pooled: false };
    });
    assert_eq!(unsorted, Err(EncoderError::Unsorted("plan".into())));
    let mut specs = table.specs().to_vec();
    specs[0].role = Role::Context;
    let context = EncoderError::Source { feature: 0, features: 2 };
    assert_eq!(Encoder::Linear(good.clone()).validate(&specs), Err(context));
}
