//! What must hold of a row: required values, the order of its times, nothing from the future, unique ids.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

use foldhash::fast::FixedState;

use crate::history::SurveyKind;
use crate::time::{DAY, Timestamp};

use super::config::HistoryConfig;
use super::contract::{ColumnKind, EventTime, Presence, TableSchema, Tense, words};
use super::convert::Typed;
use super::error::Reason;

/// The typed columns of some rows of a file, in the order of the schema.
pub(super) struct Batch {
    pub(super) schema: &'static TableSchema,
    pub(super) n_rows: usize,
    /// `None` where the file has no such column.
    pub(super) columns: Vec<Option<Typed>>,
}

/// Something wrong with a row.
pub(super) struct BadRow {
    /// 0-based row of the batch.
    pub(super) row: usize,
    /// The position of the column in the schema.
    pub(super) column: Option<usize>,
    /// The value, where it is at fault.
    pub(super) value: Option<String>,
    /// What is wrong.
    pub(super) reason: Reason,
}

/// Ids that were seen, by 128 bits of hash each: tables may have more rows than memory holds texts.
#[derive(Debug, Default)]
pub(super) struct SeenIds(HashSet<u128, FixedState>);

impl SeenIds {
    /// Adds an id; whether it is new.
    fn insert(&mut self, id: &str) -> bool {
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u8(salt);
            hasher.write(id.as_bytes());
            u128::from(hasher.finish())
        };
        self.0.insert(half(0) << 64 | half(1))
    }
}

/// After which time nothing can have happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Present {
    time: Timestamp,
    why: &'static str,
}

/// Dates are days of some time zone: a day of grace keeps the user's today from being tomorrow in UTC.
pub(super) const GRACE: i64 = DAY;

/// How far ahead a row's own event may be planned: contracts are signed months before they start, not years.
const PLANNING_DAYS: i64 = 731;

impl Present {
    /// The latest time, in microseconds, at which anything can have happened.
    pub(super) fn latest(self) -> i64 {
        (self.time + GRACE).0
    }

    pub(super) fn new(config: &HistoryConfig) -> Option<Self> {
        let configured = config.until.map(|time| Self { time, why: "`until` in the configuration" });
        configured.or_else(|| config.now.map(|time| Self { time, why: "the present" }))
    }
}

