//! Candidates fitted on splits: each fit once, in memory, in the folder of finished fits or anew.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use holdfast_models::{Candidate, Checkpoint, FitError, checkpoints};
use rayon::prelude::*;

use super::Effort;
use crate::TrainError;
use crate::budget::Allowance;
use crate::finished::{FinishedFits, Key};
use crate::learning::LearningRows;
use crate::progress::Stage;
use crate::split::{Split, hash};

/// Training rows of a wave of candidates, about. The clock is looked at after each wave, which is as
/// large whatever the number of threads.
const WAVE: usize = 16_000;

/// A split with the seed of the fits on it.
#[derive(Debug, Clone)]
pub(super) struct Seeded {
    pub(super) split: Split,
    seed: u64,
}

/// A split's judged rows with their margins, after each checkpoint.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) rows: Vec<usize>,
    pub(super) checkpoints: Arc<Vec<Checkpoint>>,
}

/// A candidate on all splits of a rung, or why it could not be fitted.
pub(super) type Outcome = Result<Vec<Judged>, FitError>;

/// The fits of one selection.
pub(super) struct Fits<'a> {
    data: &'a LearningRows,
    effort: &'a Effort<'a>,
    stage: &'a Stage,
    known: Mutex<BTreeMap<Key, Arc<Vec<Checkpoint>>>>,
}

impl Seeded {
    /// The split at `index` among all, or a part of it.
    pub(super) fn new(split: Split, index: usize, seed: u64) -> Self {
        Self { split, seed: hash(&format!("split {index}"), seed) }
    }
}

impl<'a> Fits<'a> {
    pub(super) fn new(data: &'a LearningRows, effort: &'a Effort<'a>, stage: &'a Stage) -> Self {
        Self { data, effort, stage, known: Mutex::default() }
    }

    /// Fits candidate after candidate on all `splits`, until all are fitted or the time is over; at least the first
    /// `least`. Gives as many outcomes as candidates were tried, in their order.
    pub(super) fn of(
        &self,
        candidates: &[Candidate],
        splits: &[Seeded],
        least: usize,
        allowance: Allowance,
    ) -> Result<Vec<Outcome>, TrainError> {
        let finished = self.effort.finished;
        let decision = allowance.is_limited().then(|| {
            let fits: Vec<Key> = candidates
                .iter()
                .flat_map(|candidate| {
                    splits.iter().map(|split| finished.key(candidate, &split.split, split.seed))
                })
                .collect();
            finished.decision(&fits, self.effort.budget.seconds())
        });
        // What an earlier run had time for is what this one tries.
        let decided: Option<usize> = decision.and_then(|key| finished.read(&key));
        let most = decided.unwrap_or(candidates.len()).min(candidates.len());
        let n_rows: usize = splits.iter().map(|split| split.split.train.len()).sum();
        let wave =
            if allowance.is_limited() { (WAVE / n_rows.max(1)).clamp(2, 4) } else { candidates.len().max(1) };
        let mut outcomes = Vec::new();
        while outcomes.len() < most {
            if decided.is_none() && !outcomes.is_empty() && allowance.is_used_up() {
                break;
            }
            let n = if outcomes.is_empty() { wave.max(least) } else { wave };
            let tried = &candidates[outcomes.len()..most.min(outcomes.len() + n)];
            outcomes.extend(self.wave(finished, tried, splits)?);
            self.stage.say(&self.effort.budget.left());
        }
        if let (Some(key), None) = (decision, decided) {
            finished.keep(&key, &outcomes.len())?;
        }
        Ok(outcomes)
    }

    fn wave(
        &self,
        finished: &FinishedFits,
        candidates: &[Candidate],
        splits: &[Seeded],
    ) -> Result<Vec<Outcome>, TrainError> {
        let tasks: Vec<(&Candidate, &Seeded)> = candidates
            .iter()
            .flat_map(|candidate| splits.iter().map(move |split| (candidate, split)))
            .collect();
        let fits: Vec<Result<Result<Judged, FitError>, TrainError>> = tasks
            .par_iter()
            .map(|(candidate, split)| {
                let fitted = self.one(finished, candidate, split);
                self.stage.step();
                fitted
            })
            .collect();
        let mut fits = fits.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter();
        Ok(candidates.iter().map(|_| fits.by_ref().take(splits.len()).collect()).collect())
    }

    fn one(
        &self,
        finished: &FinishedFits,
        candidate: &Candidate,
        Seeded { split, seed }: &Seeded,
    ) -> Result<Result<Judged, FitError>, TrainError> {
        let key = finished.key(candidate, split, *seed);
        let rows = split.validate.clone();
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().get(&key).cloned();
        if let Some(checkpoints) = found {
            return Ok(Ok(Judged { rows, checkpoints }));
        }
        let found = match finished.read::<Vec<Checkpoint>>(&key) {
            Some(found) if found.iter().all(|checkpoint| checkpoint.margins.len() == rows.len()) => found,
            _ => match checkpoints(candidate, &self.data.training(&split.train), &rows, *seed) {
                Ok(found) => {
                    finished.keep(&key, &found)?;
                    found
                }
                Err(error) => return Ok(Err(error)),
            },
        };
        let checkpoints = Arc::new(found);
        known().insert(key, Arc::clone(&checkpoints));
        Ok(Ok(Judged { rows, checkpoints }))
    }
}
