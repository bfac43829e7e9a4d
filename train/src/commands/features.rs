//! `features`: the feature matrix of a history.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast_features::compute::{self, Key};
use holdfast_features::{FeatureSpec, Role, Timestamp, read, write};

use super::incremental::Incremental;
use crate::TrainError;
use crate::cli::FeaturesArgs;
use crate::columns::count;
use crate::config::Config;
use crate::history::HistorySource;
use crate::progress::Progress;

/// The program that speaks to clusters.
const CLUSTER_PROGRAM: &str = "holdfast-cluster";

/// A history and the features that are asked of it.
pub(super) struct Asked {
    pub(super) source: HistorySource,
    pub(super) keys: Vec<Key>,
    pub(super) specs: Vec<FeatureSpec>,
}

impl Asked {
    fn read(
        args: &FeaturesArgs,
        history: &Path,
        config: &Config,
        now: Timestamp,
        progress: &Progress,
    ) -> Result<Self, TrainError> {
        // Side by side: the small tables of a history leave a thread idle.
        let (source, requests) = rayon::join(
            || HistorySource::read(history, config, now, progress),
            || args.snapshots.as_deref().map(|path| (path, read::snapshots_file(path))),
        );
        let source = source?;
        let keys = match requests {
            Some((path, requests)) => source.keys(path, requests?)?,
            None => source.active_at(config, &args.as_of)?.iter().map(Key::from).collect(),
        };
        let specs = match args.only.as_slice() {
            [] => source.specs(config)?,
            names => compute::specs_of(&source.history, names)?,
        };
        Ok(Self { source, keys, specs })
    }
}

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
    let read = |config: &Config| Asked::read(args, history, config, now, progress);
    let (asked, told) = if args.incremental || args.previous.is_some() {
        let incremental = Incremental::begin(args, history, &config, now, progress)?;
        let mut config = incremental.lean(args, &config).unwrap_or(config);
        let mut asked = read(&config)?;
        let mut planned = incremental.plan(args, &asked, &config, progress)?;
        if !planned.is_served {
            // A late fact reaches back to files of usage that were left out.
            (config.history.settled, config.history.left_out) = (None, BTreeSet::new());
            asked = read(&config)?;
            planned = incremental.plan(args, &asked, &config, progress)?;
        }
        let told = incremental.write(out, &asked, planned, progress)?;
        (asked, told)
    } else {
        let asked = read(&config)?;
        let stage = progress.stage("computing features", asked.keys.len());
        let on_rows = |n_rows: usize| stage.more(n_rows as u64);
        write::computed_features(out, &asked.source.history, &asked.keys, &asked.specs, on_rows)?;
        (asked, String::new())
    };
    let (keys, specs) = (&asked.keys, &asked.specs);
    let n_features = specs.iter().filter(|spec| spec.role == Role::Feature).count();
    let answer = format!(
        "{told}{}{} rows of {} features and {} context columns: {}\n",
        super::set_aside(out, &asked.source.rejects)?,
        count(keys.len()),
        count(n_features),
        count(specs.len() - n_features),
        out.display()
    );
    // The process ends: the system takes its memory back at once, and not piece by piece.
    std::mem::forget(asked);
    Ok(answer)
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
