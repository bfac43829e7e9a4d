//! Usage, the largest table by far, on its way in: about a dozen bytes a row packed.
//!
//! A block lists its accounts with their numbers of rows and its users by hash; then come its rows, column by column.
//! Users are told apart by a 64-bit hash of their id: nothing needs the id itself.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::ops::{Range, RangeInclusive};

use foldhash::fast::FixedState;

use super::block::MOST_ROWS;
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

/// The columns of a block but whose its rows are.
struct Body<'a> {
    occurred_at: &'a Times,
    later: &'a Times,
    event: &'a [u32],
    channel: &'a [u8],
    value: &'a [f64],
    count: &'a [f64],
    active_users: &'a [f64],
}

/// Bytes that a row takes until its block is packed.
pub(super) const ROW_BYTES: usize = 33;
/// As many rows of a part in a row make a block of their own: they need not wait for others.
pub(super) const OWN_BLOCK_ROWS: RangeInclusive<usize> = 1 << 9..=MOST_ROWS;
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
        let user =
            row.user.map_or(0, |hash| new_user(&mut self.users, self.block, hash, &mut Memo::default()));
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
        let n_before = self.event.len();
        self.push_whose(rows, whose, chosen);
        self.occurred_at.append(&rows.occurred_at, chosen);
        self.later.append(&rows.later, chosen);
        chosen.append(&mut self.event, &rows.event);
        chosen.append(&mut self.value, &rows.value);
        chosen.append(&mut self.channel, &rows.channel);
        for (to, from) in [(&mut self.count, &rows.count), (&mut self.active_users, &rows.active_users)] {
            if !from.is_empty() {
                to.resize(n_before, f64::NAN);
                chosen.append(to, from);
            }
        }
    }

    /// Notes whose some rows are: their accounts and users.
    fn push_whose(&mut self, rows: &Rows, whose: &mut Whose<'_>, chosen: &Chosen<'_>) {
        match chosen {
            Chosen::InARow(own) => {
                for of_account in rows.account[own.clone()].chunk_by(|a, b| a == b) {
                    self.extend_run(of_account[0], of_account.len(), whose);
                }
            }
            Chosen::At(own) => {
                own.iter().for_each(|&row| self.extend_run(rows.account[row as usize], 1, whose))
            }
        }
        let Self { block, user, users, .. } = self;
        let mut of = |position: u32| match whose.user_memos.get_mut(position as usize) {
            Some(memo) if memo.block == *block => memo.at,
            Some(memo) => {
                let hash = whose.users.get(position as usize).copied().flatten();
                hash.map_or(0, |hash| new_user(users, *block, hash, memo))
            }
            None => 0,
        };
        match chosen {
            Chosen::InARow(own) => user.extend(rows.user[own.clone()].iter().map(|&position| of(position))),
            Chosen::At(own) => user.extend(own.iter().map(|&row| of(rows.user[row as usize]))),
        }
    }

    /// So many rows of the account at that position of `whose` follow.
    fn extend_run(&mut self, account: u32, n_rows: usize, whose: &mut Whose<'_>) {
        let at = account as usize;
        // Rows without an account are refused before.
        if let Some(place) = whose.accounts[at] {
            self.begin_run(place.code, &mut whose.account_memos[at]);
        }
        if let Some(run) = self.runs.last_mut() {
            run.1 += number(n_rows);
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

    /// Puts the block together in `bytes`; the encoder is empty then and goes on with the block of the number `next`.
    pub(super) fn finish(&mut self, next: u64, bytes: &mut Vec<u8>) {
        let n_rows = self.event.len();
        for column in [&mut self.count, &mut self.active_users] {
            if !column.is_empty() {
                column.resize(n_rows, f64::NAN);
            }
        }
        let Self { occurred_at, later, event, channel, value, count, active_users, .. } = &*self;
        let body = Body { occurred_at, later, event, channel, value, count, active_users };
        self.put(&body, 0..n_rows, bytes);
        self.clear();
        self.block = next;
    }

    /// Puts a block of rows in a row together in `bytes` as they stand, and returns the codes of its accounts; the encoder
    /// must be empty, and is again.
    pub(super) fn pack(
        &mut self,
        rows: &Rows,
        whose: &mut Whose<'_>,
        own: Range<usize>,
        next: u64,
        bytes: &mut Vec<u8>,
    ) -> Box<[u32]> {
        self.push_whose(rows, whose, &Chosen::InARow(own.clone()));
        let Rows { occurred_at, later, event, channel, value, count, active_users, .. } = rows;
        let body = Body { occurred_at, later, event, channel, value, count, active_users };
        self.put(&body, own, bytes);
        let accounts = self.accounts();
        self.clear();
        self.block = next;
        accounts
    }

    /// Puts a block of these `rows` of the columns together.
    fn put(&self, body: &Body<'_>, rows: Range<usize>, bytes: &mut Vec<u8>) {
        bytes.clear();
        self.put_lists(bytes);
        put(bytes, rows.len() as u64);
        put(bytes, self.runs.len() as u64);
        let (accounts, lengths): (Vec<u32>, Vec<u32>) = self.runs.iter().copied().unzip();
        put_column(bytes, &accounts);
        put_column(bytes, &lengths);
        body.occurred_at.put(rows.clone(), bytes);
        body.later.put(rows.clone(), bytes);
        put_column(bytes, &body.event[rows.clone()]);
        put_column(bytes, &self.user);
        put_column(bytes, &body.channel[rows.clone()]);
        put_floats(bytes, &body.value[rows.clone()]);
        for column in [body.count, body.active_users] {
            put_floats(bytes, column.get(rows.clone()).unwrap_or_default());
        }
    }

    /// The accounts with their rows, the users.
    fn put_lists(&self, bytes: &mut Vec<u8>) {
        let mut n_rows = vec![0_u64; self.accounts.len()];
        for &(account, length) in &self.runs {
            n_rows[account as usize] += u64::from(length);
        }
        put(bytes, self.accounts.len() as u64);
        for (code, n_rows) in self.accounts.iter().zip(n_rows) {
            put(bytes, u64::from(*code));
            put(bytes, n_rows);
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

/// The number of a user that a `block` does not have yet. One may be listed twice: cheaper than looking for it where rows
/// come in the order of time.
fn new_user(users: &mut Vec<u64>, block: u64, hash: u64, memo: &mut Memo) -> u32 {
    users.push(hash);
    *memo = Memo { block, at: number(users.len()) };
    memo.at
}

/// A position as it is packed.
fn number(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
