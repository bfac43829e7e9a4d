//! What can go wrong between a request and its feature rows.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use ballista_core::error::BallistaError;
use datafusion::error::DataFusionError;
use holdfast_features::Timestamp;
use holdfast_features::compute::ComputeError;
use holdfast_features::matrix::TableError;
use holdfast_features::read::{Problem, ReadError};
use holdfast_features::settings::Mistakes;
use holdfast_features::snapshot::SnapshotError;
use holdfast_features::time::NotATime;

use crate::job::JobError;

/// Why there are no feature rows.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The history is not where it was said to be.
    #[error("{location}: {message}")]
    Location {
        /// Folder or URL.
        location: String,
        /// What is wrong.
        message: String,
    },
    /// A table that is no Parquet.
    #[error(
        "{file}: a cluster reads Parquet only; write the table as .parquet, or compute without --cluster"
    )]
    Format {
        /// The file, below the history's folder.
        file: String,
    },
    /// A history whose tools name accounts differently.
    #[error(
        "the table id_map is not applied on a cluster: join it into the tables first, or compute without --cluster"
    )]
    IdMap,
    /// Rows of one id, all but one of which are to be set aside.
    #[error(
        "{0}; which of such rows is set aside goes by their order, and a cluster keeps none: remove all but one, or compute without --cluster"
    )]
    RowTwice(Box<Problem>),
    /// Both tables of usage, and no word which is meant.
    #[error(
        "usage_events and usage_daily are both there: say `usage = \"events\"` or `usage = \"daily\"` in [history]"
    )]
    UsageTwice,
    /// A column of usage whose values are no stored times.
    #[error(
        "column `{column}` of usage_events is {data_type}: a cluster reads times that are stored as timestamps or dates"
    )]
    TimeType {
        /// The column.
        column: String,
        /// Its type.
        data_type: String,
    },
    /// A date after the history's end.
    #[error("{as_of} is after the end of the history ({until}): nothing is known of it")]
    AfterTheEnd {
        /// The date.
        as_of: Timestamp,
        /// The end.
        until: Timestamp,
    },
    /// Nobody is observed.
    #[error("no account is observed: no contract is in force on {0}; choose another date")]
    NobodyActive(Timestamp),
    /// A snapshots file without rows.
    #[error("no row is asked for: name dates, or a snapshots file with rows")]
    NothingAsked,
    /// The scheduler cannot be reached, at the start or any more.
    #[error(
        "the scheduler at {url} does not answer ({message}): see whether `holdfast-cluster scheduler` runs there, start it again, and repeat the command; nothing was written"
    )]
    Scheduler {
        /// Its URL.
        url: String,
        /// What the connection said.
        message: String,
    },
    /// A URL of no scheduler.
    #[error("--cluster {0}: give the scheduler's address as df://HOST:PORT")]
    Url(String),
    /// The cluster answered with other rows than were asked for.
    #[error(
        "{n_rows} feature rows for {n_keys} asked for: an executor holds other data; do all machines see the same history?"
    )]
    Incomplete {
        /// Rows that came.
        n_rows: usize,
        /// Rows that were asked for.
        n_keys: usize,
    },
    /// The cluster answered with something else than feature rows.
    #[error(
        "the cluster answered with {0} instead of feature rows: client, scheduler and executors must be of one version"
    )]
    Answer(String),
    /// The query failed.
    #[error("{}", told(.0))]
    Query(#[from] DataFusionError),
    /// The scheduler or an executor failed.
    #[error("{0}")]
    Ballista(#[from] BallistaError),
    /// An address to listen on.
    #[error("cannot listen on {addr}: {source}; choose another with --listen")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A file or folder.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration has mistakes.
    #[error(transparent)]
    Config(#[from] Mistakes),
    /// The history, as far as the client reads it, or the snapshots file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The snapshots asked for.
    #[error(transparent)]
    Snapshots(#[from] SnapshotError),
    /// A date that is none.
    #[error(transparent)]
    Date(#[from] NotATime),
    /// The job.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The features asked for.
    #[error(transparent)]
    Compute(#[from] ComputeError),
    /// Rows that make no feature table.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl ClusterError {
    /// Whether input or settings must change; otherwise trying again may help.
    #[must_use]
    pub fn is_input(&self) -> bool {
        !matches!(self, Self::Scheduler { .. } | Self::Query(_) | Self::Ballista(_) | Self::Io { .. })
    }
}

/// An error of ours that passed through a query without the query engine's frames around it.
fn told(error: &DataFusionError) -> String {
    match error.find_root() {
        DataFusionError::External(own) => own.to_string(),
        DataFusionError::Execution(message) => message.clone(),
        other => other.to_string(),
    }
}
