//! A feature file read row by row: whose rows they are at once, their values when they are asked for.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, TimestampMicrosecondType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowSelection, RowSelector,
};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy};
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedRowGroupWriter;

use super::error::ReadError;
use super::feature_file::specs_of;
use super::shared::SharedFile;
use super::source::sha256;
use crate::history::Text;
use crate::matrix::{Column, RowKey};
use crate::spec::{FeatureSpec, Kind};
use crate::time::Timestamp;

/// A feature file that is open; memory holds its keys.
#[derive(Debug)]
pub struct FeatureRows {
    path: PathBuf,
    /// Kept open: the path may name another file before long.
    file: SharedFile,
    metadata: ArrowReaderMetadata,
    specs: Vec<FeatureSpec>,
    keys: Vec<RowKey>,
}

/// Rows decoded at once.
const BATCH_ROWS: usize = 4_096;

impl FeatureRows {
    /// Opens the feature file at `path`, which must be a `.parquet` file.
    ///
    /// # Errors
    /// As [`super::feature_file`].
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let specs = specs_of(path)?;
        let file = File::open(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        let broken =
            |error: ParquetError| ReadError::Parquet { path: path.to_owned(), message: error.to_string() };
        // All that is told of pages, so that row groups can be copied with it.
        let options = ArrowReaderOptions::new()
            .with_page_index_policy(PageIndexPolicy::Optional)
            .with_encoding_stats_as_mask(false);
        let file = SharedFile::new(file).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(broken)?;
        let refuse =
            |message: &str| ReadError::FeatureFile { path: path.to_owned(), message: message.to_owned() };
        let names = metadata.schema().fields().iter().map(|field| field.name().as_str());
        let declared = ["account_id", "as_of"].into_iter().chain(specs.iter().map(|spec| spec.name.as_str()));
        if !names.eq(declared) {
            return Err(refuse("its columns are not those that its specs declare"));
        }
        let mut rows = Self { path: path.to_owned(), file, metadata, specs, keys: Vec::new() };
        rows.keys = rows.read_keys()?;
        Ok(rows)
    }

    /// Whose rows they are, in the order of the file.
    #[must_use]
    pub fn keys(&self) -> &[RowKey] {
        &self.keys
    }

    /// The features, in the order of the columns.
    #[must_use]
    pub fn specs(&self) -> &[FeatureSpec] {
        &self.specs
    }

    /// SHA-256 of the file, hexadecimal.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn sha256(&self) -> Result<String, ReadError> {
        sha256(&self.path)
    }

    /// The columns of `specs`, all of which the file must have, for `rows`, which must ascend.
    ///
    /// # Errors
    /// A file that cannot be decoded, lacks a feature, or holds other types than its specs declare.
    pub fn columns(&self, specs: &[FeatureSpec], rows: &[usize]) -> Result<Vec<Column>, ReadError> {
        let refuse = |spec: &FeatureSpec, what: &str| ReadError::FeatureFile {
            path: self.path.clone(),
            message: format!("column `{}` is {what}", spec.name),
        };
        let mut columns: Vec<Column> = specs
            .iter()
            .map(|spec| match spec.kind {
                Kind::Category => Column::Text(Vec::with_capacity(rows.len())),
                Kind::Number | Kind::Boolean => Column::Number(Vec::with_capacity(rows.len())),
            })
            .collect();
        if rows.is_empty() {
            return Ok(columns);
        }
        let mut wanted = Vec::with_capacity(specs.len());
        for spec in specs {
            let at = self.specs.iter().position(|own| own == spec);
            wanted.push(at.ok_or_else(|| refuse(spec, "not there"))? + 2);
        }
        // Columns come in the order of the file.
        let mut in_file = wanted.clone();
        in_file.sort_unstable();
        for batch in self.reader(&in_file, Some(rows))? {
            let batch = batch.map_err(|error| self.broken(&error.to_string()))?;
            for ((column, spec), at) in columns.iter_mut().zip(specs).zip(&wanted) {
                let array = batch.column(in_file.partition_point(|other| other < at));
                append(column, array, spec.kind).ok_or_else(|| refuse(spec, "not of the declared type"))?;
            }
        }
        Ok(columns)
    }

    /// The row group that holds exactly these rows.
    pub(crate) fn group_of(&self, rows: &Range<usize>) -> Option<usize> {
        let mut start = 0;
        for (group, of) in self.metadata.metadata().row_groups().iter().enumerate() {
            let end = start + usize::try_from(of.num_rows()).ok()?;
            if start >= rows.start {
                return ((start..end) == *rows).then_some(group);
            }
            start = end;
        }
        None
    }

    /// Appends a row group as it stands to a file of the same columns.
    pub(crate) fn copy_group<W: Write + Send>(
        &self,
        group: usize,
        to: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        let metadata = self.metadata.metadata();
        let of = metadata.row_group(group);
        let columns = metadata.column_index().and_then(|all| all.get(group));
        let offsets = metadata.offset_index().and_then(|all| all.get(group));
        for (at, column) in of.columns().iter().enumerate() {
            let closed = ColumnCloseResult {
                bytes_written: u64::try_from(column.compressed_size()).unwrap_or(0),
                rows_written: u64::try_from(of.num_rows()).unwrap_or(0),
                metadata: as_written(column)?,
                bloom_filter: None,
                column_index: columns.and_then(|all| all.get(at)).cloned(),
                offset_index: offsets.and_then(|all| all.get(at)).cloned(),
            };
            to.append_column(&self.file, closed)?;
        }
        Ok(())
    }

    fn read_keys(&self) -> Result<Vec<RowKey>, ReadError> {
        let refuse = || ReadError::FeatureFile {
            path: self.path.clone(),
            message: "a row has no account_id or no as_of".to_owned(),
        };
        let mut keys: Vec<RowKey> = Vec::new();
        for batch in self.reader(&[0, 1], None)? {
            let batch = batch.map_err(|error| self.broken(&error.to_string()))?;
            let ids = batch.column(0).as_string_opt::<i32>().ok_or_else(refuse)?;
            let times = batch.column(1).as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(refuse)?;
            for row in 0..batch.num_rows() {
                if ids.is_null(row) || times.is_null(row) {
                    return Err(refuse());
                }
                let last = keys.last().map(|key| &key.account_id).filter(|id| ***id == *ids.value(row));
                let account_id = last.cloned().unwrap_or_else(|| Text::from(ids.value(row)));
                keys.push(RowKey { account_id, as_of: Timestamp(times.value(row)) });
            }
        }
        Ok(keys)
    }

    /// Reads `columns` of all rows, or of `rows`, which must ascend, out of the row groups that hold any.
    fn reader(
        &self,
        columns: &[usize],
        rows: Option<&[usize]>,
    ) -> Result<ParquetRecordBatchReader, ReadError> {
        let file = self.file.clone();
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), columns.iter().copied());
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS);
        if let Some(rows) = rows {
            let lengths = self.metadata.metadata().row_groups().iter().map(|group| group.num_rows());
            let (groups, selection) = selection(lengths, rows);
            builder = builder.with_row_groups(groups).with_row_selection(selection);
        }
        builder.build().map_err(|error| self.broken(&error.to_string()))
    }

    fn broken(&self, message: &str) -> ReadError {
        ReadError::Parquet { path: self.path.clone(), message: message.to_owned() }
    }
}

