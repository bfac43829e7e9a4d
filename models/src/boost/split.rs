//! The best question to ask of a node.

use super::histogram::{Histogram, Lanes};
use super::params::{Cuts, Params};
use super::slopes::{Sums, Units};
use crate::encode::Order;

/// The range in which the answers below a node must stay, so that ordered columns stay ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// A question, and what becomes of the rows on both sides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Split {
    pub(crate) column: usize,
    pub(crate) bin: usize,
    pub(crate) missing_left: bool,
    /// Of the column; free where known values are only parted from missing ones.
    pub(crate) order: Order,
    pub(crate) gain: f64,
    pub(crate) left: Sums,
    pub(crate) right: Sums,
}

/// What is asked of a node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Over its rows.
    pub(crate) sums: Sums,
    pub(crate) bounds: Bounds,
    /// What its cuts are drawn by, where they are drawn.
    pub(crate) cuts: u64,
}

/// How splits are judged, the same for a whole fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) params: &'a Params,
    pub(crate) units: Units,
    /// One an encoded column.
    pub(crate) orders: &'a [Order],
}

/// Bounds of a node without ordered columns above it.
pub(crate) const UNBOUNDED: Bounds = Bounds { low: f64::NEG_INFINITY, high: f64::INFINITY };
/// Smaller gains are rounding errors.
const MIN_GAIN: f64 = 1e-9;
/// Far more than the relative rounding error of a score.
const ROUNDING: f64 = 1e-12;

impl Bounds {
    /// The bounds of both children of a split on a column of this order.
    pub(crate) fn of_children(self, order: Order, left: f64, right: f64) -> (Self, Self) {
        let middle = left / 2.0 + right / 2.0;
        match order {
            Order::Rising => (Self { high: middle, ..self }, Self { low: middle, ..self }),
            Order::Falling => (Self { low: middle, ..self }, Self { high: middle, ..self }),
            Order::Free => (self, self),
        }
    }
}

