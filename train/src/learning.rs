//! What learning works on and brings: rows, out-of-fold margins of them, and what was chosen by these.

use holdfast_features::{Column, FeatureTable, Role};
use holdfast_models::calibrate::{Segments, ladder, ladder_by_segment};
use holdfast_models::probability::log_loss;
use holdfast_models::{Blend, Calibration, Candidate, TrainingRows, fit};
use rayon::prelude::*;

use crate::TrainError;
use crate::evaluate::rank::{self, Tally};
use crate::split::has_both_classes;

/// Rows with everything that fitting and judging needs; one entry a row in each part.
#[derive(Debug, Clone)]
pub struct LearningRows {
    /// The features.
    pub table: FeatureTable,
    /// 1 where the account churned, else 0.
    pub labels: Vec<f64>,
    /// How much a row counts.
    pub weights: Vec<f64>,
    /// Which rows belong to one account or group.
    pub groups: Vec<u32>,
    /// Blocks of time, rising, by which calibration tells recent rows from older ones; all 0 where there is no time.
    pub blocks: Vec<u32>,
}

/// Raw margins of rows by classifiers that never saw the row's group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutOfFold {
    /// The rows, each once, ascending.
    pub rows: Vec<usize>,
    /// Their margins (log-odds, not calibrated).
    pub margins: Vec<f64>,
}

/// How a candidate did on all splits.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The candidate; boosting with the rounds that its validation curves chose.
    pub candidate: Candidate,
    /// Weighted log loss (nats) of the out-of-fold probabilities after cross-fitted calibration.
    pub log_loss: f64,
    /// AUC of the same probabilities.
    pub auc: Option<f64>,
}

/// What is fitted: candidates, each with its weight in the sum of log-odds.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// At least one.
    pub members: Vec<(f64, Candidate)>,
    /// Rows that their boosting rounds were chosen on: the mean number of training rows of a split.
    pub n_rows: usize,
}

/// Rounds grow by this factor at most.
const MOST_GROWTH: f64 = 1.5;

impl Chosen {
    /// The same for `n_rows` training rows: more rows bear more boosting rounds, as many times more as there are rows, up
    /// to half as many again.
    #[must_use]
    pub fn grown_to(&self, n_rows: usize) -> Self {
        let growth = (as_f64(n_rows) / as_f64(self.n_rows.max(1))).clamp(1.0, MOST_GROWTH);
        let grown = |(weight, member): &(f64, Candidate)| (*weight, member.with_rounds_times(growth));
        Self { members: self.members.iter().map(grown).collect(), n_rows: self.n_rows }
    }

