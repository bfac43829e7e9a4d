//! Sums of slopes by bin, from which splits are found.
//!
//! The codes of a row lie side by side, so that rows far apart cost a cache line or two each, whatever the number of
//! columns. Eight columns are counted at a time: one load brings their codes, and the eight tables that they point into
//! fit into the first-level cache together.

use rayon::prelude::*;

use super::bins::Codes;
use super::slopes::Sums;

/// Columns side by side.
pub(crate) const LANES: usize = 8;
/// The bins of a column: a code is a byte, so that no look-up can miss.
const BINS: usize = 256;
/// Rows that are fetched at once: their codes stay in the second-level cache until all columns are counted.
const BLOCK: usize = 4_096;
/// Additions that are worth a part of the rows: it is counted into tables of its own, which are added up then.
const OF_PART: usize = 100_000;
/// From this many additions on, threads share the columns; below it they cost more than they save.
const SHARE_COLUMNS_FROM: usize = 20_000;

type Table = [[Sums; BINS]; LANES];

/// The codes of the columns that a tree uses.
#[derive(Debug)]
pub(crate) struct Lanes {
    /// Ascending.
    columns: Vec<usize>,
    /// For each column, its bins of known values.
    n_known: Vec<usize>,
    /// Row by row, for each group of up to [`LANES`] columns their codes.
    codes: Vec<[u8; LANES]>,
    n_groups: usize,
}

/// One [`Sums`] for each bin of each column of [`Lanes`].
#[derive(Debug)]
pub(crate) struct Histogram {
    tables: Vec<Table>,
}

impl Lanes {
    /// The lanes of `columns` (ascending) with so many bins of known values each.
    pub(crate) fn of(codes: &Codes, columns: Vec<usize>, n_known: Vec<usize>) -> Self {
        let n_groups = columns.len().div_ceil(LANES);
        let n_rows = columns.first().map_or(0, |&first| codes.column(first).len());
        let mut lanes = vec![[0; LANES]; n_rows * n_groups];
        lanes.par_chunks_mut(BLOCK * n_groups.max(1)).enumerate().for_each(|(block, rows)| {
            for (at, &column) in columns.iter().enumerate() {
                let codes = &codes.column(column)[block * BLOCK..];
                for (row, &code) in rows.chunks_exact_mut(n_groups).zip(codes) {
                    row[at / LANES][at % LANES] = code;
                }
            }
        });
        Self { columns, n_known, codes: lanes, n_groups }
    }

    /// The columns, ascending.
    pub(crate) fn columns(&self) -> &[usize] {
        &self.columns
    }

    pub(crate) fn n_groups(&self) -> usize {
        self.n_groups
    }

    /// The columns of a group and their bins of known values.
    pub(crate) fn group(&self, group: usize) -> impl Iterator<Item = (usize, usize)> {
        let first = group * LANES;
        let last = self.columns.len().min(first + LANES);
        self.columns[first..last].iter().copied().zip(self.n_known[first..last].iter().copied())
    }

    /// The bins of all columns.
    pub(crate) fn n_bins(&self) -> usize {
        self.n_known.iter().map(|n_known| n_known + 1).sum()
    }
}

impl Histogram {
    pub(crate) fn new(lanes: &Lanes) -> Self {
        Self { tables: vec![[[Sums::default(); BINS]; LANES]; lanes.n_groups()] }
    }

    /// Becomes the sums over `rows`, whose slopes `slopes` gives for each row of the training set. Threads that help
    /// count into histograms of `spare`, which is left with at least as many.
    pub(crate) fn count(&mut self, lanes: &Lanes, rows: &[u32], slopes: &[Sums], spare: &mut Vec<Self>) {
        let threads = rayon::current_num_threads();
        let additions = rows.len() * lanes.columns.len();
        if threads == 1 || additions < SHARE_COLUMNS_FROM {
            return clear_and_add(&mut self.tables, 0, lanes, rows, slopes);
        }
        let n_groups = lanes.n_groups.div_ceil(threads);
        let n_parts = (additions / OF_PART).min(threads);
        if n_parts < 2 {
            let parts = self.tables.par_chunks_mut(n_groups).enumerate();
            return parts
                .for_each(|(part, tables)| clear_and_add(tables, part * n_groups, lanes, rows, slopes));
        }
        while spare.len() + 1 < n_parts {
            spare.push(Self::new(lanes));
        }
        let helpers = &mut spare[..n_parts - 1];
        let of_part = rows.len().div_ceil(n_parts);
        let (own, others) = rows.split_at(of_part);
        rayon::join(
            || clear_and_add(&mut self.tables, 0, lanes, own, slopes),
            || {
                let parts = helpers.par_iter_mut().zip(others.par_chunks(of_part));
                parts.for_each(|(helper, rows)| clear_and_add(&mut helper.tables, 0, lanes, rows, slopes));
            },
        );
        let helpers = &helpers[..others.len().div_ceil(of_part)];
        self.tables.par_iter_mut().enumerate().for_each(|(group, table)| {
            for helper in helpers {
                merge(table, &helper.tables[group], lanes, group, Sums::plus);
            }
        });
    }

