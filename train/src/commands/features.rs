//! `features`: the feature matrix of a history.

use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast_features::compute::{self, Key};
use holdfast_features::{Role, Timestamp, write};

use crate::TrainError;
use crate::cli::FeaturesArgs;
use crate::columns::count;
use crate::config::Config;
use crate::history::HistorySource;
use crate::progress::Progress;

/// The program that speaks to clusters.
const CLUSTER_PROGRAM: &str = "holdfast-cluster";

/// Computes and writes the features of the accounts and dates asked for.
///
/// # Errors
/// Input that cannot be used, and the system's refusal to write.
pub(super) fn run(args: &FeaturesArgs, now: Timestamp, progress: &Progress) -> Result<String, TrainError> {
    let (Some(history), Some(out)) = (&args.history, &args.out) else { return Err(TrainError::NothingAsked) };
    super::check_ending(out)?;
    if let Some(url) = &args.cluster {
        return on_cluster(args, url, history, out);
    }
    let mut config = Config::load(args.config.as_deref())?.with_memory(args.memory);
    config.history.with_hashes = false;
    if !args.only.is_empty() {
        config.history.wanted = compute::tables_of(&args.only);
    }
    let source = HistorySource::read(history, &config, now, progress)?;
    let snapshots = match &args.snapshots {
        Some(path) => source.requested(&config, path)?,
        None => source.active_at(&config, &args.as_of)?,
    };
    let specs = match args.only.as_slice() {
        [] => source.specs(&config)?,
        names => compute::specs_of(&source.history, names)?,
    };
    let keys: Vec<Key> = snapshots.iter().map(Key::from).collect();
    drop(snapshots);
    let stage = progress.stage("computing features", keys.len());
    write::computed_features(out, &source.history, &keys, &specs, |n_rows| stage.more(n_rows as u64))?;
    drop(stage);
    let n_features = specs.iter().filter(|spec| spec.role == Role::Feature).count();
    Ok(format!(
        "{} rows of {} features and {} context columns: {}\n",
        count(keys.len()),
        count(n_features),
        count(specs.len() - n_features),
        out.display()
    ))
}

/// Has the program for clusters do the work: DataFusion and Ballista are no part of this one.
fn on_cluster(args: &FeaturesArgs, url: &str, history: &Path, out: &Path) -> Result<String, TrainError> {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name(CLUSTER_PROGRAM));
    let program = beside.filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from(CLUSTER_PROGRAM));
    let mut command = Command::new(program);
    command.arg("features").args(["--cluster", url]).arg("--history").arg(history).arg("--out").arg(out);
    if let Some(config) = &args.config {
        command.arg("--config").arg(config);
    }
    match &args.snapshots {
        Some(path) => command.arg("--snapshots").arg(path),
        None => command.args(["--as-of", &args.as_of.join(",")]),
    };
    if !args.only.is_empty() {
        command.args(["--only", &args.only.join(",")]);
    }
    if let Some(scratch) = &args.scratch {
        command.args(["--scratch", scratch]);
    }
    // What it prints is the answer; it has told its errors itself.
    match command.status() {
        Ok(status) if status.success() => Ok(String::new()),
        Ok(status) => Err(TrainError::Cluster(status.code())),
        Err(source) => Err(TrainError::NoCluster(source)),
    }
}
