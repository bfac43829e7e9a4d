//! Which files of a folder are which tables.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::contract::{TABLES, TableSchema};
use super::error::{Problem, ReadError, Reason};
use super::source::{ending, file_name, sha256, sha256_of_text};

/// The files of a history.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The files of each table, by name.
    pub(super) tables: BTreeMap<&'static str, Vec<PathBuf>>,
    /// What is no table.
    pub(super) notes: Vec<String>,
    /// Tables that are there twice, strangers in a table's folder.
    pub(super) problems: Vec<Problem>,
    /// The names of all that is there.
    pub(super) found: Vec<String>,
}

/// Looks through `dir`. Hidden files and those whose names begin with `_` are passed over, as tools that write
/// Parquet leave such behind.
pub(super) fn discover(dir: &Path) -> Result<Files, ReadError> {
    if !dir.is_dir() {
        return Err(match fs::metadata(dir) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                ReadError::Io { path: dir.to_owned(), source }
            }
            _ => ReadError::NotAFolder(dir.to_owned()),
        });
    }
    let mut files = Files::default();
    let mut places: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for path in entries(dir)? {
        let name = file_name(&path);
        files.found.push(name.clone());
        let stem = if path.is_dir() {
            name.clone()
        } else {
            match ending(&path) {
                Some(ending) => name[..name.len() - ending.len() - 1].to_owned(),
                None => {
                    files.notes.push(format!("{name} is not read: it is no .parquet, .csv or .ndjson file"));
                    continue;
                }
            }
        };
        let Some(schema) = TableSchema::find(&stem) else {
            files.notes.push(format!("{name} is not read: {}", no_table(&stem)));
            continue;
        };
        places.entry(schema.name).or_default().push(name.clone());
        let of_table = files.tables.entry(schema.name).or_default();
        if path.is_dir() {
            for inner in entries(&path)? {
                if inner.is_file() && ending(&inner).is_some() {
                    of_table.push(inner);
                } else {
                    let file = Some(format!("{name}/{}", file_name(&inner)));
                    files
                        .problems
                        .push(Problem { file, ..Problem::table(schema.name, Reason::NotATableFile) });
                }
            }
        } else {
            of_table.push(path);
        }
    }
    for (table, places) in places {
        if places.len() > 1 {
            files.problems.push(Problem::table(table, Reason::TableTwice(places.join(", "))));
        }
    }
    Ok(files)
}

/// The hash of a table: of its one file's bytes, or of the hashes of its files in the order of their names.
pub(super) fn table_sha256(paths: &[PathBuf]) -> Result<String, ReadError> {
    let hashes = paths.iter().map(|path| sha256(path)).collect::<Result<Vec<_>, _>>()?;
    match hashes.as_slice() {
        [only] => Ok(only.clone()),
        many => Ok(sha256_of_text(&many.join("\n"))),
    }
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let failed = |source| ReadError::Io { path: dir.to_owned(), source };
    let mut paths = fs::read_dir(dir)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()).map_err(failed))
        .collect::<Result<Vec<_>, _>>()?;
    paths.retain(|path| !file_name(path).starts_with(['.', '_']));
    paths.sort();
    Ok(paths)
}

fn no_table(stem: &str) -> String {
    let bare = |name: &str| name.to_lowercase().replace(['-', ' '], "_").trim_end_matches('s').to_owned();
    match TABLES.iter().find(|schema| bare(schema.name) == bare(stem)) {
        Some(schema) => format!("did you mean {}?", schema.name),
        None => "it is no table of the contract".to_owned(),
    }
}
