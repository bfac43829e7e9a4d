//! A history as the subcommands see it: read, with its snapshots, its end and its hash.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use holdfast_features::compute::{self, Key};
use holdfast_features::read::{Reject, SnapshotRequest};
use holdfast_features::snapshot::{self, Snapshot};
use holdfast_features::{FeatureSpec, FeatureTable, History, RowKey, Timestamp, read};
use sha2::{Digest, Sha256};

use crate::TrainError;
use crate::config::Config;
use crate::progress::Progress;

/// Days before the end of a history at which its accounts are read besides: a day and a week, since a band changes only
/// when two readings agree, and a month, over which a drop of health is measured.
const READINGS: [i64; 3] = [1, 7, 30];

/// A history that was read.
#[derive(Debug)]
pub struct HistorySource {
    /// Its facts.
    pub history: History,
    /// The folder's name, without the folders above it.
    pub name: String,
    /// Nothing after this is known.
    pub until: Timestamp,
    /// The rows that `on_bad_row = "reject"` set aside.
    pub rejects: Vec<Reject>,
}

/// Feature rows with the snapshots that they belong to.
#[derive(Debug)]
pub struct Observed {
    /// The snapshots.
    pub snapshots: Vec<Snapshot>,
    /// One row a snapshot.
    pub table: FeatureTable,
}

impl HistorySource {
    /// Reads the history in `folder`; `now` is the present, after which no event can have happened.
    ///
    /// # Errors
    /// What reading says, and [`TrainError::NoEnd`] where no table has a time.
    pub fn read(
        folder: &Path,
        config: &Config,
        now: Timestamp,
        progress: &Progress,
    ) -> Result<Self, TrainError> {
        let (_stage, listener) = progress.reading("reading the history");
        let config = read::HistoryConfig { now: Some(now), listener, ..config.history.clone() };
        let inspection = read::inspect(folder, &config)?;
        let rejects = inspection.rejects.clone();
        Ok(Self { rejects, ..Self::new(inspection.usable()?, folder)? })
    }

