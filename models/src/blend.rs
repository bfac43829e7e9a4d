//! Classifiers of several learners, added up on the log-odds scale.
//!
//! Weights are those of a logistic regression on out-of-fold log-odds: never negative, and shrunk to shares by the members'
//! own log loss, so that few churned rows mean an average and many let the better learner speak louder (stacking: Wolpert
//! 1992; non-negative: Breiman 1996; shares by held-out loss: Yao et al. 2018).

use holdfast_features::FeatureTable;

use crate::calibrate::{Calibrator, fit_platt};
use crate::encode::Order;
use crate::fit::FittedClassifier;
use crate::newton::{Coefficients, NotConverged, Problem, minimise};
use crate::probability::log_loss;

/// The most members.
pub const MAX_MEMBERS: usize = 16;
/// How strongly weights are drawn to the shares: as much as so many rows at p = 0.5 whose members differ by 2.
const STRENGTH: f64 = 100.0;
/// A member whose log loss over all rows is so much larger (nats) has a share smaller by a factor e. In theory it were 1;
/// but which members lose is half chance, and unlike ones are better together.
const TEMPERATURE: f64 = 20.0;
/// A member below this share is left out: it would cost time and change nothing.
const NEGLIGIBLE: f64 = 0.05;
const TOLERANCE: f64 = 1e-6;

/// Fitted classifiers with a weight each; the log-odds are the weighted sum of theirs.
#[derive(Debug, Clone, PartialEq)]
pub struct Blend {
    pub(crate) members: Vec<(f64, FittedClassifier)>,
}

impl From<FittedClassifier> for Blend {
    /// One classifier as it is.
    fn from(fitted: FittedClassifier) -> Self {
        Self { members: vec![(1.0, fitted)] }
    }
}

impl Blend {
    /// The weighted `members`.
    #[must_use]
    pub fn new(members: Vec<(f64, FittedClassifier)>) -> Self {
        Self { members }
    }

    /// The raw margins (log-odds, not calibrated) of the given rows of `table`, whose columns stand as in training.
    #[must_use]
    pub fn margins(&self, table: &FeatureTable, rows: &[usize]) -> Vec<f64> {
        let members: Vec<(f64, Vec<f64>)> =
            self.members.iter().map(|(weight, fitted)| (*weight, fitted.margins(table, rows))).collect();
        (0..rows.len()).map(|row| blended(members.iter().map(|(weight, own)| (*weight, own[row])))).collect()
    }
}

/// The weighted sum of one row's margins.
pub fn blended(members: impl Iterator<Item = (f64, f64)>) -> f64 {
    members.map(|(weight, margin)| weight * margin).sum()
}

/// The weights (≥ 0, one a member; 0 for one that adds nothing) that fit the members' out-of-fold `margins` best to
/// `labels` (0 or 1), of which each row counts as `weights` says.
///
/// # Errors
/// [`NotConverged`] where numbers overflow.
pub fn weights(margins: &[&[f64]], labels: &[f64], weights: &[f64]) -> Result<Vec<f64>, NotConverged> {
    let shares = shares(margins, labels, weights);
    let all = fitted(margins, labels, weights, &shares)?;
    let total: f64 = all.iter().sum();
    let kept: Vec<usize> = (0..all.len()).filter(|&member| all[member] >= NEGLIGIBLE * total).collect();
    if kept.len() == all.len() {
        return Ok(all);
    }
    let own: Vec<&[f64]> = kept.iter().map(|&member| margins[member]).collect();
    let sum: f64 = kept.iter().map(|&member| shares[member]).sum();
    let shares: Vec<f64> = kept.iter().map(|&member| shares[member] / sum).collect();
    let refitted = fitted(&own, labels, weights, &shares)?;
    let mut weights = vec![0.0; all.len()];
    for (member, weight) in kept.into_iter().zip(refitted) {
        weights[member] = weight;
    }
    Ok(weights)
}

/// What the members' log losses alone, each with a slope and an intercept of its own, say of their weights: shares of 1.
fn shares(margins: &[&[f64]], labels: &[f64], weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    let loss = |member: &&[f64]| {
        let calibrator = fit_platt(member, labels, weights).unwrap_or(Calibrator::Identity);
        let calibrated: Vec<f64> = member.iter().map(|&margin| calibrator.apply(margin)).collect();
        total * log_loss(&calibrated, labels, weights)
    };
    let losses: Vec<f64> = margins.iter().map(loss).collect();
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let parts: Vec<f64> = losses.iter().map(|loss| ((least - loss) / TEMPERATURE).exp()).collect();
    let sum: f64 = parts.iter().sum();
    parts.into_iter().map(|part| part / sum).collect()
}

fn fitted(
    margins: &[&[f64]],
    labels: &[f64],
    weights: &[f64],
    shares: &[f64],
) -> Result<Vec<f64>, NotConverged> {
    let n_columns = margins.len();
    let design: Vec<f64> =
        (0..labels.len()).flat_map(|row| margins.iter().map(move |member| member[row])).collect();
    let problem = Problem {
        design: &design,
        n_columns,
        offsets: None,
        targets: labels,
        weights,
        ridge: &vec![STRENGTH; n_columns],
        centre: shares,
        lasso: None,
        orders: Some(&vec![Order::Rising; n_columns]),
    };
    // The intercept is the calibrator's business.
    let start = Coefficients { slopes: shares.to_vec(), intercept: 0.0 };
    minimise(&problem, start, TOLERANCE).map(|found| found.slopes)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::probability::sigmoid;

    /// Labels by a known margin; a member that says it, one that says it with noise, and one that says nothing.
    fn members(n: usize) -> ([Vec<f64>; 3], Vec<f64>) {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let truth: Vec<f64> = (0..n).map(|_| rng.random_range(-3.0..1.0)).collect();
        let noisy = truth.iter().map(|margin| margin + rng.random_range(-2.0..2.0)).collect();
        let nothing = (0..n).map(|_| rng.random_range(-3.0..1.0)).collect();
        let labels =
            truth.iter().map(|&margin| f64::from(u8::from(rng.random_bool(sigmoid(margin))))).collect();
        ([truth, noisy, nothing], labels)
    }

    fn found(n: usize) -> Vec<f64> {
        let (members, labels) = members(n);
        let margins: Vec<&[f64]> = members.iter().map(Vec::as_slice).collect();
        weights(&margins, &labels, &vec![1.0; n]).unwrap()
    }

    #[test]
    fn many_rows_find_the_member_that_knows() {
        let found = found(20_000);
        assert!((found[0] - 1.0).abs() < 0.1 && found[1] < 0.05, "{found:?}");
        assert_eq!(found[2].to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn few_rows_mean_an_average() {
        let found = found(20);
        assert!(found.iter().all(|weight| (weight - 1.0 / 3.0).abs() < 0.2), "{found:?}");
    }

    #[test]
    fn a_weight_of_two_equals_the_row_twice() {
        let (members, labels) = members(50);
        let once: Vec<&[f64]> = members.iter().map(Vec::as_slice).collect();
        let twice: Vec<Vec<f64>> = members.iter().map(|member| [&member[..], &member[..]].concat()).collect();
        let twice: Vec<&[f64]> = twice.iter().map(Vec::as_slice).collect();
        let labels_twice = [&labels[..], &labels[..]].concat();
        let a = weights(&once, &labels, &[2.0; 50]).unwrap();
        let b = weights(&twice, &labels_twice, &[1.0; 100]).unwrap();
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6), "{a:?} {b:?}");
    }
}
