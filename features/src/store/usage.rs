//! Usage, the largest table by far, on its way in: about a dozen bytes a row packed.
//!
//! A block lists its accounts with their numbers of rows and its users by hash; then come its rows, column by column.
//! Users are told apart by a 64-bit hash of their id: nothing needs the id itself.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::FixedState;

use super::bytes::put;
use super::names::Place;
use super::narrow::{Times, put_column, put_floats};
use crate::history::Channel;

/// A row of usage on its way into the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UsageRow {
    pub(crate) occurred_at: i64,
    pub(crate) visible_at: i64,
    /// The code of its event.
    pub(crate) event: u32,
    /// See [`user_hash`].
    pub(crate) user: Option<u64>,
    /// `None` for a single event.
    pub(crate) count: Option<f64>,
    pub(crate) active_users: Option<f64>,
    pub(crate) value: Option<f64>,
    pub(crate) channel: Option<Channel>,
}

/// Many rows of usage on their way into the store, in columns of equal length.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// Positions in `accounts`.
    pub(crate) account: Vec<u32>,
    pub(crate) occurred_at: Times,
    /// How long after that they became known.
    pub(crate) later: Times,
    /// Codes.
    pub(crate) event: Vec<u32>,
    /// Positions in `users`, or [`NOBODY`].
    pub(crate) user: Vec<u32>,
    /// See [`channel_number`].
    pub(crate) channel: Vec<u8>,
    /// NaN for none.
    pub(crate) value: Vec<f64>,
    /// NaN for a single event; empty where every row is one.
    pub(crate) count: Vec<f64>,
    /// NaN for none; empty where no row tells.
    pub(crate) active_users: Vec<f64>,
}

/// Whose rows these are: kept from batch to batch while they mean the same.
#[derive(Debug)]
pub(crate) struct Whose<'a> {
    pub(crate) accounts: &'a [Option<Place>],
    /// See [`user_hash`].
    pub(crate) users: &'a [Option<u64>],
    /// Where a packer last put each account and each user.
    pub(crate) account_memos: &'a mut [Memo],
    pub(crate) user_memos: &'a mut [Memo],
}

/// Some of many rows: those in a row, or those at these positions.
#[derive(Debug, Clone)]
pub(crate) enum Chosen<'a> {
    InARow(Range<usize>),
    At(&'a [u32]),
}

/// The user of a row that names none.
pub(crate) const NOBODY: u32 = u32::MAX;

/// Packs rows.
pub(super) struct Encoder {
    /// Tells blocks apart.
    block: u64,
    /// The codes of its accounts.
    accounts: Vec<u32>,
    account_at: HashMap<u32, u32, FixedState>,
    users: Vec<u64>,
    /// Rows in a row that belong to one account: its position and how many.
    runs: Vec<(u32, u32)>,
    occurred_at: Times,
    later: Times,
    event: Vec<u32>,
    /// 0 for none, else one more than the position in `users`.
    user: Vec<u32>,
    channel: Vec<u8>,
    value: Vec<f64>,
    /// As long as the last row that tells, as the next.
    count: Vec<f64>,
    active_users: Vec<f64>,
}

/// Bytes that a row takes until its block is packed.
pub(super) const ROW_BYTES: usize = 33;
/// Rows that are added at a time.
pub(super) const ROWS_AT_A_TIME: usize = 1 << 10;

/// The number of a channel in a block.
pub(crate) fn channel_number(channel: Option<Channel>) -> u8 {
    channel.map_or(0, |channel| channel as u8 + 1)
}

/// Tells users of an account apart.
pub(crate) fn user_hash(id: &str) -> u64 {
    FixedState::default().hash_one(id)
}

/// Where the block of that number has an account or a user: spares looking it up for the next row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memo {
    block: u64,
    at: u32,
}

impl Rows {
    pub(crate) fn clear(&mut self) {
        [&mut self.account, &mut self.event, &mut self.user].into_iter().for_each(Vec::clear);
        [&mut self.occurred_at, &mut self.later].into_iter().for_each(Times::clear);
        [&mut self.value, &mut self.count, &mut self.active_users].into_iter().for_each(Vec::clear);
        self.channel.clear();
    }
}

