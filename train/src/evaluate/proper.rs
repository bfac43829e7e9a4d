//! Scores of probabilities themselves: log loss, Brier, Spiegelhalter's z, expected calibration error.

use super::rank::{Block, totals};

/// Probabilities are moved this far from 0 and 1 before taking logarithms, as in scikit-learn's `log_loss`.
const SMALLEST: f64 = f64::EPSILON;

/// Mean log loss −[y ln q + (1−y) ln(1−q)] in nats (Good 1952); `None` when no row counts.
#[must_use]
pub fn log_loss(blocks: &[Block]) -> Option<f64> {
    mean(blocks, |q, label| {
        let q = q.clamp(SMALLEST, 1.0 - SMALLEST);
        if label > 0.5 { -q.ln() } else { -(1.0 - q).ln() }
    })
}

/// Mean squared error (q − y)² (Brier 1950); `None` when no row counts.
#[must_use]
pub fn brier(blocks: &[Block]) -> Option<f64> {
    mean(blocks, |q, label| (q - label) * (q - label))
}

/// The weighted mean of `loss(q, y)`.
pub(super) fn mean(blocks: &[Block], loss: impl Fn(f64, f64) -> f64) -> Option<f64> {
    let (mut weight, mut sum) = (0.0, 0.0);
    for block in blocks {
        // Each class only where it occurs: an infinite loss of weight 0 is no loss.
        if block.positive > 0.0 {
            sum += block.positive * loss(block.score, 1.0);
        }
        if block.negative > 0.0 {
            sum += block.negative * loss(block.score, 0.0);
        }
        weight += block.weight();
    }
    (weight > 0.0).then(|| sum / weight)
}

/// Weighted mean of the probabilities; `None` when no row counts.
#[must_use]
pub fn mean_probability(blocks: &[Block]) -> Option<f64> {
    mean(blocks, |q, _| q)
}

/// The weighted share of churned rows; `None` when no row counts.
#[must_use]
pub fn base_rate(blocks: &[Block]) -> Option<f64> {
    let (positive, negative) = totals(blocks);
    (positive + negative > 0.0).then(|| positive / (positive + negative))
}

/// Spiegelhalter's z (1986, Statistics in Medicine 5:421), with row weights:
/// Σ w(y−q)(1−2q) / √Σ w²(1−2q)²q(1−q). Standard normal for calibrated probabilities of independent rows.
/// `None` where the variance is 0 (all probabilities 0, ½ or 1).
#[must_use]
pub fn spiegelhalter_z(labels: &[f64], probabilities: &[f64], weights: &[f64]) -> Option<f64> {
    let (mut sum, mut variance) = (0.0, 0.0);
    for ((&y, &q), &w) in labels.iter().zip(probabilities).zip(weights) {
        let slope = 1.0 - 2.0 * q;
        sum += w * (y - q) * slope;
        variance += w * w * slope * slope * q * (1.0 - q);
    }
    let z = sum / variance.sqrt();
    (variance > 0.0 && z.is_finite()).then_some(z)
}

/// Expected calibration error: the weighted mean of |mean probability − share churned| over ten bins of equal
/// width (Naeini et al. 2015, AAAI). It depends on the bins and decides nothing here. `None` when no row counts.
#[must_use]
pub fn expected_calibration_error(blocks: &[Block]) -> Option<f64> {
    const BINS: usize = 10;
    let mut gap = [0.0_f64; BINS];
    for block in blocks {
        gap[bin_of(block.score, BINS)] += block.weight() * block.score - block.positive;
    }
    let (positive, negative) = totals(blocks);
    let weight = positive + negative;
    (weight > 0.0).then(|| gap.iter().map(|g| g.abs()).sum::<f64>() / weight)
}

/// The bin of equal width, closed on the left, that holds `probability` (0 to 1).
pub(super) fn bin_of(probability: f64, bins: usize) -> usize {
    #[expect(clippy::cast_precision_loss, reason = "a handful of bins")]
    let edge = |bin: usize| bin as f64 / bins as f64;
    (1..bins).take_while(|&bin| probability >= edge(bin)).count()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{close, fixture};
    use super::super::rank::Tally;
    use super::*;

    /// Oracle: scikit-learn 1.9.1 `log_loss`, `brier_score_loss`; numpy for z.
    #[test]
    fn proper_scores_are_those_of_scikit_learn() {
        let f = fixture();
        let tally = Tally::new(&f.probabilities);
        let plain = tally.blocks(&f.labels, &f.ones);
        close(log_loss(&plain), 0.520_782_664_657_617_8);
        close(brier(&plain), 0.166_588_333_333_333_34);
        close(spiegelhalter_z(&f.labels, &f.probabilities, &f.ones), 1.163_618_959_799_838_3);
        let weighted = tally.blocks(&f.labels, &f.weights);
        close(log_loss(&weighted), 0.446_587_003_696_701_57);
        close(brier(&weighted), 0.138_432_885_906_040_3);
        close(spiegelhalter_z(&f.labels, &f.probabilities, &f.weights), 0.341_761_355_988_417_6);
    }

    #[test]
    fn a_certain_error_costs_much_but_not_infinitely_much() {
        let blocks = Tally::new(&[0.0, 1.0]).blocks(&[1.0, 0.0], &[1.0, 1.0]);
        close(log_loss(&blocks), -f64::EPSILON.ln());
        close(brier(&blocks), 1.0);
        assert_eq!(spiegelhalter_z(&[1.0, 0.0], &[0.0, 1.0], &[1.0, 1.0]), None);
    }

    #[test]
    fn calibration_error_by_hand() {
        // Bin [0.2, 0.3): mean 0.25, 1 of 4 churned; bin [0.9, 1]: mean 0.95, 1 of 2 churned.
        let q = [0.2, 0.25, 0.25, 0.3 - 1e-12, 0.9, 1.0];
        let blocks = Tally::new(&q).blocks(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0], &[1.0; 6]);
        let error = expected_calibration_error(&blocks).unwrap();
        assert!((error - (4.0 * 0.0 + 2.0 * 0.45) / 6.0).abs() < 1e-9, "{error}");
    }

    #[test]
    fn nothing_has_no_score() {
        assert_eq!((log_loss(&[]), brier(&[]), base_rate(&[])), (None, None, None));
        assert_eq!(expected_calibration_error(&[]), None);
    }
}
