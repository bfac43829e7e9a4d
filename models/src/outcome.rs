//! How an account goes on that does not churn: contracted, renewed or expanded.
//!
//! Two ridge logistic regressions, of contracted and of expanded against renewed rows, make a multinomial logit (Begg
//! and Gray 1984). It shares out what the calibrated churn probability leaves, so that the four sum to 1 and the first
//! is the answer of the churn model to the last bit.

use holdfast_features::history::Outcome;
use holdfast_features::{Direction, FeatureSpec, FeatureTable, Row};
use serde::{Deserialize, Serialize};

use crate::fit::{Candidate, FitError, FittedClassifier, TrainingRows, fit as fit_classifier};
use crate::model::{ModelError, Scratch};

/// Fewer contracted or expanded rows do not tell when either happens.
pub const MIN_OF_EACH: usize = 20;

/// The multinomial logit of an account that stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeModel {
    contracted: FittedClassifier,
    expanded: FittedClassifier,
}

/// The probabilities of the four outcomes of a decision; they sum to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OutcomeProbabilities {
    /// It does not renew: the calibrated probability of the churn model.
    pub churned: f64,
    /// It renews for less.
    pub contracted: f64,
    /// It renews for as much.
    pub renewed: f64,
    /// It renews for more.
    pub expanded: f64,
}

impl OutcomeModel {
    /// Shares out what `churned`, 0 to 1, leaves for the account in `row` of an aligned table; allocates nothing once
    /// `scratch` was used.
    #[must_use]
    pub fn probabilities(&self, churned: f64, row: Row<'_>, scratch: &mut Scratch) -> OutcomeProbabilities {
        let contracted = self.contracted.margin(row, scratch);
        let expanded = self.expanded.margin(row, scratch);
        // Against the largest of the three, so that nothing overflows.
        let most = contracted.max(expanded).max(0.0);
        let parts = [contracted, 0.0, expanded].map(|margin| (margin - most).exp());
        let share = (1.0 - churned) / parts.iter().sum::<f64>();
        let [contracted, renewed, expanded] = parts.map(|part| part * share);
        OutcomeProbabilities { churned, contracted, renewed, expanded }
    }

    /// Checks a model that came from a file.
    ///
    /// # Errors
    /// As [`crate::ChurnModel::validate`].
    pub fn validate(&self, specs: &[FeatureSpec]) -> Result<(), ModelError> {
        [&self.contracted, &self.expanded].into_iter().try_for_each(|one| one.validate(specs))
    }
}

impl OutcomeProbabilities {
    /// In the order churned, contracted, renewed, expanded.
    #[must_use]
    pub fn in_order(self) -> [f64; 4] {
        [self.churned, self.contracted, self.renewed, self.expanded]
    }
}

/// Learns `candidate` twice from those rows of `training` that did not churn; `outcomes` has one entry a row of the
/// table. `None` where fewer than [`MIN_OF_EACH`] rows of an outcome are known.
///
/// # Errors
/// As [`crate::fit::fit`].
pub fn fit(
    candidate: &Candidate,
    training: &TrainingRows<'_>,
    outcomes: &[Option<Outcome>],
    seed: u64,
) -> Result<Option<OutcomeModel>, FitError> {
    let expected = training.table.n_rows();
    if outcomes.len() != expected {
        return Err(FitError::Length { what: "outcomes", found: outcomes.len(), expected });
    }
    let of = |outcome| training.rows.iter().filter(|&&row| outcomes.get(row) == Some(&Some(outcome))).count();
    if [Outcome::Contracted, Outcome::Renewed, Outcome::Expanded].into_iter().any(|one| of(one) < MIN_OF_EACH)
    {
        return Ok(None);
    }
    let table = without_directions(training.table);
    let training = &TrainingRows { table: &table, ..*training };
    let against_renewed = |outcome: Outcome| {
        let known = |row: &usize| outcomes[*row] == Some(outcome) || outcomes[*row] == Some(Outcome::Renewed);
        let rows: Vec<usize> = training.rows.iter().copied().filter(known).collect();
        let labels: Vec<f64> =
            outcomes.iter().map(|&one| f64::from(u8::from(one == Some(outcome)))).collect();
        fit_classifier(candidate, &TrainingRows { labels: &labels, rows: &rows, ..*training }, seed)
    };
    let (contracted, expanded) = (against_renewed(Outcome::Contracted)?, against_renewed(Outcome::Expanded)?);
    Ok(Some(OutcomeModel { contracted, expanded }))
}

