//! The files of a history, told apart by their content.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::error::ReadError;
use super::files::discover;
use super::source::{file_name, sha256};

/// A file of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// The table, as the contract calls it.
    pub table: String,
    /// Its name, without the folder of the history.
    pub name: String,
    /// Its length.
    pub n_bytes: u64,
    /// SHA-256 of its content, hexadecimal.
    pub sha256: String,
    /// Where it is; of a file of an earlier run nothing.
    #[serde(skip)]
    pub path: PathBuf,
}

/// The files of the `tables` in the folder `dir`, in the order of their names.
///
/// # Errors
/// Files or folders that cannot be read.
pub fn input_files(dir: &Path, tables: &[&str]) -> Result<Vec<InputFile>, ReadError> {
    let files = discover(dir)?;
    let of_tables = files.tables.into_iter().filter(|(table, _)| tables.contains(table));
    let paths: Vec<(&str, PathBuf)> =
        of_tables.flat_map(|(table, paths)| paths.into_iter().map(move |path| (table, path))).collect();
    let told = |(table, path): (&str, PathBuf)| {
        let metadata = path.metadata().map_err(|source| ReadError::Io { path: path.clone(), source })?;
        let (name, sha256) = (file_name(&path), sha256(&path)?);
        Ok(InputFile { table: table.to_owned(), name, n_bytes: metadata.len(), sha256, path })
    };
    paths.into_par_iter().map(told).collect()
}
