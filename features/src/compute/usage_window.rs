//! The last half year of an account's usage, day by day, and what is remembered of the time before.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::history::{Channel, Text, Usage};
use crate::time::{DAY, Timestamp};

/// Days that a window looks back.
pub(super) const DAYS: usize = 180;

/// A set of days, by age: 0 is the day before the observation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct DaySet([u64; 3]);

/// Sums by age of the day.
#[derive(Debug, Clone)]
pub(super) struct Daily(Box<[f64; DAYS]>);

/// One event's use.
#[derive(Debug, Clone)]
pub(super) struct EventUse {
    /// The days of the window on which it was used.
    pub(super) days: DaySet,
    /// The first use ever.
    pub(super) first: Timestamp,
}

/// One of the events that have features of their own.
#[derive(Debug, Clone)]
pub(super) struct NamedUse {
    /// The latest use.
    pub(super) last: Timestamp,
    /// Over the account's whole life.
    pub(super) count_ever: f64,
    /// Over the account's whole life.
    pub(super) value_ever: f64,
    pub(super) count: Daily,
    pub(super) value: Daily,
}

/// Usage as known at an observation.
#[derive(Debug, Clone)]
pub(super) struct UsageWindow {
    pub(super) as_of: Timestamp,
    pub(super) count: Daily,
    pub(super) value: Daily,
    pub(super) api: Daily,
    /// Through the user interface or a mobile device.
    pub(super) interactive: Daily,
    /// Largest number of daily users that any row of the day tells.
    pub(super) active_users: Daily,
    /// Each user's days.
    pub(super) users: Vec<DaySet>,
    /// Every event used so far.
    pub(super) events: Vec<EventUse>,
    /// In the order of the plan's names; `None` where the account never used it.
    pub(super) named: Vec<Option<NamedUse>>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) knows: Knows,
}

/// Which optional columns of usage the account's rows have filled so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "five independent columns, each known or not")]
pub(super) struct Knows {
    pub(super) users: bool,
    pub(super) channels: bool,
    pub(super) interactive: bool,
    pub(super) active_users: bool,
    pub(super) values: bool,
}

/// An account's usage, swept once in time order.
pub(super) struct UsageSweep<'a> {
    rows: &'a [Usage],
    /// Position of each row's event and user; equal texts have equal positions.
    event_of: Vec<usize>,
    user_of: Vec<Option<usize>>,
    n_users: usize,
    /// For each event, its position among the named ones.
    slot_of: Vec<Option<usize>>,
    n_named: usize,
    /// Daily sums have no time of day: their windows end at midnight.
    is_daily: bool,
    seen: usize,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// For each event, its first and latest use.
    spans: Vec<Option<(Timestamp, Timestamp)>>,
    /// For each event, the sums of counts and values.
    ever: Vec<(f64, f64)>,
    knows: Knows,
}

impl DaySet {
    fn insert(&mut self, age: usize) {
        self.0[age / 64] |= 1 << (age % 64);
    }

    fn contains(self, age: usize) -> bool {
        self.0[age / 64] >> (age % 64) & 1 == 1
    }

    /// The number of days of `ages` in the set.
    pub(super) fn count(self, ages: Range<usize>) -> usize {
        ages.filter(|&age| self.contains(age)).count()
    }

    /// Whether any day of `ages` is in the set.
    pub(super) fn any(self, mut ages: Range<usize>) -> bool {
        ages.any(|age| self.contains(age))
    }
}

impl Daily {
    fn zero() -> Self {
        Self(Box::new([0.0; DAYS]))
    }

    /// The sum over `ages`, the latest day first.
    pub(super) fn sum(&self, ages: Range<usize>) -> f64 {
        self.0[ages].iter().sum()
    }

    /// The days of `ages` with more than 0.
    pub(super) fn days(&self, ages: Range<usize>) -> usize {
        self.0[ages].iter().filter(|&&sum| sum > 0.0).count()
    }

    /// The sum of the day of that age.
    pub(super) fn at(&self, age: usize) -> f64 {
        self.0[age]
    }
}

impl UsageWindow {
    /// Weeks since the first use, at least one.
    pub(super) fn weeks(&self) -> f64 {
        (self.as_of.days_since(self.first) / 7.0).max(1.0)
    }
}

