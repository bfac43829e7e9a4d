//! What features must be: known values, and nothing from the future.

mod alone;
mod by_hand;
mod explain;
mod fingerprint;
mod leak;
mod random;
mod today;
mod values;

use super::*;
use crate::history::TableSummary;
use crate::matrix::Value;

/// The columns of a table as bits, so that missing equals missing.
fn bits(table: &FeatureTable) -> Vec<Vec<String>> {
    let cell = |value: Value<'_>| match value {
        Value::Number(number) => format!("{:016x}", number.to_bits()),
        Value::Text(text) => format!("{text:?}"),
    };
    table
        .columns()
        .iter()
        .map(|column| (0..table.n_rows()).map(|row| cell(column.value(row))).collect())
        .collect()
}

/// Names the columns that differ.
fn differences(a: &FeatureTable, b: &FeatureTable) -> Vec<String> {
    let pairs = bits(a).into_iter().zip(bits(b)).zip(a.specs());
    pairs.filter(|((a, b), _)| a != b).map(|(_, spec)| spec.name.clone()).collect()
}

fn summary(table: &'static str) -> TableSummary {
    TableSummary { table, n_rows: 1, n_rejected: 0, first: None, last: None, sha256: None }
}

fn key(account_id: &str, as_of: Timestamp) -> Key {
    Key { account_id: account_id.into(), as_of, subscription_id: None }
}