impl<'a> Chosen<'a> {
    /// The same in pieces of at most `n_rows`.
    pub(super) fn pieces(self, n_rows: usize) -> impl Iterator<Item = Self> {
        let length = match &self {
            Self::InARow(rows) => rows.len(),
            Self::At(rows) => rows.len(),
        };
        (0..length).step_by(n_rows).map(move |start| {
            let end = (start + n_rows).min(length);
            match &self {
                Self::InARow(rows) => Self::InARow(rows.start + start..rows.start + end),
                Self::At(rows) => Self::At(&rows[start..end]),
            }
        })
    }

    pub(super) fn append<T: Copy>(&self, to: &mut Vec<T>, from: &[T]) {
        match self {
            Self::InARow(rows) => to.extend_from_slice(&from[rows.clone()]),
            Self::At(rows) => to.extend(rows.iter().map(|&row| from[row as usize])),
        }
    }

    /// Hands each of the rows' values in `from` to `with`.
    pub(super) fn each<T: Copy>(&self, from: &[T], mut with: impl FnMut(T)) {
        match self {
            Self::InARow(rows) => from[rows.clone()].iter().for_each(|one| with(*one)),
            Self::At(rows) => rows.iter().for_each(|&row| with(from[row as usize])),
        }
    }
}

impl Encoder {
    /// For the block of that number, not 0.
    pub(super) fn new(block: u64) -> Self {
        Self {
            block,
            accounts: Vec::new(),
            account_at: HashMap::default(),
            users: Vec::new(),
            runs: Vec::new(),
            occurred_at: Times::default(),
            later: Times::default(),
            event: Vec::new(),
            user: Vec::new(),
            channel: Vec::new(),
            value: Vec::new(),
            count: Vec::new(),
            active_users: Vec::new(),
        }
    }

    pub(super) fn n_rows(&self) -> usize {
        self.event.len()
    }

    /// The codes of its accounts.
    pub(super) fn accounts(&self) -> Box<[u32]> {
        self.accounts.clone().into_boxed_slice()
    }

    /// Adds a row.
    pub(super) fn push(&mut self, code: u32, row: &UsageRow) {
        self.begin_run(code, &mut Memo::default());
        if let Some(run) = self.runs.last_mut() {
            run.1 += 1;
        }
        self.occurred_at.push(row.occurred_at);
        self.later.push(row.visible_at.wrapping_sub(row.occurred_at));
        self.event.push(row.event);
        let user = row.user.map_or(0, |hash| self.user(hash, &mut Memo::default()));
        self.user.push(user);
        self.channel.push(channel_number(row.channel));
        self.value.push(row.value.unwrap_or(f64::NAN));
        for (column, number) in [(&mut self.count, row.count), (&mut self.active_users, row.active_users)] {
            if let Some(number) = number {
                column.resize(self.event.len() - 1, f64::NAN);
                column.push(number);
            }
        }
    }

    /// Adds some `rows`.
    pub(super) fn push_all(&mut self, rows: &Rows, whose: &mut Whose<'_>, chosen: &Chosen<'_>) {
        let (n_before, mut last) = (self.event.len(), None);
        chosen.each(&rows.account, |account| {
            if last != Some(account) {
                let at = account as usize;
                // Rows without an account are refused before.
                if let Some(place) = whose.accounts[at] {
                    self.begin_run(place.code, &mut whose.account_memos[at]);
                }
                last = Some(account);
            }
            if let Some(run) = self.runs.last_mut() {
                run.1 += 1;
            }
        });
        self.occurred_at.append(&rows.occurred_at, chosen);
        self.later.append(&rows.later, chosen);
        chosen.append(&mut self.event, &rows.event);
        chosen.append(&mut self.value, &rows.value);
        chosen.append(&mut self.channel, &rows.channel);
        chosen.each(&rows.user, |user| {
            let known = whose.users.get(user as usize).copied().flatten();
            let user = known.map_or(0, |hash| self.user(hash, &mut whose.user_memos[user as usize]));
            self.user.push(user);
        });
        for (to, from) in [(&mut self.count, &rows.count), (&mut self.active_users, &rows.active_users)] {
            if !from.is_empty() {
                to.resize(n_before, f64::NAN);
                chosen.append(to, from);
            }
        }
    }

