//! The rules that a model must beat, as probabilities on the same rows.

use std::collections::BTreeSet;

use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};
use holdfast_models::probability::sigmoid;
use holdfast_models::{Candidate, TrainingRows, fit, logistic};

use crate::TrainError;
use crate::learning::LearningRows;
use crate::split::Split;

/// The name of the rule that tells everybody the same.
pub const BASE_RATE: &str = "base rate";

/// A rule with its probabilities, one a judged row.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// One sentence on how it works.
    pub meaning: String,
    /// The probability of each judged row, in the order of the splits' validation rows.
    pub probabilities: Vec<f64>,
}

/// The weighted churn rate of the rows that any split trains on, for all judged rows alike: a rate for each split
/// would rank its rows by what the other splits hold.
#[must_use]
pub fn base_rate(data: &LearningRows, splits: &[Split]) -> Rule {
    let learnt_from: BTreeSet<usize> = splits.iter().flat_map(|split| split.train.iter().copied()).collect();
    let weight: f64 = learnt_from.iter().map(|&row| data.weights[row]).sum();
    let churned: f64 = learnt_from.iter().map(|&row| data.weights[row] * data.labels[row]).sum();
    Rule {
        name: BASE_RATE.to_owned(),
        meaning: "everybody has the churn rate of all rows learnt from".to_owned(),
        probabilities: splits.iter().flat_map(|split| vec![churned / weight; split.validate.len()]).collect(),
    }
}

/// One number as the only feature of a logistic regression on each split's training rows.
///
/// # Errors
/// What the learner says, for example where the number is the same in all rows.
pub fn single_number(
    data: &LearningRows,
    splits: &[Split],
    name: &str,
    meaning: &str,
    values: Vec<f64>,
    seed: u64,
) -> Result<Rule, TrainError> {
    let n_rows = values.len();
    let table = FeatureTable::new(
        vec![FeatureSpec::prepared(name, Kind::Number)],
        vec![Column::Number(values)],
        n_rows,
    )?;
    let rule = |source| TrainError::Fit { candidate: name.to_owned(), source };
    let params = logistic::Params::default().check().map_err(TrainError::Params)?;
    let mut probabilities = Vec::new();
    for split in splits {
        let training = TrainingRows {
            table: &table,
            labels: &data.labels,
            weights: &data.weights,
            groups: Some(&data.groups),
            rows: &split.train,
        };
        let fitted = fit(&Candidate::Logistic(params), &training, seed).map_err(rule)?;
        probabilities.extend(fitted.margins(&table, &split.validate).into_iter().map(sigmoid));
    }
    Ok(Rule { name: name.to_owned(), meaning: meaning.to_owned(), probabilities })
}
