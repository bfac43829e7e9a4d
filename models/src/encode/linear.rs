//! Encoding for linear models: standardised numbers with hinges, one-hot categories, missing indicators.

use std::collections::BTreeMap;

use holdfast_features::{Column, FeatureSpec, FeatureTable, Row, Value};
use serde::{Deserialize, Serialize};

use super::{EncoderError, Order, learnable, readable};

/// Columns more skewed than this (a log-normal with σ = 0.45) are read on a signed log scale.
const MAX_SKEW: f64 = 1.5;
/// Hinges need more distinct values than this to mean anything.
const MIN_DISTINCT_FOR_HINGES: usize = 12;

/// How a linear encoder is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinearOptions {
    /// Knots at inner quantiles of a number, at which its line may bend: 0 is a straight line. A number without a
    /// known direction has hinges `max(x, knot)` beside the line, so that the ridge shrinks bends; one with a
    /// direction has one ramp between two knots each, so that a sign for each slope keeps the whole line in order.
    pub hinges: usize,
    /// Categories in fewer training rows are pooled into one.
    pub min_level_rows: usize,
    /// At most this many categories of a feature have a column of their own, the most frequent ones.
    pub max_levels: usize,
}

/// A fitted encoding for linear models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinearEncoder {
    blocks: Vec<Block>,
    sources: Vec<usize>,
}

