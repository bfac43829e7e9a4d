//! Which rows learn and which rows judge: the later test block, account folds, rolling origins.
//!
//! Every split here is a pure function of its arguments, so that a run can be repeated.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_features::Timestamp;

/// A training part and the rows that judge what is fitted on it, as row numbers in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows to fit on.
    pub train: Vec<usize>,
    /// Rows to judge with; none of them is in `train`.
    pub validate: Vec<usize>,
}

/// When a row is observed, and when its label was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowTimes {
    /// The observation date.
    pub as_of: Timestamp,
    /// From when on a model could have learnt from the row.
    pub label_known_at: Timestamp,
}

/// The later, untouched block and the rows whose labels were known before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestBlock {
    /// The test block's first observation date.
    pub start: Timestamp,
    /// Rows observed before `start` whose label was known before `start`.
    pub development: Vec<usize>,
    /// Rows observed at or after `start`.
    pub test: Vec<usize>,
    /// Rows observed before `start` whose label was not known by then: in neither part.
    pub n_purged: usize,
}

/// The validation blocks of the development rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    /// The first observation date of each validation block, ascending.
    pub starts: Vec<Timestamp>,
    /// For each origin and each account fold, in that order, the split.
    pub splits: Vec<Split>,
}

/// A fold for each row by a seeded hash of its group, so that a group never changes its fold when others come or go.
#[must_use]
pub fn hashed_folds<T: AsRef<str>>(groups: &[T], n_folds: usize, seed: u64) -> Vec<usize> {
    let n_folds = n_folds.max(1) as u64;
    groups.iter().map(|group| as_index(hash(group.as_ref(), seed) % n_folds)).collect()
}

/// A fold for each row such that folds hold about equally many rows and positives, and rows of one group
/// share a fold; without groups each row is its own.
#[must_use]
pub fn stratified_folds<T: AsRef<str>>(
    labels: &[f64],
    groups: Option<&[T]>,
    n_folds: usize,
    seed: u64,
) -> Vec<usize> {
    let mut members: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for row in 0..labels.len() {
        let name = groups.map_or_else(|| row.to_string(), |groups| groups[row].as_ref().to_owned());
        members.entry(name).or_default().push(row);
    }
    let mut dealt: Vec<(bool, u64, Vec<usize>)> = members
        .into_iter()
        .map(|(name, rows)| (rows.iter().all(|&row| labels[row] == 0.0), hash(&name, seed), rows))
        .collect();
    dealt.sort();
    let mut folds = vec![0; labels.len()];
    // The strata are dealt one after the other: each group to the fold with the fewest rows of its stratum.
    for is_negative in [false, true] {
        let mut sizes = vec![0; n_folds.max(1)];
        for (_, _, rows) in dealt.iter().filter(|(stratum, ..)| *stratum == is_negative) {
            let fold = smallest(&sizes);
            sizes[fold] += rows.len();
            for &row in rows {
                folds[row] = fold;
            }
        }
    }
    folds
}

/// One split a fold over the given `rows`; folds in which no row lies are left out.
#[must_use]
pub fn by_fold(folds: &[usize], rows: &[usize]) -> Vec<Split> {
    let present: BTreeSet<usize> = rows.iter().map(|&row| folds[row]).collect();
    present
        .into_iter()
        .map(|fold| {
            let (validate, train) = rows.iter().partition(|&&row| folds[row] == fold);
            Split { train, validate }
        })
        .collect()
}

/// Cuts the latest rows off as the test block: of the observation dates that leave at least `min_of_each` rows of each
/// class to learn from and both classes to judge with, the one at which the share of later rows comes nearest to
/// `share`.
///
/// `None` where no date does.
#[must_use]
pub fn test_block(times: &[RowTimes], labels: &[f64], share: f64, min_of_each: usize) -> Option<TestBlock> {
    let dates: BTreeSet<Timestamp> = times.iter().map(|row| row.as_of).collect();
    let wanted = share * as_f64(times.len());
    let mut by_date: Vec<(f64, Timestamp)> = dates
        .into_iter()
        .map(|date| {
            let later = times.iter().filter(|row| row.as_of >= date).count();
            ((as_f64(later) - wanted).abs(), date)
        })
        .collect();
    by_date.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    by_date.into_iter().map(|(_, start)| block_from(times, start)).find(|block| {
        let positives = n_positives(labels, &block.development);
        let least = positives.min(block.development.len() - positives);
        least >= min_of_each.max(1) && has_both_classes(labels, &block.test)
    })
}

