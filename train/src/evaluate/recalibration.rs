//! Calibration slope and intercepts: what logistic recalibration would change.
//!
//! Cox 1958 (Biometrika 45:562); Van Calster et al. 2019 (BMC Medicine 17:230) on how to read them.

use super::rank::{Block, totals};

/// Probabilities are moved this far from 0 and 1 before taking their logit.
const SMALLEST: f64 = 1e-9;
/// A slope beyond this means that the score separates the classes: there is no finite fit.
const STEEPEST: f64 = 1e3;
const STEPS: usize = 100;

/// Intercept and slope of logit P(y) = intercept + slope · logit(q).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Ideal: 0.
    pub intercept: f64,
    /// Ideal: 1.
    pub slope: f64,
}

/// Maximum-likelihood intercept and slope by Newton's method with step halving, started at `start`. `None` where
/// they are not defined: one class, a constant score, or classes that the score separates.
#[must_use]
pub fn line(blocks: &[Block], start: Line) -> Option<Line> {
    let logits = logits(blocks)?;
    let mut at = start;
    let mut loss = negative_log_likelihood(blocks, &logits, at);
    for _ in 0..STEPS {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (block, &x) in blocks.iter().zip(&logits) {
            let weight = block.weight();
            let p = logistic(at.intercept + at.slope * x);
            let (g, h) = (weight * p - block.positive, weight * p * (1.0 - p));
            g0 += g;
            g1 += g * x;
            h00 += h;
            h01 += h * x;
            h11 += h * x * x;
        }
        let determinant = h00 * h11 - h01 * h01;
        if determinant <= h00 * h11 * 1e-12 {
            return None;
        }
        let step = Line {
            intercept: (h11 * g0 - h01 * g1) / determinant,
            slope: (h00 * g1 - h01 * g0) / determinant,
        };
        let mut size = 1.0;
        let next = loop {
            let next =
                Line { intercept: at.intercept - size * step.intercept, slope: at.slope - size * step.slope };
            let lower = negative_log_likelihood(blocks, &logits, next);
            if lower <= loss {
                loss = lower;
                break next;
            }
            size /= 2.0;
            if size < 1e-10 {
                break at;
            }
        };
        let moved = (next.intercept - at.intercept).abs().max((next.slope - at.slope).abs());
        at = next;
        if at.slope.abs() > STEEPEST {
            return None;
        }
        if moved < 1e-12 * (1.0 + at.slope.abs() + at.intercept.abs()) {
            return Some(at);
        }
    }
    None
}

/// The intercept with the slope held at 1, by Newton's method kept inside a shrinking bracket (the mean of the
/// shifted probabilities rises with it). `None` where one class is absent.
#[must_use]
pub fn in_the_large(blocks: &[Block]) -> Option<f64> {
    let logits = logits(blocks)?;
    let (positive, _) = totals(blocks);
    let (mut low, mut high, mut shift) = (-64.0_f64, 64.0_f64, 0.0_f64);
    for _ in 0..STEPS {
        let (mut excess, mut rise) = (-positive, 0.0);
        for (block, &x) in blocks.iter().zip(&logits) {
            let p = logistic(x + shift);
            excess += block.weight() * p;
            rise += block.weight() * p * (1.0 - p);
        }
        if excess > 0.0 {
            high = shift
        } else {
            low = shift
        }
        let newton = shift - excess / rise;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - shift).abs() <= 1e-13 * (1.0 + shift.abs()) {
            return Some(next);
        }
        shift = next;
    }
    Some(shift)
}

/// The logits of the scores; `None` where one class is absent.
fn logits(blocks: &[Block]) -> Option<Vec<f64>> {
    let (positive, negative) = totals(blocks);
    (positive > 0.0 && negative > 0.0).then(|| {
        blocks
            .iter()
            .map(|block| {
                let q = block.score.clamp(SMALLEST, 1.0 - SMALLEST);
                (q / (1.0 - q)).ln()
            })
            .collect()
    })
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn negative_log_likelihood(blocks: &[Block], logits: &[f64], line: Line) -> f64 {
    blocks
        .iter()
        .zip(logits)
        .map(|(block, &x)| {
            let z = line.intercept + line.slope * x;
            // ln(1 + eᶻ) without overflow.
            let softplus = z.max(0.0) + (-z.abs()).exp().ln_1p();
            block.weight() * softplus - block.positive * z
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{close, fixture};
    use super::super::rank::Tally;
    use super::*;

    const START: Line = Line { intercept: 0.0, slope: 1.0 };

    /// Oracle: statsmodels 0.15.0 `GLM(family=Binomial(), freq_weights=w)` on [1, logit q]; the intercept in the
    /// large with `offset=logit q`.
    #[test]
    fn slope_and_intercepts_are_those_of_statsmodels() {
        let f = fixture();
        let tally = Tally::new(&f.probabilities);
        let plain = tally.blocks(&f.labels, &f.ones);
        close(line(&plain, START).map(|l| l.intercept), -0.648_253_221_501_718_9);
        close(line(&plain, START).map(|l| l.slope), 0.578_086_510_498_766_4);
        close(in_the_large(&plain), -0.444_809_569_498_791_7);
        let weighted = tally.blocks(&f.labels, &f.weights);
        close(line(&weighted, START).map(|l| l.intercept), -0.759_189_248_632_073_9);
        close(line(&weighted, START).map(|l| l.slope), 0.670_899_415_193_073_1);
        close(in_the_large(&weighted), -0.583_431_623_364_835_1);
    }

    #[test]
    fn no_line_for_one_class_a_constant_or_separated_classes() {
        let line = |q: &[f64], y: &[f64]| line(&Tally::new(q).blocks(y, &vec![1.0; q.len()]), START);
        assert_eq!(line(&[0.2, 0.4, 0.6], &[1.0; 3]), None);
        assert_eq!(line(&[0.3; 4], &[1.0, 0.0, 0.0, 1.0]), None);
        assert_eq!(line(&[0.1, 0.2, 0.8, 0.9], &[0.0, 0.0, 1.0, 1.0]), None);
        let constant = Tally::new(&[0.5; 4]).blocks(&[1.0, 0.0, 0.0, 0.0], &[1.0; 4]);
        close(in_the_large(&constant), (1.0_f64 / 3.0).ln());
    }
}
