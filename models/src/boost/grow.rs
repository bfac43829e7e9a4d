//! One tree: split the best way, smaller child counted, larger child by subtraction.

use rayon::prelude::*;

use super::bins::{Bins, Codes};
use super::histogram::{Histogram, Lanes};
use super::rows::{Question, Rows};
use super::slopes::{Slopes, Sums};
use super::split::{Asked, Bounds, Rules, Split, UNBOUNDED, mixed};
use crate::tree::Node;

/// Below this many bins of a node, threads cost more than they save.
const PARALLEL_FROM: usize = 4_096;

/// What all trees of one fit share.
#[derive(Debug)]
pub(super) struct Grower<'a> {
    pub(super) bins: &'a Bins,
    pub(super) codes: &'a Codes,
    pub(super) rules: Rules<'a>,
    /// Histograms of nodes that are done with, for new ones.
    pub(super) spare: Vec<Histogram>,
}

/// A tree, and how rows find their leaves by codes.
#[derive(Debug)]
pub(super) struct Grown {
    pub(super) nodes: Vec<Node>,
    /// In the order in which they were asked.
    pub(super) questions: Vec<Question>,
    /// Where the rows are that it learnt from.
    pub(super) rows: Rows,
}

/// A node that will be split, unless others gain more.
struct Open {
    node: usize,
    depth: usize,
    bounds: Bounds,
    split: Split,
    histogram: Histogram,
}

impl Grower<'_> {
    /// A tree over the columns of `lanes` for `rows` (ascending), leaves holding the learning rate × their answer; cuts
    /// that are drawn are drawn by `cuts`.
    pub(super) fn grow(&mut self, lanes: &Lanes, rows: Vec<u32>, slopes: &Slopes, cuts: u64) -> Grown {
        let params = self.rules.params;
        let mut histogram = self.histogram(lanes);
        histogram.count(lanes, &rows, slopes.rows(), &mut self.spare);
        let sums = histogram.total(lanes);
        let mut grown =
            Grown { nodes: vec![self.leaf(sums, UNBOUNDED)], questions: Vec::new(), rows: Rows::new(rows) };
        let asked = Asked { sums, bounds: UNBOUNDED, cuts: mixed(cuts, 0) };
        let mut open = Vec::new();
        let root = self.best(asked, &histogram, lanes);
        self.keep(&mut open, (0, 0, UNBOUNDED), root, histogram);
        for n_leaves in 2.. {
            let Some(parent) = self.next(&mut open) else { break };
            let Open { split, bounds, .. } = parent;
            let left = grown.ask(&parent, self.bins, self.codes);
            let to_left = self.rules.answer(split.left, bounds);
            let to_right = self.rules.answer(split.right, bounds);
            let (bounds_left, bounds_right) = bounds.of_children(split.order, to_left, to_right);
            grown.nodes.push(self.leaf(split.left, bounds_left));
            grown.nodes.push(self.leaf(split.right, bounds_right));
            let depth = parent.depth + 1;
            let sides = [
                Asked { sums: split.left, bounds: bounds_left, cuts: mixed(cuts, left) },
                Asked { sums: split.right, bounds: bounds_right, cuts: mixed(cuts, left + 1) },
            ];
            if n_leaves == params.leaves {
                self.spare.push(parent.histogram);
                break;
            }
            if depth == params.depth || !sides.iter().any(|side| self.rules.is_divisible(side.sums)) {
                self.spare.push(parent.histogram);
                continue;
            }
            let smaller = usize::from(grown.rows.at(left).len() > grown.rows.at(left + 1).len());
            let mut counted = self.histogram(lanes);
            counted.count(lanes, grown.rows.at(left + smaller), slopes.rows(), &mut self.spare);
            let mut rest = parent.histogram;
            rest.subtract(lanes, &counted);
            let histograms = if smaller == 0 { [counted, rest] } else { [rest, counted] };
            let best = |side: usize| self.best(sides[side], &histograms[side], lanes);
            let (of_left, of_right) = if lanes.n_bins() < PARALLEL_FROM {
                (best(0), best(1))
            } else {
                rayon::join(|| best(0), || best(1))
            };
            // The left child comes next.
            for ((side, histogram), found) in
                histograms.into_iter().enumerate().zip([of_left, of_right]).rev()
            {
                self.keep(&mut open, (left + side, depth, sides[side].bounds), found, histogram);
            }
        }
        self.spare.extend(open.into_iter().map(|open| open.histogram));
        grown
    }

    /// The node to split next: where the leaves are limited the one that gains most, else the last one, whose
    /// histogram is still in the cache.
    fn next(&self, open: &mut Vec<Open>) -> Option<Open> {
        if !self.rules.params.is_best_first() {
            return open.pop();
        }
        let gains = open.iter().enumerate().map(|(at, open)| (at, open.split.gain));
        let (most, _) = gains.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        Some(open.swap_remove(most))
    }

    fn keep(
        &mut self,
        open: &mut Vec<Open>,
        (node, depth, bounds): (usize, usize, Bounds),
        found: Option<Split>,
        histogram: Histogram,
    ) {
        match found {
            Some(split) => open.push(Open { node, depth, bounds, split, histogram }),
            None => self.spare.push(histogram),
        }
    }

    fn best(&self, asked: Asked, histogram: &Histogram, lanes: &Lanes) -> Option<Split> {
        if !self.rules.is_divisible(asked.sums) {
            return None;
        }
        let of_group = |group| self.rules.best(asked, histogram, lanes, group);
        let better = |a: Option<Split>, b: Option<Split>| match (a, b) {
            (Some(a), Some(b)) if b.gain > a.gain => Some(b),
            (a, b) => a.or(b),
        };
        let groups = 0..lanes.n_groups();
        if lanes.n_bins() < PARALLEL_FROM {
            return groups.map(of_group).fold(None, better);
        }
        let found: Vec<Option<Split>> = groups.into_par_iter().map(of_group).collect();
        found.into_iter().fold(None, better)
    }

    fn histogram(&mut self, lanes: &Lanes) -> Histogram {
        self.spare.pop().unwrap_or_else(|| Histogram::new(lanes))
    }

    fn leaf(&self, sums: Sums, bounds: Bounds) -> Node {
        Node::Leaf { value: self.rules.params.learning_rate * self.rules.answer(sums, bounds) }
    }
}

