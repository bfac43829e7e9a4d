//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use holdfast_features::Timestamp;
use holdfast_models::ModelRef;
use holdfast_proto::limits;
use holdfast_serve::{Config, WithoutModel};

/// Answers over gRPC how likely an account is to churn, why, and what to do.
#[derive(Debug, Parser)]
#[command(version, after_long_help = EXAMPLES)]
pub(crate) struct Cli {
    /// The registry folder that `holdfast-train run --registry` wrote
    #[arg(long, value_name = "DIR")]
    registry: PathBuf,
    /// The model to serve, and its version; by default the only model, in its current version
    #[arg(long, value_name = "NAME[@VERSION]")]
    model: Option<ModelRef>,
    /// The feature snapshot in which accounts are looked up; by default features.parquet beside the bundle. Of several
    /// rows of an account the latest answers, the others say how it stood
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// The address to listen on; with port 0 a free port is taken and printed
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,
    /// The TOML configuration whose [decisions] apply
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of playbooks (TOML) that replace the built-in ones
    #[arg(long, value_name = "DIR")]
    playbooks: Option<PathBuf>,
    /// Start without a model and wait for one; not ready until then
    #[arg(long)]
    wait_for_model: bool,
    /// The most subjects of one BatchScore
    #[arg(long, value_name = "N", default_value_t = limits::DEFAULT_MAX_BATCH, value_parser = max_batch)]
    max_batch: usize,
    /// Seconds between two looks for a new current model or feature snapshot; 0: never
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32))]
    reload_seconds: u32,
    /// Seconds that calls in flight may take after SIGTERM or Ctrl-C
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32))]
    drain_seconds: u32,
    /// How log lines look; they go to standard error. HOLDFAST_LOG sets the level: info, debug …
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

const EXAMPLES: &str = "\
Examples:
  # Serve the only model of a registry, with the accounts of its own training run
  holdfast-serve --registry registry

  # One version of one model, today's features, a port of the system's choice
  holdfast-serve --registry registry --model churn@3 --features today.parquet --listen 127.0.0.1:0

  # In a container: start before the first training run, log for machines
  holdfast-serve --registry /models --wait-for-model --listen 0.0.0.0:50051 --log-format json

Reads no environment variable but HOLDFAST_LOG. SIGTERM and Ctrl-C end calls in flight, then the server.
Exit codes: 0 ended as asked, 1 failed while running, 2 unusable registry, model, features or settings.";

impl Cli {
    /// What the server is started with; `clock` tells the time.
    #[must_use]
    pub(crate) fn into_config(self, clock: fn() -> Timestamp) -> Config {
        let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
        Config {
            registry: self.registry,
            model: self.model,
            features: self.features,
            listen: self.listen,
            settings: self.config,
            playbooks: self.playbooks,
            without_model: if self.wait_for_model { WithoutModel::Wait } else { WithoutModel::Fail },
            max_batch: self.max_batch,
            reload_every: (self.reload_seconds > 0).then(|| seconds(self.reload_seconds)),
            drain: seconds(self.drain_seconds),
            clock,
        }
    }
}

fn max_batch(text: &str) -> Result<usize, String> {
    let largest = limits::LARGEST_MAX_BATCH;
    text.parse()
        .ok()
        .filter(|rows| (1..=largest).contains(rows))
        .ok_or_else(|| format!("a whole number from 1 to {largest} is needed"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_reach_the_configuration() {
        let line = "holdfast-serve --registry r --model churn@3 --listen 0.0.0.0:1 --wait-for-model \
                    --max-batch 7 --reload-seconds 0";
        let config = Cli::parse_from(line.split_whitespace()).into_config(|| Timestamp(0));
        assert_eq!(config.model, Some("churn@3".parse().unwrap()));
        assert_eq!(config.listen, "0.0.0.0:1".parse().unwrap());
        assert_eq!(config.without_model, WithoutModel::Wait);
        assert_eq!((config.max_batch, config.reload_every), (7, None));
        let many = Cli::try_parse_from("s --registry r --max-batch 20001".split_whitespace());
        assert!(many.unwrap_err().to_string().contains("from 1 to 20000"));
    }
}
