//! Labelled snapshots → the rows to learn from, and which of them choose and which judge.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_features::Timestamp;
use holdfast_features::snapshot::{Framing, Snapshot};
use holdfast_features::write::{OutputColumn, Values};
use holdfast_models::BaseRates;

use crate::config::TrainingConfig;
use crate::evaluate::group_codes;
use crate::history::Observed;
use crate::learning::LearningRows;
use crate::procedure::LaterBlock;
use crate::split::{
    RowTimes, Split, TestBlock, by_fold, hashed_folds, n_positives, rolling_origins, test_block,
};

/// Rolling origins need this many churned rows in the training part of each split and among all judged rows;
/// with fewer, a split says more about luck than about learners.
const MIN_TRAINING_POSITIVES: usize = 20;
/// Blocks of time that calibration tells apart before the test block.
const BLOCKS: usize = 3;
const MIN_JUDGED_POSITIVES: usize = 50;
/// Churns known before the first origin: the account fold left out may hold many of them.
const MIN_KNOWN_POSITIVES: usize = 2 * MIN_TRAINING_POSITIVES;

/// Labelled snapshots with their features, ordered by observation date and account.
#[derive(Debug, Clone)]
pub struct HistoryRows {
    /// The snapshots.
    pub snapshots: Vec<Snapshot>,
    /// Their features, labels, weights and groups.
    pub data: LearningRows,
    /// When each was observed and its label known.
    pub times: Vec<RowTimes>,
}

/// Which rows choose and which rows judge.
#[derive(Debug, Clone)]
pub struct Roles {
    /// The account fold of each row.
    pub folds: Vec<usize>,
    /// The later block and the rows known before it.
    pub block: TestBlock,
    /// How the learner is chosen.
    pub plan: SelectionPlan,
    /// The splits of the selection.
    pub splits: Vec<Split>,
    /// For each row the block of time that judges it: rising, the test block last.
    pub blocks: Vec<u32>,
}

/// How the learner is chosen on the development rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectionPlan {
    /// Rolling origins times account folds; the first date of each validation block.
    RollingOrigins(Vec<Timestamp>),
    /// Account folds alone: too few churned rows for origins.
    AccountFolds,
}

/// The labelled ones of `snapshots`, ordered by observation date and account, and the position of each among those given.
#[must_use]
pub fn labelled(snapshots: Vec<Snapshot>) -> (Vec<Snapshot>, Vec<usize>) {
    let mut labelled: Vec<(Snapshot, usize)> =
        snapshots.into_iter().zip(0..).filter(|(snapshot, _)| snapshot.label.is_some()).collect();
    labelled.sort_by(|(a, _), (b, _)| {
        (a.as_of, &a.account_id, a.term_end).cmp(&(b.as_of, &b.account_id, b.term_end))
    });
    labelled.into_iter().unzip()
}

/// The rows of a history that take part where a file names their folds, and the fold of every row.
#[derive(Debug, Clone)]
pub struct NamedFolds {
    /// The rows that the file names, ascending.
    pub rows: Vec<usize>,
    /// The fold of each row of the history; 0, which nobody reads, where the file does not name it.
    pub folds: Vec<usize>,
    /// Rows that the file names and that have no label.
    pub n_open: usize,
    /// Groups of accounts with rows in several folds.
    pub n_parted: usize,
}

impl NamedFolds {
    /// Takes `named`, the fold of each position of a snapshots file, over to the labelled rows, whose `positions` are
    /// given; `groups` names the group of each row.
    #[must_use]
    pub fn new(named: &[(usize, usize)], positions: &[usize], groups: &[u32]) -> Self {
        let by_position: BTreeMap<usize, usize> = named.iter().copied().collect();
        let of_row: Vec<Option<usize>> =
            positions.iter().map(|position| by_position.get(position).copied()).collect();
        let rows: Vec<usize> = (0..of_row.len()).filter(|&row| of_row[row].is_some()).collect();
        let mut folds_of: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
        for &row in &rows {
            folds_of.entry(groups[row]).or_default().extend(of_row[row]);
        }
        Self {
            n_open: named.len() - rows.len(),
            n_parted: folds_of.values().filter(|folds| folds.len() > 1).count(),
            folds: of_row.into_iter().map(Option::unwrap_or_default).collect(),
            rows,
        }
    }
}

impl HistoryRows {
    /// The rows of labelled snapshots, in their order.
    #[must_use]
    pub fn new(observed: Observed) -> Self {
        let Observed { snapshots, table } = observed;
        let names: Vec<&str> = snapshots.iter().map(|snapshot| &*snapshot.group).collect();
        let groups = group_codes(&names).into_iter().map(|code| u32::try_from(code).unwrap_or(u32::MAX));
        let data = LearningRows {
            table,
            labels: snapshots.iter().map(label).collect(),
            weights: snapshots.iter().map(|snapshot| snapshot.weight).collect(),
            groups: groups.collect(),
            blocks: vec![0; snapshots.len()],
        };
        let times = times(&snapshots);
        Self { snapshots, data, times }
    }

    /// Account and date of the given rows, for a file.
    #[must_use]
    pub fn keys(&self, rows: &[usize]) -> Vec<OutputColumn> {
        let of = |row: &usize| &self.snapshots[*row];
        let accounts = rows.iter().map(|row| Some(of(row).account_id.clone())).collect();
        let dates = rows.iter().map(|row| Some(of(row).as_of)).collect();
        vec![
            OutputColumn::new("account_id", Values::Text(accounts)),
            OutputColumn::new("as_of", Values::Time(dates)),
        ]
    }