impl Batch {
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.schema.columns.iter().position(|column| column.name == name)
    }

    /// The times of the column `name`, if the file has it.
    pub(super) fn times(&self, name: &str) -> Option<&[Option<Timestamp>]> {
        match self.columns[self.position(name)?].as_ref()? {
            Typed::Time(times) => Some(times),
            _ => None,
        }
    }

    /// The time of the column `name` in `row`.
    pub(super) fn time(&self, name: &str, row: usize) -> Option<Timestamp> {
        self.times(name).and_then(|times| times[row])
    }

    /// When what `row` tells happened.
    pub(super) fn event_time(&self, row: usize) -> Option<Timestamp> {
        match self.schema.event_time {
            EventTime::Timeless => None,
            EventTime::At(name) | EventTime::DayOf(name) => self.time(name, row),
            EventTime::Earliest { plan, done } => {
                self.time(plan, row).into_iter().chain(self.time(done, row)).min()
            }
        }
    }

    /// From when features may use `row`: the later of its event time and `recorded_at`; without `recorded_at`
    /// its event time and the table's delay, in microseconds.
    pub(super) fn visible_at(&self, row: usize, delay: i64) -> Option<Timestamp> {
        let recorded = self.time("recorded_at", row);
        let event = match self.schema.event_time {
            // Known once the day is over, so that strictly before the next midnight it counts.
            EventTime::DayOf(name) => self.time(name, row).map(|day| day + (DAY - 1)),
            EventTime::Earliest { plan, done } => match (recorded, self.time(plan, row)) {
                (Some(recorded), Some(_)) => Some(recorded),
                (Some(_), None) => self.time(done, row),
                (None, _) => self.event_time(row),
            },
            EventTime::Timeless | EventTime::At(_) => self.event_time(row),
        };
        match (event, recorded) {
            (Some(event), Some(recorded)) => Some(event.max(recorded)),
            (Some(event), None) => Some(event + delay),
            (None, recorded) => recorded,
        }
    }

    /// The latest time, not after `now` where that is known, at which something was known that `row` shows: no
    /// term ends or plans. The end of a subscription is no plan once it is past, which only `now` tells.
    pub(super) fn known_at(&self, row: usize, delay: i64, now: Option<Timestamp>) -> Option<Timestamp> {
        let past = self.schema.columns.iter().zip(&self.columns).filter_map(|(column, typed)| {
            let Some(Typed::Time(times)) = typed else { return None };
            let is_past =
                matches!(column.kind, ColumnKind::Time(Tense::Past) | ColumnKind::Date(Tense::Past));
            let has_ended = self.schema.name == "subscriptions" && column.name == "ended_at" && now.is_some();
            times[row].filter(|_| is_past || has_ended)
        });
        let visible = match self.schema.event_time {
            EventTime::At(_) => self.visible_at(row, delay),
            EventTime::DayOf(name) => self.time(name, row).map(|day| {
                let recorded = self.time("recorded_at", row);
                recorded.map_or(day + (DAY + delay), |recorded| recorded.max(day + DAY))
            }),
            EventTime::Timeless | EventTime::Earliest { .. } => None,
        };
        past.chain(visible).filter(|time| now.is_none_or(|now| *time <= now)).max()
    }

    /// Everything wrong with the rows beyond the types of their cells, which are wrong in the `unreadable` rows; `seen`
    /// holds the ids of earlier rows that are good.
    pub(super) fn check(
        &self,
        present: Option<Present>,
        seen: &mut SeenIds,
        unreadable: &HashSet<usize>,
    ) -> Vec<BadRow> {
        let mut bad = Vec::new();
        for (index, column) in self.schema.columns.iter().enumerate() {
            let Some(typed) = &self.columns[index] else { continue };
            if column.presence == Presence::Required {
                for row in (0..self.n_rows).filter(|&row| !typed.is_given(row)) {
                    bad.push(BadRow { row, column: Some(index), value: None, reason: Reason::ValueMissing });
                }
            }
            if let (ColumnKind::Time(tense) | ColumnKind::Date(tense), Typed::Time(times), Some(present)) =
                (column.kind, typed, present)
            {
                let is_event = self.schema.event_time == EventTime::At(column.name);
                let latest = match tense {
                    Tense::Past => present.time + GRACE,
                    Tense::Planned if is_event => present.time.plus_days(PLANNING_DAYS),
                    Tense::Planned => continue,
                };
                let reason = || Reason::Future(present.time, present.why);
                bad.extend(late(times, index, |time, _| (time > latest).then(reason)));
            }
        }
        self.check_recorded(&mut bad);
        self.check_groups(&mut bad);
        self.check_order(&mut bad);
        self.check_nps(&mut bad);
        self.check_unique(seen, unreadable, &mut bad);
        bad
    }

    fn check_recorded(&self, bad: &mut Vec<BadRow>) {
        let (EventTime::At(name) | EventTime::DayOf(name)) = self.schema.event_time else { return };
        let Some(index) = self.position(name) else { return };
        let is_past = matches!(
            self.schema.columns[index].kind,
            ColumnKind::Time(Tense::Past) | ColumnKind::Date(Tense::Past)
        );
        if let (true, Some(times), Some(recorded)) = (is_past, self.times(name), self.times("recorded_at")) {
            bad.extend(late(times, index, |time, row| {
                recorded[row].filter(|&recorded| time > recorded + GRACE).map(Reason::AfterRecorded)
            }));
        }
    }

    fn check_groups(&self, bad: &mut Vec<BadRow>) {
        for group in self.schema.one_of {
            let is_given = |name: &&str, row| {
                self.position(name)
                    .and_then(|index| self.columns[index].as_ref())
                    .is_some_and(|typed: &Typed| typed.is_given(row))
            };
            for row in (0..self.n_rows).filter(|&row| !group.iter().any(|name| is_given(name, row))) {
                bad.push(BadRow { row, column: None, value: None, reason: Reason::NoneOf(group.to_vec()) });
            }
        }
    }

    /// Days are compared: one time may be exact where the other is a date.
    fn check_order(&self, bad: &mut Vec<BadRow>) {
        for &(first, second) in self.schema.in_order {
            if let (Some(starts), Some(ends), Some(index)) =
                (self.times(first), self.times(second), self.position(second))
            {
                bad.extend(late(ends, index, |end, row| {
                    let start = starts[row].filter(|start| end.day() < start.day())?;
                    Some(Reason::Before(first, start))
                }));
            }
        }
    }

    /// The NPS has one scale; customer satisfaction and effort are asked on many.
    fn check_nps(&self, bad: &mut Vec<BadRow>) {
        const SCALE: &str = "from 0 to 10, the scale of an NPS answer: correct it, or name its kind (csat or ces) in column `kind`";
        if self.schema.name != "surveys" {
            return;
        }
        let Some(index) = self.position("score") else { return };
        let Some(Typed::Number(scores)) = &self.columns[index] else { return };
        let kind = self.meaning("kind", &words::SURVEY_KINDS);
        let is_nps = |row: &usize| kind(*row).unwrap_or(SurveyKind::Nps) == SurveyKind::Nps;
        for row in (0..self.n_rows).filter(is_nps) {
            if let Some(score) = scores[row].filter(|score| !(0.0..=10.0).contains(score)) {
                let (column, value) = (Some(index), Some(score.to_string()));
                bad.push(BadRow { row, column, value, reason: Reason::OutOfRange(SCALE) });
            }
        }
    }

    fn check_unique(&self, seen: &mut SeenIds, unreadable: &HashSet<usize>, bad: &mut Vec<BadRow>) {
        let Some(index) = self.schema.unique.and_then(|name| self.position(name)) else { return };
        let Some(Typed::Text(ids)) = &self.columns[index] else { return };
        // A row that falls for another reason leaves its id to the row that corrects it.
        let is_bad: HashSet<usize> =
            bad.iter().map(|bad| bad.row).chain(unreadable.iter().copied()).collect();
        for (row, id) in ids.iter().enumerate().filter(|(row, _)| !is_bad.contains(row)) {
            if let Some(id) = id
                && !seen.insert(id)
            {
                let (column, value) = (Some(index), Some(id.to_string()));
                bad.push(BadRow { row, column, value, reason: Reason::DuplicateId });
            }
        }
    }
}

fn late(
    times: &[Option<Timestamp>],
    column: usize,
    judge: impl Fn(Timestamp, usize) -> Option<Reason>,
) -> Vec<BadRow> {
    let judged = times.iter().enumerate().filter_map(|(row, time)| {
        let time = (*time)?;
        let reason = judge(time, row)?;
        Some(BadRow { row, column: Some(column), value: Some(time.to_string()), reason })
    });
    judged.collect()
}
