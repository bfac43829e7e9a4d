//! The last half year of an account's usage, day by day, and what is remembered of the time before: one sweep
//! over the account's rows for all of its observations.
//!
//! The sweep keeps a grid of days that only grows as rows become known, late ones included; a window is a slice
//! of the grid, so that an observation costs what its windows hold and not what happened in them.

use std::cell::OnceCell;
use std::ops::Range;

use super::usage_days::{DAYS, Daily, Days, Sets};
use crate::history::Channel;
use crate::store::{NO_USER, UsageRows};
use crate::time::{DAY, Timestamp};

/// One event's use.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventUse<'a> {
    /// The days on which it was used.
    pub(super) days: Days<'a>,
    /// The first use ever.
    pub(super) first: Timestamp,
}

/// One of the events that have features of their own.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedUse<'a> {
    /// The latest use.
    pub(super) last: Timestamp,
    /// Over the account's whole life.
    pub(super) count_ever: f64,
    /// Over the account's whole life.
    pub(super) value_ever: f64,
    pub(super) count: Daily<'a>,
    pub(super) value: Daily<'a>,
}

/// Usage as known at an observation.
#[derive(Debug)]
pub(super) struct UsageWindow<'a> {
    pub(super) as_of: Timestamp,
    /// The end of the last day of the grids: the observation itself, or its midnight where only days are told.
    pub(super) until: Timestamp,
    pub(super) count: Daily<'a>,
    pub(super) value: Daily<'a>,
    /// By [`Channel`], in its order.
    pub(super) channels: [Daily<'a>; 4],
    /// Largest number of daily users that any row of the day tells.
    pub(super) active_users: Daily<'a>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) knows: Knows,
    sweep: &'a UsageSweep,
    edge: usize,
    users: OnceCell<Sets>,
    events: OnceCell<Sets>,
}

/// Which optional columns of usage the account's rows have filled so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Knows {
    pub(super) users: bool,
    /// Each [`Channel`], in its order.
    pub(super) channels: [bool; 4],
    pub(super) active_users: bool,
    pub(super) values: bool,
}

/// An account's usage, swept once in time order. Its buffers serve one account after another.
#[derive(Debug, Default)]
pub(super) struct UsageSweep {
    /// The day with which the grid begins, and how many it has.
    base: i64,
    n_days: usize,
    /// Microseconds after midnight at which days begin: the observations' time of day.
    phase: i64,
    count: Vec<f64>,
    value: Vec<f64>,
    channels: [Vec<f64>; 4],
    active_users: Vec<f64>,
    /// A set of days each, all of one length.
    user_days: Vec<u64>,
    event_days: Vec<u64>,
    n_words: usize,
    /// First and latest use of each event of the account; [`UNUSED`] before any.
    spans: Vec<(i64, i64)>,
    named: Vec<Named>,
    /// The account's number of each event of the history; [`UNSEEN`] where it has none.
    event_at: Vec<u32>,
    /// The reverse.
    events: Vec<u32>,
    /// The account's events that have features of their own: for each its position among the named.
    slots: Vec<Option<usize>>,
    /// The rows in the order in which they become known; empty where they stand so.
    order: Vec<u32>,
    /// Where in this order the rows begin that become known only after each observation.
    ends: Vec<usize>,
    /// The first observation that may know each row: while rows are brought in order.
    buckets: Vec<u32>,
    seen: usize,
    /// First and latest use of anything.
    span: (i64, i64),
    knows: Knows,
}

/// What is kept of an event with features of its own.
#[derive(Debug, Default)]
struct Named {
    /// The account's number of the event, if it has one.
    event: Option<usize>,
    count_ever: f64,
    value_ever: f64,
    count: Vec<f64>,
    value: Vec<f64>,
}

/// How the usage of a history is to be swept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sweeping<'a> {
    /// For each event of the history its position among those with features of their own.
    pub(super) slot_of: &'a [Option<usize>],
    pub(super) n_named: usize,
    /// Daily sums have no time of day: their windows end at midnight.
    pub(super) is_daily: bool,
}

