//! The glass-box model of a run, whose every feature is a curve that can be drawn, for the report.

use std::collections::BTreeMap;

use holdfast_features::Column;
use holdfast_models::additive::Shape;
use holdfast_models::{Candidate, Classifier, fit};

use crate::TrainError;
use crate::columns::share;
use crate::learning::{Chosen, LearningRows};
use crate::procedure::Learnt;
use crate::report::{Category, FeatureShape, GlassBox, ShapeStep};

/// Features whose curves are kept, the most important first.
const MOST_SHAPES: usize = 12;
/// Categories of a feature that are kept, the most frequent first.
const MOST_CATEGORIES: usize = 8;
/// Bars that show where the rows lie.
const BARS: usize = 24;
/// The share of rows beyond either end of what is drawn: a single far value would press all others together.
const TAIL: f64 = 0.01;

/// The best additive candidate of the selection, fitted on the rows that the run learnt from and judged on; `None` where
/// none was a finalist.
///
/// # Errors
/// What the learner says.
pub fn glass_box(data: &LearningRows, learnt: &Learnt, seed: u64) -> Result<Option<GlassBox>, TrainError> {
    let is_additive = |candidate: &Candidate| candidate.learner() == "additive";
    let Some(standing) = learnt.selection.standings.iter().find(|standing| is_additive(&standing.candidate))
    else {
        return Ok(None);
    };
    let splits = learnt.tested.splits.iter();
    let mut rows: Vec<usize> =
        splits.flat_map(|split| split.train.iter().chain(&split.validate)).copied().collect();
    rows.sort_unstable();
    rows.dedup();
    let n_rows = learnt.selection.chosen.n_rows;
    let alone = Chosen { members: vec![(1.0, standing.candidate.clone())], n_rows }.grown_to(rows.len());
    let Some((_, candidate)) = alone.members.first() else { return Ok(None) };
    let fitted = fit(candidate, &data.training(&rows), seed)
        .map_err(|source| TrainError::Fit { candidate: candidate.describe(), source })?;
    let Classifier::Additive(model) = fitted.classifier() else { return Ok(None) };
    let encoder = fitted.encoder();
    let width = encoder.width();
    let encoded = encoder.encode_rows(&data.table, &rows);
    let of_rows = Rows { data, rows: &rows, encoded: &encoded, width };
    let mut shapes: Vec<FeatureShape> =
        model.shapes().iter().map(|shape| of_rows.shape(shape, encoder.sources()[shape.column])).collect();
    shapes.sort_by(|a, b| b.importance.total_cmp(&a.importance));
    let n_features = shapes.len();
    shapes.truncate(MOST_SHAPES);
    Ok(Some(GlassBox {
        settings: candidate.describe(),
        log_loss: standing.log_loss,
        auc: standing.auc,
        features: n_features,
        shapes,
    }))
}

/// What the model is drawn over.
struct Rows<'a> {
    data: &'a LearningRows,
    rows: &'a [usize],
    /// Row-major.
    encoded: &'a [f64],
    width: usize,
}

