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

use crate::boost::BoostModel;
use crate::boost::binned::Binned;
use crate::boost::bins::Codes;
use crate::boost::histogram::{Histogram, LANES, Lanes};
use crate::boost::slopes::{Slopes, Sums};
use crate::boost::split::{Asked, Rules, Split, UNBOUNDED};
use crate::fit::{Checkpoint, FitError, FittedClassifier, TrainingRows, Watched};
use crate::model::Classifier;

/// Codes of a column.
const CODES: usize = 256;
/// Rows whose margins one task moves.
const BLOCK: usize = 1 << 13;

/// A fitted additive model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdditiveModel {
    /// One tree a column: the shape.
    pub(crate) sum: BoostModel,
}

/// What a turn of a column adds.
#[derive(Debug, Clone, Copy)]
struct Step {
    column: usize,
    /// The last bin of the left side.
    bin: usize,
    left: f64,
    right: f64,
    missing: f64,
}

/// Fits checked parameters to checked rows.
pub(crate) fn fit(
    params: &ValidParams,
    training: &TrainingRows<'_>,
    seed: u64,
) -> Result<FittedClassifier, FitError> {
    run(params, training, None, seed).map(|(fitted, _)| fitted)
}

/// The margins of `validation` along the sweeps; ends early where more sweeps have long made them worse.
pub(crate) fn checkpoints(
    params: &ValidParams,
    training: &TrainingRows<'_>,
    validation: &TrainingRows<'_>,
    seed: u64,
) -> Result<Vec<Checkpoint>, FitError> {
    run(params, training, Some(validation), seed).map(|(_, checkpoints)| checkpoints)
}

fn run(
    params: &ValidParams,
    training: &TrainingRows<'_>,
    validation: Option<&TrainingRows<'_>>,
    seed: u64,
) -> Result<(FittedClassifier, Vec<Checkpoint>), FitError> {
    let params = params.params();
    let binned = Binned::of(training, params.max_bins, params.monotone, seed)?;
    let mut watched = validation.map(|validation| (binned.codes_of(validation), Watched::new(validation)));
    let Binned { encoder, bins, codes, labels, weights, orders, base } = binned;
    let width = encoder.width();
    let mut slopes = Slopes::new(&weights);
    let of_steps = params.steps();
    let rules = Rules { params: &of_steps, units: slopes.units(), orders: &orders };
    let turns: Vec<Lanes> = (0..width)
        .collect::<Vec<usize>>()
        .chunks(LANES)
        .map(|columns| {
            let n_known = columns.iter().map(|&column| bins.n_known(column)).collect();
            Lanes::of(&codes, columns.to_vec(), n_known)
        })
        .collect();
    let mut histograms: Vec<Histogram> = Vec::new();
    let mut margins = vec![base; labels.len()];
    let mut shapes: Vec<Shape> = (0..width).map(|column| Shape::flat(column, bins.ends(column))).collect();
    for sweep in 0..params.rounds {
        let rows = sampled(labels.len(), params.row_fraction, seed, sweep);
        for lanes in &turns {
            slopes.set(&margins, &labels, &weights);
            let mut histogram = histograms.pop().unwrap_or_else(|| Histogram::new(lanes));
            histogram.count(lanes, &rows, slopes.rows(), &mut histograms);
            let asked = Asked { sums: histogram.total(lanes), bounds: UNBOUNDED, cuts: 0 };
            let counted = histogram.table(0).iter().zip(lanes.group(0));
            let steps: Vec<Step> = counted
                .filter_map(|(counted, (column, n_known))| {
                    let split = rules.best_of(asked, column, &counted[..=n_known])?;
                    (split.gain >= params.min_gain).then(|| Step::of(&split, &rules, counted[n_known]))
                })
                .collect();
            histograms.push(histogram);
            let tables: Vec<(usize, [f64; CODES])> = steps
                .iter()
                .map(|step| {
                    shapes[step.column].add(step.bin, step.left, step.right, step.missing);
                    (step.column, step.by_code(bins.n_known(step.column)))
                })
                .collect();
            add(&tables, &codes, &mut margins);
        }
        if let Some((codes, watched)) = &mut watched
            && Watched::is_checkpoint(sweep + 1, params.rounds)
        {
            // From the shapes and not from the steps, so that they are the fitted model's margins to the last bit.
            let tables: Vec<(usize, [f64; CODES])> =
                shapes.iter().map(|shape| (shape.column, by_code(shape))).collect();
            let mut margins = vec![base; watched.n_rows()];
            add(&tables, codes, &mut margins);
            if !watched.take_down(sweep + 1, margins) {
                break;
            }
        }
    }
    let trees = shapes.iter().map(|shape| shape.tree(width)).collect::<Result<_, _>>();
    let trees = trees.map_err(|error| FitError::Trees(error.to_string()))?;
    let classifier = Classifier::Additive(AdditiveModel { sum: BoostModel { base, trees } });
    let checkpoints = watched.map_or_else(Vec::new, |(_, watched)| watched.checkpoints());
    Ok((FittedClassifier { encoder, classifier }, checkpoints))
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

/// Adds to each margin what `tables` say for the row's codes of their columns, one column after the other.
fn add(tables: &[(usize, [f64; CODES])], codes: &Codes, margins: &mut [f64]) {
    margins.par_chunks_mut(BLOCK).enumerate().for_each(|(block, margins)| {
        for (column, added) in tables {
            for (margin, &code) in margins.iter_mut().zip(&codes.column(*column)[block * BLOCK..]) {
                *margin += added[usize::from(code)];
            }
        }
    });
}

/// What a shape adds by code: known values first, missing ones next.
fn by_code(shape: &Shape) -> [f64; CODES] {
    let mut added = [0.0; CODES];
    added[..shape.values.len()].copy_from_slice(&shape.values);
    added[shape.values.len()] = shape.missing;
    added
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

impl AdditiveModel {
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
