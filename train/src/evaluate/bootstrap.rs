//! Intervals from resampling whole accounts.
//!
//! Rows of one account share their fate, so the account is what is drawn (Cameron & Miller 2015, Journal of Human
//! Resources 50:317, §VI: pairs cluster bootstrap); the interval is Efron's percentile interval (1979).

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// The interval holds this share of the replicates.
const LEVEL: f64 = 0.95;
/// A statistic defined in fewer of the replicates than this has no interval.
const DEFINED: f64 = 0.9;
/// Fewer replicates than this have no tails to speak of.
const FEWEST_REPLICATES: usize = 20;

/// The middle 95 % of the replicates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// 2.5 % point.
    pub low: f64,
    /// 97.5 % point.
    pub high: f64,
}

/// Rows by their group, ready to be drawn.
#[derive(Debug, Clone)]
pub struct Resampler {
    group_of_row: Vec<usize>,
    n_groups: usize,
}

impl Resampler {
    /// One group number a row, in any numbering.
    #[must_use]
    pub fn new(groups: &[usize]) -> Self {
        let group_of_row = group_codes(groups);
        let n_groups = group_of_row.iter().max().map_or(0, |last| last + 1);
        Self { group_of_row, n_groups }
    }

    /// The number of distinct groups.
    #[must_use]
    pub fn n_groups(&self) -> usize {
        self.n_groups
    }

    /// The group of each row, numbered from 0.
    #[must_use]
    pub fn group_of_row(&self) -> &[usize] {
        &self.group_of_row
    }

    /// Intervals of `statistic`, a function of one factor a row: how often its group was drawn. Replicate `i` has
    /// its own random stream, so that the result depends on the seed alone, not on threads. `None` for
    /// fewer than two groups, fewer than 20 replicates, or a statistic undefined in over a tenth of them.
    pub fn intervals<const N: usize>(
        &self,
        seed: u64,
        replicates: usize,
        statistic: impl Fn(&[f64]) -> [Option<f64>; N] + Sync,
    ) -> [Option<Interval>; N] {
        if self.n_groups < 2 || replicates < FEWEST_REPLICATES {
            return [None; N];
        }
        let drawn: Vec<[Option<f64>; N]> =
            (0..replicates).into_par_iter().map(|i| statistic(&self.factors(seed, i))).collect();
        std::array::from_fn(|index| {
            let mut values: Vec<f64> =
                drawn.iter().filter_map(|values| values[index]).filter(|value| value.is_finite()).collect();
            #[expect(clippy::cast_precision_loss, reason = "a count of replicates")]
            let defined = values.len() as f64 / replicates as f64;
            if defined < DEFINED {
                return None;
            }
            values.sort_by(f64::total_cmp);
            let tail = (1.0 - LEVEL) / 2.0;
            Some(Interval { low: quantile(&values, tail)?, high: quantile(&values, 1.0 - tail)? })
        })
    }

    /// How often the group of each row is among as many draws with replacement as there are groups.
    fn factors(&self, seed: u64, replicate: usize) -> Vec<f64> {
        let mut rng = stream(seed, replicate);
        let mut times = vec![0.0; self.n_groups];
        for _ in 0..self.n_groups {
            times[rng.random_range(0..self.n_groups)] += 1.0;
        }
        self.group_of_row.iter().map(|&group| times[group]).collect()
    }
}

/// The random numbers of one replicate.
pub(super) fn stream(seed: u64, replicate: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::try_from(replicate).unwrap_or(u64::MAX));
    rng
}

/// Numbers equal keys equally, from 0 in the order in which they first appear.
#[must_use]
pub fn group_codes<K: Ord>(keys: &[K]) -> Vec<usize> {
    let mut seen: BTreeMap<&K, usize> = BTreeMap::new();
    keys.iter()
        .map(|key| {
            let next = seen.len();
            *seen.entry(key).or_insert(next)
        })
        .collect()
}

/// The quantile of sorted values, linear between order statistics (Hyndman & Fan 1996, type 7); `None` of nothing.
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    #[expect(clippy::cast_precision_loss, reason = "a count of replicates")]
    let position = share * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the last index"
    )]
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    #[expect(clippy::cast_precision_loss, reason = "a count of replicates")]
    let part = position - below as f64;
    Some(sorted[below] + part * (sorted[above] - sorted[below]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean of a variable that is constant within groups: the standard error is that of the group means,
    /// σ/√groups, not σ/√rows.
    #[test]
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn the_interval_is_as_wide_as_the_groups_allow() {
        let (groups, each) = (400, 5);
        let value = |group: usize| ((group * 37) % groups) as f64 / groups as f64;
        let codes: Vec<usize> = (0..groups * each).map(|row| row / each).collect();
        let resampler = Resampler::new(&codes);
        let [interval] = resampler.intervals(3, 2000, |factors| {
            let weight: f64 = factors.iter().sum();
            let sum: f64 = factors.iter().zip(&codes).map(|(f, &group)| f * value(group)).sum();
            [Some(sum / weight)]
        });
        let interval = interval.unwrap();
        // Uniform values: σ = 1/√12; the 95 % interval is 2 · 1.96 σ/√400 wide.
        let expected = 2.0 * 1.96 / 12.0_f64.sqrt() / 20.0;
        assert!((interval.high - interval.low - expected).abs() < 0.05 * expected, "{interval:?}");
    }

    #[test]
    fn too_little_has_no_interval() {
        let statistic = |_: &[f64]| [Some(1.0), None];
        assert_eq!(Resampler::new(&[4, 4]).intervals(0, 100, statistic), [None, None]);
        assert_eq!(Resampler::new(&[4, 5]).intervals(0, 10, statistic), [None, None]);
        let some = Resampler::new(&[4, 5]).intervals(0, 100, statistic);
        assert_eq!(some, [Some(Interval { low: 1.0, high: 1.0 }), None]);
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&values, 0.0), Some(1.0));
        assert_eq!(quantile(&values, 0.5), Some(3.0));
        assert!((quantile(&values, 0.4).unwrap() - 2.4).abs() < 1e-12);
        assert_eq!(quantile(&values, 1.0), Some(8.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn codes_number_keys_in_order_of_appearance() {
        assert_eq!(group_codes(&["b", "a", "b", "c"]), [0, 1, 0, 2]);
    }
}
