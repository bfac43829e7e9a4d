//! The accounts that requests may name: the feature snapshot, aligned with the model in service.
//!
//! An account may have rows of several days. The latest answers; the others say how it stood.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use holdfast_features::history::Text;
use holdfast_features::matrix::TableError;
use holdfast_features::{FeatureTable, RowKey, Timestamp};
use holdfast_models::ChurnModel;

use crate::error::LoadError;

/// A feature snapshot whose first columns are those of the model, in the model's order.
#[derive(Debug)]
pub struct Snapshot {
    path: PathBuf,
    keys: Vec<RowKey>,
    table: FeatureTable,
    row_of: HashMap<Text, usize>,
    latest: Timestamp,
}

impl Snapshot {
    /// Reads the file at `path` and aligns it with `model`. Columns that the model does not know stay
    /// behind its own, for decisions.
    ///
    /// # Errors
    /// [`LoadError::Features`] where the file cannot be read, [`LoadError::SnapshotColumns`] where it
    /// lacks a feature of the model or holds it in another type, [`LoadError::SnapshotEmpty`] and
    /// [`LoadError::SnapshotDuplicate`] for what they say.
    pub fn read(path: &Path, model: &ChurnModel) -> Result<Self, LoadError> {
        let (keys, table) = holdfast_features::read::feature_file(path)
            .map_err(|source| LoadError::Features { source: Box::new(source) })?;
        let table = model
            .align(&table)
            .and_then(|aligned| with_the_rest(&aligned, &table))
            .map_err(|reason| LoadError::SnapshotColumns { path: path.to_owned(), reason })?;
        Self::new(path, keys, table)
    }

    fn new(path: &Path, keys: Vec<RowKey>, table: FeatureTable) -> Result<Self, LoadError> {
        let Some(latest) = keys.iter().map(|key| key.as_of).max() else {
            return Err(LoadError::SnapshotEmpty { path: path.to_owned() });
        };
        let mut row_of: HashMap<Text, usize> = HashMap::with_capacity(keys.len());
        for (row, key) in keys.iter().enumerate() {
            let known = row_of.entry(key.account_id.clone()).or_insert(row);
            if *known == row {
                continue;
            }
            if keys[*known].as_of == key.as_of {
                return Err(LoadError::SnapshotDuplicate {
                    path: path.to_owned(),
                    account_id: key.account_id.to_string(),
                    as_of: key.as_of,
                });
            }
            if keys[*known].as_of < key.as_of {
                *known = row;
            }
        }
        Ok(Self { path: path.to_owned(), keys, table, row_of, latest })
    }

    /// The file it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The row of an account, the latest of several.
    #[must_use]
    pub fn row_of(&self, account_id: &str) -> Option<usize> {
        self.row_of.get(account_id).copied()
    }

    /// The account and time of every row.
    #[must_use]
    pub fn keys(&self) -> &[RowKey] {
        &self.keys
    }

    /// The account and time of the row.
    #[must_use]
    pub fn key(&self, row: usize) -> &RowKey {
        &self.keys[row]
    }

    /// One row for each key.
    #[must_use]
    pub fn table(&self) -> &FeatureTable {
        &self.table
    }

    /// The number of different accounts.
    #[must_use]
    pub fn n_accounts(&self) -> usize {
        self.row_of.len()
    }

    /// The latest time of all rows.
    #[must_use]
    pub fn latest(&self) -> Timestamp {
        self.latest
    }
}

/// `aligned`, then the columns of `table` that it lacks.
fn with_the_rest(aligned: &FeatureTable, table: &FeatureTable) -> Result<FeatureTable, TableError> {
    let rest =
        table.specs().iter().zip(table.columns()).filter(|(spec, _)| aligned.index_of(&spec.name).is_none());
    let own = aligned.specs().iter().zip(aligned.columns());
    let (specs, columns) = own.chain(rest).map(|(spec, column)| (spec.clone(), column.clone())).unzip();
    FeatureTable::new(specs, columns, table.n_rows())
}

#[cfg(test)]
mod tests {
    use holdfast_features::{Column, FeatureSpec, Kind};

    use super::*;

    fn key(account_id: &str, day: i64) -> RowKey {
        RowKey { account_id: account_id.into(), as_of: Timestamp(0).plus_days(day) }
    }

    fn table(names: &[&str], n_rows: usize) -> FeatureTable {
        let specs = names.iter().map(|name| FeatureSpec::prepared(name, Kind::Number)).collect();
        FeatureTable::new(specs, vec![Column::Number(vec![0.0; n_rows]); names.len()], n_rows).unwrap()
    }

    fn snapshot(keys: Vec<RowKey>) -> Result<Snapshot, LoadError> {
        let table = table(&["seats"], keys.len());
        Snapshot::new(Path::new("features.parquet"), keys, table)
    }

    #[test]
    fn the_latest_row_of_an_account_answers() {
        let snapshot = snapshot(vec![key("a", 3), key("b", 1), key("a", 9), key("a", 5)]).unwrap();
        assert_eq!(snapshot.row_of("a"), Some(2));
        assert_eq!(snapshot.row_of("b"), Some(1));
        assert_eq!(snapshot.row_of("c"), None);
        assert_eq!(snapshot.n_accounts(), 2);
        assert_eq!(snapshot.latest(), Timestamp(0).plus_days(9));
    }

    #[test]
    fn refuses_what_it_cannot_serve() {
        assert!(matches!(snapshot(vec![]), Err(LoadError::SnapshotEmpty { .. })));
        let twice = snapshot(vec![key("a", 3), key("a", 3)]);
        assert!(matches!(twice, Err(LoadError::SnapshotDuplicate { .. })));
    }

    #[test]
    fn the_models_columns_come_first() {
        let all = with_the_rest(&table(&["b", "c"], 2), &table(&["a", "b", "c", "d"], 2)).unwrap();
        let names: Vec<_> = all.specs().iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names, ["b", "c", "a", "d"]);
    }
}
