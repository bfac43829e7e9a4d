//! Usage out of Parquet: row groups side by side, columns as they are stored, texts by dictionary.
//!
//! Usage is nearly all of a history's rows. What is in order, nearly always, is taken here straight into the
//! store; a file with anything else is left to [`super::table`], which takes cells one by one and names what is wrong.

mod batch;
mod cache;
mod statistics;
mod taking;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::accounts::Aliases;
use super::check::Present;
use super::config::Listener;
use super::mapping::Mapping;
use crate::history::Text;
use crate::store::{Packer, StoreBuilder, StoreError};
use crate::time::{DAY, Timestamp};
use batch::Batch;
pub(super) use batch::times;
pub(super) use statistics::known_at;
use taking::Taking;

/// What the rows of a file tell as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) n_rows: usize,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) known_at: Option<Timestamp>,
}

/// How usage is read.
pub(super) struct Source<'a> {
    pub(super) table: &'a Text,
    pub(super) is_daily: bool,
    /// The contract's names of the mapped columns.
    pub(super) columns: &'a [&'static str],
    pub(super) aliases: &'a Aliases,
    pub(super) delay: i64,
    pub(super) present: Option<Present>,
    pub(super) now: Option<Timestamp>,
    pub(super) listener: &'a Listener,
}

/// Why a file is not taken here.
pub(super) enum NotTaken {
    /// Something in it wants a closer look.
    Unusual,
    Store(StoreError),
}

/// Rows taken at a time: their columns stay at hand in the processor's cache until they are packed.
const BATCH_ROWS: usize = 32_768;

/// The columns of usage: positions in the file.
struct Columns {
    account: usize,
    event: usize,
    occurred: usize,
    user: Option<usize>,
    recorded: Option<usize>,
    value: Option<usize>,
    channel: Option<usize>,
    count: Option<usize>,
    active_users: Option<usize>,
}

impl From<StoreError> for NotTaken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A file of usage, opened.
struct Opened<'a> {
    path: &'a Path,
    metadata: ArrowReaderMetadata,
    columns: Columns,
}

/// Takes the rows of Parquet files into `store`, as input that comes `at` this position; `files` are given with where
/// their columns are.
///
/// # Errors
/// [`NotTaken`]: some of their rows may be in the store then, and must be forgotten.
pub(super) fn take(
    files: &[(&Path, Mapping)],
    source: &Source<'_>,
    store: &Arc<StoreBuilder>,
    at: u64,
) -> Result<Taken, NotTaken> {
    let files = files.iter().map(|(path, mapping)| source.open(path, mapping));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    let groups: Vec<(&Opened<'_>, usize)> = files
        .iter()
        .flat_map(|file| (0..file.metadata.metadata().num_row_groups()).map(move |group| (file, group)))
        .collect();
    let next = AtomicUsize::new(0);
    let n_threads = rayon::current_num_threads().min(groups.len()).max(1);
    // A thread keeps its packer from group to group: few large blocks, whatever the order of the rows.
    let work = || {
        let mut packer = StoreBuilder::packer(store, at);
        let mut taking = Taking::new(source, store);
        while let Some((file, group)) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
            let taken = source.take_group(file, *group, &mut taking, &mut packer);
            if taken.is_err() {
                // The others need not go on.
                next.store(groups.len(), Ordering::Relaxed);
            }
            taken?;
        }
        packer.finish()?;
        Ok::<Taken, NotTaken>(taking.taken)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
        let mut taken = Taken::default();
        for thread in threads {
            taken = taken.and(thread.join().map_err(|_| NotTaken::Unusual)??);
        }
        Ok(taken)
    })
}

