//! The simplest candidate that is as good as the best within one standard error (Breiman et al. 1984).

use std::collections::BTreeMap;

use holdfast_models::Candidate;
use holdfast_models::boost::Monotone;
use holdfast_models::probability::softplus;

use crate::learning::LearningRows;

/// The simplest candidate that is as good as what won.
#[derive(Debug, Clone, PartialEq)]
pub struct Explainable {
    /// The candidate.
    pub candidate: Candidate,
    /// By how much its log loss (nats) exceeds that of what won.
    pub worse: f64,
    /// The standard error of that difference, by account.
    pub standard_error: f64,
}

/// Candidates that are explained alike: one of each outlives a rung.
pub(super) fn family(candidate: &Candidate) -> &'static str {
    match candidate {
        Candidate::Logistic(params) if params.params().encoding.hinges == 0 => "straight lines",
        Candidate::Boost(params) if params.params().depth == 1 => "stumps",
        Candidate::Boost(params) if params.params().monotone == Monotone::Free => "trees free of directions",
        other => other.learner(),
    }
}

/// What is read most easily comes first: straight lines, bent lines, sums of one-column steps, shallow trees, deep
/// trees, forests; within these the more strongly shrunk.
pub(super) fn complexity(candidate: &Candidate) -> (usize, usize, f64) {
    match candidate {
        Candidate::Logistic(params) => {
            let params = params.params();
            // With an L1 share there are fewer slopes to read.
            let parts = 2 * params.encoding.hinges + usize::from(params.l1_share == 0.0);
            (usize::from(params.encoding.hinges > 0), parts, -params.strength)
        }
        Candidate::Boost(params) => {
            let params = params.params();
            let splits = params.leaves.min(1 << params.depth.min(10));
            (if params.depth == 1 { 2 } else { 4 }, splits, -params.l2)
        }
        Candidate::Additive(params) => (2, 1, -params.params().l2),
        Candidate::Forest(params) => (5, usize::from(params.params().max_depth), 0.0),
    }
}

/// The weighted mean of `values`, one a row of `rows`, and its standard error with the rows of one group taken together.
pub(super) fn mean_and_error(data: &LearningRows, rows: &[usize], values: &[f64]) -> (f64, f64) {
    let total: f64 = rows.iter().map(|&row| data.weights[row]).sum();
    let mean = rows.iter().zip(values).map(|(&row, value)| data.weights[row] * value).sum::<f64>() / total;
    let mut by_group: BTreeMap<u32, f64> = BTreeMap::new();
    for (&row, value) in rows.iter().zip(values) {
        *by_group.entry(data.groups[row]).or_default() += data.weights[row] * (value - mean);
    }
    (mean, by_group.values().map(|sum| sum * sum).sum::<f64>().sqrt() / total)
}

/// The log loss (nats) of each row.
pub(super) fn losses(data: &LearningRows, rows: &[usize], margins: &[f64]) -> Vec<f64> {
    rows.iter().zip(margins).map(|(&row, &margin)| softplus(margin) - data.labels[row] * margin).collect()
}

/// Of the candidates with their losses on `rows`, the simplest one whose loss exceeds `won`, the losses of what won, by
/// no more than a standard error of the difference.
pub(super) fn simplest(
    data: &LearningRows,
    rows: &[usize],
    candidates: &[(&Candidate, &[f64])],
    won: &[f64],
) -> Option<Explainable> {
    let mut order: Vec<&(&Candidate, &[f64])> = candidates.iter().collect();
    order.sort_by(|a, b| {
        let (a, b) = (complexity(a.0), complexity(b.0));
        (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2))
    });
    order.into_iter().find_map(|(candidate, own)| {
        let differences: Vec<f64> = own.iter().zip(won).map(|(own, won)| own - won).collect();
        let (worse, standard_error) = mean_and_error(data, rows, &differences);
        (worse <= standard_error).then(|| Explainable {
            candidate: (*candidate).clone(),
            worse,
            standard_error,
        })
    })
}

#[cfg(test)]
mod tests {
    use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};
    use holdfast_models::encode::LinearOptions;
    use holdfast_models::{boost, forest, logistic};

    use super::*;

    fn data(groups: Vec<u32>) -> LearningRows {
        let n = groups.len();
        let specs = vec![FeatureSpec::prepared("x", Kind::Number)];
        LearningRows {
            table: FeatureTable::new(specs, vec![Column::Number(vec![0.0; n])], n).unwrap(),
            labels: vec![0.0; n],
            weights: vec![1.0; n],
            groups,
            blocks: vec![0; n],
        }
    }

    #[test]
    fn the_error_of_a_mean_is_that_of_its_groups() {
        let values = [1.0, 3.0, 1.0, 3.0];
        let (mean, alone) = mean_and_error(&data(vec![0, 1, 2, 3]), &[0, 1, 2, 3], &values);
        assert!((mean - 2.0).abs() < 1e-12 && (alone - 0.5).abs() < 1e-12);
        let (_, paired) = mean_and_error(&data(vec![0, 1, 0, 1]), &[0, 1, 2, 3], &values);
        assert!((paired - 8.0_f64.sqrt() / 4.0).abs() < 1e-12);
    }

    #[test]
    fn the_simplest_of_those_that_are_as_good() {
        let default = logistic::Params::default();
        let lines = |hinges, strength| {
            let encoding = LinearOptions { hinges, ..default.encoding };
            Candidate::Logistic(logistic::Params { strength, encoding, ..default }.check().unwrap())
        };
        let (straight, strong, bent) = (lines(0, 3.0), lines(0, 30.0), lines(4, 3.0));
        let stumps =
            Candidate::Boost(boost::Params { depth: 1, ..boost::Params::default() }.check().unwrap());
        let trees = Candidate::Boost(boost::Params::default().check().unwrap());
        let forest = Candidate::Forest(forest::Params::default().check().unwrap());
        let rows = [0, 1, 2, 3];
        let data = data(vec![0, 1, 2, 3]);
        let won = [0.5, 0.5, 0.5, 0.5];
        let clearly_worse = [0.9, 0.8, 0.9, 0.8];
        let as_good = [0.2, 0.9, 0.2, 0.9];
        let of = |simple: &Candidate, own: &[f64; 4]| {
            simplest(&data, &rows, &[(&forest, &won), (&trees, &as_good), (simple, own)], &won).unwrap()
        };
        assert_eq!(of(&straight, &as_good).candidate, straight);
        let found = of(&straight, &clearly_worse);
        assert_eq!(found.candidate, trees);
        assert!((found.worse - 0.05).abs() < 1e-12 && found.standard_error > 0.1);
        let both = [(&straight, &as_good[..]), (&strong, &as_good[..]), (&bent, &as_good[..])];
        assert_eq!(simplest(&data, &rows, &both, &won).unwrap().candidate, strong);
        assert!(complexity(&bent) < complexity(&stumps) && complexity(&stumps) < complexity(&trees));
        let worse = [(&straight, &clearly_worse[..])];
        assert_eq!(simplest(&data, &rows, &worse, &won), None);
    }
}
