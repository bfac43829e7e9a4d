//! Which calibrator the data can bear, deployed only where it helps on rows not fitted on.

use serde::{Deserialize, Serialize};

use super::fit::check;
use super::{
    CalibrationError, Calibrator, SegmentOffsets, Segments, VennAbers, fit_beta, fit_intercept, fit_platt,
    fit_spline,
};
use crate::encode::part_of;
use crate::probability::log_loss;

/// From this many positive rows on, a slope is fitted too.
const PLATT_FROM: usize = 30;
/// From this many positive rows on, both tails have a slope of their own.
const BETA_FROM: usize = 150;
/// Strength of the shrinkage of beta calibration to the identity: worth about as much as twenty rows at p = 0.5.
const BETA_RIDGE: f64 = 5.0;
/// From this many positive rows on, the slope may change along the margins.
const SPLINE_FROM: usize = 1_000;
/// Strength of the shrinkage of the spline's slopes to the identity.
const SPLINE_RIDGE: f64 = 5.0;
const PARTS: u64 = 5;

/// A rung of the ladder, from what always holds to what needs most rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Margins as they are.
    Identity,
    /// The base rate is corrected.
    Intercept,
    /// Base rate and spread.
    Platt,
    /// Base rate and the spread of both tails, shrunk to the identity.
    Beta,
    /// A spread that changes from knot to knot, shrunk to the identity.
    Spline,
}

/// A fitted calibration: the map, the evidence interval and how they were chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// From raw margin to calibrated log-odds.
    pub calibrator: Calibrator,
    /// What is added to these log-odds by segment; `None` where that does not help.
    pub segments: Option<SegmentOffsets>,
    /// From raw margin to the Venn–Abers interval.
    pub interval: VennAbers,
    /// How the map was chosen.
    pub report: CalibrationReport,
}

/// How a calibrator was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationReport {
    /// Rows calibrated on.
    pub rows: usize,
    /// Those of them that churned.
    pub positives: usize,
    /// The rung deployed.
    pub deployed: Rung,
    /// The deployed map.
    pub calibrator: Calibrator,
    /// Every rung tried, in order, the identity first.
    pub rungs: Vec<RungReport>,
    /// The offsets by segment that were tried; `None` where there are no segments that differ more than by chance.
    #[serde(default)]
    pub segments: Option<SegmentReport>,
}

/// How offsets by segment did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SegmentReport {
    /// Weighted mean log loss (nats) on rows not fitted on, after the deployed rung.
    pub log_loss: f64,
    /// That of the same rows without offsets; bundles of earlier versions do not say.
    #[serde(default)]
    pub log_loss_without: Option<f64>,
    /// Whether that is less than without.
    pub is_deployed: bool,
}

/// One rung that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RungReport {
    /// The rung.
    pub rung: Rung,
    /// Weighted mean log loss (nats) on rows not fitted on; `None` where a fit failed.
    pub log_loss: Option<f64>,
}

impl Rung {
    fn fit(self, margins: &[f64], labels: &[f64], weights: &[f64]) -> Result<Calibrator, CalibrationError> {
        match self {
            Self::Identity => Ok(Calibrator::Identity),
            Self::Intercept => fit_intercept(margins, labels, weights),
            Self::Platt => fit_platt(margins, labels, weights),
            Self::Beta => fit_beta(margins, labels, weights, BETA_RIDGE),
            Self::Spline => fit_spline(margins, labels, weights, SPLINE_RIDGE),
        }
    }
}

/// Fits the calibration to `margins` of rows that the classifier did not learn from: the rungs that the number of
/// positives allows (below 30 the intercept, below 150 Platt too, below 1,000 beta too, else a spline too) are compared by five-fold
/// cross-validated log loss, `groups` (an account each) never parted; the identity stays unless one is better.
///
/// # Errors
/// Refuses rows of one outcome, unequal lengths and values out of range.
pub fn ladder(
    margins: &[f64],
    labels: &[f64],
    weights: &[f64],
    groups: &[u32],
    seed: u64,
) -> Result<Calibration, CalibrationError> {
    let report = choose(margins, labels, weights, groups, seed)?;
    let interval = VennAbers::fit(margins, labels, weights)?;
    Ok(Calibration { calibrator: report.calibrator, segments: None, interval, report })
}

