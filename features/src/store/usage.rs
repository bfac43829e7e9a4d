//! Usage, the largest table by far: about a dozen bytes a row packed, columns when taken out.
//!
//! A block lists its accounts with their numbers of rows and its users by hash; then come its rows, column by column.
//! Users are told apart by a 64-bit hash of their id: nothing needs the id itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::FixedState;

use super::bytes::{Damaged, Reader, put};
use super::names::Place;
use super::narrow::{Column, Floats, Span, Times, put_column, put_floats};
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
/// The most rows of a block: a damaged number must not ask for all memory.
pub(super) const MOST_ROWS: usize = 1 << 17;
/// Rows that are added at a time.
pub(super) const ROWS_AT_A_TIME: usize = 1 << 10;

const CHANNELS: [Option<Channel>; 5] =
    [None, Some(Channel::Ui), Some(Channel::Api), Some(Channel::Mobile), Some(Channel::Integration)];

/// The channel of that number in a block.
pub(super) fn channel_of(number: i64) -> Option<Option<Channel>> {
    CHANNELS.get(usize::try_from(number).ok()?).copied()
}

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

/// A block, its lists read and its columns found.
pub(super) struct Packed<'a> {
    pub(super) lists: Lists<'a>,
    /// Of each run of rows the account, a position in the lists, and how many rows.
    pub(super) runs: Vec<(usize, usize)>,
    pub(super) occurred_at: Column<'a>,
    pub(super) later: Column<'a>,
    pub(super) event: Column<'a>,
    pub(super) user: Column<'a>,
    pub(super) channel: Column<'a>,
    pub(super) value: Floats<'a>,
    pub(super) count: Floats<'a>,
    pub(super) active_users: Floats<'a>,
}

/// The lists of a block.
pub(super) struct Lists<'a> {
    pub(super) accounts: Vec<OfPart>,
    /// Of each account the set of its events' codes.
    sets: Vec<u64>,
    n_words: usize,
    /// By event: its rows, and whether any carries a value.
    events: Vec<(u64, bool)>,
    pub(super) users: &'a [[u8; 8]],
}

/// What a block says of an account.
pub(super) struct OfPart {
    /// Its position in the part.
    pub(super) account: usize,
    pub(super) n_rows: usize,
}

impl<'a> Lists<'a> {
    fn read(reader: &mut Reader<'a>, account_of: &impl Fn(u32) -> Option<usize>) -> Result<Self, Damaged> {
        // No list is longer than the bytes that tell it.
        let n_bytes = reader.0.len();
        let listed = |length: usize| if length > n_bytes { Err(Damaged) } else { Ok(length) };
        let n_accounts = listed(reader.length()?)?;
        let n_words = listed(reader.length()?)?;
        listed(n_accounts.checked_mul(n_words).ok_or(Damaged)?)?;
        let mut accounts = Vec::with_capacity(n_accounts);
        let mut sets = Vec::with_capacity(n_accounts * n_words);
        for _ in 0..n_accounts {
            let account = account_of(reader.code()?).ok_or(Damaged)?;
            accounts.push(OfPart { account, n_rows: reader.length()? });
            for _ in 0..n_words {
                sets.push(reader.number()?);
            }
        }
        let n_events = listed(reader.length()?)?;
        let events = (0..n_events).map(|_| reader.number().map(|number| (number >> 1, number & 1 == 1)));
        let events = events.collect::<Result<_, _>>()?;
        let n_users = reader.length()?;
        let users = reader.take(n_users.checked_mul(8).ok_or(Damaged)?)?.as_chunks().0;
        Ok(Self { accounts, sets, n_words, events, users })
    }
}

impl<'a> Packed<'a> {
    pub(super) fn read(bytes: &'a [u8], account_of: &impl Fn(u32) -> Option<usize>) -> Result<Self, Damaged> {
        let mut reader = Reader(bytes);
        let lists = Lists::read(&mut reader, account_of)?;
        let (n_rows, n_runs) = (reader.length()?, reader.length()?);
        if n_rows > MOST_ROWS || n_runs > n_rows {
            return Err(Damaged);
        }
        let position = |number: i64| usize::try_from(number).map_err(|_| Damaged);
        let accounts = Column::read(&mut reader, n_runs)?.numbers(n_runs);
        let lengths = Column::read(&mut reader, n_runs)?.numbers(n_runs);
        let runs = accounts.into_iter().zip(lengths);
        let runs: Vec<(usize, usize)> = runs
            .map(|(account, length)| Ok((position(account)?, position(length)?)))
            .collect::<Result<_, _>>()?;
        let mut column = || Column::read(&mut reader, n_rows);
        let [occurred_at, later, event, user, channel] =
            [column()?, column()?, column()?, column()?, column()?];
        let mut floats = || Floats::read(&mut reader, n_rows);
        let [value, count, active_users] = [floats()?, floats()?, floats()?];
        let in_runs = runs.iter().try_fold(0_usize, |sum, (_, length)| sum.checked_add(*length));
        if in_runs != Some(n_rows) || !reader.0.is_empty() {
            return Err(Damaged);
        }
        Ok(Self { lists, runs, occurred_at, later, event, user, channel, value, count, active_users })
    }

    /// Where its rows go, the next ones of each account of a part at `next`, before its `end`.
    pub(super) fn spans(
        &self,
        next: &mut [usize],
        end: impl Fn(usize) -> usize,
    ) -> Result<Vec<Span>, Damaged> {
        let span = |&(at, n_rows): &(usize, usize)| {
            let account = self.lists.accounts.get(at).ok_or(Damaged)?.account;
            let next = next.get_mut(account).ok_or(Damaged)?;
            let start = *next;
            *next = start.checked_add(n_rows).filter(|next| *next <= end(account)).ok_or(Damaged)?;
            Ok(Span { start, n_rows })
        };
        self.runs.iter().map(span).collect()
    }
}

/// How the events of a history are used by the accounts of one part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct EventUses {
    pub(crate) accounts: usize,
    pub(crate) rows: u64,
    pub(crate) has_value: bool,
}

/// The use of each event by code, out of the lists of a part's blocks.
pub(super) fn event_uses(
    blocks: &[Cow<'_, [u8]>],
    account_of: impl Fn(u32) -> Option<usize>,
    n_events: usize,
) -> Result<Vec<EventUses>, Damaged> {
    let mut uses = vec![EventUses::default(); n_events];
    let mut used: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for bytes in blocks {
        let lists = Lists::read(&mut Reader(bytes), &account_of)?;
        for (one, (rows, has_value)) in uses.iter_mut().zip(lists.events) {
            one.rows = one.rows.checked_add(rows).ok_or(Damaged)?;
            one.has_value |= has_value;
        }
        for (OfPart { account, .. }, set) in
            lists.accounts.iter().zip(lists.sets.chunks(lists.n_words.max(1)))
        {
            let all = used.entry(*account).or_default();
            all.resize(all.len().max(set.len()), 0);
            all.iter_mut().zip(set).for_each(|(all, word)| *all |= word);
        }
    }
    for words in used.values() {
        for (event, one) in uses.iter_mut().enumerate() {
            let word = words.get(event / 64).copied().unwrap_or(0);
            one.accounts += usize::from(word >> (event % 64) & 1 == 1);
        }
    }
    Ok(uses)
}
