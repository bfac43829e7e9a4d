//! Batches of usage on their way into the store: checked a column at a time, and sent to the parts of its accounts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{Array, PrimitiveArray};
use arrow::compute::{max, min};
use arrow::datatypes::{Float64Type, Int64Type};
use foldhash::fast::FixedState;

use super::batch::Batch;
use super::cache::Cache;
use super::{NotTaken, Source, Taken};
use crate::history::{Channel, Text};
use crate::read::check::{GRACE, Present};
use crate::read::contract::words::CHANNELS;
use crate::read::convert::in_calendar;
use crate::store::{Chosen, NOBODY, Packer, Place, Rows, StoreBuilder, Whose, channel_number, user_hash};
use crate::time::{DAY, Timestamp};

/// What one thread keeps while it takes row groups.
pub(super) struct Taking<'a> {
    source: &'a Source<'a>,
    store: &'a StoreBuilder,
    accounts: Cache<Place>,
    events: Cache<u32>,
    users: Cache<u64>,
    channels: Cache<Channel>,
    pub(super) taken: Taken,
    /// The accounts named so far: the store's own list is shared with the other threads.
    places: RefCell<HashMap<Text, Place, FixedState>>,
    rows: Rows,
    /// Positions of channels and events.
    positions: Vec<u32>,
    occurred_at: Vec<i64>,
    later: Vec<i64>,
}

impl<'a> Taking<'a> {
    pub(super) fn new(source: &'a Source<'a>, store: &'a StoreBuilder) -> Self {
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

    pub(super) fn batch(&mut self, batch: &Batch, packer: &mut Packer) -> Result<(), NotTaken> {
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
        let occurred = batch.occurred.values();
        occurred_at.extend(occurred.iter().map(|&occurred| source.times(occurred, None).0));
        let mut is_usual = true;
        let mut told = |at: i64, recorded: i64| {
            is_usual &= at <= recorded.saturating_add(GRACE);
            source.times(at, Some(recorded)).1.wrapping_sub(at)
        };
        let untold = |at: i64| source.times(at, None).1.wrapping_sub(at);
        let happened = occurred_at.iter().copied();
        match &batch.recorded {
            None => later.extend(happened.map(untold)),
            Some(recorded) if recorded.null_count() == 0 => {
                later.extend(happened.zip(recorded.values()).map(|(at, &recorded)| told(at, recorded)));
            }
            Some(recorded) => {
                let of = |(at, recorded): (i64, Option<i64>)| match recorded {
                    Some(recorded) => told(at, recorded),
                    None => untold(at),
                };
                later.extend(happened.zip(recorded).map(of));
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