impl<'a> UsageSweep<'a> {
    /// `rows` in the order of `visible_at`; `names` are the events with features of their own.
    pub(super) fn new(rows: &'a [Usage], names: &[Text], is_daily: bool) -> Self {
        let mut events: BTreeMap<&str, usize> = BTreeMap::new();
        let mut users: BTreeMap<&str, usize> = BTreeMap::new();
        let mut event_of = Vec::with_capacity(rows.len());
        let mut user_of = Vec::with_capacity(rows.len());
        for row in rows {
            let next = events.len();
            event_of.push(*events.entry(&row.event).or_insert(next));
            user_of.push(row.user_id.as_deref().map(|user| {
                let next = users.len();
                *users.entry(user).or_insert(next)
            }));
        }
        let mut slot_of = vec![None; events.len()];
        for (event, index) in &events {
            slot_of[*index] = names.iter().position(|name| **name == **event);
        }
        Self {
            rows,
            event_of,
            user_of,
            n_users: users.len(),
            spans: vec![None; events.len()],
            ever: vec![(0.0, 0.0); events.len()],
            slot_of,
            n_named: names.len(),
            is_daily,
            seen: 0,
            first: None,
            last: None,
            knows: Knows::default(),
        }
    }

    /// The usage known at `as_of`, which must not be before that of an earlier call; `None` before any use.
    pub(super) fn at(&mut self, as_of: Timestamp) -> Option<UsageWindow> {
        while let Some(row) = self.rows.get(self.seen).filter(|row| row.visible_at < as_of) {
            self.remember(self.seen, row);
            self.seen += 1;
        }
        let (first, last) = (self.first?, self.last?);
        let edge = if self.is_daily { as_of.midnight() } else { as_of };
        let mut window = UsageWindow {
            as_of,
            count: Daily::zero(),
            value: Daily::zero(),
            api: Daily::zero(),
            interactive: Daily::zero(),
            active_users: Daily::zero(),
            users: vec![DaySet::default(); self.n_users],
            events: Vec::new(),
            named: vec![None; self.n_named],
            first,
            last,
            knows: self.knows,
        };
        let mut event_days = vec![DaySet::default(); self.spans.len()];
        for (event, slot) in self.slot_of.iter().enumerate() {
            if let (Some(slot), Some((_, last))) = (slot, self.spans[event]) {
                let (count_ever, value_ever) = self.ever[event];
                let (count, value) = (Daily::zero(), Daily::zero());
                window.named[*slot] = Some(NamedUse { last, count_ever, value_ever, count, value });
            }
        }
        // No row becomes visible before it happens, so older rows than this cannot lie in the window.
        let oldest = edge.plus_days(-i64::try_from(DAYS).unwrap_or(0));
        let from = self.rows[..self.seen].partition_point(|row| row.visible_at < oldest);
        for index in from..self.seen {
            let row = &self.rows[index];
            let Some(age) = age(row.occurred_at, edge) else { continue };
            let event = self.event_of[index];
            event_days[event].insert(age);
            if let Some(user) = self.user_of[index] {
                window.users[user].insert(age);
            }
            let named = self.slot_of[event].and_then(|slot| window.named[slot].as_mut());
            window_add(&mut window.count, age, row.count);
            window_add(&mut window.value, age, row.value.unwrap_or(0.0));
            if let Some(named) = named {
                window_add(&mut named.count, age, row.count);
                window_add(&mut named.value, age, row.value.unwrap_or(0.0));
            }
            match row.channel {
                Some(Channel::Api | Channel::Integration) => window_add(&mut window.api, age, row.count),
                Some(Channel::Ui | Channel::Mobile) => window_add(&mut window.interactive, age, row.count),
                None => {}
            }
            let users = row.active_users.unwrap_or(0.0);
            window.active_users.0[age] = window.active_users.0[age].max(users);
        }
        let uses = self.spans.iter().zip(event_days);
        window.events =
            uses.filter_map(|(span, days)| span.map(|(first, _)| EventUse { days, first })).collect();
        Some(window)
    }

    fn remember(&mut self, index: usize, row: &Usage) {
        let time = row.occurred_at;
        let widen = |span: Option<(Timestamp, Timestamp)>| {
            span.map_or((time, time), |(first, last)| (first.min(time), last.max(time)))
        };
        let event = self.event_of[index];
        self.spans[event] = Some(widen(self.spans[event]));
        self.ever[event].0 += row.count;
        self.ever[event].1 += row.value.unwrap_or(0.0);
        let (first, last) = widen(self.first.zip(self.last));
        (self.first, self.last) = (Some(first), Some(last));
        self.knows.users |= row.user_id.is_some();
        self.knows.channels |= row.channel.is_some();
        self.knows.interactive |= matches!(row.channel, Some(Channel::Ui | Channel::Mobile));
        self.knows.active_users |= row.active_users.is_some();
        self.knows.values |= row.value.is_some();
    }
}

fn window_add(daily: &mut Daily, age: usize, amount: f64) {
    daily.0[age] += amount;
}

/// The age in days of `time` at `edge`: 0 for the 24 hours before it.
fn age(time: Timestamp, edge: Timestamp) -> Option<usize> {
    let age = usize::try_from((edge - time - 1).div_euclid(DAY)).ok()?;
    (age < DAYS).then_some(age)
}
