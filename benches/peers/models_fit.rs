//! Our side of `models_fit.py`: fits the rows that the peers fit and prints CPU and clock seconds and holdout log loss.
#![expect(clippy::print_stdout, reason = "its output is what the driver reads")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::path::Path;
use std::time::Instant;

use holdfast_benches::field;
use holdfast_models::probability::log_loss;
use holdfast_models::{Candidate, TrainingRows, fit};

/// The last rows of the file, to judge by.
const HOLDOUT: usize = 200_000;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(file), Some(first), Some(n_rows), Some(threads)) =
        (args.next(), args.next(), args.next(), args.next())
    else {
        anyhow::bail!("usage: models_fit FILE FIRST_ROW ROWS THREADS");
    };
    let (table, labels) = field::read(Path::new(&file), usize::MAX)?;
    let (first, n_rows): (usize, usize) = (first.parse()?, n_rows.parse()?);
    let rows: Vec<usize> = (first..first + n_rows).collect();
    let weights = vec![1.0; labels.len()];
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let params = field::params();
    let candidate = Candidate::Boost(params.check()?);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build()?;
    let (cpu, clock) = (field::cpu_seconds()?, Instant::now());
    let fitted = pool.install(|| fit(&candidate, &training, 1))?;
    let (cpu, wall) = (field::cpu_seconds()? - cpu, clock.elapsed().as_secs_f64());
    let holdout: Vec<usize> = (labels.len() - HOLDOUT..labels.len()).collect();
    let loss = log_loss(&fitted.margins(&table, &holdout), &labels[holdout[0]..], &weights[holdout[0]..]);
    println!("{{\"cpu\": {cpu:.4}, \"wall\": {wall:.4}, \"log_loss\": {loss:.6}}}");
    Ok(())
}