impl Rows<'_> {
    /// The shape with its weighted mean taken away.
    fn shape(&self, shape: &Shape, source: usize) -> FeatureShape {
        let values: Vec<f64> = self.encoded.iter().skip(shape.column).step_by(self.width).copied().collect();
        let weights: Vec<f64> = self.rows.iter().map(|&row| self.data.weights[row]).collect();
        let total: f64 = weights.iter().sum();
        let mean_of = |part: &dyn Fn(f64) -> f64| -> f64 {
            values.iter().zip(&weights).map(|(&value, weight)| part(value) * weight).sum::<f64>() / total
        };
        let mean = mean_of(&|value| shape.at(value));
        let importance = mean_of(&|value| (shape.at(value) - mean).abs());
        let missing_share = mean_of(&|value| f64::from(u8::from(value.is_nan())));
        let spec = &self.data.table.specs()[source];
        let (steps, bars, categories) = match &self.data.table.columns()[source] {
            Column::Number(_) => {
                let mut known: Vec<(f64, f64)> = values.iter().copied().zip(weights).collect();
                known.retain(|(value, _)| !value.is_nan());
                known.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
                let steps = drawn(&known).map_or_else(Vec::new, |range| steps(shape, mean, range));
                let bars =
                    steps.first().zip(steps.last()).map(|(first, last)| bars(&known, first.from, last.to));
                (steps, bars.unwrap_or_default(), Vec::new())
            }
            Column::Text(texts) => {
                let mut of_text: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
                for ((&row, &value), weight) in self.rows.iter().zip(&values).zip(&weights) {
                    if let Some(text) = texts[row].as_deref() {
                        let entry = of_text.entry(text).or_insert((0.0, shape.at(value) - mean));
                        entry.0 += weight / total;
                    }
                }
                let mut categories: Vec<Category> = of_text
                    .into_iter()
                    .map(|(name, (share, value))| Category { name: name.to_owned(), share, value })
                    .collect();
                categories.sort_by(|a, b| b.share.total_cmp(&a.share));
                categories.truncate(MOST_CATEGORIES);
                (Vec::new(), Vec::new(), categories)
            }
        };
        FeatureShape {
            feature: spec.name.clone(),
            meaning: spec.meaning.clone(),
            unit: spec.unit.clone(),
            importance,
            steps,
            bars,
            categories,
            missing: (missing_share > 0.0).then_some(shape.missing - mean),
            missing_share,
        }
    }
}

/// The values between the weighted tails of ascending values; `None` where they do not differ.
fn drawn(known: &[(f64, f64)]) -> Option<(f64, f64)> {
    let total: f64 = known.iter().map(|(_, weight)| weight).sum();
    let quantile = |share: f64| {
        let mut below = 0.0;
        known
            .iter()
            .find(|(_, weight)| {
                below += weight;
                below >= share * total
            })
            .or(known.last())
            .map(|(value, _)| *value)
    };
    let (low, high) = (quantile(TAIL)?, quantile(1.0 - TAIL)?);
    if low < high {
        return Some((low, high));
    }
    let (low, high) = (known.first()?.0, known.last()?.0);
    (low < high).then_some((low, high))
}

/// The steps of a shape within a range.
fn steps(shape: &Shape, mean: f64, (low, high): (f64, f64)) -> Vec<ShapeStep> {
    let mut steps: Vec<ShapeStep> = Vec::new();
    let ends = shape.ends.iter().copied().chain([f64::INFINITY]);
    let mut from = low;
    for (end, value) in ends.zip(&shape.values) {
        let to = end.min(high);
        if to > from {
            steps.push(ShapeStep { from, to, value: value - mean });
            from = to;
        }
    }
    steps
}

/// The share of rows in each of [`BARS`] equal parts of a range.
fn bars(known: &[(f64, f64)], low: f64, high: f64) -> Vec<f64> {
    let mut bars = vec![0.0; BARS];
    let total: f64 = known.iter().map(|(_, weight)| weight).sum();
    let mut at = 0;
    for &(value, weight) in known.iter().filter(|(value, _)| (low..=high).contains(value)) {
        // Ascending values: the part only moves on.
        while at + 1 < BARS && value > low + (high - low) * share(at + 1, BARS) {
            at += 1;
        }
        bars[at] += weight / total;
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_drawn_between_the_tails() {
        let mut known: Vec<(f64, f64)> = (0..1_000_u16).map(|value| (f64::from(value), 1.0)).collect();
        known.push((1e9, 1.0));
        let range = drawn(&known).unwrap();
        assert_eq!(range, (10.0, 990.0));
        let shape = Shape {
            column: 0,
            ends: vec![5.0, 100.0, 2_000.0],
            values: vec![9.0, 1.0, 2.0, 8.0],
            missing: 0.0,
        };
        let found = steps(&shape, 0.5, range);
        let expected =
            [(10.0, 100.0, 0.5), (100.0, 990.0, 1.5)].map(|(from, to, value)| ShapeStep { from, to, value });
        assert_eq!(found, expected);
        let bars = bars(&known, range.0, range.1);
        assert!((bars.iter().sum::<f64>() - 981.0 / 1_001.0).abs() < 1e-9);
        assert!(bars.iter().all(|bar| (bar - 0.0408).abs() < 0.002), "{bars:?}");
        assert_eq!(drawn(&[(2.0, 1.0), (2.0, 1.0)]), None);
        assert_eq!(drawn(&[]), None);
    }
}
