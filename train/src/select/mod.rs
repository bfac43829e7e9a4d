//! Choosing a learner by its out-of-fold log loss: the one selection that histories and tables share.
//!
//! Candidates are fitted on each split's training part and judged on its other rows, by the log loss of their calibrated
//! probabilities. Whatever is learnt from judged rows (boosting rounds, calibrators, a blend's weights) judges a row only
//! where it was learnt from other folds. Where that is much work, successive halving comes first: see `rungs`.

mod blend;
mod explainable;
mod fits;
mod rounds;
mod rungs;

use std::collections::BTreeSet;

use holdfast_models::{Candidate, FitError};
use rayon::prelude::*;

pub use explainable::Explainable;

use crate::TrainError;
use crate::budget::{Allowance, Budget};
use crate::finished::FinishedFits;
use crate::learning::{Chosen, LearningRows, OutOfFold, Standing, auc, cross_calibrated, weighted_log_loss};
use crate::progress::Stage;
use crate::split::{Split, hash};
use fits::{Fits, Judged, Outcome, Seeded};
use rungs::{in_turns, rungs, survivors};

/// How the selection goes about it.
#[derive(Debug, Clone, Copy)]
pub struct SelectOptions {
    /// Seed of every fit.
    pub seed: u64,
    /// How many candidates are fitted on all rows of all splits, where halving comes first.
    pub finalists: usize,
    /// Training rows of a fit of the first rung at most.
    pub screening_rows: usize,
    /// Boosted models whose mean a boosting finalist is, where there are not too many rows.
    pub bags: usize,
    /// What becomes of the finalists.
    pub combine: Combine,
    /// Whether the best or the simplest one is chosen.
    pub choice: Choice,
}

/// What becomes of the finalists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// Their weighted sum, unless the best of them is clearly better.
    Blend,
    /// The best of them alone.
    Best,
}

/// What is chosen of candidates that are about as good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The one with the lowest log loss, or the blend.
    Best,
    /// The simplest one within one standard error of it.
    Explainable,
}

/// What a selection may spend, and the fits that are done already.
#[derive(Debug, Clone, Copy)]
pub struct Effort<'a> {
    /// The run's time.
    pub budget: &'a Budget,
    /// This selection's part of it.
    pub allowance: Allowance,
    /// Finished fits on the same rows.
    pub finished: &'a FinishedFits,
}

/// The outcome of a selection.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The finalists, best first.
    pub standings: Vec<Standing>,
    /// What won: the first of the standings, or a blend of several; where that is asked for, the simplest.
    pub chosen: Chosen,
    /// Log loss (nats) and AUC of the blend, with weights and calibration learnt from other folds than the judged one;
    /// `None` where one candidate won.
    pub blend: Option<(f64, Option<f64>)>,
    /// The simplest of the finalists that is as good as the best within one standard error.
    pub explainable: Option<Explainable>,
    /// The out-of-fold margins of what won.
    pub out_of_fold: OutOfFold,
    /// The rungs before the finalists.
    pub rungs: Vec<RungResult>,
    /// Candidates that a rung dropped, with their log loss (nats, uncalibrated) there.
    pub dropped: Vec<(Candidate, f64)>,
    /// Candidates that the budget left no time for.
    pub untried: Vec<Candidate>,
    /// Candidates that could not be fitted, and why.
    pub failed: Vec<(Candidate, FitError)>,
}

/// What happened on one rung of the halving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RungResult {
    /// Candidates that were tried.
    pub n_candidates: usize,
    /// Splits that each was fitted on.
    pub n_splits: usize,
    /// Training rows of a fit at most.
    pub n_rows: usize,
}

/// How many fits a selection does at most, for a progress bar.
#[must_use]
pub fn n_fits(data: &LearningRows, splits: &[Split], n_candidates: usize, options: &SelectOptions) -> usize {
    let mut left = n_candidates;
    let mut fits = 0;
    for rung in rungs(data, splits, n_candidates, options) {
        fits += left * rung.splits.len();
        left = left.min(rung.keep);
    }
    fits + left * splits.len()
}

/// A candidate that was judged on all splits.
struct Finalist {
    standing: Standing,
    /// With the rounds that other folds favour.
    honest: OutOfFold,
    /// With the rounds that are deployed.
    deployed: OutOfFold,
    /// The loss (nats) of each row, by the honest margins and a calibrator of the other folds.
    losses: Vec<f64>,
}

