//! Gradient boosting of the log loss with histogram trees (Friedman 2001; Chen and Guestrin 2016; Ke et al. 2017).
//!
//! Depth-limited trees on at most 255 bins a column, missing values sent where they lower the loss most, ridge
//! on leaves, stochastic rows and columns for each tree, answers ordered along columns of known direction.

mod bins;
mod grow;
mod histogram;
mod params;
mod split;

use holdfast_features::{Direction, Kind};
use rand::seq::index::sample;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use params::{Monotone, Params, ValidParams};

use crate::encode::{Encoder, Missing, TreeEncoder, learnable};
use crate::fit::{FitError, FittedClassifier, TrainingRows};
use crate::model::Classifier;
use crate::probability::{log_loss, logit, sigmoid};
use crate::tree::Tree;
use bins::Bins;
use grow::Grower;
use split::Order;

/// A fitted boosted model: log-odds = base + Σ trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoostModel {
    pub(crate) base: f64,
    pub(crate) trees: Vec<Tree>,
}

/// Fits checked parameters to checked rows.
pub(crate) fn fit(
    params: &ValidParams,
    training: &TrainingRows<'_>,
    seed: u64,
) -> Result<FittedClassifier, FitError> {
    run(params, training, None, seed).map(|(fitted, _)| fitted)
}

/// As [`fit`], with the mean log loss on `validation` after each round.
pub(crate) fn fit_with_curve(
    params: &ValidParams,
    training: &TrainingRows<'_>,
    validation: &TrainingRows<'_>,
    seed: u64,
) -> Result<(FittedClassifier, Vec<f64>), FitError> {
    run(params, training, Some(validation), seed)
}

struct Validation {
    matrix: Vec<f64>,
    labels: Vec<f64>,
    weights: Vec<f64>,
    margins: Vec<f64>,
}

fn run(
    params: &ValidParams,
    training: &TrainingRows<'_>,
    validation: Option<&TrainingRows<'_>>,
    seed: u64,
) -> Result<(FittedClassifier, Vec<f64>), FitError> {
    let params = params.params();
    let (encoder, matrix) = TreeEncoder::fit(training, Missing::Keep, seed);
    let encoder = Encoder::Tree(encoder);
    let width = encoder.width();
    if width == 0 {
        return Err(FitError::NoInformation(learnable(training.table.specs()).count()));
    }
    let (labels, weights) = training.targets();
    let bins = Bins::fit(&matrix, width, &weights, params.max_bins);
    let orders = orders(&encoder, training, params.monotone);
    let grower = Grower { bins: &bins, orders: &orders, params };

    let positive: f64 = labels.iter().zip(&weights).map(|(label, weight)| label * weight).sum();
    let base = logit(positive / weights.iter().sum::<f64>());
    let mut model = BoostModel { base, trees: Vec::with_capacity(params.rounds) };
    let mut margins = vec![base; labels.len()];
    let mut validation = validation.map(|validation| {
        let (labels, weights) = validation.targets();
        let matrix = encoder.encode_rows(validation.table, validation.rows);
        Validation { matrix, margins: vec![base; labels.len()], labels, weights }
    });
    let mut curve = Vec::new();
    let mut slopes = vec![[0.0; 2]; labels.len()];
    for round in 0..params.rounds {
        for (slope, ((margin, label), weight)) in slopes.iter_mut().zip(margins.iter().zip(&labels).zip(&weights)) {
            let probability = sigmoid(*margin);
            *slope = [weight * (probability - label), weight * probability * (1.0 - probability)];
        }
        let (rows, columns) = sample_of(labels.len(), width, params, seed, round);
        let nodes = grower.grow(&columns, rows, &slopes);
        let tree = Tree::new(nodes, width).map_err(|error| FitError::Trees(error.to_string()))?;
        add(&tree, &matrix, width, &mut margins);
        if let Some(Validation { matrix, labels, weights, margins }) = &mut validation {
            add(&tree, matrix, width, margins);
            curve.push(log_loss(margins, labels, weights));
        }
        model.trees.push(tree);
    }
    Ok((FittedClassifier { encoder, classifier: Classifier::Boost(model) }, curve))
}

