//! Logistic regression with an elastic net on the encoded rows, kept as plain weights.
//!
//! Declared directions are kept: slopes that would contradict one are 0, so that no explanation says that overdue invoices
//! lower the risk.

mod params;

use serde::{Deserialize, Serialize};

pub use params::{Params, ValidParams};

use crate::encode::{Encoder, LinearEncoder, learnable};
use crate::fit::{FitError, FittedClassifier, TrainingRows};
use crate::model::Classifier;
use crate::newton::{Coefficients, Problem, minimise};
use crate::probability::logit;

/// More encoded columns make a Newton step (columns² × rows) too slow.
pub const MAX_WIDTH: usize = 2_000;
/// The error of the coefficients at which the Newton steps stop, in standard errors.
const TOLERANCE: f64 = 1e-5;

/// A fitted linear model: log-odds = intercept + Σ weight × encoded column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinearModel {
    pub(crate) weights: Vec<f64>,
    pub(crate) intercept: f64,
}

/// Fits checked parameters to checked rows.
pub(crate) fn fit(params: &ValidParams, training: &TrainingRows<'_>) -> Result<FittedClassifier, FitError> {
    let params = params.params();
    let encoder = Encoder::Linear(LinearEncoder::fit(training.table, training.rows, params.encoding));
    let width = encoder.width();
    if width == 0 {
        return Err(FitError::NoInformation(learnable(training.table.specs()).count()));
    }
    if width > MAX_WIDTH {
        return Err(FitError::TooWide { learner: "logistic", width, limit: MAX_WIDTH });
    }
    let design = encoder.encode_rows(training.table, training.rows);
    let (labels, weights) = training.targets();
    let positive: f64 = labels.iter().zip(&weights).map(|(label, weight)| label * weight).sum();
    let rate = positive / weights.iter().sum::<f64>();
    let start = Coefficients { slopes: vec![0.0; width], intercept: logit(rate) };
    let lasso = vec![params.strength * params.l1_share; width];
    let problem = Problem {
        design: &design,
        n_columns: width,
        offsets: None,
        targets: &labels,
        weights: &weights,
        ridge: &vec![params.strength * (1.0 - params.l1_share); width],
        centre: &vec![0.0; width],
        lasso: (params.l1_share > 0.0).then_some(&lasso),
        orders: Some(&encoder.orders(training.table.specs())),
    };
    let Coefficients { slopes, intercept } = minimise(&problem, start, TOLERANCE)?;
    Ok(FittedClassifier {
        encoder,
        classifier: Classifier::Linear(LinearModel { weights: slopes, intercept }),
    })
}

impl LinearModel {
    pub(crate) fn raw(&self, row: &[f64]) -> f64 {
        self.weights.iter().zip(row).map(|(weight, value)| weight * value).sum::<f64>() + self.intercept
    }

    /// The weights, one an encoded column.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::LinearOptions;
    use crate::fit::{Candidate, fit};
    use crate::probability::sigmoid;
    use holdfast_features::{Column, Direction, FeatureSpec, FeatureTable, Kind};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn known_truth(n: usize) -> (FeatureTable, Vec<f64>) {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let x: Vec<f64> = (0..n).map(|_| rng.random_range(-1.7..1.7)).collect();
        let noise: Vec<f64> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
        let labels =
            x.iter().map(|x| f64::from(u8::from(rng.random_bool(sigmoid(-2.0 + 1.5 * x))))).collect();
        let specs = ["x", "noise"].map(|name| FeatureSpec::prepared(name, Kind::Number)).to_vec();
        (FeatureTable::new(specs, vec![Column::Number(x), Column::Number(noise)], n).unwrap(), labels)
    }

    fn candidate(strength: f64) -> Candidate {
        let straight = Params { strength, ..Params::default() };
        Candidate::Logistic(straight.check().unwrap())
    }

    #[test]
    fn recovers_known_coefficients() {
        let (table, labels) = known_truth(8_000);
        let rows: Vec<usize> = (0..8_000).collect();
        let weights = vec![1.0; 8_000];
        let training =
            TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
        let fitted = fit(&candidate(0.01), &training, 0).unwrap();
        let probe = FeatureTable::new(
            table.specs().to_vec(),
            vec![Column::Number(vec![0.0, 1.0, 0.0]), Column::Number(vec![0.0, 0.0, 1.0])],
            3,
        )
        .unwrap();
        let margins = fitted.margins(&probe, &[0, 1, 2]);
        assert!((margins[0] + 2.0).abs() < 0.1, "{margins:?}");
        assert!((margins[1] - margins[0] - 1.5).abs() < 0.1, "{margins:?}");
        assert!((margins[2] - margins[0]).abs() < 0.1, "{margins:?}");
    }

