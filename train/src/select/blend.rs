//! The weighted sum of the finalists, judged like any of them.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_models::Candidate;
use holdfast_models::blend::{blended, weights};

use super::Finalist;
use super::explainable::{losses, mean_and_error};
use crate::TrainError;
use crate::learning::{LearningRows, OutOfFold, auc, cross_calibrated_by, weighted_log_loss};
use crate::split::has_both_classes;

/// A difference of so many standard errors from one that was named beforehand is a clear one.
const CLEARLY: f64 = 2.0;

/// The same from the best of `n` that are equally good: by the tail of the normal distribution, as unlikely.
fn clearly(n: usize) -> f64 {
    CLEARLY.mul_add(CLEARLY, 2.0 * as_f64(n.max(1)).ln()).sqrt()
}

#[expect(clippy::cast_precision_loss, reason = "a handful of finalists")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

/// A blend with its figures.
pub(super) struct Found {
    pub(super) members: Vec<(f64, Candidate)>,
    pub(super) log_loss: f64,
    pub(super) auc: Option<f64>,
    pub(super) out_of_fold: OutOfFold,
    /// The loss (nats) of each row, judged with weights and a calibrator of the other folds.
    pub(super) losses: Vec<f64>,
}

/// The blend of the `finalists`, best first, each of which has margins of the same rows. A fold is judged with weights,
/// and then a calibrator, of other folds; what is chosen has the weights of all rows. `None` where fewer than two have a
/// say, or the best of them has a log loss that is clearly lower.
pub(super) fn of(
    data: &LearningRows,
    folds: &[usize],
    finalists: &[Finalist],
    seed: u64,
) -> Result<Option<Found>, TrainError> {
    let Some(first) = finalists.first() else { return Ok(None) };
    let rows = &first.honest.rows;
    let every: Vec<usize> = (0..rows.len()).collect();
    let honest: Vec<&OutOfFold> = finalists.iter().map(|one| &one.honest).collect();
    let deployed: Vec<&OutOfFold> = finalists.iter().map(|one| &one.deployed).collect();
    let Some(all) = fitted(data, rows, &deployed, &every) else { return Ok(None) };
    if all.iter().filter(|weight| **weight > 0.0).count() < 2 {
        return Ok(None);
    }
    let mut weights = BTreeMap::new();
    for fold in rows.iter().map(|&row| folds[row]).collect::<BTreeSet<_>>() {
        let others: Vec<usize> =
            every.iter().copied().filter(|&position| folds[rows[position]] != fold).collect();
        let Some(of_others) = fitted(data, rows, &honest, &others) else { return Ok(None) };
        weights.insert(fold, of_others);
    }
    // Weights of other folds are of another size than those of all: the calibrator must know the ones that it follows.
    let margins =
        |fold: usize| every.iter().map(|&position| sum(&honest, &weights[&fold], position)).collect();
    let calibrated = cross_calibrated_by(data, rows, folds, seed, margins)?;
    let losses = losses(data, rows, &calibrated);
    let differences: Vec<f64> = losses.iter().zip(&first.losses).map(|(blend, best)| blend - best).collect();
    let (worse, error) = mean_and_error(data, rows, &differences);
    // The best of several is flattered by the choice, the sum is not: only a clear difference counts against it.
    if worse > clearly(finalists.len()) * error {
        return Ok(None);
    }
    let log_loss = weighted_log_loss(data, rows, &calibrated);
    let auc = auc(data, &OutOfFold { rows: rows.clone(), margins: calibrated });
    let members = finalists.iter().zip(&all).filter(|(_, weight)| **weight > 0.0);
    let members = members.map(|(own, weight)| (*weight, own.standing.candidate.clone())).collect();
    let margins = every.iter().map(|&position| sum(&deployed, &all, position)).collect();
    let out_of_fold = OutOfFold { rows: rows.clone(), margins };
    Ok(Some(Found { members, log_loss, auc, out_of_fold, losses }))
}

fn sum(members: &[&OutOfFold], weights: &[f64], position: usize) -> f64 {
    blended(members.iter().zip(weights).map(|(own, weight)| (*weight, own.margins[position])))
}

/// The finalists' weights by the rows at `positions`; `None` where these hold one class or no weights are found.
fn fitted(
    data: &LearningRows,
    rows: &[usize],
    finalists: &[&OutOfFold],
    positions: &[usize],
) -> Option<Vec<f64>> {
    let used: Vec<usize> = positions.iter().map(|&position| rows[position]).collect();
    if !has_both_classes(&data.labels, &used) {
        return None;
    }
    let take = |values: &[f64], at: &[usize]| at.iter().map(|&at| values[at]).collect::<Vec<f64>>();
    let margins: Vec<Vec<f64>> = finalists.iter().map(|own| take(&own.margins, positions)).collect();
    let margins: Vec<&[f64]> = margins.iter().map(Vec::as_slice).collect();
    weights(&margins, &take(&data.labels, &used), &take(&data.weights, &used)).ok()
}

