//! Trees, faster: what a leaf needs to know of the background is worked out once, before any row is explained.
//!
//! All that matters at a leaf is *which* of the features on its path each background row meets: a pattern of bits, one a
//! feature, and few patterns differ. For a row to explain, a leaf then costs one look at each of them: features that
//! only the row meets are in the coalition, those that only the background row meets are out of it, and where neither
//! meets one no coalition reaches the leaf (after Zern, Broelemann and Kasneci 2023).

use super::Background;
use super::trees::WEIGHTS;
use crate::tree::{Node, Tree, goes_left};

/// Trees of more leaves than this are walked for each background row instead: patterns would take too much memory.
const MOST_LEAVES: usize = 20_000;

/// The background's patterns at the leaves of some trees.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct LeafPatterns {
    /// The nodes of all trees in the order of walks that go left first.
    visits: Vec<Visit>,
    patterns: Vec<Pattern>,
    /// The features of each leaf's path, by bit.
    features: Vec<usize>,
    n_rows: f64,
}

/// A node that a walk comes by.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Visit {
    Split {
        column: usize,
        threshold: f64,
        missing_left: bool,
        /// The bit of the feature on this path.
        bit: u64,
    },
    /// How many features are on its path, and how many patterns it has.
    Leaf { value: f64, n_features: usize, n_patterns: usize },
}

/// The features of a path that a background row meets, and how many rows meet just these.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pattern {
    met: u64,
    rows: f64,
}

/// Which features of the path above a node each background row meets.
struct Path<'a> {
    tree: &'a Tree,
    background: &'a [&'a [f64]],
    sources: &'a [usize],
    features: Vec<usize>,
}

/// One row on its way past all leaves.
struct Explained<'a> {
    row: &'a [f64],
    visits: std::slice::Iter<'a, Visit>,
    patterns: &'a [Pattern],
    features: &'a [usize],
    shares: &'a mut [f64],
}

impl LeafPatterns {
    /// The patterns of `background` at the leaves of `trees`; `None` where they would be too many.
    pub(crate) fn of(trees: &[Tree], background: &Background, sources: &[usize]) -> Option<Self> {
        if trees.iter().map(|tree| tree.nodes().len() / 2 + 1).sum::<usize>() > MOST_LEAVES {
            return None;
        }
        let rows: Vec<&[f64]> = background.rows(sources.len()).collect();
        let mut found = Self { n_rows: rows.iter().map(|_| 1.0).sum(), ..Self::default() };
        for tree in trees {
            let path = Path { tree, background: &rows, sources, features: Vec::new() };
            { path }.down(0, &vec![u64::MAX; rows.len()], &mut found);
        }
        Some(found)
    }

    /// Adds to `shares` what each feature adds to the sum of the trees' answers for `row`.
    pub(super) fn shares(&self, row: &[f64], shares: &mut [f64]) {
        let (visits, patterns, features) = (self.visits.iter(), &*self.patterns, &*self.features);
        let mut explained = Explained { row, visits, patterns, features, shares };
        while !explained.visits.as_slice().is_empty() {
            explained.down(u64::MAX);
        }
        shares.iter_mut().for_each(|share| *share /= self.n_rows);
    }
}

impl Path<'_> {
    fn down(&mut self, at: u32, met: &[u64], found: &mut LeafPatterns) {
        match self.tree.nodes()[at as usize] {
            Node::Leaf { value } => {
                let all = lowest(self.features.len());
                let mut met: Vec<u64> = met.iter().map(|met| met & all).collect();
                met.sort_unstable();
                let before = found.patterns.len();
                for same in met.chunk_by(|a, b| a == b) {
                    found.patterns.push(Pattern { met: same[0], rows: same.iter().map(|_| 1.0).sum() });
                }
                let n_patterns = found.patterns.len() - before;
                found.features.extend(&self.features);
                found.visits.push(Visit::Leaf { value, n_features: self.features.len(), n_patterns });
            }
            Node::Split { column, threshold, missing_left, left, right } => {
                let column = column as usize;
                let feature = self.sources[column];
                let known = self.features.iter().position(|&own| own == feature);
                let place = known.unwrap_or(self.features.len());
                if known.is_none() {
                    self.features.push(feature);
                }
                // A path has at most 64 splits (MAX_DEPTH), so that its features have a bit each.
                let bit = 1 << place;
                found.visits.push(Visit::Split { column, threshold, missing_left, bit });
                for (child, is_left) in [(left, true), (right, false)] {
                    let below: Vec<u64> = met
                        .iter()
                        .zip(self.background)
                        .map(|(met, row)| {
                            let meets = goes_left(row[column], threshold, missing_left) == is_left;
                            if meets { *met } else { met & !bit }
                        })
                        .collect();
                    self.down(child, &below, found);
                }
                if known.is_none() {
                    self.features.pop();
                }
            }
        }
    }
}

impl Explained<'_> {
    /// Passes by the next node and all below it; `met` are the features of the path above that the row meets.
    fn down(&mut self, met: u64) {
        match self.visits.next() {
            None => {}
            Some(&Visit::Split { column, threshold, missing_left, bit }) => {
                let is_left = goes_left(self.row[column], threshold, missing_left);
                self.down(if is_left { met } else { met & !bit });
                self.down(if is_left { met & !bit } else { met });
            }
            Some(&Visit::Leaf { value, n_features, n_patterns }) => {
                let (features, other_features) = self.features.split_at(n_features);
                let (patterns, other_patterns) = self.patterns.split_at(n_patterns);
                (self.features, self.patterns) = (other_features, other_patterns);
                self.leaf(value, met, features, patterns);
            }
        }
    }

    fn leaf(&mut self, value: f64, met: u64, features: &[usize], patterns: &[Pattern]) {
        let missed = lowest(features.len()) & !met;
        let n_missed = missed.count_ones() as usize;
        let mut without = 0.0;
        for pattern in patterns.iter().filter(|pattern| pattern.met & missed == missed) {
            let inside = met & !pattern.met & lowest(features.len());
            let n_inside = inside.count_ones() as usize;
            if n_inside > 0 {
                let share = value * pattern.rows * WEIGHTS[n_inside][n_missed];
                bits(inside, |bit| self.shares[features[bit]] += share);
            }
            if n_missed > 0 {
                without += pattern.rows * WEIGHTS[n_missed][n_inside];
            }
        }
        if without > 0.0 {
            bits(missed, |bit| self.shares[features[bit]] -= value * without);
        }
    }
}

/// The lowest `n` bits, at most 64.
fn lowest(n: usize) -> u64 {
    u64::MAX.checked_shr(64 - u32::try_from(n).unwrap_or(64)).unwrap_or(0)
}

fn bits(mut set: u64, mut visit: impl FnMut(usize)) {
    while set != 0 {
        visit(set.trailing_zeros() as usize);
        set &= set - 1;
    }
}
