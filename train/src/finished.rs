//! Fits that are done: kept in a folder, so that an interrupted run goes on where it was.
//!
//! A file a fit, named by a hash of all that the fit depends on: rows with their labels and weights, which of them learn
//! and which are judged, candidate, seed. What a file holds is what the fit would give, bit for bit; a file that is
//! damaged or of another version is as good as none.

use std::path::{Path, PathBuf};

use holdfast_features::{Column, write};
use holdfast_models::Candidate;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::TrainError;
use crate::learning::LearningRows;
use crate::split::Split;

/// What every file begins with; another form of content gets another number.
const MAGIC: &[u8] = b"holdfast fit 2\n";
/// Bytes of the checksum after it.
const CHECKSUM: usize = 32;

/// What a fit, or a decision on fits, depends on.
pub type Key = [u8; 32];

/// The folder of finished fits, or none.
#[derive(Debug, Clone, Default)]
pub struct Finished {
    folder: Option<PathBuf>,
}

/// The finished fits on certain rows.
#[derive(Debug, Clone)]
pub struct FinishedFits {
    folder: Option<PathBuf>,
    data: Key,
}

impl Finished {
    /// Keeps fits in `folder`, which is made where it is missing; without one nothing is kept.
    ///
    /// # Errors
    /// [`TrainError::Unwritable`] where the folder cannot be made.
    pub fn at(folder: Option<&Path>) -> Result<Self, TrainError> {
        if let Some(path) = folder {
            std::fs::create_dir_all(path)
                .map_err(|source| TrainError::Unwritable { path: path.to_owned(), source })?;
        }
        Ok(Self { folder: folder.map(Path::to_owned) })
    }

    /// The fits on `data`.
    #[must_use]
    pub fn on(&self, data: &LearningRows) -> FinishedFits {
        FinishedFits { folder: self.folder.clone(), data: hash_of_rows(data) }
    }
}

impl FinishedFits {
    /// Names a fit.
    #[must_use]
    pub fn key(&self, candidate: &Candidate, split: &Split, seed: u64) -> Key {
        let mut hasher = self.hasher("fit");
        hasher.update(serialised(candidate));
        hash_rows(&mut hasher, &split.train);
        hash_rows(&mut hasher, &split.validate);
        hasher.update(seed.to_le_bytes());
        hasher.finalize().into()
    }

    /// Names a decision that is made of the fits called `fits`, within `seconds` in all.
    #[must_use]
    pub fn decision(&self, fits: &[Key], seconds: Option<u64>) -> Key {
        let mut hasher = self.hasher("decision");
        hasher.update(seconds.unwrap_or_default().to_le_bytes());
        fits.iter().for_each(|fit| hasher.update(fit));
        hasher.finalize().into()
    }

    /// What was kept under `key`.
    #[must_use]
    pub fn read<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        let bytes = std::fs::read(self.path(key)?).ok()?;
        let (checksum, content) = bytes.strip_prefix(MAGIC)?.split_at_checked(CHECKSUM)?;
        if Sha256::digest(content).as_slice() != checksum {
            return None;
        }
        postcard::from_bytes(content).ok()
    }

    /// Keeps `value` under `key`, whole or not at all.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep<T: Serialize>(&self, key: &Key, value: &T) -> Result<(), TrainError> {
        let Some(path) = self.path(key) else { return Ok(()) };
        let content = serialised(value);
        let checksum = Sha256::digest(&content);
        write::atomically(&path, |file| {
            [MAGIC, checksum.as_slice(), &content]
                .into_iter()
                .try_for_each(|part| std::io::Write::write_all(file, part))
        })?;
        Ok(())
    }

    fn path(&self, key: &Key) -> Option<PathBuf> {
        let name: String = key.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.folder.as_ref().map(|folder| folder.join(name + ".fit"))
    }

    fn hasher(&self, what: &str) -> Sha256 {
        let mut hasher = Sha256::new();
        hasher.update(MAGIC);
        hasher.update(env!("CARGO_PKG_VERSION"));
        hasher.update(what);
        hasher.update(self.data);
        hasher
    }
}

/// Fits and their margins are plain data, which always has a serialised form.
fn serialised<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).unwrap_or_default()
}

