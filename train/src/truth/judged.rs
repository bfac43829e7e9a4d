//! One business: trained as `run` trains, judged by what is true of it.

use std::collections::BTreeMap;
use std::path::Path;

use holdfast_features::snapshot::Snapshot;
use holdfast_features::{Column, FeatureTable, Timestamp};
use holdfast_models::ModelName;
use holdfast_simulate::{CheckedBusiness, account_index, simulate};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Runs;
use super::ceiling::Ceiling;
use super::expected::{Expected, KnownRows, expected};
use super::known::Known;
use crate::TrainError;
use crate::budget::Budget;
use crate::config::{Config, Learner};
use crate::finished::Finished;
use crate::history::HistorySource;
use crate::pipeline::{Destination, Files, Trained, train};
use crate::procedure::Means;
use crate::progress::Progress;
use crate::scorings::LeadTimes;

/// A stage with fewer rows tells nothing.
const FEWEST_OF_A_STAGE: usize = 200;
/// Up to so many accounts the ridge alone is trained beside the procedure.
const MOST_WITH_RIDGE: u32 = 1_000;

/// Some rows as the model, the observable and the latent ceiling see them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The model's probabilities.
    pub model: Expected,
    /// The best estimate from the same features: see [`Ceiling`].
    pub observable: Expected,
    /// The true probabilities themselves.
    pub latent: Expected,
}

/// The figures of one lifecycle stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageFigures {
    /// The stage.
    pub stage: String,
    /// The model's figures in it.
    pub model: Expected,
}

/// What the report said of the rows that it judged by their outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Claimed {
    /// AUC.
    pub auc: Option<f64>,
    /// Log loss, nats.
    pub log_loss: Option<f64>,
    /// Churned rows.
    pub positives: usize,
}

/// One business, trained on and judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Business {
    /// Its seed.
    pub seed: u64,
    /// What the report claims, on rows out of fold and later than those learnt from.
    pub claimed: Claimed,
    /// The truth about these very rows, the judged folds' models.
    pub tested: Judged,
    /// Rows whose outcome nobody knew at the end of the history, the published model.
    pub later: Judged,
    /// Those by lifecycle stage.
    pub stages: Vec<StageFigures>,
    /// The ridge alone on the later rows, in small businesses where other learners are tried beside it.
    pub ridge: Option<Expected>,
    /// How early the model, the rules and the true probabilities warn.
    pub lead: Option<LeadTimes>,
    /// Whether the model was put to use.
    pub is_in_use: bool,
    /// What the report warns of.
    pub warnings: Vec<String>,
    /// What was chosen.
    pub chosen: String,
}

/// A simulated business, written and read.
pub struct Drawn {
    /// Its history.
    pub source: HistorySource,
    /// Its truth.
    pub known: Known,
}

impl Drawn {
    /// Simulates `business` into `folder`, and reads it.
    ///
    /// # Errors
    /// What writing and reading say.
    pub fn new(business: &CheckedBusiness, folder: &Path, runs: &Runs<'_>) -> Result<Self, TrainError> {
        let Runs { config, now, progress, .. } = *runs;
        let stage =
            progress.stage("accounts", usize::try_from(business.params().n_accounts).unwrap_or(usize::MAX));
        simulate(business).write(folder, |done| stage.at(u64::from(done)))?;
        drop(stage);
        let source = HistorySource::read(folder, config, now, progress)?;
        Ok(Self { source, known: Known::read(folder)? })
    }
}

/// Trains on `business` and judges; `folder` is used for its files.
///
/// # Errors
/// Whatever ends a training run.
pub fn judge(
    business: &CheckedBusiness,
    ceiling: &Ceiling,
    folder: &Path,
    runs: &Runs<'_>,
) -> Result<Business, TrainError> {
    let Runs { config, progress, .. } = *runs;
    let Drawn { source, known } = Drawn::new(business, &folder.join("history"), runs)?;
    let trained = trained(&source, runs)?;
    let evaluation = &trained.report.evaluation;
    let claimed = Claimed {
        auc: evaluation.auc.map(|auc| auc.value),
        log_loss: evaluation.log_loss.map(|loss| loss.value),
        positives: evaluation.positives,
    };
    let later = Later::new(&source, &known, &trained, config, progress)?;
    let probabilities = later.by(&trained)?;
    let is_ridge = config.training.learners == [Learner::Logistic];
    let ridge = match business.params().n_accounts {
        ..=MOST_WITH_RIDGE if !is_ridge => Some(later.expected(&ridge(&later, &source, runs)?)?),
        _ => None,
    };
    let judged = Business {
        seed: business.params().seed,
        claimed,
        tested: tested(&trained, &known, ceiling)?,
        later: later.judged(&probabilities, ceiling)?,
        stages: later.stages(&probabilities),
        ridge,
        lead: lead(business, &trained),
        is_in_use: false,
        warnings: trained.report.warnings.clone(),
        chosen: trained.learnt.selection.chosen.describe(),
    };
    let name: ModelName = "truth".parse()?;
    let to = Destination { registry: &folder.join("registry"), name: &name, report_dir: None };
    let published = trained.publish(&source, config, to, progress)?;
    Ok(Business { is_in_use: published.held.is_none(), ..judged })
}

