//! CPU microseconds a row to score 100 trees of 31 leaves on 40 columns, calibrated, one row a call and a whole table at
//! once on one thread, and to explain a row against 200 others; learnt from the data that `models_fit.py` writes.
#![expect(clippy::print_stdout, reason = "its output is what the driver reads")]

use std::hint::black_box;
use std::path::Path;

use anyhow::Context;
use holdfast_benches::field;
use holdfast_models::calibrate::ladder;
use holdfast_models::{Candidate, ChurnModel, Scratch, TrainingRows, fit};

const N_ROWS: usize = 100_000;
const SCORED: usize = 4_000;
const TURNS: usize = 10;
/// The system counts CPU time by the tick: a turn takes many of them.
const REPEATS: usize = 50;

fn main() -> anyhow::Result<()> {
    let file = std::env::args().nth(1).context("usage: models_score FILE")?;
    let (table, labels) = field::read(Path::new(&file), N_ROWS)?;
    let rows: Vec<usize> = (0..N_ROWS).collect();
    let weights = vec![1.0; N_ROWS];
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let params = field::params();
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
        let before = field::cpu_seconds()?;
        (0..REPEATS).for_each(|_| work());
        least = least.min((field::cpu_seconds()? - before) * 1e6 / n_rows as f64);
    }
    Ok(least)
}