fn hash_rows(hasher: &mut Sha256, rows: &[usize]) {
    hasher.update((rows.len() as u64).to_le_bytes());
    rows.iter().for_each(|&row| hasher.update((row as u64).to_le_bytes()));
}

fn hash_of_rows(data: &LearningRows) -> Key {
    let mut hasher = Sha256::new();
    hasher.update(serialised(&data.table.specs()));
    for column in data.table.columns() {
        match column {
            Column::Number(values) => {
                values.iter().for_each(|value| hasher.update(value.to_bits().to_le_bytes()))
            }
            Column::Text(values) => {
                for value in values {
                    let text = value.as_deref();
                    hasher.update(text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
                    hasher.update(text.unwrap_or_default());
                }
            }
        }
    }
    for values in [&data.labels, &data.weights] {
        values.iter().for_each(|value| hasher.update(value.to_bits().to_le_bytes()));
    }
    data.groups.iter().for_each(|group| hasher.update(group.to_le_bytes()));
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use holdfast_features::{FeatureSpec, FeatureTable, Kind};
    use holdfast_models::{Checkpoint, logistic};

    use super::*;

    fn data() -> LearningRows {
        let columns = vec![
            Column::Number(vec![1.0, f64::NAN, 3.0]),
            Column::Text(vec![Some("a".into()), None, Some("".into())]),
        ];
        let specs =
            vec![FeatureSpec::prepared("x", Kind::Number), FeatureSpec::prepared("y", Kind::Category)];
        LearningRows {
            table: FeatureTable::new(specs, columns, 3).unwrap(),
            labels: vec![0.0, 1.0, 0.0],
            weights: vec![1.0; 3],
            groups: vec![0, 1, 2],
            blocks: vec![0; 3],
        }
    }

    fn candidate() -> Candidate {
        Candidate::Logistic(logistic::Params::default().check().unwrap())
    }

    #[test]
    fn what_is_kept_comes_back_bit_for_bit_and_damage_is_as_good_as_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let fits = Finished::at(Some(&folder.path().join("new"))).unwrap().on(&data());
        let split = Split { train: vec![0, 1], validate: vec![2] };
        let key = fits.key(&candidate(), &split, 7);
        assert_eq!(fits.read::<Vec<Checkpoint>>(&key), None);
        let kept = vec![Checkpoint { rounds: Some(3), margins: vec![-0.1, f64::MIN_POSITIVE, 1e300] }];
        fits.keep(&key, &kept).unwrap();
        assert_eq!(fits.read::<Vec<Checkpoint>>(&key), Some(kept));
        let path = fits.path(&key).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        write::atomically(&path, |file| std::io::Write::write_all(file, &bytes)).unwrap();
        assert_eq!(fits.read::<Vec<Checkpoint>>(&key), None);
        write::atomically(&path, |file| std::io::Write::write_all(file, b"holdfast")).unwrap();
        assert_eq!(fits.read::<Vec<Checkpoint>>(&key), None);
    }

    #[test]
    fn whatever_a_fit_depends_on_gives_it_another_name() {
        let fits = |data: &LearningRows| Finished::default().on(data);
        let split = Split { train: vec![0, 1], validate: vec![2] };
        let first = fits(&data()).key(&candidate(), &split, 7);
        assert_eq!(fits(&data()).key(&candidate(), &split, 7), first);
        let mut others = vec![fits(&data()).key(&candidate(), &split, 8)];
        others.push(fits(&data()).key(&candidate(), &Split { train: vec![0], validate: vec![1, 2] }, 7));
        let strong = logistic::Params { strength: 11.0, ..logistic::Params::default() };
        others.push(fits(&data()).key(&Candidate::Logistic(strong.check().unwrap()), &split, 7));
        let mut changed = data();
        changed.labels[2] = 1.0;
        others.push(fits(&changed).key(&candidate(), &split, 7));
        let mut changed = data();
        changed.groups[2] = 1;
        others.push(fits(&changed).key(&candidate(), &split, 7));
        let text = Column::Text(vec![Some("a".into()), Some("".into()), Some("".into())]);
        let columns = vec![data().table.columns()[0].clone(), text];
        let table = FeatureTable::new(data().table.specs().to_vec(), columns, 3).unwrap();
        others.push(fits(&LearningRows { table, ..data() }).key(&candidate(), &split, 7));
        assert!(others.iter().all(|other| *other != first));
    }
}
