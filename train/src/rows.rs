//! Labelled snapshots → the rows to learn from, and which of them choose and which judge.

use holdfast_features::Timestamp;
use holdfast_features::snapshot::{Framing, Snapshot};
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
}

/// How the learner is chosen on the development rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectionPlan {
    /// Rolling origins times account folds; the first date of each validation block.
    RollingOrigins(Vec<Timestamp>),
    /// Account folds alone: too few churned rows for origins.
    AccountFolds,
}

/// The labelled ones of `snapshots`, ordered by observation date and account.
#[must_use]
pub fn labelled(mut snapshots: Vec<Snapshot>) -> Vec<Snapshot> {
    snapshots.retain(|snapshot| snapshot.label.is_some());
    snapshots.sort_by(|a, b| (a.as_of, &a.account_id, a.term_end).cmp(&(b.as_of, &b.account_id, b.term_end)));
    snapshots
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
        };
        let times = times(&snapshots);
        Self { snapshots, data, times }
    }

    /// Whether rows count differently.
    #[must_use]
    pub fn is_weighted(&self) -> bool {
        self.data.weights.windows(2).any(|pair| pair[0] < pair[1] || pair[1] < pair[0])
    }

    /// The weighted churn rates, over all rows and by what was asked.
    #[must_use]
    pub fn base_rates(&self) -> BaseRates {
        let rate = |keep: &dyn Fn(&Snapshot) -> bool| {
            let kept = self.snapshots.iter().zip(&self.data.labels).filter(|(snapshot, _)| keep(snapshot));
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
        Some(Self { folds, block, plan, splits })
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
