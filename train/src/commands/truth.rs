//! `truth`: simulated businesses, models trained on them, and how far these are from what is true.

use holdfast_features::{Timestamp, write};
use holdfast_simulate::Scenario;

use super::{Answer, Verdict};
use crate::TrainError;
use crate::budget::Clock;
use crate::cli::TruthArgs;
use crate::config::Config;
use crate::progress::Progress;
use crate::truth::{Question, Runs, text, truth};

/// The name that stands for every scenario.
const ALL: &str = "all";
/// A ceiling from fewer accounts than this would be low, unless asked for.
const FEWEST_FOR_A_CEILING: u32 = 4_000;

/// Judges, prints, writes; not kept where a promise failed and `--check` asks.
///
/// # Errors
/// A name that is no scenario, and whatever ends a training run.
pub(super) fn run(
    args: &TruthArgs,
    now: Timestamp,
    clock: Clock,
    progress: &Progress,
) -> Result<Answer, TrainError> {
    let config = Config::load(args.config.as_deref())?;
    let n_ceiling_accounts = args.ceiling_accounts.unwrap_or(args.accounts.max(FEWEST_FOR_A_CEILING));
    let question = Question {
        scenarios: scenarios(&args.scenario)?,
        n_accounts: args.accounts,
        n_months: args.months,
        seeds: (args.seed..).take(usize::try_from(args.seeds).unwrap_or(usize::MAX)).collect(),
        n_ceiling_accounts,
    };
    let runs = Runs { config: &config, now, seconds: args.budget, clock, progress };
    let verdicts = truth(&question, &runs)?;
    if let Some(path) = &args.out {
        let json = serde_json::to_string_pretty(&verdicts).map_err(TrainError::Report)? + "\n";
        write::atomically(path, |file| std::io::Write::write_all(file, json.as_bytes()))?;
    }
    let is_kept = verdicts.iter().all(crate::truth::Verdict::is_kept);
    let verdict = if args.check && !is_kept { Verdict::NotKept } else { Verdict::Done };
    Ok(Answer { text: text(&verdicts), verdict })
}

/// The scenarios by their names; all of them where one name says so.
fn scenarios(names: &[String]) -> Result<Vec<Scenario>, TrainError> {
    if names.iter().any(|name| name == ALL) {
        return Ok(Scenario::ALL.to_vec());
    }
    names.iter().map(|name| name.parse().map_err(TrainError::Scenario)).collect()
}
