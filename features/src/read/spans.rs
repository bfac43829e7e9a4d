//! From when to when the rows of a file of usage became known, told by its statistics.

use std::fs::File;

use arrow::array::Array;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use super::columnar::times;
use super::config::HistoryConfig;
use super::contract::{EventTime, TableSchema};
use super::inputs::InputFile;
use super::mapping::resolve;
use crate::time::{DAY, Timestamp};

/// What a file of usage tells of its rows without being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileSpan {
    pub(crate) n_rows: u64,
    /// No row was known before.
    pub(crate) first: Timestamp,
    /// No row became known after.
    pub(crate) last: Timestamp,
}

/// The span of a file; `None` where it is no Parquet file, or its statistics do not tell.
pub(crate) fn usage_span(file: &InputFile, config: &HistoryConfig) -> Option<FileSpan> {
    let schema = TableSchema::find(&file.table)?;
    let (event, more) = match schema.event_time {
        EventTime::At(name) => (name, 0),
        EventTime::DayOf(name) => (name, DAY),
        EventTime::Timeless | EventTime::Earliest { .. } => return None,
    };
    if file.path.extension().is_none_or(|ending| ending != "parquet") {
        return None;
    }
    let opened = File::open(&file.path).ok()?;
    let metadata = ArrowReaderMetadata::load(&opened, ArrowReaderOptions::new()).ok()?;
    let fields = metadata.schema().fields();
    if fields.iter().any(|field| field.data_type().is_nested()) {
        return None;
    }
    let names: Vec<String> = fields.iter().map(|field| field.name().trim().to_owned()).collect();
    let table = config.table(&file.table);
    let mapping = resolve(schema, &table, &[], &names).ok()?;
    let span = |name: &str| -> Option<Option<Span>> {
        let index = schema.columns.iter().position(|column| column.name == name)?;
        match &mapping.columns[index] {
            Some(mapped) => Span::of(&metadata, mapped.position).map(Some),
            None => Some(None),
        }
    };
    let (happened, recorded) = (span(event)??, span("recorded_at")?);
    if happened.n_missing > 0 {
        return None;
    }
    // Where it is not told when a row became known, its own time and the delay tell.
    let own = (happened.first, happened.last.checked_add(more)?.checked_add(table.delay)?);
    let (first, last) = match recorded {
        Some(recorded) if recorded.n_missing == 0 => (recorded.first, recorded.last.max(own.1)),
        Some(recorded) => (recorded.first.min(own.0), recorded.last.max(own.1)),
        None => own,
    };
    let n_rows = u64::try_from(metadata.metadata().file_metadata().num_rows()).ok()?;
    Some(FileSpan { n_rows, first: Timestamp(first), last: Timestamp(last) })
}

/// The least and the largest value of a column of times, and how many rows have none.
struct Span {
    first: i64,
    last: i64,
    n_missing: u64,
}

impl Span {
    /// `None` unless the statistics of every row group tell.
    fn of(metadata: &ArrowReaderMetadata, position: usize) -> Option<Self> {
        let (schema, groups) = (metadata.schema(), metadata.metadata().row_groups());
        let name = schema.field(position).name();
        let converter = StatisticsConverter::try_new(name, schema, metadata.parquet_schema()).ok()?;
        let minima = times(&converter.row_group_mins(groups).ok()?)?;
        let maxima = times(&converter.row_group_maxes(groups).ok()?)?;
        let nulls = converter.row_group_null_counts(groups).ok()?;
        if minima.null_count() + maxima.null_count() + nulls.null_count() > 0 {
            return None;
        }
        let (first, last) = (minima.iter().flatten().min()?, maxima.iter().flatten().max()?);
        Some(Self { first, last, n_missing: nulls.iter().flatten().sum() })
    }
}