/// Two numbers as one that looks drawn (Steele et al. 2014, `SplitMix64`).
pub(crate) fn mixed(seed: u64, number: usize) -> u64 {
    let mut drawn = seed.wrapping_add((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    drawn ^ (drawn >> 31)
}

/// The bin at whose end to cut, drawn among those from the node's lowest to before its highest; of several that cut alike the
/// one that has rows. `None` where all rows are in one bin.
fn drawn(by: u64, known: &[Sums]) -> Option<usize> {
    let has_rows = |bin: &usize| !known[*bin].is_empty();
    let lowest = (0..known.len()).find(has_rows)?;
    let highest = (0..known.len()).rfind(has_rows)?;
    let n = (highest - lowest) as u64;
    let at = lowest + usize::try_from(by.checked_rem(n)?).ok()?;
    (lowest..=at).rfind(has_rows)
}

impl Rules<'_> {
    /// The answer of a leaf: the Newton step of the penalised log loss (Chen and Guestrin 2016, eq. 5), within bounds.
    pub(crate) fn answer(&self, sums: Sums, bounds: Bounds) -> f64 {
        let curvature = self.units.hessian(sums) + self.params.l2;
        let step = if curvature > 0.0 { -self.units.gradient(sums) / curvature } else { 0.0 };
        step.max(bounds.low).min(bounds.high)
    }

    /// How much a leaf with this answer lowers the loss, times two.
    fn score(&self, sums: Sums, answer: f64) -> f64 {
        let curvature = self.units.hessian(sums) + self.params.l2;
        -(2.0 * self.units.gradient(sums) * answer + curvature * answer * answer)
    }

    /// Whether the scores of two leaves might exceed `to_beat` in sum, bounds or not. Most questions fail here, without
    /// a division: free answers score g²/h each, and bounds only lower that.
    #[inline(always)]
    fn may_gain(&self, left: Sums, right: Sums, to_beat: f64) -> bool {
        let slope = |side| self.units.gradient(side);
        let curvature = |side| self.units.hessian(side) + self.params.l2;
        let (left, right) = ((slope(left), curvature(left)), (slope(right), curvature(right)));
        let scores = left.0 * left.0 * right.1 + right.0 * right.0 * left.1;
        scores > (1.0 - ROUNDING) * to_beat * left.1 * right.1 || left.1 <= 0.0 || right.1 <= 0.0
    }

    /// Whether rows of these sums may be a leaf.
    fn is_allowed(&self, side: Sums) -> bool {
        self.units.rows(side) >= self.params.min_rows as u64
            && self.units.hessian(side) >= self.params.min_child_weight
    }

    /// Whether a node of these sums could be split.
    pub(crate) fn is_divisible(&self, sums: Sums) -> bool {
        self.units.rows(sums) >= 2 * self.params.min_rows as u64
            && self.units.hessian(sums) >= 2.0 * self.params.min_child_weight
    }

    /// The split on a column of the group that lowers the loss most; of equal ones the first column's, lowest bin's.
    /// `None` if none lowers it.
    pub(crate) fn best(
        &self,
        asked: Asked,
        histogram: &Histogram,
        lanes: &Lanes,
        group: usize,
    ) -> Option<Split> {
        let before = self.score(asked.sums, self.answer(asked.sums, asked.bounds));
        let mut best = None;
        for (counted, (column, n_known)) in histogram.table(group).iter().zip(lanes.group(group)) {
            self.search(asked, before, column, &counted[..=n_known], &mut best);
        }
        best
    }

    /// The best split on one column, of which `counted` has the sums of each bin, the missing values' last.
    pub(crate) fn best_of(&self, asked: Asked, column: usize, counted: &[Sums]) -> Option<Split> {
        let before = self.score(asked.sums, self.answer(asked.sums, asked.bounds));
        let mut best = None;
        self.search(asked, before, column, counted, &mut best);
        best
    }

    /// Looks for a better split than `best` among those of one column, of which `counted` has the sums of each bin, the
    /// missing values' last.
    fn search(&self, asked: Asked, before: f64, column: usize, counted: &[Sums], best: &mut Option<Split>) {
        let Some((&missing, known)) = counted.split_last() else { return };
        let drawn = match self.params.cuts {
            Cuts::Best => None,
            Cuts::Random => Some(drawn(mixed(asked.cuts, column), known)),
        };
        let mut below = Sums::default();
        for (bin, &sums_of_bin) in known.iter().enumerate() {
            below = below.plus(sums_of_bin);
            let is_last = bin + 1 == known.len();
            if is_last && missing.is_empty() || sums_of_bin.is_empty() {
                continue;
            }
            if !is_last && drawn.is_some_and(|drawn| drawn != Some(bin)) {
                continue;
            }
            // The last bin's end parts known from missing values.
            let order = if is_last { Order::Free } else { self.orders[column] };
            let sides = [(below, false), (below.plus(missing), true)];
            let n_sides = if is_last || missing.is_empty() { 1 } else { 2 };
            for &(left, missing_left) in &sides[..n_sides] {
                let right = asked.sums.minus(left);
                if !self.is_allowed(left) || !self.is_allowed(right) {
                    continue;
                }
                let to_beat = best.map_or(MIN_GAIN, |best| best.gain);
                if !self.may_gain(left, right, before + to_beat) {
                    continue;
                }
                let (to_left, to_right) = (self.answer(left, asked.bounds), self.answer(right, asked.bounds));
                let ordered = match order {
                    Order::Rising => to_left <= to_right,
                    Order::Falling => to_left >= to_right,
                    Order::Free => true,
                };
                let gain = self.score(left, to_left) + self.score(right, to_right) - before;
                if ordered && gain > to_beat {
                    // Rows that come with a missing value only later go with the majority.
                    let missing_left = if missing.is_empty() {
                        self.units.rows(left) > self.units.rows(right)
                    } else {
                        missing_left
                    };
                    *best = Some(Split { column, bin, missing_left, order, gain, left, right });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::boost::slopes::Slopes;

    #[test]
    fn every_cut_between_rows_is_drawn_and_no_other() {
        let mut slopes = Slopes::new(&[1.0]);
        slopes.set(&[0.0], &[1.0], &[1.0]);
        let (some, none) = (slopes.rows()[0], Sums::default());
        let of = |known: &[Sums]| (0..400).map(|by| drawn(mixed(by, 3), known)).collect::<BTreeSet<_>>();
        assert_eq!(of(&[none, some, some, none, some, none]), BTreeSet::from([Some(1), Some(2)]));
        assert_eq!(of(&[none, some, none]), BTreeSet::from([None]));
        assert_eq!(of(&[none, none]), BTreeSet::from([None]));
    }
}
