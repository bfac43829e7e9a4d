//! Choosing a learner by its out-of-fold log loss: the one selection that histories and tables share.

use std::collections::BTreeMap;

use holdfast_models::{Candidate, FitError, FittedClassifier, fit_with_curve};
use rayon::prelude::*;

use crate::TrainError;
use crate::blend;
use crate::learning::{Chosen, LearningRows, OutOfFold, Standing, auc, cross_calibrated, weighted_log_loss};
use crate::progress::Stage;
use crate::split::{Split, hash, n_positives};

/// Values to be fitted on (rows × features × candidates over all splits) from which candidates are screened.
const SCREENED_FROM: usize = 3_000_000;
/// A screening judges at least this many churned rows, where half of the splits have as many.
const SCREENING_POSITIVES: usize = 50;

/// How the selection goes about it.
#[derive(Debug, Clone, Copy)]
pub struct SelectOptions {
    /// Seed of every fit.
    pub seed: u64,
    /// How many candidates outlive the screening.
    pub finalists: usize,
    /// Training rows of a screening fit at most.
    pub screening_rows: usize,
    /// What becomes of the finalists.
    pub combine: Combine,
}

/// What becomes of the finalists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// Their weighted sum, unless the best of them is clearly better.
    Blend,
    /// The best of them alone.
    Best,
}

/// The outcome of a selection.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The finalists, best first.
    pub standings: Vec<Standing>,
    /// What won: the first of the standings, or a blend of several.
    pub chosen: Chosen,
    /// Log loss (nats) and AUC of the blend, with weights and calibration learnt from other folds than the judged one;
    /// `None` where one candidate won.
    pub blend: Option<(f64, Option<f64>)>,
    /// The out-of-fold margins of what won.
    pub out_of_fold: OutOfFold,
    /// Candidates that the screening dropped, with their screening log loss (nats, uncalibrated).
    pub screened_out: Vec<(Candidate, f64)>,
    /// Candidates that could not be fitted, and why.
    pub failed: Vec<(Candidate, FitError)>,
}

/// How many fits a selection does, for a progress bar.
#[must_use]
pub fn n_fits(data: &LearningRows, splits: &[Split], n_candidates: usize, options: &SelectOptions) -> usize {
    if is_screened(data, splits, n_candidates, options) {
        n_candidates * screening_splits(data, splits).len() + options.finalists * splits.len()
    } else {
        n_candidates * splits.len()
    }
}

/// Fits the candidates on each split's training part, judges them on its other rows, and ranks them by the log
/// loss of their calibrated out-of-fold probabilities. `folds` names the account fold of each row: the
/// calibrator that judges a row learnt from other folds. Where that is much work candidates are screened first:
/// each is fitted on few splits and a part of the rows, and the best of each learner and the best of the rest go on.
///
/// # Errors
/// [`TrainError::NoCandidate`] where no candidate can be fitted, or the calibrators' errors.
pub fn select(
    data: &LearningRows,
    splits: &[Split],
    folds: &[usize],
    candidates: &[Candidate],
    options: &SelectOptions,
    stage: &Stage,
) -> Result<Selection, TrainError> {
    let mut failed = Vec::new();
    let (finalists, screened_out) = if is_screened(data, splits, candidates.len(), options) {
        let screening = screening_splits(data, splits);
        let losses: Vec<Result<f64, FitError>> = candidates
            .par_iter()
            .map(|candidate| {
                let losses = screening.iter().map(|split| screen(data, split, candidate, options, stage));
                losses.sum::<Result<f64, FitError>>()
            })
            .map(|sum| sum.map(|sum| sum * crate::columns::share(1, screening.len())))
            .collect();
        let mut ranked = Vec::new();
        for (candidate, loss) in candidates.iter().zip(losses) {
            match loss {
                Ok(loss) => ranked.push((candidate.clone(), loss)),
                Err(error) => failed.push((candidate.clone(), error)),
            }
        }
        survivors(ranked, options.finalists)
    } else {
        (candidates.to_vec(), Vec::new())
    };
    let tasks: Vec<(usize, usize)> = (0..finalists.len())
        .flat_map(|candidate| (0..splits.len()).map(move |split| (candidate, split)))
        .collect();
    let fits: Vec<Result<Judged, FitError>> = tasks
        .par_iter()
        .map(|&(candidate, split)| {
            judge(data, &splits[split], &finalists[candidate], options.seed, split, stage)
        })
        .collect();
    let mut by_candidate: BTreeMap<usize, Vec<Result<Judged, FitError>>> = BTreeMap::new();
    for (&(candidate, _), fit) in tasks.iter().zip(fits) {
        by_candidate.entry(candidate).or_default().push(fit);
    }
    let mut ranked: Vec<(Standing, OutOfFold)> = Vec::new();
    for (index, fits) in by_candidate {
        match fits.into_iter().collect::<Result<Vec<Judged>, FitError>>() {
            Ok(fits) => ranked.push(standing(data, splits, folds, &finalists[index], fits, options.seed)?),
            Err(error) => failed.push((finalists[index].clone(), error)),
        }
    }
    // A stable sort: of equal candidates the one named first wins.
    ranked.sort_by(|a, b| a.0.log_loss.total_cmp(&b.0.log_loss));
    let Some((best, best_margins)) = ranked.first().cloned() else {
        let reasons: Vec<String> =
            failed.iter().map(|(candidate, error)| format!("{}: {error}", candidate.describe())).collect();
        return Err(TrainError::NoCandidate(reasons.join("; ")));
    };
    let alone = (Chosen { members: vec![(1.0, best.candidate)] }, None, best_margins);
    let (chosen, blend, out_of_fold) = match options.combine {
        Combine::Best => alone,
        Combine::Blend => match blend::of(data, folds, &ranked, options.seed)? {
            Some(found) => (found.chosen, Some((found.log_loss, found.auc)), found.out_of_fold),
            None => alone,
        },
    };
    let standings = ranked.into_iter().map(|(standing, _)| standing).collect();
    Ok(Selection { standings, chosen, blend, out_of_fold, screened_out, failed })
}

