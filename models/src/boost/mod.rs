//! Gradient boosting of the log loss with histogram trees (Friedman 2001; Chen and Guestrin 2016; Ke et al. 2017).
//!
//! Trees of limited depth or leaves on at most 255 bins a column, missing values sent where they lower the loss most,
//! ridge on leaves, stochastic rows and columns for each tree, answers ordered along columns of known direction.

pub(crate) mod binned;
pub(crate) mod bins;
mod grow;
pub(crate) mod histogram;
mod params;
mod rows;
pub(crate) mod slopes;
pub(crate) mod split;

use rand::seq::index::sample;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use params::{Cuts, Monotone, Params, ValidParams};

use crate::fit::{Checkpoint, FitError, FittedClassifier, TrainingRows, Watched};
use crate::model::Classifier;
use crate::tree::{Tree, columns_tried};
use binned::Binned;
use bins::Codes;
use grow::Grower;
use histogram::Lanes;
use slopes::Slopes;
use split::Rules;

/// A fitted boosted model: log-odds = base + Σ trees. Trees of one round stand together, one a bag.
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

/// The margins of `validation` along the rounds; ends early where more rounds have long made them worse.
pub(crate) fn checkpoints(
    params: &ValidParams,
    training: &TrainingRows<'_>,
    validation: &TrainingRows<'_>,
    seed: u64,
) -> Result<Vec<Checkpoint>, FitError> {
    run(params, training, Some(validation), seed).map(|(_, checkpoints)| checkpoints)
}

/// Rows that the trees do not learn from, with their margins so far.
struct Validation {
    codes: Codes,
    margins: Vec<f64>,
    watched: Watched,
}

fn run(
    params: &ValidParams,
    training: &TrainingRows<'_>,
    validation: Option<&TrainingRows<'_>>,
    seed: u64,
) -> Result<(FittedClassifier, Vec<Checkpoint>), FitError> {
    let params = params.params();
    let binned = Binned::of(training, params.max_bins, params.monotone, seed)?;
    let mut validation = validation.map(|validation| {
        let watched = Watched::new(validation);
        Validation {
            codes: binned.codes_of(validation),
            margins: vec![binned.base; watched.n_rows()],
            watched,
        }
    });
    let Binned { encoder, bins, codes, labels, weights, orders, base } = binned;
    let width = encoder.width();
    let mut slopes = Slopes::new(&weights);
    let rules = Rules { params, units: slopes.units(), orders: &orders };
    let mut grower = Grower { bins: &bins, codes: &codes, rules, spare: Vec::new() };

    let mut model = BoostModel { base, trees: Vec::with_capacity(params.rounds * params.bags) };
    let mut bags = Bag::all(params.bags, base, labels.len(), seed);
    let share = 1.0 / bags.iter().map(|_| 1.0).sum::<f64>();
    let mut lanes: Option<Lanes> = None;
    for round in 0..params.rounds {
        for bag in &mut bags {
            slopes.set(&bag.margins, &labels, &weights);
            let Sample { rows, others, columns, cuts } =
                Sample::draw(labels.len(), width, params, bag.seed, round);
            let of_round = match lanes.take() {
                Some(lanes) if lanes.columns() == columns => lanes,
                _ => {
                    let n_known = columns.iter().map(|&column| bins.n_known(column)).collect();
                    Lanes::of(&codes, columns, n_known)
                }
            };
            let mut grown = grower.grow(&of_round, rows, &slopes, cuts);
            lanes = Some(of_round);
            grown.rows.add(&grown.leaves(), &mut bag.margins);
            grown.add_to(others, &codes, &mut bag.margins);
            grown.scale(share);
            if let Some(Validation { codes, margins, .. }) = &mut validation {
                grown.add_to(first_rows(margins.len()).collect(), codes, margins);
            }
            let tree = Tree::new(grown.nodes, width).map_err(|error| FitError::Trees(error.to_string()))?;
            model.trees.push(tree);
        }
        if let Some(Validation { margins, watched, .. }) = &mut validation
            && Watched::is_checkpoint(round + 1, params.rounds)
            && !watched.take_down(round + 1, margins.clone())
        {
            break;
        }
    }
    let checkpoints = validation.map_or_else(Vec::new, |validation| validation.watched.checkpoints());
    Ok((FittedClassifier { encoder, classifier: Classifier::Boost(model) }, checkpoints))
}

/// One of several boosted models that differ by chance alone; the fitted model is their mean.
struct Bag {
    seed: u64,
    margins: Vec<f64>,
}

impl Bag {
    fn all(n_bags: usize, base: f64, n_rows: usize, seed: u64) -> Vec<Self> {
        let seed = |bag: u64| seed.wrapping_add(bag.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (0..).take(n_bags).map(|bag| Self { seed: seed(bag), margins: vec![base; n_rows] }).collect()
    }
}

/// What the tree of one round sees, ascending.
struct Sample {
    rows: Vec<u32>,
    /// The rows that it does not see.
    others: Vec<u32>,
    columns: Vec<usize>,
    /// What the cuts are drawn by, where they are.
    cuts: u64,
}

impl Sample {
    fn draw(n_rows: usize, width: usize, params: &Params, seed: u64, round: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(round as u64);
        let mut columns = sample(&mut rng, width, columns_tried(params.column_fraction, width)).into_vec();
        columns.sort_unstable();
        let all = first_rows(n_rows);
        let (rows, others): (Vec<u32>, Vec<u32>) = if params.row_fraction < 1.0 {
            all.partition(|_| rng.random_bool(params.row_fraction))
        } else {
            (all.collect(), Vec::new())
        };
        let cuts = rng.random();
        // A handful of rows may all be left out by chance.
        if rows.is_empty() {
            Self { rows: others, others: rows, columns, cuts }
        } else {
            Self { rows, others, columns, cuts }
        }
    }
}

fn first_rows(n_rows: usize) -> std::ops::Range<u32> {
    0..u32::try_from(n_rows).unwrap_or(u32::MAX)
}

impl BoostModel {
    pub(crate) fn raw(&self, row: &[f64]) -> f64 {
        self.trees.iter().fold(self.base, |margin, tree| margin + tree.predict(row))
    }

    /// The trees, one a round.
    #[must_use]
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }
}

#[cfg(test)]
mod tests;
