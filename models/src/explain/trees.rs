//! Trees: the exact game against each background row, in one walk of each tree.
//!
//! Where row and background row part ways at a feature not yet decided, both branches are walked: one for coalitions
//! that hold the feature (the row's value), one for those that do not. A leaf reached with a features in and b
//! features out belongs to exactly the coalitions that agree, and its Shapley weight depends on a and b alone.

use std::sync::LazyLock;

use super::Background;
use crate::tree::{MAX_DEPTH, Node, Tree, goes_left};

/// The most features on either side of a coalition: those of the longest path.
const MOST: usize = MAX_DEPTH + 1;

/// `[a][b]` = (a−1)!·b! / (a+b)! for a ≥ 1.
pub(super) static WEIGHTS: LazyLock<[[f64; MOST]; MOST]> = LazyLock::new(|| {
    let mut by_in = [[0.0; MOST]; MOST];
    let mut inside = 0.0;
    for row in by_in.iter_mut().skip(1) {
        inside += 1.0;
        // (a−1)!·0!/a! = 1/a, then each step from b−1 to b multiplies by b/(a+b).
        let mut weight = 1.0 / inside;
        let mut outside = 0.0;
        for value in row.iter_mut() {
            *value = weight;
            outside += 1.0;
            weight *= outside / (inside + outside);
        }
    }
    by_in
});

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Open,
    Row,
    Background,
}

struct Walk<'a> {
    tree: &'a Tree,
    row: &'a [f64],
    other: &'a [f64],
    sources: &'a [usize],
    weights: &'a [[f64; MOST]; MOST],
    sides: &'a mut [Side],
    shares: &'a mut [f64],
}

pub(super) fn shares(
    trees: &[Tree],
    row: &[f64],
    background: &Background,
    sources: &[usize],
    shares: &mut [f64],
) {
    let mut sides = vec![Side::Open; shares.len()];
    let n_rows: f64 = background.rows(row.len()).map(|_| 1.0).sum();
    for other in background.rows(row.len()) {
        for tree in trees {
            let walk = Walk { tree, row, other, sources, weights: &WEIGHTS, sides: &mut sides, shares };
            let _ = { walk }.down(0, 0, 0);
        }
    }
    shares.iter_mut().for_each(|share| *share /= n_rows);
}

impl Walk<'_> {
    /// Adds the shares of all features decided below `at`, and answers the weighted sums of the leaves below it: as
    /// counted for a feature in the coalition, and for a feature out of it.
    fn down(&mut self, at: u32, inside: usize, outside: usize) -> (f64, f64) {
        let (column, threshold, missing_left, left, right) = match self.tree.nodes()[at as usize] {
            Node::Leaf { value } => {
                let with = if inside > 0 { value * self.weights[inside][outside] } else { 0.0 };
                let without = if outside > 0 { value * self.weights[outside][inside] } else { 0.0 };
                return (with, without);
            }
            Node::Split { column, threshold, missing_left, left, right } => {
                (column as usize, threshold, missing_left, left, right)
            }
        };
        let child = |value: f64| if goes_left(value, threshold, missing_left) { left } else { right };
        let (of_row, of_other) = (child(self.row[column]), child(self.other[column]));
        let feature = self.sources[column];
        if of_row == of_other {
            return self.down(of_row, inside, outside);
        }
        match self.sides[feature] {
            Side::Row => self.down(of_row, inside, outside),
            Side::Background => self.down(of_other, inside, outside),
            Side::Open => {
                self.sides[feature] = Side::Row;
                let (with_row, without_row) = self.down(of_row, inside + 1, outside);
                self.sides[feature] = Side::Background;
                let (with_other, without_other) = self.down(of_other, inside, outside + 1);
                self.sides[feature] = Side::Open;
                self.shares[feature] += with_row - without_other;
                (with_row + with_other, without_row + without_other)
            }
        }
    }
}
