//! Sums of slopes by bin, from which splits are found.
//!
//! The codes of eight columns lie side by side, row by row: one load brings the codes of a row, and the eight tables
//! that they point into fit into the first-level cache together.

use rayon::prelude::*;

use super::bins::Codes;
use super::slopes::Sums;

/// Columns side by side.
pub(super) const LANES: usize = 8;
/// The bins of a column: a code is a byte, so that no look-up can miss.
const BINS: usize = 256;
/// Rows whose slopes are fetched once for all groups of columns: they stay in the second-level cache.
const BLOCK: usize = 8_192;
/// Below this many additions, threads cost more than they save.
const PARALLEL_FROM: usize = 100_000;

type Table = [[Sums; BINS]; LANES];

/// The codes of the columns that a tree uses.
#[derive(Debug)]
pub(super) struct Lanes {
    /// Ascending.
    columns: Vec<usize>,
    /// For each column, its bins of known values.
    n_known: Vec<usize>,
    /// For each group of up to [`LANES`] columns, the codes of each row.
    groups: Vec<Vec<[u8; LANES]>>,
}

/// One [`Sums`] for each bin of each column of [`Lanes`].
#[derive(Debug)]
pub(super) struct Histogram {
    tables: Vec<Table>,
}

impl Lanes {
    /// The lanes of `columns` (ascending) with so many bins of known values each.
    pub(super) fn of(codes: &Codes, columns: Vec<usize>, n_known: Vec<usize>) -> Self {
        let groups = columns.par_chunks(LANES).map(|group| side_by_side(codes, group)).collect();
        Self { columns, n_known, groups }
    }

    /// The columns, ascending.
    pub(super) fn columns(&self) -> &[usize] {
        &self.columns
    }

    pub(super) fn n_groups(&self) -> usize {
        self.groups.len()
    }

    /// The columns of a group and their bins of known values.
    pub(super) fn group(&self, group: usize) -> impl Iterator<Item = (usize, usize)> {
        let first = group * LANES;
        let last = self.columns.len().min(first + LANES);
        self.columns[first..last].iter().copied().zip(self.n_known[first..last].iter().copied())
    }

    /// The bins of all columns.
    pub(super) fn n_bins(&self) -> usize {
        self.n_known.iter().map(|n_known| n_known + 1).sum()
    }
}

fn side_by_side(codes: &Codes, columns: &[usize]) -> Vec<[u8; LANES]> {
    let n_rows = codes.column(columns[0]).len();
    let mut lanes = vec![[0; LANES]; n_rows];
    for (lane, &column) in columns.iter().enumerate() {
        for (row, &code) in lanes.iter_mut().zip(codes.column(column)) {
            row[lane] = code;
        }
    }
    lanes
}

impl Histogram {
    pub(super) fn new(lanes: &Lanes) -> Self {
        Self { tables: vec![[[Sums::default(); BINS]; LANES]; lanes.n_groups()] }
    }

    /// Becomes the sums over `rows`, whose slopes `slopes` gives for each row of the training set.
    pub(super) fn count(&mut self, lanes: &Lanes, rows: &[u32], slopes: &[Sums]) {
        for (group, table) in self.tables.iter_mut().enumerate() {
            for (lane, (_, n_known)) in table.iter_mut().zip(lanes.group(group)) {
                lane[..=n_known].fill(Sums::default());
            }
        }
        let threads = rayon::current_num_threads();
        let parts = (rows.len() * lanes.columns.len() / PARALLEL_FROM).clamp(1, threads);
        if parts == 1 {
            return self.add(lanes, rows, slopes);
        }
        let (own, others) = rows.split_at(rows.len() / parts);
        let (_, others) = rayon::join(
            || self.add(lanes, own, slopes),
            || {
                let parts = others.par_chunks(others.len().div_ceil(parts - 1).max(1));
                parts
                    .map(|rows| {
                        let mut part = Self::new(lanes);
                        part.add(lanes, rows, slopes);
                        part
                    })
                    .collect::<Vec<Self>>()
            },
        );
        for other in others {
            for (sums, part) in
                self.tables.iter_mut().flatten().flatten().zip(other.tables.iter().flatten().flatten())
            {
                *sums = sums.plus(*part);
            }
        }
    }

    fn add(&mut self, lanes: &Lanes, rows: &[u32], slopes: &[Sums]) {
        let is_all = rows.len() == slopes.len();
        let mut fetched = Vec::with_capacity(BLOCK.min(rows.len()));
        for (block, rows) in rows.chunks(BLOCK).enumerate() {
            let first = block * BLOCK;
            let slopes = if is_all {
                &slopes[first..first + rows.len()]
            } else {
                fetched.clear();
                fetched.extend(rows.iter().map(|&row| slopes[row as usize]));
                &fetched
            };
            for (group, table) in self.tables.iter_mut().enumerate() {
                let codes = &lanes.groups[group];
                let used = lanes.group(group).count();
                if is_all {
                    fill(table, used, codes[first..first + rows.len()].iter().copied(), slopes);
                } else {
                    fill(table, used, rows.iter().map(|&row| codes[row as usize]), slopes);
                }
            }
        }
    }

    /// Becomes what remains after `part`, a histogram over some of the same rows.
    pub(super) fn subtract(&mut self, lanes: &Lanes, part: &Self) {
        for (group, (table, part)) in self.tables.iter_mut().zip(&part.tables).enumerate() {
            for ((lane, part), (_, n_known)) in table.iter_mut().zip(part).zip(lanes.group(group)) {
                for (sums, part) in lane[..=n_known].iter_mut().zip(&part[..=n_known]) {
                    *sums = sums.minus(*part);
                }
            }
        }
    }

    /// The sums over all rows: those of any column.
    pub(super) fn total(&self, lanes: &Lanes) -> Sums {
        let first = lanes.group(0).next().map_or(0, |(_, n_known)| n_known);
        self.tables[0][0][..=first].iter().fold(Sums::default(), |sums, bin| sums.plus(*bin))
    }

    pub(super) fn table(&self, group: usize) -> &Table {
        &self.tables[group]
    }
}

fn fill(table: &mut Table, used: usize, codes: impl Iterator<Item = [u8; LANES]>, slopes: &[Sums]) {
    match used {
        ..=2 => fill_lanes::<2>(table, codes, slopes),
        3..=4 => fill_lanes::<4>(table, codes, slopes),
        5..=6 => fill_lanes::<6>(table, codes, slopes),
        _ => fill_lanes::<LANES>(table, codes, slopes),
    }
}

fn fill_lanes<const USED: usize>(
    table: &mut Table,
    codes: impl Iterator<Item = [u8; LANES]>,
    slopes: &[Sums],
) {
    for (codes, slope) in codes.zip(slopes) {
        for lane in 0..USED {
            let sums = &mut table[lane][usize::from(codes[lane])];
            *sums = sums.plus(*slope);
        }
    }
}
