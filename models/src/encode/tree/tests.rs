use super::*;
use crate::encode::Encoder;
use holdfast_features::{FeatureTable, Kind};

fn table(kind: Kind, column: Column) -> FeatureTable {
    let n_rows = column.n_rows();
    FeatureTable::new(vec![FeatureSpec::prepared("x", kind)], vec![column], n_rows).unwrap()
}

fn fit(table: &FeatureTable, labels: &[f64], rows: &[usize], missing: Missing) -> (Encoder, Vec<Vec<f64>>) {
    let weights = vec![1.0; labels.len()];
    let training = TrainingRows { table, labels, weights: &weights, groups: None, rows };
    let (encoder, columns) = TreeEncoder::fit(&training, missing, 1);
    (Encoder::Tree(encoder), columns)
}

#[test]
fn missing_numbers_are_kept_or_filled() {
    let table = table(Kind::Number, Column::Number(vec![1.0, 5.0, f64::NAN, 9.0]));
    let labels = [0.0, 1.0, 0.0, 1.0];
    let (_, kept) = fit(&table, &labels, &[0, 1, 2, 3], Missing::Keep);
    assert!(kept[0][2].is_nan() && kept[0][3] == 9.0);
    let (encoder, filled) = fit(&table, &labels, &[0, 1, 2, 3], Missing::Fill);
    assert_eq!(encoder.sources(), [0, 0]);
    assert_eq!(filled, [[1.0, 5.0, 5.0, 9.0], [0.0, 0.0, 1.0, 0.0]]);
    let rows: [f64; 8] = std::array::from_fn(|at| filled[at % 2][at / 2]);
    assert_eq!(encoder.encode_rows(&table, &[0, 1, 2, 3]), rows);
    let (encoder, _) = fit(&table, &labels, &[2], Missing::Fill);
    assert_eq!(encoder.width(), 0, "all missing");
}

#[test]
fn a_category_is_its_smoothed_mean_and_unseen_is_the_overall_one() {
    let column = Column::Text(["a", "a", "b", "z"].map(|text| Some(text.into())).to_vec());
    let table = table(Kind::Category, column);
    let (encoder, columns) = fit(&table, &[1.0, 1.0, 0.0, 0.0], &[0, 1, 2], Missing::Keep);
    let overall = 2.0 / 3.0;
    let a = (2.0 + PRIOR_ROWS * overall) / (2.0 + PRIOR_ROWS);
    let b = PRIOR_ROWS * overall / (1.0 + PRIOR_ROWS);
    assert_eq!(columns, [[a, a, b]]);
    assert_eq!(encoder.encode_rows(&table, &[3]), [overall]);
    assert_eq!(encoder.validate(table.specs()), Ok(()));
}

#[test]
fn with_many_categories_a_training_row_does_not_see_its_own_label() {
    let names: Vec<String> = (0..200).map(|level| format!("level {level:03}")).collect();
    let column = Column::Text((0..400).map(|row| Some(names[row % 200].as_str().into())).collect());
    let table = table(Kind::Category, column);
    let rows: Vec<usize> = (0..400).collect();
    let labels: Vec<f64> = (0..400).map(|row| f64::from(u8::from(row % 3 == 0))).collect();
    let mut flipped = labels.clone();
    flipped[7] = 1.0 - flipped[7];
    let (_, before) = fit(&table, &labels, &rows, Missing::Keep);
    let (_, after) = fit(&table, &flipped, &rows, Missing::Keep);
    assert_eq!(before[0][7].to_bits(), after[0][7].to_bits());
    assert_ne!(before[0][207].to_bits(), after[0][207].to_bits(), "the same category, another part");
}

#[test]
fn refuses_an_encoder_that_does_not_fit() {
    let column = Column::Text(["a", "a", "b", "b"].map(|text| Some(text.into())).to_vec());
    let table = table(Kind::Category, column);
    let (encoder, _) = fit(&table, &[1.0, 1.0, 0.0, 0.0], &[0, 1, 2], Missing::Fill);
    let check = |spoil: &dyn Fn(&mut TreeEncoder)| {
        let mut encoder = encoder.clone();
        match &mut encoder {
            Encoder::Tree(encoder) => spoil(encoder),
            Encoder::Linear(_) => panic!("a tree encoder"),
        }
        encoder.validate(table.specs())
    };
    assert_eq!(check(&|_| ()), Ok(()));
    assert_eq!(check(&|encoder| encoder.columns[0].code = Code::Number), Err(EncoderError::Type("x".into())));
    assert_eq!(check(&|encoder| encoder.sources.clear()), Err(EncoderError::Layout("x".into())));
    let nan = |encoder: &mut TreeEncoder| encoder.columns[0].fill = Some(f64::NAN);
    assert_eq!(check(&nan), Err(EncoderError::Number("x".into())));
    let swapped = |encoder: &mut TreeEncoder| match &mut encoder.columns[0].code {
        Code::Category { levels, .. } => levels.reverse(),
        Code::Number => panic!("a category"),
    };
    assert_eq!(check(&swapped), Err(EncoderError::Unsorted("x".into())));
}
