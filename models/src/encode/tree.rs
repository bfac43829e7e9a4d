//! Encoding for trees: numbers as they are, categories as smoothed target statistics.
//!
//! A category's code is the mean label of its training rows, shrunk to the overall mean (Micci-Barreca 2001).
//! With many categories such codes carry a row's own label into its features; the codes of the *training*
//! rows then come from the other parts of a five-fold split, by group where groups are given.

use std::collections::BTreeMap;

use holdfast_features::{Column, FeatureSpec, Row, Value};
use rayon::prelude::*;
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
    /// Fits the encoding, and encodes the training rows: column by column, each in the order of `training.rows`.
    #[must_use]
    pub fn fit(training: &TrainingRows<'_>, missing: Missing, seed: u64) -> (Self, Vec<Vec<f64>>) {
        let sources: Vec<usize> = learnable(training.table.specs()).map(|(source, _)| source).collect();
        let fitted: Vec<(TreeColumn, Vec<Vec<f64>>)> = sources
            .into_par_iter()
            .filter_map(|source| TreeColumn::fit(source, training, missing, seed))
            .collect();
        let mut encoder = Self { columns: Vec::new(), sources: Vec::new() };
        let mut encoded = Vec::new();
        for (mut column, values) in fitted {
            column.first = encoder.sources.len();
            encoder.sources.extend(std::iter::repeat_n(column.source, column.width()));
            encoder.columns.push(column);
            encoded.extend(values);
        }
        (encoder, encoded)
    }

    pub(super) fn sources(&self) -> &[usize] {
        &self.sources
    }

    pub(super) fn encode(&self, row: Row<'_>, out: &mut [f64]) {
        for column in &self.columns {
            let value = column.code.of(row.value(column.source));
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
    /// The encoding of one feature, not yet placed, and its encoded columns; `None` where the rows do not differ.
    fn fit(
        source: usize,
        training: &TrainingRows<'_>,
        missing: Missing,
        seed: u64,
    ) -> Option<(Self, Vec<Vec<f64>>)> {
        let column = &training.table.columns()[source];
        let (code, fill) = match column {
            Column::Number(values) => (Code::Number, number(values, training.rows)?),
            Column::Text(values) => {
                let (levels, other) = category(values, training, |_| true)?;
                (Code::Category { levels, other }, other)
            }
        };
        let mut values: Vec<f64> = training.rows.iter().map(|&row| code.of(column.value(row))).collect();
        let is_missing: Vec<bool> = values.iter().map(|value| value.is_nan()).collect();
        if let (Column::Text(texts), Code::Category { levels, .. }) = (column, &code)
            && levels.len() > MAX_LEVELS_UNCROSSED
        {
            cross_fit(texts, training, seed, |position, code| values[position] = code);
        }
        let is_filled = missing == Missing::Fill;
        let indicator = is_filled && is_missing.contains(&true);
        let mut encoded = vec![values];
        if indicator {
            encoded[0].iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = fill);
            encoded.push(is_missing.into_iter().map(|missing| f64::from(u8::from(missing))).collect());
        }
        let fill = is_filled.then_some(fill);
        Some((Self { source, first: 0, code, fill, indicator }, encoded))
    }

    fn width(&self) -> usize {
        1 + usize::from(self.indicator)
    }
}

impl Code {
    /// The number that stands for a value; NaN for a missing one.
    fn of(&self, value: Value<'_>) -> f64 {
        match (self, value) {
            (Self::Number, Value::Number(value)) => value,
            (Self::Category { levels, other }, Value::Text(Some(level))) => code_of(levels, *other, level),
            _ => f64::NAN,
        }
    }
}

fn code_of(levels: &[(String, f64)], other: f64, level: &str) -> f64 {
    levels.binary_search_by(|(known, _)| known.as_str().cmp(level)).map_or(other, |at| levels[at].1)
}

/// The median; `None` where the rows do not differ.
fn number(values: &[f64], rows: &[usize]) -> Option<f64> {
    let mut known: Vec<f64> = rows.iter().map(|&row| values[row]).filter(|value| !value.is_nan()).collect();
    let any_missing = known.len() < rows.len();
    let first = *known.first()?;
    if !any_missing && known.iter().all(|&value| value == first) {
        return None;
    }
    let middle = known.len() / 2;
    Some(*known.select_nth_unstable_by(middle, f64::total_cmp).1)
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
        let is_other = |group| part_of(group, seed, PARTS) != part;
        // Where the other parts do not differ, no level is known, and the mean is all there is to say.
        let (levels, other) = category(values, training, is_other).unwrap_or_else(|| {
            let mean = mean_label(training, is_other).or_else(|| mean_label(training, |_| true));
            (Vec::new(), mean.unwrap_or_default())
        });
        for (position, &row) in training.rows.iter().enumerate() {
            if part_of(training.group(row), seed, PARTS) == part
                && let Some(level) = values[row].as_deref()
            {
                set(position, code_of(&levels, other, level));
            }
        }
    }
}

/// The weighted mean label of the rows whose group is `wanted`; `None` where no row counts.
fn mean_label(training: &TrainingRows<'_>, wanted: impl Fn(u32) -> bool) -> Option<f64> {
    let rows = training.rows.iter().filter(|&&row| wanted(training.group(row)));
    let (positive, total) = rows.fold((0.0, 0.0), |(positive, total), &row| {
        let weight = training.weights[row];
        (positive + weight * training.labels[row], total + weight)
    });
    (total > 0.0).then(|| positive / total)
}

#[cfg(test)]
mod tests;
