//! `simulate`: a business with a known truth, as history tables.

use std::fmt::Write;

use holdfast_simulate::{Business, UsageFiles, simulate, usage_scale};

use crate::TrainError;
use crate::cli::SimulateArgs;
use crate::columns::{Align, aligned, count};
use crate::progress::Progress;

/// Writes the simulated business.
///
/// # Errors
/// Parameters out of range, a folder that holds something else, or the system's refusal.
pub(super) fn run(args: &SimulateArgs, progress: &Progress) -> Result<String, TrainError> {
    let default = Business::default();
    let n_accounts = args.accounts.or(args.scenario.n_accounts()).unwrap_or(default.n_accounts);
    let params =
        Business { n_accounts, n_months: args.months, seed: args.seed, scenario: args.scenario, ..default };
    let mut business = params.check()?;
    if let Some(n_events) = args.events {
        business = Business { usage_scale: usage_scale(&business, n_events)?, ..params }.check()?;
    }
    let usage_files = if args.monthly { UsageFiles::Monthly } else { UsageFiles::One };
    let stage = progress.stage("accounts", usize::try_from(n_accounts).unwrap_or(usize::MAX));
    let simulation = simulate(&business).with_usage_files(usage_files);
    let written = simulation.write(&args.out, |done| stage.at(u64::from(done)))?;
    drop(stage);
    let rows: Vec<Vec<String>> =
        written.tables.iter().map(|(table, n_rows)| vec![(*table).to_owned(), count(*n_rows)]).collect();
    let mut text = format!(
        "{} accounts over {} months, known until {}, in {}:\n",
        count(usize::try_from(n_accounts).unwrap_or(usize::MAX)),
        args.months,
        business.until(),
        args.out.display()
    );
    text.push_str(&aligned(&[Align::Left, Align::Right], &rows));
    // Writing to a string never fails.
    let _ = writeln!(text, "Next: holdfast-train check --history {}", args.out.display());
    Ok(text)
}
