//! The demo's own folder: written anew by each run, and never another's.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use holdfast_features::write::{self, WriteError};

/// Its presence says that the folder is a demo's.
const MARK: &str = ".holdfast-demo";

/// Where a run of the demo puts things.
#[derive(Debug)]
pub(crate) struct Folder {
    /// The tables of the simulated business.
    pub history: PathBuf,
    /// The published model.
    pub registry: PathBuf,
    /// The report.
    pub report: PathBuf,
    /// The configuration of the training run.
    pub config: PathBuf,
}

/// Fewer folds and learners than by default: a demo is over before the coffee is cold.
const CONFIG: &str = "\
[training]
learners = [\"logistic\", \"additive\"]
folds = 3
finalists = 2
replicates = 200
";

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    /// It holds something that no demo wrote.
    #[error("{} is not empty and no earlier demo's folder: name another with --dir", .0.display())]
    Occupied(PathBuf),
    /// The configuration could not be written.
    #[error(transparent)]
    Config(#[from] WriteError),
    /// The operating system refused.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl Folder {
    /// Makes `dir`, or empties it of what an earlier demo left there; nothing else is touched.
    pub(crate) fn claim(dir: &Path) -> Result<Self, FolderError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| FolderError::Io { path, source }
        };
        let mark = dir.join(MARK);
        let is_empty = match fs::read_dir(dir) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(source) => return Err(FolderError::Io { path: dir.to_owned(), source }),
        };
        if !is_empty && !mark.is_file() {
            return Err(FolderError::Occupied(dir.to_owned()));
        }
        fs::create_dir_all(dir).map_err(failed(dir))?;
        fs::File::create_new(&mark).map(drop).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(FolderError::Io { path: mark.clone(), source: error }),
        })?;
        let folder = Self {
            history: dir.join("history"),
            registry: dir.join("registry"),
            report: dir.join("report"),
            config: dir.join("holdfast.toml"),
        };
        for part in [&folder.history, &folder.registry, &folder.report] {
            match fs::remove_dir_all(part) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(part)(error)),
                _ => {}
            }
        }
        write::atomically(&folder.config, |file| file.write_all(CONFIG.as_bytes()))?;
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_starts_afresh_and_leaves_other_files_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("demo");
        let folder = Folder::claim(&dir).unwrap();
        fs::create_dir(&folder.registry).unwrap();
        fs::create_dir(dir.join("mine")).unwrap();
        let folder = Folder::claim(&dir).unwrap();
        assert!(!folder.registry.exists());
        assert!(dir.join("mine").exists());
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join("registry")).unwrap();
        assert!(matches!(Folder::claim(scratch.path()), Err(FolderError::Occupied(_))));
        assert!(scratch.path().join("registry").exists());
        let file = scratch.path().join("file");
        fs::File::create_new(&file).unwrap();
        assert!(matches!(Folder::claim(&file), Err(FolderError::Io { .. })));
    }
}
