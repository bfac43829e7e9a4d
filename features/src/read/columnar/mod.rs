//! Usage out of Parquet: row groups side by side, columns as they are stored, texts by dictionary.
//!
//! Usage is nearly all of a history's rows. What is in order, nearly always, is taken here straight into the
//! store; a file with anything else is left to [`super::table`], which takes cells one by one and names what is wrong.

mod batch;
mod cache;
mod statistics;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use arrow::array::{Array, PrimitiveArray};
use arrow::compute::{max, min};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use foldhash::fast::FixedState;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::accounts::Aliases;
use super::check::{GRACE, Present};
use super::contract::words::CHANNELS;
use super::convert::in_calendar;
use super::mapping::Mapping;
use crate::history::{Channel, Text};
use crate::store::{
    Chosen, NOBODY, Packer, Place, Rows, StoreBuilder, StoreError, Whose, channel_number, user_hash,
};
use crate::time::{DAY, Timestamp};
use batch::Batch;
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
    /// The accounts named so far: the store's own list is shared with the other threads.
    places: RefCell<HashMap<Text, Place, FixedState>>,
    rows: Rows,
    /// Positions of channels and events.
    positions: Vec<u32>,
    occurred_at: Vec<i64>,
    later: Vec<i64>,
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
            places: RefCell::default(),
            rows: Rows::default(),
            positions: Vec::new(),
            occurred_at: Vec::new(),
            later: Vec::new(),
        }
    }

    fn batch(&mut self, batch: &Batch, packer: &mut Packer) -> Result<(), NotTaken> {
        self.note(batch)?;
        self.rows.clear();
        self.whose(batch)?;
        self.what(batch)?;
        self.when(batch)?;
        let Self { accounts, users, rows, .. } = self;
        let mut whose = Whose {
            accounts: &accounts.meanings,
            users: &users.meanings,
            account_memos: &mut accounts.memos,
            user_memos: &mut users.memos,
        };
        let part = |row: usize| {
            let place = whose.accounts.get(rows.account[row] as usize).copied().flatten();
            place.map(|place| place.part).ok_or(NotTaken::Unusual)
        };
        let by_part = by_part(&rows.account, part)?;
        match &by_part.order {
            None => {
                for (part, of_part) in by_part.parts {
                    packer.usage(part, rows, &mut whose, Chosen::InARow(of_part))?;
                }
            }
            Some(order) => {
                for (part, of_part) in by_part.parts {
                    packer.usage(part, rows, &mut whose, Chosen::At(&order[of_part]))?;
                }
            }
        }
        Ok(())
    }

    /// Whose the rows of a batch are.
    fn whose(&mut self, batch: &Batch) -> Result<(), NotTaken> {
        let Self { source, store, accounts, users, places, rows, .. } = self;
        let account = |id: &str| {
            let mut places = places.borrow_mut();
            if let Some(&place) = places.get(id) {
                return Ok(place);
            }
            let place = store.accounts.place(&source.aliases.resolve(source.table, id.into()));
            places.insert(id.into(), place);
            Ok(place)
        };
        accounts.positions(&batch.account, batch.n_rows, &mut rows.account, &account)?;
        match &batch.user {
            Some(ids) => users.positions(ids, batch.n_rows, &mut rows.user, &|id: &str| Ok(user_hash(id))),
            None => {
                rows.user.resize(batch.n_rows, NOBODY);
                Ok(())
            }
        }
    }

    /// What happened: events, channels and numbers.
    fn what(&mut self, batch: &Batch) -> Result<(), NotTaken> {
        let Self { source, store, events, channels, rows, positions, .. } = self;
        positions.clear();
        let event = |name: &str| Ok(store.events.code(name));
        events.positions(&batch.event, batch.n_rows, positions, &event)?;
        rows.event.extend(events.at_positions(positions).map(|code| code.unwrap_or(NOBODY)));
        if rows.event.contains(&NOBODY) {
            return Err(NotTaken::Unusual);
        }
        positions.clear();
        let channel = |word: &str| {
            let word = word.to_lowercase().replace([' ', '-'], "_");
            let known = CHANNELS.iter().find(|(name, _)| *name == word);
            known.map(|(_, channel)| *channel).ok_or(NotTaken::Unusual)
        };
        match &batch.channel {
            Some(ids) => {
                channels.positions(ids, batch.n_rows, positions, &channel)?;
                rows.channel.extend(channels.at_positions(positions).map(channel_number));
            }
            None => rows.channel.resize(batch.n_rows, channel_number(None)),
        }
        match &batch.value {
            Some(column) => numbers(column, &mut rows.value)?,
            None => rows.value.resize(batch.n_rows, f64::NAN),
        }
        if source.is_daily {
            let count = batch.count.as_ref().ok_or(NotTaken::Unusual)?;
            numbers(count, &mut rows.count)?;
            if let Some(active_users) = &batch.active_users {
                numbers(active_users, &mut rows.active_users)?;
            }
            let is_whole = |number: &f64| *number >= 0.0 && number.fract() == 0.0;
            let told = rows.active_users.iter().filter(|number| !number.is_nan());
            if !rows.count.iter().chain(told).all(is_whole) {
                return Err(NotTaken::Unusual);
            }
        }
        Ok(())
    }

    /// When the rows of a batch happened and became known.
    fn when(&mut self, batch: &Batch) -> Result<(), NotTaken> {
        let Self { source, rows, occurred_at, later, .. } = self;
        occurred_at.clear();
        later.clear();
        let mut is_usual = true;
        let mut push = |occurred: i64, recorded: Option<i64>| {
            let (at, visible_at) = source.times(occurred, recorded);
            is_usual &= recorded.is_none_or(|recorded| at <= recorded.saturating_add(GRACE));
            occurred_at.push(at);
            later.push(visible_at.wrapping_sub(at));
        };
        let occurred = batch.occurred.values().iter();
        match &batch.recorded {
            None => occurred.for_each(|&occurred| push(occurred, None)),
            Some(recorded) if recorded.null_count() == 0 => {
                let both = occurred.zip(recorded.values());
                both.for_each(|(&occurred, &recorded)| push(occurred, Some(recorded)));
            }
            Some(recorded) => {
                let both = occurred.zip(recorded);
                both.for_each(|(&occurred, recorded)| push(occurred, recorded));
            }
        }
        rows.occurred_at.set(occurred_at);
        rows.later.set(later);
        if is_usual { Ok(()) } else { Err(NotTaken::Unusual) }
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
            let (occurred_at, visible_at) = source.times(batch.occurred.value(row), recorded);
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
    fn times(&self, occurred: i64, recorded: Option<i64>) -> (i64, i64) {
        let occurred_at = if self.is_daily { occurred.div_euclid(DAY) * DAY } else { occurred };
        // A daily sum is known once its day is over.
        let known = if self.is_daily { occurred_at + (DAY - 1) } else { occurred_at };
        (occurred_at, recorded.map_or(known + self.delay, |recorded| recorded.max(known)))
    }
}

