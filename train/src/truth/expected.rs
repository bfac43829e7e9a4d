//! How good probabilities are where the true ones are known: expectations, free of the noise of sampled outcomes.
//!
//! AUC* = Σ wᵢwⱼ pᵢ(1−pⱼ)·1(qᵢ > qⱼ) / Σ wᵢwⱼ pᵢ(1−pⱼ) over i ≠ j, a tie counting ½: the AUC that q would reach in
//! expectation. Log loss and Brier score likewise.

use holdfast_models::probability::{logit, softplus};
use serde::{Deserialize, Serialize};

/// Bins of equal weight that the calibration error is taken over, fewer where a bin would hold too few rows.
const MOST_BINS: usize = 20;
/// In a smaller bin the means of p are too rough to tell an error from chance.
const FEWEST_IN_BIN: usize = 100;

/// The rows to judge; every slice has an entry a row.
#[derive(Debug, Clone, Copy)]
pub struct KnownRows<'a> {
    /// The true probabilities, 0 to 1.
    pub truth: &'a [f64],
    /// The probabilities to judge, 0 to 1.
    pub probabilities: &'a [f64],
    /// How much each row counts, ≥ 0.
    pub weights: &'a [f64],
}

/// The figures of some probabilities on rows whose true ones are known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Number of rows.
    pub rows: usize,
    /// The weighted mean of the true probabilities.
    pub base_rate: f64,
    /// AUC*; `None` where all true probabilities are 0 or all are 1.
    pub auc: Option<f64>,
    /// Expected log loss, nats.
    pub log_loss: f64,
    /// Expected Brier score: mean p(1−p) + mean (q−p)².
    pub brier: f64,
    /// Mean (q−p)².
    pub distance: f64,
    /// Mean |q−p| row by row: what is not observable counts too.
    pub difference: f64,
    /// Mean q − mean p: above 0 where too much churn is foretold.
    pub bias: f64,
    /// Mean |mean q − mean p| over bins of equal weight by q: how far a stated probability is from the truth among those
    /// to whom it is stated.
    pub calibration_error: f64,
}

/// The figures; `None` without a row that counts.
#[must_use]
pub fn expected(rows: &KnownRows<'_>) -> Option<Expected> {
    let total: f64 = rows.weights.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let mean = |of: &dyn Fn(f64, f64) -> f64| {
        let sum: f64 = each(rows).map(|(p, q, weight)| weight * of(p, q)).sum();
        sum / total
    };
    Some(Expected {
        rows: rows.truth.len(),
        base_rate: mean(&|p, _| p),
        auc: auc(rows),
        log_loss: mean(&|p, q| softplus(logit(q)) - p * logit(q)),
        brier: mean(&|p, q| p * (1.0 - p) + (q - p).powi(2)),
        distance: mean(&|p, q| (q - p).powi(2)),
        difference: mean(&|p, q| (q - p).abs()),
        bias: mean(&|p, q| q - p),
        calibration_error: calibration_error(rows, total),
    })
}

fn each<'a>(rows: &KnownRows<'a>) -> impl Iterator<Item = (f64, f64, f64)> + 'a {
    let (truth, probabilities, weights) = (rows.truth, rows.probabilities, rows.weights);
    truth.iter().zip(probabilities).zip(weights).map(|((&p, &q), &weight)| (p, q, weight))
}

/// Rows by rising q.
fn by_probability(rows: &KnownRows<'_>) -> Vec<(f64, f64, f64)> {
    let mut sorted: Vec<(f64, f64, f64)> = each(rows).collect();
    sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
    sorted
}

fn auc(rows: &KnownRows<'_>) -> Option<f64> {
    let sorted = by_probability(rows);
    let (mut kept_below, mut concordant) = (0.0, 0.0);
    let (mut churned, mut kept, mut own) = (0.0, 0.0, 0.0);
    for tie in sorted.chunk_by(|a, b| a.1.total_cmp(&b.1).is_eq()) {
        let positive: f64 = tie.iter().map(|(p, _, weight)| weight * p).sum();
        let negative: f64 = tie.iter().map(|(p, _, weight)| weight * (1.0 - p)).sum();
        // A row is no pair with itself.
        let itself: f64 = tie.iter().map(|(p, _, weight)| weight * weight * p * (1.0 - p)).sum();
        concordant += positive * kept_below + 0.5 * (positive * negative - itself);
        kept_below += negative;
        churned += positive;
        kept += negative;
        own += itself;
    }
    let pairs = churned * kept - own;
    (pairs > 0.0).then(|| (concordant / pairs).clamp(0.0, 1.0))
}

