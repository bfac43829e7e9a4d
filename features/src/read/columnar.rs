//! Usage out of Parquet: row groups side by side, columns as they are stored, texts by dictionary.
//!
//! Usage is nearly all of a history's rows. What is in order, nearly always, is taken here straight into the
//! store; a file with anything else is left to [`super::table`], which takes cells one by one and names what is wrong.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, RecordBatch, StringArray};
use arrow::datatypes::{
    DataType, Date32Type, Field, Float64Type, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use rayon::prelude::*;

use super::accounts::Aliases;
use super::check::{GRACE, Present};
use super::contract::words::CHANNELS;
use super::convert::in_calendar;
use super::mapping::Mapping;
use super::source::clean;
use crate::history::{Channel, Text};
use crate::store::{Place, StoreBuilder, StoreError, UsageRow, user_hash};
use crate::time::{DAY, Timestamp};

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
    pub(super) mapping: &'a Mapping,
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

/// Takes the rows of the Parquet file at `path` into `store`, as input that comes `at` this position.
///
/// # Errors
/// [`NotTaken`]: some of its rows may be in the store then, and must be forgotten.
pub(super) fn take(
    path: &Path,
    source: &Source<'_>,
    store: &Arc<StoreBuilder>,
    at: u64,
) -> Result<Taken, NotTaken> {
    let columns = source.positions().ok_or(NotTaken::Unusual)?;
    let file = File::open(path).map_err(|_| NotTaken::Unusual)?;
    let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(|_| NotTaken::Unusual)?;
    // A structure's fields would shift the positions of columns.
    if plain.schema().fields().iter().any(|field| field.data_type().is_nested()) {
        return Err(NotTaken::Unusual);
    }
    let options = ArrowReaderOptions::new().with_schema(with_dictionaries(plain.schema(), &columns.texts()));
    let metadata =
        ArrowReaderMetadata::try_new(plain.metadata().clone(), options).map_err(|_| NotTaken::Unusual)?;
    let n_groups = metadata.metadata().num_row_groups();
    let taken = (0..n_groups).into_par_iter().map(|group| {
        let file = File::open(path).map_err(|_| NotTaken::Unusual)?;
        let mask = ProjectionMask::roots(metadata.parquet_schema(), columns.all());
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
            .with_row_groups(vec![group])
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|_| NotTaken::Unusual)?;
        let mut packer = StoreBuilder::packer(store, at);
        let mut taking = Taking {
            source,
            store,
            accounts: Cache::default(),
            events: Cache::default(),
            users: Cache::default(),
            channels: Cache::default(),
            taken: Taken::default(),
        };
        for batch in reader {
            let batch = batch.map_err(|_| NotTaken::Unusual)?;
            let batch = Batch::of(&batch, &columns, source).ok_or(NotTaken::Unusual)?;
            taking.batch(&batch, &mut packer)?;
        }
        packer.finish()?;
        Ok(taking.taken)
    });
    taken.try_reduce(Taken::default, |a, b| Ok(a.and(b)))
}