/// `n_origins` validation blocks, each of equally many development rows, over the later half of the
/// development rows, or later where fewer than `min_positives` churns were known by then; times the account folds. A split's training rows are of other folds, and their labels
/// were known before its block starts; splits that lack a class in their training part are left out.
#[must_use]
pub fn rolling_origins(
    times: &[RowTimes],
    labels: &[f64],
    folds: &[usize],
    block: &TestBlock,
    n_origins: usize,
    min_positives: usize,
) -> Origins {
    let mut dates: Vec<Timestamp> = block.development.iter().map(|&row| times[row].as_of).collect();
    dates.sort_unstable();
    let mut churns: Vec<Timestamp> = (block.development.iter())
        .filter(|&&row| labels[row] == 1.0)
        .map(|&row| times[row].label_known_at)
        .collect();
    churns.sort_unstable();
    let enough_known = churns.get(min_positives).copied().unwrap_or(block.start);
    let first_later = (dates.len() / 2).max(dates.partition_point(|&date| date <= enough_known));
    let mut starts: Vec<Timestamp> = (0..n_origins)
        .filter_map(|origin| {
            dates.get(first_later + origin * (dates.len() - first_later) / n_origins).copied()
        })
        .collect();
    starts.dedup();
    let mut splits = Vec::new();
    for (origin, &start) in starts.iter().enumerate() {
        let end = starts.get(origin + 1).copied().unwrap_or(block.start);
        let known: Vec<usize> =
            block.development.iter().copied().filter(|&row| times[row].label_known_at < start).collect();
        let judged: Vec<usize> = (block.development.iter().copied())
            .filter(|&row| (start..end).contains(&times[row].as_of))
            .collect();
        for fold in judged.iter().map(|&row| folds[row]).collect::<BTreeSet<_>>() {
            let train: Vec<usize> = known.iter().copied().filter(|&row| folds[row] != fold).collect();
            let validate = judged.iter().copied().filter(|&row| folds[row] == fold).collect();
            if has_both_classes(labels, &train) {
                splits.push(Split { train, validate });
            }
        }
    }
    Origins { starts, splits }
}

/// Whether `rows` hold a positive and a negative.
#[must_use]
pub fn has_both_classes(labels: &[f64], rows: &[usize]) -> bool {
    let positives = n_positives(labels, rows);
    positives > 0 && positives < rows.len()
}

/// How many of `rows` are positive.
#[must_use]
pub fn n_positives(labels: &[f64], rows: &[usize]) -> usize {
    rows.iter().filter(|&&row| labels[row] == 1.0).count()
}

