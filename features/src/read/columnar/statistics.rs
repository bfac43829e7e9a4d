//! What a Parquet file tells of its rows without being read.

use std::fs::File;
use std::path::Path;

use arrow::array::Array;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use super::batch::times;
use crate::read::convert::in_calendar;
use crate::time::Timestamp;

/// When the rows of a Parquet file became known at the latest, told by its statistics: for a table that no
/// feature asked for needs. `None` where they do not tell.
///
/// `past` are the positions of the columns of times that happened, `event` the event's own with what a daily sum or
/// the configured delay adds to it.
pub(in crate::read) fn known_at(
    path: &Path,
    past: &[usize],
    event: Option<(usize, i64)>,
) -> Option<Option<Timestamp>> {
    let file = File::open(path).ok()?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).ok()?;
    let schema = metadata.schema();
    if schema.fields().iter().any(|field| field.data_type().is_nested()) {
        return None;
    }
    let groups = metadata.metadata().row_groups();
    let latest = |position: usize| -> Option<Option<i64>> {
        let name = schema.field(position).name();
        let converter = StatisticsConverter::try_new(name, schema, metadata.parquet_schema()).ok()?;
        let maxima = times(&converter.row_group_maxes(groups).ok()?)?;
        let nulls = converter.row_group_null_counts(groups).ok()?;
        // A group without a maximum must be one without values.
        let is_told = groups.iter().enumerate().all(|(group, of)| {
            maxima.is_valid(group)
                || (nulls.is_valid(group) && i64::try_from(nulls.value(group)).ok() == Some(of.num_rows()))
        });
        is_told.then(|| maxima.iter().flatten().max())
    };
    let mut known: Option<i64> = None;
    for &position in past {
        known = known.max(latest(position)?);
    }
    if let Some((position, more)) = event {
        known = known.max(latest(position)?.map(|time| time + more));
    }
    let is_plausible = known.is_none_or(|time| in_calendar(Timestamp(time)));
    is_plausible.then(|| known.map(Timestamp))
}
