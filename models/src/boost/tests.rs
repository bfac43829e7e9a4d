use super::*;
use crate::fit::{Candidate, checkpoints, fit};
use crate::probability::{log_loss, sigmoid};
use crate::tree::Node;
use holdfast_features::{Column, FeatureSpec, FeatureTable};
use holdfast_features::{Direction, Kind};

/// Risk rises with `x` but for a dip, is high where `x` is missing; `noise` tells nothing.
fn data(n: usize) -> (FeatureTable, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut x = Vec::new();
    let mut noise = Vec::new();
    let mut labels = Vec::new();
    for _ in 0..n {
        let value: f64 = rng.random_range(0.0..10.0);
        let missing = rng.random_bool(0.1);
        let dip = (4.0..6.0).contains(&value);
        let risk = if missing {
            0.9
        } else if dip {
            0.1
        } else {
            0.05 + value * 0.06
        };
        x.push(if missing { f64::NAN } else { value });
        noise.push(rng.random_range(0.0..1.0));
        labels.push(f64::from(u8::from(rng.random_bool(risk))));
    }
    let mut specs = ["x", "noise"].map(|name| FeatureSpec::prepared(name, Kind::Number)).to_vec();
    specs[0].direction = Direction::RaisesRisk;
    (FeatureTable::new(specs, vec![Column::Number(x), Column::Number(noise)], n).unwrap(), labels)
}

fn candidate(monotone: Monotone) -> Candidate {
    let params =
        Params { rounds: 120, learning_rate: 0.1, column_fraction: 1.0, monotone, ..Params::default() };
    Candidate::Boost(params.check().unwrap())
}

#[test]
fn cuts_at_random_find_the_risk_too() {
    let (table, labels) = data(6_000);
    let rows: Vec<usize> = (0..6_000).collect();
    let weights = vec![1.0; 6_000];
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let drawn = |seed| {
        let Candidate::Boost(params) = candidate(Monotone::Free) else { unreachable!() };
        let params = Params { cuts: Cuts::Random, rounds: 200, row_fraction: 1.0, ..*params.params() };
        fit(&Candidate::Boost(params.check().unwrap()), &training, seed).unwrap()
    };
    let probe = probe(&table, &[2.0, 5.0, 9.0, f64::NAN]);
    let risks: Vec<f64> = drawn(1).margins(&probe, &[0, 1, 2, 3]).into_iter().map(sigmoid).collect();
    for (risk, expected) in risks.iter().zip([0.17, 0.1, 0.59, 0.9]) {
        assert!((risk - expected).abs() < 0.08, "{risks:?}");
    }
    assert_eq!(drawn(1), drawn(1));
    // All rows and columns are in every tree: only the cuts differ.
    assert_ne!(drawn(1), drawn(2));
}

fn probe(table: &FeatureTable, values: &[f64]) -> FeatureTable {
    let noise = Column::Number(vec![0.5; values.len()]);
    FeatureTable::new(table.specs().to_vec(), vec![Column::Number(values.to_vec()), noise], values.len())
        .unwrap()
}

#[test]
fn recovers_a_known_risk_with_its_dip_and_its_missing_values() {
    let (table, labels) = data(6_000);
    let rows: Vec<usize> = (0..6_000).collect();
    let weights = vec![1.0; 6_000];
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let fitted = fit(&candidate(Monotone::Free), &training, 1).unwrap();
    let probe = probe(&table, &[2.0, 5.0, 9.0, f64::NAN]);
    let risks: Vec<f64> = fitted.margins(&probe, &[0, 1, 2, 3]).into_iter().map(sigmoid).collect();
    for (risk, expected) in risks.iter().zip([0.17, 0.1, 0.59, 0.9]) {
        assert!((risk - expected).abs() < 0.08, "{risks:?}");
    }
}

#[test]
fn a_declared_direction_is_never_violated() {
    let (table, labels) = data(3_000);
    let rows: Vec<usize> = (0..3_000).collect();
    let weights = vec![1.0; 3_000];
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let ascending: Vec<f64> = (0..200).map(|step| f64::from(step) * 0.05).collect();
    let probe = probe(&table, &ascending);
    let steps: Vec<usize> = (0..200).collect();
    let rises = |monotone| {
        let fitted = fit(&candidate(monotone), &training, 1).unwrap();
        fitted.margins(&probe, &steps).windows(2).all(|pair| pair[1] >= pair[0] - 1e-12)
    };
    assert!(rises(Monotone::Declared));
    assert!(!rises(Monotone::Free), "the dip is found when directions are ignored");
}

#[test]
fn the_same_bits_for_any_thread_count() {
    // So many that threads share the counting of a node.
    let (table, labels) = data(160_000);
    let rows: Vec<usize> = (0..160_000).collect();
    let weights: Vec<f64> = (0..160_000).map(|row| 1.0 / f64::from(row % 3 + 1)).collect();
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let few = candidate(Monotone::Free).with_rounds(3);
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let one = pool(1).install(|| fit(&few, &training, 5).unwrap());
    let three = pool(3).install(|| fit(&few, &training, 5).unwrap());
    assert_eq!(one, three);
    assert_ne!(one, fit(&few, &training, 6).unwrap());
}