    /// Whether rows count differently.
    #[must_use]
    pub fn is_weighted(&self) -> bool {
        self.data.weights.windows(2).any(|pair| pair[0] < pair[1] || pair[1] < pair[0])
    }

    /// The weighted churn rates of the given rows, over all of them and by what was asked.
    #[must_use]
    pub fn base_rates(&self, rows: &[usize]) -> BaseRates {
        let rate = |keep: &dyn Fn(&Snapshot) -> bool| {
            let of_row = |&row: &usize| (&self.snapshots[row], self.data.labels[row]);
            let kept = rows.iter().map(of_row).filter(|(snapshot, _)| keep(snapshot));
            let (churned, all) = kept.fold((0.0, 0.0), |(churned, all), (snapshot, label)| {
                (churned + snapshot.weight * label, all + snapshot.weight)
            });
            (all > 0.0).then(|| churned / all)
        };
        BaseRates {
            all: rate(&|_| true).unwrap_or_default(),
            renewals: rate(&|snapshot| snapshot.framing == Framing::Term),
            rolling: rate(&|snapshot| snapshot.framing != Framing::Term),
        }
    }
}

fn label(snapshot: &Snapshot) -> f64 {
    f64::from(u8::from(snapshot.label == Some(true)))
}

fn times(snapshots: &[Snapshot]) -> Vec<RowTimes> {
    snapshots
        .iter()
        .map(|snapshot| RowTimes { as_of: snapshot.as_of, label_known_at: snapshot.label_known_at })
        .collect()
}

/// The block of time of a row: at most [`BLOCKS`] of those that choose, however many origins they begin at, then the test
/// block's.
fn time_block(starts: &[Timestamp], test: Timestamp, as_of: Timestamp) -> u32 {
    let begun = starts.iter().filter(|&&start| start <= as_of).count();
    let of_choosing = (begun * BLOCKS).div_ceil(starts.len().max(1));
    u32::try_from(of_choosing).unwrap_or(u32::MAX) + u32::from(test <= as_of)
}

impl Roles {
    /// Deals out the roles of labelled snapshots; `None` where no date leaves enough of both classes before it and
    /// some of both after it.
    #[must_use]
    pub fn of(snapshots: &[Snapshot], config: &TrainingConfig) -> Option<Self> {
        let names: Vec<&str> = snapshots.iter().map(|snapshot| &*snapshot.group).collect();
        let folds = hashed_folds(&names, config.folds, config.seed);
        let labels: Vec<f64> = snapshots.iter().map(label).collect();
        let (labels, times) = (&labels, times(snapshots));
        let block = test_block(&times, labels, config.test_share, config.min_positives)?;
        let origins = rolling_origins(&times, labels, &folds, &block, config.origins, MIN_KNOWN_POSITIVES);
        let judged: usize = origins.splits.iter().map(|split| n_positives(labels, &split.validate)).sum();
        let least = origins.splits.iter().map(|split| n_positives(labels, &split.train)).min().unwrap_or(0);
        let (plan, splits) = if judged >= MIN_JUDGED_POSITIVES && least >= MIN_TRAINING_POSITIVES {
            (SelectionPlan::RollingOrigins(origins.starts), origins.splits)
        } else {
            (SelectionPlan::AccountFolds, by_fold(&folds, &block.development))
        };
        let starts: &[Timestamp] = match &plan {
            SelectionPlan::RollingOrigins(starts) => starts,
            SelectionPlan::AccountFolds => &[],
        };
        let blocks = times.iter().map(|row| time_block(starts, block.start, row.as_of)).collect();
        Some(Self { folds, block, plan, splits, blocks })
    }

    /// As the procedure takes them.
    #[must_use]
    pub fn later_block(&self) -> LaterBlock<'_> {
        LaterBlock {
            folds: &self.folds,
            development: &self.block.development,
            test: &self.block.test,
            splits: &self.splits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_of_a_file_find_their_rows() {
        // Rows of the file, in the order of the history: its second, its fourth, its first; the third has no label.
        let found = NamedFolds::new(&[(0, 3), (2, 4), (3, 4)], &[1, 3, 0], &[7, 8, 8]);
        assert_eq!((found.rows, found.folds), (vec![1, 2], vec![0, 4, 3]));
        assert_eq!((found.n_open, found.n_parted), (1, 1));
    }

    #[test]
    fn blocks_of_time_are_three_and_the_test_block_at_most() {
        let days = |n: i64| -> Vec<Timestamp> { (1..=n).map(|day| Timestamp(0).plus_days(day)).collect() };
        let blocks = |origins: i64| {
            let starts = days(origins);
            let test = Timestamp(0).plus_days(origins + 1);
            (0..=origins + 1)
                .map(|day| time_block(&starts, test, Timestamp(0).plus_days(day)))
                .collect::<Vec<_>>()
        };
        assert_eq!(blocks(3), [0, 1, 2, 3, 4]);
        assert_eq!(blocks(6), [0, 1, 1, 2, 2, 3, 3, 4]);
        assert_eq!(blocks(2), [0, 2, 3, 4]);
        assert_eq!(time_block(&[], Timestamp(0).plus_days(1), Timestamp(0)), 0);
        assert_eq!(time_block(&[], Timestamp(0), Timestamp(0)), 1);
    }
}
