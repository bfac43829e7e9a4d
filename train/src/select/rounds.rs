//! How many boosting rounds a row is judged with, and how many the model has.
//!
//! The rounds are a choice like any other: rows are judged after as many as the *other* folds' rows favour, so that
//! boosting is not flattered against learners without rounds; the model takes as many as all rows favour.

use std::collections::BTreeMap;

use holdfast_models::Candidate;
use holdfast_models::probability::log_loss;

use super::fits::Judged;
use crate::learning::{LearningRows, OutOfFold};
use crate::split::hash;

/// The margins of a candidate's judged rows.
#[derive(Debug, Clone)]
pub(super) struct Margins {
    /// With the rounds that all rows favour.
    pub(super) candidate: Candidate,
    /// Each row after the rounds that other folds favour.
    pub(super) honest: OutOfFold,
    /// Every row after the candidate's rounds.
    pub(super) deployed: OutOfFold,
}

/// Chooses the rounds of `candidate` by its checkpoints. `folds` names the fold of each row.
pub(super) fn choose(
    data: &LearningRows,
    folds: &[usize],
    candidate: &Candidate,
    judged: &[Judged],
    seed: u64,
) -> Margins {
    let n_checkpoints = judged.iter().map(|judged| judged.checkpoints.len()).min().unwrap_or(0);
    let parts = parts(data, folds, judged, seed);
    // A row for each part: its weighted sum of losses after each checkpoint.
    let mut curves: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (judged, parts) in judged.iter().zip(&parts) {
        for (at, checkpoint) in judged.checkpoints.iter().take(n_checkpoints).enumerate() {
            for ((&row, &part), margin) in judged.rows.iter().zip(parts).zip(&checkpoint.margins) {
                let loss = data.weights[row] * log_loss(&[*margin], &[data.labels[row]], &[1.0]);
                curves.entry(part).or_insert_with(|| vec![0.0; n_checkpoints])[at] += loss;
            }
        }
    }
    let lowest = |without: Option<usize>| {
        let sum = |at: usize| -> f64 {
            curves.iter().filter(|(part, _)| Some(**part) != without).map(|(_, curve)| curve[at]).sum()
        };
        let sums: Vec<f64> = (0..n_checkpoints).map(sum).collect();
        (0..n_checkpoints).min_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap_or(0)
    };
    let last = lowest(None);
    let honest: BTreeMap<usize, usize> =
        curves.keys().map(|&part| (part, if curves.len() > 1 { lowest(Some(part)) } else { last })).collect();
    let at = |of_part: &dyn Fn(usize) -> usize| {
        let mut margins = OutOfFold::default();
        for (judged, parts) in judged.iter().zip(&parts) {
            let of_row = |(row, part): (usize, &usize)| judged.checkpoints[of_part(*part)].margins[row];
            margins.rows.extend(&judged.rows);
            margins.margins.extend(parts.iter().enumerate().map(of_row));
        }
        margins.sorted()
    };
    let rounds = judged.first().and_then(|judged| judged.checkpoints.get(last)?.rounds);
    Margins {
        candidate: rounds.map_or_else(|| candidate.clone(), |rounds| candidate.with_rounds(rounds)),
        honest: at(&|part| honest.get(&part).copied().unwrap_or(last)),
        deployed: at(&|_| last),
    }
}

/// The fold of each judged row; where all are of one fold, halves of it by group.
fn parts(data: &LearningRows, folds: &[usize], judged: &[Judged], seed: u64) -> Vec<Vec<usize>> {
    let mut present = judged.iter().flat_map(|judged| judged.rows.iter().map(|&row| folds[row]));
    let first = present.next();
    let is_one = present.all(|fold| Some(fold) == first);
    let half = |row: usize| usize::from(hash(&format!("half {}", data.groups[row]), seed).is_multiple_of(2));
    let part = |&row: &usize| if is_one { half(row) } else { folds[row] };
    judged.iter().map(|judged| judged.rows.iter().map(part).collect()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};
    use holdfast_models::{Checkpoint, boost};

    use super::*;

    fn rows(labels: Vec<f64>) -> LearningRows {
        let n = labels.len();
        let specs = vec![FeatureSpec::prepared("x", Kind::Number)];
        LearningRows {
            table: FeatureTable::new(specs, vec![Column::Number(vec![0.0; n])], n).unwrap(),
            labels,
            weights: vec![1.0; n],
            groups: (0..).take(n).collect(),
            blocks: vec![0; n],
        }
    }

    fn judged(first: usize, margins: &[[f64; 2]]) -> Judged {
        let checkpoints = margins
            .iter()
            .zip([10, 20, 30])
            .map(|(margins, rounds)| Checkpoint { rounds: Some(rounds), margins: margins.to_vec() })
            .collect();
        Judged { rows: vec![first, first + 1], checkpoints: Arc::new(checkpoints) }
    }

    fn candidate() -> Candidate {
        Candidate::Boost(boost::Params::default().check().unwrap())
    }

    #[test]
    fn a_fold_is_judged_after_the_rounds_of_the_others() {
        let data = rows(vec![1.0, 0.0, 1.0, 0.0]);
        // The first fold alone is best after 10 rounds, the second after 20, and both together after 20.
        let first = judged(0, &[[0.5, -0.5], [0.4, -0.4], [-2.0, 2.0]]);
        let second = judged(2, &[[0.1, -0.1], [3.0, -3.0], [-2.0, 2.0]]);
        let found = choose(&data, &[0, 0, 1, 1], &candidate(), &[first, second], 1);
        assert_eq!(found.candidate.rounds(), Some(20));
        assert_eq!(found.honest.margins, [0.4, -0.4, 0.1, -0.1]);
        assert_eq!(found.deployed.margins, [0.4, -0.4, 3.0, -3.0]);
    }

    #[test]
    fn rounds_that_only_some_splits_have_are_not_chosen() {
        let data = rows(vec![1.0, 0.0, 1.0, 0.0]);
        let first = judged(0, &[[0.5, -0.5]]);
        let second = judged(2, &[[0.1, -0.1], [3.0, -3.0]]);
        let found = choose(&data, &[0, 0, 1, 1], &candidate(), &[first, second], 1);
        assert_eq!(found.candidate.rounds(), Some(10));
    }

    /// Margins that are pure luck: the best of many rounds looks better than chance, the honest loss does not.
    #[test]
    fn luck_is_not_mistaken_for_knowledge() {
        let n = 400;
        let luck = |text: String| hash(&text, 3).is_multiple_of(2);
        let labels: Vec<f64> = (0..n).map(|row| f64::from(u8::from(luck(format!("label {row}"))))).collect();
        let data = rows(labels);
        let checkpoint = |rounds: usize| Checkpoint {
            rounds: Some(rounds),
            margins: (0..n).map(|row| if luck(format!("{rounds} {row}")) { 0.15 } else { -0.15 }).collect(),
        };
        let all =
            Judged { rows: (0..n).collect(), checkpoints: Arc::new((1..=60).map(checkpoint).collect()) };
        // One fold: its halves choose for each other.
        let found = choose(&data, &vec![0; n], &candidate(), &[all], 1);
        let loss = |margins: &OutOfFold| log_loss(&margins.margins, &data.labels, &data.weights);
        assert!(loss(&found.deployed) < 0.69, "{}", loss(&found.deployed));
        assert!(loss(&found.honest) > 0.692, "{}", loss(&found.honest));
    }
}