    #[test]
    fn a_weight_of_two_equals_the_row_twice() {
        let (table, labels) = known_truth(300);
        let rows: Vec<usize> = (0..300).collect();
        let mut weights = vec![1.0; 300];
        weights.iter_mut().take(100).for_each(|weight| *weight = 2.0);
        let twice: Vec<usize> = (0..300).chain(0..100).collect();
        let (doubled, doubled_labels): (FeatureTable, Vec<f64>) =
            (table.take(&twice), twice.iter().map(|&row| labels[row]).collect());
        let all: Vec<usize> = (0..400).collect();
        let margins = |table: &FeatureTable, labels: &[f64], weights: &[f64], rows: &[usize]| {
            let training = TrainingRows { table, labels, weights, groups: None, rows };
            fit(&candidate(3.0), &training, 0).unwrap().margins(table, &[0, 50, 200])
        };
        let weighted = margins(&table, &labels, &weights, &rows);
        let repeated = margins(&doubled, &doubled_labels, &[1.0; 400], &all);
        // The two encoders standardise differently, so the ridge differs a little.
        for (a, b) in weighted.iter().zip(&repeated) {
            assert!((a - b).abs() < 0.02, "{weighted:?} {repeated:?}");
        }
    }

    /// The risk is highest in the middle; a declared direction leaves only the part that goes its way.
    #[test]
    fn a_declared_direction_binds_the_line_and_its_bends() {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let x: Vec<f64> = (0..2_000).map(|_| rng.random_range(-2.0..2.0)).collect();
        let labels: Vec<f64> =
            x.iter().map(|x| f64::from(u8::from(rng.random_bool(sigmoid(1.0 - 2.0 * x * x))))).collect();
        let rows: Vec<usize> = (0..2_000).collect();
        let probe: Vec<f64> = (-20..=20_i32).map(|x| f64::from(x) / 10.0).collect();
        let margins = |direction| {
            let mut specs = vec![FeatureSpec::prepared("x", Kind::Number)];
            specs[0].direction = direction;
            let table = FeatureTable::new(specs.clone(), vec![Column::Number(x.clone())], 2_000).unwrap();
            let weights = vec![1.0; 2_000];
            let training =
                TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
            let encoding = LinearOptions { hinges: 4, ..Params::default().encoding };
            let bent =
                Candidate::Logistic(Params { strength: 1.0, encoding, ..Params::default() }.check().unwrap());
            let fitted = fit(&bent, &training, 0).unwrap();
            let probe = FeatureTable::new(specs, vec![Column::Number(probe.clone())], 41).unwrap();
            fitted.margins(&probe, &(0..41).collect::<Vec<_>>())
        };
        let free = margins(Direction::Unknown);
        assert!(free[20] > free[0] + 2.0 && free[20] > free[40] + 2.0, "{free:?}");
        let rising = margins(Direction::RaisesRisk);
        assert!(rising.is_sorted() && rising[30] > rising[0] + 1.0, "{rising:?}");
        let falling = margins(Direction::LowersRisk);
        assert!(falling.iter().rev().is_sorted() && falling[0] > falling[40] + 1.0, "{falling:?}");
    }
    /// Fifty columns of noise and one that tells.
    #[test]
    fn an_l1_share_leaves_few_slopes_and_the_declared_directions() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let n = 600;
        let columns: Vec<Vec<f64>> =
            (0..51).map(|_| (0..n).map(|_| rng.random_range(-1.7..1.7)).collect()).collect();
        let labels: Vec<f64> = columns[0]
            .iter()
            .map(|x| f64::from(u8::from(rng.random_bool(sigmoid(-1.0 + 1.5 * x)))))
            .collect();
        let mut specs: Vec<FeatureSpec> =
            (0..51).map(|at| FeatureSpec::prepared(&format!("x{at}"), Kind::Number)).collect();
        let slopes = |specs: &[FeatureSpec], l1_share: f64| {
            let columns = columns.iter().cloned().map(Column::Number).collect();
            let table = FeatureTable::new(specs.to_vec(), columns, n).unwrap();
            let (weights, rows) = (vec![1.0; n], (0..n).collect::<Vec<_>>());
            let training =
                TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
            let params = Params { strength: 16.0, l1_share, ..Params::default() };
            match fit(&Candidate::Logistic(params.check().unwrap()), &training, 0).unwrap().classifier() {
                Classifier::Linear(model) => model.weights().to_vec(),
                other => panic!("{}", other.name()),
            }
        };
        let zeros = |slopes: &[f64]| slopes.iter().filter(|slope| **slope == 0.0).count();
        assert_eq!(zeros(&slopes(&specs, 0.0)), 0);
        let sparse = slopes(&specs, 0.9);
        assert!(sparse[0] > 0.8 && zeros(&sparse) > 35, "{sparse:?}");
        specs[0].direction = Direction::LowersRisk;
        assert_eq!(slopes(&specs, 0.9)[0].to_bits(), 0.0_f64.to_bits());
    }
}
