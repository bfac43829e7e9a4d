//! Usage out of Parquet: row groups side by side, columns as they are stored, texts by dictionary.
//!
//! Usage is nearly all of a history's rows. What is in order, nearly always, is taken here straight into the
//! store; a file with anything else is left to [`super::table`], which takes cells one by one and names what is wrong.

mod batch;
mod cache;
mod statistics;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use arrow::array::{Array, PrimitiveArray};
use arrow::compute::{max, min};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::accounts::Aliases;
use super::check::{GRACE, Present};
use super::config::Listener;
use super::contract::words::CHANNELS;
use super::convert::in_calendar;
use super::mapping::Mapping;
use crate::history::{Channel, Text};
use crate::store::{Memo, Packer, Place, StoreBuilder, StoreError, UsageRow, user_hash};
use crate::time::{DAY, Timestamp};
use batch::Batch;
pub(super) use batch::times;
use cache::Cache;
pub(super) use statistics::known_at;

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

const BATCH_ROWS: usize = 65_536;

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

/// What one thread keeps while it takes row groups.
struct Taking<'a> {
    source: &'a Source<'a>,
    store: &'a StoreBuilder,
    accounts: Cache<Place>,
    events: Cache<u32>,
    users: Cache<u64>,
    channels: Cache<Channel>,
    taken: Taken,
    /// Of each row of a batch, where its account stands among the meanings.
    places: Vec<usize>,
    /// The rows of a batch by the part of the store that they go to.
    order: Vec<usize>,
}

impl<'a> Taking<'a> {
    fn new(source: &'a Source<'a>, store: &'a StoreBuilder) -> Self {
        Self {
            source,
            store,
            accounts: Cache::default(),
            events: Cache::default(),
            users: Cache::default(),
            channels: Cache::default(),
            taken: Taken::default(),
            places: Vec::new(),
            order: Vec::new(),
        }
    }

    fn batch(&mut self, batch: &Batch, packer: &mut Packer) -> Result<(), NotTaken> {
        self.note(batch)?;
        let Self { source, store, accounts, events, users, channels, places, order, .. } = self;
        let account = |id: &str| Ok(store.accounts.place(&source.aliases.resolve(source.table, id.into())));
        let event = |name: &str| Ok(store.events.code(name));
        let user = |id: &str| Ok(user_hash(id));
        let channel = |word: &str| {
            let word = word.to_lowercase().replace([' ', '-'], "_");
            let known = CHANNELS.iter().find(|(name, _)| *name == word);
            known.map(|(_, channel)| *channel).ok_or(NotTaken::Unusual)
        };
        accounts.prepare(&batch.account, &account)?;
        events.prepare(&batch.event, &event)?;
        batch.user.as_ref().map_or(Ok(()), |ids| users.prepare(ids, &user))?;
        batch.channel.as_ref().map_or(Ok(()), |ids| channels.prepare(ids, &channel))?;
        let optional = |column: &Option<PrimitiveArray<Float64Type>>, row: usize| {
            column.as_ref().filter(|column| column.is_valid(row)).map(|column| column.value(row))
        };
        let (mut no_user, occurred) = (Memo::default(), batch.occurred.values());
        places.clear();
        for row in 0..batch.n_rows {
            places.push(accounts.at(&batch.account, row, &account)?.ok_or(NotTaken::Unusual)?);
        }
        by_part(places, &accounts.meanings, order);
        for &row in &*order {
            let place = places[row];
            let event_at = events.at(&batch.event, row, &event)?;
            let user_at = match &batch.user {
                Some(ids) => users.at(ids, row, &user)?,
                None => None,
            };
            let channel_at = match &batch.channel {
                Some(ids) => channels.at(ids, row, &channel)?,
                None => None,
            };
            let recorded =
                batch.recorded.as_ref().filter(|times| times.is_valid(row)).map(|times| times.value(row));
            let (occurred_at, visible_at) = source.times(occurred[row], recorded)?;
            let (count, active_users) = if source.is_daily {
                let count = whole(number(optional(&batch.count, row))?)?.ok_or(NotTaken::Unusual)?;
                (Some(count), whole(number(optional(&batch.active_users, row))?)?)
            } else {
                (None, None)
            };
            let packed = UsageRow {
                occurred_at,
                visible_at,
                event: events.meaning(event_at).ok_or(NotTaken::Unusual)?,
                user: users.meaning(user_at),
                count,
                active_users,
                value: number(optional(&batch.value, row))?,
                channel: channels.meaning(channel_at),
            };
            let user_memo = user_at.map_or(&mut no_user, |at| &mut users.memos[at]);
            let of = accounts.meanings[place].ok_or(NotTaken::Unusual)?;
            packer.usage(of, &packed, &mut accounts.memos[place], user_memo)?;
        }
        Ok(())
    }