    /// Becomes what remains after `part`, a histogram over some of the same rows.
    pub(crate) fn subtract(&mut self, lanes: &Lanes, part: &Self) {
        for (group, (table, part)) in self.tables.iter_mut().zip(&part.tables).enumerate() {
            merge(table, part, lanes, group, Sums::minus);
        }
    }

    /// The sums over all rows: those of any column.
    pub(crate) fn total(&self, lanes: &Lanes) -> Sums {
        let first = lanes.group(0).next().map_or(0, |(_, n_known)| n_known);
        self.tables[0][0][..=first].iter().fold(Sums::default(), |sums, bin| sums.plus(*bin))
    }

    pub(crate) fn table(&self, group: usize) -> &Table {
        &self.tables[group]
    }
}

/// The `tables` of the groups from `first` on become the sums over `rows`.
fn clear_and_add(tables: &mut [Table], first: usize, lanes: &Lanes, rows: &[u32], slopes: &[Sums]) {
    for (group, table) in (first..).zip(tables.iter_mut()) {
        for (lane, (_, n_known)) in table.iter_mut().zip(lanes.group(group)) {
            lane[..=n_known].fill(Sums::default());
        }
    }
    let n_groups = lanes.n_groups;
    // Fetched in a loop that does nothing else, many rows are on their way at once.
    let mut slopes_of_block = Vec::with_capacity(BLOCK.min(rows.len()));
    let mut codes_of_block = Vec::with_capacity(BLOCK.min(rows.len()));
    for rows in rows.chunks(BLOCK) {
        slopes_of_block.clear();
        slopes_of_block.extend(rows.iter().map(|&row| slopes[row as usize]));
        for (group, table) in (first..).zip(tables.iter_mut()) {
            codes_of_block.clear();
            codes_of_block.extend(rows.iter().map(|&row| lanes.codes[row as usize * n_groups + group]));
            fill(table, lanes.group(group).count(), &codes_of_block, &slopes_of_block);
        }
    }
}

/// Every sum of a group's `table` with that of the `other`.
fn merge(table: &mut Table, other: &Table, lanes: &Lanes, group: usize, merged: impl Fn(Sums, Sums) -> Sums) {
    for ((lane, other), (_, n_known)) in table.iter_mut().zip(other).zip(lanes.group(group)) {
        for (sums, other) in lane[..=n_known].iter_mut().zip(&other[..=n_known]) {
            *sums = merged(*sums, *other);
        }
    }
}

fn fill(table: &mut Table, used: usize, codes: &[[u8; LANES]], slopes: &[Sums]) {
    match used {
        ..=2 => fill_lanes::<2>(table, codes, slopes),
        3..=4 => fill_lanes::<4>(table, codes, slopes),
        5..=6 => fill_lanes::<6>(table, codes, slopes),
        _ => fill_lanes::<LANES>(table, codes, slopes),
    }
}

fn fill_lanes<const USED: usize>(table: &mut Table, codes: &[[u8; LANES]], slopes: &[Sums]) {
    for (codes, slope) in codes.iter().zip(slopes) {
        for lane in 0..USED {
            let sums = &mut table[lane][usize::from(codes[lane])];
            *sums = sums.plus(*slope);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boost::bins::Bins;
    use crate::boost::slopes::Slopes;

    /// Rows few enough for one thread, so many that threads share the columns, and so many that they share the rows.
    #[test]
    fn threads_count_what_one_does() {
        const N: u32 = 20_000;
        let value = |row: u32, column: u32| f64::from(row.wrapping_mul(2_654_435_761 + column) >> 16 & 63);
        let columns: Vec<Vec<f64>> =
            (0..20).map(|column| (0..N).map(|row| value(row, column)).collect()).collect();
        let weights: Vec<f64> = (0..N).map(|row| 1.0 / f64::from(row % 3 + 1)).collect();
        let labels: Vec<f64> = (0..N).map(|row| f64::from(u8::from(row % 5 == 0))).collect();
        let bins = Bins::fit(&columns, &weights, 64, 1);
        let n_known = (0..columns.len()).map(|column| bins.n_known(column)).collect();
        let lanes = Lanes::of(&bins.codes(&columns), (0..columns.len()).collect(), n_known);
        let mut slopes = Slopes::new(&weights);
        slopes.set(&vec![0.3; N as usize], &labels, &weights);
        let count = |n_threads: usize, rows: &[u32]| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            // Used before: what is there must not show.
            let mut histogram = Histogram::new(&lanes);
            let mut spare = Vec::new();
            pool.install(|| histogram.count(&lanes, &[0, 1, 2], slopes.rows(), &mut spare));
            pool.install(|| histogram.count(&lanes, rows, slopes.rows(), &mut spare));
            histogram.tables
        };
        for n_rows in [100, 3_000, N] {
            let rows: Vec<u32> = (0..N).filter(|row| row % (N / n_rows) == 0).collect();
            let alone = count(1, &rows);
            for n_threads in [2, 3, 8] {
                assert!(count(n_threads, &rows) == alone, "{n_rows} rows, {n_threads} threads");
            }
        }
    }
}