const UNSEEN: u32 = u32::MAX;
/// The first and the latest of no times.
const UNUSED: (i64, i64) = (i64::MAX, i64::MIN);

/// Sums of whole numbers below this are exact in any order.
pub(super) const EXACT: f64 = 9_007_199_254_740_992.0;

impl<'a> UsageWindow<'a> {
    /// Usage through `channels` within `ages`; NaN where the account never used any of them so far.
    pub(super) fn through(&self, channels: &[Channel], ages: Range<usize>) -> f64 {
        let used = channels.iter().filter(|channel| self.knows.channels[**channel as usize]);
        let sums = used.map(|channel| self.channels[*channel as usize].sum(ages.clone()));
        sums.reduce(|a, b| a + b).unwrap_or(f64::NAN)
    }

    /// Weeks since the first use, at least one.
    pub(super) fn weeks(&self) -> f64 {
        (self.as_of.days_since(self.first) / 7.0).max(1.0)
    }

    /// The days of the users.
    pub(super) fn users(&self) -> &Sets {
        self.users.get_or_init(|| Sets::of(self.days_of(&self.sweep.user_days)))
    }

    /// The days of the events.
    pub(super) fn event_days(&self) -> &Sets {
        self.events.get_or_init(|| Sets::of(self.days_of(&self.sweep.event_days)))
    }

    fn days_of(&self, sets: &'a [u64]) -> impl Iterator<Item = Days<'a>> {
        let edge = self.edge;
        sets.chunks_exact(self.sweep.n_words).map(move |words| Days { words, edge })
    }

    /// Every event used so far.
    pub(super) fn events(&self) -> impl Iterator<Item = EventUse<'a>> {
        let spans = self.sweep.spans.iter().zip(self.days_of(&self.sweep.event_days));
        spans
            .filter(|(span, _)| **span != UNUSED)
            .map(|(&(first, _), days)| EventUse { days, first: Timestamp(first) })
    }

    /// The event at that position of the named ones; `None` where the account never used it so far.
    pub(super) fn named(&self, slot: usize) -> Option<NamedUse<'a>> {
        let named = self.sweep.named.get(slot)?;
        let &(_, last) = self.sweep.spans.get(named.event?).filter(|span| **span != UNUSED)?;
        let (count, value) =
            (self.sweep.days(&named.count, self.edge), self.sweep.days(&named.value, self.edge));
        let Named { count_ever, value_ever, .. } = *named;
        Some(NamedUse { last: Timestamp(last), count_ever, value_ever, count, value })
    }
}

impl UsageSweep {
    /// Begins with the `rows` of an account; `as_ofs` are its observations, ascending, all at one time of day.
    pub(super) fn begin(&mut self, rows: &UsageRows<'_>, as_ofs: &[Timestamp], sweeping: Sweeping<'_>) {
        self.phase =
            if sweeping.is_daily { 0 } else { as_ofs.first().map_or(0, |as_of| as_of.0.rem_euclid(DAY)) };
        let (first, last) = (as_ofs.first().map_or(0, |at| at.day()), as_ofs.last().map_or(0, |at| at.day()));
        self.base = first - i64::try_from(DAYS).unwrap_or(0);
        self.n_days = usize::try_from(last - self.base).unwrap_or(0);
        self.n_words = self.n_days.div_ceil(64).max(1);
        let grids = [&mut self.count, &mut self.value, &mut self.active_users];
        for grid in grids.into_iter().chain(&mut self.channels) {
            refill(grid, self.n_days, 0.0);
        }
        refill(&mut self.user_days, rows.n_users * self.n_words, 0);
        self.number_events(rows, sweeping);
        refill(&mut self.event_days, self.events.len() * self.n_words, 0);
        refill(&mut self.spans, self.events.len(), UNUSED);
        self.named.resize_with(sweeping.n_named, Named::default);
        for named in &mut self.named {
            (named.event, named.count_ever, named.value_ever) = (None, 0.0, 0.0);
        }
        for (event, slot) in self.slots.iter().enumerate() {
            let Some(slot) = *slot else { continue };
            let named = &mut self.named[slot];
            named.event = Some(event);
            refill(&mut named.count, self.n_days, 0.0);
            refill(&mut named.value, self.n_days, 0.0);
        }
        (self.seen, self.span, self.knows) = (0, UNUSED, Knows::default());
        self.order_rows(rows, as_ofs);
    }

