//! A glass-box additive model: log-odds = base + Σ one step function a column (Lou, Caruana and Gehrke 2012).
//!
//! Cyclic boosting: sweep after sweep each column in turn takes a small step, so that columns which tell the same share
//! what they tell. A step is a tree of one split; the sum of a column's steps is its [`Shape`], which can be drawn, and
//! explanations of such a model are exact readings of it. Eight columns take their turn together: at small learning
//! rates that differs little from one at a time, and counting them costs as much as counting one.

mod params;
mod shape;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use params::{Params, ValidParams};
pub use shape::Shape;

use crate::boost::bins::{Bins, Codes};
use crate::boost::histogram::{Histogram, LANES, Lanes};
use crate::boost::slopes::{Slopes, Sums};
use crate::boost::split::{Asked, Rules, Split, UNBOUNDED};
use crate::boost::{BoostModel, Monotone};
use crate::encode::{Encoder, Missing, Order, TreeEncoder, learnable};
use crate::fit::{FitError, FittedClassifier, TrainingRows};
use crate::model::Classifier;
use crate::probability::{log_loss, logit};

/// Codes of a column.
const CODES: usize = 256;
/// Rows whose margins one task moves.
const BLOCK: usize = 1 << 13;

/// A fitted additive model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdditiveModel {
    /// One tree a column: the shape.
    pub(crate) sum: BoostModel,
    /// How it came to be, where fewer sweeps may be asked for.
    #[serde(skip)]
    sweeps: Option<Sweeps>,
}

/// The steps of each sweep.
#[derive(Debug, Clone, PartialEq)]
struct Sweeps {
    steps: Vec<Vec<Step>>,
    /// For each column the ends of its bins but the last.
    ends: Vec<Vec<f64>>,
}

/// What a turn of a column adds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    column: usize,
    /// The last bin of the left side.
    bin: usize,
    left: f64,
    right: f64,
    missing: f64,
}

/// Some rows with what is known of them so far.
struct Scored {
    codes: Codes,
    labels: Vec<f64>,
    weights: Vec<f64>,
    margins: Vec<f64>,
}

/// Fits checked parameters to checked rows.
pub(crate) fn fit(
    params: &ValidParams,
    training: &TrainingRows<'_>,
    seed: u64,
) -> Result<FittedClassifier, FitError> {
    run(params, training, None, seed).map(|(mut fitted, _)| {
        if let Classifier::Additive(model) = &mut fitted.classifier {
            model.sweeps = None;
        }
        fitted
    })
}

/// As [`fit`], with the mean log loss on `validation` after each sweep.
pub(crate) fn fit_with_curve(
    params: &ValidParams,
    training: &TrainingRows<'_>,
    validation: &TrainingRows<'_>,
    seed: u64,
) -> Result<(FittedClassifier, Vec<f64>), FitError> {
    run(params, training, Some(validation), seed)
}

fn run(
    params: &ValidParams,
    training: &TrainingRows<'_>,
    validation: Option<&TrainingRows<'_>>,
    seed: u64,
) -> Result<(FittedClassifier, Vec<f64>), FitError> {
    let params = params.params();
    let (encoder, columns) = TreeEncoder::fit(training, Missing::Keep, seed);
    let encoder = Encoder::Tree(encoder);
    let width = encoder.width();
    if width == 0 {
        return Err(FitError::NoInformation(learnable(training.table.specs()).count()));
    }
    let (labels, weights) = training.targets();
    let bins = Bins::fit(&columns, &weights, params.max_bins, seed);
    let positive: f64 = labels.iter().zip(&weights).map(|(label, weight)| label * weight).sum();
    let base = logit(positive / weights.iter().sum::<f64>());
    let scored = |columns: &[Vec<f64>], labels: Vec<f64>, weights| Scored {
        codes: bins.codes(columns),
        margins: vec![base; labels.len()],
        labels,
        weights,
    };
    let mut validation = validation.map(|validation| {
        let (labels, weights) = validation.targets();
        scored(&encoder.encode_columns(validation.table, validation.rows), labels, weights)
    });
    let mut training_rows = scored(&columns, labels, weights);
    drop(columns);
    let orders: Vec<Order> = match params.monotone {
        Monotone::Declared => encoder.orders(training.table.specs()),
        Monotone::Free => vec![Order::Free; width],
    };
    let mut slopes = Slopes::new(&training_rows.weights);
    let of_steps = params.steps();
    let rules = Rules { params: &of_steps, units: slopes.units(), orders: &orders };
    let all: Vec<usize> = (0..width).collect();
    let turns: Vec<Lanes> = all
        .chunks(LANES)
        .map(|columns| {
            let n_known = columns.iter().map(|&column| bins.n_known(column)).collect();
            Lanes::of(&training_rows.codes, columns.to_vec(), n_known)
        })
        .collect();
    let mut histograms: Vec<Histogram> = turns.iter().take(1).map(Histogram::new).collect();
    let mut curve = Vec::new();
    let mut steps = Vec::with_capacity(params.rounds);
    for sweep in 0..params.rounds {
        let rows = sampled(training_rows.labels.len(), params.row_fraction, seed, sweep);
        let mut of_sweep = Vec::new();
        for lanes in &turns {
            slopes.set(&training_rows.margins, &training_rows.labels, &training_rows.weights);
            let mut histogram = histograms.pop().unwrap_or_else(|| Histogram::new(lanes));
            histogram.count(lanes, &rows, slopes.rows(), &mut histograms);
            let sums = histogram.total(lanes);
            let counted = histogram.table(0).iter().zip(lanes.group(0));
            let taken: Vec<Step> = counted
                .filter_map(|(counted, (column, n_known))| {
                    let split =
                        rules.best_of(Asked { sums, bounds: UNBOUNDED }, column, &counted[..=n_known])?;
                    let step = || Step::of(&split, &rules, counted[n_known]);
                    (split.gain >= params.min_gain).then(step)
                })
                .collect();
            histograms.push(histogram);
            training_rows.take(&taken, &bins);
            if let Some(validation) = &mut validation {
                validation.take(&taken, &bins);
            }
            of_sweep.extend(taken);
        }
        steps.push(of_sweep);
        if let Some(Scored { margins, labels, weights, .. }) = &validation {
            curve.push(log_loss(margins, labels, weights));
        }
    }
    let ends = all.iter().map(|&column| bins.ends(column).to_vec()).collect();
    let sweeps = Sweeps { steps, ends };
    let sum = sweeps.sum(base, params.rounds)?;
    let classifier = Classifier::Additive(AdditiveModel { sum, sweeps: Some(sweeps) });
    Ok((FittedClassifier { encoder, classifier }, curve))
}

