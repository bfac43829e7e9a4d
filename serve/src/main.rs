//! `holdfast-serve`: parse, log, serve, end.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser;
use holdfast_features::Timestamp;
use holdfast_serve::{Config, ServeError};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, LogFormat};

/// The runtime failed: nothing is wrong with the input.
const FAILED: u8 = 1;
/// The registry, model, features or settings cannot be used.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    init_logs(cli.log_format);
    match run(cli.into_config(now)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", told(&error));
            let unusable = error.downcast_ref::<ServeError>().is_some_and(ServeError::is_input);
            ExitCode::from(if unusable { UNUSABLE } else { FAILED })
        }
    }
}

/// The error, then those of its causes that it does not tell itself.
fn told(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn run(config: Config) -> anyhow::Result<()> {
    // Scoring is arithmetic: more threads for it than cores would only wait for each other.
    let cores = std::thread::available_parallelism()?.get();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(cores).build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let running = holdfast_serve::start(config).await?;
        writeln!(io::stdout(), "listening on {}", running.addr())?;
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: draining"),
            _ = interrupt.recv() => tracing::info!("Ctrl-C: draining"),
        }
        running.shutdown();
        Ok(running.join().await?)
    })
}

#[expect(clippy::disallowed_methods, reason = "a binary's main knows the clock")]
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

fn init_logs(format: LogFormat) {
    let filter = EnvFilter::try_from_env("HOLDFAST_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use holdfast_serve::LoadError;

    use super::*;

    #[test]
    fn every_cause_is_told_once() {
        let source = io::Error::other("the disk is gone");
        let told_by_itself = LoadError::SettingsFile { path: Path::new("h.toml").to_owned(), source };
        let error = anyhow::Error::new(ServeError::from(told_by_itself));
        assert_eq!(told(&error), "h.toml: the disk is gone");
        let error = anyhow::anyhow!("the disk is gone").context("the server ended");
        assert_eq!(told(&error), "the server ended: the disk is gone");
    }
}
