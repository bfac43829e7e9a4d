//! One value over and over, each time without one of the account's facts: as if it were computed anew, at the price of the
//! one account.
//!
//! Rows of usage that would leave the same behind when left out are left out once. Usage shows in features only through
//! what [`super::usage_window`] keeps: numbers and marks of whole days, of events and of users within [`DAYS`] days; first
//! and last uses; and what kinds of values were ever told. Two rows of one day, event, user, channel and of equal numbers
//! are alike in all of these unless one is a first or last use.

use std::borrow::Cow;
use std::collections::HashMap;

use rayon::prelude::*;

use super::plan::Plan;
use super::rows::{Account, Kernel, own_usage};
use super::sweep::event_names;
use super::usage_days::DAYS;
use super::usage_window::{EXACT, Sweeping};
use super::{ComputeError, Key, Whole, empty_columns};
use crate::history::{AccountFacts, Channel, History, Text, Usage};
use crate::matrix::{Column, Value};
use crate::spec::FeatureSpec;
use crate::store::{Fact, UsageRows};
use crate::time::{DAY, Timestamp};

/// A value of an account whose facts are these.
pub(super) struct Leaving<'a> {
    /// The history without accounts.
    pub(super) shell: &'a History,
    pub(super) key: &'a Key,
    pub(super) spec: &'a FeatureSpec,
    /// The account's facts, usage in the order of its rows.
    pub(super) facts: &'a [Fact],
}

/// The usage of an account in columns that a row can be left out of.
#[derive(Clone)]
struct Columns {
    occurred_at: Vec<i64>,
    visible_at: Vec<i64>,
    event: Vec<u32>,
    user: Vec<u32>,
    value: Vec<f64>,
    channel: Vec<Option<Channel>>,
    count: Vec<f64>,
    active_users: Vec<f64>,
    n_users: usize,
}

/// What rows have in common that leave the same behind when left out.
#[derive(PartialEq, Eq, Hash)]
enum Alike<'a> {
    /// Itself alone.
    Only(usize),
    /// The age in days, where a window may hold it, with the user; older rows tell only whether there was a user.
    Rows {
        age: Option<i64>,
        user: Option<&'a str>,
        event: &'a str,
        channel: Option<Channel>,
        numbers: [u64; 3],
    },
}

impl Leaving<'_> {
    /// The value with all facts, then the value without each fact at the positions `asked`, as texts; `None` is missing.
    pub(super) fn values(
        &self,
        asked: &[usize],
    ) -> Result<(Option<String>, Vec<Option<String>>), ComputeError> {
        let (mut others, mut usage) = (self.empty(), Vec::new());
        // Where each row of usage stands among the facts.
        let mut at_of = Vec::new();
        for (at, fact) in self.facts.iter().enumerate() {
            match fact {
                Fact::Usage(row) => {
                    usage.push(row.clone());
                    at_of.push(at);
                }
                fact => others.add(fact.clone()),
            }
        }
        others.sort();
        others.usage = usage;
        let whole = History { accounts: vec![others], ..self.shell.clone() };
        let names = event_names(&whole).into_owned();
        let own = &whole.accounts[0];
        let of_usage = own_usage(own, &names);
        let columns = Columns::of(&of_usage.of(0));
        let run = Run::new(&whole, self.spec, &names)?;
        let value = run.value(own, &columns.rows(columns.event.len()), self.key);
        // Each row of usage is represented by the first of its kind.
        let first = first_alike(&own.usage, self.key.as_of, run.is_daily());
        let row_of: HashMap<usize, usize> = at_of.iter().enumerate().map(|(row, at)| (*at, row)).collect();
        let mut wanted: Vec<usize> =
            asked.iter().filter_map(|at| row_of.get(at).map(|row| first[*row])).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let left_out = wanted.par_iter().map_init(
            || columns.clone(),
            |columns, &row| {
                let last = columns.event.len() - 1;
                columns.swap(row, last);
                let value = run.value(own, &columns.rows(last), self.key);
                columns.swap(row, last);
                value
            },
        );
        let left_out: Vec<Option<String>> = left_out.collect();
        let without = |&at: &usize| match row_of.get(&at) {
            Some(row) => Ok(wanted.binary_search(&first[*row]).ok().and_then(|at| left_out[at].clone())),
            None => self.without_other(at, &names, &columns),
        };
        let without = asked.par_iter().map(without).collect::<Result<_, ComputeError>>()?;
        Ok((value, without))
    }

    /// The value without the fact at that position, which is none of usage. What is computed may hang on it, too.
    fn without_other(
        &self,
        at: usize,
        names: &[Text],
        columns: &Columns,
    ) -> Result<Option<String>, ComputeError> {
        let mut others = self.empty();
        let rest = self.facts.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, fact)| fact);
        rest.filter(|fact| !matches!(fact, Fact::Usage(_))).for_each(|fact| others.add(fact.clone()));
        others.sort();
        let whole = History { accounts: vec![others], ..self.shell.clone() };
        let run = Run::new(&whole, self.spec, names)?;
        Ok(run.value(&whole.accounts[0], &columns.rows(columns.event.len()), self.key))
    }

    fn empty(&self) -> AccountFacts {
        AccountFacts { account_id: self.key.account_id.clone(), ..AccountFacts::default() }
    }
}

