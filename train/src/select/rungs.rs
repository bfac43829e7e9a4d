//! Successive halving (Jamieson and Talwalkar 2016): many candidates on few rows, the better ones on more, few on all;
//! where rows are not too many, all candidates on all rows before the few are bagged.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_models::Candidate;

use super::explainable::family;
use super::fits::Seeded;
use super::{SelectOptions, sample};
use crate::learning::LearningRows;
use crate::split::{Split, n_positives};

/// Values to be fitted on (rows × features × candidates over all splits) from which the finalists are chosen first, each
/// candidate judged on all rows of all splits, but as one boosted model in place of several.
const CHOSEN_FROM: usize = 3_000_000;
/// The same from which that would take minutes: candidates are halved on few rows first.
const HALVED_FROM: usize = 50_000_000;
/// The first rung judges at least this many churned rows, where half of the splits have as many.
const FIRST_POSITIVES: usize = 100;
/// How many times the rows of the first rung the second has, and how many times its splits.
const SECOND_ROWS: usize = 3;
const SECOND_SPLITS: usize = 2;

/// What the candidates of one rung are fitted on, and how many of them go on.
#[derive(Debug, Clone)]
pub(super) struct Rung {
    pub(super) splits: Vec<Seeded>,
    pub(super) n_rows: usize,
    pub(super) keep: usize,
    /// The share of the time that is left which the rung may take.
    pub(super) share: f64,
}

/// The rungs before the last one, on which the finalists are fitted on all rows of all splits with all bags; none where
/// that is little work for every candidate.
pub(super) fn rungs(
    data: &LearningRows,
    splits: &[Split],
    n_candidates: usize,
    options: &SelectOptions,
) -> Vec<Rung> {
    let n_rows: usize = splits.iter().map(|split| split.train.len()).sum();
    let work = n_rows * data.table.specs().len() * n_candidates;
    if n_candidates <= options.finalists || work <= CHOSEN_FROM {
        return Vec::new();
    }
    if work <= HALVED_FROM {
        let all = splits.iter().enumerate();
        let n_rows = splits.iter().map(|split| split.train.len()).max().unwrap_or(0);
        let splits = all.map(|(index, split)| Seeded::new(split.clone(), index, options.seed)).collect();
        return vec![Rung { splits, n_rows, keep: options.finalists, share: 0.6 }];
    }
    let first = first_splits(data, splits);
    let mut second = first.clone();
    second.extend((0..splits.len()).filter(|index| !first.contains(index)));
    second.truncate(first.len() * SECOND_SPLITS);
    let middle = middle(n_candidates, options.finalists);
    let rung = |indices: &[usize], n_rows: usize, keep: usize, share: f64| {
        let part = |&index: &usize| {
            let Split { train, validate } = &splits[index];
            let of = |rows: &[usize]| sample(rows, n_rows, options.seed);
            Seeded::new(Split { train: of(train), validate: of(validate) }, index, options.seed)
        };
        Rung { splits: indices.iter().map(part).collect(), n_rows, keep, share }
    };
    vec![
        rung(&first, options.screening_rows, middle, 0.3),
        rung(&second, options.screening_rows.saturating_mul(SECOND_ROWS), options.finalists, 0.45),
    ]
}

/// Halfway between two numbers of candidates, as ratios go.
fn middle(n_candidates: usize, finalists: usize) -> usize {
    (n_candidates * finalists).isqrt().max(finalists)
}

/// The splits with most training rows, as many as judge enough churned rows, at most half of all.
fn first_splits(data: &LearningRows, splits: &[Split]) -> Vec<usize> {
    let mut largest: Vec<usize> = (0..splits.len()).collect();
    largest.sort_by_key(|&index| std::cmp::Reverse(splits[index].train.len()));
    let mut positives = 0;
    let mut chosen = Vec::new();
    for index in largest.into_iter().take(splits.len().div_ceil(2)) {
        if positives >= FIRST_POSITIVES {
            break;
        }
        positives += n_positives(&data.labels, &splits[index].validate);
        chosen.push(index);
    }
    chosen
}

/// The learners take turns, each with its candidates in the order given: a budget that ends early has tried them all.
pub(super) fn in_turns(candidates: &[Candidate]) -> Vec<Candidate> {
    let mut turns: BTreeMap<&str, usize> = BTreeMap::new();
    let mut learners: Vec<&str> = Vec::new();
    let mut keyed: Vec<((usize, usize), &Candidate)> = Vec::new();
    for candidate in candidates {
        let learner = candidate.learner();
        if !learners.contains(&learner) {
            learners.push(learner);
        }
        let turn = turns.entry(learner).or_default();
        let place = learners.iter().position(|known| *known == learner).unwrap_or_default();
        keyed.push(((*turn, place), candidate));
        *turn += 1;
    }
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, candidate)| candidate.clone()).collect()
}

