//! `features`: the feature matrix of a history.

use holdfast_features::compute::{self, Key};
use holdfast_features::{Role, Timestamp, write};

use crate::TrainError;
use crate::cli::FeaturesArgs;
use crate::columns::count;
use crate::config::Config;
use crate::history::HistorySource;
use crate::progress::Progress;

/// Computes and writes the features of the accounts and dates asked for.
///
/// # Errors
/// Input that cannot be used, and the system's refusal to write.
pub(super) fn run(args: &FeaturesArgs, now: Timestamp, progress: &Progress) -> Result<String, TrainError> {
    let (Some(history), Some(out)) = (&args.history, &args.out) else { return Err(TrainError::NothingAsked) };
    super::check_ending(out)?;
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