/// As [`ladder`], and then offsets by segment where those learnt from some rows lower the log loss of others once more: of
/// later blocks, or of other groups where there is one block only.
///
/// # Errors
/// As [`ladder`].
pub fn ladder_by_segment(
    margins: &[f64],
    labels: &[f64],
    weights: &[f64],
    groups: &[u32],
    segments: Segments<'_>,
    seed: u64,
) -> Result<Calibration, CalibrationError> {
    let mut calibration = ladder(margins, labels, weights, groups, seed)?;
    for (what, found) in [("segments", segments.of.len()), ("blocks", segments.blocks.len())] {
        if found != margins.len() {
            return Err(CalibrationError::Length { what, found, expected: margins.len() });
        }
    }
    let rows = SegmentRows { margins, labels, weights, groups, segments };
    let rung = calibration.report.deployed;
    let every: Vec<usize> = (0..margins.len()).collect();
    // Offsets are learnt from log-odds that know a row's label by the few constants of a rung only.
    let Some(logits) = cross_fitted(rung, margins, labels, weights, groups, seed) else {
        return Ok(calibration);
    };
    let Some(offsets) = rows.offsets(&logits, &every) else { return Ok(calibration) };
    let judged = if segments.blocks.windows(2).any(|pair| pair[0] != pair[1]) {
        rows.forward(rung, seed)
    } else {
        rows.across_groups(&logits, seed)
    };
    let Some((before, after)) = judged else { return Ok(calibration) };
    let is_deployed = after < before;
    calibration.report.segments =
        Some(SegmentReport { log_loss: after, log_loss_without: Some(before), is_deployed });
    calibration.segments = is_deployed.then_some(offsets);
    Ok(calibration)
}

/// What offsets by segment are learnt from and judged with; one entry a row in each.
#[derive(Clone, Copy)]
struct SegmentRows<'a> {
    margins: &'a [f64],
    labels: &'a [f64],
    weights: &'a [f64],
    groups: &'a [u32],
    segments: Segments<'a>,
}

impl SegmentRows<'_> {
    /// The offsets of the given rows, whose log-odds stand in the same order as all others do. Where none are found,
    /// none is a fine answer.
    fn offsets(&self, logits: &[f64], rows: &[usize]) -> Option<SegmentOffsets> {
        let of: Vec<Option<&str>> = rows.iter().map(|&row| self.segments.of[row]).collect();
        let groups: Vec<u32> = rows.iter().map(|&row| self.groups[row]).collect();
        let segments = Segments { of: &of, ..self.segments };
        let (labels, weights) = (take(self.labels, rows), take(self.weights, rows));
        SegmentOffsets::fit(&take(logits, rows), &labels, &weights, &groups, segments).ok().flatten()
    }

    /// Log loss of `judged` without and with offsets.
    fn losses(&self, judged: &[usize], logits: &[f64], shifted: &[f64]) -> (f64, f64) {
        let (labels, weights) = (take(self.labels, judged), take(self.weights, judged));
        let of = |logits: &[f64]| log_loss(&take(logits, judged), &labels, &weights);
        (of(logits), of(shifted))
    }

    /// Each block but the first, by the rung of all blocks before it and the offsets of their rows of other parts of the
    /// groups, since one term's rows may lie in several blocks; `None` where none can be judged.
    fn forward(&self, rung: Rung, seed: u64) -> Option<(f64, f64)> {
        let mut blocks = self.segments.blocks.to_vec();
        blocks.sort_unstable();
        blocks.dedup();
        let (mut logits, mut shifted) = (self.margins.to_vec(), self.margins.to_vec());
        let mut judged = Vec::new();
        for &block in &blocks[1..] {
            let rows_of = |keep: &dyn Fn(u32) -> bool| -> Vec<usize> {
                (0..self.margins.len()).filter(|&row| keep(self.segments.blocks[row])).collect()
            };
            let (earlier, own) = (rows_of(&|other| other < block), rows_of(&|other| other == block));
            let part = |row: usize| part_of(self.groups[row], seed, PARTS);
            let (labels, weights) = (take(self.labels, &earlier), take(self.weights, &earlier));
            let Ok(calibrator) = rung.fit(&take(self.margins, &earlier), &labels, &weights) else { continue };
            let calibrated: Vec<f64> = self.margins.iter().map(|&margin| calibrator.apply(margin)).collect();
            let of_others = |out: u64| {
                let kept: Vec<usize> = earlier.iter().copied().filter(|&row| part(row) != out).collect();
                self.offsets(&calibrated, &kept)
            };
            let offsets: Vec<Option<SegmentOffsets>> = (0..PARTS).map(of_others).collect();
            for &row in &own {
                let offsets = offsets.iter().zip(0..).find(|&(_, out)| out == part(row));
                let offset =
                    offsets.and_then(|(offsets, _)| Some(offsets.as_ref()?.of(self.segments.of[row])));
                logits[row] = calibrated[row];
                shifted[row] = calibrated[row] + offset.unwrap_or_default();
            }
            judged.extend(own);
        }
        (!judged.is_empty()).then(|| self.losses(&judged, &logits, &shifted))
    }

    /// Each of five parts of the groups by the offsets of the others.
    fn across_groups(&self, logits: &[f64], seed: u64) -> Option<(f64, f64)> {
        let every: Vec<usize> = (0..logits.len()).collect();
        let mut shifted = logits.to_vec();
        for part in 0..PARTS {
            let (out, kept): (Vec<usize>, Vec<usize>) =
                every.iter().partition(|&&row| part_of(self.groups[row], seed, PARTS) == part);
            if let Some(offsets) = self.offsets(logits, &kept) {
                out.into_iter().for_each(|row| shifted[row] += offsets.of(self.segments.of[row]));
            }
        }
        Some(self.losses(&every, logits, &shifted))
    }
}

