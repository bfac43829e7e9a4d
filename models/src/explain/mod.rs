//! Exact interventional SHAP values against a stored background (Lundberg and Lee 2017; Janzing et al. 2020).
//!
//! The players of the game are the *features*, not their encoded columns. With f the classifier's raw output and g
//! the map to calibrated log-odds, contributions to f are scaled by (g(f) − g(f₀)) / (f − f₀), so that the base g(f₀)
//! and all contributions sum to the calibrated log-odds.

mod leaves;
mod linear;
mod trees;

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub(crate) use leaves::LeafPatterns;

use crate::additive::AdditiveModel;
use crate::model::{Classifier, ModelError};

/// The most background rows: the time of an explanation grows with them.
pub const MAX_BACKGROUND: usize = 500;
/// The background rows that are chosen where there are more to choose from.
const CHOSEN: usize = 100;

/// Why one row is scored as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Calibrated log-odds of the background.
    pub base: f64,
    /// Calibrated log-odds of the row: base + Σ contributions.
    pub logit: f64,
    /// For each feature to learn from, its position in the specs and what it adds to the log-odds; ascending by position.
    pub contributions: Vec<(usize, f64)>,
}

/// Encoded rows to compare with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Background {
    /// Row-major.
    matrix: Vec<f64>,
    n_rows: usize,
    /// f₀: the mean raw output.
    mean_raw: f64,
}

/// Up to 100 of `rows`, drawn without replacement, in their order.
#[must_use]
pub fn choose_background(rows: &[usize], seed: u64) -> Vec<usize> {
    if rows.len() <= CHOSEN {
        return rows.to_vec();
    }
    let mut drawn = sample(&mut ChaCha8Rng::seed_from_u64(seed), rows.len(), CHOSEN).into_vec();
    drawn.sort_unstable();
    drawn.into_iter().map(|at| rows[at]).collect()
}

impl Explanation {
    /// The explanation of a sum of outputs: of the same features, at least one.
    pub(crate) fn sum(mut parts: impl Iterator<Item = Self>) -> Self {
        let first = parts.next().unwrap_or(Self { base: 0.0, logit: 0.0, contributions: Vec::new() });
        parts.fold(first, |mut sum, part| {
            sum.base += part.base;
            sum.logit += part.logit;
            for (own, (_, share)) in sum.contributions.iter_mut().zip(part.contributions) {
                own.1 += share;
            }
            sum
        })
    }

    /// The explanation of `map` of the output: all contributions scaled by the slope between base and output.
    pub(crate) fn through(self, map: impl Fn(f64) -> f64) -> Self {
        let (base, logit) = (map(self.base), map(self.logit));
        let scale = slope(self.logit, self.base, &map);
        let mut contributions = self.contributions;
        contributions.iter_mut().for_each(|(_, share)| *share *= scale);
        // What rounding leaves of the sum goes to the largest contribution.
        let rest = logit - base - contributions.iter().map(|(_, share)| share).sum::<f64>();
        if let Some(largest) = contributions.iter_mut().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())) {
            largest.1 += rest;
        }
        Self { base, logit, contributions }
    }

    /// The explanation of the sum with a term that `feature` alone decides: `own` here, `usual` in the background.
    pub(crate) fn plus(mut self, feature: usize, own: f64, usual: f64) -> Self {
        self.base += usual;
        self.logit += own;
        for (_, share) in self.contributions.iter_mut().filter(|(of, _)| *of == feature) {
            *share += own - usual;
        }
        self
    }
}

impl Background {
    #[expect(clippy::cast_precision_loss, reason = "at most MAX_BACKGROUND rows")]
    pub(crate) fn new(matrix: Vec<f64>, n_rows: usize, classifier: &Classifier) -> Result<Self, ModelError> {
        if n_rows == 0 {
            return Err(ModelError::NoBackground);
        }
        let width = matrix.len() / n_rows;
        let mean_raw =
            matrix.chunks_exact(width.max(1)).map(|row| classifier.raw(row)).sum::<f64>() / n_rows as f64;
        Ok(Self { matrix, n_rows, mean_raw })
    }

    pub(crate) fn validate(&self, width: usize) -> Result<(), ModelError> {
        let is_covered = self.n_rows.checked_mul(width) == Some(self.matrix.len()) && width > 0;
        if !is_covered || !(1..=MAX_BACKGROUND).contains(&self.n_rows) {
            return Err(ModelError::Background { found: self.matrix.len(), most: MAX_BACKGROUND, width });
        }
        if !self.mean_raw.is_finite() || self.matrix.iter().any(|value| value.is_infinite()) {
            return Err(ModelError::NotUsable("explanation background"));
        }
        Ok(())
    }

    /// What speeds up explanations of this classifier; `None` where nothing does.
    pub(crate) fn patterns(&self, classifier: &Classifier, sources: &[usize]) -> Option<LeafPatterns> {
        let trees = match classifier {
            Classifier::Linear(_) => return None,
            Classifier::Forest(model) => &model.trees,
            Classifier::Boost(model) | Classifier::Additive(AdditiveModel { sum: model, .. }) => &model.trees,
        };
        LeafPatterns::of(trees, self, sources)
    }

    /// Explains an encoded row; `patterns` are those of [`Self::patterns`], `calibrated` maps the raw output to calibrated log-odds, `learnt` lists the features.
    pub(crate) fn explain(
        &self,
        classifier: &Classifier,
        patterns: Option<&LeafPatterns>,
        row: &[f64],
        (sources, learnt): (&[usize], &[usize]),
        calibrated: impl Fn(f64) -> f64,
    ) -> Explanation {
        let n_features = learnt.last().map_or(0, |last| last + 1);
        let mut shares = vec![0.0; n_features];
        match (classifier, patterns) {
            (Classifier::Linear(model), _) => linear::shares(model, row, self, sources, &mut shares),
            (_, Some(patterns)) => patterns.shares(row, &mut shares),
            (Classifier::Forest(model), None) => trees::shares(&model.trees, row, self, sources, &mut shares),
            (Classifier::Boost(model) | Classifier::Additive(AdditiveModel { sum: model, .. }), None) => {
                trees::shares(&model.trees, row, self, sources, &mut shares)
            }
        }
        if let Classifier::Forest(model) = classifier {
            // A forest is the mean of its trees.
            let n_trees: f64 = model.trees.iter().map(|_| 1.0).sum();
            shares.iter_mut().for_each(|share| *share /= n_trees);
        }
        let contributions = learnt.iter().map(|&feature| (feature, shares[feature])).collect();
        Explanation { base: self.mean_raw, logit: classifier.raw(row), contributions }.through(calibrated)
    }

    fn rows(&self, width: usize) -> impl Iterator<Item = &[f64]> {
        self.matrix.chunks_exact(width.max(1))
    }
}

/// (g(f) − g(f₀)) / (f − f₀); where both are (nearly) equal, the slope of g around them.
fn slope(raw: f64, mean_raw: f64, calibrated: impl Fn(f64) -> f64) -> f64 {
    const NEAR: f64 = 1e-7;
    let distance = raw - mean_raw;
    if distance.abs() > NEAR {
        return (calibrated(raw) - calibrated(mean_raw)) / distance;
    }
    (calibrated(raw + NEAR) - calibrated(mean_raw - NEAR)) / (distance + 2.0 * NEAR)
}

#[cfg(test)]
mod tests;
