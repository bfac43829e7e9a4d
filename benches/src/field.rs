//! What the field measures boosting by: 100 trees of 31 leaves on 40 columns, and the rows that the peers learn from.

use std::fs;
use std::path::Path;

use anyhow::Context;
use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};
use holdfast_models::boost;

/// What LightGBM does by default.
#[must_use]
pub fn params() -> boost::Params {
    boost::Params {
        rounds: 100,
        leaves: 31,
        depth: 64,
        learning_rate: 0.1,
        l2: 0.0,
        min_child_weight: 1e-3,
        min_rows: 20,
        row_fraction: 1.0,
        column_fraction: 1.0,
        ..boost::Params::default()
    }
}

/// The first `most` rows of the file that `benches/peers/models_fit.py` writes, and their labels. It holds the numbers of
/// rows and columns as two u64, the rows one after the other, then the labels; all of that f64, little-endian.
///
/// # Errors
/// A file that cannot be read or is too short.
pub fn read(file: &Path, most: usize) -> anyhow::Result<(FeatureTable, Vec<f64>)> {
    let bytes = fs::read(file)?;
    let (words, _) = bytes.as_chunks::<8>();
    let (head, words) = words.split_at_checked(2).context("the file is empty")?;
    let [n_rows, width] = [head[0], head[1]].map(u64::from_le_bytes).map(usize::try_from);
    let (n_rows, width) = (n_rows?, width?);
    anyhow::ensure!(words.len() == n_rows * (width + 1), "the file is cut short");
    let n_taken = n_rows.min(most);
    let number = |at: usize| f64::from_le_bytes(words[at]);
    let column =
        |column: usize| Column::Number((0..n_taken).map(|row| number(row * width + column)).collect());
    let specs = (0..width).map(|column| FeatureSpec::prepared(&format!("x{column}"), Kind::Number)).collect();
    let table = FeatureTable::new(specs, (0..width).map(column).collect(), n_taken)?;
    Ok((table, (0..n_taken).map(|row| number(n_rows * width + row)).collect()))
}

/// What all threads of this process have computed so far (Linux: the first number of each thread's `schedstat`).
///
/// # Errors
/// A system that does not tell.
pub fn cpu_seconds() -> anyhow::Result<f64> {
    let mut nanoseconds = 0.0;
    for thread in fs::read_dir("/proc/self/task")? {
        let stat = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += stat.split(' ').next().context("schedstat is empty")?.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}
