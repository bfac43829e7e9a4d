//! The facts of some accounts → their feature rows, by the same code as the embedded driver.
//!
//! The only module that knows how features are computed. An executor holds the rows of some accounts as they stand in
//! the files; it lays them out as a small history of those accounts alone and has `holdfast_features` read and sweep it.
//! What a value means, which rows are refused and which column is which is thus decided in one place, and a feature
//! cannot come out differently here. What holds for the history as a whole comes with the [`Job`].

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, LargeBinaryArray, ListArray};
use arrow::array::{RecordBatch, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use holdfast_features::compute::{self, ComputeError, Key};
use holdfast_features::read::{self, ReadError};
use holdfast_features::{Column, FeatureTable, History, Timestamp};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::envelope::{self, CutShort};
use crate::job::{Job, JobError, KEYS, key_columns};
use crate::rows;

/// Facts that are laid out at one time: a few times as many bytes are in memory while they are swept.
const CHUNK_BYTES: usize = 64 << 20;

/// Why an executor cannot compute features.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KernelError {
    /// The query's job.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The facts of an account.
    #[error(transparent)]
    Facts(#[from] CutShortFacts),
    /// Rows cannot be taken apart or put together.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// The temporary tables cannot be written.
    #[error("writing temporary tables: {0}")]
    Parquet(#[from] ParquetError),
    /// The temporary folder refuses.
    #[error("temporary tables in {}: {source}; make room, or set TMPDIR to another folder", .path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The rows are no history.
    #[error("{0}\n(row numbers count the rows of some accounts together, not those of the file)")]
    Read(#[from] ReadError),
    /// The features cannot be computed.
    #[error(transparent)]
    Compute(#[from] ComputeError),
}

/// A list of facts that is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CutShortFacts {
    /// It ends within a fact.
    #[error("a list of facts is cut short: client, scheduler and executors must be of one version")]
    CutShort,
    /// A fact of a source that the job does not have.
    #[error(
        "a fact of source {0}, which the job does not have: client, scheduler and executors must be of one version"
    )]
    Source(u8),
}

impl From<CutShort> for CutShortFacts {
    fn from(_: CutShort) -> Self {
        Self::CutShort
    }
}

/// Rows of sources, by number.
type BySource<'a> = BTreeMap<u8, Vec<&'a [u8]>>;

/// The feature rows of each list of facts: lists of structures with the columns of [`Job::fields`], in the order of
/// the lists. Accounts of which no row is asked for have none.
///
/// # Errors
/// Rows that make no history, features that it cannot give, a temporary folder that refuses.
pub(crate) fn feature_rows(job: &Job, lists: &LargeBinaryArray) -> Result<ListArray, KernelError> {
    let mut chunks: Vec<ArrayRef> = Vec::new();
    let mut first = 0;
    while first < lists.len() {
        let mut n_bytes = 0;
        let mut last = first;
        while last < lists.len() && (last == first || n_bytes + length(lists, last) <= CHUNK_BYTES) {
            n_bytes += length(lists, last);
            last += 1;
        }
        let chunk = lists.slice(first, last - first);
        chunks.push(Arc::new(rows_of_chunk(job, &chunk)?));
        first = last;
    }
    let chunks: Vec<&dyn Array> = chunks.iter().map(AsRef::as_ref).collect();
    if chunks.is_empty() {
        return Ok(ListArray::new_null(job.row_field(), 0));
    }
    Ok(arrow::compute::concat(&chunks)?.as_list::<i32>().clone())
}

fn length(lists: &LargeBinaryArray, index: usize) -> usize {
    if lists.is_null(index) { 0 } else { lists.value(index).len() }
}

fn rows_of_chunk(job: &Job, lists: &LargeBinaryArray) -> Result<ListArray, KernelError> {
    let mut facts: BySource<'_> = BTreeMap::new();
    let mut asked: Vec<&[u8]> = Vec::new();
    let mut lengths = vec![0_usize; lists.len()];
    for (index, list) in lists.iter().enumerate() {
        let Some(list) = list else { continue };
        let own = by_source(list)?;
        let Some(keys) = own.get(&KEYS) else { continue };
        lengths[index] = keys.len();
        asked.extend(keys);
        for (source, rows) in own {
            if source != KEYS {
                facts.entry(source).or_default().extend(rows);
            }
        }
    }
    let (numbers, keys) = keys(&asked)?;
    let table = if keys.is_empty() { None } else { Some(table(job, &facts, &keys)?) };
    let fields = job.fields();
    let mut columns: Vec<ArrayRef> = vec![Arc::new(numbers)];
    for (index, field) in fields.iter().skip(1).enumerate() {
        let column = table.as_ref().and_then(|table| table.columns().get(index));
        columns.push(match column {
            Some(Column::Number(values)) => Arc::new(Float64Array::from(values.clone())),
            Some(Column::Text(values)) => {
                Arc::new(StringArray::from_iter(values.iter().map(Option::as_deref)))
            }
            None => arrow::array::new_null_array(field.data_type(), keys.len()),
        });
    }
    let rows = StructArray::try_new(fields, columns, None)?;
    Ok(ListArray::try_new(job.row_field(), OffsetBuffer::from_lengths(lengths), Arc::new(rows), None)?)
}

fn by_source(list: &[u8]) -> Result<BySource<'_>, CutShortFacts> {
    let mut by_source: BySource<'_> = BTreeMap::new();
    for fact in envelope::read(list) {
        let (&source, row) = fact?.split_first().ok_or(CutShortFacts::CutShort)?;
        by_source.entry(source).or_default().push(row);
    }
    Ok(by_source)
}