    /// Numbers the events that the account uses, so that what is kept of each stays small.
    fn number_events(&mut self, rows: &UsageRows<'_>, sweeping: Sweeping<'_>) {
        for &event in &self.events {
            self.event_at[event as usize] = UNSEEN;
        }
        self.events.clear();
        self.slots.clear();
        self.event_at.resize(sweeping.slot_of.len(), UNSEEN);
        for &event in rows.event {
            let at = &mut self.event_at[event as usize];
            if *at == UNSEEN {
                *at = u32::try_from(self.events.len()).unwrap_or(UNSEEN);
                self.events.push(event);
                self.slots.push(sweeping.slot_of[event as usize]);
            }
        }
    }

    /// Brings the rows in the order of the first observation that may know them. Where sums depend on the order of
    /// what is added, rows of one observation are ordered by content: the order of the input must not show.
    fn order_rows(&mut self, rows: &UsageRows<'_>, as_ofs: &[Timestamp]) {
        self.ends.clear();
        self.ends.resize(as_ofs.len() + 1, 0);
        self.buckets.clear();
        // The bucket at hand, and the times of its rows: nearly always those of the next row too.
        let (mut bucket, mut times) = (0, 0..0);
        let (mut last, mut is_in_order) = (0, true);
        for &visible_at in rows.visible_at {
            if !times.contains(&visible_at) {
                bucket = as_ofs.partition_point(|as_of| as_of.0 <= visible_at);
                let start = bucket.checked_sub(1).and_then(|before| as_ofs.get(before));
                times =
                    start.map_or(i64::MIN, |as_of| as_of.0)..as_ofs.get(bucket).map_or(i64::MAX, |at| at.0);
                is_in_order &= last <= bucket;
                last = bucket;
            }
            self.ends[bucket] += 1;
            self.buckets.push(u32::try_from(bucket).unwrap_or(u32::MAX));
        }
        let is_exact = is_exact(rows);
        self.order.clear();
        if is_in_order && is_exact {
            let mut end = 0;
            for of_bucket in &mut self.ends {
                end += *of_bucket;
                *of_bucket = end;
            }
            return;
        }
        let mut start = 0;
        for end in &mut self.ends {
            (*end, start) = (start, start + *end);
        }
        self.order.resize(rows.event.len(), 0);
        // Here `ends` holds where each bucket's next row goes; afterwards, where it ends.
        for (row, &bucket) in (0..).zip(&self.buckets) {
            let next = &mut self.ends[bucket as usize];
            self.order[*next] = row;
            *next += 1;
        }
        if !is_exact {
            let mut start = 0;
            for &end in &self.ends {
                self.order[start..end].sort_unstable_by(|&a, &b| by_content(rows, a as usize, b as usize));
                start = end;
            }
        }
    }

