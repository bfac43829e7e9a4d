//! What one column adds to the log-odds: a step function of its value, and one number where it is missing.

use crate::tree::{Node, Tree, TreeError};

/// A step function of an encoded column, in log-odds.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// The encoded column.
    pub column: usize,
    /// Ascending; a value belongs to the first step whose end is not below it, or to the last.
    pub ends: Vec<f64>,
    /// What each step adds: one more than there are ends.
    pub values: Vec<f64>,
    /// What a missing value adds.
    pub missing: f64,
}

impl Shape {
    /// Nothing yet, with steps between these ends.
    pub(super) fn flat(column: usize, ends: &[f64]) -> Self {
        Self { column, ends: ends.to_vec(), values: vec![0.0; ends.len() + 1], missing: 0.0 }
    }

    /// Adds `left` up to and including step `last_left`, `right` beyond it.
    pub(super) fn add(&mut self, last_left: usize, left: f64, right: f64, missing: f64) {
        let (below, above) = self.values.split_at_mut(last_left + 1);
        below.iter_mut().for_each(|value| *value += left);
        above.iter_mut().for_each(|value| *value += right);
        self.missing += missing;
    }

    /// What `value` (NaN where it is missing) adds.
    #[must_use]
    pub fn at(&self, value: f64) -> f64 {
        if value.is_nan() {
            return self.missing;
        }
        self.values[self.ends.partition_point(|&end| end < value)]
    }

    /// As a tree over rows of `columns` columns: missing values first, then halves of the steps, neighbours of equal value
    /// as one.
    pub(super) fn tree(&self, columns: usize) -> Result<Tree, TreeError> {
        let mut ends = Vec::new();
        let mut values = vec![self.values[0]];
        for (&end, &value) in self.ends.iter().zip(&self.values[1..]) {
            if values.last() != Some(&value) {
                ends.push(end);
                values.push(value);
            }
        }
        let mut nodes = vec![Node::Leaf { value: self.missing }];
        if values[..] != [self.missing] {
            // Whatever is known is at most the largest number, but for infinity, which no encoder gives.
            self.split(&mut nodes, 0, f64::MAX, false);
            self.halve(&mut nodes, 1, &ends, &values);
            nodes[2] = Node::Leaf { value: self.missing };
        }
        Tree::new(nodes, columns)
    }

    /// Makes `node` the root of a tree of these steps.
    fn halve(&self, nodes: &mut Vec<Node>, node: usize, ends: &[f64], values: &[f64]) {
        let middle = ends.len() / 2;
        let Some(&end) = ends.get(middle) else {
            nodes[node] = Node::Leaf { value: values[0] };
            return;
        };
        let left = nodes.len();
        self.split(nodes, node, end, true);
        self.halve(nodes, left, &ends[..middle], &values[..=middle]);
        self.halve(nodes, left + 1, &ends[middle + 1..], &values[middle + 1..]);
    }

    #[expect(clippy::cast_possible_truncation, reason = "a tree has at most twice 256 nodes")]
    fn split(&self, nodes: &mut Vec<Node>, node: usize, threshold: f64, missing_left: bool) {
        let left = nodes.len() as u32;
        nodes[node] =
            Node::Split { column: self.column as u32, threshold, missing_left, left, right: left + 1 };
        nodes.extend([Node::Leaf { value: 0.0 }; 2]);
    }

    /// The shape of a tree that asks about one column; `None` where it asks about none, or several.
    #[must_use]
    pub fn of(tree: &Tree) -> Option<Self> {
        let mut column = None;
        for node in tree.nodes() {
            if let Node::Split { column: asked, .. } = *node
                && *column.get_or_insert(asked) != asked
            {
                return None;
            }
        }
        let column = column? as usize;
        let mut ends: Vec<f64> = tree
            .nodes()
            .iter()
            .filter_map(|node| match *node {
                Node::Split { threshold, .. } if threshold < f64::MAX => Some(threshold),
                _ => None,
            })
            .collect();
        ends.sort_unstable_by(f64::total_cmp);
        let mut row = vec![f64::NAN; column + 1];
        let mut answer = |value| {
            row[column] = value;
            tree.predict(&row)
        };
        let values = ends.iter().copied().chain([f64::MAX]).map(&mut answer).collect();
        let missing = answer(f64::NAN);
        Some(Self { column, ends, values, missing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_shape_is_its_tree(
            steps in prop::collection::btree_map(-50_i32..50, -3_i32..3, 0..20),
            first in -3_i32..3,
            missing in -3_i32..3,
        ) {
            let shape = Shape {
                column: 1,
                ends: steps.keys().map(|&end| f64::from(end)).collect(),
                values: [first].into_iter().chain(steps.values().copied()).map(f64::from).collect(),
                missing: f64::from(missing),
            };
            let tree = shape.tree(2).unwrap();
            let again = Shape::of(&tree);
            for value in (-120..120).map(|half| f64::from(half) / 2.0).chain([f64::NAN, f64::MAX, f64::MIN]) {
                let expected = shape.at(value);
                prop_assert_eq!(tree.predict(&[7.0, value]), expected);
                match &again {
                    Some(again) => prop_assert_eq!(again.at(value), expected),
                    None => prop_assert_eq!(expected, shape.missing),
                }
            }
        }
    }

    #[test]
    fn trees_of_several_columns_have_no_shape() {
        let split =
            |column, left| Node::Split { column, threshold: 0.0, missing_left: true, left, right: left + 1 };
        let leaf = Node::Leaf { value: 1.0 };
        let tree = Tree::new(vec![split(0, 1), leaf, split(1, 3), leaf, leaf], 2).unwrap();
        assert_eq!(Shape::of(&tree), None);
    }
}