fn calibration_error(rows: &KnownRows<'_>, total: f64) -> f64 {
    let sorted = by_probability(rows);
    let n_bins = (sorted.len() / FEWEST_IN_BIN).clamp(1, MOST_BINS);
    #[expect(clippy::cast_precision_loss, reason = "at most twenty bins")]
    let of_bin = total / n_bins as f64;
    let (mut error, mut gap, mut filled) = (0.0, 0.0, 0.0);
    for (p, q, weight) in sorted {
        gap += weight * (q - p);
        filled += weight;
        if filled >= of_bin * (1.0 - 1e-9) {
            error += gap.abs();
            (gap, filled) = (0.0, 0.0);
        }
    }
    (error + gap.abs()) / total
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as Python makes them too (`benches/peers/truth_oracle.py`): `s = (1103515245 s + 12345) mod 2³¹` from 7,
    /// u = s / 2³¹; a row draws three: p = u, q = round(0.7 p + 0.3 u, 2), w = [0.25, 0.5, 1][⌊3u⌋].
    fn fixture(n_rows: usize) -> [Vec<f64>; 3] {
        let mut state = 7_u64;
        let mut draw = || {
            state = (state * 1_103_515_245 + 12_345) % (1 << 31);
            f64::from(u32::try_from(state).unwrap()) / f64::from(1_u32 << 31)
        };
        let (mut truth, mut probabilities, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..n_rows {
            let p = draw();
            truth.push(p);
            probabilities.push(((0.7 * p + 0.3 * draw()) * 100.0).round() / 100.0);
            let w = 3.0 * draw();
            weights.push(if w < 1.0 {
                0.25
            } else if w < 2.0 {
                0.5
            } else {
                1.0
            });
        }
        [truth, probabilities, weights]
    }

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-12 * (1.0 + expected.abs()), "{found} is not {expected}");
    }

    /// Oracle: plain sums over all pairs and rows in Python, `benches/peers/truth_oracle.py`.
    #[test]
    fn figures_are_those_of_sums_over_all_pairs() {
        let [truth, probabilities, weights] = fixture(400);
        let rows = KnownRows { truth: &truth, probabilities: &probabilities, weights: &weights };
        let found = expected(&rows).unwrap();
        assert_eq!(found.rows, 400);
        close(found.base_rate, ORACLE[0]);
        close(found.auc.unwrap(), ORACLE[1]);
        close(found.log_loss, ORACLE[2]);
        close(found.brier, ORACLE[3]);
        close(found.distance, ORACLE[4]);
        close(found.difference, ORACLE[5]);
        close(found.calibration_error, ORACLE[6]);
    }

    const ORACLE: [f64; 7] = [
        0.496_674_078_550_492_2,
        0.804_592_971_108_281,
        0.544_180_531_599_177_7,
        0.182_560_035_284_386_52,
        0.013_737_149_327_234_873,
        0.095_024_488_990_147_34,
        0.040_914_820_110_640_27,
    ];

    #[test]
    fn the_truth_itself_is_at_no_distance_and_a_constant_ranks_nothing() {
        let [truth, _, weights] = fixture(400);
        let own = expected(&KnownRows { truth: &truth, probabilities: &truth, weights: &weights }).unwrap();
        assert_eq!((own.distance, own.difference, own.calibration_error), (0.0, 0.0, 0.0));
        let constant = KnownRows { truth: &truth, probabilities: &[0.5; 400], weights: &weights };
        let constant = expected(&constant).unwrap();
        close(constant.auc.unwrap(), 0.5);
        assert!(constant.auc < own.auc && constant.log_loss > own.log_loss);
        assert_eq!(expected(&KnownRows { truth: &[], probabilities: &[], weights: &[] }), None);
    }

    #[test]
    fn a_probability_that_is_off_by_a_tenth_everywhere_has_that_calibration_error() {
        let [truth, _, weights] = fixture(2_000);
        let low: Vec<f64> = truth.iter().map(|p| 0.1 + 0.8 * p).collect();
        let high: Vec<f64> = low.iter().map(|p| p + 0.1).collect();
        let rows = KnownRows { truth: &low, probabilities: &high, weights: &weights };
        let found = expected(&rows).unwrap();
        for figure in [found.calibration_error, found.difference, found.bias] {
            assert!((figure - 0.1).abs() < 1e-12, "{found:?}");
        }
    }
}