fn add(tree: &Tree, matrix: &[f64], width: usize, margins: &mut [f64]) {
    for (margin, row) in margins.iter_mut().zip(matrix.chunks_exact(width)) {
        *margin += tree.predict(row);
    }
}

fn orders(encoder: &Encoder, training: &TrainingRows<'_>, monotone: Monotone) -> Vec<Order> {
    let of = |&source: &usize| {
        let spec = &training.table.specs()[source];
        match (monotone, spec.kind, spec.direction) {
            (Monotone::Free, _, _) | (_, Kind::Category, _) | (_, _, Direction::Unknown) => Order::Free,
            (_, _, Direction::RaisesRisk) => Order::Rising,
            (_, _, Direction::LowersRisk) => Order::Falling,
        }
    };
    encoder.sources().iter().map(of).collect()
}

/// The rows and columns that the tree of this round sees, ascending.
fn sample_of(n_rows: usize, width: usize, params: &Params, seed: u64, round: usize) -> (Vec<u32>, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(round as u64);
    let mut columns = sample(&mut rng, width, share(params.column_fraction, width)).into_vec();
    columns.sort_unstable();
    let all = 0..u32::try_from(n_rows).unwrap_or(u32::MAX);
    let rows: Vec<u32> = if params.row_fraction < 1.0 {
        all.clone().filter(|_| rng.random_bool(params.row_fraction)).collect()
    } else {
        all.clone().collect()
    };
    // A handful of rows may all be left out by chance.
    (if rows.is_empty() { all.collect() } else { rows }, columns)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share in (0, 1] of a column count far below 2^53"
)]
fn share(fraction: f64, width: usize) -> usize {
    ((fraction * width as f64).round() as usize).clamp(1, width)
}

impl BoostModel {
    pub(crate) fn raw(&self, row: &[f64]) -> f64 {
        self.trees.iter().fold(self.base, |margin, tree| margin + tree.predict(row))
    }

    /// Keeps the first `rounds` trees, at least one.
    pub(crate) fn truncate(&mut self, rounds: usize) {
        self.trees.truncate(rounds.max(1));
    }

    /// The trees, one a round.
    #[must_use]
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::{Candidate, fit, fit_with_curve};
    use holdfast_features::{Column, FeatureSpec, FeatureTable};

    /// Risk rises with `x` but for a dip, is high where `x` is missing; `noise` tells nothing.
    fn data(n: usize) -> (FeatureTable, Vec<f64>) {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut x = Vec::new();
        let mut noise = Vec::new();
        let mut labels = Vec::new();
        for _ in 0..n {
            let value: f64 = rng.random_range(0.0..10.0);
            let missing = rng.random_bool(0.1);
            let dip = (4.0..6.0).contains(&value);
            let risk = if missing { 0.9 } else if dip { 0.1 } else { 0.05 + value * 0.06 };
            x.push(if missing { f64::NAN } else { value });
            noise.push(rng.random_range(0.0..1.0));
            labels.push(f64::from(u8::from(rng.random_bool(risk))));
        }
        let mut specs = ["x", "noise"].map(|name| FeatureSpec::prepared(name, Kind::Number)).to_vec();
        specs[0].direction = Direction::RaisesRisk;
        (FeatureTable::new(specs, vec![Column::Number(x), Column::Number(noise)], n).unwrap(), labels)
    }

    fn candidate(monotone: Monotone) -> Candidate {
        let params = Params { rounds: 120, learning_rate: 0.1, column_fraction: 1.0, monotone, ..Params::default() };
        Candidate::Boost(params.check().unwrap())
    }

    fn probe(table: &FeatureTable, values: &[f64]) -> FeatureTable {
        let noise = Column::Number(vec![0.5; values.len()]);
        FeatureTable::new(table.specs().to_vec(), vec![Column::Number(values.to_vec()), noise], values.len())
            .unwrap()
    }