/// The rows of a batch by the part of the store that they go to.
struct ByPart {
    /// The rows part by part; `None` where they stand so already.
    order: Option<Vec<u32>>,
    /// Each part and which of the rows are its own.
    parts: Vec<(usize, Range<usize>)>,
}

/// The rows in the order of the parts that their accounts belong to: each part's block is then at hand for many rows,
/// whatever the order of the file.
fn by_part(accounts: &[u32], part_of: impl Fn(usize) -> Result<usize, NotTaken>) -> Result<ByPart, NotTaken> {
    let mut parts: Vec<(usize, Range<usize>)> = Vec::new();
    let mut is_sorted = true;
    let mut row = 0;
    // The part of each run of rows of one account.
    let mut runs = Vec::new();
    for run in accounts.chunk_by(|a, b| a == b) {
        let part = part_of(row)?;
        let rows = row..row + run.len();
        row = rows.end;
        match parts.last_mut() {
            Some((last, of_last)) if *last == part => of_last.end = rows.end,
            last => {
                is_sorted &= last.is_none_or(|(last, _)| *last < part);
                parts.push((part, rows.clone()));
            }
        }
        runs.push((part, rows));
    }
    if is_sorted {
        return Ok(ByPart { order: None, parts });
    }
    let n_parts = runs.iter().map(|(part, _)| part + 1).max().unwrap_or(0);
    let mut ends = vec![0; n_parts];
    runs.iter().for_each(|(part, rows)| ends[*part] += rows.len());
    let mut start = 0;
    for end in &mut ends {
        (*end, start) = (start, start + *end);
    }
    // Here `ends` holds where each part's next row goes; afterwards, where its rows end.
    let mut order = vec![0; accounts.len()];
    for (part, rows) in runs {
        for row in rows {
            order[ends[part]] = u32::try_from(row).map_err(|_| NotTaken::Unusual)?;
            ends[part] += 1;
        }
    }
    let starts = [0].into_iter().chain(ends.iter().copied());
    let parts = starts.zip(&ends).map(|(start, &end)| start..end).enumerate();
    Ok(ByPart { order: Some(order), parts: parts.filter(|(_, rows)| !rows.is_empty()).collect() })
}

/// Appends numbers, which must be finite or missing: NaN.
fn numbers(column: &PrimitiveArray<Float64Type>, to: &mut Vec<f64>) -> Result<(), NotTaken> {
    // Adding zero turns -0.0 into 0.0: equal values then have equal bits.
    let start = to.len();
    to.extend(column.values().iter().map(|value| value + 0.0));
    if let Some(nulls) = column.nulls() {
        let words = nulls.inner().bit_chunks().iter_padded();
        for (numbers, word) in to[start..].chunks_mut(64).zip(words) {
            for (at, number) in numbers.iter_mut().enumerate() {
                *number = if word >> at & 1 == 1 { *number } else { f64::NAN };
            }
        }
    }
    let is_infinite = to[start..].iter().fold(false, |any, number| any | number.is_infinite());
    if is_infinite { Err(NotTaken::Unusual) } else { Ok(()) }
}