/// The report's lead times, with those of whoever knows the true probabilities beside.
fn lead(business: &CheckedBusiness, trained: &Trained) -> Option<LeadTimes> {
    let mut scorings = trained.scorings.clone()?;
    let mut by_account: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, (account, _)) in scorings.observed.iter().enumerate() {
        by_account.entry(account).or_default().push(row);
    }
    let simulation = simulate(business);
    let of_account = |(account, rows): (&str, Vec<usize>)| {
        let dates: Vec<Timestamp> = rows.iter().map(|&row| scorings.observed[row].1).collect();
        let truth = account_index(account).map(|index| simulation.churn_probabilities(index, &dates));
        rows.into_iter().zip(truth.unwrap_or_default()).collect::<Vec<_>>()
    };
    let found: Vec<(usize, Option<f64>)> = by_account.into_par_iter().flat_map_iter(of_account).collect();
    let mut truth = vec![f64::NAN; scorings.rows.len()];
    for (row, p) in found {
        truth[row] = p.unwrap_or(f64::NAN);
    }
    scorings.scores.push(("true probability".to_owned(), truth));
    scorings.judge()
}

/// Trains as `run` does on the snapshots that the history offers.
fn trained(source: &HistorySource, runs: &Runs<'_>) -> Result<Trained, TrainError> {
    let Runs { config, progress, .. } = *runs;
    let budget = &Budget::new(runs.seconds, runs.clock);
    let (options, finished) = (&config.training.select(), &Finished::default());
    train(source, config, Files::default(), &Means { options, budget, finished, progress })
}

fn ridge(later: &Later, source: &HistorySource, runs: &Runs<'_>) -> Result<Vec<f64>, TrainError> {
    let mut config = runs.config.clone();
    config.training.learners = vec![Learner::Logistic];
    later.by(&trained(source, &Runs { config: &config, ..*runs })?)
}

/// The truth about the rows of the report.
fn tested(trained: &Trained, known: &Known, ceiling: &Ceiling) -> Result<Judged, TrainError> {
    let tested = &trained.learnt.tested;
    let with_truth = |(&row, &q): (&usize, &f64)| {
        known.of(&trained.rows.snapshots[row]).map(|p| (row, q, p, trained.rows.data.weights[row]))
    };
    let found: Vec<(usize, f64, f64, f64)> =
        tested.rows.iter().zip(&tested.probabilities).filter_map(with_truth).collect();
    let rows: Vec<usize> = found.iter().map(|found| found.0).collect();
    let best = ceiling.probabilities(&trained.rows.data.table.take(&rows))?;
    let column = |of: fn(&(usize, f64, f64, f64)) -> f64| found.iter().map(of).collect::<Vec<f64>>();
    let (truth, weights) = (column(|found| found.2), column(|found| found.3));
    judged(&truth, &weights, &column(|found| found.1), &best)
}

fn judged(truth: &[f64], weights: &[f64], model: &[f64], best: &[f64]) -> Result<Judged, TrainError> {
    let of = |probabilities: &[f64]| {
        expected(&KnownRows { truth, probabilities, weights }).ok_or(TrainError::NothingLater)
    };
    Ok(Judged { model: of(model)?, observable: of(best)?, latent: of(truth)? })
}

/// Rows whose outcome nobody knew when the model was published.
struct Later {
    snapshots: Vec<Snapshot>,
    table: FeatureTable,
    truth: Vec<f64>,
    weights: Vec<f64>,
}

impl Later {
    fn new(
        source: &HistorySource,
        known: &Known,
        trained: &Trained,
        config: &Config,
        progress: &Progress,
    ) -> Result<Self, TrainError> {
        let mut open = source.training_snapshots(config, None)?;
        open.retain(|snapshot| snapshot.label.is_none());
        let (snapshots, truth) = known.with_truth(open);
        let observed = source.observe(snapshots, &trained.specs, progress)?;
        let weights = observed.snapshots.iter().map(|snapshot| snapshot.weight).collect();
        Ok(Self { snapshots: observed.snapshots, table: observed.table, truth, weights })
    }

    /// The published model's probabilities.
    fn by(&self, trained: &Trained) -> Result<Vec<f64>, TrainError> {
        let model = &trained.learnt.model;
        let table = model.align(&self.table)?;
        Ok(model.predict_table(&table).into_iter().map(|prediction| prediction.probability).collect())
    }

    fn expected(&self, probabilities: &[f64]) -> Result<Expected, TrainError> {
        let rows = KnownRows { truth: &self.truth, probabilities, weights: &self.weights };
        expected(&rows).ok_or(TrainError::NothingLater)
    }

    fn judged(&self, probabilities: &[f64], ceiling: &Ceiling) -> Result<Judged, TrainError> {
        judged(&self.truth, &self.weights, probabilities, &ceiling.probabilities(&self.table)?)
    }

    fn stages(&self, probabilities: &[f64]) -> Vec<StageFigures> {
        let Some(Column::Text(stages)) = self.table.column("stage") else { return Vec::new() };
        let mut names: Vec<&str> = stages.iter().flatten().map(AsRef::as_ref).collect();
        names.sort_unstable();
        names.dedup();
        let figures = |stage: &str| {
            let rows: Vec<usize> =
                (0..self.snapshots.len()).filter(|&row| stages[row].as_deref() == Some(stage)).collect();
            let take = |values: &[f64]| rows.iter().map(|&row| values[row]).collect::<Vec<f64>>();
            let (truth, weights) = (take(&self.truth), take(&self.weights));
            let rows = KnownRows { truth: &truth, probabilities: &take(probabilities), weights: &weights };
            let model = expected(&rows).filter(|model| model.rows >= FEWEST_OF_A_STAGE)?;
            Some(StageFigures { stage: stage.to_owned(), model })
        };
        names.into_iter().filter_map(figures).collect()
    }
}