/// The rows that a sweep sees, ascending; all where chance would leave none.
fn sampled(n_rows: usize, share: f64, seed: u64, sweep: usize) -> Vec<u32> {
    let all = 0..u32::try_from(n_rows).unwrap_or(u32::MAX);
    if share >= 1.0 {
        return all.collect();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(sweep as u64);
    let rows: Vec<u32> = all.clone().filter(|_| rng.random_bool(share)).collect();
    if rows.is_empty() { all.collect() } else { rows }
}

impl Step {
    /// The step of a split; missing values go with the side that the split sends them to, nowhere where none were seen.
    fn of(split: &Split, rules: &Rules<'_>, missing: Sums) -> Self {
        let answer = |sums| rules.params.learning_rate * rules.answer(sums, UNBOUNDED);
        let (left, right) = (answer(split.left), answer(split.right));
        let missing = match (missing.is_empty(), split.missing_left) {
            (true, _) => 0.0,
            (false, true) => left,
            (false, false) => right,
        };
        Self { column: split.column, bin: split.bin, left, right, missing }
    }

    /// What it adds by code; known values have `n_known` codes, missing ones the next.
    fn by_code(&self, n_known: usize) -> [f64; CODES] {
        let mut added = [0.0; CODES];
        added[..=self.bin].fill(self.left);
        added[self.bin + 1..].fill(self.right);
        added[n_known] = self.missing;
        added
    }
}

impl Scored {
    /// Adds the steps to the margin of each row.
    fn take(&mut self, steps: &[Step], bins: &Bins) {
        let tables: Vec<(&[u8], [f64; CODES])> = steps
            .iter()
            .map(|step| (self.codes.column(step.column), step.by_code(bins.n_known(step.column))))
            .collect();
        self.margins.par_chunks_mut(BLOCK).enumerate().for_each(|(block, margins)| {
            for (codes, added) in &tables {
                for (margin, &code) in margins.iter_mut().zip(&codes[block * BLOCK..]) {
                    *margin += added[usize::from(code)];
                }
            }
        });
    }
}

impl Sweeps {
    /// The model after the first `rounds` sweeps.
    fn sum(&self, base: f64, rounds: usize) -> Result<BoostModel, FitError> {
        let mut shapes: Vec<Shape> = self
            .ends
            .iter()
            .enumerate()
            .map(|(column, ends)| Shape {
                column,
                values: vec![0.0; ends.len() + 1],
                ends: ends.clone(),
                missing: 0.0,
            })
            .collect();
        for step in self.steps.iter().take(rounds).flatten() {
            let shape = &mut shapes[step.column];
            let (left, right) = shape.values.split_at_mut(step.bin + 1);
            left.iter_mut().for_each(|value| *value += step.left);
            right.iter_mut().for_each(|value| *value += step.right);
            shape.missing += step.missing;
        }
        let width = shapes.len();
        let trees = shapes.iter().map(|shape| shape.tree(width)).collect::<Result<_, _>>();
        Ok(BoostModel { base, trees: trees.map_err(|error| FitError::Trees(error.to_string()))? })
    }
}

impl AdditiveModel {
    /// The model after its first `rounds` sweeps, at least one, where they are still known.
    pub(crate) fn truncate(&mut self, rounds: usize) {
        if let Some(sweeps) = self.sweeps.take()
            && let Ok(sum) = sweeps.sum(self.sum.base, rounds.max(1))
        {
            self.sum = sum;
        }
    }

    /// The log-odds that no column has changed yet.
    #[must_use]
    pub fn base(&self) -> f64 {
        self.sum.base
    }

    /// The shapes of the columns that tell something, by column.
    #[must_use]
    pub fn shapes(&self) -> Vec<Shape> {
        self.sum.trees.iter().filter_map(Shape::of).collect()
    }
}

#[cfg(test)]
mod tests;