    #[test]
    fn recovers_a_known_risk_with_its_dip_and_its_missing_values() {
        let (table, labels) = data(6_000);
        let rows: Vec<usize> = (0..6_000).collect();
        let weights = vec![1.0; 6_000];
        let training =
            TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
        let fitted = fit(&candidate(Monotone::Free), &training, 1).unwrap();
        let probe = probe(&table, &[2.0, 5.0, 9.0, f64::NAN]);
        let risks: Vec<f64> = fitted.margins(&probe, &[0, 1, 2, 3]).into_iter().map(sigmoid).collect();
        for (risk, expected) in risks.iter().zip([0.17, 0.1, 0.59, 0.9]) {
            assert!((risk - expected).abs() < 0.08, "{risks:?}");
        }
    }

    #[test]
    fn a_declared_direction_is_never_violated() {
        let (table, labels) = data(3_000);
        let rows: Vec<usize> = (0..3_000).collect();
        let weights = vec![1.0; 3_000];
        let training =
            TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
        let ascending: Vec<f64> = (0..200).map(|step| f64::from(step) * 0.05).collect();
        let probe = probe(&table, &ascending);
        let steps: Vec<usize> = (0..200).collect();
        let rises = |monotone| {
            let fitted = fit(&candidate(monotone), &training, 1).unwrap();
            fitted.margins(&probe, &steps).windows(2).all(|pair| pair[1] >= pair[0] - 1e-12)
        };
        assert!(rises(Monotone::Declared));
        assert!(!rises(Monotone::Free), "the dip is found when directions are ignored");
    }

    #[test]
    fn the_same_bits_for_any_thread_count() {
        let (table, labels) = data(60_000);
        let rows: Vec<usize> = (0..60_000).collect();
        let weights: Vec<f64> = (0..60_000).map(|row| 1.0 / f64::from(row % 3 + 1)).collect();
        let training =
            TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
        let few = candidate(Monotone::Free).with_rounds(5);
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let one = pool(1).install(|| fit(&few, &training, 5).unwrap());
        let three = pool(3).install(|| fit(&few, &training, 5).unwrap());
        assert_eq!(one, three);
        assert_ne!(one, fit(&few, &training, 6).unwrap());
    }

    #[test]
    fn the_curve_ends_at_the_models_own_loss_and_fewer_rounds_are_its_beginning() {
        let (table, labels) = data(2_000);
        let rows: Vec<usize> = (0..1_500).collect();
        let held_out: Vec<usize> = (1_500..2_000).collect();
        let weights = vec![1.0; 2_000];
        let training =
            TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
        let candidate = candidate(Monotone::Declared);
        let (fitted, curve) = fit_with_curve(&candidate, &training, &held_out, 2).unwrap();
        let curve = curve.unwrap();
        assert_eq!(curve.len(), 120);
        assert!(curve[30] < curve[0]);
        for rounds in [120, 30] {
            let margins = fitted.clone().truncated(rounds).margins(&table, &held_out);
            let loss = log_loss(&margins, &labels[1_500..], &weights[1_500..]);
            assert!((loss - curve[rounds - 1]).abs() < 1e-12);
        }
        let short = fit(&candidate.with_rounds(30), &training, 2).unwrap();
        assert_eq!(short, fitted.truncated(30));
    }

    #[test]
    fn a_weight_of_two_equals_the_row_twice() {
        let (table, labels) = data(500);
        let rows: Vec<usize> = (0..500).collect();
        let exact = Params { row_fraction: 1.0, column_fraction: 1.0, rounds: 10, min_rows: 1, ..Params::default() };
        let exact = Candidate::Boost(exact.check().unwrap());
        let weights: Vec<f64> = (0..500).map(|row| if row < 200 { 2.0 } else { 1.0 }).collect();
        let training =
            TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
        let weighted = fit(&exact, &training, 0).unwrap().margins(&table, &rows);
        let twice: Vec<usize> = (0..500).chain(0..200).collect();
        let training = TrainingRows { weights: &[1.0; 500], rows: &twice, ..training };
        let repeated = fit(&exact, &training, 0).unwrap().margins(&table, &rows);
        for (a, b) in weighted.iter().zip(&repeated) {
            assert!((a - b).abs() < 1e-9);
        }
    }
}
