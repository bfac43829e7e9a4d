//! Which rows of an earlier feature file serve again.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Arrived, Basis, BasisError, Identity, USAGE};
use crate::compute::Key;
use crate::read::{FeatureRows, HistoryConfig, InputFile, ReadError};
use crate::spec::FeatureSpec;
use crate::time::Timestamp;

/// An earlier feature file with what it was computed from.
#[derive(Debug)]
pub struct Previous {
    /// Its rows.
    pub rows: FeatureRows,
    /// What it came from.
    pub basis: Basis,
}

/// Which rows of an earlier feature file serve again.
#[derive(Debug, Clone, PartialEq)]
pub struct Reuse {
    /// For each key its row in the earlier file, where nothing new can have changed it.
    pub taken: Vec<Option<usize>>,
    /// For each key the row of the same account and date there.
    pub same: Vec<Option<usize>>,
    /// For each key whether that row can be told to be as it was: nothing about it is new.
    pub without_news: Vec<bool>,
    /// Why nothing serves again, if so.
    pub why_all: Option<WhyAll>,
}

/// Why every row is computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyAll {
    /// The earlier file was changed after it was written.
    FileChanged,
    /// Another build of the program.
    Program,
    /// Another configuration.
    Settings,
    /// Columns that the earlier file has not: others were asked for, or the history offers others by now.
    Features,
    /// A file of usage that changed or is gone.
    UsageFile(String),
    /// The map of ids changed.
    Ids,
}

impl fmt::Display for WhyAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileChanged => write!(f, "the earlier file is not the one that its basis was left for"),
            Self::Program => write!(f, "the earlier file comes from another build of this program"),
            Self::Settings => write!(f, "the earlier file comes from another configuration"),
            Self::Features => write!(f, "the earlier file has not all columns that are to be written now"),
            Self::UsageFile(name) => write!(f, "{name} changed or is gone"),
            Self::Ids => write!(f, "id_map changed"),
        }
    }
}

impl Previous {
    /// Opens the feature file at `path` and the basis beside it.
    ///
    /// # Errors
    /// [`ReadError`] for the one, [`BasisError`] for the other.
    pub fn open(path: &Path) -> Result<Self, PreviousError> {
        let basis = Basis::read(&Basis::path_of(path))?;
        Ok(Self { rows: FeatureRows::open(path)?, basis })
    }

    /// Why none of its rows can serve a run of `identity` on `files`, if so.
    ///
    /// # Errors
    /// The feature file cannot be read.
    pub fn why_all(&self, identity: &Identity, files: &[InputFile]) -> Result<Option<WhyAll>, ReadError> {
        if self.basis.feature_file != self.rows.sha256()? || self.basis.rows.len() != self.rows.keys().len() {
            return Ok(Some(WhyAll::FileChanged));
        }
        if self.basis.identity.program != identity.program {
            return Ok(Some(WhyAll::Program));
        }
        if self.basis.identity.settings != identity.settings {
            return Ok(Some(WhyAll::Settings));
        }
        let is_usage = |file: &&InputFile| USAGE.contains(&file.table.as_str());
        let content = |file: &InputFile| (file.table.clone(), file.sha256.clone());
        let mut left: Vec<_> = files.iter().map(content).collect();
        for file in self.basis.files.iter().filter(is_usage) {
            match left.iter().position(|one| *one == content(file)) {
                Some(at) => left.swap_remove(at),
                None => return Ok(Some(WhyAll::UsageFile(format!("{}/{}", file.table, file.name)))),
            };
        }
        let ids = |files: &[InputFile]| -> Vec<String> {
            files.iter().filter(|file| !is_usage(file)).map(|file| file.sha256.clone()).collect()
        };
        Ok((ids(files) != ids(&self.basis.files)).then_some(WhyAll::Ids))
    }

