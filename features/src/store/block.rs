//! Blocks of usage, read: their lists and where their columns stand.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::bytes::{Damaged, Reader};
use super::narrow::{Column, Floats, Span};
use crate::history::Channel;

/// The most rows of a block: a damaged number must not ask for all memory.
pub(super) const MOST_ROWS: usize = 1 << 17;
const CHANNELS: [Option<Channel>; 5] =
    [None, Some(Channel::Ui), Some(Channel::Api), Some(Channel::Mobile), Some(Channel::Integration)];

/// The channel of that number in a block.
pub(super) fn channel_of(number: i64) -> Option<Option<Channel>> {
    CHANNELS.get(usize::try_from(number).ok()?).copied()
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
        let mut accounts = Vec::with_capacity(n_accounts);
        for _ in 0..n_accounts {
            let account = account_of(reader.code()?).ok_or(Damaged)?;
            accounts.push(OfPart { account, n_rows: reader.length()? });
        }
        let n_users = reader.length()?;
        let users = reader.take(n_users.checked_mul(8).ok_or(Damaged)?)?.as_chunks().0;
        Ok(Self { accounts, users })
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

/// The use of each event by code, out of a part's blocks.
pub(super) fn event_uses(
    blocks: &[Cow<'_, [u8]>],
    account_of: impl Fn(u32) -> Option<usize>,
    n_events: usize,
) -> Result<Vec<EventUses>, Damaged> {
    let mut uses = vec![EventUses::default(); n_events];
    // Of each account the set of its events.
    let mut used: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    let mut events: Vec<usize> = Vec::new();
    for bytes in blocks {
        let packed = Packed::read(bytes, &account_of)?;
        let n_rows = packed.runs.iter().map(|(_, length)| length).sum();
        events.resize(n_rows, 0);
        let event = |code: i64| usize::try_from(code).unwrap_or(usize::MAX);
        packed.event.spread(&[Span { start: 0, n_rows }], &mut events, event);
        let mut rest = events.as_slice();
        for &(at, length) in &packed.runs {
            let account = packed.lists.accounts.get(at).ok_or(Damaged)?.account;
            let set = used.entry(account).or_insert_with(|| vec![0; n_events.div_ceil(64)]);
            let (own, others) = rest.split_at_checked(length).ok_or(Damaged)?;
            rest = others;
            for &event in own {
                uses.get_mut(event).ok_or(Damaged)?.rows += 1;
                set[event / 64] |= 1 << (event % 64);
            }
        }
        packed.value.rows(n_rows).for_each(|row| uses[events[row]].has_value = true);
    }
    for words in used.values() {
        for (event, one) in uses.iter_mut().enumerate() {
            one.accounts += usize::from(words[event / 64] >> (event % 64) & 1 == 1);
        }
    }
    Ok(uses)
}
