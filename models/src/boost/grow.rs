//! One tree: split the best way, smaller child counted, larger child by subtraction.

use super::bins::Bins;
use super::histogram::{Histogram, Sums};
use super::params::Params;
use super::split::{self, Bounds, UNBOUNDED};
use crate::encode::Order;
use crate::tree::Node;

/// What all trees of one fit share.
pub(super) struct Grower<'a> {
    pub(super) bins: &'a Bins,
    /// One an encoded column.
    pub(super) orders: &'a [Order],
    pub(super) params: &'a Params,
}

struct Open {
    node: usize,
    depth: usize,
    rows: Vec<u32>,
    sums: Sums,
    bounds: Bounds,
    histogram: Histogram,
}

impl Grower<'_> {
    /// A tree over `columns` (ascending) for `rows` (ascending), of which `slopes` gives gradient and Hessian;
    /// leaves hold the learning rate × their answer.
    pub(super) fn grow(&self, columns: &[usize], rows: Vec<u32>, slopes: &[[f64; 2]]) -> Vec<Node> {
        let mut sums = Sums::default();
        for &row in &rows {
            let [gradient, hessian] = slopes[row as usize];
            sums = sums.plus(Sums { gradient, hessian, rows: 1 });
        }
        let histogram = Histogram::of(self.bins, columns, &rows, slopes);
        let mut nodes = vec![self.leaf(sums, UNBOUNDED)];
        let mut open = vec![Open { node: 0, depth: 0, rows, sums, bounds: UNBOUNDED, histogram }];
        while let Some(parent) = open.pop() {
            let asked = (parent.sums, parent.bounds);
            let found = split::best(asked, &parent.histogram, columns, self.orders, self.bins, self.params);
            let Some(split) = found else { continue };
            let Ok(left) = u32::try_from(nodes.len()) else { break };
            nodes[parent.node] = Node::Split {
                column: u32::try_from(split.column).unwrap_or(u32::MAX),
                threshold: self.bins.threshold(split.column, split.bin),
                missing_left: split.missing_left,
                left,
                right: left + 1,
            };
            let to_left = split::answer(split.left, parent.bounds, self.params);
            let to_right = split::answer(split.right, parent.bounds, self.params);
            let (bounds_left, bounds_right) = parent.bounds.of_children(split.order, to_left, to_right);
            nodes.push(self.leaf(split.left, bounds_left));
            nodes.push(self.leaf(split.right, bounds_right));
            let depth = parent.depth + 1;
            if depth == self.params.depth {
                continue;
            }
            let codes = self.bins.column(split.column);
            let n_known = self.bins.n_known(split.column);
            let (rows_left, rows_right): (Vec<u32>, Vec<u32>) = parent.rows.iter().partition(|&&row| {
                let code = usize::from(codes[row as usize]);
                if code == n_known { split.missing_left } else { code <= split.bin }
            });
            let smaller = if rows_left.len() <= rows_right.len() { &rows_left } else { &rows_right };
            let counted = Histogram::of(self.bins, columns, smaller, slopes);
            let rest = parent.histogram.without(&counted);
            let (histogram_left, histogram_right) =
                if rows_left.len() <= rows_right.len() { (counted, rest) } else { (rest, counted) };
            let children = [
                (1, rows_right, split.right, bounds_right, histogram_right),
                (0, rows_left, split.left, bounds_left, histogram_left),
            ];
            for (side, rows, sums, bounds, histogram) in children {
                open.push(Open { node: left as usize + side, depth, rows, sums, bounds, histogram });
            }
        }
        nodes
    }

    fn leaf(&self, sums: Sums, bounds: Bounds) -> Node {
        Node::Leaf { value: self.params.learning_rate * split::answer(sums, bounds, self.params) }
    }
}
