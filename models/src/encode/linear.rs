//! Encoding for linear models: standardised numbers with hinges, one-hot categories, missing indicators.

use std::collections::BTreeMap;

use holdfast_features::{Column, FeatureSpec, FeatureTable, Row, Value};
use serde::{Deserialize, Serialize};

use super::{EncoderError, learnable, readable};

/// Columns more skewed than this (a log-normal with σ = 0.45) are read on a signed log scale.
const MAX_SKEW: f64 = 1.5;
/// Hinges need more distinct values than this to mean anything.
const MIN_DISTINCT_FOR_HINGES: usize = 12;

/// How a linear encoder is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinearOptions {
    /// Hinges `max(0, x − knot)` at inner quantiles of a number: 0 is a straight line, more bend it.
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
    /// Knots on the standardised line.
    hinges: Vec<(f64, Standard)>,
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
        for (source, _) in learnable(table.specs()) {
            let (code, missing) = match &table.columns()[source] {
                Column::Number(values) => {
                    let known: Vec<f64> =
                        rows.iter().map(|&row| values[row]).filter(|value| !value.is_nan()).collect();
                    let missing = known.len() < rows.len() && !known.is_empty();
                    (Code::Number(Number::fit(known, options.hinges)), missing)
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
            Code::Number(Some(number)) => 1 + number.hinges.len(),
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
    fn fit(mut known: Vec<f64>, hinges: usize) -> Option<Self> {
        known.sort_unstable_by(f64::total_cmp);
        let (&low, &high) = (known.first()?, known.last()?);
        if low >= high {
            return None;
        }
        let line = Standard::fit(&known);
        let skew = line.map_or(f64::INFINITY, |line| {
            known.iter().map(|value| line.apply(*value).powi(3)).sum::<f64>() / count(known.len())
        });
        let mut number = Self { low, high, log_scale: None, line: line.unwrap_or_default(), hinges: vec![] };
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
        let distinct = known.windows(2).filter(|pair| pair[0] < pair[1]).count() + 1;
        if distinct >= MIN_DISTINCT_FOR_HINGES {
            for at in 1..=hinges {
                let knot = known[(known.len() - 1) * at / (hinges + 1)];
                let repeated = number.hinges.last().is_some_and(|&(last, _)| knot <= last);
                if !repeated && knot > known[0] {
                    let bent: Vec<f64> = known.iter().map(|value| (value - knot).max(0.0)).collect();
                    number.hinges.extend(Standard::fit(&bent).map(|standard| (knot, standard)));
                }
            }
        }
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
        out[0] = z;
        for ((knot, standard), out) in self.hinges.iter().zip(&mut out[1..]) {
            *out = standard.apply((z - knot).max(0.0));
        }
    }

    fn is_usable(&self) -> bool {
        self.low.is_finite()
            && self.high.is_finite()
            && self.low < self.high
            && self.log_scale.is_none_or(|scale| scale.is_finite() && scale > 0.0)
            && self.line.is_usable()
            && self.hinges.iter().all(|(knot, standard)| knot.is_finite() && standard.is_usable())
    }
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
mod tests {
    use super::*;
    use crate::encode::Encoder;
    use holdfast_features::{Kind, Role};

    const OPTIONS: LinearOptions = LinearOptions { hinges: 2, min_level_rows: 2, max_levels: 3 };

    fn table(columns: Vec<(&str, Column)>) -> FeatureTable {
        let n_rows = columns[0].1.n_rows();
        let (specs, columns) = columns
            .into_iter()
            .map(|(name, column)| {
                let kind = if matches!(column, Column::Text(_)) { Kind::Category } else { Kind::Number };
                (FeatureSpec::prepared(name, kind), column)
            })
            .unzip();
        FeatureTable::new(specs, columns, n_rows).unwrap()
    }

    fn texts(values: &[&str]) -> Column {
        Column::Text(values.iter().map(|&text| (!text.is_empty()).then(|| text.into())).collect())
    }

    fn encoded(table: &FeatureTable, row: usize, encoder: &LinearEncoder) -> Vec<f64> {
        let mut out = vec![f64::NAN; encoder.sources().len()];
        encoder.encode(table.row(row), &mut out);
        out
    }

    #[test]
    fn numbers_are_standardised_and_missing_is_told() {
        let table = table(vec![("x", Column::Number(vec![1.0, 3.0, f64::NAN, 1e300]))]);
        let encoder = LinearEncoder::fit(&table, &[0, 1, 2], OPTIONS);
        assert_eq!(encoded(&table, 0, &encoder), [-1.0, 0.0]);
        assert_eq!(encoded(&table, 1, &encoder), [1.0, 0.0]);
        assert_eq!(encoded(&table, 2, &encoder), [0.0, 1.0]);
        assert_eq!(encoded(&table, 3, &encoder), [1.0, 0.0], "beyond the training range");
    }

    #[test]
    fn rare_and_unseen_categories_are_pooled() {
        let plans = texts(&["a", "a", "b", "b", "c", "", "z"]);
        let table = table(vec![("plan", plans)]);
        let encoder = LinearEncoder::fit(&table, &[0, 1, 2, 3, 4, 5], OPTIONS);
        let rows = [0, 2, 4, 5, 6].map(|row| encoded(&table, row, &encoder));
        assert_eq!(rows[0], [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(rows[1], [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(rows[2], [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(rows[3], [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(rows[4], rows[2], "unseen");
    }

    #[test]
    fn what_tells_nothing_has_no_column() {
        let table = table(vec![
            ("constant", Column::Number(vec![2.0; 3])),
            ("missing", Column::Number(vec![f64::NAN; 3])),
            ("one", texts(&["a", "a", "a"])),
            ("none", texts(&["", "", ""])),
        ]);
        let encoder = LinearEncoder::fit(&table, &[0, 1, 2], OPTIONS);
        assert_eq!(encoder.sources(), [0_usize; 0]);
    }

    #[test]
    fn heavy_tails_and_huge_values_stay_finite() {
        let mut values: Vec<f64> = (0..40).map(f64::from).collect();
        values.extend([f64::MAX, f64::MIN, 1e-300]);
        let rows: Vec<usize> = (0..values.len()).collect();
        let table = table(vec![("x", Column::Number(values))]);
        let encoder = LinearEncoder::fit(&table, &rows, OPTIONS);
        assert!(encoder.sources().len() > 1, "hinges");
        for &row in &rows {
            assert!(encoded(&table, row, &encoder).iter().all(|value| value.is_finite()));
        }
        let specs = table.specs();
        assert_eq!(encoder.validate(specs), Ok(()));
    }

    #[test]
    fn refuses_an_encoder_that_does_not_fit() {
        let table = table(vec![
            ("x", Column::Number(vec![1.0, 2.0, 3.0])),
            ("plan", texts(&["a", "a", "b"])),
        ]);
        let good = LinearEncoder::fit(&table, &[0, 1, 2], OPTIONS);
        let check = |spoil: &dyn Fn(&mut LinearEncoder)| {
            let mut encoder = good.clone();
            spoil(&mut encoder);
            Encoder::Linear(encoder).validate(table.specs())
        };
        assert_eq!(check(&|_| ()), Ok(()));
        let outside = Err(EncoderError::Source { feature: 9, features: 2 });
        assert_eq!(check(&|encoder| encoder.blocks[0].source = 9), outside);
        assert_eq!(check(&|encoder| encoder.sources.push(9)), outside);
        assert_eq!(check(&|encoder| encoder.blocks[0].source = 1), Err(EncoderError::Type("plan".into())));
        assert_eq!(check(&|encoder| encoder.blocks[1].first = 0), Err(EncoderError::Layout("plan".into())));
        let number = |change: fn(&mut Number)| {
            check(&|encoder| match &mut encoder.blocks[0].code {
                Code::Number(Some(number)) => change(number),
                code => panic!("{code:?}"),
            })
        };
        assert_eq!(number(|number| number.line.sd = 0.0), Err(EncoderError::Number("x".into())));
        assert_eq!(number(|number| number.low = f64::NAN), Err(EncoderError::Number("x".into())));
        let unsorted = check(&|encoder| {
            encoder.blocks[1].code = Code::Category { levels: vec!["b".into(), "a".into()], pooled: false };
        });
        assert_eq!(unsorted, Err(EncoderError::Unsorted("plan".into())));
        let mut specs = table.specs().to_vec();
        specs[0].role = Role::Context;
        let context = EncoderError::Source { feature: 0, features: 2 };
        assert_eq!(Encoder::Linear(good.clone()).validate(&specs), Err(context));
    }
}
