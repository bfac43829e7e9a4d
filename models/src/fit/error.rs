//! Why rows cannot be learnt from.

use crate::newton::NotConverged;

/// A parameter out of its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{learner}: `{parameter}` must be {expected}, not {found}")]
pub struct ParamsError {
    /// `logistic`, `forest` or `boost`.
    pub learner: &'static str,
    /// The parameter.
    pub parameter: &'static str,
    /// Its range.
    pub expected: &'static str,
    /// What was given.
    pub found: String,
}

/// Why rows cannot be learnt from.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// Nothing to learn from.
    #[error("no training rows")]
    NoRows,
    /// One label, weight and group is needed for each row of the table.
    #[error("{found} {what} for {expected} rows")]
    Length {
        /// `labels`, `weights` or `groups`.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The rows of the table.
        expected: usize,
    },
    /// A row number beyond the table.
    #[error("row {row} of a table with {rows} rows")]
    Row {
        /// The row asked for.
        row: usize,
        /// The rows of the table.
        rows: usize,
    },
    /// A label that is neither 0 nor 1.
    #[error("row {row}: label {value} is neither 0 nor 1")]
    Label {
        /// The row of the table.
        row: usize,
        /// Its label.
        value: f64,
    },
    /// A weight that is not a positive number.
    #[error("row {row}: weight {value} is not a positive number")]
    Weight {
        /// The row of the table.
        row: usize,
        /// Its weight.
        value: f64,
    },
    /// Learning needs rows that churned and rows that did not.
    #[error("all {rows} training rows have label {label}; both outcomes are needed")]
    OneClass {
        /// The number of rows.
        rows: usize,
        /// Their common label.
        label: f64,
    },
    /// No feature differs between the training rows.
    #[error("none of the {0} features differs between the training rows")]
    NoInformation(usize),
    /// More encoded columns than the learner can take.
    #[error(
        "{learner}: {width} encoded columns are more than {limit}; exclude features or lower `max_levels` and `hinges`"
    )]
    TooWide {
        /// The learner.
        learner: &'static str,
        /// The encoded columns.
        width: usize,
        /// The most it takes.
        limit: usize,
    },
    /// The logistic learner found no optimum.
    #[error("logistic: {0}")]
    NotConverged(#[from] NotConverged),
    /// smartcore refused the problem.
    #[error("forest: smartcore: {0}")]
    Smartcore(String),
    /// What smartcore fitted cannot be read as trees.
    #[error("forest: cannot read the fitted trees: {0}")]
    Trees(String),
}
