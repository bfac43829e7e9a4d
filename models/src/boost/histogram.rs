//! Sums of gradients by bin, from which splits are found.

use rayon::prelude::*;

use super::bins::Bins;

/// Below this many additions, threads cost more than they save.
const PARALLEL_FROM: usize = 100_000;

/// Gradient, Hessian and number of some rows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) gradient: f64,
    pub(super) hessian: f64,
    pub(super) rows: u32,
}

/// One [`Sums`] for each bin of each column that a tree uses.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    sums: Vec<Sums>,
    stride: usize,
}

impl Sums {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            gradient: self.gradient + other.gradient,
            hessian: self.hessian + other.hessian,
            rows: self.rows + other.rows,
        }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self {
            gradient: self.gradient - other.gradient,
            hessian: self.hessian - other.hessian,
            rows: self.rows - other.rows,
        }
    }
}

impl Histogram {
    /// Sums over `rows`, whose gradient and Hessian `slopes` gives for each row of the training set. Each bin is
    /// summed in the order of the rows, by one thread: the bits do not depend on the number of threads.
    pub(super) fn of(bins: &Bins, columns: &[usize], rows: &[u32], slopes: &[[f64; 2]]) -> Self {
        let stride = columns.iter().map(|&column| bins.n_known(column) + 1).max().unwrap_or(1);
        let mut sums = vec![Sums::default(); stride * columns.len()];
        let gathered: Vec<[f64; 2]> = rows.iter().map(|&row| slopes[row as usize]).collect();
        let fill = |(sums, &column): (&mut [Sums], &usize)| {
            let codes = bins.column(column);
            for (&row, slope) in rows.iter().zip(&gathered) {
                let bin = &mut sums[usize::from(codes[row as usize])];
                bin.gradient += slope[0];
                bin.hessian += slope[1];
                bin.rows += 1;
            }
        };
        if rows.len() * columns.len() < PARALLEL_FROM {
            sums.chunks_exact_mut(stride).zip(columns).for_each(fill);
        } else {
            sums.par_chunks_exact_mut(stride).zip(columns).for_each(fill);
        }
        Self { sums, stride }
    }

    /// What remains after `part`, a histogram over some of the same rows.
    pub(super) fn without(mut self, part: &Self) -> Self {
        for (sums, part) in self.sums.iter_mut().zip(&part.sums) {
            *sums = sums.minus(*part);
        }
        self
    }

    /// The bins of the column at `position` among the tree's columns.
    pub(super) fn column(&self, position: usize) -> &[Sums] {
        &self.sums[position * self.stride..(position + 1) * self.stride]
    }
}
