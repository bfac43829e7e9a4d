//! Where accounts stand among those learnt from: benchmarks, with the overall health among them.

use holdfast_actions::{Policy, health};
use holdfast_features::stage;
use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind, Role};
use holdfast_models::{Benchmarks, benchmark};
use rayon::prelude::*;

use crate::TrainError;

/// The overall health, 0 to 100, of each row of `table` against `benchmarks`; NaN where no dimension has data.
#[must_use]
pub fn overall_health(policy: &Policy, benchmarks: &Benchmarks, table: &FeatureTable) -> Vec<f64> {
    (0..table.n_rows())
        .into_par_iter()
        .map(|index| {
            let row = table.row(index);
            let segment = row.text(benchmarks.segment_column());
            let placement = stage::of(row, &policy.stages);
            let below = |feature: &str, value: f64| {
                benchmarks.percentile(segment, feature, value).map(|percent| percent / 100.0)
            };
            policy.health.health(row, Some(placement.stage), below).overall.unwrap_or(f64::NAN)
        })
        .collect()
}

/// The benchmarks of `rows`, in which [`health::BENCHMARK`] is the overall health against these very rows.
///
/// # Errors
/// None that a table of features can cause; the type is the table's own.
pub fn benchmarks(policy: &Policy, table: &FeatureTable, rows: &[usize]) -> Result<Benchmarks, TrainError> {
    let without_health = Benchmarks::fit(table, rows, benchmark::SEGMENT_COLUMN);
    let health = overall_health(policy, &without_health, table);
    let mut specs = table.specs().to_vec();
    let mut columns = table.columns().to_vec();
    specs.push(FeatureSpec { role: Role::Context, ..FeatureSpec::prepared(health::BENCHMARK, Kind::Number) });
    columns.push(Column::Number(health));
    let table = FeatureTable::new(specs, columns, table.n_rows())?;
    Ok(Benchmarks::fit(&table, rows, benchmark::SEGMENT_COLUMN))
}
