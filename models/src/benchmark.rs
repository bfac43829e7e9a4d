//! Where a value stands among the accounts of its segment: quantile grids of every number.

use std::collections::BTreeMap;

use holdfast_features::{Column, FeatureTable};
use serde::{Deserialize, Serialize};

/// Knots of a grid.
pub const MAX_KNOTS: usize = 101;
/// The column by which accounts are compared with their like.
pub const SEGMENT_COLUMN: &str = "tier";
/// A segment with fewer rows is compared with everybody.
pub const MIN_SEGMENT_ROWS: usize = 30;
/// More segments than this are not segments: everybody is compared with everybody.
pub const MAX_SEGMENTS: usize = 50;

/// Quantile grids by segment and feature.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Benchmarks {
    segment_column: String,
    overall: BTreeMap<String, Grid>,
    segments: BTreeMap<String, BTreeMap<String, Grid>>,
}

/// Values, ascending and distinct, and the percentile of each.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Grid {
    values: Vec<f64>,
    percentiles: Vec<f64>,
}

impl Benchmarks {
    /// Grids of all number and boolean columns, context included, over the given rows of `table`: overall and for each
    /// category of `segment_column` (usually [`SEGMENT_COLUMN`]) with at least [`MIN_SEGMENT_ROWS`] rows.
    #[must_use]
    pub fn fit(table: &FeatureTable, rows: &[usize], segment_column: &str) -> Self {
        let mut members = BTreeMap::<String, Vec<usize>>::new();
        if let Some(Column::Text(values)) = table.column(segment_column) {
            for &row in rows {
                if let Some(segment) = values[row].as_deref() {
                    members.entry(segment.to_owned()).or_default().push(row);
                }
            }
        }
        members.retain(|_, rows| rows.len() >= MIN_SEGMENT_ROWS);
        if members.len() > MAX_SEGMENTS {
            members.clear();
        }
        Self {
            segment_column: segment_column.to_owned(),
            overall: grids(table, rows),
            segments: members.into_iter().map(|(segment, rows)| (segment, grids(table, &rows))).collect(),
        }
    }

    /// The column that tells the segment of a row.
    #[must_use]
    pub fn segment_column(&self) -> &str {
        &self.segment_column
    }

    /// The share, in percent (0 to 100), of the segment's rows below `value`, rows of the same value counted half. A
    /// segment that is not known is everybody. `None` for a missing value, and a feature without known values.
    #[must_use]
    pub fn percentile(&self, segment: Option<&str>, feature: &str, value: f64) -> Option<f64> {
        let of_segment = segment.and_then(|segment| self.segments.get(segment)?.get(feature));
        let grid = of_segment.or_else(|| self.overall.get(feature))?;
        (!value.is_nan()).then(|| grid.percentile(value))
    }

    /// The value below which `percent` (0 to 100) of the segment's rows lie, between knots by straight lines.
    #[must_use]
    pub fn quantile(&self, segment: Option<&str>, feature: &str, percent: f64) -> Option<f64> {
        let of_segment = segment.and_then(|segment| self.segments.get(segment)?.get(feature));
        let grid = of_segment.or_else(|| self.overall.get(feature))?;
        Some(interpolate(&grid.percentiles, &grid.values, percent))
    }

    /// Whether all grids can be searched: what a file must hold.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.segments.values().chain([&self.overall]).flat_map(BTreeMap::values).all(Grid::is_valid)
    }
}

fn grids(table: &FeatureTable, rows: &[usize]) -> BTreeMap<String, Grid> {
    let named = table.specs().iter().zip(table.columns());
    named
        .filter_map(|(spec, column)| match column {
            Column::Number(values) => Grid::fit(values, rows).map(|grid| (spec.name.clone(), grid)),
            Column::Text(_) => None,
        })
        .collect()
}

impl Grid {
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^53")]
    fn fit(values: &[f64], rows: &[usize]) -> Option<Self> {
        let mut known: Vec<f64> =
            rows.iter().map(|&row| values[row]).filter(|value| !value.is_nan()).collect();
        known.sort_unstable_by(f64::total_cmp);
        let n = known.len();
        let mut knots: Vec<f64> = if n <= MAX_KNOTS {
            known.clone()
        } else {
            (0..MAX_KNOTS).map(|at| known[at * (n - 1) / (MAX_KNOTS - 1)]).collect()
        };
        knots.dedup();
        let percentile = |knot: &f64| {
            let below = known.partition_point(|value| value < knot);
            let equal = known.partition_point(|value| value <= knot) - below;
            100.0 * (below as f64 + equal as f64 / 2.0) / n as f64
        };
        (n > 0).then(|| Self { percentiles: knots.iter().map(percentile).collect(), values: knots })
    }