/// What computing a value takes beside the account.
struct Run<'a> {
    plan: Plan,
    slot_of: Vec<Option<usize>>,
    spec: &'a FeatureSpec,
    history: &'a History,
}

impl<'a> Run<'a> {
    fn new(history: &'a History, spec: &'a FeatureSpec, names: &[Text]) -> Result<Self, ComputeError> {
        let plan = Plan::new(history, std::slice::from_ref(spec))?;
        let slot_of = names.iter().map(|name| plan.events.iter().position(|event| event == name)).collect();
        Ok(Self { plan, slot_of, spec, history })
    }

    fn is_daily(&self) -> bool {
        Whole::of(self.history, &self.plan).usage_is_daily
    }

    fn value(&self, facts: &AccountFacts, usage: &UsageRows<'_>, key: &Key) -> Option<String> {
        let whole = Whole::of(self.history, &self.plan);
        let sweeping = Sweeping {
            slot_of: &self.slot_of,
            n_named: self.plan.events.len(),
            is_daily: whole.usage_is_daily,
        };
        let mut columns: Vec<Column> = empty_columns(std::slice::from_ref(self.spec), 1);
        let account = Account { facts: Cow::Borrowed(facts), usage: *usage };
        Kernel::default().append(&account, &[key], &self.plan, sweeping, &whole, &mut columns);
        match columns.first()?.value(0) {
            Value::Number(number) if number.is_nan() => None,
            Value::Number(number) => Some(number.to_string()),
            Value::Text(text) => text.map(str::to_owned),
        }
    }
}

impl Columns {
    fn of(rows: &UsageRows<'_>) -> Self {
        Self {
            occurred_at: rows.occurred_at.to_vec(),
            visible_at: rows.visible_at.to_vec(),
            event: rows.event.to_vec(),
            user: rows.user.to_vec(),
            value: rows.value.to_vec(),
            channel: rows.channel.to_vec(),
            count: rows.count.to_vec(),
            active_users: rows.active_users.to_vec(),
            n_users: rows.n_users,
        }
    }

    /// The order of rows never shows.
    fn swap(&mut self, a: usize, b: usize) {
        self.occurred_at.swap(a, b);
        self.visible_at.swap(a, b);
        self.event.swap(a, b);
        self.user.swap(a, b);
        self.value.swap(a, b);
        self.channel.swap(a, b);
        for column in [&mut self.count, &mut self.active_users] {
            if !column.is_empty() {
                column.swap(a, b);
            }
        }
    }

    /// The first `n` rows.
    fn rows(&self, n: usize) -> UsageRows<'_> {
        let optional = |column: &'_ [f64]| n.min(column.len());
        UsageRows {
            occurred_at: &self.occurred_at[..n],
            visible_at: &self.visible_at[..n],
            event: &self.event[..n],
            user: &self.user[..n],
            value: &self.value[..n],
            channel: &self.channel[..n],
            count: &self.count[..optional(&self.count)],
            active_users: &self.active_users[..optional(&self.active_users)],
            n_users: self.n_users,
        }
    }
}

/// Of each row the first that is alike; all of them were known at `as_of`.
fn first_alike(usage: &[Usage], as_of: Timestamp, is_daily: bool) -> Vec<usize> {
    // Sums of broken numbers hang on the order of the rows: there no two are alike.
    let is_whole = |number: f64| number.trunc().to_bits() == number.to_bits();
    let numbers = || usage.iter().flat_map(|row| [Some(row.count), row.value]).flatten();
    let is_exact = numbers().all(is_whole) && numbers().map(f64::abs).sum::<f64>() < EXACT;
    let mut spans: HashMap<&str, (Timestamp, Timestamp)> = HashMap::new();
    for row in usage {
        let span = spans.entry(&row.event).or_insert((row.occurred_at, row.occurred_at));
        *span = (span.0.min(row.occurred_at), span.1.max(row.occurred_at));
    }
    let phase = if is_daily { 0 } else { as_of.0.rem_euclid(DAY) };
    let oldest = i64::try_from(DAYS).unwrap_or(i64::MAX);
    let mut first: HashMap<Alike<'_>, usize> = HashMap::new();
    let mut alike = Vec::with_capacity(usage.len());
    for (at, row) in usage.iter().enumerate() {
        let (begin, end) = spans[&*row.event];
        // A first or last use of its event, which those of all events are among.
        let is_edge = row.occurred_at == begin || row.occurred_at == end;
        let kind = if is_edge || !is_exact {
            Alike::Only(at)
        } else {
            let age = as_of.day() - (row.occurred_at.0 - phase).div_euclid(DAY);
            let age = Some(age).filter(|age| *age <= oldest);
            let user = row.user_id.as_deref().map(|user| if age.is_some() { user } else { "" });
            let bits = |number: Option<f64>| number.map_or(u64::MAX, f64::to_bits);
            let numbers = [row.count.to_bits(), bits(row.value), bits(row.active_users)];
            Alike::Rows { age, user, event: &row.event, channel: row.channel, numbers }
        };
        alike.push(*first.entry(kind).or_insert(at));
    }
    alike
}