    /// Checks the times of a batch as [`crate::read::check`] does, all at once, and notes what they tell.
    fn note(&mut self, batch: &Batch) -> Result<(), NotTaken> {
        let Self { source, taken, .. } = self;
        taken.n_rows += batch.n_rows;
        if batch.occurred.null_count() > 0 {
            return Err(NotTaken::Unusual);
        }
        let latest = source.present.map_or(i64::MAX, Present::latest);
        let usual = |times: &PrimitiveArray<Int64Type>| -> Result<Option<(i64, i64)>, NotTaken> {
            let (Some(first), Some(last)) = (min(times), max(times)) else { return Ok(None) };
            let is_usual = in_calendar(Timestamp(first)) && in_calendar(Timestamp(last)) && last <= latest;
            if is_usual { Ok(Some((first, last))) } else { Err(NotTaken::Unusual) }
        };
        let recorded = batch.recorded.as_ref().map(&usual).transpose()?.flatten();
        let Some((first, last)) = usual(&batch.occurred)? else { return Ok(()) };
        let day = |time: i64| if source.is_daily { time.div_euclid(DAY) * DAY } else { time };
        let (first, last) = (day(first), day(last));
        let shown =
            Taken { n_rows: 0, first: Some(Timestamp(first)), last: Some(Timestamp(last)), known_at: None };
        *taken = taken.and(shown);
        // The latest time that anything shows, unless it lies after the present: then row by row.
        let known = if source.is_daily { last + DAY } else { last };
        let n_unrecorded = batch.recorded.as_ref().map_or(batch.n_rows, |times| times.null_count());
        let known_at = match recorded {
            Some((_, recorded)) => recorded.max(known),
            None => known + source.delay,
        };
        let is_mixed = recorded.is_some() && n_unrecorded > 0 && source.delay != 0;
        if !is_mixed && source.now.is_none_or(|now| known_at <= now.0) {
            taken.known_at = taken.known_at.max(Some(Timestamp(known_at)));
            return Ok(());
        }
        let is_known = |time: i64| source.now.is_none_or(|now| time <= now.0);
        for row in 0..batch.n_rows {
            let recorded =
                batch.recorded.as_ref().filter(|times| times.is_valid(row)).map(|times| times.value(row));
            let (occurred_at, visible_at) = source.times(batch.occurred.value(row), recorded)?;
            // The day of a daily sum is over at its midnight; only then is the sum known.
            let is_end_of_day =
                source.is_daily && (recorded.is_none() || visible_at == occurred_at + (DAY - 1));
            let visible_at = visible_at + i64::from(is_end_of_day);
            for time in [Some(occurred_at), recorded, Some(visible_at)].into_iter().flatten() {
                if is_known(time) {
                    taken.known_at = taken.known_at.max(Some(Timestamp(time)));
                }
            }
        }
        Ok(())
    }
}

impl Source<'_> {
    /// When a row happened and became known.
    #[inline]
    fn times(&self, occurred: i64, recorded: Option<i64>) -> Result<(i64, i64), NotTaken> {
        let occurred_at = if self.is_daily { occurred.div_euclid(DAY) * DAY } else { occurred };
        if recorded.is_some_and(|recorded| occurred_at > recorded.saturating_add(GRACE)) {
            return Err(NotTaken::Unusual);
        }
        // A daily sum is known once its day is over.
        let known = if self.is_daily { occurred_at + (DAY - 1) } else { occurred_at };
        Ok((occurred_at, recorded.map_or(known + self.delay, |recorded| recorded.max(known))))
    }
}

/// The rows in the order of the parts that their accounts belong to: each part's block is then at hand for many rows,
/// whatever the order of the file.
fn by_part(places: &[usize], meanings: &[Option<Place>], order: &mut Vec<usize>) {
    let part = |row: usize| meanings[places[row]].map_or(0, |place| place.part);
    order.clear();
    order.extend(0..places.len());
    let is_sorted = order.windows(2).all(|pair| part(pair[0]) <= part(pair[1]));
    if is_sorted {
        return;
    }
    let n_parts = order.iter().map(|&row| part(row) + 1).max().unwrap_or(0);
    let mut next = vec![0; n_parts + 1];
    order.iter().for_each(|&row| next[part(row) + 1] += 1);
    for at in 1..next.len() {
        next[at] += next[at - 1];
    }
    for row in 0..places.len() {
        let next = &mut next[part(row)];
        order[*next] = row;
        *next += 1;
    }
}

/// A number that is finite or missing.
#[inline]
fn number(value: Option<f64>) -> Result<Option<f64>, NotTaken> {
    match value {
        Some(value) if value.is_nan() => Ok(None),
        Some(value) if value.is_finite() => Ok(Some(value + 0.0)),
        Some(_) => Err(NotTaken::Unusual),
        None => Ok(None),
    }
}

fn whole(value: Option<f64>) -> Result<Option<f64>, NotTaken> {
    match value {
        Some(value) if value < 0.0 || value.fract() != 0.0 => Err(NotTaken::Unusual),
        value => Ok(value),
    }
}