    fn percentile(&self, value: f64) -> f64 {
        let (first, last) = (self.values.first().copied(), self.values.last().copied());
        if first.is_some_and(|first| value < first) {
            return 0.0;
        }
        if last.is_some_and(|last| value > last) {
            return 100.0;
        }
        interpolate(&self.values, &self.percentiles, value)
    }

    fn is_valid(&self) -> bool {
        !self.values.is_empty()
            && self.values.len() == self.percentiles.len()
            && self.values.len() <= MAX_KNOTS
            && self.values.iter().all(|value| value.is_finite())
            && self.values.is_sorted_by(|a, b| a < b)
            && self.percentiles.iter().all(|percentile| (0.0..=100.0).contains(percentile))
            && self.percentiles.is_sorted_by(|a, b| a < b)
    }
}

/// `ys` at `x` by straight lines between ascending `xs` of the same length ≥ 1; beyond the ends, the end.
fn interpolate(xs: &[f64], ys: &[f64], x: f64) -> f64 {
    let above = xs.partition_point(|&knot| knot < x);
    match (above.checked_sub(1), ys.get(above)) {
        (None, _) => ys[0],
        (Some(below), None) => ys[below],
        (Some(below), Some(&y)) => {
            let share = (x - xs[below]) / (xs[above] - xs[below]);
            // Knots further apart than the largest number have no usable share.
            if share.is_finite() { ys[below] + share * (y - ys[below]) } else { ys[below] }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_features::{FeatureSpec, Kind};

    fn table(values: Vec<f64>, tiers: Vec<&str>) -> FeatureTable {
        let n_rows = values.len();
        let specs =
            vec![FeatureSpec::prepared("seats", Kind::Number), FeatureSpec::prepared("tier", Kind::Category)];
        let tiers = tiers.into_iter().map(|tier| Some(tier.into())).collect();
        FeatureTable::new(specs, vec![Column::Number(values), Column::Text(tiers)], n_rows).unwrap()
    }

    #[test]
    fn ties_count_half_and_the_ends_are_open() {
        let table = table(vec![1.0, 2.0, 2.0, 3.0, f64::NAN], vec!["a"; 5]);
        let benchmarks = Benchmarks::fit(&table, &[0, 1, 2, 3, 4], SEGMENT_COLUMN);
        let at = |value| benchmarks.percentile(None, "seats", value);
        assert_eq!([0.0, 1.0, 2.0, 3.0, 4.0].map(at), [0.0, 12.5, 50.0, 87.5, 100.0].map(Some));
        assert_eq!(at(2.5), Some(68.75));
        assert_eq!(at(f64::NAN), None);
        assert_eq!(benchmarks.percentile(None, "absent", 1.0), None);
        assert_eq!(benchmarks.quantile(None, "seats", 50.0), Some(2.0));
        assert_eq!(benchmarks.quantile(None, "seats", 0.0), Some(1.0));
        assert!(benchmarks.is_valid());
    }

    #[test]
    fn a_segment_with_enough_rows_has_its_own_grid() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let tiers = (0..100).map(|row| {
            if row < 60 {
                "small"
            } else if row < 75 {
                "tiny"
            } else {
                "big"
            }
        });
        let table = table(values, tiers.collect());
        let rows: Vec<usize> = (0..100).collect();
        let benchmarks = Benchmarks::fit(&table, &rows, SEGMENT_COLUMN);
        let at = |segment| benchmarks.percentile(Some(segment), "seats", 29.5).unwrap();
        assert!((at("small") - 50.0).abs() < 1e-9);
        assert!((at("big") - 30.0).abs() < 1.0, "25 rows are too few");
        assert!((at("tiny") - 30.0).abs() < 1.0, "15 rows are too few");
        assert!((at("unknown") - 30.0).abs() < 1.0);
    }

    #[test]
    fn large_columns_are_reduced_to_a_grid_near_the_truth() {
        let values: Vec<f64> = (0..5_000).map(|row| f64::from(row * row)).collect();
        let rows: Vec<usize> = (0..5_000).collect();
        let benchmarks = Benchmarks::fit(&table(values.clone(), vec!["a"; 5_000]), &rows, "absent");
        for (row, &value) in values.iter().enumerate() {
            let expected = (100 * row) as f64 / 5_000.0;
            let found = benchmarks.percentile(None, "seats", value).unwrap();
            assert!((found - expected).abs() < 0.6, "{row}: {found} {expected}");
        }
    }
}