/// FNV-1a over the seed and the text, finished by SplitMix64's mixer: stable over platforms and versions.
#[must_use]
pub fn hash(text: &str, seed: u64) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for byte in seed.to_le_bytes().into_iter().chain(text.bytes()) {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

fn block_from(times: &[RowTimes], start: Timestamp) -> TestBlock {
    let (test, before): (Vec<usize>, Vec<usize>) =
        (0..times.len()).partition(|&row| times[row].as_of >= start);
    let (development, purged): (Vec<usize>, Vec<usize>) =
        before.into_iter().partition(|&row| times[row].label_known_at < start);
    TestBlock { start, development, test, n_purged: purged.len() }
}

fn smallest(sizes: &[usize]) -> usize {
    (0..sizes.len()).min_by_key(|&fold| sizes[fold]).unwrap_or(0)
}

fn as_index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^53")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(rows: &[(i64, i64)]) -> Vec<RowTimes> {
        let day = |day: i64| Timestamp(0).plus_days(day);
        rows.iter()
            .map(|&(as_of, known)| RowTimes { as_of: day(as_of), label_known_at: day(known) })
            .collect()
    }

    #[test]
    fn hashed_folds_depend_on_the_group_and_the_seed_only() {
        let groups: Vec<String> = (0..2000).map(|n| format!("a{n}")).collect();
        let folds = hashed_folds(&groups, 5, 1);
        assert_eq!(hashed_folds(&groups[7..9], 5, 1), folds[7..9]);
        assert_ne!(hashed_folds(&groups, 5, 2), folds);
        for fold in 0..5 {
            let size = folds.iter().filter(|&&other| other == fold).count();
            assert!((330..470).contains(&size), "fold {fold} holds {size} of 2000");
        }
    }

    #[test]
    fn stratified_folds_balance_both_classes_and_keep_groups_together() {
        let labels: Vec<f64> = (0..100).map(|row| f64::from(u8::from(row % 10 == 0))).collect();
        let folds = stratified_folds::<&str>(&labels, None, 5, 3);
        for fold in 0..5 {
            let rows: Vec<usize> = (0..100).filter(|&row| folds[row] == fold).collect();
            assert_eq!((rows.len(), n_positives(&labels, &rows)), (20, 2));
        }
        let groups: Vec<String> = (0..100).map(|row| (row / 4).to_string()).collect();
        let folds = stratified_folds(&labels, Some(&groups), 5, 3);
        assert!((0..100).all(|row| folds[row] == folds[row / 4 * 4]));
    }

    #[test]
    fn the_test_block_is_later_and_what_was_not_known_before_it_is_purged() {
        // A row a day; labels are known 10 days later; every third row is positive.
        let times = times(&(0..100).map(|day| (day, day + 10)).collect::<Vec<_>>());
        let labels: Vec<f64> = (0..100).map(|row| f64::from(u8::from(row % 3 == 0))).collect();
        let block = test_block(&times, &labels, 0.25, 10).unwrap();
        assert_eq!(block.start, Timestamp(0).plus_days(75));
        assert_eq!(block.test, (75..100).collect::<Vec<_>>());
        assert_eq!(block.development, (0..65).collect::<Vec<_>>());
        assert_eq!(block.n_purged, 10);
        assert_eq!(test_block(&times, &[0.0; 100], 0.25, 1), None);
        // 31 positives are known before day 92: the block starts no earlier.
        let late = test_block(&times, &labels, 0.25, 28).unwrap();
        assert!(n_positives(&labels, &late.development) >= 28 && late.start > block.start, "{late:?}");
        assert_eq!(test_block(&times, &labels, 0.25, 60), None);
    }

    #[test]
    fn a_rolling_origin_never_learns_from_what_was_unknown_or_from_the_same_fold() {
        let times = times(&(0..200).map(|day| (day / 2, day / 2 + 7)).collect::<Vec<_>>());
        let labels: Vec<f64> = (0..200).map(|row| f64::from(u8::from(row % 3 == 0))).collect();
        let groups: Vec<String> = (0..200).map(|row| format!("g{}", row % 40)).collect();
        let folds = hashed_folds(&groups, 4, 9);
        let block = test_block(&times, &labels, 0.25, 10).unwrap();
        let origins = rolling_origins(&times, &labels, &folds, &block, 2, 5);
        assert_eq!((origins.starts.len(), origins.splits.len()), (2, 8));
        for split in &origins.splits {
            let first = split.validate.iter().map(|&row| times[row].as_of).min().unwrap();
            for &row in &split.train {
                assert!(times[row].label_known_at < first);
                assert!(split.validate.iter().all(|&other| folds[other] != folds[row]));
            }
        }
        let mut judged: Vec<usize> = origins.splits.iter().flat_map(|split| split.validate.clone()).collect();
        let n_judged = judged.len();
        judged.sort_unstable();
        judged.dedup();
        assert_eq!(judged.len(), n_judged, "a row is judged once");
    }

    #[test]
    fn folds_make_splits_that_cover_the_rows() {
        let splits = by_fold(&[0, 1, 2, 0, 1], &[0, 1, 3, 4]);
        assert_eq!(splits.len(), 2);
        assert_eq!(splits[0], Split { train: vec![1, 4], validate: vec![0, 3] });
    }
}
