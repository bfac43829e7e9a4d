//! The best question to ask of a node.

use super::bins::Bins;
use super::histogram::{Histogram, Sums};
use super::params::Params;
use crate::encode::Order;

/// The range in which the answers below a node must stay, so that ordered columns stay ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// A question, and what becomes of the rows on both sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    pub(super) column: usize,
    pub(super) bin: usize,
    pub(super) missing_left: bool,
    /// Of the column; free where known values are only parted from missing ones.
    pub(super) order: Order,
    pub(super) gain: f64,
    pub(super) left: Sums,
    pub(super) right: Sums,
}

/// Bounds of a node without ordered columns above it.
pub(super) const UNBOUNDED: Bounds = Bounds { low: f64::NEG_INFINITY, high: f64::INFINITY };

impl Bounds {
    /// The bounds of both children of a split on a column of this order.
    pub(super) fn of_children(self, order: Order, left: f64, right: f64) -> (Self, Self) {
        let middle = left / 2.0 + right / 2.0;
        match order {
            Order::Rising => (Self { high: middle, ..self }, Self { low: middle, ..self }),
            Order::Falling => (Self { low: middle, ..self }, Self { high: middle, ..self }),
            Order::Free => (self, self),
        }
    }
}

/// The answer of a leaf: the Newton step of the penalised log loss (Chen and Guestrin 2016, eq. 5), within bounds.
pub(super) fn answer(sums: Sums, bounds: Bounds, params: &Params) -> f64 {
    let curvature = sums.hessian + params.l2;
    let step = if curvature > 0.0 { -sums.gradient / curvature } else { 0.0 };
    step.max(bounds.low).min(bounds.high)
}

/// How much a leaf with this answer lowers the loss, times two.
fn score(sums: Sums, answer: f64, params: &Params) -> f64 {
    -(2.0 * sums.gradient * answer + (sums.hessian + params.l2) * answer * answer)
}

/// The split that lowers the loss most; of equal ones the first column's, lowest bin's. `None` if none lowers it.
pub(super) fn best(
    node: (Sums, Bounds),
    histogram: &Histogram,
    columns: &[usize],
    orders: &[Order],
    bins: &Bins,
    params: &Params,
) -> Option<Split> {
    let (sums, bounds) = node;
    let before = score(sums, answer(sums, bounds, params), params);
    let mut best: Option<Split> = None;
    for (position, &column) in columns.iter().enumerate() {
        let n_known = bins.n_known(column);
        let counted = &histogram.column(position)[..=n_known];
        let missing = counted[n_known];
        let mut below = Sums::default();
        for (bin, sums_of_bin) in counted[..n_known].iter().enumerate() {
            below = below.plus(*sums_of_bin);
            let is_last = bin + 1 == n_known;
            if is_last && missing.rows == 0 || sums_of_bin.rows == 0 {
                continue;
            }
            // The last bin's end parts known from missing values.
            let order = if is_last { Order::Free } else { orders[column] };
            let sides = [(below, false), (below.plus(missing), true)];
            for (left, missing_left) in
                sides.into_iter().take(if is_last || missing.rows == 0 { 1 } else { 2 })
            {
                let right = sums.minus(left);
                if !is_allowed(left, params) || !is_allowed(right, params) {
                    continue;
                }
                let (to_left, to_right) = (answer(left, bounds, params), answer(right, bounds, params));
                let ordered = match order {
                    Order::Rising => to_left <= to_right,
                    Order::Falling => to_left >= to_right,
                    Order::Free => true,
                };
                let gain = score(left, to_left, params) + score(right, to_right, params) - before;
                if ordered && gain > best.map_or(MIN_GAIN, |best| best.gain) {
                    // Rows that come with a missing value only later go with the majority.
                    let missing_left = if missing.rows == 0 { left.rows > right.rows } else { missing_left };
                    best = Some(Split { column, bin, missing_left, order, gain, left, right });
                }
            }
        }
    }
    best
}

/// Smaller gains are rounding errors.
const MIN_GAIN: f64 = 1e-9;

fn is_allowed(side: Sums, params: &Params) -> bool {
    side.rows as usize >= params.min_rows && side.hessian >= params.min_child_weight
}
