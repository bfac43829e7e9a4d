//! How good the probabilities of a model are on rows it never saw.
//!
//! Everything is a pure function of labels, probabilities, row weights and account groups. The
//! statistics work on [`rank::Block`]s: the weight of positive and negative rows at each distinct
//! score, which is all that any of them needs.

pub mod bootstrap;
pub mod corp;
mod figures;
pub mod horizons;
pub mod proper;
pub mod rank;
pub mod recalibration;
pub mod segments;

#[cfg(test)]
mod fixture;

use serde::{Deserialize, Serialize};

pub use bootstrap::group_codes;
pub use corp::{BandPoint, Decomposition, HistogramBin, Reliability, ReliabilityStep};
pub use figures::{difference, evaluate, evaluate_ranking};
pub use horizons::{HorizonEvaluation, RiskGroup};
pub use rank::{GainsPoint, RiskBand};
pub use segments::{SegmentEvaluation, by_segment, term_distance};

/// The rows to judge, column by column; every slice has one entry a row.
#[derive(Debug, Clone, Copy)]
pub struct ScoredRows<'a> {
    /// 1 where the account churned, 0 where it did not.
    pub labels: &'a [f64],
    /// The model's probability of churn, 0 to 1 (for [`evaluate_ranking`]: any finite score, riskier is higher).
    pub probabilities: &'a [f64],
    /// How much each row counts, ≥ 0.
    pub weights: &'a [f64],
    /// Rows with the same number belong together (an account with its parent) and are resampled together;
    /// see [`group_codes`].
    pub groups: &'a [usize],
    /// Annual recurring revenue, ≥ 0; NaN where it is not known.
    pub arr: Option<&'a [f64]>,
}

/// How to evaluate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EvaluateOptions {
    /// Seeds the bootstrap and the consistency band.
    pub seed: u64,
    /// Bootstrap replicates for each interval; 0 for none.
    pub replicates: usize,
    /// The share of rows that the team has time for, above 0, at most 1.
    pub capacity: f64,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self { seed: 0, replicates: 400, capacity: 0.1 }
    }
}

/// A figure with its 95 % interval from the account-clustered bootstrap.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure on all rows.
    pub value: f64,
    /// The 2.5 % point over the replicates; `None` where too few replicates were defined.
    pub low: Option<f64>,
    /// The 97.5 % point over the replicates.
    pub high: Option<f64>,
}

/// The model's figure minus that of another scoring of the same rows, drawn together in each bootstrap replicate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Difference of the areas under the ROC curve; above 0 the model ranks better.
    pub auc: Option<Estimate>,
    /// Difference of the log losses; below 0 the model's probabilities are better. `None` for a ranking.
    pub log_loss: Option<Estimate>,
}

/// What another scoring's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Probabilities, 0 to 1.
    Probability,
    /// Any finite numbers, riskier is higher.
    Ranking,
}

/// What happens when the team works through the riskiest rows up to its capacity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AtCapacity {
    /// The share of rows worked through, by weight, 0 to 1.
    pub share: f64,
    /// How many rows that is (unweighted; with a fraction where the border cuts a tie).
    pub rows: f64,
    /// The share of them that churned.
    pub precision: Estimate,
    /// The share of all churn that is among them.
    pub recall: Estimate,
    /// The share of all churned ARR that is among them; `None` where no churned ARR is known.
    pub arr_recall: Option<Estimate>,
}

/// Calibration of the probabilities: slope 1 and intercepts 0 are ideal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Recalibration {
    /// The slope of the logistic regression of the label on logit(probability); below 1 the probabilities are
    /// too extreme. `None` where it is not defined (one class, a constant or a perfectly separating score).
    pub slope: Option<Estimate>,
    /// The intercept beside that slope.
    pub intercept: Option<Estimate>,
    /// The intercept with the slope held at 1: above 0 the probabilities are too low on average.
    pub in_the_large: Option<Estimate>,
}

/// All figures of one set of rows. No number in it is ever NaN or infinite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Number of rows.
    pub rows: usize,
    /// Number of churned rows (unweighted).
    pub positives: usize,
    /// Number of groups (accounts).
    pub groups: usize,
    /// The weighted share of churned rows.
    pub base_rate: Estimate,
    /// The weighted mean of the probabilities; `None` for a ranking.
    pub mean_probability: Option<f64>,
    /// Area under the ROC curve; `None` where only one class is present.
    pub auc: Option<Estimate>,
    /// Average precision (step-wise); `None` without a churned row.
    pub average_precision: Option<Estimate>,
    /// Churn rate among the riskiest 10 % over the churn rate of all; `None` without a churned row.
    pub lift_10: Option<Estimate>,
    /// Mean log loss in nats; `None` for a ranking.
    pub log_loss: Option<Estimate>,
    /// Mean squared error of the probabilities; `None` for a ranking.
    pub brier: Option<Estimate>,
    /// The Brier score split into miscalibration, discrimination and uncertainty.
    pub brier_parts: Option<Decomposition>,
    /// The log loss split in the same way.
    pub log_loss_parts: Option<Decomposition>,
    /// Slope and intercepts.
    pub recalibration: Option<Recalibration>,
    /// Spiegelhalter's z, rows taken as independent: outside ±1.96 the probabilities are not calibrated.
    pub spiegelhalter_z: Option<f64>,
    /// Expected calibration error over ten equal-width bins; informational, depends on the bins.
    pub expected_calibration_error: Option<f64>,
    /// Precision and recall at the given capacity; `None` without a churned row.
    pub at_capacity: Option<AtCapacity>,
    /// Cumulative gains at every percent of rows; empty without a churned row.
    pub gains: Vec<GainsPoint>,
    /// Ten bands of equal weight, riskiest first.
    pub risk_bands: Vec<RiskBand>,
    /// The reliability curve with its consistency band; `None` for a ranking.
    pub reliability: Option<Reliability>,
}

/// Why rows cannot be evaluated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvaluateError {
    /// There is nothing to judge.
    #[error(
        "no rows to evaluate: the test block is empty; choose an earlier test start or give more history"
    )]
    NoRows,
    /// A column has another length than the labels.
    #[error("column `{column}` has {found} rows, the labels have {expected}: give one entry a row")]
    Length {
        /// Which column.
        column: &'static str,
        /// Number of labels.
        expected: usize,
        /// Length of the column.
        found: usize,
    },
    /// A label is neither 0 nor 1.
    #[error("row {row}: label {value} is neither 0 nor 1")]
    Label {
        /// 0-based.
        row: usize,
        /// What it is.
        value: f64,
    },
    /// A probability is outside 0–1 or not finite.
    #[error("row {row}: probability {value} is not a number from 0 to 1")]
    Probability {
        /// 0-based.
        row: usize,
        /// What it is.
        value: f64,
    },
    /// A ranking score is not finite.
    #[error("row {row}: score {value} is not a finite number")]
    Score {
        /// 0-based.
        row: usize,
        /// What it is.
        value: f64,
    },
    /// A weight is negative or not finite.
    #[error("row {row}: weight {value} is not a finite number of at least 0")]
    Weight {
        /// 0-based.
        row: usize,
        /// What it is.
        value: f64,
    },
    /// No row counts.
    #[error("every row has weight 0: at least one row must count")]
    NoWeight,
    /// An ARR is negative or infinite.
    #[error("row {row}: ARR {value} is neither a finite number of at least 0 nor missing")]
    Arr {
        /// 0-based.
        row: usize,
        /// What it is.
        value: f64,
    },
    /// The capacity is not a share.
    #[error("capacity {0} is not a share above 0 and at most 1")]
    Capacity(f64),
}
