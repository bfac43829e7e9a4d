//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use holdfast_cluster::{DEFAULT_PARTITIONS, DEFAULT_PORT, EXECUTOR_TIMEOUT_SECONDS, HEARTBEAT_SECONDS};
use holdfast_features::Timestamp;

/// Computes features on many machines: a scheduler, executors, and the client that asks.
#[derive(Debug, Parser)]
#[command(name = "holdfast-cluster", version, propagate_version = true, max_term_width = 110)]
#[command(
    after_help = "Start one scheduler, then executors, then ask for features; docs/cluster.md says more.\n\
    HOLDFAST_LOG sets the level of the log, which goes to standard error: warn, info, debug …\n\
    Exit codes: 0 done, 2 the input or a setting cannot be used, 1 any other failure (trying again may help)."
)]
pub(crate) struct Cli {
    /// How log lines look
    #[arg(long, value_enum, default_value_t = LogFormat::Text, global = true)]
    pub(crate) log_format: LogFormat,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take queries and give their parts to executors
    #[command(after_help = "Examples:\n  holdfast-cluster scheduler\n  \
        holdfast-cluster scheduler --listen 0.0.0.0:50050 --external-host scheduler.internal\n\n\
        Prints `listening on ADDRESS` when it does. It keeps no state: after a failure start it again and repeat the query.\n\
        It asks nobody for a password: let only the cluster's own machines reach it.")]
    Scheduler(SchedulerArgs),
    /// Do the work of queries
    #[command(
        after_help = "Examples:\n  holdfast-cluster executor --scheduler df://127.0.0.1:50050 --work-dir work-1\n  \
        holdfast-cluster executor --scheduler df://scheduler.internal:50050 --host 0.0.0.0 \\\n    \
        --external-host $(hostname) --port 50051 --grpc-port 50052 --tasks 8 --memory 24GB --work-dir /fast/holdfast\n\n\
        Prints `ready` when the scheduler has answered. SIGTERM ends it after its tasks."
    )]
    Executor(ExecutorArgs),
    /// Write the feature matrix of a history at given dates, as `holdfast-train features` does
    #[command(after_help = "Examples:\n  \
        holdfast-cluster features --cluster df://127.0.0.1:50050 --history /shared/business \\\n    \
        --scratch /shared/tmp --as-of 2025-06-30 --out features.parquet\n  \
        holdfast-cluster features --cluster df://scheduler.internal:50050 --history s3://bucket/business \\\n    \
        --scratch s3://bucket/tmp --snapshots snapshots.csv --out features.parquet\n  \
        holdfast-cluster features --history business --as-of 2025-06-30 --out features.csv\n\n\
        Without --cluster the same query runs in this process. Stores in S3 take their credentials from the environment\n\
        (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT), on every machine.")]
    Features(FeaturesArgs),
}

/// Options of `scheduler`.
#[derive(Debug, Args)]
pub(crate) struct SchedulerArgs {
    /// The address to listen on; with port 0 a free port is taken and printed
    #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)))]
    pub(crate) listen: SocketAddr,
    /// The name under which executors and clients reach it
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub(crate) external_host: String,
    /// Seconds of silence after which an executor is lost and its work is done again elsewhere
    #[arg(long, value_name = "SECONDS", default_value_t = EXECUTOR_TIMEOUT_SECONDS,
        value_parser = clap::value_parser!(u64).range(2..=3600))]
    pub(crate) executor_timeout: u64,
}

/// Options of `executor`.
#[derive(Debug, Args)]
pub(crate) struct ExecutorArgs {
    /// The scheduler
    #[arg(long, value_name = "df://HOST:PORT", value_parser = scheduler)]
    pub(crate) scheduler: (String, u16),
    /// The address to bind
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// The name under which the other machines reach it
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub(crate) external_host: String,
    /// The port at which partial results are fetched; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,
    /// The port at which the scheduler speaks to it; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) grpc_port: u16,
    /// Tasks at one time; by default as many as there are cores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) tasks: Option<u16>,
    /// What facts being gathered may take, such as 512MB or 24GB; the rest goes to --work-dir. By default 70 % of the memory
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(crate) memory: Option<u64>,
    /// The folder for partial results: local and fast; made where it is missing
    #[arg(long, value_name = "DIR", default_value = "holdfast-work")]
    pub(crate) work_dir: PathBuf,
    /// Seconds between signs of life; the scheduler's --executor-timeout must be a few times as long
    #[arg(long, value_name = "SECONDS", default_value_t = HEARTBEAT_SECONDS,
        value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) heartbeat: u64,
    /// Seconds to wait for the scheduler at the start
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) connect_timeout: u16,
}