    /// Every member with its parameters, and its weight where there are several.
    #[must_use]
    pub fn describe(&self) -> String {
        match self.members.as_slice() {
            [(_, only)] => only.describe(),
            several => {
                let parts =
                    several.iter().map(|(weight, member)| format!("{weight:.2} × {}", member.describe()));
                parts.collect::<Vec<_>>().join(" + ")
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^53")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

/// What a row counts in calibration beside one of the next block of time. The published model has learnt from more, and
/// from later rows, than those that made the margins of early blocks, and is off by less.
const OLDER: f64 = 0.7;

/// The feature by whose categories calibrated log-odds may be shifted: the lifecycle stage.
pub const SEGMENT: &str = "stage";

/// The position of the feature that tells segments, and its column.
fn segments(table: &FeatureTable) -> Option<(usize, &Column)> {
    let feature = table.index_of(SEGMENT).filter(|&feature| table.specs()[feature].role == Role::Feature)?;
    Some((feature, &table.columns()[feature])).filter(|(_, column)| matches!(column, Column::Text(_)))
}

fn segment(table: &FeatureTable, row: usize) -> Option<&str> {
    match segments(table)?.1 {
        Column::Text(values) => values[row].as_deref(),
        Column::Number(_) => None,
    }
}

/// Calibrated log-odds of the margins of rows of `table`.
#[must_use]
pub fn calibrated(
    table: &FeatureTable,
    calibration: &Calibration,
    rows: &[usize],
    margins: &[f64],
) -> Vec<f64> {
    rows.iter().zip(margins).map(|(&row, &margin)| calibration.logit(margin, segment(table, row))).collect()
}

impl LearningRows {
    /// The training view of `rows`.
    #[must_use]
    pub fn training<'a>(&'a self, rows: &'a [usize]) -> TrainingRows<'a> {
        TrainingRows {
            table: &self.table,
            labels: &self.labels,
            weights: &self.weights,
            groups: Some(&self.groups),
            rows,
        }
    }

    /// Fits every member of `chosen` on `rows`.
    ///
    /// # Errors
    /// What the learner says, with the candidate's name.
    pub fn fit(&self, chosen: &Chosen, rows: &[usize], seed: u64) -> Result<Blend, TrainError> {
        let member = |(weight, candidate): &(f64, Candidate)| {
            fit(candidate, &self.training(rows), seed)
                .map(|fitted| (*weight, fitted))
                .map_err(|source| TrainError::Fit { candidate: candidate.describe(), source })
        };
        Ok(Blend::new(chosen.members.par_iter().map(member).collect::<Result<_, _>>()?))
    }

    /// Fits the calibration ladder to out-of-fold margins, of which older ones count less, with offsets by [`SEGMENT`]
    /// where the rows have one.
    ///
    /// # Errors
    /// What the calibrators say.
    pub fn calibrate(&self, out_of_fold: &OutOfFold, seed: u64) -> Result<Calibration, TrainError> {
        let take = |values: &[f64]| out_of_fold.rows.iter().map(|&row| values[row]).collect::<Vec<f64>>();
        let groups: Vec<u32> = out_of_fold.rows.iter().map(|&row| self.groups[row]).collect();
        let blocks: Vec<u32> = out_of_fold.rows.iter().map(|&row| self.blocks[row]).collect();
        let newest = blocks.iter().copied().max().unwrap_or(0);
        let labels = take(&self.labels);
        let weights: Vec<f64> = (take(&self.weights).into_iter().zip(&blocks))
            .map(|(weight, block)| weight * OLDER.powi(i32::try_from(newest - block).unwrap_or(i32::MAX)))
            .collect();
        let Some((feature, _)) = segments(&self.table) else {
            return Ok(ladder(&out_of_fold.margins, &labels, &weights, &groups, seed)?);
        };
        let of: Vec<Option<&str>> = out_of_fold.rows.iter().map(|&row| segment(&self.table, row)).collect();
        let segments = Segments { feature, of: &of, blocks: &blocks };
        Ok(ladder_by_segment(&out_of_fold.margins, &labels, &weights, &groups, segments, seed)?)
    }
}

impl OutOfFold {
    /// The part of it that lies in rows for which `keep` holds.
    #[must_use]
    pub fn only(&self, keep: impl Fn(usize) -> bool) -> Self {
        let (rows, margins) = (self.rows.iter().copied())
            .zip(self.margins.iter().copied())
            .filter(|&(row, _)| keep(row))
            .unzip();
        Self { rows, margins }
    }

    /// Both together, in row order.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        self.rows.extend(other.rows);
        self.margins.extend(other.margins);
        self.sorted()
    }

    /// In row order.
    #[must_use]
    pub fn sorted(self) -> Self {
        let mut pairs: Vec<(usize, f64)> = self.rows.into_iter().zip(self.margins).collect();
        pairs.sort_by_key(|&(row, _)| row);
        let (rows, margins) = pairs.into_iter().unzip();
        Self { rows, margins }
    }
}

/// The AUC of out-of-fold margins.
pub(crate) fn auc(data: &LearningRows, out_of_fold: &OutOfFold) -> Option<f64> {
    let take = |values: &[f64]| out_of_fold.rows.iter().map(|&row| values[row]).collect::<Vec<f64>>();
    rank::auc(&Tally::new(&out_of_fold.margins).blocks(&take(&data.labels), &take(&data.weights)))
}

/// The calibrated margins of out-of-fold rows, each by a calibrator of the other folds; uncalibrated where the
/// other folds lack a class.
pub(crate) fn cross_calibrated(
    data: &LearningRows,
    out_of_fold: &OutOfFold,
    folds: &[usize],
    seed: u64,
) -> Result<Vec<f64>, TrainError> {
    cross_calibrated_by(data, &out_of_fold.rows, folds, seed, |_| out_of_fold.margins.clone())
}

/// As [`cross_calibrated`], where the margins of the `rows` depend on the fold that is judged: those that `margins` gives
/// for it are what its calibrator is fitted to and applied to.
pub(crate) fn cross_calibrated_by(
    data: &LearningRows,
    rows: &[usize],
    folds: &[usize],
    seed: u64,
    margins: impl Fn(usize) -> Vec<f64> + Sync,
) -> Result<Vec<f64>, TrainError> {
    let mut present: Vec<usize> = rows.iter().map(|&row| folds[row]).collect();
    present.sort_unstable();
    present.dedup();
    let of_fold = |&fold: &usize| {
        let all = OutOfFold { rows: rows.to_vec(), margins: margins(fold) };
        let (own, others) = (all.only(|row| folds[row] == fold), all.only(|row| folds[row] != fold));
        if !has_both_classes(&data.labels, &others.rows) {
            return Ok(own);
        }
        let calibration = data.calibrate(&others, seed)?;
        let margins = calibrated(&data.table, &calibration, &own.rows, &own.margins);
        Ok(OutOfFold { margins, ..own })
    };
    let by_fold = present.par_iter().map(of_fold).collect::<Result<Vec<_>, TrainError>>()?;
    Ok(by_fold.into_iter().fold(OutOfFold::default(), OutOfFold::merged).margins)
}

/// The weighted mean log loss (nats) of margins.
pub(crate) fn weighted_log_loss(data: &LearningRows, rows: &[usize], margins: &[f64]) -> f64 {
    let labels: Vec<f64> = rows.iter().map(|&row| data.labels[row]).collect();
    let weights: Vec<f64> = rows.iter().map(|&row| data.weights[row]).collect();
    log_loss(margins, &labels, &weights)
}

#[cfg(test)]
mod tests {
    use holdfast_models::{boost, logistic};

    use super::*;

    #[test]
    fn more_rows_bear_more_rounds() {
        let boosted = |rounds| {
            let params = boost::Params { rounds, ..boost::Params::default() };
            Candidate::Boost(params.check().unwrap())
        };
        let linear = Candidate::Logistic(logistic::Params::default().check().unwrap());
        let chosen = Chosen { members: vec![(0.7, boosted(100)), (0.3, linear.clone())], n_rows: 800 };
        let rounds = |n_rows| chosen.grown_to(n_rows).members;
        for (n_rows, expected) in [(400, 100), (800, 100), (1_000, 125), (10_000, 150)] {
            assert_eq!(rounds(n_rows), [(0.7, boosted(expected)), (0.3, linear.clone())]);
        }
    }
}
