//! Gradient boosting of the log loss with histogram trees (Friedman 2001; Chen and Guestrin 2016; Ke et al. 2017).
//!
//! Depth-limited trees on at most 255 bins a column, missing values sent where they lower the loss most, ridge
//! on leaves, stochastic rows and columns for each tree, answers ordered along columns of known direction.

mod bins;
mod grow;
mod histogram;
mod params;
mod split;

use rand::seq::index::sample;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use params::{Monotone, Params, ValidParams};

use crate::encode::{Encoder, Missing, Order, TreeEncoder, learnable};
use crate::fit::{FitError, FittedClassifier, TrainingRows};
use crate::model::Classifier;
use crate::probability::{log_loss, logit, sigmoid};
use crate::tree::{Tree, columns_tried};
use bins::Bins;
use grow::Grower;

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
    let orders: Vec<Order> = match params.monotone {
        Monotone::Declared => encoder.orders(training.table.specs()),
        Monotone::Free => vec![Order::Free; width],
    };
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
        for (slope, ((margin, label), weight)) in
            slopes.iter_mut().zip(margins.iter().zip(&labels).zip(&weights))
        {
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

/// The rows and columns that the tree of this round sees, ascending.
fn sample_of(
    n_rows: usize,
    width: usize,
    params: &Params,
    seed: u64,
    round: usize,
) -> (Vec<u32>, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(round as u64);
    let mut columns = sample(&mut rng, width, columns_tried(params.column_fraction, width)).into_vec();
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
mod tests;
