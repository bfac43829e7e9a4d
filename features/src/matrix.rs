//! Feature values: typed columns under their specs, and one row of them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::history::Text;
use crate::spec::{FeatureSpec, Kind};
use crate::time::Timestamp;

/// Whom a row of a feature table derived from a history is about, and when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The account.
    pub account_id: Text,
    /// The observation time: only facts before it are in the row.
    pub as_of: Timestamp,
}

/// The values of one feature, a value a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers and booleans (0 or 1); missing is NaN, infinities never occur.
    Number(Vec<f64>),
    /// Categories; missing is `None`.
    Text(Vec<Option<Arc<str>>>),
}

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// NaN is missing.
    Number(f64),
    /// `None` is missing.
    Text(Option<&'a str>),
}

/// Columns of equal length under unique names, each of the type its spec declares.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureTable {
    specs: Vec<FeatureSpec>,
    columns: Vec<Column>,
    n_rows: usize,
    by_name: HashMap<String, usize>,
}

/// A borrowed row of a [`FeatureTable`].
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    table: &'a FeatureTable,
    index: usize,
}

/// Why columns do not make a feature table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// As many specs as columns are needed.
    #[error("{specs} feature specs for {columns} columns")]
    Count {
        /// Number of specs.
        specs: usize,
        /// Number of columns.
        columns: usize,
    },
    /// A column is longer or shorter than the table.
    #[error("feature `{name}` has {found} rows, the table {expected}")]
    Length {
        /// The column.
        name: String,
        /// Its length.
        found: usize,
        /// The table's length.
        expected: usize,
    },
    /// The spec says text where the column holds numbers, or the reverse.
    #[error("feature `{name}` is declared as {kind:?}, but its column holds another type")]
    Type {
        /// The column.
        name: String,
        /// What the spec declares.
        kind: Kind,
    },
    /// Two columns with one name.
    #[error("feature `{0}` occurs twice")]
    Duplicate(String),
    /// A value that is infinite.
    #[error("feature `{name}`, row {row}: {value} is not finite")]
    NotFinite {
        /// The column.
        name: String,
        /// 0-based row.
        row: usize,
        /// `inf` or `-inf`.
        value: String,
    },
    /// A feature that is asked for is not in the table.
    #[error("features are missing: {}", .0.join(", "))]
    Missing(Vec<String>),
}

impl Column {
    /// The number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// The value in `row`, which must be below [`Self::n_rows`].
    #[must_use]
    pub fn value(&self, row: usize) -> Value<'_> {
        match self {
            Self::Number(values) => Value::Number(values[row]),
            Self::Text(values) => Value::Text(values[row].as_deref()),
        }
    }

    fn take(&self, rows: &[usize]) -> Self {
        match self {
            Self::Number(values) => Self::Number(rows.iter().map(|&row| values[row]).collect()),
            Self::Text(values) => Self::Text(rows.iter().map(|&row| values[row].clone()).collect()),
        }
    }
}

impl FeatureTable {
    /// A table of `columns` under `specs`, in the same order.
    ///
    /// # Errors
    /// Refuses unequal counts or lengths, duplicate names, a column of another type than its spec
    /// declares, and infinite values.
    pub fn new(specs: Vec<FeatureSpec>, columns: Vec<Column>, n_rows: usize) -> Result<Self, TableError> {
        if specs.len() != columns.len() {
            return Err(TableError::Count { specs: specs.len(), columns: columns.len() });
        }
        let mut by_name = HashMap::with_capacity(specs.len());
        for (index, (spec, column)) in specs.iter().zip(&columns).enumerate() {
            let name = spec.name.clone();
            if column.n_rows() != n_rows {
                return Err(TableError::Length { name, found: column.n_rows(), expected: n_rows });
            }
            match (spec.kind, column) {
                (Kind::Number | Kind::Boolean, Column::Number(values)) => {
                    if let Some(row) = values.iter().position(|value| value.is_infinite()) {
                        return Err(TableError::NotFinite { name, row, value: values[row].to_string() });
                    }
                }
                (Kind::Category, Column::Text(_)) => {}
                (kind, _) => return Err(TableError::Type { name, kind }),
            }
            if by_name.insert(name, index).is_some() {
                return Err(TableError::Duplicate(spec.name.clone()));
            }
        }
        Ok(Self { specs, columns, n_rows, by_name })
    }

    /// The declared features, in column order.
    #[must_use]
    pub fn specs(&self) -> &[FeatureSpec] {
        &self.specs
    }

