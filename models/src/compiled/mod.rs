//! Trees of any learner as one flat structure that answers without branches and without allocating.
//!
//! Each column that a tree asks about is turned into its place among the thresholds asked for, once a row, and stored
//! twice: a missing value is below all thresholds in one copy and above all in the other, so that a step needs no
//! question about missing values. A node takes eight bytes, its children lie side by side, and a leaf points to itself:
//! eight trees, or one tree for sixteen rows, walk at once for as many steps as the deepest needs, and the
//! processor need not wait for any of them. The answer is the sum in the order of the trees: the bits of a plain
//! walk.

mod build;
mod question;
mod walk;

pub use build::{Branch, CompileError, Plan};
pub use question::{Missing, Question};

use question::Questions;

/// Trees that walk side by side for one row.
const TREES: usize = 8;
/// Rows that walk side by side down one tree.
const ROWS: usize = 16;
/// Rows whose places are found before the trees are walked.
pub const BLOCK: usize = 64;

/// A step of a walk. A leaf leads to itself.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Step {
    /// Places up to and including this one go left.
    place: u16,
    /// Which of a row's places is asked for.
    slot: u16,
    /// The node to the left; the one to the right comes next.
    left: u32,
}

/// Where a tree begins, and how many steps its longest path has.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Root {
    step: u32,
    depth: u32,
    /// The tree's position in the sum.
    order: u32,
}

/// Compiled trees.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledTrees {
    questions: Questions,
    /// As many as a power of two, so that a mask keeps every index within.
    steps: Vec<Step>,
    /// What the tree answers at each step; 0 where it is no leaf.
    answers: Vec<f64>,
    /// In the order of the sum.
    roots: Vec<Root>,
    /// By depth, so that trees that walk together end together.
    by_depth: Vec<Root>,
}

/// Room for the places and answers of a row or a block of rows, used again from call to call.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    places: Vec<u16>,
    answers: Vec<f64>,
}

impl CompiledTrees {
    /// The number of columns of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.questions.width()
    }

    /// The number of trees.
    #[must_use]
    pub fn n_trees(&self) -> usize {
        self.roots.len()
    }
}

#[cfg(test)]
mod tests;