/// When the rows of a Parquet file became known at the latest, told by its statistics: for a table that no
/// feature asked for needs. `None` where they do not tell.
///
/// `past` are the positions of the columns of times that happened, `event` the event's own with what a daily sum or
/// the configured delay adds to it.
pub(super) fn known_at(
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
    fn positions(&self) -> Option<Columns> {
        let position = |name: &str| {
            let index = self.columns.iter().position(|column| *column == name)?;
            self.mapping.columns[index].as_ref().map(|mapped| mapped.position)
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

/// Texts or whole numbers as ids; each row is a position in its values.
enum Ids {
    Texts { keys: PrimitiveArray<Int32Type>, values: ArrayRef },
    Whole(PrimitiveArray<Int64Type>),
}

/// The columns of a batch, of the types that are taken here.
struct Batch {
    n_rows: usize,
    account: Ids,
    event: Ids,
    user: Option<Ids>,
    channel: Option<Ids>,
    occurred: PrimitiveArray<Int64Type>,
    recorded: Option<PrimitiveArray<Int64Type>>,
    value: Option<PrimitiveArray<Float64Type>>,
    count: Option<PrimitiveArray<Float64Type>>,
    active_users: Option<PrimitiveArray<Float64Type>>,
}

impl Batch {
    /// `None` where a column is of another type.
    fn of(batch: &RecordBatch, columns: &Columns, source: &Source<'_>) -> Option<Self> {
        // The batch holds the projected columns in the order of the file.
        let mut order = columns.all();
        order.sort_unstable();
        order.dedup();
        let column = |position: usize| Some(batch.column(order.binary_search(&position).ok()?));
        let optional_ids = |position: Option<usize>| match position {
            Some(position) => ids(column(position)?).map(Some),
            None => Some(None),
        };
        let optional_numbers = |position: Option<usize>| match position {
            Some(position) => numbers(column(position)?).map(Some),
            None => Some(None),
        };
        let recorded = match columns.recorded {
            Some(position) => Some(times(column(position)?)?),
            None => None,
        };
        if source.is_daily && columns.count.is_none() {
            return None;
        }
        Some(Self {
            n_rows: batch.num_rows(),
            account: ids(column(columns.account)?)?,
            event: ids(column(columns.event)?)?,
            user: optional_ids(columns.user)?,
            channel: optional_ids(columns.channel)?,
            occurred: times(column(columns.occurred)?)?,
            recorded,
            value: optional_numbers(columns.value)?,
            count: optional_numbers(columns.count)?,
            active_users: optional_numbers(columns.active_users)?,
        })
    }
}

fn ids(array: &ArrayRef) -> Option<Ids> {
    match array.data_type() {
        DataType::Dictionary(..) => {
            let dictionary = array.as_dictionary_opt::<Int32Type>()?;
            dictionary.values().as_string_opt::<i32>()?;
            Some(Ids::Texts { keys: dictionary.keys().clone(), values: dictionary.values().clone() })
        }
        kind if kind.is_integer() && *kind != DataType::UInt64 => {
            let whole = arrow::compute::cast(array, &DataType::Int64).ok()?;
            Some(Ids::Whole(whole.as_primitive::<Int64Type>().clone()))
        }
        _ => None,
    }
}

fn numbers(array: &ArrayRef) -> Option<PrimitiveArray<Float64Type>> {
    if !array.data_type().is_integer() && !array.data_type().is_floating() {
        return None;
    }
    let numbers = arrow::compute::cast(array, &DataType::Float64).ok()?;
    Some(numbers.as_primitive::<Float64Type>().clone())
}

/// Times in microseconds.
fn times(array: &ArrayRef) -> Option<PrimitiveArray<Int64Type>> {
    fn scaled<T: ArrowPrimitiveType<Native = i64>>(
        array: &ArrayRef,
        factor: i64,
        divisor: i64,
    ) -> PrimitiveArray<Int64Type> {
        array.as_primitive::<T>().unary(|time| time.saturating_mul(factor).div_euclid(divisor))
    }
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Some(scaled::<TimestampMicrosecondType>(array, 1, 1))
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Some(scaled::<TimestampMillisecondType>(array, 1_000, 1))
        }
        DataType::Timestamp(TimeUnit::Second, _) => Some(scaled::<TimestampSecondType>(array, 1_000_000, 1)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Some(scaled::<TimestampNanosecondType>(array, 1, 1_000))
        }
        DataType::Date32 => Some(array.as_primitive::<Date32Type>().unary(|day| i64::from(day) * DAY)),
        _ => None,
    }
}

/// What the values of a dictionary mean, kept while batches share the dictionary.
struct Cache<T> {
    values: Option<ArrayRef>,
    meanings: Vec<Option<T>>,
    numbers: HashMap<i64, Option<T>>,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { values: None, meanings: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Copy> Cache<T> {
    fn prepare(
        &mut self,
        ids: &Ids,
        meaning: &mut impl FnMut(&str) -> Result<T, NotTaken>,
    ) -> Result<(), NotTaken> {
        let Ids::Texts { values, .. } = ids else { return Ok(()) };
        let texts = values.as_string::<i32>();
        // The known values are alive, so equal addresses are the same values.
        let address = |texts: &StringArray| (texts.len(), texts.offsets().as_ptr(), texts.values().as_ptr());
        if self.values.as_ref().is_some_and(|known| address(known.as_string()) == address(texts)) {
            return Ok(());
        }
        self.meanings.clear();
        for text in texts {
            self.meanings.push(text.and_then(clean).map(&mut *meaning).transpose()?);
        }
        self.values = Some(values.clone());
        Ok(())
    }

    #[inline]
    fn at(
        &mut self,
        ids: &Ids,
        row: usize,
        meaning: &mut impl FnMut(&str) -> Result<T, NotTaken>,
    ) -> Result<Option<T>, NotTaken> {
        match ids {
            Ids::Texts { keys, .. } if keys.is_valid(row) => {
                let key = usize::try_from(keys.value(row)).map_err(|_| NotTaken::Unusual)?;
                self.meanings.get(key).copied().ok_or(NotTaken::Unusual)
            }
            Ids::Whole(numbers) if numbers.is_valid(row) => {
                let number = numbers.value(row);
                if let Some(known) = self.numbers.get(&number) {
                    return Ok(*known);
                }
                let known = Some(meaning(&number.to_string())?);
                self.numbers.insert(number, known);
                Ok(known)
            }
            _ => Ok(None),
        }
    }
}

/// A row group being taken.
struct Taking<'a> {
    source: &'a Source<'a>,
    store: &'a StoreBuilder,
    accounts: Cache<Place>,
    events: Cache<u32>,
    users: Cache<u64>,
    channels: Cache<Channel>,
    taken: Taken,
}

impl Taking<'_> {
    fn batch(&mut self, batch: &Batch, packer: &mut crate::store::Packer) -> Result<(), NotTaken> {
        let Self { source, store, accounts, events, users, channels, taken } = self;
        let mut account = |id: &str| {
            let id = source.aliases.resolve(source.table, id.into());
            Ok(store.accounts.place(&id))
        };
        let mut event = |name: &str| Ok(store.events.code(name));
        let mut user = |id: &str| Ok(user_hash(id));
        let mut channel = |word: &str| {
            let word = word.to_lowercase().replace([' ', '-'], "_");
            let known = CHANNELS.iter().find(|(name, _)| *name == word);
            known.map(|(_, channel)| *channel).ok_or(NotTaken::Unusual)
        };
        accounts.prepare(&batch.account, &mut account)?;
        events.prepare(&batch.event, &mut event)?;
        if let Some(ids) = &batch.user {
            users.prepare(ids, &mut user)?;
        }
        if let Some(ids) = &batch.channel {
            channels.prepare(ids, &mut channel)?;
        }
        let optional = |column: &Option<PrimitiveArray<Float64Type>>, row: usize| {
            column.as_ref().filter(|column| column.is_valid(row)).map(|column| column.value(row))
        };
        for row in 0..batch.n_rows {
            let place = accounts.at(&batch.account, row, &mut account)?.ok_or(NotTaken::Unusual)?;
            let event = events.at(&batch.event, row, &mut event)?.ok_or(NotTaken::Unusual)?;
            let user = match &batch.user {
                Some(ids) => users.at(ids, row, &mut user)?,
                None => None,
            };
            let channel = match &batch.channel {
                Some(ids) => channels.at(ids, row, &mut channel)?,
                None => None,
            };
            if batch.occurred.is_null(row) {
                return Err(NotTaken::Unusual);
            }
            let recorded =
                batch.recorded.as_ref().filter(|times| times.is_valid(row)).map(|times| times.value(row));
            let (occurred_at, visible_at) = source.times(batch.occurred.value(row), recorded)?;
            taken.note(occurred_at, visible_at, recorded, source);
            let value = number(optional(&batch.value, row))?;
            let (count, active_users) = if source.is_daily {
                let count = whole(number(optional(&batch.count, row))?)?.ok_or(NotTaken::Unusual)?;
                (Some(count), whole(number(optional(&batch.active_users, row))?)?)
            } else {
                (None, None)
            };
            let row = UsageRow { occurred_at, visible_at, event, user, count, active_users, value, channel };
            packer.usage(place, &row)?;
        }
        taken.n_rows += batch.n_rows;
        Ok(())
    }
}

impl Source<'_> {
    /// When a row happened and became known, checked as [`super::check`] does.
    #[inline]
    fn times(&self, occurred: i64, recorded: Option<i64>) -> Result<(i64, i64), NotTaken> {
        let occurred_at = if self.is_daily { occurred.div_euclid(DAY) * DAY } else { occurred };
        let latest = self.present.map_or(i64::MAX, Present::latest);
        let is_usual = |time: i64| in_calendar(Timestamp(time)) && time <= latest;
        let is_recorded_before =
            recorded.is_some_and(|recorded| occurred_at > recorded.saturating_add(GRACE));
        if !is_usual(occurred_at) || recorded.is_some_and(|time| !is_usual(time)) || is_recorded_before {
            return Err(NotTaken::Unusual);
        }
        // A daily sum is known once its day is over.
        let known = if self.is_daily { occurred_at + (DAY - 1) } else { occurred_at };
        Ok((occurred_at, recorded.map_or(known + self.delay, |recorded| recorded.max(known))))
    }
}

impl Taken {
    #[inline]
    fn note(&mut self, occurred_at: i64, visible_at: i64, recorded: Option<i64>, source: &Source<'_>) {
        let occurred = Timestamp(occurred_at);
        self.first = Some(self.first.map_or(occurred, |first| first.min(occurred)));
        self.last = self.last.max(Some(occurred));
        let visible = if source.is_daily { visible_at + 1 } else { visible_at };
        for time in [Some(occurred_at), recorded, Some(visible)].into_iter().flatten() {
            let time = Timestamp(time);
            if source.now.is_none_or(|now| time <= now) {
                self.known_at = self.known_at.max(Some(time));
            }
        }
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