    /// A history that was read from `folder` already.
    ///
    /// # Errors
    /// [`TrainError::NoEnd`] where no table has a time.
    pub fn new(history: History, folder: &Path) -> Result<Self, TrainError> {
        let name = folder.canonicalize().ok();
        let name = name.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| folder.display().to_string());
        let until = history.until.ok_or_else(|| TrainError::NoEnd(name.clone()))?;
        Ok(Self { history, name, until, rejects: Vec::new() })
    }

    /// The snapshots of a training run: those that `file` asks for, else those that the configuration derives.
    ///
    /// # Errors
    /// A snapshots file that cannot be used.
    pub fn training_snapshots(
        &self,
        config: &Config,
        file: Option<&Path>,
    ) -> Result<Vec<Snapshot>, TrainError> {
        match file {
            Some(path) => self.requested(config, path),
            None => Ok(snapshot::observed(&self.history, &config.snapshots)),
        }
    }

    /// The snapshots that the file at `path` asks for, in its order.
    ///
    /// # Errors
    /// A file that cannot be read, rows that the history cannot answer, and dates after its end.
    pub fn requested(&self, config: &Config, path: &Path) -> Result<Vec<Snapshot>, TrainError> {
        let requests = read::snapshots_file(path)?;
        self.check(path, &requests)?;
        snapshot::requested(&self.history, &requests, &config.snapshots)
            .map_err(|source| TrainError::Snapshots { path: path.to_owned(), source })
    }

    /// The rows of features that the `requests` ask for, which the file at `path` holds, in its order.
    ///
    /// # Errors
    /// As [`Self::requested`].
    pub fn keys(&self, path: &Path, requests: Vec<SnapshotRequest>) -> Result<Vec<Key>, TrainError> {
        self.check(path, &requests)?;
        snapshot::keys(&self.history, requests)
            .map_err(|source| TrainError::Snapshots { path: path.to_owned(), source })
    }

    /// Whether the file at `path` holds requests, none of them after the end of the history.
    fn check(&self, path: &Path, requests: &[SnapshotRequest]) -> Result<(), TrainError> {
        if requests.is_empty() {
            return Err(TrainError::NoRows(path.to_owned()));
        }
        for (index, request) in requests.iter().enumerate() {
            let place = || format!("{}, row {}, column `as_of`:", path.display(), index + 1);
            self.check_date(place, request.as_of)?;
        }
        Ok(())
    }

    /// Every account active at one of the dates, which are texts of the command line.
    ///
    /// # Errors
    /// Texts that are no dates, dates after the end of the history, and dates at which nobody is active.
    pub fn active_at(&self, config: &Config, dates: &[String]) -> Result<Vec<Snapshot>, TrainError> {
        let mut snapshots = Vec::new();
        for date in dates {
            let as_of = self.date("--as-of", date)?;
            let active = snapshot::open(&self.history, as_of, &config.snapshots);
            if active.is_empty() {
                return Err(TrainError::NobodyActive(as_of));
            }
            snapshots.extend(active);
        }
        Ok(snapshots)
    }

    /// Every account active at the end of the history, as it stands then and as it stood a day, a week and a month before:
    /// decisions compare.
    #[must_use]
    pub fn recent(&self, config: &Config) -> Vec<Snapshot> {
        let mut recent = snapshot::open(&self.history, self.until, &config.snapshots);
        recent.extend(self.earlier(&recent, config));
        recent.sort_by_key(|snapshot| (snapshot.account, snapshot.as_of));
        recent
    }

    /// The accounts of `snapshots` as they stood a day, a week and a month before, where they had a contract then.
    #[must_use]
    pub fn earlier(&self, snapshots: &[Snapshot], config: &Config) -> Vec<Snapshot> {
        let given: BTreeSet<(usize, Timestamp)> =
            snapshots.iter().map(|snapshot| (snapshot.account, snapshot.as_of)).collect();
        let mut wanted: BTreeMap<Timestamp, BTreeSet<usize>> = BTreeMap::new();
        for &(account, as_of) in &given {
            for days in READINGS {
                let earlier = as_of.plus_days(-days);
                if !given.contains(&(account, earlier)) {
                    wanted.entry(earlier).or_default().insert(account);
                }
            }
        }
        let at = |(as_of, accounts): (Timestamp, BTreeSet<usize>)| {
            let mut open = snapshot::open(&self.history, as_of, &config.snapshots);
            open.retain(|snapshot| accounts.contains(&snapshot.account));
            open
        };
        wanted.into_iter().flat_map(at).collect()
    }

    /// The features of `specs` for `snapshots`.
    ///
    /// # Errors
    /// Features that this history cannot give.
    pub fn observe(
        &self,
        snapshots: Vec<Snapshot>,
        specs: &[FeatureSpec],
        progress: &Progress,
    ) -> Result<Observed, TrainError> {
        let _stage = progress.stage("computing features", 0);
        let keys: Vec<Key> = snapshots.iter().map(Key::from).collect();
        let table = compute::table(&self.history, &keys, specs)?;
        Ok(Observed { snapshots, table })
    }

    /// Every feature that the history offers.
    ///
    /// # Errors
    /// Packed facts that cannot be read back.
    pub fn specs(&self, config: &Config) -> Result<Vec<FeatureSpec>, TrainError> {
        Ok(compute::specs(&self.history, &config.features)?)
    }

    /// SHA-256 over the names and hashes of all tables, hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut hasher = Sha256::new();
        for table in &self.history.tables {
            hasher.update(format!("{} {}\n", table.table, table.sha256.as_deref().unwrap_or_default()));
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The date that the option `what` gives as `text`.
    ///
    /// # Errors
    /// Text that is no date, and a date after the end of the history.
    pub fn date(&self, what: &str, text: &str) -> Result<Timestamp, TrainError> {
        let as_of = Timestamp::parse(text)?;
        self.check_date(|| what.to_owned(), as_of)?;
        Ok(as_of)
    }

    /// The day of the history's end counts as known to its end: a midnight that closes it is no later date.
    fn check_date(&self, what: impl FnOnce() -> String, as_of: Timestamp) -> Result<(), TrainError> {
        let closing = self.until.plus_days(1).midnight();
        if as_of > closing {
            return Err(TrainError::AfterTheEnd { what: what(), as_of, until: self.until });
        }
        Ok(())
    }
}

impl Observed {
    /// Account and time of each row.
    #[must_use]
    pub fn keys(&self) -> Vec<RowKey> {
        let key =
            |snapshot: &Snapshot| RowKey { account_id: snapshot.account_id.clone(), as_of: snapshot.as_of };
        self.snapshots.iter().map(key).collect()
    }
}
