//! Probabilities and log-odds: the two scales between which everything here moves.

/// Margins of probabilities are clipped to this many log-odds: one in a million.
pub const MAX_MARGIN: f64 = 13.815_509_557_963_774;

/// The probability at `margin` log-odds, without overflow for any margin.
#[must_use]
pub fn sigmoid(margin: f64) -> f64 {
    if margin >= 0.0 {
        1.0 / (1.0 + (-margin).exp())
    } else {
        let e = margin.exp();
        e / (1.0 + e)
    }
}

/// The log-odds of `probability`, clipped to ±[`MAX_MARGIN`].
#[must_use]
pub fn logit(probability: f64) -> f64 {
    (probability.ln() - (-probability).ln_1p()).clamp(-MAX_MARGIN, MAX_MARGIN)
}

/// `ln(1 + e^x)` without overflow.
#[must_use]
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Weighted mean log loss, in nats a row, of `margins` (log-odds) against `labels` (0 or 1).
///
/// The slices are of equal length; NaN where the weights sum to 0.
#[must_use]
pub fn log_loss(margins: &[f64], labels: &[f64], weights: &[f64]) -> f64 {
    let mut loss = 0.0;
    let mut total = 0.0;
    for ((&margin, &label), &weight) in margins.iter().zip(labels).zip(weights) {
        loss += weight * (softplus(margin) - label * margin);
        total += weight;
    }
    loss / total
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn logit_undoes_sigmoid(margin in -13.0..13.0_f64) {
            prop_assert!((logit(sigmoid(margin)) - margin).abs() < 1e-8);
        }

        #[test]
        fn nothing_overflows(margin in prop::num::f64::NORMAL) {
            prop_assert!((0.0..=1.0).contains(&sigmoid(margin)));
            prop_assert!(!softplus(margin).is_nan());
        }
    }

    #[test]
    fn log_loss_of_known_probabilities() {
        let margins = [logit(0.8), logit(0.3)];
        let expected = (-(0.8_f64.ln()) - 3.0 * 0.7_f64.ln()) / 4.0;
        assert!((log_loss(&margins, &[1.0, 0.0], &[1.0, 3.0]) - expected).abs() < 1e-12);
        assert!((logit(0.0) + MAX_MARGIN).abs() < 1e-12);
        assert!((logit(1.0) - MAX_MARGIN).abs() < 1e-12);
    }
}
