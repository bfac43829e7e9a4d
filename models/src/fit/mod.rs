//! A candidate and training rows → a fitted classifier.

mod error;
mod watch;

use holdfast_features::FeatureTable;
use serde::{Deserialize, Serialize};

pub use error::{FitError, ParamsError};
pub(crate) use watch::Watched;

use crate::encode::{Encoder, learnable};
use crate::model::Classifier;
use crate::{additive, boost, forest, logistic};

/// The rows to learn from. `labels`, `weights` and `groups` have one entry for each row of `table`.
#[derive(Debug, Clone, Copy)]
pub struct TrainingRows<'a> {
    /// The features.
    pub table: &'a FeatureTable,
    /// 1 where the account churned, else 0.
    pub labels: &'a [f64],
    /// How much each row counts, > 0.
    pub weights: &'a [f64],
    /// Which rows belong together (an account, its parent); by default each row stands alone.
    pub groups: Option<&'a [u32]>,
    /// The rows of the table to use, in time order where there is one.
    pub rows: &'a [usize],
}

/// One learner with checked parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Candidate {
    /// Logistic regression with an elastic net.
    Logistic(logistic::ValidParams),
    /// A random forest.
    Forest(forest::ValidParams),
    /// Gradient boosting.
    Boost(boost::ValidParams),
    /// A sum of one step function a column.
    Additive(additive::ValidParams),
}

/// An encoder and a classifier fitted on the same rows: a raw margin for any row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedClassifier {
    pub(crate) encoder: Encoder,
    pub(crate) classifier: Classifier,
}

/// Learns `candidate` from the training rows; the same arguments give the same model, bit for bit.
///
/// # Errors
/// Refuses rows that do not fit to each other or hold only one outcome; see [`FitError`].
pub fn fit(
    candidate: &Candidate,
    training: &TrainingRows<'_>,
    seed: u64,
) -> Result<FittedClassifier, FitError> {
    training.check()?;
    match candidate {
        Candidate::Logistic(params) => logistic::fit(params, training),
        Candidate::Forest(params) => forest::fit(params, training, seed),
        Candidate::Boost(params) => boost::fit(params, training, seed),
        Candidate::Additive(params) => additive::fit(params, training, seed),
    }
}

/// Margins of rows that a classifier did not learn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// After so many boosting rounds; `None` for learners without rounds.
    pub rounds: Option<usize>,
    /// The raw margins (log-odds, not calibrated), one a row.
    pub margins: Vec<f64>,
}

/// Learns `candidate` from the training rows, as [`fit`] does, and gives the margins of `validation`, rows of the same
/// table: once, or for boosting after ever more rounds, the last of which are more than enough. A fit with
/// [`Candidate::with_rounds`] of a checkpoint gives its margins, bit for bit.
///
/// # Errors
/// As [`fit`], also for the validation rows.
pub fn checkpoints(
    candidate: &Candidate,
    training: &TrainingRows<'_>,
    validation: &[usize],
    seed: u64,
) -> Result<Vec<Checkpoint>, FitError> {
    training.check()?;
    let validation = TrainingRows { rows: validation, ..*training };
    validation.check_rows()?;
    match candidate {
        Candidate::Boost(params) => boost::checkpoints(params, training, &validation, seed),
        Candidate::Additive(params) => additive::checkpoints(params, training, &validation, seed),
        _ => fit(candidate, training, seed).map(|fitted| {
            let margins = fitted.margins(training.table, validation.rows);
            vec![Checkpoint { rounds: None, margins }]
        }),
    }
}

impl Candidate {
    /// `logistic`, `forest`, `boost` or `additive`.
    #[must_use]
    pub fn learner(&self) -> &'static str {
        match self {
            Self::Logistic(_) => "logistic",
            Self::Forest(_) => "forest",
            Self::Boost(_) => "boost",
            Self::Additive(_) => "additive",
        }
    }

    /// The learner with the parameters that tell candidates apart, for reports.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Logistic(params) => format!("logistic {}", params.describe()),
            Self::Forest(params) => format!("forest {}", params.describe()),
            Self::Boost(params) => format!("boost {}", params.describe()),
            Self::Additive(params) => format!("additive {}", params.describe()),
        }
    }

    /// The most boosting rounds; `None` for learners without rounds.
    #[must_use]
    pub fn rounds(&self) -> Option<usize> {
        match self {
            Self::Boost(params) => Some(params.params().rounds),
            Self::Additive(params) => Some(params.params().rounds),
            _ => None,
        }
    }

    /// The same candidate with `rounds` (at least one) boosting rounds; other learners as they are.
    #[must_use]
    pub fn with_rounds(&self, rounds: usize) -> Self {
        match self {
            Self::Boost(params) => Self::Boost(params.with_rounds(rounds)),
            Self::Additive(params) => Self::Additive(params.with_rounds(rounds)),
            other => other.clone(),
        }
    }

    /// The same candidate with so many times as many rounds, to the nearest; learners without rounds as they are.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a few thousand rounds; what is out of range saturates and is brought into it"
    )]
    pub fn with_rounds_times(&self, factor: f64) -> Self {
        let times = |rounds: usize| (rounds as f64 * factor).round() as usize;
        match self {
            Self::Boost(params) => self.with_rounds(times(params.params().rounds)),
            Self::Additive(params) => self.with_rounds(times(params.params().rounds)),
            other => other.clone(),
        }
    }

    /// The same candidate as the mean of `bags` boosted models; other learners as they are.
    #[must_use]
    pub fn with_bags(&self, bags: usize) -> Self {
        match self {
            Self::Boost(params) => Self::Boost(params.with_bags(bags)),
            other => other.clone(),
        }
    }
}

