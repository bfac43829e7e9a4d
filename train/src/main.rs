//! The training binary: parses the command line, prints the answer, chooses the exit code.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use clap::Parser;
use holdfast_features::Timestamp;
use holdfast_train::cli::Cli;
use holdfast_train::commands::{self, Verdict};
use holdfast_train::progress::Progress;

/// The system's allocator hands pages back and takes them again all the time: a tenth of the work of a run. Without huge
/// pages (`no_thp`), unless the system gives them to everybody: of those, much would be cleared that is never used.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::run(&cli.command, now(), since_start, &Progress::on_stderr()) {
        Ok(answer) => print(&answer.text, answer.verdict),
        Err(error) => {
            eprintln_error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// The wall clock, for the one question that needs it: whether an event lies in the future.
#[expect(clippy::disallowed_methods, reason = "a binary's main knows the clock")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// The clock of a time budget.
#[expect(clippy::disallowed_methods, reason = "a binary's main knows the clock")]
fn since_start() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// A reader that closes the pipe early (`| head`) has seen enough; any other failure is one.
fn print(text: &str, verdict: Verdict) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln_error(&error);
            ExitCode::FAILURE
        }
        _ => ExitCode::from(verdict.exit_code()),
    }
}

#[expect(clippy::print_stderr, reason = "the one place that tells the user of a failure")]
fn eprintln_error(error: &dyn std::error::Error) {
    eprintln!("error: {error}");
}
