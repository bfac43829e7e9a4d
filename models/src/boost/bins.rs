//! Encoded numbers → at most 255 bins a column, with one more for missing values.

use rayon::prelude::*;

/// Binned training rows.
#[derive(Debug)]
pub(super) struct Bins {
    /// Column-major: the bin of each row.
    codes: Vec<u8>,
    /// For each column, the ascending upper ends of all bins but the last.
    edges: Vec<Vec<f64>>,
    n_rows: usize,
}

impl Bins {
    /// Bins of about equal weight, cut between distinct values of `matrix` (row-major, `width` wide).
    pub(super) fn fit(matrix: &[f64], width: usize, weights: &[f64], max_bins: usize) -> Self {
        let n_rows = weights.len();
        let columns: Vec<(Vec<f64>, Vec<u8>)> = (0..width)
            .into_par_iter()
            .map(|column| {
                let values: Vec<f64> = (0..n_rows).map(|row| matrix[row * width + column]).collect();
                let edges = edges(&values, weights, max_bins);
                let codes = values.iter().map(|&value| code(value, &edges)).collect();
                (edges, codes)
            })
            .collect();
        let mut bins = Self { codes: Vec::with_capacity(width * n_rows), edges: Vec::new(), n_rows };
        for (edges, codes) in columns {
            bins.codes.extend(codes);
            bins.edges.push(edges);
        }
        bins
    }

    /// The bin of each row.
    pub(super) fn column(&self, column: usize) -> &[u8] {
        &self.codes[column * self.n_rows..(column + 1) * self.n_rows]
    }

    /// The bins of known values; the next number is the bin of missing ones.
    pub(super) fn n_known(&self, column: usize) -> usize {
        self.edges[column].len() + 1
    }

    /// The largest value that falls into `bin` of known values or below it.
    pub(super) fn threshold(&self, column: usize, bin: usize) -> f64 {
        self.edges[column].get(bin).copied().unwrap_or(f64::MAX)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a column has at most 254 edges, so at most 256 codes")]
fn code(value: f64, edges: &[f64]) -> u8 {
    if value.is_nan() { (edges.len() + 1) as u8 } else { edges.partition_point(|&edge| edge < value) as u8 }
}

fn edges(values: &[f64], weights: &[f64], max_bins: usize) -> Vec<f64> {
    let mut known: Vec<(f64, f64)> =
        values.iter().zip(weights).filter(|(value, _)| !value.is_nan()).map(|(&v, &w)| (v, w)).collect();
    known.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut distinct: Vec<(f64, f64)> = Vec::new();
    for (value, weight) in known {
        match distinct.last_mut() {
            Some(last) if last.0 == value => last.1 += weight,
            _ => distinct.push((value, weight)),
        }
    }
    let mut edges = Vec::new();
    let mut rest: f64 = distinct.iter().map(|(_, weight)| weight).sum();
    let mut bins_left = max_bins;
    let mut filled = 0.0;
    for (at, pair) in distinct.windows(2).enumerate() {
        filled += pair[0].1;
        // Cut when the bin has its share of what is left, or no two values need to share a bin.
        let share = rest / f64::from(u16::try_from(bins_left).unwrap_or(u16::MAX));
        if bins_left > 1 && (filled >= share || distinct.len() - at <= bins_left) {
            edges.push(between(pair[0].0, pair[1].0));
            rest -= filled;
            filled = 0.0;
            bins_left -= 1;
        }
    }
    edges
}

/// A value from `low` up to, but not including, `high`.
fn between(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    if middle > low && middle < high { middle } else { low }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_values_have_a_bin_each_and_missing_its_own() {
        let bins = Bins::fit(&[3.0, f64::NAN, 1.0, 3.0, 2.0], 1, &[1.0; 5], 255);
        assert_eq!(bins.n_known(0), 3);
        assert_eq!(bins.column(0), [2, 3, 0, 2, 1]);
        assert_eq!((bins.threshold(0, 0), bins.threshold(0, 1)), (1.5, 2.5));
    }

    #[test]
    fn bins_have_about_equal_weight() {
        let values: Vec<f64> = (0..1_000).map(f64::from).collect();
        let weights: Vec<f64> = (0..1_000).map(|row| if row < 500 { 3.0 } else { 1.0 }).collect();
        let bins = Bins::fit(&values, 1, &weights, 4);
        assert_eq!(bins.n_known(0), 4);
        let mut filled = [0.0; 4];
        for (&code, weight) in bins.column(0).iter().zip(&weights) {
            filled[usize::from(code)] += weight;
        }
        assert!(filled.iter().all(|weight| (weight - 500.0_f64).abs() < 5.0), "{filled:?}");
    }

    proptest! {
        #[test]
        fn thresholds_part_the_values_as_the_bins_do(
            values in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 1..60),
            max_bins in 2_usize..9,
        ) {
            let bins = Bins::fit(&values, 1, &vec![1.0; values.len()], max_bins);
            prop_assert!(bins.n_known(0) <= max_bins);
            for bin in 0..bins.n_known(0) - 1 {
                for (value, &code) in values.iter().zip(bins.column(0)) {
                    prop_assert_eq!(*value <= bins.threshold(0, bin), usize::from(code) <= bin);
                }
            }
        }
    }
}
