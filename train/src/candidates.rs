//! The candidates that are tried, by the size of the data.

use holdfast_features::{Direction, FeatureSpec, Role};
use holdfast_models::boost::{Cuts, Monotone};
use holdfast_models::fit::ParamsError;
use holdfast_models::{Candidate, additive, boost, encode::LinearOptions, forest, logistic};

use crate::config::Learner;

/// Below this many rows deep trees only learn noise, and strong ridges are worth a try.
const SMALL: usize = 1_500;
/// From this many rows on few settings matter any more and fits are dear: fewer candidates, larger steps.
const LARGE: usize = 20_000;
/// From this many features on hinges would make more columns than the rows of most businesses can bear.
const WIDE: usize = 60;
/// The longest path of trees whose leaves are counted.
const MAX_PATH: usize = 64;

/// The bins of a boosted column where there are fewer than [`LARGE`] rows: more cost time and are nearly empty.
const FEW_BINS: usize = 64;

/// The candidates of `learners` for `n_rows` training rows of the features among `specs`, of each learner those first
/// that a short budget should try first.
///
/// # Errors
/// None for the parameters written here; the type is the learners' own.
pub fn candidates(
    learners: &[Learner],
    n_rows: usize,
    specs: &[FeatureSpec],
) -> Result<Vec<Candidate>, ParamsError> {
    let features = || specs.iter().filter(|spec| spec.role == Role::Feature);
    let n_features = features().count();
    let is_directed = features().any(|spec| spec.direction != Direction::Unknown);
    let mut all = Vec::new();
    for learner in learners {
        match learner {
            Learner::Logistic => all.extend(logistics(n_rows, n_features)?),
            // Hours on rows that others learn as much from in minutes.
            Learner::Forest if n_rows >= LARGE && n_features >= WIDE && learners.len() > 1 => {}
            Learner::Forest => all.extend(forests(n_rows, n_features)?),
            Learner::Boost => all.extend(boosts(n_rows, is_directed)?),
            Learner::Additive => all.extend(additives(n_rows)?),
        }
    }
    Ok(all)
}