/// A classifier fitted on one split.
struct Judged {
    classifier: FittedClassifier,
    curve: Option<Vec<f64>>,
}

/// Whether fitting every candidate on every split would be much work.
fn is_screened(data: &LearningRows, splits: &[Split], n_candidates: usize, options: &SelectOptions) -> bool {
    let n_rows: usize = splits.iter().map(|split| split.train.len()).sum();
    n_candidates > options.finalists && n_rows * data.table.specs().len() * n_candidates > SCREENED_FROM
}

/// The splits with most training rows, as many as judge enough churned rows, at most half of all.
fn screening_splits<'a>(data: &LearningRows, splits: &'a [Split]) -> Vec<&'a Split> {
    let mut largest: Vec<&Split> = splits.iter().collect();
    largest.sort_by_key(|split| std::cmp::Reverse(split.train.len()));
    let mut positives = 0;
    let mut chosen = Vec::new();
    for split in largest.into_iter().take(splits.len().div_ceil(2)) {
        if positives >= SCREENING_POSITIVES {
            break;
        }
        positives += n_positives(&data.labels, &split.validate);
        chosen.push(split);
    }
    chosen
}

fn screen(
    data: &LearningRows,
    split: &Split,
    candidate: &Candidate,
    options: &SelectOptions,
    stage: &Stage,
) -> Result<f64, FitError> {
    let train = sample(&split.train, options.screening_rows, options.seed);
    let validate = sample(&split.validate, options.screening_rows, options.seed);
    let (classifier, curve) = fit_with_curve(candidate, &data.training(&train), &validate, options.seed)?;
    stage.step();
    Ok(match curve {
        Some(curve) => curve.into_iter().fold(f64::INFINITY, f64::min),
        None => {
            let margins = classifier.margins(&data.table, &validate);
            weighted_log_loss(data, &validate, &margins)
        }
    })
}

/// The best of each learner and the best of the rest, `n` in all, in the order given; and the others.
fn survivors(ranked: Vec<(Candidate, f64)>, n: usize) -> (Vec<Candidate>, Vec<(Candidate, f64)>) {
    let mut order: Vec<usize> = (0..ranked.len()).collect();
    order.sort_by(|&a, &b| ranked[a].1.total_cmp(&ranked[b].1));
    let mut first_of: BTreeMap<&str, usize> = BTreeMap::new();
    for &index in &order {
        first_of.entry(ranked[index].0.learner()).or_insert(index);
    }
    let is_first = |index: &usize| first_of.values().any(|first| first == index);
    let mut kept: Vec<usize> = order.iter().copied().filter(is_first).collect();
    kept.extend(order.iter().copied().filter(|index| !is_first(index)));
    kept.truncate(n);
    let (mut finalists, mut others) = (Vec::new(), Vec::new());
    for (index, (candidate, loss)) in ranked.iter().enumerate() {
        if kept.contains(&index) {
            finalists.push(candidate.clone());
        } else {
            others.push((candidate.clone(), *loss));
        }
    }
    (finalists, others)
}

fn judge(
    data: &LearningRows,
    split: &Split,
    candidate: &Candidate,
    seed: u64,
    index: usize,
    stage: &Stage,
) -> Result<Judged, FitError> {
    let seed = hash(&format!("split {index}"), seed);
    let (classifier, curve) = fit_with_curve(candidate, &data.training(&split.train), &split.validate, seed)?;
    stage.step();
    Ok(Judged { classifier, curve })
}

fn standing(
    data: &LearningRows,
    splits: &[Split],
    folds: &[usize],
    candidate: &Candidate,
    fits: Vec<Judged>,
    seed: u64,
) -> Result<(Standing, OutOfFold), TrainError> {
    let rounds = best_rounds(data, splits, &fits);
    let candidate = rounds.map_or_else(|| candidate.clone(), |rounds| candidate.with_rounds(rounds));
    let mut out_of_fold = OutOfFold::default();
    for (split, judged) in splits.iter().zip(fits) {
        let classifier = match rounds {
            Some(rounds) => judged.classifier.truncated(rounds),
            None => judged.classifier,
        };
        out_of_fold.margins.extend(classifier.margins(&data.table, &split.validate));
        out_of_fold.rows.extend(&split.validate);
    }
    let out_of_fold = out_of_fold.sorted();
    let calibrated = cross_calibrated(data, &out_of_fold, folds, seed)?;
    let log_loss = weighted_log_loss(data, &out_of_fold.rows, &calibrated);
    Ok((Standing { candidate, log_loss, auc: auc(data, &out_of_fold) }, out_of_fold))
}

/// The round at which the validation curves, averaged by the weight of their rows, are lowest.
fn best_rounds(data: &LearningRows, splits: &[Split], fits: &[Judged]) -> Option<usize> {
    let n_rounds = fits.iter().map(|judged| judged.curve.as_ref().map_or(0, Vec::len)).min()?;
    let mut sums = vec![0.0; n_rounds];
    for (split, judged) in splits.iter().zip(fits) {
        let weight: f64 = split.validate.iter().map(|&row| data.weights[row]).sum();
        for (sum, loss) in sums.iter_mut().zip(judged.curve.iter().flatten()) {
            *sum += weight * loss;
        }
    }
    (0..n_rounds).min_by(|&a, &b| sums[a].total_cmp(&sums[b])).map(|best| best + 1)
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
