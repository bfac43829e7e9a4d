//! One flat binary tree, for the forest and for boosting, for prediction and for explanation.

use serde::{Deserialize, Serialize};

/// No path from the root is longer than this many splits.
pub const MAX_DEPTH: usize = 64;

/// A node of a [`Tree`]; children come after their parent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Node {
    /// The end of a path.
    Leaf {
        /// What the tree answers here.
        value: f64,
    },
    /// A question about one encoded column.
    Split {
        /// The encoded column.
        column: u32,
        /// Values up to and including this one go left.
        threshold: f64,
        /// Whether a missing value (NaN) goes left.
        missing_left: bool,
        /// The node for the rows that go left.
        left: u32,
        /// The node for the rows that go right.
        right: u32,
    },
}

/// A binary tree over encoded columns, as a list of nodes with the root first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    nodes: Vec<Node>,
}

/// Why nodes do not make a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A tree has at least a root.
    #[error("a tree has no nodes")]
    Empty,
    /// A child lies outside the list, or before its parent.
    #[error("node {node} of {nodes} points to node {child}")]
    Child {
        /// The parent.
        node: usize,
        /// Where it points to.
        child: usize,
        /// The number of nodes.
        nodes: usize,
    },
    /// Each node but the root has exactly one parent.
    #[error("node {node} has {parents} parents")]
    Parents {
        /// The node.
        node: usize,
        /// How many point to it.
        parents: usize,
    },
    /// A path is longer than [`MAX_DEPTH`].
    #[error("node {0} is deeper than {MAX_DEPTH} splits")]
    Deep(usize),
    /// A split asks about a column that does not exist.
    #[error("node {node} asks about column {column} of {columns}")]
    Column {
        /// The split.
        node: usize,
        /// Its column.
        column: usize,
        /// The number of encoded columns.
        columns: usize,
    },
    /// A threshold or a leaf value is NaN or infinite.
    #[error("node {0} holds a number that is not finite")]
    NotFinite(usize),
}

impl Tree {
    /// A tree of `nodes`, root first, over `columns` encoded columns.
    ///
    /// # Errors
    /// Refuses everything that could make a prediction leave the list, loop or answer NaN.
    pub fn new(nodes: Vec<Node>, columns: usize) -> Result<Self, TreeError> {
        let tree = Self { nodes };
        tree.validate(columns)?;
        Ok(tree)
    }

    /// The nodes, root first.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What the tree answers for an encoded row.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> f64 {
        let mut at = 0;
        loop {
            match self.nodes[at] {
                Node::Leaf { value } => return value,
                Node::Split { column, threshold, missing_left, left, right } => {
                    let goes_left = goes_left(row[column as usize], threshold, missing_left);
                    at = if goes_left { left } else { right } as usize;
                }
            }
        }
    }

    /// Checks a tree that came from a file, as [`Self::new`] does.
    ///
    /// # Errors
    /// See [`Self::new`].
    pub fn validate(&self, columns: usize) -> Result<(), TreeError> {
        let n = self.nodes.len();
        if n == 0 {
            return Err(TreeError::Empty);
        }
        let mut depth = vec![0_usize; n];
        let mut parents = vec![0_usize; n];
        for (at, node) in self.nodes.iter().enumerate() {
            match *node {
                Node::Leaf { value } => {
                    if !value.is_finite() {
                        return Err(TreeError::NotFinite(at));
                    }
                }
                Node::Split { column, threshold, left, right, .. } => {
                    if !threshold.is_finite() {
                        return Err(TreeError::NotFinite(at));
                    }
                    let column = column as usize;
                    if column >= columns {
                        return Err(TreeError::Column { node: at, column, columns });
                    }
                    if depth[at] >= MAX_DEPTH {
                        return Err(TreeError::Deep(at));
                    }
                    for child in [left as usize, right as usize] {
                        if child <= at || child >= n {
                            return Err(TreeError::Child { node: at, child, nodes: n });
                        }
                        depth[child] = depth[at] + 1;
                        parents[child] += 1;
                    }
                }
            }
        }
        match parents.iter().enumerate().skip(1).find(|&(_, &parents)| parents != 1) {
            Some((node, &parents)) => Err(TreeError::Parents { node, parents }),
            None => Ok(()),
        }
    }
}

/// The one rule by which a value picks its side.
#[inline]
pub(crate) fn goes_left(value: f64, threshold: f64, missing_left: bool) -> bool {
    if value.is_nan() { missing_left } else { value <= threshold }
}

/// How many of `width` columns a tree or a split tries: that share of them, at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share in (0, 1] of a column count far below 2^53"
)]
pub(crate) fn columns_tried(fraction: f64, width: usize) -> usize {
    ((fraction * width as f64).round() as usize).clamp(1, width)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(column: u32, left: u32, right: u32) -> Node {
        Node::Split { column, threshold: 1.0, missing_left: true, left, right }
    }

    const LEAF: Node = Node::Leaf { value: 2.0 };

    #[test]
    fn each_side_of_the_threshold_and_missing() {
        let nodes = vec![split(0, 1, 2), Node::Leaf { value: -1.0 }, LEAF];
        let tree = Tree::new(nodes, 1).unwrap();
        let answers = [1.0, 1.1, f64::NAN].map(|value| tree.predict(&[value]));
        assert_eq!(answers, [-1.0, 2.0, -1.0]);
    }

    #[test]
    fn refuses_what_could_panic_or_loop() {
        let refuse = |nodes: Vec<Node>| Tree::new(nodes, 1).unwrap_err();
        assert_eq!(refuse(vec![]), TreeError::Empty);
        assert_eq!(refuse(vec![split(0, 0, 1), LEAF]), TreeError::Child { node: 0, child: 0, nodes: 2 });
        assert_eq!(refuse(vec![split(0, 1, 2), LEAF]), TreeError::Child { node: 0, child: 2, nodes: 2 });
        assert_eq!(refuse(vec![split(0, 1, 1), LEAF]), TreeError::Parents { node: 1, parents: 2 });
        assert_eq!(refuse(vec![LEAF, LEAF]), TreeError::Parents { node: 1, parents: 0 });
        let wide = TreeError::Column { node: 0, column: 1, columns: 1 };
        assert_eq!(refuse(vec![split(1, 1, 2), LEAF, LEAF]), wide);
        assert_eq!(refuse(vec![Node::Leaf { value: f64::NAN }]), TreeError::NotFinite(0));
        let mut chain = Vec::new();
        for at in 0..100_u32 {
            chain.extend([split(0, 2 * at + 1, 2 * at + 2), LEAF]);
        }
        chain.push(LEAF);
        assert_eq!(refuse(chain), TreeError::Deep(2 * MAX_DEPTH));
    }
}