fn take(values: &[f64], rows: &[usize]) -> Vec<f64> {
    rows.iter().map(|&row| values[row]).collect()
}

impl Calibration {
    /// Calibrated log-odds at a raw `margin` of a row of `segment`.
    #[must_use]
    pub fn logit(&self, margin: f64, segment: Option<&str>) -> f64 {
        self.calibrator.apply(margin) + self.segments.as_ref().map_or(0.0, |offsets| offsets.of(segment))
    }
}

/// As [`ladder`], without the evidence interval.
///
/// # Errors
/// As [`ladder`].
pub(crate) fn choose(
    margins: &[f64],
    labels: &[f64],
    weights: &[f64],
    groups: &[u32],
    seed: u64,
) -> Result<CalibrationReport, CalibrationError> {
    check(margins, labels, weights)?;
    if groups.len() != margins.len() {
        let expected = margins.len();
        return Err(CalibrationError::Length { what: "groups", found: groups.len(), expected });
    }
    let positives = labels.iter().filter(|&&label| label == 1.0).count();
    let mut allowed = vec![Rung::Identity, Rung::Intercept];
    if positives >= PLATT_FROM {
        allowed.push(Rung::Platt);
    }
    if positives >= BETA_FROM {
        allowed.push(Rung::Beta);
    }
    if positives >= SPLINE_FROM {
        allowed.push(Rung::Spline);
    }
    let rungs: Vec<RungReport> = allowed
        .into_iter()
        .map(|rung| {
            let logits = cross_fitted(rung, margins, labels, weights, groups, seed);
            let log_loss = logits.map(|logits| log_loss(&logits, labels, weights));
            RungReport { rung, log_loss: log_loss.filter(|loss| loss.is_finite()) }
        })
        .collect();
    // Of equal ones the first. What fits the parts may still not fit the whole; the identity always does.
    let mut order: Vec<(Rung, f64)> =
        rungs.iter().filter_map(|tried| Some((tried.rung, tried.log_loss?))).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let fitted =
        order.into_iter().find_map(|(rung, _)| Some((rung, rung.fit(margins, labels, weights).ok()?)));
    let (deployed, calibrator) = fitted.unwrap_or((Rung::Identity, Calibrator::Identity));
    Ok(CalibrationReport { rows: margins.len(), positives, deployed, calibrator, rungs, segments: None })
}

/// The log-odds by a rung of the parts left out of its fits; `None` where a part cannot be fitted.
fn cross_fitted(
    rung: Rung,
    margins: &[f64],
    labels: &[f64],
    weights: &[f64],
    groups: &[u32],
    seed: u64,
) -> Option<Vec<f64>> {
    let mut calibrated = margins.to_vec();
    for part in 0..PARTS {
        let is_left_out = |row: &usize| part_of(groups[*row], seed, PARTS) == part;
        let (out, kept): (Vec<usize>, Vec<usize>) = (0..margins.len()).partition(is_left_out);
        let of = |values: &[f64]| -> Vec<f64> { kept.iter().map(|&row| values[row]).collect() };
        if !out.is_empty() {
            let calibrator = rung.fit(&of(margins), &of(labels), &of(weights)).ok()?;
            for row in out {
                calibrated[row] = calibrator.apply(margins[row]);
            }
        }
    }
    Some(calibrated)
}
