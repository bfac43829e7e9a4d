//! A monotone spline from margins to log-odds: its slope is a broken line that is never below 0.

use serde::{Deserialize, Serialize};

/// The knots: enough for an S and both tails.
pub(super) const N_KNOTS: usize = 7;
/// The shares of the rows at or below each knot.
const SHARES: [f64; N_KNOTS] = [0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99];

/// shift + the integral of the slope from the first knot to the margin. Between knots the slope goes straight from one
/// knot's to the next's, beyond them it stays (an I-spline of degree 2, Ramsay 1988). All slopes 1 is the identity but
/// for the shift.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spline {
    /// Margins, ascending and distinct.
    pub(super) knots: [f64; N_KNOTS],
    /// The slope at each knot, ≥ 0.
    pub(super) slopes: [f64; N_KNOTS],
    /// Log-odds at the first knot.
    pub(super) shift: f64,
}

/// A stretch between two knots: at `u` beyond `from` the spline has risen by u·(slope + bend·u).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) slope: f64,
    pub(crate) bend: f64,
}

impl Spline {
    /// Knots at quantiles of the margins; `None` where two fall together.
    pub(super) fn knots(margins: &[f64]) -> Option<[f64; N_KNOTS]> {
        let mut sorted = margins.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let knots = SHARES.map(|share| sorted[at(share, last)]);
        knots.is_sorted_by(|a, b| a < b).then_some(knots)
    }

    /// What the slope at one knot contributes: the spline whose slope is 1 there and 0 at all others.
    pub(super) fn part(knots: [f64; N_KNOTS], knot: usize) -> Self {
        Self { knots, slopes: std::array::from_fn(|at| if at == knot { 1.0 } else { 0.0 }), shift: 0.0 }
    }

    pub(super) fn apply(&self, margin: f64) -> f64 {
        let (low, high) = self.tails();
        let between = |stretch: Stretch| {
            let u = margin.clamp(stretch.from, stretch.to) - stretch.from;
            u * (stretch.slope + stretch.bend * u)
        };
        self.shift
            + low.1 * (margin - low.0).min(0.0)
            + self.stretches().map(between).iter().sum::<f64>()
            + high.1 * (margin - high.0).max(0.0)
    }

    /// Below the first knot and above the last: the knot and the slope from there on.
    pub(crate) fn tails(&self) -> ((f64, f64), (f64, f64)) {
        ((self.knots[0], self.slopes[0]), (self.knots[N_KNOTS - 1], self.slopes[N_KNOTS - 1]))
    }

    /// Log-odds at the first knot.
    pub(crate) fn shift(&self) -> f64 {
        self.shift
    }

    pub(crate) fn stretches(&self) -> [Stretch; N_KNOTS - 1] {
        std::array::from_fn(|at| {
            let (from, to) = (self.knots[at], self.knots[at + 1]);
            let slope = self.slopes[at];
            Stretch { from, to, slope, bend: 0.5 * (self.slopes[at + 1] - slope) / (to - from) }
        })
    }

    pub(super) fn is_valid(&self) -> bool {
        self.knots.iter().all(|knot| knot.is_finite())
            && self.knots.is_sorted_by(|a, b| a < b)
            && self.stretches().iter().all(|stretch| stretch.bend.is_finite())
            && self.slopes.iter().all(|slope| slope.is_finite() && *slope >= 0.0)
            && self.shift.is_finite()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a row count, which is far below 2^53"
)]
fn at(share: f64, last: usize) -> usize {
    (share * last as f64) as usize
}

#[cfg(test)]
impl Spline {
    /// A spline that bends, for tests of what reads one.
    pub(crate) fn example() -> Self {
        let knots = [-3.0, -2.0, -1.0, -0.5, 0.25, 1.0, 2.0];
        Self { knots, slopes: [0.6, 1.1, 0.0, 2.5, 0.9, 0.2, 0.7], shift: -2.6 }
    }
}
