//! The best that could be said from what is observable: E[p | features], estimated on a business of its own.
//!
//! The latent process has no closed posterior given the features (counts, shares and delays of noisy events), so the
//! ceiling is learnt: from another business of the same scenario, drawn with another seed, and from its true
//! probabilities in place of outcomes. A row enters twice, churned with weight p and kept with weight 1 − p, which makes
//! the log loss the cross-entropy against p: the noise of outcomes, most of what makes learning hard, is gone. What is
//! found so is a lower bound of the ceiling: somebody with more rows or a better learner might say a little more.

use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};
use holdfast_models::boost::{self, Monotone};
use holdfast_models::fit::ParamsError;
use holdfast_models::probability::{log_loss, sigmoid};
use holdfast_models::{Blend, Candidate, Checkpoint, blend, checkpoints, fit, logistic};

use super::Runs;
use super::known::Known;
use crate::TrainError;
use crate::history::{HistorySource, Observed};
use crate::learning::LearningRows;
use crate::rows::HistoryRows;
use crate::split::hashed_folds;

/// One fold in so many chooses rounds and weights.
const FOLDS: usize = 5;
const SEED: u64 = 1;
/// Above this many rows the linear learner takes longer than it is worth.
const MOST_LINEAR_ROWS: usize = 10_000;

/// What tells the best probability from features.
#[derive(Debug, Clone)]
pub struct Ceiling {
    specs: Vec<FeatureSpec>,
    blend: Blend,
    /// Rows it was learnt from, each once.
    pub n_rows: usize,
}

impl Ceiling {
    /// Learns from every snapshot of `source` that has a truth, its outcome known or not.
    ///
    /// # Errors
    /// What reading features and fitting say.
    pub fn learn(source: &HistorySource, known: &Known, runs: &Runs<'_>) -> Result<Self, TrainError> {
        let Runs { config, progress, .. } = *runs;
        let (snapshots, truth) = known.with_truth(source.training_snapshots(config, None)?);
        let specs = source.specs(config)?;
        let observed = source.observe(snapshots, &specs, progress)?;
        let _stage = progress.stage("learning the observable ceiling", 0);
        let names: Vec<String> =
            observed.snapshots.iter().map(|snapshot| snapshot.group.to_string()).collect();
        let folds = hashed_folds(&names, FOLDS, SEED);
        let (rows, folds) = doubled(observed, &truth, &folds);
        let n_rows = truth.len();
        let (judging, learning): (Vec<usize>, Vec<usize>) =
            (0..folds.len()).filter(|&row| rows.weights[row] > 0.0).partition(|&row| folds[row] == 0);
        let take = |values: &[f64]| judging.iter().map(|&row| values[row]).collect::<Vec<f64>>();
        let (labels, weights) = (take(&rows.labels), take(&rows.weights));
        let (mut fitted, mut margins) = (Vec::new(), Vec::new());
        for candidate in candidates(n_rows)? {
            let error = |source| TrainError::Fit { candidate: candidate.describe(), source };
            let training = rows.training(&learning);
            let found = checkpoints(&candidate, &training, &judging, SEED).map_err(error)?;
            let loss = |checkpoint: &Checkpoint| log_loss(&checkpoint.margins, &labels, &weights);
            let Some(best) = found.into_iter().min_by(|a, b| loss(a).total_cmp(&loss(b))) else { continue };
            let candidate = best.rounds.map_or(candidate.clone(), |rounds| candidate.with_rounds(rounds));
            fitted.push(fit(&candidate, &training, SEED).map_err(error)?);
            margins.push(best.margins);
        }
        let columns: Vec<&[f64]> = margins.iter().map(Vec::as_slice).collect();
        let equal = vec![1.0 / as_f64(fitted.len()); fitted.len()];
        let weights = blend::weights(&columns, &labels, &weights).unwrap_or(equal);
        let members = weights.into_iter().zip(fitted).filter(|(weight, _)| *weight > 0.0).collect();
        Ok(Self { specs, blend: Blend::new(members), n_rows })
    }

    /// The probabilities of all rows of `table`.
    ///
    /// # Errors
    /// Columns of another type than those learnt from.
    pub fn probabilities(&self, table: &FeatureTable) -> Result<Vec<f64>, TrainError> {
        let table = self.aligned(table)?;
        let rows: Vec<usize> = (0..table.n_rows()).collect();
        Ok(self.blend.margins(&table, &rows).into_iter().map(sigmoid).collect())
    }

    /// `table` with the columns learnt from; what a smaller business does not offer is missing.
    fn aligned(&self, table: &FeatureTable) -> Result<FeatureTable, TrainError> {
        let n_rows = table.n_rows();
        let column = |spec: &FeatureSpec| match (table.column(&spec.name), spec.kind) {
            (Some(column), _) => column.clone(),
            (None, Kind::Category) => Column::Text(vec![None; n_rows]),
            (None, Kind::Number | Kind::Boolean) => Column::Number(vec![f64::NAN; n_rows]),
        };
        let columns = self.specs.iter().map(column).collect();
        Ok(FeatureTable::new(self.specs.clone(), columns, n_rows)?)
    }
}

/// Each row twice, first as churned and then as kept, weighted by the true probability of either.
fn doubled(observed: Observed, truth: &[f64], folds: &[usize]) -> (LearningRows, Vec<usize>) {
    let n_rows = truth.len();
    let twice: Vec<usize> = (0..n_rows).chain(0..n_rows).collect();
    let HistoryRows { data, .. } = HistoryRows::new(observed);
    let weight = |churned: bool| {
        let share = move |p: f64| if churned { p } else { 1.0 - p };
        data.weights.iter().zip(truth).map(move |(weight, &p)| weight * share(p)).collect::<Vec<f64>>()
    };
    let rows = LearningRows {
        labels: [vec![1.0; n_rows], vec![0.0; n_rows]].concat(),
        weights: [weight(true), weight(false)].concat(),
        groups: twice.iter().map(|&row| data.groups[row]).collect(),
        table: data.table.take(&twice),
        blocks: vec![0; 2 * n_rows],
    };
    (rows, twice.iter().map(|&row| folds[row]).collect())
}

/// Two depths of boosting and, where it is not too dear, a ridge: without the noise of outcomes little is to choose.
fn candidates(n_rows: usize) -> Result<Vec<Candidate>, ParamsError> {
    let boosting = boost::Params {
        rounds: 500,
        learning_rate: 0.06,
        l2: 5.0,
        column_fraction: 0.4,
        monotone: Monotone::Free,
        ..boost::Params::default()
    };
    let mut all = vec![
        Candidate::Boost(boost::Params { depth: 2, ..boosting }.check()?),
        Candidate::Boost(boost::Params { depth: 5, ..boosting }.check()?),
    ];
    if n_rows <= MOST_LINEAR_ROWS {
        let default = logistic::Params::default();
        all.push(Candidate::Logistic(logistic::Params { strength: 10.0, ..default }.check()?));
    }
    Ok(all)
}

#[expect(clippy::cast_precision_loss, reason = "three members")]
fn as_f64(count: usize) -> f64 {
    count as f64
}
