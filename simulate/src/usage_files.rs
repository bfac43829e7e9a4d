//! `usage_events` on disk: one file, or a folder with one file a month.
//!
//! Usage is nearly all of a large history. Its columns are encoded in parallel, each on its own: the bytes
//! do not depend on how many do so.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Datelike};
use holdfast_features::Timestamp;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;

use crate::facts::{self, USAGE_EVENTS, UsageColumn, UsageRow};
use crate::write::{ROW_GROUP, SimulateError, create_file, file_name, io_error, properties, sync};

/// In how many files usage is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UsageFiles {
    /// `usage_events.parquet`.
    #[default]
    One,
    /// `usage_events/2022-01.parquet`, …: one file for each month in which events were received, as exports and
    /// incremental loads come.
    Monthly,
}

/// Year and month of receipt; `None` where all months share a file.
type Month = Option<(i32, u32)>;

/// The open files of the table.
pub(crate) struct UsageTable {
    files: BTreeMap<Month, UsageFile>,
    kind: UsageFiles,
    dir: PathBuf,
    schema: SchemaRef,
    properties: WriterProperties,
}

struct UsageFile {
    path: PathBuf,
    writer: SerializedFileWriter<File>,
    factory: ArrowRowGroupWriterFactory,
    /// The row group at hand; `None` before its first row.
    columns: Option<Vec<ArrowColumnWriter>>,
    n_in_group: usize,
    n_rows: usize,
}

impl UsageTable {
    /// A table in `dir` that holds nothing yet; `first` is in the first month that has a file in any case.
    pub(crate) fn create(
        kind: UsageFiles,
        dir: &Path,
        mark: &str,
        first: Timestamp,
    ) -> Result<Self, SimulateError> {
        let no_rows =
            facts::no_rows().map_err(|source| SimulateError::Arrow { table: USAGE_EVENTS, source })?;
        // Times hardly ever repeat: a dictionary of them is only large and slow.
        let times = [UsageColumn::OccurredAt, UsageColumn::ReceivedAt];
        let properties = times.into_iter().fold(properties(mark), |properties, column| {
            properties.set_column_dictionary_enabled(ColumnPath::from(column.name()), false)
        });
        let dir = match kind {
            UsageFiles::One => dir.to_owned(),
            UsageFiles::Monthly => {
                let folder = dir.join(USAGE_EVENTS);
                fs::create_dir(&folder).map_err(|source| io_error(&folder, source))?;
                folder
            }
        };
        let mut table = Self {
            files: BTreeMap::new(),
            kind,
            dir,
            schema: no_rows.schema(),
            properties: properties.build(),
        };
        table.open(table.month(first))?;
        Ok(table)
    }

    /// Adds the rows of some accounts, in the order given.
    pub(crate) fn append(&mut self, accounts: Vec<Vec<UsageRow>>) -> Result<(), SimulateError> {
        let mut rows_of: BTreeMap<Month, Vec<UsageRow>> = BTreeMap::new();
        for row in accounts.into_iter().flatten() {
            rows_of.entry(self.month(row.received_at)).or_default().push(row);
        }
        for &month in rows_of.keys() {
            if !self.files.contains_key(&month) {
                self.open(month)?;
            }
        }
        self.files.par_iter_mut().try_for_each(|(month, file)| match rows_of.get(month) {
            Some(rows) => file
                .append(rows, &self.schema)
                .map_err(|source| SimulateError::Parquet { path: file.path.clone(), source }),
            None => Ok(()),
        })
    }

    /// Ends all files and makes them durable: the number of rows.
    pub(crate) fn close(self) -> Result<usize, SimulateError> {
        let n_rows = self.files.values().map(|file| file.n_rows).sum();
        self.files.into_par_iter().try_for_each(|(_, file)| file.close())?;
        if self.kind == UsageFiles::Monthly {
            sync(&self.dir)?;
        }
        Ok(n_rows)
    }

    fn month(&self, at: Timestamp) -> Month {
        match self.kind {
            UsageFiles::One => None,
            // A simulated history lies in the years 1 to 9999.
            UsageFiles::Monthly => {
                let date = DateTime::from_timestamp_micros(at.0).unwrap_or_default();
                Some((date.year(), date.month()))
            }
        }
    }

    fn open(&mut self, month: Month) -> Result<(), SimulateError> {
        let name = match month {
            None => file_name(USAGE_EVENTS),
            Some((year, month)) => file_name(&format!("{year:04}-{month:02}")),
        };
        let path = self.dir.join(name);
        let writer = ArrowWriter::try_new(
            create_file(&path)?,
            Arc::clone(&self.schema),
            Some(self.properties.clone()),
        )
        .and_then(ArrowWriter::into_serialized_writer);
        let (writer, factory) = match writer {
            Ok(both) => both,
            Err(source) => return Err(SimulateError::Parquet { path, source }),
        };
        let file = UsageFile { path, writer, factory, columns: None, n_in_group: 0, n_rows: 0 };
        self.files.insert(month, file);
        Ok(())
    }
}

impl UsageFile {
    fn append(&mut self, mut rows: &[UsageRow], schema: &SchemaRef) -> Result<(), ParquetError> {
        while !rows.is_empty() {
            let (now, later) = rows.split_at(rows.len().min(ROW_GROUP - self.n_in_group));
            let columns = match &mut self.columns {
                Some(columns) => columns,
                none => {
                    let n_groups = self.writer.flushed_row_groups().len();
                    none.insert(self.factory.create_column_writers(n_groups)?)
                }
            };
            let fields = schema.fields().par_iter().zip(UsageColumn::ALL);
            columns.par_iter_mut().zip(fields).try_for_each(|(writer, (field, column))| {
                compute_leaves(field, &column.array(now))?.iter().try_for_each(|leaf| writer.write(leaf))
            })?;
            self.n_in_group += now.len();
            self.n_rows += now.len();
            if self.n_in_group == ROW_GROUP {
                self.end_group()?;
            }
            rows = later;
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        let Some(columns) = self.columns.take() else { return Ok(()) };
        let chunks = columns.into_par_iter().map(ArrowColumnWriter::close).collect::<Result<Vec<_>, _>>()?;
        let mut group = self.writer.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        self.n_in_group = 0;
        Ok(())
    }

    fn close(mut self) -> Result<(), SimulateError> {
        let ended = self.end_group();
        let Self { path, writer, .. } = self;
        let file = match ended.and_then(|()| writer.into_inner()) {
            Ok(file) => file,
            Err(source) => return Err(SimulateError::Parquet { path, source }),
        };
        file.sync_all().map_err(|source| io_error(&path, source))
    }
}
