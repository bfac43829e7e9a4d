//! Encoding for trees: numbers as they are, categories as smoothed target statistics.
//!
//! A category's code is the mean label of its training rows, shrunk to the overall mean (Micci-Barreca 2001).
//! With many categories such codes carry a row's own label into its features; the codes of the *training*
//! rows then come from the other parts of a five-fold split, by group where groups are given.

use std::collections::BTreeMap;

use holdfast_features::{Column, FeatureSpec, Row, Value};
use serde::{Deserialize, Serialize};

use super::{EncoderError, learnable, part_of, readable};
use crate::fit::TrainingRows;

/// Weight of the overall mean in a category's code, in rows.
const PRIOR_ROWS: f64 = 20.0;
/// Up to this many categories the own label's part in a code is too small to matter.
const MAX_LEVELS_UNCROSSED: usize = 12;
const PARTS: u64 = 5;

/// What becomes of missing values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missing {
    /// They stay NaN: the trees learn where they go.
    Keep,
    /// They take the median (a category: the overall mean), and a column more tells them apart.
    Fill,
}

/// A fitted encoding for trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TreeEncoder {
    columns: Vec<TreeColumn>,
    sources: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TreeColumn {
    source: usize,
    first: usize,
    code: Code,
    fill: Option<f64>,
    indicator: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Code {
    Number,
    /// Sorted by name; `other` is the code of a category never seen.
    Category {
        levels: Vec<(String, f64)>,
        other: f64,
    },
}

impl TreeEncoder {
    /// Fits the encoding, and encodes the training rows (row-major, in the order of `training.rows`).
    #[must_use]
    pub fn fit(training: &TrainingRows<'_>, missing: Missing, seed: u64) -> (Self, Vec<f64>) {
        let mut encoder = Self { columns: Vec::new(), sources: Vec::new() };
        let mut crossed = Vec::new();
        for (source, _) in learnable(training.table.specs()) {
            let (code, fill, any_missing) = match &training.table.columns()[source] {
                Column::Number(values) => match number(values, training.rows) {
                    Some((median, any_missing)) => (Code::Number, median, any_missing),
                    None => continue,
                },
                Column::Text(values) => match category(values, training, |_| true) {
                    Some((levels, other)) => {
                        if levels.len() > MAX_LEVELS_UNCROSSED {
                            crossed.push((encoder.sources.len(), source));
                        }
                        let any_missing = training.rows.iter().any(|&row| values[row].is_none());
                        (Code::Category { levels, other }, other, any_missing)
                    }
                    None => continue,
                },
            };
            let indicator = missing == Missing::Fill && any_missing;
            let fill = (missing == Missing::Fill).then_some(fill);
            let column = TreeColumn { source, first: encoder.sources.len(), code, fill, indicator };
            encoder.sources.extend(std::iter::repeat_n(source, column.width()));
            encoder.columns.push(column);
        }
        let width = encoder.sources.len();
        let mut matrix = vec![0.0; training.rows.len() * width];
        if width > 0 {
            for (&row, out) in training.rows.iter().zip(matrix.chunks_exact_mut(width)) {
                encoder.encode(training.table.row(row), out);
            }
        }
        for (at, source) in crossed {
            if let Column::Text(values) = &training.table.columns()[source] {
                cross_fit(values, training, seed, |position, code| matrix[position * width + at] = code);
            }
        }
        (encoder, matrix)
    }

    pub(super) fn sources(&self) -> &[usize] {
        &self.sources
    }

    pub(super) fn encode(&self, row: Row<'_>, out: &mut [f64]) {
        for column in &self.columns {
            let value = match (&column.code, row.value(column.source)) {
                (Code::Number, Value::Number(value)) => value,
                (Code::Category { levels, other }, Value::Text(Some(level))) => {
                    code_of(levels, *other, level)
                }
                _ => f64::NAN,
            };
            out[column.first] = if value.is_nan() { column.fill.unwrap_or(f64::NAN) } else { value };
            if column.indicator {
                out[column.first + 1] = f64::from(u8::from(value.is_nan()));
            }
        }
    }

    pub(super) fn validate(&self, specs: &[FeatureSpec]) -> Result<(), EncoderError> {
        let mut first = 0;
        for column in &self.columns {
            let spec = readable(specs, column.source, matches!(column.code, Code::Category { .. }))?;
            let name = || spec.name.clone();
            let own = self.sources.get(first..first + column.width());
            if column.first != first || !own.is_some_and(|own| own.iter().all(|&s| s == column.source)) {
                return Err(EncoderError::Layout(name()));
            }
            first += column.width();
            if column.fill.is_some_and(|fill| !fill.is_finite()) {
                return Err(EncoderError::Number(name()));
            }
            if let Code::Category { levels, other } = &column.code {
                if !other.is_finite() || levels.iter().any(|(_, code)| !code.is_finite()) {
                    return Err(EncoderError::Number(name()));
                }
                if !levels.is_sorted_by(|a, b| a.0 < b.0) {
                    return Err(EncoderError::Unsorted(name()));
                }
            }
        }
        match self.sources.get(first) {
            Some(&feature) => Err(EncoderError::Source { feature, features: specs.len() }),
            None => Ok(()),
        }
    }
}

impl TreeColumn {
    fn width(&self) -> usize {
        1 + usize::from(self.indicator)
    }
}

fn code_of(levels: &[(String, f64)], other: f64, level: &str) -> f64 {
    levels.binary_search_by(|(known, _)| known.as_str().cmp(level)).map_or(other, |at| levels[at].1)
}

/// The median, and whether a value is missing; `None` where the rows do not differ.
fn number(values: &[f64], rows: &[usize]) -> Option<(f64, bool)> {
    let mut known: Vec<f64> = rows.iter().map(|&row| values[row]).filter(|value| !value.is_nan()).collect();
    let any_missing = known.len() < rows.len();
    known.sort_unstable_by(f64::total_cmp);
    let (first, last) = (known.first()?, known.last()?);
    (first < last || any_missing).then(|| (known[known.len() / 2], any_missing))
}

type Levels = (Vec<(String, f64)>, f64);

/// Each category's code from the rows whose group is `wanted`, and the overall mean; `None` where the
/// rows do not differ.
fn category(
    values: &[Option<std::sync::Arc<str>>],
    training: &TrainingRows<'_>,
    wanted: impl Fn(u32) -> bool,
) -> Option<Levels> {
    let mut sums = BTreeMap::<&str, (f64, f64)>::new();
    let (mut positive, mut total, mut any_missing) = (0.0, 0.0, false);
    for &row in training.rows.iter().filter(|&&row| wanted(training.group(row))) {
        let (label, weight) = (training.labels[row], training.weights[row]);
        positive += label * weight;
        total += weight;
        match values[row].as_deref() {
            Some(level) => {
                let sum = sums.entry(level).or_default();
                sum.0 += label * weight;
                sum.1 += weight;
            }
            None => any_missing = true,
        }
    }
    if sums.len() + usize::from(any_missing) < 2 || sums.is_empty() || total <= 0.0 {
        return None;
    }
    let overall = positive / total;
    let code = |(positive, weight)| (positive + PRIOR_ROWS * overall) / (weight + PRIOR_ROWS);
    Some((sums.into_iter().map(|(level, sum)| (level.to_owned(), code(sum))).collect(), overall))
}

/// Tells, by position among the training rows, the code of each known category from the other parts.
fn cross_fit(
    values: &[Option<std::sync::Arc<str>>],
    training: &TrainingRows<'_>,
    seed: u64,
    mut set: impl FnMut(usize, f64),
) {
    for part in 0..PARTS {
        let Some((levels, other)) = category(values, training, |group| part_of(group, seed, PARTS) != part)
        else {
            continue;
        };
        for (position, &row) in training.rows.iter().enumerate() {
            if part_of(training.group(row), seed, PARTS) == part
                && let Some(level) = values[row].as_deref()
            {
                set(position, code_of(&levels, other, level));
            }
        }
    }
}

#[cfg(test)]
mod tests;
