//! Everything that can end a subcommand, and with which exit code.

use std::path::PathBuf;

use holdfast_actions::PlaybookError;
use holdfast_features::Timestamp;
use holdfast_features::compute::ComputeError;
use holdfast_features::incremental::{BasisError, PreviousError};
use holdfast_features::matrix::TableError;
use holdfast_features::read::ReadError;
use holdfast_features::settings::Mistakes;
use holdfast_features::snapshot::SnapshotError;
use holdfast_features::time::NotATime;
use holdfast_features::write::ComputedError;
use holdfast_features::write::WriteError;
use holdfast_models::calibrate::CalibrationError;
use holdfast_models::fit::ParamsError;
use holdfast_models::{FitError, ModelError, RegistryError};
use holdfast_simulate::{ParamError, SimulateError, TruthError, UnknownScenario};

use crate::evaluate::EvaluateError;

/// Why a subcommand ended without its result.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The configuration has mistakes, all of them listed.
    #[error("the configuration cannot be used:\n{0}")]
    Config(#[from] Mistakes),
    /// A file that the command line names cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A result cannot be written.
    #[error("{path}: cannot be written: {source}", path = .path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The tables cannot be read, or their content cannot be used.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The playbooks have mistakes, all of them listed.
    #[error("the playbooks cannot be used:\n{0}")]
    Playbook(#[from] PlaybookError),
    /// Features that a history cannot give.
    #[error(transparent)]
    Compute(#[from] ComputeError),
    /// Neither options nor a subcommand.
    #[error("nothing was asked for: `holdfast-train features --help` shows examples")]
    NothingAsked,
    /// The program for clusters ended without having done its work; it said why.
    #[error("holdfast-cluster has not written the features")]
    Cluster(Option<i32>),
    /// The program for clusters cannot be started.
    #[error("holdfast-cluster cannot be started ({0}): install it with `cargo install --path cluster`")]
    NoCluster(std::io::Error),
    /// Features cannot be computed or written.
    #[error(transparent)]
    Computed(#[from] ComputedError),
    /// An earlier feature file that cannot be built on.
    #[error(transparent)]
    Previous(#[from] PreviousError),
    /// What a feature file came from cannot be told or written.
    #[error(transparent)]
    Basis(#[from] BasisError),
    /// Values of rows changed about which no fact was new before their date.
    #[error(
        "{n_rows} rows changed though nothing about them was new before their date, see {}: please report it; the \
         features were written, all of them computed", .path.display()
    )]
    ChangedWithoutNews {
        /// How many rows.
        n_rows: usize,
        /// The report.
        path: PathBuf,
    },
    /// A table of the history has no time.
    #[error("{0}: no table has a time, so nothing can be observed")]
    NoEnd(String),
    /// Snapshots that the history cannot answer.
    #[error("{path}: {source}", path = .path.display())]
    Snapshots {
        /// The snapshots file.
        path: PathBuf,
        /// Why.
        source: SnapshotError,
    },
    /// A learner's parameter out of its range.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// Margins that cannot be calibrated.
    #[error("calibration: {0}")]
    Calibrate(#[from] CalibrationError),
    /// Feature columns do not fit together.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A learner could not be fitted.
    #[error("candidate {candidate}: {source}")]
    Fit {
        /// The candidate.
        candidate: String,
        /// Why.
        source: FitError,
    },
    /// No candidate could be fitted.
    #[error("no learner could be fitted: {0}")]
    NoCandidate(String),
    /// A model and the rows given to it do not fit together.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The registry cannot be used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Rows cannot be judged.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// No observed row has a known outcome.
    #[error(
        "{source_name}: no decided renewal to learn from ({n_open} open). Give a longer history, or smaller \
         `snapshots.grace_days`"
    )]
    NothingDecided {
        /// The history or table.
        source_name: String,
        /// Terms that are still open.
        n_open: usize,
    },
    /// All decided rows have one outcome.
    #[error(
        "{source_name}: all {n_rows} decided rows {}; a model needs churned and kept accounts, so nothing is \
         published", if *.is_churned { "churned" } else { "renewed, none churned" }
    )]
    OneClass {
        /// The history or table.
        source_name: String,
        /// Decided rows.
        n_rows: usize,
        /// Whether the one outcome is churn.
        is_churned: bool,
    },
    /// Too few decided rows of the rarer outcome.
    #[error(
        "{source_name}: only {found} of {n_rows} decided rows {}, at least {needed} are needed \
         (`training.min_positives`); nothing is published", if *.is_churned { "churned" } else { "did not churn" }
    )]
    TooFew {
        /// The history or table.
        source_name: String,
        /// Rows of the rarer outcome.
        found: usize,
        /// Decided rows.
        n_rows: usize,
        /// How many are needed.
        needed: usize,
        /// Whether the rarer outcome is churn.
        is_churned: bool,
    },
    /// A fold or block leaves one outcome only to learn from.
    #[error(
        "{source_name}: without fold {fold} only one outcome is left to learn from; spread churned and kept \
         rows over at least two folds"
    )]
    FoldOneClass {
        /// The folds file or table.
        source_name: String,
        /// The fold.
        fold: usize,
    },
    /// No date leaves enough churned and kept rows before it and some of both after it.
    #[error(
        "{source_name}: no date splits the {n_rows} decided rows so that at least {needed} churned and {needed} kept \
         ones were decided before it (`training.min_positives`) and both kinds are observed after it. Give a longer \
         history, or observe nearer to the terms' ends (`snapshots.distances`): a row is decided only when its term's \
         end and `snapshots.grace_days` are past"
    )]
    NoTestBlock {
        /// The history.
        source_name: String,
        /// Decided rows.
        n_rows: usize,
        /// Rows of each outcome that are needed to learn from.
        needed: usize,
    },
    /// A snapshots file asks for the risk of an account that is no customer.
    #[error(
        "{}, row {row}: account `{account_id}` has no contract in force at {as_of}, so that none can end; remove the \
         row{}", path.display(), match n_others { 0 => String::new(), n => format!(" and {n} others like it") }
    )]
    NoContract {
        /// The snapshots file.
        path: PathBuf,
        /// 1-based row.
        row: usize,
        /// The account.
        account_id: String,
        /// The observation time.
        as_of: Timestamp,
        /// How many rows more.
        n_others: usize,
    },
    /// A date on the command line.
    #[error("--as-of: {0}")]
    AsOf(#[from] NotATime),
    /// A date after the end of the history.
    #[error(
        "{what} {as_of} is after the end of the history, {until}: facts between them are not known, features \
         would be wrong"
    )]
    AfterTheEnd {
        /// `--as-of` or the row of a file.
        what: String,
        /// The date.
        as_of: Timestamp,
        /// The end of the history.
        until: Timestamp,
    },
    /// A snapshots file without rows.
    #[error("{}: no rows", .0.display())]
    NoRows(PathBuf),
    /// No account is active at the given date.
    #[error("no account is active at {0}")]
    NobodyActive(Timestamp),
    /// An output file whose ending tells no format.
    #[error("{}: the ending tells no format: write to a .parquet or a .csv file", .0.display())]
    Ending(PathBuf),
    /// The registry holds several models and none was named.
    #[error("{registry}: several models ({names}); choose one with --model NAME", registry = .registry.display(), names = .names.join(", "))]
    WhichModel {
        /// The registry.
        registry: PathBuf,
        /// Its models.
        names: Vec<String>,
    },
    /// The registry holds no model.
    #[error("{}: no model has been published here; publish one with `holdfast-train run`", .0.display())]
    NoModel(PathBuf),
    /// A model of one kind and input of the other.
    #[error("{model} was trained on {trained_on}; score it with {option}")]
    WrongKind {
        /// The model.
        model: String,
        /// What it was trained on.
        trained_on: &'static str,
        /// The option to use.
        option: &'static str,
    },
    /// A name that is no scenario.
    #[error("--scenario: {0}, or all")]
    Scenario(UnknownScenario),
    /// The truth of a simulated business cannot be read back.
    #[error(transparent)]
    Truth(#[from] TruthError),
    /// No row of a simulated business is later than what is learnt from.
    #[error(
        "no row of the simulated business is open at its end: give --accounts more accounts or --months a longer history"
    )]
    NothingLater,
    /// Parameters that describe no business.
    #[error(transparent)]
    Business(#[from] ParamError),
    /// The simulated business has not been written.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// The report cannot be put into JSON.
    #[error("the report cannot be put into JSON: {0}")]
    Report(serde_json::Error),
}