    /// Rows of the account of that code follow.
    fn begin_run(&mut self, code: u32, memo: &mut Memo) {
        if self.runs.last().is_some_and(|&(last, _)| self.accounts[last as usize] == code) {
            return;
        }
        if memo.block != self.block {
            let next = number(self.accounts.len());
            let at = *self.account_at.entry(code).or_insert(next);
            if at == next {
                self.accounts.push(code);
            }
            *memo = Memo { block: self.block, at };
        }
        self.runs.push((memo.at, 0));
    }

    /// The number of a user. One may be listed twice: cheaper than looking for it where rows come in the order of time.
    #[inline]
    fn user(&mut self, hash: u64, memo: &mut Memo) -> u32 {
        if memo.block != self.block {
            self.users.push(hash);
            *memo = Memo { block: self.block, at: number(self.users.len()) };
        }
        memo.at
    }

    /// Puts the block together in `bytes`; the encoder is empty then and goes on with the block of the number `next`.
    pub(super) fn finish(&mut self, next: u64, bytes: &mut Vec<u8>) {
        let n_rows = self.event.len();
        bytes.clear();
        self.put_lists(bytes);
        put(bytes, n_rows as u64);
        put(bytes, self.runs.len() as u64);
        let (accounts, lengths): (Vec<u32>, Vec<u32>) = self.runs.iter().copied().unzip();
        put_column(bytes, &accounts);
        put_column(bytes, &lengths);
        self.occurred_at.put(bytes);
        self.later.put(bytes);
        put_column(bytes, &self.event);
        put_column(bytes, &self.user);
        put_column(bytes, &self.channel);
        put_floats(bytes, &self.value);
        for column in [&mut self.count, &mut self.active_users] {
            if !column.is_empty() {
                column.resize(n_rows, f64::NAN);
            }
            put_floats(bytes, column);
        }
        self.clear();
        self.block = next;
    }

    /// The accounts with their rows and the sets of their events, the events with their rows, the users.
    fn put_lists(&self, bytes: &mut Vec<u8>) {
        let n_events = self.event.iter().max().map_or(0, |most| *most as usize + 1);
        let n_words = n_events.div_ceil(64);
        let mut n_rows = vec![0_u64; self.accounts.len()];
        let mut sets = vec![0_u64; self.accounts.len() * n_words];
        let mut events = vec![(0_u64, false); n_events];
        let mut rows = self.event.iter().zip(&self.value);
        for &(account, length) in &self.runs {
            n_rows[account as usize] += u64::from(length);
            let set = &mut sets[account as usize * n_words..][..n_words];
            for (event, value) in rows.by_ref().take(length as usize) {
                let event = *event as usize;
                set[event / 64] |= 1 << (event % 64);
                events[event] = (events[event].0 + 1, events[event].1 | !value.is_nan());
            }
        }
        put(bytes, self.accounts.len() as u64);
        put(bytes, n_words as u64);
        for ((code, n_rows), set) in self.accounts.iter().zip(n_rows).zip(sets.chunks(n_words.max(1))) {
            put(bytes, u64::from(*code));
            put(bytes, n_rows);
            set.iter().for_each(|word| put(bytes, *word));
        }
        put(bytes, events.len() as u64);
        for (n_rows, has_value) in &events {
            put(bytes, n_rows << 1 | u64::from(*has_value));
        }
        put(bytes, self.users.len() as u64);
        for user in &self.users {
            bytes.extend_from_slice(&user.to_le_bytes());
        }
    }

    fn clear(&mut self) {
        self.accounts.clear();
        self.account_at.clear();
        self.users.clear();
        self.runs.clear();
        [&mut self.occurred_at, &mut self.later].into_iter().for_each(Times::clear);
        [&mut self.event, &mut self.user].into_iter().for_each(Vec::clear);
        [&mut self.value, &mut self.count, &mut self.active_users].into_iter().for_each(Vec::clear);
        self.channel.clear();
    }
}

/// A position as it is packed.
fn number(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
