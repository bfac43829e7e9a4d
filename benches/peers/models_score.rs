//! CPU microseconds a row to score 100 trees of 31 leaves on 40 columns, calibrated, one row a call and a whole table at
//! once on one thread, and to explain a row against 200 others; learnt from the data that `models_fit.py` writes.
#![expect(clippy::print_stdout, reason = "its output is what the driver reads")]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use anyhow::Context;
use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};
use holdfast_models::calibrate::ladder;
use holdfast_models::{Candidate, ChurnModel, Scratch, TrainingRows, boost, fit};

const N_ROWS: usize = 100_000;
const SCORED: usize = 4_000;
const TURNS: usize = 10;
/// The system counts CPU time by the tick: a turn takes many of them.
const REPEATS: usize = 50;

fn main() -> anyhow::Result<()> {
    let file = std::env::args().nth(1).context("usage: models_score FILE")?;
    let (table, labels) = read(Path::new(&file))?;
    let rows: Vec<usize> = (0..N_ROWS).collect();
    let weights = vec![1.0; N_ROWS];
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let params = boost::Params {
        rounds: 100,
        leaves: 31,
        depth: 64,
        learning_rate: 0.1,
        l2: 0.0,
        min_child_weight: 1e-3,
        row_fraction: 1.0,
        column_fraction: 1.0,
        ..boost::Params::default()
    };
    let fitted = fit(&Candidate::Boost(params.check()?), &training, 1)?;
    let groups: Vec<u32> = (0..u32::try_from(N_ROWS)?).collect();
    let calibration = ladder(&fitted.margins(&table, &rows), &labels, &weights, &groups, 1)?;
    let model = ChurnModel::new(fitted, &calibration, &table, &rows[..200])?;
    let scored = table.take(&rows[..SCORED]);
    let mut scratch = Scratch::default();
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let single = least(SCORED * REPEATS, || {
        for row in 0..SCORED {
            black_box(model.predict_with(scored.row(row), &mut scratch));
        }
    })?;
    let batch = least(SCORED * REPEATS, || {
        black_box(alone.install(|| model.predict_table(&scored)));
    })?;
    let explained = least(200 * REPEATS, || {
        for row in 0..200 {
            black_box(model.explain(scored.row(row)));
        }
    })?;
    println!("{{\"single\": {single:.4}, \"batch\": {batch:.4}, \"explain\": {explained:.2}}}");
    Ok(())
}

/// CPU microseconds a row in the quickest of some turns.
fn least(n_rows: usize, mut work: impl FnMut()) -> anyhow::Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..TURNS {
        let before = cpu_seconds()?;
        (0..REPEATS).for_each(|_| work());
        least = least.min((cpu_seconds()? - before) * 1e6 / n_rows as f64);
    }
    Ok(least)
}

/// The first rows of the file that `models_fit.py` writes: rows and columns as two u64, the rows, then the labels.
fn read(file: &Path) -> anyhow::Result<(FeatureTable, Vec<f64>)> {
    let bytes = fs::read(file)?;
    let (words, _) = bytes.as_chunks::<8>();
    let (head, words) = words.split_at_checked(2).context("the file is empty")?;
    let [n_rows, width] = [head[0], head[1]].map(u64::from_le_bytes).map(usize::try_from);
    let (n_rows, width) = (n_rows?, width?);
    let number = |at: usize| f64::from_le_bytes(words[at]);
    let column =
        |column: usize| Column::Number((0..N_ROWS).map(|row| number(row * width + column)).collect());
    let specs = (0..width).map(|column| FeatureSpec::prepared(&format!("x{column}"), Kind::Number)).collect();
    let table = FeatureTable::new(specs, (0..width).map(column).collect(), N_ROWS)?;
    Ok((table, (0..N_ROWS).map(|row| number(n_rows * width + row)).collect()))
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