/// The rows asked for, with their numbers.
fn keys(asked: &[&[u8]]) -> Result<(Int64Array, Vec<Key>), KernelError> {
    let batch = rows::decode(&key_columns(), asked)?;
    let accounts = batch.column(0).as_string::<i32>();
    let numbers = batch.column(1).as_primitive::<Int64Type>();
    let times = batch.column(2).as_primitive::<Int64Type>();
    let subscriptions = batch.column(3).as_string::<i32>();
    let key = |row: usize| Key {
        account_id: accounts.value(row).into(),
        as_of: Timestamp(times.value(row)),
        subscription_id: subscriptions.is_valid(row).then(|| subscriptions.value(row).into()),
    };
    Ok((numbers.clone(), (0..batch.num_rows()).map(key).collect()))
}

fn table(job: &Job, facts: &BySource<'_>, keys: &[Key]) -> Result<FeatureTable, KernelError> {
    let config = job.history_config()?;
    let folder = tempfile::Builder::new()
        .prefix("holdfast-")
        .tempdir()
        .map_err(|source| KernelError::Io { path: std::env::temp_dir(), source })?;
    for (&number, rows) in facts {
        let source = job.sources.get(usize::from(number)).ok_or(CutShortFacts::Source(number))?;
        let batch = rows::decode(&source.typed()?, rows)?;
        write(folder.path(), &source.table, &format!("{number}.parquet"), &batch)?;
    }
    let history = History {
        // What only the whole history tells.
        until: job.until.map(Timestamp),
        tables: job.summaries(),
        book: Some(Arc::new(job.book())),
        ..read::history(folder.path(), &config)?
    };
    Ok(compute::table(&history, keys, &job.specs)?)
}

fn write(folder: &Path, table: &str, file: &str, batch: &RecordBatch) -> Result<(), KernelError> {
    let folder = folder.join(table);
    let failed = |source| KernelError::Io { path: folder.clone(), source };
    fs::create_dir_all(&folder).map_err(failed)?;
    let file = fs::File::create_new(folder.join(file)).map_err(failed)?;
    // Read once and then gone: nothing is worth compressing or summarising. Dictionaries are: texts are read by them.
    let properties = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None).build();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties))?;
    writer.write(batch)?;
    writer.close()?;
    Ok(())
}