    /// The usage known at the observation at `index`, which must not be before that of an earlier call; `None`
    /// before any use.
    pub(super) fn at(
        &mut self,
        rows: &UsageRows<'_>,
        index: usize,
        as_of: Timestamp,
    ) -> Option<UsageWindow<'_>> {
        let end = self.ends.get(index).copied().unwrap_or(self.seen);
        if self.seen < end {
            self.remember(rows, self.seen..end);
            self.seen = end;
        }
        let (first, last) = Some(self.span).filter(|span| *span != UNUSED)?;
        let edge = usize::try_from(as_of.day() - self.base).unwrap_or(0);
        let days = |grid| self.days(grid, edge);
        Some(UsageWindow {
            as_of,
            until: Timestamp(as_of.day() * DAY + self.phase),
            count: days(&self.count),
            value: days(&self.value),
            channels: self.channels.each_ref().map(|grid| days(grid)),
            active_users: days(&self.active_users),
            first: Timestamp(first),
            last: Timestamp(last),
            knows: self.knows,
            sweep: self,
            edge,
            users: OnceCell::new(),
            events: OnceCell::new(),
        })
    }

    fn days<'a>(&self, grid: &'a [f64], edge: usize) -> Daily<'a> {
        Daily(&grid[edge - DAYS..edge])
    }

    /// Takes in the rows at these positions of the order.
    fn remember(&mut self, rows: &UsageRows<'_>, of_order: Range<usize>) {
        let Self { event_at, spans, slots, named, count, value, channels, active_users, .. } = self;
        let Self { user_days, event_days, n_words, n_days, .. } = self;
        let (n_words, n_days) = (*n_words, *n_days);
        let (mut span, mut knows) = (self.span, self.knows);
        let start = self.base * DAY + self.phase;
        // All of one length, so that a row is looked for once.
        let n_rows = rows.event.len();
        let (times, events, users) = (&rows.occurred_at[..n_rows], rows.event, &rows.user[..n_rows]);
        let (values, through) = (&rows.value[..n_rows], &rows.channel[..n_rows]);
        let mut one = |row: usize| {
            let time = times[row];
            let event = event_at[events[row] as usize] as usize;
            let n_events = rows.count.get(row).copied().unwrap_or(1.0);
            let (carried, channel, user) = (values[row], through[row], users[row]);
            let has_value = !carried.is_nan();
            let carried = if has_value { carried } else { 0.0 };
            span = (span.0.min(time), span.1.max(time));
            let of_event = &mut spans[event];
            *of_event = (of_event.0.min(time), of_event.1.max(time));
            knows.users |= user != NO_USER;
            knows.values |= has_value;
            if let Some(channel) = channel {
                knows.channels[channel as usize] = true;
            }
            // Earlier days than the grid's lie in no window.
            let since = time.wrapping_sub(start).cast_unsigned() / DAY.cast_unsigned();
            let day = usize::try_from(since).ok().filter(|&day| day < n_days);
            if let Some(day) = day {
                count[day] += n_events;
                value[day] += carried;
                if let Some(channel) = channel {
                    channels[channel as usize][day] += n_events;
                }
                let (word, bit) = (day / 64, 1 << (day % 64));
                event_days[event * n_words + word] |= bit;
                if user != NO_USER {
                    user_days[user as usize * n_words + word] |= bit;
                }
            }
            if let Some(users) = rows.active_users.get(row).filter(|users| !users.is_nan()) {
                knows.active_users = true;
                if let Some(day) = day {
                    active_users[day] = active_users[day].max(*users);
                }
            }
            if let Some(slot) = slots[event] {
                let named = &mut named[slot];
                named.count_ever += n_events;
                named.value_ever += carried;
                if let Some(day) = day {
                    named.count[day] += n_events;
                    named.value[day] += carried;
                }
            }
        };
        if self.order.is_empty() {
            of_order.for_each(one);
        } else {
            self.order[of_order].iter().for_each(|&row| one(row as usize));
        }
        (self.span, self.knows) = (span, knows);
    }
}

fn refill<T: Clone>(buffer: &mut Vec<T>, length: usize, value: T) {
    buffer.clear();
    buffer.resize(length, value);
}

/// Whether sums over the rows are the same in any order: whole numbers that stay small.
fn is_exact(rows: &UsageRows<'_>) -> bool {
    let whole = |column: &[f64]| {
        let mut sum = 0.0;
        let is_whole = column.iter().filter(|value| !value.is_nan()).all(|value| {
            sum += value.abs();
            value.trunc().to_bits() == value.to_bits()
        });
        is_whole && sum < EXACT
    };
    whole(rows.value) && whole(rows.count)
}

/// By what is added up: rows that are equal here add the same.
fn by_content(rows: &UsageRows<'_>, a: usize, b: usize) -> std::cmp::Ordering {
    let number = |column: &[f64], row: usize| column.get(row).copied().unwrap_or(1.0);
    let key = |row: usize| (rows.visible_at[row], rows.occurred_at[row], rows.event[row], rows.channel[row]);
    key(a)
        .cmp(&key(b))
        .then(number(rows.value, a).total_cmp(&number(rows.value, b)))
        .then(number(rows.count, a).total_cmp(&number(rows.count, b)))
}
