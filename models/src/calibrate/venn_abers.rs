//! The Venn–Abers interval: how far the calibration data would let the probability move.
//!
//! For a margin s, p0 is what isotonic regression on the calibration rows plus (s, 0) says at s, and p1 the same with
//! (s, 1) (inductive Venn–Abers predictor, Vovk, Petej and Fedorova 2015). [p0, p1] is wide where similar margins
//! were rarely seen. It is *evidence width*, not a credible interval.
//!
//! Both are step functions that change only at the calibration margins: they are computed once, at each margin and
//! in each gap between two, and looked up by binary search.

use serde::{Deserialize, Serialize};

use super::CalibrationError;
use super::fit::check;

/// More distinct margins than this are pooled into this many groups of about equal weight, each at its mean.
pub(super) const MAX_KNOTS: usize = 1_000;

/// A fitted interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VennAbers {
    /// Distinct, ascending.
    knots: Vec<f64>,
    /// p0 below the first knot, at it, between the first two, at the second, …: `2 × knots + 1` values.
    low: Vec<f64>,
    /// p1 in the same places.
    high: Vec<f64>,
}

/// Weight and weighted labels of equal margins.
#[derive(Debug, Clone, Copy)]
struct Pool {
    margin: f64,
    weight: f64,
    positive: f64,
}

impl VennAbers {
    /// Fits the interval to margins that the classifier did not learn from. The row added has weight 1: five rows of one
    /// renewal that weigh a fifth each are as much evidence as one.
    ///
    /// # Errors
    /// Refuses rows of one outcome, unequal lengths and values out of range.
    pub fn fit(margins: &[f64], labels: &[f64], weights: &[f64]) -> Result<Self, CalibrationError> {
        check(margins, labels, weights)?;
        let pools = pools(margins, labels, weights);
        let mut fitted =
            Self { knots: pools.iter().map(|pool| pool.margin).collect(), low: vec![], high: vec![] };
        for place in 0..=2 * pools.len() {
            fitted.low.push(at(&pools, place, 0.0));
            fitted.high.push(at(&pools, place, 1.0));
        }
        Ok(fitted)
    }

    /// (p0, p1) at a raw `margin`; p0 ≤ p1.
    #[must_use]
    pub fn interval(&self, margin: f64) -> (f64, f64) {
        let below = self.knots.partition_point(|&knot| knot < margin);
        let on_knot = self.knots.get(below).is_some_and(|&knot| knot == margin);
        let place = 2 * below + usize::from(on_knot);
        (self.low[place], self.high[place])
    }

    /// Whether the interval can be looked up for every margin: what a file must hold.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let places = 2 * self.knots.len() + 1;
        let probabilities =
            |values: &[f64]| values.len() == places && values.iter().all(|value| (0.0..=1.0).contains(value));
        self.knots.len() <= MAX_KNOTS
            && self.knots.iter().all(|knot| knot.is_finite())
            && self.knots.is_sorted_by(|a, b| a < b)
            && probabilities(&self.low)
            && probabilities(&self.high)
            && self.low.iter().zip(&self.high).all(|(low, high)| low <= high)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a thousand groups")]
fn pools(margins: &[f64], labels: &[f64], weights: &[f64]) -> Vec<Pool> {
    let mut order: Vec<usize> = (0..margins.len()).collect();
    order.sort_by(|&a, &b| margins[a].total_cmp(&margins[b]));
    let mut pools: Vec<Pool> = Vec::new();
    for row in order {
        let weight = weights[row];
        let pool = Pool { margin: margins[row], weight, positive: labels[row] * weight };
        match pools.last_mut() {
            Some(last) if last.margin == pool.margin => *last = merged(*last, pool),
            _ => pools.push(pool),
        }
    }
    if pools.len() <= MAX_KNOTS {
        return pools;
    }
    let share = weights.iter().sum::<f64>() / MAX_KNOTS as f64;
    let mut grouped: Vec<Pool> = Vec::with_capacity(MAX_KNOTS);
    let mut group = usize::MAX;
    let mut before = 0.0;
    for pool in pools {
        let middle = before + pool.weight / 2.0;
        before += pool.weight;
        let its_group = group_of(middle / share);
        match grouped.last_mut() {
            Some(last) if its_group == group => *last = merged(*last, pool),
            _ => grouped.push(pool),
        }
        group = its_group;
    }
    grouped
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to MAX_KNOTS")]
fn group_of(share: f64) -> usize {
    (share as usize).min(MAX_KNOTS - 1)
}

fn merged(a: Pool, b: Pool) -> Pool {
    let weight = a.weight + b.weight;
    // Rounding must not carry a mean into the next group.
    let margin = ((a.margin * a.weight + b.margin * b.weight) / weight).clamp(a.margin, b.margin);
    Pool { margin, weight, positive: a.positive + b.positive }
}

/// The isotonic regression of `pools` and one row more with `label` at `place` (even: in the gap before the knot
/// place / 2; odd: on that knot), at that row: pool adjacent violators.
fn at(pools: &[Pool], place: usize, label: f64) -> f64 {
    let knot = place / 2;
    let on_knot = place % 2 == 1;
    let mut blocks: Vec<(f64, f64)> = Vec::with_capacity(pools.len() + 1);
    // The position among the blocks of the one that holds the added row.
    let mut added = 0;
    let mut push = |mut weight: f64, mut positive: f64, is_added: bool| {
        if is_added {
            added = blocks.len();
        }
        while let Some(&(last_weight, last_positive)) = blocks.last() {
            if last_positive * weight < positive * last_weight {
                break;
            }
            blocks.pop();
            weight += last_weight;
            positive += last_positive;
            added = added.min(blocks.len());
        }
        blocks.push((weight, positive));
    };
    for (index, pool) in pools.iter().enumerate() {
        match index == knot {
            true if on_knot => push(pool.weight + 1.0, pool.positive + label, true),
            true => {
                push(1.0, label, true);
                push(pool.weight, pool.positive, false);
            }
            false => push(pool.weight, pool.positive, false),
        }
    }
    if knot == pools.len() {
        push(1.0, label, true);
    }
    let (weight, positive) = blocks[added];
    (positive / weight).clamp(0.0, 1.0)
}