    /// The files of usage that came since, and the others.
    #[must_use]
    pub fn new_files(&self, files: &[InputFile]) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let mut old: Vec<(&str, &str)> =
            self.basis.files.iter().map(|file| (file.table.as_str(), file.sha256.as_str())).collect();
        let (mut new, mut others) = (Vec::new(), Vec::new());
        for file in files.iter().filter(|file| USAGE.contains(&file.table.as_str())) {
            match old.iter().position(|one| *one == (file.table.as_str(), file.sha256.as_str())) {
                Some(at) => {
                    old.swap_remove(at);
                    others.push(file.path.clone());
                }
                None => new.push(file.path.clone()),
            }
        }
        (new, others)
    }

    /// How the history is to be read where none of its old files of usage need be; `None` where they must.
    #[must_use]
    pub fn without_old_files(&self, files: &[InputFile], config: &HistoryConfig) -> Option<HistoryConfig> {
        let settled = self.basis.settled.clone()?;
        let left_out = settled.paths(files)?;
        Some(HistoryConfig { left_out, settled: Some(Arc::new(settled)), ..config.clone() })
    }

    /// Which rows serve `keys` again, whose basis is `now`; `arrived` came with new files of usage.
    #[must_use]
    pub fn reuse(
        &self,
        now: &Basis,
        keys: &[Key],
        specs: &[FeatureSpec],
        arrived: &Arrived,
        why_all: Option<WhyAll>,
    ) -> Reuse {
        if !specs.iter().all(|spec| self.rows.specs().contains(spec)) {
            let none = vec![None; keys.len()];
            let why_all = why_all.or(Some(WhyAll::Features));
            return Reuse { taken: none.clone(), same: none, without_news: vec![false; keys.len()], why_all };
        }
        let same = self.same_rows(keys);
        let (before, after) = (&self.basis, now);
        // What the whole book shows differs from here on.
        let book = first_difference(&before.starts, &after.starts)
            .into_iter()
            .chain(first_difference(&before.ends, &after.ends))
            .min();
        // At the end of a history rows read what an export tells of its own day.
        let end = [before.until, after.until].into_iter().flatten().min();
        let is_as_it_was = |row: usize, earlier: usize| {
            let key = &keys[row];
            before.rows[earlier] == after.rows[row]
                && book.is_none_or(|differs| key.as_of <= differs)
                && end.is_some_and(|end| key.as_of < end)
                && !arrived.concerns(&key.account_id, key.as_of)
        };
        let without_news: Vec<bool> = same
            .iter()
            .enumerate()
            .map(|(row, earlier)| {
                why_all.is_none() && earlier.is_some_and(|earlier| is_as_it_was(row, earlier))
            })
            .collect();
        let taken = same.iter().zip(&without_news).map(|(earlier, is)| earlier.filter(|_| *is)).collect();
        Reuse { taken, same, without_news, why_all }
    }

    /// For each key the row of the same account and date; of several in turn.
    fn same_rows(&self, keys: &[Key]) -> Vec<Option<usize>> {
        let own = self.rows.keys();
        let of_own = |row: usize| (&own[row].account_id, own[row].as_of);
        let of_key = |row: usize| (&keys[row].account_id, keys[row].as_of);
        let (mut rows, mut wanted): (Vec<usize>, Vec<usize>) =
            ((0..own.len()).collect(), (0..keys.len()).collect());
        rows.sort_by_key(|&row| (of_own(row), row));
        wanted.sort_by_key(|&row| (of_key(row), row));
        let mut same = vec![None; keys.len()];
        let mut rows = rows.into_iter().peekable();
        for row in wanted {
            while rows.next_if(|&earlier| of_own(earlier) < of_key(row)).is_some() {}
            same[row] = rows.next_if(|&earlier| of_own(earlier) == of_key(row));
        }
        same
    }
}

/// Why an earlier feature file cannot be built on.
#[derive(Debug, thiserror::Error)]
pub enum PreviousError {
    /// The file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What it came from.
    #[error(transparent)]
    Basis(#[from] BasisError),
}

/// The earliest time that only one of two ascending lists has.
fn first_difference(a: &[Timestamp], b: &[Timestamp]) -> Option<Timestamp> {
    let at = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    a.get(at).into_iter().chain(b.get(at)).min().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_differ_from_their_first_difference_on() {
        let times = |days: &[i64]| -> Vec<Timestamp> { days.iter().map(|day| Timestamp(*day)).collect() };
        let differ = |a: &[i64], b: &[i64]| first_difference(&times(a), &times(b)).map(|time| time.0);
        assert_eq!(differ(&[1, 2, 3], &[1, 2, 3]), None);
        assert_eq!(differ(&[1, 2, 3], &[1, 2, 3, 9]), Some(9));
        assert_eq!(differ(&[1, 3], &[1, 2, 3]), Some(2));
        assert_eq!(differ(&[], &[]), None);
    }
}
