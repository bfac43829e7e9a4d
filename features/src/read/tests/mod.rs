//! Reading whole folders and files, right and wrong.

mod bad_history;
mod columnar;
mod currency;
mod formats;
mod good_history;
mod other_files;
mod part;
mod prepared;
mod real_data;
mod unusual_columns;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{HistoryConfig, Problem, ReadError};
use crate::history::History;

/// A subscriptions table that is right.
const SUBSCRIPTIONS: &str = "subscription_id,account_id,mrr,currency,billing_period_months,started_at,ended_at\n\
     s1,a1,200,USD,1,2024-01-10,\n\
     s2,a2,50.5,USD,12,2024-02-01,2024-06-01\n";

/// A folder of files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        put(dir.path(), name, content.as_bytes());
    }
    dir
}

#[expect(clippy::disallowed_methods, reason = "tests make files that no reader watches")]
fn put(dir: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

fn read(files: &[(&str, &str)]) -> Result<History, ReadError> {
    history(folder(files).path(), &HistoryConfig::default())
}

/// A history with every fact in its accounts.
fn history(dir: &Path, config: &HistoryConfig) -> Result<History, ReadError> {
    Ok(super::history(dir, config)?.unpacked()?)
}

/// The problems of an error, as a user reads them.
fn lines(error: &ReadError) -> Vec<String> {
    match error {
        ReadError::Problems { problems, .. } => problems.iter().map(Problem::to_string).collect(),
        other => vec![other.to_string()],
    }
}