/// Options of `features`.
#[derive(Debug, Args)]
pub(crate) struct FeaturesArgs {
    /// Folder or URL of the history's tables (Parquet), the same for every machine
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) history: String,
    /// Configuration (TOML); every setting has a default
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Dates at which every active account is observed
    #[arg(long, value_name = "DATE", value_delimiter = ',', required_unless_present = "snapshots",
        conflicts_with = "snapshots", value_parser = time)]
    pub(crate) as_of: Vec<Timestamp>,
    /// Which accounts are observed when: a file with the columns account_id and as_of
    #[arg(long, value_name = "FILE")]
    pub(crate) snapshots: Option<PathBuf>,
    /// File to write: .parquet or .csv
    #[arg(long, value_name = "FILE", value_parser = table_file)]
    pub(crate) out: PathBuf,
    /// Only these features, separated by commas [default: all that the history offers]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// The scheduler; without one the query runs in this process
    #[arg(long, value_name = "df://HOST:PORT")]
    pub(crate) cluster: Option<String>,
    /// Partitions of the shuffle: more of them take less memory each
    #[arg(long, value_name = "N", default_value_t = DEFAULT_PARTITIONS, value_parser = partitions)]
    pub(crate) partitions: usize,
    /// Folder or URL that every machine sees, for a small file while the query runs; by default the system's
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) scratch: Option<String>,
}

fn scheduler(text: &str) -> Result<(String, u16), String> {
    let advice = || "give the scheduler's address as df://HOST:PORT".to_owned();
    let url = url::Url::parse(text).ok().filter(|url| url.scheme() == "df").ok_or_else(advice)?;
    let host = url.host_str().ok_or_else(advice)?;
    Ok((host.to_owned(), url.port().unwrap_or(DEFAULT_PORT)))
}

fn bytes(text: &str) -> Result<u64, String> {
    let units =
        [("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1)];
    let (number, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
        .unwrap_or((text, 1));
    let parsed = number.trim().parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    parsed.filter(|bytes| *bytes > 0).ok_or_else(|| "write a size such as 512MB or 24GB".to_owned())
}

fn partitions(text: &str) -> Result<usize, String> {
    let parsed = text.parse::<usize>().ok().filter(|partitions| (1..=100_000).contains(partitions));
    parsed.ok_or_else(|| "write a number from 1 to 100000".to_owned())
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| error.to_string())
}

fn table_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if ["csv", "parquet"].contains(&ending) {
        Ok(path)
    } else {
        Err("its ending must be .parquet or .csv".to_owned())
    }
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
    fn sizes_are_read_with_their_unit() {
        assert_eq!(bytes("512MB"), Ok(512_000_000));
        assert_eq!(bytes("2 GB"), Ok(2_000_000_000));
        assert_eq!(bytes("7"), Ok(7));
        for wrong in ["", "0", "GB", "-1MB", "99999999999TB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_date_or_a_file_is_needed_and_not_both() {
        let parse = |more: &[&str]| {
            let given = ["holdfast-cluster", "features", "--history", "h", "--out", "f.csv"];
            Cli::try_parse_from(given.iter().chain(more)).is_ok()
        };
        assert!(!parse(&[]));
        assert!(parse(&["--as-of", "2025-06-30,2025-07-31"]));
        assert!(parse(&["--snapshots", "s.csv"]));
        assert!(!parse(&["--as-of", "2025-06-30", "--snapshots", "s.csv"]));
        assert!(!parse(&["--as-of", "soon"]));
    }
}
