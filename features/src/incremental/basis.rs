//! What a feature file came from, written beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::settled::{Settled, Settling};
use super::{ID_MAP, TableArrivals, USAGE};
use crate::compute::{self, ComputeError, Key};
use crate::history::{Book, History};
use crate::read::{HistoryConfig, InputFile};
use crate::spec::FeatureSpec;
use crate::time::Timestamp;
use crate::write::{WriteError, atomically};

/// What a feature file was computed from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// SHA-256 of the feature file, hexadecimal: another file has another basis.
    pub feature_file: String,
    pub(super) identity: Identity,
    /// The end of the history.
    pub(super) until: Option<Timestamp>,
    /// The files whose rows are known by their content: usage, and the map of ids.
    pub(super) files: Vec<InputFile>,
    /// Of the whole book, when contracts began and ended.
    pub(super) starts: Vec<Timestamp>,
    pub(super) ends: Vec<Timestamp>,
    /// Of each row what could have entered it.
    pub(super) rows: Vec<u64>,
    /// By table the number of facts that were known before the end; usage is not among them.
    pub(super) n_known: BTreeMap<String, u64>,
    /// What stands in for old files of usage.
    pub(super) settled: Option<Settled>,
}

/// A basis, and what was found on the way to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The basis; its feature file is named once that is written.
    pub basis: Basis,
    /// By table how facts arrived, against the end of an earlier run.
    pub arrivals: Vec<TableArrivals>,
    /// Whether sums over the usage of an account's whole life are the same in any order: only then may anything stand in for
    /// files of usage.
    pub is_exact: bool,
}

/// Where a history came from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Who computes.
    pub identity: &'a Identity,
    /// The files of [`Basis::TABLES`].
    pub files: &'a [InputFile],
    /// How the history was read.
    pub config: &'a HistoryConfig,
}

/// Who computed, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Tells builds of the program apart: another build may compute otherwise.
    pub program: String,
    /// The settings that decide how a history is read.
    pub settings: String,
}

/// Why there is no basis.
#[derive(Debug, thiserror::Error)]
pub enum BasisError {
    /// The file cannot be read.
    #[error("{path}: {source}; a run with --incremental or --previous leaves it", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It holds something else.
    #[error("{}: not the basis of a feature file, or one of another version", .0.display())]
    Damaged(PathBuf),
    /// The facts cannot be read back.
    #[error(transparent)]
    Compute(#[from] ComputeError),
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// What a basis file begins with: its kind and the version of its form.
const MAGIC: &[u8] = b"holdfast basis 1\n";

impl Identity {
    /// A run of `program`, by anything that tells its builds apart, with `config`.
    #[must_use]
    pub fn new(program: String, config: &HistoryConfig) -> Self {
        // What is asked for, memory and the present change no value.
        let plain = HistoryConfig {
            now: None,
            wanted: None,
            left_out: BTreeSet::new(),
            settled: None,
            with_hashes: false,
            memory: 0,
            ..config.clone()
        };
        Self { program, settings: format!("{plain:?}") }
    }
}

impl Basis {
    /// The tables whose files a basis names.
    pub const TABLES: [&str; 3] = [USAGE[0], USAGE[1], ID_MAP];

    /// What `keys` under `specs` are computed from; how facts arrived is told against the end `then` of an earlier run.
    ///
    /// # Errors
    /// Keys or features that the history does not have; packed facts that cannot be read back.
    pub fn of(
        history: &History,
        keys: &[Key],
        specs: &[FeatureSpec],
        origin: Origin<'_>,
        then: Option<Timestamp>,
    ) -> Result<Told, BasisError> {
        let compute::Fingerprints { rows, arrivals } = compute::fingerprints(history, keys, specs, then)?;
        let book = history.book.clone().unwrap_or_else(|| Arc::new(Book::of(&history.accounts)));
        let n_known = arrivals.iter().map(|(table, of)| ((*table).to_owned(), of.n_known)).collect();
        let arrivals = arrivals.into_iter().map(|(table, of)| TableArrivals {
            table: table.to_owned(),
            late: of.n_late,
            backdated: of.n_known_then,
        });
        let latest = keys.iter().map(|key| key.as_of).max();
        let Origin { identity, files, config } = origin;
        let settling = Settled::of(history, files, config, latest, config.settled.as_deref());
        let settling = settling.map_err(ComputeError::from)?;
        let is_exact = settling != Settling::Inexact;
        let basis = Self {
            feature_file: String::new(),
            identity: identity.clone(),
            until: history.until,
            files: files.to_vec(),
            starts: book.starts.clone(),
            ends: book.ends.clone(),
            rows,
            n_known,
            settled: match settling {
                Settling::Settled(settled) => Some(settled),
                Settling::Nothing | Settling::Inexact => None,
            },
        };
        Ok(Told { basis, arrivals: arrivals.collect(), is_exact })
    }

    /// Where the basis of the feature file at `path` stands: beside it.
    #[must_use]
    pub fn path_of(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".basis");
        PathBuf::from(name)
    }

    /// The end of the history.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// [`BasisError`]: no such file, or another one.
    pub fn read(path: &Path) -> Result<Self, BasisError> {
        let bytes = fs::read(path).map_err(|source| BasisError::Io { path: path.to_owned(), source })?;
        let damaged = || BasisError::Damaged(path.to_owned());
        let bytes = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
        postcard::from_bytes(bytes).map_err(|_| damaged())
    }

    /// Writes it to `path`.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn write(&self, path: &Path) -> Result<(), BasisError> {
        let bytes = postcard::to_stdvec(self).map_err(|_| BasisError::Damaged(path.to_owned()))?;
        atomically(path, |file| {
            file.write_all(MAGIC)?;
            file.write_all(&bytes)
        })?;
        Ok(())
    }
}