impl Grown {
    /// Makes the leaf that `open` is a split; answers the node that its left child will be.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "codes are bytes, and trees have at most 2,047 nodes"
    )]
    fn ask(&mut self, open: &Open, bins: &Bins, codes: &Codes) -> usize {
        let Open { node, split, .. } = open;
        let left = self.nodes.len();
        self.nodes[*node] = Node::Split {
            column: split.column as u32,
            threshold: bins.threshold(split.column, split.bin),
            missing_left: split.missing_left,
            left: left as u32,
            right: left as u32 + 1,
        };
        let question = Question {
            node: *node,
            column: split.column,
            bin: split.bin as u8,
            missing_left: split.missing_left.then_some(bins.n_known(split.column) as u8),
        };
        self.rows.ask(&question, codes.column(split.column));
        self.questions.push(question);
        left
    }

    /// The leaves and their values.
    pub(super) fn leaves(&self) -> Vec<(usize, f64)> {
        let leaf = |(at, node): (usize, &Node)| match *node {
            Node::Leaf { value } => Some((at, value)),
            Node::Split { .. } => None,
        };
        self.nodes.iter().enumerate().filter_map(leaf).collect()
    }

    /// Lets every leaf answer so many times as much.
    pub(super) fn scale(&mut self, factor: f64) {
        for node in &mut self.nodes {
            if let Node::Leaf { value } = node {
                *value *= factor;
            }
        }
    }

    /// Adds to the margins of `rows` (ascending), which the tree did not learn from, what it answers for them.
    pub(super) fn add_to(&self, rows: Vec<u32>, codes: &Codes, margins: &mut [f64]) {
        let mut rows = Rows::new(rows);
        for question in &self.questions {
            rows.ask(question, codes.column(question.column));
        }
        rows.add(&self.leaves(), margins);
    }
}
