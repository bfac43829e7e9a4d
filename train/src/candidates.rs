//! The candidates that are tried, by the size of the data.

use holdfast_models::fit::ParamsError;
use holdfast_models::{Candidate, boost, encode::LinearOptions, forest, logistic};

use crate::config::Learner;

/// Below this many rows deep trees only learn noise, and strong ridges are worth a try.
const SMALL: usize = 1_500;
/// From this many rows on, boosting takes larger steps: the curves are smooth, the fits dear.
const LARGE: usize = 20_000;

/// The candidates of `learners` for `n_rows` training rows, simplest first.
///
/// # Errors
/// None for the parameters written here; the type is the learners' own.
pub fn candidates(learners: &[Learner], n_rows: usize) -> Result<Vec<Candidate>, ParamsError> {
    let mut all = Vec::new();
    for learner in learners {
        match learner {
            Learner::Logistic => all.extend(logistics(n_rows)?),
            Learner::Forest => all.extend(forests(n_rows)?),
            Learner::Boost => all.extend(boosts(n_rows)?),
        }
    }
    Ok(all)
}

/// Ridge strengths over two decades, with straight lines and with hinges.
fn logistics(n_rows: usize) -> Result<Vec<Candidate>, ParamsError> {
    let strengths: &[f64] = if n_rows < SMALL { &[3.0, 30.0, 300.0] } else { &[1.0, 10.0, 100.0] };
    let default = logistic::Params::default();
    let mut all = Vec::new();
    for hinges in [0, 4] {
        for &strength in strengths {
            let encoding = LinearOptions { hinges, ..default.encoding };
            all.push(Candidate::Logistic(logistic::Params { strength, encoding }.check()?));
        }
    }
    Ok(all)
}

/// Two sizes of leaves: forests differ by little else.
fn forests(n_rows: usize) -> Result<Vec<Candidate>, ParamsError> {
    let default = forest::Params::default();
    let leaves: &[usize] = if n_rows < SMALL { &[10, 25] } else { &[10, 40] };
    let trees = if n_rows < LARGE { 200 } else { 120 };
    leaves
        .iter()
        .map(|&min_leaf| Ok(Candidate::Forest(forest::Params { min_leaf, trees, ..default }.check()?)))
        .collect()
}

/// Stumps to depth 6; the validation curves choose the rounds, so that only the upper bound is set here.
fn boosts(n_rows: usize) -> Result<Vec<Candidate>, ParamsError> {
    let default = boost::Params::default();
    let depths: &[usize] = if n_rows < SMALL { &[1, 2, 3] } else { &[2, 3, 4, 6] };
    let (learning_rate, rounds) = if n_rows < LARGE { (0.04, 500) } else { (0.06, 400) };
    depths
        .iter()
        .map(|&depth| {
            let params = boost::Params { depth, learning_rate, rounds, ..default };
            Ok(Candidate::Boost(params.check()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_size_has_all_learners_and_no_candidate_twice() {
        for n_rows in [100, 5_000, 50_000] {
            let all = candidates(&Learner::ALL, n_rows).unwrap();
            let names: BTreeSet<String> = all.iter().map(Candidate::describe).collect();
            assert_eq!(names.len(), all.len());
            for learner in Learner::ALL {
                assert!(all.iter().any(|candidate| candidate.learner() == learner.name()));
            }
        }
        assert!(candidates(&[Learner::Boost], 100).unwrap().iter().all(|c| c.learner() == "boost"));
    }
}
