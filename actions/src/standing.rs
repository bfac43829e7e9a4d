//! Where accounts stand among those learnt from: benchmarks, with the overall health among them.

use holdfast_features::matrix::TableError;
use holdfast_features::{Column, Direction, FeatureSpec, FeatureTable, Kind, Role};
use holdfast_models::{Benchmarks, benchmark};
use rayon::prelude::*;

use crate::assess::{health, placement};
use crate::health::BENCHMARK;
use crate::policy::Policy;

/// The overall health, 0 to 100, of each row of `table` against `benchmarks`; NaN where no dimension has data.
#[must_use]
pub fn overall_health(policy: &Policy, benchmarks: &Benchmarks, table: &FeatureTable) -> Vec<f64> {
    (0..table.n_rows())
        .into_par_iter()
        .map(|index| {
            let row = table.row(index);
            health(policy, benchmarks, row, placement(policy, row)).overall.unwrap_or(f64::NAN)
        })
        .collect()
}

/// The benchmarks of `rows` of `table`, in which [`BENCHMARK`] is the overall health against these very rows, so
/// that an account's quartile in its segment is known when it is answered.
///
/// # Errors
/// [`TableError::Duplicate`] where the table has a column of that name.
pub fn benchmarks(policy: &Policy, table: &FeatureTable, rows: &[usize]) -> Result<Benchmarks, TableError> {
    let without_health = Benchmarks::fit(table, rows, benchmark::SEGMENT_COLUMN);
    let health = overall_health(policy, &without_health, table);
    let mut specs = table.specs().to_vec();
    let mut columns = table.columns().to_vec();
    specs.push(FeatureSpec {
        role: Role::Context,
        direction: Direction::LowersRisk,
        ..FeatureSpec::prepared(BENCHMARK, Kind::Number)
    });
    columns.push(Column::Number(health));
    let table = FeatureTable::new(specs, columns, table.n_rows())?;
    Ok(Benchmarks::fit(&table, rows, benchmark::SEGMENT_COLUMN))
}