/// The encoded columns of one feature, one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Block {
    source: usize,
    first: usize,
    code: Code,
    /// Whether a last column says that the value is missing.
    missing: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Code {
    /// `None` where the known training values were all equal.
    Number(Option<Number>),
    /// Sorted; with `pooled`, one column more for all other categories.
    Category { levels: Vec<String>, pooled: bool },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Number {
    /// Training range: values beyond are read as its ends, since a line knows nothing out there.
    low: f64,
    high: f64,
    /// The scale of a signed logarithm, where the values are skewed.
    log_scale: Option<f64>,
    line: Standard,
    /// One encoded column each.
    pieces: Vec<Piece>,
}

/// A part of the standardised line: the value held between two knots, standardised again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Piece {
    from: f64,
    to: f64,
    standard: Standard,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Standard {
    mean: f64,
    sd: f64,
}

impl LinearEncoder {
    /// Fits the encoding to the given rows of `table`.
    #[must_use]
    pub fn fit(table: &FeatureTable, rows: &[usize], options: LinearOptions) -> Self {
        let mut blocks = Vec::new();
        let mut sources = Vec::new();
        for (source, spec) in learnable(table.specs()) {
            let (code, missing) = match &table.columns()[source] {
                Column::Number(values) => {
                    let known: Vec<f64> =
                        rows.iter().map(|&row| values[row]).filter(|value| !value.is_nan()).collect();
                    let missing = known.len() < rows.len() && !known.is_empty();
                    (Code::Number(Number::fit(known, options.hinges, Order::of(spec))), missing)
                }
                Column::Text(values) => {
                    let mut counts = BTreeMap::<&str, usize>::new();
                    let mut missing = 0;
                    for &row in rows {
                        match values[row].as_deref() {
                            Some(level) => *counts.entry(level).or_default() += 1,
                            None => missing += 1,
                        }
                    }
                    (category(&counts, missing, options), missing > 0 && missing < rows.len())
                }
            };
            let block = Block { source, first: sources.len(), code, missing };
            sources.extend(std::iter::repeat_n(source, block.width()));
            if block.width() > 0 {
                blocks.push(block);
            }
        }
        Self { blocks, sources }
    }

    pub(super) fn sources(&self) -> &[usize] {
        &self.sources
    }

    /// Slopes of numbers keep their feature's direction; what missing values and categories do is free.
    pub(super) fn orders(&self, specs: &[FeatureSpec]) -> Vec<Order> {
        let of_block = |block: &Block| {
            let pieces = match &block.code {
                Code::Number(Some(number)) => number.pieces.len(),
                Code::Number(None) | Code::Category { .. } => 0,
            };
            let order = Order::of(&specs[block.source]);
            (0..block.width()).map(move |column| if column < pieces { order } else { Order::Free })
        };
        self.blocks.iter().flat_map(of_block).collect()
    }

    pub(super) fn encode(&self, row: Row<'_>, out: &mut [f64]) {
        for block in &self.blocks {
            let out = &mut out[block.first..block.first + block.width()];
            out.fill(0.0);
            match (&block.code, row.value(block.source)) {
                (Code::Number(Some(number)), Value::Number(value)) if !value.is_nan() => {
                    number.encode(value, out);
                }
                (Code::Number(None), Value::Number(value)) if !value.is_nan() => {}
                (Code::Category { levels, pooled }, Value::Text(Some(level))) => {
                    match levels.binary_search_by(|known| known.as_str().cmp(level)) {
                        Ok(at) => out[at] = 1.0,
                        Err(_) if *pooled => out[levels.len()] = 1.0,
                        Err(_) => {}
                    }
                }
                _ if block.missing => {
                    if let Some(last) = out.last_mut() {
                        *last = 1.0;
                    }
                }
                _ => {}
            }
        }
    }

    pub(super) fn validate(&self, specs: &[FeatureSpec]) -> Result<(), EncoderError> {
        let mut first = 0;
        for block in &self.blocks {
            let spec = readable(specs, block.source, matches!(block.code, Code::Category { .. }))?;
            let name = || spec.name.clone();
            let width = block.width();
            let own = self.sources.get(first..first + width);
            if block.first != first || !own.is_some_and(|own| own.iter().all(|&s| s == block.source)) {
                return Err(EncoderError::Layout(name()));
            }
            first += width;
            match &block.code {
                Code::Number(None) => {}
                Code::Number(Some(number)) => {
                    if !number.is_usable() {
                        return Err(EncoderError::Number(name()));
                    }
                }
                Code::Category { levels, .. } => {
                    if !levels.is_sorted_by(|a, b| a < b) {
                        return Err(EncoderError::Unsorted(name()));
                    }
                }
            }
        }
        match self.sources.get(first) {
            Some(&feature) => Err(EncoderError::Source { feature, features: specs.len() }),
            None => Ok(()),
        }
    }
}

impl Block {
    fn width(&self) -> usize {
        let known = match &self.code {
            Code::Number(None) => 0,
            Code::Number(Some(number)) => number.pieces.len(),
            Code::Category { levels, pooled } => levels.len() + usize::from(*pooled),
        };
        known + usize::from(self.missing)
    }
}

/// One column a frequent category; a feature with a single category and nothing missing has none.
fn category(counts: &BTreeMap<&str, usize>, missing: usize, options: LinearOptions) -> Code {
    let mut frequent: Vec<(&str, usize)> = counts
        .iter()
        .map(|(&level, &count)| (level, count))
        .filter(|&(_, count)| count >= options.min_level_rows)
        .collect();
    // By count, ties by name: the map is sorted and the sort is stable.
    frequent.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    frequent.truncate(options.max_levels);
    let pooled = frequent.len() < counts.len();
    let mut levels: Vec<String> = frequent.into_iter().map(|(level, _)| level.to_owned()).collect();
    levels.sort_unstable();
    if levels.len() + usize::from(pooled) + usize::from(missing > 0) < 2 {
        return Code::Category { levels: Vec::new(), pooled: false };
    }
    Code::Category { levels, pooled }
}

impl Number {
    fn fit(mut known: Vec<f64>, n_knots: usize, order: Order) -> Option<Self> {
        known.sort_unstable_by(f64::total_cmp);
        let (&low, &high) = (known.first()?, known.last()?);
        if low >= high {
            return None;
        }
        let line = Standard::fit(&known);
        let skew = line.map_or(f64::INFINITY, |line| {
            known.iter().map(|value| line.apply(*value).powi(3)).sum::<f64>() / count(known.len())
        });
        let mut number = Self { low, high, log_scale: None, line: line.unwrap_or_default(), pieces: vec![] };
        if skew.is_nan() || skew.abs() > MAX_SKEW {
            number.log_scale = log_scale(&known);
            for value in &mut known {
                *value = number.transform(*value);
            }
            number.line = Standard::fit(&known)?;
        } else {
            line?;
        }
        for value in &mut known {
            *value = number.line.apply(*value);
        }
        let knots = knots(&known, n_knots);
        let starts = std::iter::once(f64::NEG_INFINITY).chain(knots.iter().copied());
        let ends = knots.iter().copied().chain(std::iter::once(f64::INFINITY));
        number.pieces = starts
            .zip(ends)
            .map(|(from, to)| (from, if order == Order::Free { f64::INFINITY } else { to }))
            .filter_map(|(from, to)| {
                let held: Vec<f64> = known.iter().map(|value| value.clamp(from, to)).collect();
                Some(Piece { from, to, standard: Standard::fit(&held)? })
            })
            .collect();
        Some(number)
    }

    fn transform(&self, value: f64) -> f64 {
        match self.log_scale {
            Some(scale) => (value.abs() / scale).ln_1p().copysign(value),
            None => value,
        }
    }

    fn encode(&self, value: f64, out: &mut [f64]) {
        let z = self.line.apply(self.transform(value.clamp(self.low, self.high)));
        for (piece, out) in self.pieces.iter().zip(out) {
            *out = piece.standard.apply(z.clamp(piece.from, piece.to));
        }
    }

    fn is_usable(&self) -> bool {
        self.low.is_finite()
            && self.high.is_finite()
            && self.low < self.high
            && self.log_scale.is_none_or(|scale| scale.is_finite() && scale > 0.0)
            && self.line.is_usable()
            && self.pieces.iter().all(|piece| piece.from < piece.to && piece.standard.is_usable())
    }
}

/// Distinct inner quantiles of the sorted values, none where there are few values or no knot has values on both sides.
fn knots(known: &[f64], n_knots: usize) -> Vec<f64> {
    let distinct = known.windows(2).filter(|pair| pair[0] < pair[1]).count() + 1;
    if distinct < MIN_DISTINCT_FOR_HINGES {
        return Vec::new();
    }
    let mut knots: Vec<f64> = (1..=n_knots).map(|at| known[(known.len() - 1) * at / (n_knots + 1)]).collect();
    knots.dedup();
    knots.retain(|&knot| known[0] < knot && knot < known[known.len() - 1]);
    knots
}

impl Default for Standard {
    fn default() -> Self {
        Self { mean: 0.0, sd: 1.0 }
    }
}

impl Standard {
    /// `None` where the spread is zero or beyond floating point.
    fn fit(values: &[f64]) -> Option<Self> {
        let n = count(values.len());
        let mean: f64 = values.iter().map(|value| value / n).sum();
        let sd = values.iter().map(|value| (value - mean).powi(2) / n).sum::<f64>().sqrt();
        let standard = Self { mean, sd };
        (standard.is_usable() && sd > mean.abs() * 1e-12).then_some(standard)
    }

    fn apply(self, value: f64) -> f64 {
        (value - self.mean) / self.sd
    }

    fn is_usable(self) -> bool {
        self.mean.is_finite() && self.sd.is_normal() && self.sd > 0.0
    }
}

/// The median size of the values that are not zero; `known` is sorted and not constant.
fn log_scale(known: &[f64]) -> Option<f64> {
    let mut sizes: Vec<f64> = known.iter().map(|value| value.abs()).filter(|&size| size > 0.0).collect();
    sizes.sort_unstable_by(f64::total_cmp);
    sizes.get(sizes.len() / 2).copied().filter(|scale| scale.is_normal())
}

#[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^53")]
fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests;