/// The best of each family and the best of the rest, `n` in all, best first; and the others.
pub(super) fn survivors(
    mut ranked: Vec<(Candidate, f64)>,
    n: usize,
) -> (Vec<Candidate>, Vec<(Candidate, f64)>) {
    ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut seen = BTreeSet::new();
    let (firsts, rest): (Vec<_>, Vec<_>) =
        ranked.into_iter().enumerate().partition(|(_, (candidate, _))| seen.insert(family(candidate)));
    let mut places: Vec<(usize, (Candidate, f64))> = firsts.into_iter().chain(rest).collect();
    let others = places.split_off(n.min(places.len()));
    places.sort_by_key(|(place, _)| *place);
    let kept = places.into_iter().map(|(_, (candidate, _))| candidate).collect();
    (kept, others.into_iter().map(|(_, other)| other).collect())
}

#[cfg(test)]
mod tests {
    use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};
    use holdfast_models::{boost, encode::LinearOptions, forest, logistic};

    use super::*;
    use crate::select::{Choice, Combine};
    use crate::split::by_fold;

    fn logistic(strength: f64, hinges: usize) -> Candidate {
        let default = logistic::Params::default();
        let encoding = LinearOptions { hinges, ..default.encoding };
        Candidate::Logistic(logistic::Params { strength, encoding, ..default }.check().unwrap())
    }

    fn boost(depth: usize) -> Candidate {
        Candidate::Boost(boost::Params { depth, ..boost::Params::default() }.check().unwrap())
    }

    fn forest() -> Candidate {
        Candidate::Forest(forest::Params::default().check().unwrap())
    }

    #[test]
    fn learners_take_turns() {
        let given = [logistic(1.0, 0), logistic(2.0, 0), forest(), boost(2), boost(3), boost(4)];
        let learners: Vec<String> = in_turns(&given).iter().map(Candidate::describe).collect();
        let expected = [&given[0], &given[2], &given[3], &given[1], &given[4], &given[5]];
        assert_eq!(learners, expected.map(Candidate::describe));
    }

    #[test]
    fn the_best_of_each_family_goes_on_and_then_the_best() {
        let ranked = vec![
            (boost(3), 0.30),
            (boost(4), 0.31),
            (boost(5), 0.32),
            (logistic(1.0, 0), 0.40),
            (logistic(2.0, 0), 0.41),
            (forest(), 0.35),
        ];
        let (kept, others) = survivors(ranked.clone(), 4);
        assert_eq!(kept, [boost(3), boost(4), forest(), logistic(1.0, 0)]);
        assert_eq!(others, [(boost(5), 0.32), (logistic(2.0, 0), 0.41)]);
        let (kept, others) = survivors(ranked, 10);
        assert_eq!((kept.len(), others.len()), (6, 0));
    }

    /// Splits and rows of each rung that comes first for `n_rows` rows of ten features in five folds.
    fn first_rungs(n_rows: usize, n_candidates: usize) -> Vec<(usize, usize)> {
        let specs = (0..10).map(|at| FeatureSpec::prepared(&format!("x{at}"), Kind::Number)).collect();
        let columns = vec![Column::Number(vec![0.0; n_rows]); 10];
        let data = LearningRows {
            table: FeatureTable::new(specs, columns, n_rows).unwrap(),
            labels: (0..n_rows).map(|row| f64::from(u8::from(row % 7 == 0))).collect(),
            weights: vec![1.0; n_rows],
            groups: (0..).take(n_rows).collect(),
            blocks: vec![0; n_rows],
        };
        let folds: Vec<usize> = (0..n_rows).map(|row| row % 5).collect();
        let splits = by_fold(&folds, &(0..n_rows).collect::<Vec<_>>());
        let options = SelectOptions {
            seed: 1,
            finalists: 8,
            screening_rows: 4_000,
            bags: 3,
            combine: Combine::Blend,
            choice: Choice::Best,
        };
        let found = rungs(&data, &splits, n_candidates, &options);
        found.iter().map(|rung| (rung.splits.len(), rung.n_rows)).collect()
    }

    #[test]
    fn few_rows_are_not_sampled() {
        assert_eq!(first_rungs(2_000, 24), []);
        assert_eq!(first_rungs(10_000, 8), [], "no more than the finalists");
        assert_eq!(first_rungs(10_000, 24), [(5, 8_000)]);
        assert_eq!(first_rungs(60_000, 24), [(1, 4_000), (2, 12_000)]);
    }

    #[test]
    fn fewer_on_more_rows() {
        assert_eq!(middle(24, 6), 12);
        assert_eq!(middle(3, 6), 6);
    }
}
