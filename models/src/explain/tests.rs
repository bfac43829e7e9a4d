use super::*;
use crate::boost::BoostModel;
use crate::forest::ForestModel;
use crate::logistic::LinearModel;
use crate::tree::{Node, Tree};
use rand::RngExt;

/// Five features behind seven encoded columns.
const SOURCES: [usize; 7] = [0, 0, 1, 2, 3, 4, 4];
const FEATURES: usize = 5;

fn random_tree(rng: &mut ChaCha8Rng, depth: usize) -> Tree {
    let mut nodes = vec![Node::Leaf { value: 0.0 }];
    let mut open = vec![(0_usize, 0_usize)];
    while let Some((at, level)) = open.pop() {
        if level == depth || (level > 1 && rng.random_bool(0.2)) {
            nodes[at] = Node::Leaf { value: rng.random_range(-1.0..1.0) };
            continue;
        }
        let left = u32::try_from(nodes.len()).unwrap();
        nodes[at] = Node::Split {
            column: rng.random_range(0..7_u32),
            threshold: rng.random_range(-0.7..0.7),
            missing_left: rng.random_bool(0.5),
            left,
            right: left + 1,
        };
        nodes.extend([Node::Leaf { value: 0.0 }; 2]);
        open.extend([(left as usize, level + 1), (left as usize + 1, level + 1)]);
    }
    Tree::new(nodes, 7).unwrap()
}

fn random_row(rng: &mut ChaCha8Rng, with_missing: bool) -> Vec<f64> {
    let value = |_| if with_missing && rng.random_bool(0.2) { f64::NAN } else { rng.random_range(-1.0..1.0) };
    (0..7).map(value).collect()
}

/// The definition: every coalition of features, each against every background row.
fn brute_force(classifier: &Classifier, row: &[f64], background: &[Vec<f64>]) -> Vec<f64> {
    let worth = |coalition: usize| -> f64 {
        let outputs = background.iter().map(|other| {
            let pick = |c: usize| if coalition >> SOURCES[c] & 1 == 1 { row[c] } else { other[c] };
            classifier.raw(&(0..7).map(pick).collect::<Vec<_>>())
        });
        outputs.sum::<f64>() / f64::from(u32::try_from(background.len()).unwrap())
    };
    let factorial = |n: usize| (1..=n).map(|i| f64::from(u32::try_from(i).unwrap())).product::<f64>();
    (0..FEATURES)
        .map(|feature| {
            (0..1_usize << FEATURES)
                .filter(|coalition| coalition >> feature & 1 == 0)
                .map(|coalition| {
                    let size = coalition.count_ones() as usize;
                    let weight = factorial(size) * factorial(FEATURES - size - 1) / factorial(FEATURES);
                    weight * (worth(coalition | 1 << feature) - worth(coalition))
                })
                .sum()
        })
        .collect()
}

fn check(classifier: &Classifier, with_missing: bool, rng: &mut ChaCha8Rng) {
    let background: Vec<Vec<f64>> = (0..9).map(|_| random_row(rng, with_missing)).collect();
    let stored = Background::new(background.concat(), 9, classifier).unwrap();
    let learnt: Vec<usize> = (0..FEATURES).collect();
    let patterns = stored.patterns(classifier, &SOURCES);
    assert_eq!(patterns.is_none(), matches!(classifier, Classifier::Linear(_)));
    for _ in 0..10 {
        let row = random_row(rng, with_missing);
        let expected = brute_force(classifier, &row, &background);
        // Without calibration, contributions are the Shapley values of the raw output.
        for patterns in [None, patterns.as_ref()] {
            let raw = stored.explain(classifier, patterns, &row, (&SOURCES, &learnt), |raw| raw);
            for ((feature, share), expected) in raw.contributions.iter().zip(&expected) {
                assert!((share - expected).abs() < 1e-10, "feature {feature}: {share} {expected}");
            }
        }
        // With it, all are stretched alike.
        let bent = |raw: f64| 0.3 + 1.7 * classifier.margin(raw);
        let calibrated = stored.explain(classifier, patterns.as_ref(), &row, (&SOURCES, &learnt), bent);
        let sum: f64 = calibrated.contributions.iter().map(|(_, share)| share).sum();
        assert!((calibrated.base + sum - bent(classifier.raw(&row))).abs() < 1e-9);
        for ((_, share), expected) in calibrated.contributions.iter().zip(&expected) {
            assert!(share.signum() * expected.signum() >= 0.0 || share.abs() < 1e-9);
        }
    }
}

#[test]
fn boosted_trees_agree_with_the_definition() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for depth in [1, 3, 6] {
        let trees = (0..8).map(|_| random_tree(&mut rng, depth)).collect();
        check(&Classifier::Boost(BoostModel { base: -0.4, trees }), true, &mut rng);
    }
}

#[test]
fn forests_agree_with_the_definition() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let share = |node: &Node| match *node {
        Node::Leaf { value } => Node::Leaf { value: 0.5 + 0.4 * value },
        split => split,
    };
    let trees = (0..8).map(|_| {
        let nodes = random_tree(&mut rng, 5).nodes().iter().map(share).collect();
        Tree::new(nodes, 7).unwrap()
    });
    let trees = trees.collect();
    check(&Classifier::Forest(ForestModel { trees }), false, &mut ChaCha8Rng::seed_from_u64(3));
}

#[test]
fn linear_models_agree_with_the_definition() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let weights = (0..7).map(|_| rng.random_range(-2.0..2.0)).collect();
    check(&Classifier::Linear(LinearModel { weights, intercept: 0.2 }), false, &mut rng);
}

#[test]
fn a_row_like_the_background_has_nothing_to_explain() {
    let model = LinearModel { weights: vec![1.0, -2.0, 0.5, 1.0, 1.0, 3.0, -1.0], intercept: 0.2 };
    let classifier = Classifier::Linear(model);
    let row = [0.5, -0.25, 1.0, 0.0, 2.0, 0.125, -1.0];
    let stored = Background::new(row.to_vec(), 1, &classifier).unwrap();
    let learnt: Vec<usize> = (0..FEATURES).collect();
    let explanation = stored.explain(&classifier, None, &row, (&SOURCES, &learnt), |raw| raw.powi(3));
    assert!(explanation.contributions.iter().all(|(_, share)| share.abs() < 1e-12));
    // Two features that cancel out still have their say.
    let moved = [1.5, -0.25, 1.0, 0.0, 1.0, 0.125, -1.0];
    let explanation = stored.explain(&classifier, None, &moved, (&SOURCES, &learnt), |raw| 2.0 * raw);
    let shares: Vec<f64> = explanation.contributions.iter().map(|(_, share)| *share).collect();
    for (share, expected) in shares.iter().zip([2.0, 0.0, 0.0, -2.0, 0.0]) {
        assert!((share - expected).abs() < 1e-6, "{shares:?}");
    }
}

#[test]
fn the_background_is_a_sample_of_at_most_a_hundred_rows() {
    let rows: Vec<usize> = (500..1_500).collect();
    let chosen = choose_background(&rows, 3);
    assert_eq!(chosen.len(), CHOSEN);
    assert!(chosen.is_sorted_by(|a, b| a < b) && chosen.iter().all(|row| rows.contains(row)));
    assert_eq!(chosen, choose_background(&rows, 3));
    assert_ne!(chosen, choose_background(&rows, 4));
    assert_eq!(choose_background(&rows[..7], 3), rows[..7]);
}