impl FittedClassifier {
    /// The raw margins (log-odds, not calibrated) of the given rows of `table`, whose columns stand as in training.
    #[must_use]
    pub fn margins(&self, table: &FeatureTable, rows: &[usize]) -> Vec<f64> {
        self.classifier.margins(&self.encoder, table, rows)
    }

    /// The fitted classifier.
    #[must_use]
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// The fitted encoder.
    #[must_use]
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }
}

impl TrainingRows<'_> {
    /// The group of a row of the table.
    #[must_use]
    pub fn group(&self, row: usize) -> u32 {
        match self.groups {
            Some(groups) => groups[row],
            // A table of 4 billion rows would repeat numbers: harmless, groups only keep rows together.
            None => u32::try_from(row).unwrap_or(u32::MAX),
        }
    }

    /// Labels and weights of the rows used, in their order.
    pub(crate) fn targets(&self) -> (Vec<f64>, Vec<f64>) {
        self.rows.iter().map(|&row| (self.labels[row], self.weights[row])).unzip()
    }

    fn check(&self) -> Result<(), FitError> {
        self.check_rows()?;
        let first = self.labels[self.rows[0]];
        if self.rows.iter().all(|&row| self.labels[row] == first) {
            return Err(FitError::OneClass { rows: self.rows.len(), label: first });
        }
        if learnable(self.table.specs()).next().is_none() {
            return Err(FitError::NoInformation(0));
        }
        Ok(())
    }

    fn check_rows(&self) -> Result<(), FitError> {
        let expected = self.table.n_rows();
        let groups = self.groups.map_or(expected, <[u32]>::len);
        for (what, found) in
            [("labels", self.labels.len()), ("weights", self.weights.len()), ("groups", groups)]
        {
            if found != expected {
                return Err(FitError::Length { what, found, expected });
            }
        }
        if self.rows.is_empty() {
            return Err(FitError::NoRows);
        }
        for &row in self.rows {
            if row >= expected {
                return Err(FitError::Row { row, rows: expected });
            }
            let (label, weight) = (self.labels[row], self.weights[row]);
            if label != 0.0 && label != 1.0 {
                return Err(FitError::Label { row, value: label });
            }
            if !weight.is_normal() || weight < 0.0 {
                return Err(FitError::Weight { row, value: weight });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_features::{Column, FeatureSpec, Kind};

    #[test]
    fn refuses_rows_that_cannot_be_learnt_from() {
        let specs = vec![FeatureSpec::prepared("x", Kind::Number)];
        let table = FeatureTable::new(specs, vec![Column::Number(vec![1.0, 2.0, 3.0])], 3).unwrap();
        let candidate = Candidate::Logistic(logistic::Params::default().check().unwrap());
        let labels = [0.0, 1.0, 1.0];
        let good = TrainingRows {
            table: &table,
            labels: &labels,
            weights: &[1.0; 3],
            groups: None,
            rows: &[0, 1, 2],
        };
        assert!(fit(&candidate, &good, 0).is_ok());
        let refuse = |training: TrainingRows<'_>| fit(&candidate, &training, 0).unwrap_err();
        assert_eq!(refuse(TrainingRows { rows: &[], ..good }), FitError::NoRows);
        assert_eq!(refuse(TrainingRows { rows: &[3], ..good }), FitError::Row { row: 3, rows: 3 });
        assert_eq!(
            refuse(TrainingRows { groups: Some(&[1]), ..good }),
            FitError::Length { what: "groups", found: 1, expected: 3 }
        );
        assert_eq!(
            refuse(TrainingRows { labels: &[0.0, 2.0, 1.0], ..good }),
            FitError::Label { row: 1, value: 2.0 }
        );
        assert_eq!(
            refuse(TrainingRows { weights: &[1.0, 0.0, 1.0], ..good }),
            FitError::Weight { row: 1, value: 0.0 }
        );
        assert_eq!(
            refuse(TrainingRows { rows: &[1, 2], ..good }),
            FitError::OneClass { rows: 2, label: 1.0 }
        );
        let constant =
            FeatureTable::new(table.specs().to_vec(), vec![Column::Number(vec![1.0; 3])], 3).unwrap();
        assert_eq!(refuse(TrainingRows { table: &constant, ..good }), FitError::NoInformation(1));
    }
}
