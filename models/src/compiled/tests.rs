use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::tree::{Node, Tree};

fn random_tree(rng: &mut ChaCha8Rng, width: u32, leaves: usize) -> Tree {
    let mut nodes = vec![Node::Leaf { value: rng.random_range(-1.0..1.0) }];
    for _ in 1..leaves {
        let ends: Vec<usize> =
            (0..nodes.len()).filter(|&at| matches!(nodes[at], Node::Leaf { .. })).collect();
        let at = ends[rng.random_range(0..ends.len())];
        let left = u32::try_from(nodes.len()).unwrap();
        nodes[at] = Node::Split {
            column: rng.random_range(0..width),
            threshold: f64::from(rng.random_range(-8_i32..8)) / 8.0,
            missing_left: rng.random_bool(0.5),
            left,
            right: left + 1,
        };
        nodes.extend((0..2).map(|_| Node::Leaf { value: rng.random_range(-1.0..1.0) }));
    }
    Tree::new(nodes, width as usize).unwrap()
}

fn random_rows(rng: &mut ChaCha8Rng, width: u32, n_rows: usize) -> Vec<f64> {
    (0..width as usize * n_rows)
        .map(|_| match rng.random_range(0..10) {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => f64::NEG_INFINITY,
            3 => -0.0,
            // On thresholds as often as between them.
            _ => f64::from(rng.random_range(-20_i32..20)) / 16.0,
        })
        .collect()
}

proptest! {
    #[test]
    fn one_row_and_many_give_the_bits_of_a_plain_walk(
        seed in any::<u64>(), width in 1_u32..9, n_trees in 1_usize..30, leaves in 1_usize..40, n_rows in 0_usize..150,
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let trees: Vec<Tree> = (0..n_trees).map(|_| random_tree(&mut rng, width, leaves)).collect();
        let rows = random_rows(&mut rng, width, n_rows);
        let compiled = CompiledTrees::of_trees(&trees, width as usize).unwrap();
        let mut walk = Walk::default();
        let mut sums = vec![0.25; n_rows];
        compiled.add_to(&mut sums, &rows, &mut walk);
        for (row, sum) in rows.chunks_exact(width as usize).zip(sums) {
            let plain = trees.iter().fold(0.25, |sum, tree| sum + tree.predict(row));
            prop_assert_eq!(compiled.sum(0.25, row, &mut walk).to_bits(), plain.to_bits());
            prop_assert_eq!(sum.to_bits(), plain.to_bits());
        }
    }
}

fn answer(question: Question, is_single: bool, value: f64) -> f64 {
    let plan = vec![Branch::Ask(question, 1, 2), Branch::Leaf(-1.0), Branch::Leaf(1.0)];
    CompiledTrees::new(&[plan], 1, is_single).unwrap().sum(0.0, &[value], &mut Walk::default())
}

#[test]
fn missing_values_go_where_the_question_says() {
    let ask = |missing, value| answer(Question::AtMost { column: 0, threshold: -1.0, missing }, false, value);
    let values = [-2.0, 0.0, 1e-36, f64::NAN];
    assert_eq!(values.map(|value| ask(Missing::Left, value)), [-1.0, 1.0, 1.0, -1.0]);
    assert_eq!(values.map(|value| ask(Missing::Right, value)), [-1.0, 1.0, 1.0, 1.0]);
    assert_eq!(values.map(|value| ask(Missing::AsZero, value)), [-1.0, 1.0, 1.0, 1.0]);
    assert_eq!(values.map(|value| ask(Missing::ZeroLeft, value)), [-1.0, -1.0, -1.0, -1.0]);
    assert_eq!(values.map(|value| ask(Missing::ZeroRight, value)), [-1.0, 1.0, 1.0, 1.0]);
    let above =
        |missing, value| answer(Question::AtMost { column: 0, threshold: 1.0, missing }, false, value);
    assert_eq!(values.map(|value| above(Missing::ZeroRight, value)), [-1.0, 1.0, 1.0, 1.0]);
    assert_eq!(values.map(|value| above(Missing::AsZero, value)), [-1.0, -1.0, -1.0, -1.0]);
}

#[test]
fn categories_are_looked_up_by_their_whole_part() {
    let ask = |inverted, missing_left, value| {
        answer(
            Question::OneOf { column: 0, categories: vec![0, 3, 70], inverted, missing_left },
            false,
            value,
        )
    };
    let values = [0.0, 3.9, 70.0, 71.0, 1.0, -0.5, -1.0, 1e300, f64::NEG_INFINITY, f64::NAN];
    let own = [-1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0, 1.0];
    assert_eq!(values.map(|value| ask(false, false, value)), own);
    let inverted = [1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0];
    assert_eq!(values.map(|value| ask(true, true, value)), inverted);
    assert_eq!(ask(true, false, f64::NAN).to_bits(), 1.0_f64.to_bits());
}

#[test]
fn single_precision_rounds_before_it_asks() {
    let question = Question::AtMost { column: 0, threshold: 0.3, missing: Missing::Left };
    assert_eq!(answer(question.clone(), false, 0.3), -1.0);
    assert_eq!(answer(question, true, 0.3), 1.0, "0.3 is more in single precision");
}

#[test]
fn refuses_what_is_no_tree() {
    let ask = |column, left, right| {
        Branch::Ask(Question::AtMost { column, threshold: 0.0, missing: Missing::Left }, left, right)
    };
    let leaf = || Branch::Leaf(1.0);
    let refuse = |plan: Plan| CompiledTrees::new(&[vec![leaf()], plan], 1, false).unwrap_err();
    let node = |node, problem| CompileError::Node { tree: 1, node, problem };
    assert_eq!(CompiledTrees::new(&[], 1, false), Err(CompileError::NoTrees));
    assert_eq!(refuse(vec![]), node(0, "the tree is empty"));
    assert_eq!(refuse(vec![ask(0, 0, 1), leaf()]), node(0, "its child is not a later node of its own"));
    assert_eq!(refuse(vec![ask(0, 1, 9), leaf()]), node(0, "its child is not a later node of its own"));
    assert_eq!(refuse(vec![ask(0, 1, 1), leaf()]), node(0, "its child is not a later node of its own"));
    assert_eq!(refuse(vec![ask(1, 1, 2), leaf(), leaf()]), node(0, "its column does not exist"));
    assert_eq!(refuse(vec![leaf(), leaf()]), node(1, "no node leads to it"));
    assert_eq!(refuse(vec![Branch::Leaf(f64::NAN)]), node(0, "its value is not finite"));
    let infinite = Question::AtMost { column: 0, threshold: f64::INFINITY, missing: Missing::Left };
    assert_eq!(
        refuse(vec![Branch::Ask(infinite, 1, 2), leaf(), leaf()]),
        node(0, "its threshold is not finite")
    );
    let unsorted =
        Question::OneOf { column: 0, categories: vec![2, 1], inverted: false, missing_left: false };
    assert_eq!(
        refuse(vec![Branch::Ask(unsorted, 1, 2), leaf(), leaf()]),
        node(0, "its categories are not ascending")
    );
}
