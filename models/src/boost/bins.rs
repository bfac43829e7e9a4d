//! Encoded numbers → at most 255 bins a column, with one more for missing values.

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Of more rows than this a sample of as many tells where to cut: quantiles of so many are good to 0.1 %, and sorting
/// all rows would take longer than some of the trees.
const MAX_SAMPLE: usize = 200_000;
/// The codes of a column.
const CODES: usize = 256;

/// Where the bins of each column end.
#[derive(Debug)]
pub(crate) struct Bins {
    /// For each column, the ascending upper ends of all bins but the last.
    edges: Vec<Vec<f64>>,
}

/// The bins of some rows: for each column, the bin of each row.
#[derive(Debug)]
pub(crate) struct Codes {
    columns: Vec<Vec<u8>>,
}

impl Bins {
    /// Bins of about equal weight, cut between distinct values of each of the `columns`.
    pub(crate) fn fit(columns: &[Vec<f64>], weights: &[f64], max_bins: usize, seed: u64) -> Self {
        let sampled: Option<Vec<usize>> = (weights.len() > MAX_SAMPLE).then(|| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut rows = sample(&mut rng, weights.len(), MAX_SAMPLE).into_vec();
            rows.sort_unstable();
            rows
        });
        let edges = columns
            .par_iter()
            .map(|values| match &sampled {
                Some(rows) => edges(rows.iter().map(|&row| (values[row], weights[row])), max_bins),
                None => edges(values.iter().copied().zip(weights.iter().copied()), max_bins),
            })
            .collect();
        Self { edges }
    }

    /// The bins that the values of each column fall into.
    pub(crate) fn codes(&self, columns: &[Vec<f64>]) -> Codes {
        Codes {
            columns: columns
                .par_iter()
                .zip(&self.edges)
                .map(|(values, edges)| codes(values, edges))
                .collect(),
        }
    }

    /// The bins of known values; the next number is the bin of missing ones.
    pub(crate) fn n_known(&self, column: usize) -> usize {
        self.edges[column].len() + 1
    }

    /// The upper ends of the bins of known values but the last, ascending.
    pub(crate) fn ends(&self, column: usize) -> &[f64] {
        &self.edges[column]
    }

    /// The largest value that falls into `bin` of known values or below it.
    pub(crate) fn threshold(&self, column: usize, bin: usize) -> f64 {
        self.edges[column].get(bin).copied().unwrap_or(f64::MAX)
    }
}

impl Codes {
    /// The bin of each row.
    pub(crate) fn column(&self, column: usize) -> &[u8] {
        &self.columns[column]
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a column has at most 254 edges, so at most 256 codes")]
fn codes(values: &[f64], edges: &[f64]) -> Vec<u8> {
    // Padded to a full table, the search is eight steps without branches for any number of edges.
    let mut table = [f64::INFINITY; CODES];
    table[..edges.len()].copy_from_slice(edges);
    let missing = (edges.len() + 1) as u8;
    let code = |&value: &f64| {
        let mut below = 0;
        for step in [128, 64, 32, 16, 8, 4, 2, 1] {
            let is_above = table[(below + step - 1) % CODES] < value;
            below += if is_above { step } else { 0 };
        }
        if value.is_nan() { missing } else { below as u8 }
    };
    values.iter().map(code).collect()
}

fn edges(rows: impl Iterator<Item = (f64, f64)>, max_bins: usize) -> Vec<f64> {
    let mut known: Vec<(f64, f64)> = rows.filter(|(value, _)| !value.is_nan()).collect();
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

    fn binned(values: Vec<f64>, weights: &[f64], max_bins: usize) -> (Bins, Codes) {
        let columns = [values];
        let bins = Bins::fit(&columns, weights, max_bins, 0);
        let codes = bins.codes(&columns);
        (bins, codes)
    }

    #[test]
    fn few_values_have_a_bin_each_and_missing_its_own() {
        let (bins, codes) = binned(vec![3.0, f64::NAN, 1.0, 3.0, 2.0], &[1.0; 5], 255);
        assert_eq!(bins.n_known(0), 3);
        assert_eq!(codes.column(0), [2, 3, 0, 2, 1]);
        assert_eq!((bins.threshold(0, 0), bins.threshold(0, 1)), (1.5, 2.5));
        let beyond = bins.codes(&[vec![f64::NEG_INFINITY, 0.5, 1.5, 9.0, f64::INFINITY, f64::NAN]]);
        assert_eq!(beyond.column(0), [0, 0, 0, 2, 2, 3]);
    }

    #[test]
    fn bins_have_about_equal_weight() {
        let values: Vec<f64> = (0..1_000).map(f64::from).collect();
        let weights: Vec<f64> = (0..1_000).map(|row| if row < 500 { 3.0 } else { 1.0 }).collect();
        let (bins, codes) = binned(values, &weights, 4);
        assert_eq!(bins.n_known(0), 4);
        let mut filled = [0.0; 4];
        for (&code, weight) in codes.column(0).iter().zip(&weights) {
            filled[usize::from(code)] += weight;
        }
        assert!(filled.iter().all(|weight| (weight - 500.0_f64).abs() < 5.0), "{filled:?}");
    }

    #[test]
    fn a_sample_of_many_rows_cuts_about_where_all_would() {
        let n = 3 * MAX_SAMPLE;
        let values: Vec<f64> = (0..n).map(|row| (row as f64 * 0.618_033_988_749_895).fract()).collect();
        let (bins, codes) = binned(values, &vec![1.0; n], 255);
        assert_eq!(bins.n_known(0), 255);
        let mut filled = [0.0; 255];
        codes.column(0).iter().for_each(|&code| filled[usize::from(code)] += 255.0 / n as f64);
        assert!(filled.iter().all(|share| (0.8..1.2).contains(share)), "{filled:?}");
    }

    proptest! {
        #[test]
        fn thresholds_part_the_values_as_the_bins_do(
            values in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 1..60),
            max_bins in 2_usize..9,
        ) {
            let (bins, codes) = binned(values.clone(), &vec![1.0; values.len()], max_bins);
            prop_assert!(bins.n_known(0) <= max_bins);
            for bin in 0..bins.n_known(0) - 1 {
                for (value, &code) in values.iter().zip(codes.column(0)) {
                    prop_assert_eq!(*value <= bins.threshold(0, bin), usize::from(code) <= bin);
                }
            }
        }
    }
}