#[cfg(test)]
mod tests {
    use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};
    use holdfast_models::logistic;
    use holdfast_models::probability::sigmoid;

    use super::*;
    use crate::learning::{Standing, cross_calibrated};
    use crate::split::hash;

    const N: usize = 4_000;

    /// A number in (0, 1) that depends on the row and `what` alone.
    fn draw(row: usize, what: &str) -> f64 {
        f64::from(u32::try_from(hash(&format!("{what} {row}"), 1) >> 33).unwrap()) / f64::from(u32::MAX >> 1)
    }

    /// Rows whose churn follows `truth`, in five folds.
    fn rows_of_truth() -> (LearningRows, Vec<usize>) {
        let labels: Vec<f64> =
            (0..N).map(|row| f64::from(u8::from(draw(row, "churn") < sigmoid(truth(row))))).collect();
        let data = LearningRows {
            table: FeatureTable::new(
                vec![FeatureSpec::prepared("x", Kind::Number)],
                vec![Column::Number(vec![0.0; N])],
                N,
            )
            .unwrap(),
            labels,
            weights: vec![1.0; N],
            groups: (0..).take(N).collect(),
            blocks: vec![0; N],
        };
        (data, (0..N).map(|row| row % 5).collect())
    }

    /// Finalists that say `margins` of these rows.
    fn blend_of(margins: [&dyn Fn(usize) -> f64; 2]) -> (Option<Found>, [f64; 2]) {
        let (data, folds) = rows_of_truth();
        let candidate = Candidate::Logistic(logistic::Params::default().check().unwrap());
        let mut finalists: Vec<Finalist> = margins
            .iter()
            .map(|margin| {
                let own = OutOfFold { rows: (0..N).collect(), margins: (0..N).map(margin).collect() };
                let calibrated = cross_calibrated(&data, &own, &folds, 1).unwrap();
                let log_loss = weighted_log_loss(&data, &own.rows, &calibrated);
                let losses = losses(&data, &own.rows, &calibrated);
                let standing = Standing { candidate: candidate.clone(), log_loss, auc: None };
                Finalist { standing, honest: own.clone(), deployed: own, losses }
            })
            .collect();
        finalists.sort_by(|a, b| a.standing.log_loss.total_cmp(&b.standing.log_loss));
        let alone = [finalists[0].standing.log_loss, finalists[1].standing.log_loss];
        (of(&data, &folds, &finalists, 1).unwrap(), alone)
    }

    fn truth(row: usize) -> f64 {
        4.0 * draw(row, "truth") - 3.0
    }

    #[test]
    fn two_that_err_independently_are_better_together() {
        let noisy = |what: &'static str| move |row| truth(row) + 4.0 * draw(row, what) - 2.0;
        let (found, alone) = blend_of([&noisy("one"), &noisy("other")]);
        let found = found.unwrap();
        assert_eq!(found.members.len(), 2);
        assert!(found.log_loss < alone[0] - 0.005, "{} {alone:?}", found.log_loss);
    }

    #[test]
    fn the_best_of_many_must_be_better_by_more() {
        // The normal quantiles at 0.97725^(1/n), which the tail bounds from above.
        for (n, exact) in [(1, 2.0), (2, 2.275), (4, 2.528), (8, 2.762)] {
            assert!((0.0..0.1).contains(&(clearly(n) - exact)), "{n}: {}", clearly(n));
        }
    }

    #[test]
    fn one_that_knows_nothing_has_no_say() {
        let (found, _) = blend_of([&truth, &|row| 4.0 * draw(row, "nothing") - 3.0]);
        assert!(found.is_none());
    }

    #[test]
    fn a_calibrator_follows_the_margins_that_it_was_fitted_to() {
        let (data, folds) = rows_of_truth();
        let rows: Vec<usize> = (0..N).collect();
        let loss = |calibrated: &[f64]| weighted_log_loss(&data, &rows, calibrated);
        // Judged by other folds' weights, a fold's margins are of another size.
        let size = |fold: usize| if fold == 0 { 1.5 } else { 0.75 };
        let margins = |fold: usize| (0..N).map(|row| size(fold) * truth(row)).collect();
        let calibrated = cross_calibrated_by(&data, &rows, &folds, 1, margins).unwrap();
        let best: Vec<f64> = rows.iter().map(|&row| truth(row)).collect();
        assert!(loss(&calibrated) < loss(&best) + 0.001, "{} {}", loss(&calibrated), loss(&best));
    }
}