    /// The columns, in the order of [`Self::specs`].
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The position of the feature `name`.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The column called `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.index_of(name).map(|index| &self.columns[index])
    }

    /// The row at `index`, which must be below [`Self::n_rows`].
    #[must_use]
    pub fn row(&self, index: usize) -> Row<'_> {
        assert!(index < self.n_rows, "row {index} of a table with {} rows", self.n_rows);
        Row { table: self, index }
    }

    /// The given rows, in the given order.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        Self {
            specs: self.specs.clone(),
            columns: self.columns.iter().map(|column| column.take(rows)).collect(),
            n_rows: rows.len(),
            by_name: self.by_name.clone(),
        }
    }

    /// The columns of `specs`, in that order, with the types that they declare; further columns are left out.
    ///
    /// # Errors
    /// [`TableError::Missing`] with every absent name; [`TableError::Type`] where the types differ.
    pub fn select(&self, specs: &[FeatureSpec]) -> Result<Self, TableError> {
        let missing: Vec<String> = specs
            .iter()
            .filter(|spec| self.index_of(&spec.name).is_none())
            .map(|spec| spec.name.clone())
            .collect();
        if !missing.is_empty() {
            return Err(TableError::Missing(missing));
        }
        let columns = specs.iter().filter_map(|spec| self.column(&spec.name).cloned()).collect();
        Self::new(specs.to_vec(), columns, self.n_rows)
    }
}

impl<'a> Row<'a> {
    /// The table this row belongs to.
    #[must_use]
    pub fn table(self) -> &'a FeatureTable {
        self.table
    }

    /// The value of the feature at position `index` of the table's specs.
    #[must_use]
    pub fn value(self, index: usize) -> Value<'a> {
        self.table.columns[index].value(self.index)
    }

    /// The number called `name`; `None` where the feature is absent, missing or text.
    #[must_use]
    pub fn number(self, name: &str) -> Option<f64> {
        match self.table.column(name)?.value(self.index) {
            Value::Number(value) if !value.is_nan() => Some(value),
            _ => None,
        }
    }

    /// The text called `name`; `None` where the feature is absent, missing or a number.
    #[must_use]
    pub fn text(self, name: &str) -> Option<&'a str> {
        match self.table.column(name)?.value(self.index) {
            Value::Text(text) => text,
            Value::Number(_) => None,
        }
    }

    /// Whether the boolean `name` is known and true.
    #[must_use]
    pub fn is_true(self, name: &str) -> bool {
        self.number(name) == Some(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, kind: Kind) -> FeatureSpec {
        FeatureSpec::prepared(name, kind)
    }

    fn table() -> FeatureTable {
        FeatureTable::new(
            vec![spec("seats", Kind::Number), spec("plan", Kind::Category)],
            vec![Column::Number(vec![1.0, f64::NAN]), Column::Text(vec![Some("pro".into()), None])],
            2,
        )
        .unwrap()
    }

    #[test]
    fn a_row_answers_by_name() {
        let table = table();
        assert_eq!(table.row(0).number("seats"), Some(1.0));
        assert_eq!(table.row(0).text("plan"), Some("pro"));
        assert_eq!(table.row(1).number("seats"), None);
        assert_eq!(table.row(1).text("plan"), None);
        assert_eq!(table.row(1).number("absent"), None);
    }

    #[test]
    fn select_reorders_and_names_all_that_is_missing() {
        let table = table();
        let swapped = table.select(&[spec("plan", Kind::Category), spec("seats", Kind::Number)]).unwrap();
        assert_eq!(swapped.specs()[0].name, "plan");
        let error = table.select(&[spec("a", Kind::Number), spec("b", Kind::Number)]).unwrap_err();
        assert_eq!(error, TableError::Missing(vec!["a".into(), "b".into()]));
        let error = table.select(&[spec("plan", Kind::Number)]).unwrap_err();
        assert_eq!(error, TableError::Type { name: "plan".into(), kind: Kind::Number });
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let number = |values: Vec<f64>| vec![Column::Number(values)];
        let one = || vec![spec("x", Kind::Number)];
        assert!(matches!(FeatureTable::new(one(), vec![], 0), Err(TableError::Count { .. })));
        assert!(matches!(FeatureTable::new(one(), number(vec![1.0]), 2), Err(TableError::Length { .. })));
        assert!(matches!(
            FeatureTable::new(one(), number(vec![f64::INFINITY]), 1),
            Err(TableError::NotFinite { .. })
        ));
        let twice = vec![spec("x", Kind::Number), spec("x", Kind::Number)];
        let columns = vec![Column::Number(vec![]), Column::Number(vec![])];
        assert_eq!(FeatureTable::new(twice, columns, 0), Err(TableError::Duplicate("x".into())));
    }
}