/// Chooses among `candidates`. `folds` names the account fold of each row.
///
/// # Errors
/// [`TrainError::NoCandidate`] where no candidate can be fitted, the calibrators' errors, and fits that cannot be kept.
pub fn select(
    data: &LearningRows,
    splits: &[Split],
    folds: &[usize],
    candidates: &[Candidate],
    options: &SelectOptions,
    effort: &Effort<'_>,
    stage: &Stage,
) -> Result<Selection, TrainError> {
    let fits = Fits::new(data, effort, stage);
    let (mut failed, mut dropped, mut untried, mut passed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut field = in_turns(candidates);
    // However short the time, each learner is tried once.
    let n_learners = candidates.iter().map(Candidate::learner).collect::<BTreeSet<_>>().len();
    for rung in rungs(data, splits, candidates.len(), options) {
        let outcomes = fits.of(&field, &rung.splits, n_learners, effort.allowance.first(rung.share))?;
        untried.extend(field.split_off(outcomes.len()));
        let (n_candidates, n_splits) = (field.len(), rung.splits.len());
        passed.push(RungResult { n_candidates, n_splits, n_rows: rung.n_rows });
        let ranked = of_fitted(&mut failed, field, outcomes, |candidate, judged| {
            let margins = rounds::choose(data, folds, &candidate, judged, options.seed).honest;
            Ok((candidate, weighted_log_loss(data, &margins.rows, &margins.margins)))
        })?;
        let (kept, others) = survivors(ranked, rung.keep);
        field = kept;
        dropped.extend(others);
    }
    let all: Vec<Seeded> = (splits.iter().enumerate())
        .map(|(index, split)| Seeded::new(split.clone(), index, options.seed))
        .collect();
    let mut field: Vec<Candidate> =
        field.iter().map(|candidate| candidate.with_bags(bags(splits, options))).collect();
    let outcomes = fits.of(&field, &all, 1, effort.allowance)?;
    untried.extend(field.split_off(outcomes.len()));
    let mut finalists = of_fitted(&mut failed, field, outcomes, |candidate, judged| {
        finalist(data, folds, &candidate, judged, options.seed)
    })?;
    // A stable sort: of equal candidates the one named first wins.
    finalists.sort_by(|a, b| a.standing.log_loss.total_cmp(&b.standing.log_loss));
    let Some(best) = finalists.first() else {
        let reasons: Vec<String> =
            failed.iter().map(|(candidate, error)| format!("{}: {error}", candidate.describe())).collect();
        return Err(TrainError::NoCandidate(reasons.join("; ")));
    };
    let found = match options.combine {
        Combine::Best => None,
        Combine::Blend => blend::of(data, folds, &finalists, options.seed)?,
    };
    let won = found.as_ref().map_or(&best.losses, |found| &found.losses);
    let own: Vec<(&Candidate, &[f64])> =
        finalists.iter().map(|one| (&one.standing.candidate, one.losses.as_slice())).collect();
    let explainable = explainable::simplest(data, &best.honest.rows, &own, won);
    let wanted = match options.choice {
        Choice::Best => None,
        Choice::Explainable => explainable.as_ref(),
    };
    let alone = wanted
        .and_then(|wanted| finalists.iter().find(|one| one.standing.candidate == wanted.candidate))
        .unwrap_or(best);
    let (members, blend, out_of_fold) = match found.filter(|_| wanted.is_none()) {
        Some(found) => (found.members, Some((found.log_loss, found.auc)), found.out_of_fold),
        None => (vec![(1.0, alone.standing.candidate.clone())], None, alone.deployed.clone()),
    };
    let n_rows = splits.iter().map(|split| split.train.len()).sum::<usize>() / splits.len().max(1);
    let chosen = Chosen { members, n_rows };
    let standings = finalists.into_iter().map(|one| one.standing).collect();
    Ok(Selection {
        standings,
        chosen,
        blend,
        explainable,
        out_of_fold,
        rungs: passed,
        dropped,
        untried,
        failed,
    })
}

/// What `of` makes of every candidate that could be fitted, in order; the others join the `failed`.
fn of_fitted<T: Send>(
    failed: &mut Vec<(Candidate, FitError)>,
    candidates: Vec<Candidate>,
    outcomes: Vec<Outcome>,
    of: impl Fn(Candidate, &[Judged]) -> Result<T, TrainError> + Sync,
) -> Result<Vec<T>, TrainError> {
    let pairs: Vec<_> = candidates.into_iter().zip(outcomes).collect();
    let found = pairs.into_par_iter().map(|(candidate, outcome)| match outcome {
        Ok(judged) => of(candidate, &judged).map(Ok),
        Err(error) => Ok(Err((candidate, error))),
    });
    let mut fitted = Vec::new();
    for one in found.collect::<Result<Vec<_>, TrainError>>()? {
        match one {
            Ok(one) => fitted.push(one),
            Err(one) => failed.push(one),
        }
    }
    Ok(fitted)
}

/// From this many training rows on, chance hardly shows in one boosted model.
const ALONE_FROM: usize = 20_000;

fn bags(splits: &[Split], options: &SelectOptions) -> usize {
    let most = splits.iter().map(|split| split.train.len()).max().unwrap_or(0);
    if most < ALONE_FROM { options.bags } else { 1 }
}

fn finalist(
    data: &LearningRows,
    folds: &[usize],
    candidate: &Candidate,
    judged: &[Judged],
    seed: u64,
) -> Result<Finalist, TrainError> {
    let rounds::Margins { candidate, honest, deployed } =
        rounds::choose(data, folds, candidate, judged, seed);
    let calibrated = cross_calibrated(data, &honest, folds, seed)?;
    let log_loss = weighted_log_loss(data, &honest.rows, &calibrated);
    let losses = explainable::losses(data, &honest.rows, &calibrated);
    let auc = auc(data, &OutOfFold { rows: honest.rows.clone(), margins: calibrated });
    let standing = Standing { candidate, log_loss, auc };
    Ok(Finalist { standing, honest, deployed, losses })
}

/// `n` of the rows at most, chosen by a seeded hash, in ascending order.
#[must_use]
pub fn sample(rows: &[usize], n: usize, seed: u64) -> Vec<usize> {
    if rows.len() <= n {
        return rows.to_vec();
    }
    let mut order: Vec<(u64, usize)> = rows.iter().map(|&row| (hash(&row.to_string(), seed), row)).collect();
    order.sort_unstable();
    order.truncate(n);
    let mut sampled: Vec<usize> = order.into_iter().map(|(_, row)| row).collect();
    sampled.sort_unstable();
    sampled
}