/// Directions say what raises the risk of churn; what makes an account grow or shrink is for the rows to say.
fn without_directions(table: &FeatureTable) -> FeatureTable {
    let free = |spec: &FeatureSpec| FeatureSpec { direction: Direction::Unknown, ..spec.clone() };
    let specs = table.specs().iter().map(free).collect();
    // The same columns under the same names make a table again.
    FeatureTable::new(specs, table.columns().to_vec(), table.n_rows()).unwrap_or_else(|_| table.clone())
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::testing::{candidates, table};

    /// Rows that churn by their label; of the others those with much usage expand and those with little contract.
    fn outcomes(n: usize) -> (FeatureTable, Vec<Option<Outcome>>) {
        let (table, labels) = table(n);
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let outcomes = (0..n)
            .map(|row| {
                let usage = table.row(row).number("usage").unwrap_or(5.0);
                let luck: f64 = rng.random();
                Some(match labels[row] > 0.5 {
                    true => Outcome::Churned,
                    false if luck < 0.05 * usage => Outcome::Expanded,
                    false if luck > 0.6 + 0.03 * usage => Outcome::Contracted,
                    false => Outcome::Renewed,
                })
            })
            .collect();
        (table, outcomes)
    }

    #[test]
    fn the_rest_is_shared_out_by_what_accounts_did() {
        let (table, outcomes) = outcomes(1_500);
        let rows: Vec<usize> = (0..1_500).collect();
        let weights = vec![1.0; 1_500];
        let training =
            TrainingRows { table: &table, labels: &weights, weights: &weights, groups: None, rows: &rows };
        for candidate in candidates() {
            let model = fit(&candidate, &training, &outcomes, 1).unwrap().unwrap();
            model.validate(table.specs()).unwrap();
            let mut scratch = Scratch::default();
            let (mut low, mut high) = (Vec::new(), Vec::new());
            let mut totals = [0.0; 4];
            for (row, outcome) in
                outcomes.iter().enumerate().filter(|(_, one)| **one != Some(Outcome::Churned))
            {
                assert!(outcome.is_some());
                let found = model.probabilities(0.25, table.row(row), &mut scratch);
                assert_eq!(found.churned.to_bits(), 0.25_f64.to_bits());
                assert!((found.in_order().iter().sum::<f64>() - 1.0).abs() < 1e-12);
                totals.iter_mut().zip(found.in_order()).for_each(|(sum, one)| *sum += one / 0.75);
                match table.row(row).number("usage") {
                    Some(usage) if usage > 8.0 => high.push(found.expanded),
                    Some(usage) if usage < 2.0 => low.push(found.expanded),
                    _ => {}
                }
            }
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.iter().map(|_| 1.0).sum::<f64>();
            assert!(mean(&high) > 2.0 * mean(&low), "{} {}", mean(&high), mean(&low));
            for (outcome, total) in [(Outcome::Contracted, totals[1]), (Outcome::Expanded, totals[3])] {
                let counted = outcomes.iter().filter(|one| **one == Some(outcome)).map(|_| 1.0).sum::<f64>();
                assert!((total / counted - 1.0).abs() < 0.1, "{outcome:?}: {total} of {counted}");
            }
        }
    }

    #[test]
    fn refuses_other_lengths_and_answers_nothing_on_too_few_rows() {
        let (table, outcomes) = outcomes(300);
        let rows: Vec<usize> = (0..300).collect();
        let weights = vec![1.0; 300];
        let training =
            TrainingRows { table: &table, labels: &weights, weights: &weights, groups: None, rows: &rows };
        let candidate = &candidates()[0];
        let error = fit(candidate, &training, &outcomes[1..], 1).unwrap_err();
        assert_eq!(error, FitError::Length { what: "outcomes", found: 299, expected: 300 });
        let few = TrainingRows { rows: &rows[..40], ..training };
        assert_eq!(fit(candidate, &few, &outcomes, 1), Ok(None));
    }
}
