//! A random forest: smartcore's regressor on the labels 0 and 1, whose leaves are then churn shares,
//! kept as our own flat trees.

mod params;
mod read;

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

pub use params::{Params, ValidParams};

use crate::encode::{Encoder, Missing, TreeEncoder, learnable};
use crate::fit::{FitError, FittedClassifier, TrainingRows};
use crate::model::Classifier;
use crate::tree::{Tree, columns_tried};

/// Trees are grown in batches of this many, each batch on its own sample of the rows and with its own seed:
/// batches run side by side, and neither their number nor their order depends on the threads.
const BATCH: usize = 10;

/// A fitted forest: a churn share is the mean over the trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForestModel {
    pub(crate) trees: Vec<Tree>,
}

/// Fits checked parameters to checked rows.
pub(crate) fn fit(
    params: &ValidParams,
    training: &TrainingRows<'_>,
    seed: u64,
) -> Result<FittedClassifier, FitError> {
    let params = params.params();
    let (encoder, columns) = TreeEncoder::fit(training, Missing::Fill, seed);
    let encoder = Encoder::Tree(encoder);
    let width = encoder.width();
    if width == 0 {
        return Err(FitError::NoInformation(learnable(training.table.specs()).count()));
    }
    let (labels, weights) = training.targets();
    let equal = weights.iter().all(|weight| *weight == weights[0]);
    let batches: Vec<Vec<Tree>> = (0..params.trees.div_ceil(BATCH))
        .into_par_iter()
        .map(|batch| {
            let rows = batch_rows(labels.len(), params.max_rows, seed, batch);
            let records: Vec<f64> =
                columns.iter().flat_map(|column| rows.iter().map(|&row| column[row])).collect();
            let records = DenseMatrix::new(rows.len(), width, records, true)
                .map_err(|error| FitError::Smartcore(error.to_string()))?;
            let targets: Vec<f64> = rows.iter().map(|&row| labels[row]).collect();
            let smartcore = RandomForestRegressorParameters {
                max_depth: Some(params.max_depth),
                min_samples_leaf: params.min_leaf,
                min_samples_split: 2 * params.min_leaf,
                n_trees: BATCH.min(params.trees - batch * BATCH),
                m: Some(columns_tried(params.column_fraction, width)),
                keep_samples: false,
                seed: seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(batch as u64),
            };
            let fitted = if equal {
                RandomForestRegressor::fit(&records, &targets, smartcore)
            } else {
                let weights: Vec<f64> = rows.iter().map(|&row| weights[row]).collect();
                RandomForestRegressor::fit_with_weights(&records, &targets, &weights, smartcore)
            };
            let fitted = fitted.map_err(|error| FitError::Smartcore(error.to_string()))?;
            read::trees(&fitted, width)
        })
        .collect::<Result<_, FitError>>()?;
    let trees = batches.into_iter().flatten().collect();
    Ok(FittedClassifier { encoder, classifier: Classifier::Forest(ForestModel { trees }) })
}

/// All rows, or a seeded sample of `most` of them, ascending.
fn batch_rows(n_rows: usize, most: usize, seed: u64, batch: usize) -> Vec<usize> {
    if n_rows <= most {
        return (0..n_rows).collect();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(batch as u64);
    let mut rows = sample(&mut rng, n_rows, most).into_vec();
    rows.sort_unstable();
    rows
}

impl ForestModel {
    pub(crate) fn raw(&self, row: &[f64]) -> f64 {
        self.mean(self.trees.iter().fold(0.0, |sum, tree| sum + tree.predict(row)))
    }

    /// The churn share of a sum over all trees.
    #[expect(clippy::cast_precision_loss, reason = "tree counts are far below 2^53")]
    pub(crate) fn mean(&self, sum: f64) -> f64 {
        sum / self.trees.len() as f64
    }

    /// The trees, whose leaves are churn shares.
    #[must_use]
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::{Candidate, fit};
    use crate::probability::sigmoid;
    use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};

    fn steps() -> (FeatureTable, Vec<f64>) {
        let x: Vec<f64> = (0..400).map(|row| if row % 10 == 3 { f64::NAN } else { f64::from(row) }).collect();
        let labels =
            (0..400).map(|row| f64::from(u8::from(row % 10 == 3 || (row >= 200 && row % 4 > 0)))).collect();
        let specs = vec![FeatureSpec::prepared("x", Kind::Number)];
        (FeatureTable::new(specs, vec![Column::Number(x)], 400).unwrap(), labels)
    }

    fn small() -> Candidate {
        let params = Params { trees: 25, min_leaf: 5, max_depth: 4, ..Params::default() };
        Candidate::Forest(params.check().unwrap())
    }

    #[test]
    fn finds_steps_and_missing_values_and_is_the_same_for_any_thread_count() {
        let (table, labels) = steps();
        let rows: Vec<usize> = (0..400).collect();
        let weights = vec![1.0; 400];
        let training =
            TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let one = pool(1).install(|| fit(&small(), &training, 5).unwrap());
        let three = pool(3).install(|| fit(&small(), &training, 5).unwrap());
        assert_eq!(one, three);
        assert_ne!(one, fit(&small(), &training, 6).unwrap());
        let shares: Vec<f64> = one.margins(&table, &[50, 300, 13]).into_iter().map(sigmoid).collect();
        assert!(shares[0] < 0.1 && (0.5..0.9).contains(&shares[1]) && shares[2] > 0.8, "{shares:?}");
    }

    #[test]
    fn weights_count() {
        let (table, labels) = steps();
        let rows: Vec<usize> = (0..400).collect();
        let weights: Vec<f64> = labels.iter().map(|label| 1.0 + 9.0 * label).collect();
        let training =
            TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
        let heavy = fit(&small(), &training, 5).unwrap().margins(&table, &[300])[0];
        let training = TrainingRows { weights: &[1.0; 400], ..training };
        let equal = fit(&small(), &training, 5).unwrap().margins(&table, &[300])[0];
        assert!((heavy - equal - 10.0_f64.ln()).abs() < 0.5, "{heavy} {equal}");
    }

    #[test]
    fn a_batch_takes_at_most_so_many_rows() {
        let rows = batch_rows(1_000, 100, 1, 0);
        assert_eq!(rows.len(), 100);
        assert!(rows.is_sorted_by(|a, b| a < b));
        assert_ne!(rows, batch_rows(1_000, 100, 1, 1));
    }
}
