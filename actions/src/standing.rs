//! Benchmarks that also know how healthy the accounts of a segment are.

use holdfast_features::matrix::TableError;
use holdfast_features::stage;
use holdfast_features::{Column, Direction, FeatureSpec, FeatureTable, Kind, Role};
use holdfast_models::Benchmarks;

use crate::health::BENCHMARK;
use crate::policy::Policy;

/// The benchmarks of the given `rows` of `table`, with the overall health of these rows filed under
/// [`BENCHMARK`], so that an account's quartile in its segment is known when it is answered.
///
/// # Errors
/// [`TableError::Duplicate`] where the table has a column of that name.
pub fn benchmarks(
    policy: &Policy,
    table: &FeatureTable,
    rows: &[usize],
    segment_column: &str,
) -> Result<Benchmarks, TableError> {
    let benchmarks = Benchmarks::fit(table, rows, segment_column);
    let mut healths = vec![f64::NAN; table.n_rows()];
    for &index in rows {
        let row = table.row(index);
        let segment = row.text(segment_column);
        let stage = stage::of(row, &policy.stages).stage;
        let health = policy.health.health(row, Some(stage), |feature, value| {
            Some(benchmarks.percentile(segment, feature, value)? / 100.0)
        });
        healths[index] = health.overall.unwrap_or(f64::NAN);
    }
    let spec = FeatureSpec {
        role: Role::Context,
        direction: Direction::LowersRisk,
        ..FeatureSpec::prepared(BENCHMARK, Kind::Number)
    };
    let mut specs = table.specs().to_vec();
    let mut columns = table.columns().to_vec();
    specs.push(spec);
    columns.push(Column::Number(healths));
    let table = FeatureTable::new(specs, columns, table.n_rows())?;
    Ok(Benchmarks::fit(&table, rows, segment_column))
}