#[test]
fn a_checkpoint_has_the_margins_of_a_fit_with_as_many_rounds() {
    let (table, labels) = data(2_000);
    let rows: Vec<usize> = (0..1_500).collect();
    let held_out: Vec<usize> = (1_500..2_000).collect();
    let weights = vec![1.0; 2_000];
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let candidate = candidate(Monotone::Declared);
    let found = checkpoints(&candidate, &training, &held_out, 2).unwrap();
    let loss = |at: usize| log_loss(&found[at].margins, &labels[1_500..], &weights[1_500..]);
    assert!(loss(20) < loss(0));
    for checkpoint in [&found[0], &found[12], &found[found.len() - 1]] {
        let fitted = fit(&candidate.with_rounds(checkpoint.rounds.unwrap()), &training, 2).unwrap();
        let bits = |margins: &[f64]| margins.iter().map(|margin| margin.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&fitted.margins(&table, &held_out)), bits(&checkpoint.margins));
    }
}

#[test]
fn the_mean_of_several_bags_is_no_worse_than_they_are_on_average() {
    let (table, labels) = data(800);
    let rows: Vec<usize> = (0..300).collect();
    let held_out: Vec<usize> = (300..800).collect();
    let weights = vec![1.0; 800];
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let alone = candidate(Monotone::Declared).with_rounds(40);
    let loss = |candidate: &Candidate, seed: u64| {
        let margins = fit(candidate, &training, seed).unwrap().margins(&table, &held_out);
        log_loss(&margins, &labels[300..], &weights[300..])
    };
    let mean = (0..4).map(|seed| loss(&alone, seed)).sum::<f64>() / 4.0;
    assert!(loss(&alone.with_bags(4), 0) < mean);
    assert_eq!(fit(&alone.with_bags(1), &training, 0).unwrap(), fit(&alone, &training, 0).unwrap());
    let watched = checkpoints(&alone.with_bags(4), &training, &held_out, 0).unwrap();
    let last = &watched[watched.len() - 1];
    let fitted = fit(&alone.with_bags(4), &training, 0).unwrap();
    assert_eq!(last.rounds, Some(40));
    assert_eq!(fitted.margins(&table, &held_out), last.margins);
}

#[test]
fn rounds_that_only_make_it_worse_are_not_grown() {
    let (table, labels) = data(400);
    let rows: Vec<usize> = (0..200).collect();
    let held_out: Vec<usize> = (200..400).collect();
    let weights = vec![1.0; 400];
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let greedy = Params { rounds: 2_000, learning_rate: 0.3, l2: 0.0, min_rows: 1, ..Params::default() };
    let found = checkpoints(&Candidate::Boost(greedy.check().unwrap()), &training, &held_out, 2).unwrap();
    let last = found[found.len() - 1].rounds.unwrap();
    assert!((50..1_000).contains(&last), "{last}");
    assert!(found.is_sorted_by(|a, b| a.rounds < b.rounds));
}

#[test]
fn a_weight_of_two_equals_the_row_twice() {
    let (table, labels) = data(500);
    let rows: Vec<usize> = (0..500).collect();
    let exact =
        Params { row_fraction: 1.0, column_fraction: 1.0, rounds: 10, min_rows: 1, ..Params::default() };
    let exact = Candidate::Boost(exact.check().unwrap());
    let weights: Vec<f64> = (0..500).map(|row| if row < 200 { 2.0 } else { 1.0 }).collect();
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let weighted = fit(&exact, &training, 0).unwrap().margins(&table, &rows);
    let twice: Vec<usize> = (0..500).chain(0..200).collect();
    let training = TrainingRows { weights: &[1.0; 500], rows: &twice, ..training };
    let repeated = fit(&exact, &training, 0).unwrap().margins(&table, &rows);
    for (a, b) in weighted.iter().zip(&repeated) {
        assert!((a - b).abs() < 1e-9);
    }
}

#[test]
fn few_leaves_go_where_they_gain_most() {
    let (table, labels) = data(3_000);
    let rows: Vec<usize> = (0..3_000).collect();
    let weights = vec![1.0; 3_000];
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let fitted = |depth, leaves| {
        let params = Params { depth, leaves, rounds: 20, column_fraction: 1.0, ..Params::default() };
        let fitted = fit(&Candidate::Boost(params.check().unwrap()), &training, 1).unwrap();
        let margins = fitted.margins(&table, &rows);
        let Classifier::Boost(model) = fitted.classifier else { panic!("boosted") };
        (model, log_loss(&margins, &labels, &weights))
    };
    assert_eq!(fitted(3, 8), fitted(3, 1_024), "a limit that cannot bind");
    let (free, loss_of_free) = fitted(64, 6);
    let leaves = |tree: &Tree| tree.nodes().iter().filter(|node| matches!(node, Node::Leaf { .. })).count();
    assert!(free.trees().iter().all(|tree| leaves(tree) == 6));
    let (flat, loss_of_flat) = fitted(2, 1_024);
    assert!(flat.trees().iter().all(|tree| leaves(tree) <= 4));
    assert!(loss_of_free < loss_of_flat);
}
