//! Our side of `models_fit.py`: fits the rows that the peers fit and prints CPU and clock seconds and holdout log loss.
#![expect(clippy::print_stdout, reason = "its output is what the driver reads")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};
use holdfast_models::probability::log_loss;
use holdfast_models::{Candidate, TrainingRows, boost, fit};

/// The last rows of the file, to judge by.
const HOLDOUT: usize = 200_000;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(file), Some(first), Some(n_rows), Some(threads)) =
        (args.next(), args.next(), args.next(), args.next())
    else {
        anyhow::bail!("usage: models_fit FILE FIRST_ROW ROWS THREADS");
    };
    let (table, labels) = read(Path::new(&file))?;
    let (first, n_rows): (usize, usize) = (first.parse()?, n_rows.parse()?);
    let rows: Vec<usize> = (first..first + n_rows).collect();
    let weights = vec![1.0; labels.len()];
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    // What LightGBM does by default.
    let params = boost::Params {
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
    };
    let candidate = Candidate::Boost(params.check()?);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build()?;
    let (cpu, clock) = (cpu_seconds()?, Instant::now());
    let fitted = pool.install(|| fit(&candidate, &training, 1))?;
    let (cpu, wall) = (cpu_seconds()? - cpu, clock.elapsed().as_secs_f64());
    let holdout: Vec<usize> = (labels.len() - HOLDOUT..labels.len()).collect();
    let loss = log_loss(&fitted.margins(&table, &holdout), &labels[holdout[0]..], &weights[holdout[0]..]);
    println!("{{\"cpu\": {cpu:.4}, \"wall\": {wall:.4}, \"log_loss\": {loss:.6}}}");
    Ok(())
}

/// Rows and columns as two u64, the rows one after the other, then the labels; all of it f64, little-endian.
fn read(file: &Path) -> anyhow::Result<(FeatureTable, Vec<f64>)> {
    let bytes = fs::read(file)?;
    let (words, _) = bytes.as_chunks::<8>();
    let (head, words) = words.split_at_checked(2).context("the file is empty")?;
    let [n_rows, width] = [head[0], head[1]].map(u64::from_le_bytes).map(usize::try_from);
    let (n_rows, width) = (n_rows?, width?);
    let number = |at: usize| f64::from_le_bytes(words[at]);
    let column =
        |column: usize| Column::Number((0..n_rows).map(|row| number(row * width + column)).collect());
    let specs = (0..width).map(|column| FeatureSpec::prepared(&format!("x{column}"), Kind::Number)).collect();
    let table = FeatureTable::new(specs, (0..width).map(column).collect(), n_rows)?;
    Ok((table, (0..n_rows).map(|row| number(n_rows * width + row)).collect()))
}

/// What all threads of this process have computed so far (Linux: the first number of each thread's `schedstat`).
fn cpu_seconds() -> anyhow::Result<f64> {
    let mut nanoseconds = 0.0;
    for thread in fs::read_dir("/proc/self/task")? {
        let stat = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += stat.split(' ').next().context("schedstat is empty")?.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}
