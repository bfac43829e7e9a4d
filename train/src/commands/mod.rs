//! The subcommands: each reads what its options name and returns what to print.

mod check;
mod explain;
mod features;
mod incremental;
mod models;
mod score;
mod simulate;
mod truth;

use std::path::Path;

use holdfast_features::read::Reject;
use holdfast_features::{Timestamp, write};

use crate::TrainError;
use crate::budget::Clock;
use crate::cli::{Command, OfFeatures};
use crate::columns::count;
use crate::progress::Progress;
use crate::publish::Run;
use crate::{pipeline, prepared};

/// What a subcommand has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// For stdout.
    pub text: String,
    /// How it ended.
    pub verdict: Verdict,
}

/// How a subcommand ended that did what it was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Done,
    /// `check` found the input not usable.
    NotUsable,
    /// A model was published on hold, or a promise failed.
    NotKept,
}

impl Verdict {
    /// 0, 2 or 3.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NotUsable => 2,
            Self::NotKept => 3,
        }
    }
}

impl Answer {
    fn done(text: String) -> Self {
        Self { text, verdict: Verdict::Done }
    }

    fn trained(run: Run) -> Self {
        let verdict = if run.published.held.is_some() { Verdict::NotKept } else { Verdict::Done };
        Self { text: run.text, verdict }
    }
}

/// Writes the rows of a history that were set aside beside `out`, and says so; nothing where there are none.
fn set_aside(out: &Path, rejects: &[Reject]) -> Result<String, TrainError> {
    if rejects.is_empty() {
        return Ok(String::new());
    }
    let path = out.with_extension("rejects.csv");
    write::rejects(&path, rejects)?;
    Ok(format!("{} rows set aside: {}\n", count(rejects.len()), path.display()))
}

/// Runs a subcommand; `now` is the present, after which no event can have happened, and `clock` measures a time budget.
///
/// # Errors
/// Whatever ended it; [`TrainError::exit_code`] tells the exit code.
pub fn run(
    command: &Command,
    now: Timestamp,
    clock: Clock,
    progress: &Progress,
) -> Result<Answer, TrainError> {
    match command {
        Command::Simulate(args) => simulate::run(args, progress).map(Answer::done),
        Command::Truth(args) => truth::run(args, now, clock, progress),
        Command::Check(args) => check::run(args, now, progress),
        Command::Run(args) => pipeline::run(args, now, clock, progress).map(Answer::trained),
        Command::Table(args) => prepared::train(args, clock, progress).map(Answer::trained),
        Command::Features(args) => match &args.other {
            Some(OfFeatures::Explain(args)) => explain::run(args, now, progress).map(Answer::done),
            None => features::run(args, now, progress).map(Answer::done),
        },
        Command::Score(args) => score::run(args, now, progress).map(Answer::done),
        Command::Models(command) => models::run(command).map(Answer::done),
    }
}

/// Refuses an output file that could not be written in the end, before the work begins.
fn check_ending(path: &Path) -> Result<(), TrainError> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if ["csv", "parquet"].contains(&ending) { Ok(()) } else { Err(TrainError::Ending(path.to_owned())) }
}