/// The file's schema with texts by dictionary.
fn with_dictionaries(schema: &SchemaRef, texts: &[usize]) -> SchemaRef {
    let fields = schema.fields().iter().enumerate().map(|(position, field)| {
        let is_text = matches!(field.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        if is_text && texts.contains(&position) {
            let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(Field::new(field.name(), dictionary, field.is_nullable()))
        } else {
            field.clone()
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl Source<'_> {
    fn open<'a>(&self, path: &'a Path, mapping: &Mapping) -> Result<Opened<'a>, NotTaken> {
        let columns = self.positions(mapping).ok_or(NotTaken::Unusual)?;
        let file = File::open(path).map_err(|_| NotTaken::Unusual)?;
        let plain =
            ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(|_| NotTaken::Unusual)?;
        // A structure's fields would shift the positions of columns.
        if plain.schema().fields().iter().any(|field| field.data_type().is_nested()) {
            return Err(NotTaken::Unusual);
        }
        let schema = with_dictionaries(plain.schema(), &columns.texts());
        let options = ArrowReaderOptions::new().with_schema(schema);
        let metadata =
            ArrowReaderMetadata::try_new(plain.metadata().clone(), options).map_err(|_| NotTaken::Unusual)?;
        Ok(Opened { path, metadata, columns })
    }

    fn take_group(
        &self,
        file: &Opened<'_>,
        group: usize,
        taking: &mut Taking<'_>,
        packer: &mut Packer,
    ) -> Result<(), NotTaken> {
        let opened = File::open(file.path).map_err(|_| NotTaken::Unusual)?;
        let mask = ProjectionMask::roots(file.metadata.parquet_schema(), file.columns.all());
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(opened, file.metadata.clone())
            .with_row_groups(vec![group])
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|_| NotTaken::Unusual)?;
        for batch in reader {
            let batch = batch.map_err(|_| NotTaken::Unusual)?;
            let batch = Batch::of(&batch, &file.columns, self).ok_or(NotTaken::Unusual)?;
            taking.batch(&batch, packer)?;
        }
        let n_bytes = file.metadata.metadata().row_group(group).compressed_size();
        self.listener.read(u64::try_from(n_bytes).unwrap_or(0));
        Ok(())
    }

    fn positions(&self, mapping: &Mapping) -> Option<Columns> {
        let position = |name: &str| {
            let index = self.columns.iter().position(|column| *column == name)?;
            mapping.columns[index].as_ref().map(|mapped| mapped.position)
        };
        Some(Columns {
            account: position("account_id")?,
            event: position("event")?,
            occurred: position(if self.is_daily { "date" } else { "occurred_at" })?,
            user: position("user_id"),
            recorded: position("recorded_at"),
            value: position("value"),
            channel: position("channel"),
            count: position("count"),
            active_users: position("active_users"),
        })
    }
}

impl Columns {
    fn texts(&self) -> Vec<usize> {
        [Some(self.account), Some(self.event), self.user, self.channel].into_iter().flatten().collect()
    }

    fn all(&self) -> Vec<usize> {
        let numbers = [self.recorded, self.value, self.count, self.active_users, Some(self.occurred)];
        self.texts().into_iter().chain(numbers.into_iter().flatten()).collect()
    }
}

impl Taken {
    pub(super) fn and(self, other: Self) -> Self {
        let earliest = |a: Option<Timestamp>, b: Option<Timestamp>| a.into_iter().chain(b).min();
        Self {
            n_rows: self.n_rows + other.n_rows,
            first: earliest(self.first, other.first),
            last: self.last.max(other.last),
            known_at: self.known_at.max(other.known_at),
        }
    }
}

impl Source<'_> {
    /// When a row happened and became known.
    #[inline]
    fn times(&self, occurred: i64, recorded: Option<i64>) -> (i64, i64) {
        let occurred_at = if self.is_daily { occurred.div_euclid(DAY) * DAY } else { occurred };
        // A daily sum is known once its day is over.
        let known = if self.is_daily { occurred_at + (DAY - 1) } else { occurred_at };
        (occurred_at, recorded.map_or(known + self.delay, |recorded| recorded.max(known)))
    }
}