/// What tells of a column as it stands in the file: reading forgets that the least and largest of signed values are told
/// twice, for older readers too.
fn as_written(column: &ColumnChunkMetaData) -> Result<ColumnChunkMetaData, ParquetError> {
    let is_signed = column.column_descr().sort_order().is_signed();
    let statistics = column.statistics().cloned().map(|statistics| match statistics {
        Statistics::Double(of) => Statistics::Double(of.with_backwards_compatible_min_max(is_signed)),
        Statistics::Int64(of) => Statistics::Int64(of.with_backwards_compatible_min_max(is_signed)),
        Statistics::Boolean(of) => Statistics::Boolean(of.with_backwards_compatible_min_max(is_signed)),
        other => other,
    });
    let builder = column.clone().into_builder();
    match statistics {
        Some(statistics) => builder.set_statistics(statistics).build(),
        None => builder.build(),
    }
}

/// The row groups that hold any of `rows`, and which of their rows these are.
fn selection(lengths: impl Iterator<Item = i64>, mut rows: &[usize]) -> (Vec<usize>, RowSelection) {
    let (mut groups, mut selectors) = (Vec::new(), Vec::new());
    let mut start = 0;
    for (group, length) in lengths.enumerate() {
        let end = start + usize::try_from(length).unwrap_or(0);
        let (own, later) = rows.split_at(rows.partition_point(|row| *row < end));
        rows = later;
        if !own.is_empty() {
            groups.push(group);
            let mut next = start;
            for run in own.chunk_by(|a, b| a + 1 == *b) {
                selectors.push(RowSelector::skip(run[0] - next));
                selectors.push(RowSelector::select(run.len()));
                next = run[0] + run.len();
            }
            selectors.push(RowSelector::skip(end - next));
        }
        start = end;
    }
    (groups, RowSelection::from(selectors))
}

/// Appends the values of `array`; `None` where they are of another type.
fn append(column: &mut Column, array: &ArrayRef, kind: Kind) -> Option<()> {
    match (column, kind, array.data_type()) {
        (Column::Number(values), Kind::Number, DataType::Float64) => {
            let array = array.as_primitive::<Float64Type>();
            values.extend(array.iter().map(|value| value.unwrap_or(f64::NAN)));
        }
        (Column::Number(values), Kind::Boolean, DataType::Boolean) => {
            let number = |value: Option<bool>| value.map_or(f64::NAN, |value| f64::from(u8::from(value)));
            values.extend(array.as_boolean().iter().map(number));
        }
        (Column::Text(values), Kind::Category, DataType::Utf8) => {
            let mut last: Option<Text> = None;
            for text in array.as_string::<i32>() {
                let known = last.clone().filter(|last| Some(&**last) == text);
                let text: Option<Text> = text.map(|text| known.unwrap_or_else(|| Arc::from(text)));
                last = text.clone().or(last);
                values.push(text);
            }
        }
        _ => return None,
    }
    Some(())
}
