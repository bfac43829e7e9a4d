//! A feature file: what [`crate::write::feature_file`] wrote, and nothing else.

use std::fs::File;
use std::path::Path;

use arrow::array::Array;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::matrix::{Column, FeatureTable, RowKey};
use crate::spec::{FeatureSpec, Kind};
use crate::write::{FORMAT, FORMAT_KEY, SPECS_KEY};

use super::convert::{Interner, time};
use super::error::ReadError;
use super::source::Cells;
use super::whole_file::WholeFile;

/// Reads what [`crate::write::feature_file`] wrote to a `.parquet` file: the same keys, specs and values, bit
/// for bit.
///
/// # Errors
/// [`ReadError::FeatureFile`] where the file is no feature file of this version, or its columns are not
/// exactly those of its specs.
pub fn feature_file(path: &Path) -> Result<(Vec<RowKey>, FeatureTable), ReadError> {
    let refuse = |message: String| ReadError::FeatureFile { path: path.to_owned(), message };
    let specs = specs_of(path)?;
    let file = WholeFile::read_or_empty(path)?;
    let names: Vec<&str> = file.columns.iter().map(String::as_str).collect();
    let declared: Vec<&str> =
        ["account_id", "as_of"].into_iter().chain(specs.iter().map(|spec| spec.name.as_str())).collect();
    if names != declared {
        let found = names.join(", ");
        return Err(refuse(format!("its columns ({found}) are not those that its specs declare")));
    }
    let mut interner = Interner::default();
    let mut keys = Vec::with_capacity(file.n_rows);
    for ((ids, row), (times, _)) in file.cells(0).zip(file.cells(1)) {
        let (Some(id), Ok(Some(as_of))) = (ids.text(row), time(times, row)) else {
            return Err(refuse("a row has no account_id or no as_of".to_owned()));
        };
        keys.push(RowKey { account_id: interner.text(&id), as_of });
    }
    let mut columns = Vec::with_capacity(specs.len());
    for (index, spec) in specs.iter().enumerate() {
        let column = exact(&file, index + 2, spec.kind)
            .ok_or_else(|| refuse(format!("column `{}` is not of the declared type", spec.name)))?;
        columns.push(column);
    }
    let table = FeatureTable::new(specs, columns, file.n_rows).map_err(|error| refuse(error.to_string()))?;
    Ok((keys, table))
}

pub(super) fn specs_of(path: &Path) -> Result<Vec<FeatureSpec>, ReadError> {
    let refuse =
        |message: &str| ReadError::FeatureFile { path: path.to_owned(), message: message.to_owned() };
    if path.extension().is_none_or(|ending| ending != "parquet") {
        return Err(refuse("a feature file to be read must be a .parquet file"));
    }
    let file = File::open(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(|error| ReadError::Parquet { path: path.to_owned(), message: error.to_string() })?;
    let metadata = reader.metadata().file_metadata().key_value_metadata();
    let value = |key: &str| {
        let pair = metadata?.iter().find(|pair| pair.key == key)?;
        pair.value.clone()
    };
    match value(FORMAT_KEY) {
        None => return Err(refuse("it is no feature file: it declares no features")),
        Some(format) if format != FORMAT => {
            return Err(refuse(&format!("it is of format {format}, this program reads format {FORMAT}")));
        }
        Some(_) => {}
    }
    let specs = value(SPECS_KEY).ok_or_else(|| refuse("it declares no features"))?;
    serde_json::from_str(&specs)
        .map_err(|error| refuse(&format!("its feature specs are unreadable: {error}")))
}

/// A column just as it was written; `None` where its type is not the one of `kind`.
fn exact(file: &WholeFile, position: usize, kind: Kind) -> Option<Column> {
    let mut interner = Interner::default();
    match kind {
        Kind::Number => file
            .cells(position)
            .map(|(cells, row)| match cells {
                Cells::Number(array) => Some(if array.is_valid(row) { array.value(row) } else { f64::NAN }),
                _ => None,
            })
            .collect::<Option<_>>()
            .map(Column::Number),
        Kind::Boolean => file
            .cells(position)
            .map(|(cells, row)| match cells {
                Cells::Boolean(array) if array.is_valid(row) => Some(f64::from(u8::from(array.value(row)))),
                Cells::Boolean(_) => Some(f64::NAN),
                _ => None,
            })
            .collect::<Option<_>>()
            .map(Column::Number),
        Kind::Category => file
            .cells(position)
            .map(|(cells, row)| match cells {
                Cells::Text(array) => Some(array.is_valid(row).then(|| interner.text(array.value(row)))),
                _ => None,
            })
            .collect::<Option<_>>()
            .map(Column::Text),
    }
}
