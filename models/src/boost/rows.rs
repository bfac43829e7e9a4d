//! Which rows are at which node: one list of rows, a stretch of it for each node, ascending within each.

use std::ops::Range;

use rayon::prelude::*;

/// Rows that one task parts, and margins that one task adds to.
const BLOCK: usize = 1 << 12;

/// A question, by the codes of a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    /// The node that asks.
    pub(super) node: usize,
    pub(super) column: usize,
    /// Codes up to and including this one go left.
    pub(super) bin: u8,
    /// The code of missing values, if they go left.
    pub(super) missing_left: Option<u8>,
}

/// Rows at the nodes of a tree that grows: children are numbered in the order of the questions.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Vec<u32>,
    /// Room for the rows that go right.
    right: Vec<u32>,
    of_node: Vec<Range<usize>>,
}

impl Rows {
    /// All of `rows` (ascending) at the root.
    pub(super) fn new(rows: Vec<u32>) -> Self {
        let root = 0..rows.len();
        Self { right: vec![0; rows.len()], rows, of_node: vec![root] }
    }

    /// The rows at `node`, ascending.
    pub(super) fn at(&self, node: usize) -> &[u32] {
        &self.rows[self.of_node[node].clone()]
    }

    /// Parts the rows of the node that asks among its children, the next two nodes. `codes` are those of the
    /// question's column.
    pub(super) fn ask(&mut self, question: &Question, codes: &[u8]) {
        let range = self.of_node[question.node].clone();
        let (rows, right) = (&mut self.rows[range.clone()], &mut self.right[range.clone()]);
        let n_left = if rows.len() <= BLOCK {
            let n_left = part(rows, right, question, codes);
            rows[n_left..].copy_from_slice(&right[..range.len() - n_left]);
            n_left
        } else {
            part_blocks(rows, right, question, codes)
        };
        let middle = range.start + n_left;
        self.of_node.extend([range.start..middle, middle..range.end]);
    }

    /// Adds to the margin of each row the value of the leaf where it is; `leaves` are nodes with their values.
    pub(super) fn add(&self, leaves: &[(usize, f64)], margins: &mut [f64]) {
        margins.par_chunks_mut(BLOCK).enumerate().for_each(|(block, margins)| {
            let first = block * BLOCK;
            let below = |end: usize| move |&row: &u32| (row as usize) < end;
            for &(node, value) in leaves {
                let rows = self.at(node);
                let from = rows.partition_point(below(first));
                let rows = &rows[from..];
                for &row in &rows[..rows.partition_point(below(first + margins.len()))] {
                    margins[row as usize - first] += value;
                }
            }
        });
    }
}

/// Brings the rows that go left to the front and writes the others to `right`, both in their order.
fn part(rows: &mut [u32], right: &mut [u32], question: &Question, codes: &[u8]) -> usize {
    let bin = question.bin;
    // A second bin that goes left; the same again where missing values go right.
    let also = question.missing_left.unwrap_or(bin);
    let (mut n_left, mut n_right) = (0, 0);
    for at in 0..rows.len() {
        let row = rows[at];
        let code = codes[row as usize];
        let goes_left = (code <= bin) | (code == also);
        rows[n_left] = row;
        right[n_right] = row;
        n_left += usize::from(goes_left);
        n_right += usize::from(!goes_left);
    }
    n_left
}

/// As [`part`], block by block side by side, and joined again.
fn part_blocks(rows: &mut [u32], right: &mut [u32], question: &Question, codes: &[u8]) -> usize {
    let left_of: Vec<usize> = rows
        .par_chunks_mut(BLOCK)
        .zip(right.par_chunks_mut(BLOCK))
        .map(|(rows, right)| part(rows, right, question, codes))
        .collect();
    let mut n_left = 0;
    for (block, &own) in left_of.iter().enumerate() {
        rows.copy_within(block * BLOCK..block * BLOCK + own, n_left);
        n_left += own;
    }
    let mut at = n_left;
    for (right, own) in right.chunks(BLOCK).zip(left_of) {
        let n_right = right.len() - own;
        rows[at..at + n_right].copy_from_slice(&right[..n_right]);
        at += n_right;
    }
    n_left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_parted_in_their_order_and_each_margin_meets_its_leaf() {
        for n_rows in [10_u32, 200_000] {
            let codes: Vec<u8> = (0..n_rows).map(|row| [0, 1, 2, 3][row as usize % 4]).collect();
            let mut rows = Rows::new((0..n_rows).filter(|row| row % 3 > 0).collect());
            let question = Question { node: 0, column: 0, bin: 1, missing_left: Some(3) };
            rows.ask(&question, &codes);
            rows.ask(&Question { node: 1, bin: 0, missing_left: None, ..question }, &codes);
            let expected = |wanted: &[u8]| -> Vec<u32> {
                (0..n_rows).filter(|row| row % 3 > 0 && wanted.contains(&codes[*row as usize])).collect()
            };
            assert_eq!(rows.at(2), expected(&[2]));
            assert_eq!(rows.at(3), expected(&[0]));
            assert_eq!(rows.at(4), expected(&[1, 3]));
            let mut margins = vec![0.5; n_rows as usize];
            rows.add(&[(2, 1.0), (3, 2.0), (4, 3.0)], &mut margins);
            for (row, &margin) in margins.iter().enumerate() {
                let added = if row % 3 == 0 { 0.0 } else { [2.0, 3.0, 1.0, 3.0][row % 4] };
                assert_eq!(margin.to_bits(), (0.5_f64 + added).to_bits());
            }
        }
    }
}