impl TrainError {
    /// 2 where the input or the configuration cannot be used, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unwritable { .. }
            | Self::Truth(_)
            | Self::Write(_)
            | Self::Report(_)
            | Self::Evaluate(_)
            | Self::NoCandidate(_)
            | Self::Fit { .. }
            | Self::Params(_)
            | Self::Calibrate(_)
            | Self::Basis(BasisError::Write(_))
            | Self::ChangedWithoutNews { .. }
            | Self::Model(_) => 1,
            Self::Registry(error) => registry_exit_code(error),
            Self::Simulate(error) => match error {
                SimulateError::Occupied { .. } | SimulateError::NotAFolder(_) | SimulateError::NoName(_) => 2,
                SimulateError::Io { .. } | SimulateError::Arrow { .. } | SimulateError::Parquet { .. } => 1,
            },
            Self::Computed(ComputedError::Write(_)) | Self::NoCluster(_) => 1,
            Self::Cluster(code) => code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
            Self::NothingAsked
            | Self::Computed(ComputedError::Compute(_) | ComputedError::Read(_))
            | Self::Previous(_)
            | Self::Basis(BasisError::Io { .. } | BasisError::Damaged(_) | BasisError::Compute(_))
            | Self::Config(_)
            | Self::Playbook(_)
            | Self::Unreadable { .. }
            | Self::Read(_)
            | Self::Table(_)
            | Self::Compute(_)
            | Self::NoEnd(_)
            | Self::Snapshots { .. }
            | Self::NothingDecided { .. }
            | Self::OneClass { .. }
            | Self::TooFew { .. }
            | Self::FoldOneClass { .. }
            | Self::NoTestBlock { .. }
            | Self::NoContract { .. }
            | Self::AsOf(_)
            | Self::AfterTheEnd { .. }
            | Self::NoRows(_)
            | Self::NobodyActive(_)
            | Self::Ending(_)
            | Self::WhichModel { .. }
            | Self::NoModel(_)
            | Self::WrongKind { .. }
            | Self::Scenario(_)
            | Self::NothingLater
            | Self::Business(_) => 2,
        }
    }
}

/// A registry that was asked for what it does not have, or holds a damaged file, is unusable input.
fn registry_exit_code(error: &RegistryError) -> u8 {
    match error {
        RegistryError::Io { .. } | RegistryError::Write(_) | RegistryError::Unpublishable(_) => 1,
        _ => 2,
    }
}
