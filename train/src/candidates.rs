//! The candidates that are tried, by the size of the data.

use holdfast_models::fit::ParamsError;
use holdfast_models::{Candidate, additive, boost, encode::LinearOptions, forest, logistic};

use crate::config::Learner;

/// Below this many rows deep trees only learn noise, and strong ridges are worth a try.
const SMALL: usize = 1_500;
/// From this many rows on few settings matter any more and fits are dear: fewer candidates, larger steps.
const LARGE: usize = 20_000;
/// From this many features on hinges would make more columns than the rows of most businesses can bear.
const WIDE: usize = 60;

/// The candidates of `learners` for `n_rows` training rows of `n_features` features, simplest first.
///
/// # Errors
/// None for the parameters written here; the type is the learners' own.
pub fn candidates(
    learners: &[Learner],
    n_rows: usize,
    n_features: usize,
) -> Result<Vec<Candidate>, ParamsError> {
    let mut all = Vec::new();
    for learner in learners {
        match learner {
            Learner::Logistic => all.extend(logistics(n_rows, n_features)?),
            Learner::Forest => all.extend(forests(n_rows, n_features)?),
            Learner::Boost => all.extend(boosts(n_rows)?),
            Learner::Additive => all.extend(additives(n_rows)?),
        }
    }
    Ok(all)
}

/// Ridge strengths, with straight lines and with hinges.
fn logistics(n_rows: usize, n_features: usize) -> Result<Vec<Candidate>, ParamsError> {
    let hinges_and_strengths: &[(usize, f64)] = match (n_rows, n_features) {
        (LARGE.., _) => &[(0, 10.0), (3, 10.0)],
        (_, WIDE..) => &[(0, 10.0), (0, 100.0), (2, 100.0), (2, 400.0)],
        (..SMALL, _) => &[(0, 3.0), (0, 30.0), (0, 300.0), (4, 3.0), (4, 30.0), (4, 300.0)],
        _ => &[(0, 1.0), (0, 10.0), (0, 100.0), (4, 1.0), (4, 10.0), (4, 100.0)],
    };
    let default = logistic::Params::default();
    hinges_and_strengths
        .iter()
        .map(|&(hinges, strength)| {
            let encoding = LinearOptions { hinges, ..default.encoding };
            Ok(Candidate::Logistic(logistic::Params { strength, encoding }.check()?))
        })
        .collect()
}

/// Steps that every column may take, and steps that only columns take whose gain is more than chance finds.
fn additives(n_rows: usize) -> Result<Vec<Candidate>, ParamsError> {
    let default = additive::Params::default();
    let (min_gains, learning_rate, rounds): (&[f64], f64, usize) = match n_rows {
        ..SMALL => (&[2.0, 6.0], 0.03, 200),
        SMALL..LARGE => (&[0.0, 4.0], 0.04, 300),
        _ => (&[0.0], 0.06, 300),
    };
    min_gains
        .iter()
        .map(|&min_gain| {
            let params = additive::Params { min_gain, learning_rate, rounds, ..default };
            Ok(Candidate::Additive(params.check()?))
        })
        .collect()
}

/// Two sizes of leaves: forests differ by little else. Among many features a smaller share is tried at each split,
/// about the square root of their number, and half of the trees average enough.
fn forests(n_rows: usize, n_features: usize) -> Result<Vec<Candidate>, ParamsError> {
    let default = forest::Params::default();
    let leaves: &[usize] = match n_rows {
        ..SMALL => &[10, 25],
        SMALL..LARGE => &[10, 40],
        _ => &[40],
    };
    let (trees, column_fraction) = match (n_rows, n_features) {
        (_, WIDE..) => (100, 0.12),
        (LARGE.., _) => (120, 0.3),
        _ => (200, 0.3),
    };
    leaves
        .iter()
        .map(|&min_leaf| {
            let params = forest::Params { min_leaf, trees, column_fraction, ..default };
            Ok(Candidate::Forest(params.check()?))
        })
        .collect()
}

/// Stumps to depth 6, and twice a strongly shrunk one that sees few columns at a time: it wins where churn is rare or
/// columns repeat each other. The validation curves choose the rounds, so that only the upper bound is set here.
fn boosts(n_rows: usize) -> Result<Vec<Candidate>, ParamsError> {
    let default = boost::Params::default();
    let (depths, shrunk, learning_rate, rounds): (&[usize], &[usize], f64, usize) = match n_rows {
        ..SMALL => (&[1, 2, 3], &[3], 0.04, 400),
        SMALL..LARGE => (&[2, 3, 4, 6], &[3, 5], 0.04, 500),
        _ => (&[3, 4, 6], &[5], 0.06, 400),
    };
    let plain = depths.iter().map(|&depth| boost::Params { depth, learning_rate, rounds, ..default });
    let shrunk = shrunk.iter().map(|&depth| {
        let (l2, min_rows, column_fraction) = (30.0, 50, 0.3);
        boost::Params { depth, learning_rate, rounds, l2, min_rows, column_fraction, ..default }
    });
    plain.chain(shrunk).map(|params| Ok(Candidate::Boost(params.check()?))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_size_has_all_learners_and_no_candidate_twice() {
        for (n_rows, n_features) in [(100, 10), (100, 100), (5_000, 10), (5_000, 100), (50_000, 50)] {
            let all = candidates(&Learner::ALL, n_rows, n_features).unwrap();
            let names: BTreeSet<String> = all.iter().map(Candidate::describe).collect();
            assert_eq!(names.len(), all.len());
            for learner in Learner::ALL {
                assert!(all.iter().any(|candidate| candidate.learner() == learner.name()));
            }
        }
        assert!(candidates(&[Learner::Boost], 100, 10).unwrap().iter().all(|c| c.learner() == "boost"));
    }
}
