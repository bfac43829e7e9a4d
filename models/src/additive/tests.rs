use super::*;
use crate::fit::{Candidate, checkpoints, fit};
use crate::probability::{log_loss, sigmoid};
use holdfast_features::{Column, Direction, FeatureSpec, FeatureTable, Kind};

const N: usize = 4_000;

/// Log-odds: a bend in `x`, more where it is missing, a line in `y`; `noise` tells nothing.
fn data() -> (FeatureTable, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (mut x, mut y, mut noise, mut labels) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..N {
        let value: f64 = rng.random_range(0.0..10.0);
        let other: f64 = rng.random_range(-1.0..1.0);
        let is_missing = rng.random_bool(0.15);
        let of_x = if is_missing { 1.0 } else { bend(value) };
        x.push(if is_missing { f64::NAN } else { value });
        y.push(other);
        noise.push(rng.random_range(0.0..1.0));
        labels.push(f64::from(u8::from(rng.random_bool(sigmoid(of_x + other - 1.0)))));
    }
    let mut specs = ["x", "y", "noise"].map(|name| FeatureSpec::prepared(name, Kind::Number)).to_vec();
    specs[1].direction = Direction::RaisesRisk;
    let columns = [x, y, noise].map(Column::Number).to_vec();
    (FeatureTable::new(specs, columns, N).unwrap(), labels)
}

fn bend(value: f64) -> f64 {
    if (3.0..7.0).contains(&value) { -1.5 } else { 0.5 }
}

fn candidate(params: Params) -> Candidate {
    Candidate::Additive(params.check().unwrap())
}

fn with_rows<T>(rows: &[usize], then: impl FnOnce(&TrainingRows<'_>) -> T) -> T {
    let (table, labels) = data();
    then(&TrainingRows { table: &table, labels: &labels, weights: &[1.0; N], groups: None, rows })
}

fn model(fitted: &FittedClassifier) -> &AdditiveModel {
    let Classifier::Additive(model) = fitted.classifier() else { panic!("additive") };
    model
}

#[test]
fn shapes_are_the_terms_of_the_truth() {
    let all: Vec<usize> = (0..N).collect();
    let params = Params { rounds: 800, ..Params::default() };
    let fitted = with_rows(&all, |training| fit(&candidate(params), training, 1).unwrap());
    let shapes = model(&fitted).shapes();
    let [x, y] = &shapes[..2] else { panic!("{shapes:?}") };
    let differences = [
        (x.at(8.5) - x.at(5.0), 2.0),
        (x.at(1.5) - x.at(8.5), 0.0),
        (x.missing - x.at(8.5), 0.5),
        (y.at(0.8) - y.at(-0.8), 1.6),
    ];
    for (found, expected) in differences {
        assert!((found - expected).abs() < 0.35, "{differences:?}");
    }
    assert!(y.values.is_sorted(), "a declared direction binds: {y:?}");
    let spread = |shape: &Shape| {
        let (low, high) = shape.values.iter().fold((0.0_f64, 0.0_f64), |(l, h), &v| (l.min(v), h.max(v)));
        high - low
    };
    assert!(shapes.get(2).is_none_or(|noise| spread(noise) < 0.3), "{shapes:?}");
}

#[test]
fn a_checkpoint_has_the_margins_of_a_fit_with_as_many_sweeps() {
    let rows: Vec<usize> = (0..3_000).collect();
    let held_out: Vec<usize> = (3_000..N).collect();
    with_rows(&rows, |training| {
        let candidate = candidate(Params { rounds: 60, ..Params::default() });
        let found = checkpoints(&candidate, training, &held_out, 2).unwrap();
        let loss =
            |at: usize| log_loss(&found[at].margins, &training.labels[3_000..], &training.weights[3_000..]);
        assert!(loss(found.len() - 1) < loss(0));
        for checkpoint in [&found[0], &found[10], &found[found.len() - 1]] {
            let fitted = fit(&candidate.with_rounds(checkpoint.rounds.unwrap()), training, 2).unwrap();
            let bits = |margins: &[f64]| margins.iter().map(|margin| margin.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&fitted.margins(training.table, &held_out)), bits(&checkpoint.margins));
        }
    });
}

#[test]
fn the_same_bits_for_any_thread_count() {
    let all: Vec<usize> = (0..N).collect();
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let of = |threads| {
        let few = candidate(Params { rounds: 5, ..Params::default() });
        pool(threads).install(|| with_rows(&all, |training| fit(&few, training, 3).unwrap()))
    };
    assert_eq!(of(1), of(3));
}

#[test]
fn a_margin_is_the_base_and_the_sum_of_the_shapes() {
    let all: Vec<usize> = (0..N).collect();
    with_rows(&all, |training| {
        let fitted = fit(&candidate(Params { rounds: 40, ..Params::default() }), training, 3).unwrap();
        let model = model(&fitted);
        let shapes = model.shapes();
        let width = fitted.encoder().width();
        let encoded = fitted.encoder().encode_rows(training.table, &all);
        for (row, margin) in encoded.chunks_exact(width).zip(fitted.margins(training.table, &all)) {
            let sum: f64 = shapes.iter().map(|shape| shape.at(row[shape.column])).sum();
            assert!((model.base() + sum - margin).abs() < 1e-12);
        }
    });
}