/// Ridges and elastic nets, with straight lines and with hinges. Sparse slopes win where many columns tell little: among
/// hundreds of columns, and where churn is rare.
fn logistics(n_rows: usize, n_features: usize) -> Result<Vec<Candidate>, ParamsError> {
    /// The L1 share of nets that leave most slopes at 0; a little ridge keeps columns that repeat each other together.
    const SPARSE: f64 = 0.9;
    let hinges_strengths_shares: &[(usize, f64, f64)] = match (n_rows, n_features) {
        (LARGE.., WIDE..) => &[(0, 30.0, SPARSE), (0, 100.0, 0.0)],
        (LARGE.., _) => &[(0, 10.0, 0.0), (3, 10.0, 0.0), (6, 3.0, 0.0)],
        (_, WIDE..) => &[
            (2, 10.0, SPARSE),
            (0, 300.0, 0.0),
            (0, 10.0, SPARSE),
            (2, 100.0, 0.0),
            (0, 30.0, 0.0),
            (2, 400.0, 0.0),
            (0, 1_000.0, 0.0),
        ],
        (..SMALL, _) => {
            &[(0, 30.0, 0.0), (4, 30.0, 0.0), (0, 3.0, 0.0), (4, 3.0, 0.0), (0, 300.0, 0.0), (4, 300.0, 0.0)]
        }
        _ => &[
            (8, 1.0, 0.5),
            (0, 10.0, 0.0),
            (8, 2.0, SPARSE),
            (4, 10.0, 0.0),
            (0, 1.0, 0.0),
            (0, 100.0, 0.0),
            (4, 100.0, 0.0),
        ],
    };
    let default = logistic::Params::default();
    hinges_strengths_shares
        .iter()
        .map(|&(hinges, strength, l1_share)| {
            let encoding = LinearOptions { hinges, ..default.encoding };
            Ok(Candidate::Logistic(logistic::Params { strength, l1_share, encoding }.check()?))
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

/// Sizes of leaves, the larger ones with more columns tried at each split: where churn is rare, leaves of 100 rows still
/// hold but a handful of churned ones. Among many features a smaller share is tried, about the square root of their
/// number, and there or on many rows half of the trees average enough.
fn forests(n_rows: usize, n_features: usize) -> Result<Vec<Candidate>, ParamsError> {
    let default = forest::Params::default();
    let leaves: &[(usize, f64)] = match n_rows {
        ..SMALL => &[(10, 1.0), (25, 1.0)],
        SMALL..LARGE => &[(40, 1.0), (160, 1.7), (10, 1.0)],
        _ => &[(40, 1.0)],
    };
    let (trees, column_fraction) = match (n_rows, n_features) {
        (_, WIDE..) => (100, 0.12),
        (SMALL.., _) => (100, 0.3),
        _ => (200, 0.3),
    };
    leaves
        .iter()
        .map(|&(min_leaf, more)| {
            let column_fraction = more * column_fraction;
            let params = forest::Params { min_leaf, trees, column_fraction, ..default };
            Ok(Candidate::Forest(params.check()?))
        })
        .collect()
}

/// Stumps to trees of 63 leaves, from strongly to hardly shrunk: sums of one-column steps win where columns act alone,
/// strong shrinkage where churn is rare or columns repeat each other, hardly any where few columns tell much together,
/// small leaves where few rows tell much, all rows in each tree where a few are of high risk. Trees that see few columns
/// each differ more, which helps their sum. The validation curves choose the rounds, so that only the upper bound is set
/// here. Known directions keep small books from learning noise; where a business does not keep to them, some candidates
/// are free of them.
fn boosts(n_rows: usize, is_directed: bool) -> Result<Vec<Candidate>, ParamsError> {
    let max_bins = if n_rows < LARGE { FEW_BINS } else { boost::Params::default().max_bins };
    let default = boost::Params { learning_rate: 0.04, rounds: 600, max_bins, ..boost::Params::default() };
    let plain = |depth| boost::Params { depth, ..default };
    let stumps = boost::Params { depth: 1, learning_rate: 0.1, ..default };
    let few = boost::Params { column_fraction: 0.3, row_fraction: 0.5, ..stumps };
    let shrunk = |depth| boost::Params { depth, l2: 30.0, min_rows: 50, column_fraction: 0.3, ..default };
    let bound = boost::Params { depth: 2, l2: 100.0, min_rows: 50, ..default };
    let unbound = |leaves, min_rows| boost::Params {
        depth: MAX_PATH,
        leaves,
        l2: 5.0,
        min_rows,
        min_child_weight: 0.0,
        column_fraction: 0.2,
        ..default
    };
    let light = |depth| boost::Params { depth, l2: 1.5, min_child_weight: 1.0, ..default };
    // A leaf needs evidence, not rows, and every row has its say in every tree: that finds the few rows of high risk.
    let whole =
        |depth| boost::Params { depth, row_fraction: 1.0, min_rows: 1, min_child_weight: 2.0, ..default };
    // Where columns repeat each other, cuts at random learn less of what is chance in them than the best ones.
    let drawn = |depth| boost::Params { cuts: Cuts::Random, column_fraction: 1.0, ..whole(depth) };
    let leafy = |leaves| boost::Params { depth: MAX_PATH, leaves, ..shrunk(1) };
    let faster = |params| boost::Params { learning_rate: 0.06, rounds: 500, ..params };
    let free = |params| boost::Params { monotone: Monotone::Free, ..params };
    let all: Vec<boost::Params> = match (n_rows, is_directed) {
        (..SMALL, true) => vec![
            plain(2),
            free(plain(3)),
            shrunk(3),
            stumps,
            free(shrunk(3)),
            unbound(8, 10),
            bound,
            free(unbound(8, 10)),
        ],
        (..SMALL, false) => {
            vec![plain(2), stumps, shrunk(3), plain(3), unbound(8, 10), bound, few, unbound(16, 10)]
        }
        (SMALL..LARGE, true) => vec![
            plain(3),
            free(whole(4)),
            free(drawn(6)),
            free(plain(3)),
            free(unbound(16, 20)),
            unbound(31, 10),
            stumps,
            shrunk(5),
            free(shrunk(5)),
            plain(2),
            free(plain(4)),
            bound,
            free(whole(6)),
        ],
        (SMALL..LARGE, false) => vec![
            plain(3),
            stumps,
            light(4),
            plain(2),
            drawn(6),
            shrunk(5),
            plain(4),
            light(3),
            plain(6),
            shrunk(3),
            bound,
            few,
            unbound(31, 10),
        ],
        (_, true) => [
            plain(4),
            free(shrunk(5)),
            shrunk(5),
            free(plain(4)),
            leafy(31),
            free(leafy(31)),
            plain(3),
            stumps,
        ]
        .map(faster)
        .to_vec(),
        (_, false) => {
            [plain(4), shrunk(5), plain(6), leafy(31), plain(3), leafy(63), unbound(31, 100), stumps]
                .map(faster)
                .to_vec()
        }
    };
    all.into_iter().map(|params| Ok(Candidate::Boost(params.check()?))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use holdfast_features::Kind;

    use super::*;

    fn specs(n_features: usize, direction: Direction) -> Vec<FeatureSpec> {
        let spec = FeatureSpec { direction, ..FeatureSpec::prepared("x", Kind::Number) };
        (0..n_features).map(|at| FeatureSpec { name: format!("x{at}"), ..spec.clone() }).collect()
    }

    #[test]
    fn every_size_has_its_learners_and_no_candidate_twice() {
        let sizes = [(100, 10), (100, 100), (5_000, 10), (5_000, 100), (50_000, 50)];
        let directions = [Direction::Unknown, Direction::LowersRisk];
        for ((n_rows, n_features), direction) in
            sizes.into_iter().flat_map(|size| directions.map(|direction| (size, direction)))
        {
            let all = candidates(&Learner::ALL, n_rows, &specs(n_features, direction)).unwrap();
            let names: BTreeSet<String> = all.iter().map(Candidate::describe).collect();
            assert_eq!(names.len(), all.len());
            assert!((12..=32).contains(&all.len()), "{}", all.len());
            for learner in Learner::ALL {
                assert!(all.iter().any(|candidate| candidate.learner() == learner.name()));
            }
        }
        let specs = specs(10, Direction::Unknown);
        assert!(candidates(&[Learner::Boost], 100, &specs).unwrap().iter().all(|c| c.learner() == "boost"));
    }
}
