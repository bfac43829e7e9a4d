//! Facts of many accounts outside of the accounts' own lists: packed by ranges of accounts, in memory while
//! a budget lasts and in a temporary file after that.
//!
//! What every snapshot asks for (contracts, their events, attributes, labels) stays in [`AccountFacts`]; all
//! else a history has comes here as it is read. A range of accounts is taken out as a whole by `Store::load`.

mod block;
mod bytes;
mod columns;
mod fact;
mod names;
mod narrow;
mod space;
#[cfg(test)]
mod tests;
mod usage;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::history::{AccountFacts, Text};
pub(crate) use block::EventUses;
use bytes::Damaged;
pub(crate) use columns::{NO_USER, UsageColumns, UsageRows};
pub use fact::Fact;
pub(crate) use names::{AccountNames, EventNames, Place};
use space::{Kept, Space};
pub(crate) use usage::{Chosen, Memo, NOBODY, Rows, UsageRow, Whose, channel_number, user_hash};

/// Packed facts of a history, by ranges of its accounts.
#[derive(Debug)]
pub struct Store {
    space: Space,
    parts: Vec<Vec<Block>>,
    /// The accounts of each part: positions in [`crate::History::accounts`].
    ranges: Vec<Range<usize>>,
    /// Where the account of each code stands in [`crate::History::accounts`].
    account_of_code: Vec<u32>,
    /// The events by name; usage names them by position.
    events: Vec<Text>,
    /// The position in `events` of each code.
    event_of_code: Vec<u32>,
    /// See [`Self::rows_stood_for`].
    stood_for: BTreeMap<Text, u64>,
}

/// Some packed facts of one range of accounts.
#[derive(Debug)]
struct Block {
    /// Where its table was read: the order of blocks.
    at: u64,
    kind: BlockKind,
    /// The codes of its accounts.
    accounts: Box<[u32]>,
    kept: Kept,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockKind {
    Usage,
    Facts,
}

/// The facts of a range of accounts.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// The accounts: positions in [`crate::History::accounts`].
    pub(crate) accounts: Range<usize>,
    /// Their facts but usage, each list in order; without ids and without what the history itself holds.
    pub(crate) facts: Vec<AccountFacts>,
    usage: UsageColumns,
}

/// Why packed facts cannot be taken out again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The temporary file cannot be written or read.
    #[error("the temporary file for facts beyond --memory: {0}; free some space, or point TMPDIR elsewhere")]
    Io(String),
    /// The temporary file holds something else than was written.
    #[error("the temporary file for facts beyond --memory was changed by something else")]
    Damaged,
}

/// A store that facts are put into, from several threads.
#[derive(Debug)]
pub(crate) struct StoreBuilder {
    pub(crate) accounts: AccountNames,
    pub(crate) events: EventNames,
    space: Space,
    parts: Vec<Mutex<Vec<Block>>>,
    stood_for: Mutex<BTreeMap<Text, u64>>,
}

/// One thread's facts on their way into the store.
pub(crate) struct Packer {
    store: Arc<StoreBuilder>,
    at: u64,
    block_bytes: usize,
    n_blocks: u64,
    usage: Vec<Option<usage::Encoder>>,
    /// For rows that need not wait for others.
    straight: usage::Encoder,
    facts: Vec<Vec<u8>>,
    /// Where a fact or a block of usage is put together.
    room: Vec<u8>,
}

/// The share of the budget that all threads' packers may hold before they hand over blocks.
const PACKER_SHARE: usize = 8;
/// Bounds of a block's bytes.
const BLOCK_BYTES: (usize, usize) = (1 << 12, 1 << 18);
/// Accounts of a part, and the most parts.
const PART_ACCOUNTS: usize = 64;
const MOST_PARTS: usize = 1_024;

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

impl From<Damaged> for StoreError {
    fn from(_: Damaged) -> Self {
        Self::Damaged
    }
}

impl StoreBuilder {
    /// An empty store, in ranges of about equally many of the accounts `known`; others find their place between
    /// them. At most `budget` bytes of it are held in memory.
    pub(crate) fn new(mut known: Vec<Text>, budget: usize) -> Self {
        known.sort_unstable();
        let n_parts = known.len().div_ceil(PART_ACCOUNTS).clamp(1, MOST_PARTS);
        let bounds: Vec<Text> =
            (1..n_parts).filter_map(|part| known.get(part * known.len() / n_parts).cloned()).collect();
        let parts = (0..=bounds.len()).map(|_| Mutex::default()).collect();
        Self {
            accounts: AccountNames::new(bounds),
            events: EventNames::default(),
            space: Space::new(budget),
            parts,
            stood_for: Mutex::default(),
        }
    }

    /// Takes facts of the part of input that comes `at` this position.
    pub(crate) fn packer(store: &Arc<Self>, at: u64) -> Packer {
        let usage = store.parts.iter().map(|_| None).collect();
        let packers = rayon::current_num_threads() * store.parts.len();
        let block_bytes = (store.space.budget() / PACKER_SHARE / packers).clamp(BLOCK_BYTES.0, BLOCK_BYTES.1);
        Packer {
            store: store.clone(),
            at,
            block_bytes,
            n_blocks: 1,
            usage,
            straight: usage::Encoder::new(1),
            facts: vec![Vec::new(); store.parts.len()],
            room: Vec::new(),
        }
    }

    /// Notes that the rows of `event` that were put in stand for that many more.
    pub(crate) fn stands_for(&self, event: &Text, n_more: u64) {
        self.stood_for.lock().unwrap_or_else(PoisonError::into_inner).insert(event.clone(), n_more);
    }

    /// Forgets everything that was put in at position `at`.
    pub(crate) fn forget(&self, at: u64) {
        for part in &self.parts {
            let mut blocks = part.lock().unwrap_or_else(PoisonError::into_inner);
            blocks.extract_if(.., |block| block.at == at).for_each(|block| self.space.forget(&block.kept));
        }
    }

    /// The ids of the accounts that have facts here, in no particular order. Others were only named: by rows that were
    /// forgotten.
    pub(crate) fn ids(&self) -> Vec<Text> {
        let mut codes = HashSet::new();
        for part in &self.parts {
            let blocks = part.lock().unwrap_or_else(PoisonError::into_inner);
            codes.extend(blocks.iter().flat_map(|block| block.accounts.iter().copied()));
        }
        self.accounts.ids(&codes)
    }

    /// The finished store of `accounts`, sorted by id; they must hold every account that was named.
    pub(crate) fn finish(self, accounts: &[AccountFacts]) -> Store {
        let Self { accounts: names, events, space, parts, stood_for } = self;
        let stood_for = stood_for.into_inner().unwrap_or_else(PoisonError::into_inner);
        let starts: Vec<usize> = names
            .bounds()
            .iter()
            .map(|bound| accounts.partition_point(|facts| facts.account_id < *bound))
            .collect();
        let starts = std::iter::once(0).chain(starts.iter().copied());
        let ends = starts.clone().skip(1).chain([accounts.len()]);
        let ranges = starts.zip(ends).map(|(start, end)| start..end).collect();
        let account_of_code = names
            .into_ids()
            .iter()
            .map(|id| {
                let found = accounts.binary_search_by(|facts| facts.account_id.cmp(id));
                found.ok().and_then(|index| u32::try_from(index).ok()).unwrap_or(u32::MAX)
            })
            .collect();
        let (events, event_of_code) = events.into_sorted();
        let parts = parts
            .into_iter()
            .map(|part| {
                let mut blocks = part.into_inner().unwrap_or_else(PoisonError::into_inner);
                // Threads finish in any order; the input has one.
                blocks.sort_by_key(|block| block.at);
                blocks
            })
            .collect();
        Store { space, parts, ranges, account_of_code, events, event_of_code, stood_for }
    }
}

impl Packer {
    /// Adds rows of usage, all of accounts of the part.
    pub(crate) fn usage(
        &mut self,
        part: usize,
        rows: &Rows,
        whose: &mut Whose<'_>,
        chosen: Chosen<'_>,
    ) -> Result<(), StoreError> {
        if let Chosen::InARow(own) = &chosen
            && usage::OWN_BLOCK_ROWS.contains(&own.len())
        {
            self.n_blocks += 1;
            let accounts = self.straight.pack(rows, whose, own.clone(), self.n_blocks, &mut self.room);
            return self.keep(part, BlockKind::Usage, accounts, &self.room);
        }
        for some in chosen.pieces(usage::ROWS_AT_A_TIME) {
            self.encoder(part).push_all(rows, whose, &some);
            self.hand_over_full(part)?;
        }
        Ok(())
    }

    fn encoder(&mut self, part: usize) -> &mut usage::Encoder {
        self.usage[part].get_or_insert_with(|| {
            self.n_blocks += 1;
            usage::Encoder::new(self.n_blocks)
        })
    }

    /// Hands the block over that usage of the part has come to, once it is large enough.
    fn hand_over_full(&mut self, part: usize) -> Result<(), StoreError> {
        let n_rows = self.block_bytes / usage::ROW_BYTES;
        let Some(encoder) = self.usage[part].as_mut().filter(|encoder| encoder.n_rows() > n_rows) else {
            return Ok(());
        };
        self.n_blocks += 1;
        let accounts = encoder.accounts();
        encoder.finish(self.n_blocks, &mut self.room);
        self.keep(part, BlockKind::Usage, accounts, &self.room)
    }

    /// Adds a row of usage.
    pub(crate) fn row(&mut self, place: Place, row: &UsageRow) -> Result<(), StoreError> {
        self.encoder(place.part).push(place.code, row);
        self.hand_over_full(place.part)
    }

    /// Adds a fact.
    pub(crate) fn fact(&mut self, place: Place, fact: &Fact) -> Result<(), StoreError> {
        if let Fact::Usage(row) = fact {
            let is_single = row.active_users.is_none() && row.count.to_bits() == 1.0_f64.to_bits();
            let packed = UsageRow {
                occurred_at: row.occurred_at.0,
                visible_at: row.visible_at.0,
                event: self.store.events.code(&row.event),
                user: row.user_id.as_deref().map(user_hash),
                count: (!is_single).then_some(row.count),
                active_users: row.active_users,
                value: row.value,
                channel: row.channel,
            };
            return self.row(place, &packed);
        }
        let bytes = &mut self.facts[place.part];
        fact::append(bytes, &mut self.room, place.code, fact)?;
        if bytes.len() > self.block_bytes {
            let bytes = &self.facts[place.part];
            self.keep(place.part, BlockKind::Facts, fact::accounts(bytes)?, bytes)?;
            self.facts[place.part].clear();
        }
        Ok(())
    }

    /// Hands everything over.
    pub(crate) fn finish(mut self) -> Result<(), StoreError> {
        for part in 0..self.usage.len() {
            if let Some(mut encoder) = self.usage[part].take().filter(|encoder| encoder.n_rows() > 0) {
                let accounts = encoder.accounts();
                encoder.finish(0, &mut self.room);
                self.keep(part, BlockKind::Usage, accounts, &self.room)?;
            }
            let bytes = std::mem::take(&mut self.facts[part]);
            if !bytes.is_empty() {
                self.keep(part, BlockKind::Facts, fact::accounts(&bytes)?, &bytes)?;
            }
        }
        Ok(())
    }

    fn keep(
        &self,
        part: usize,
        kind: BlockKind,
        accounts: Box<[u32]>,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let block = Block { at: self.at, kind, accounts, kept: self.store.space.keep(bytes)? };
        let mut blocks = self.store.parts[part].lock().unwrap_or_else(PoisonError::into_inner);
        blocks.push(block);
        Ok(())
    }
}

impl Store {
    /// The accounts of each part: positions in [`crate::History::accounts`], together all of them.
    #[must_use]
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    /// The names of the events of usage, ascending.
    pub(crate) fn events(&self) -> &[Text] {
        &self.events
    }

    /// How many rows of `event` there are beyond those that are here: some stand for several.
    pub(crate) fn rows_stood_for(&self, event: &Text) -> u64 {
        self.stood_for.get(event).copied().unwrap_or(0)
    }

    /// Bytes that went to the temporary file.
    #[must_use]
    pub fn n_spilled(&self) -> u64 {
        self.space.n_spilled()
    }

    /// How the accounts of the part at position `part` use each event, by its position in [`Self::events`].
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub(crate) fn event_uses(&self, part: usize) -> Result<Vec<EventUses>, StoreError> {
        let accounts = self.ranges[part].clone();
        let blocks = self.parts[part].iter().filter(|block| block.kind == BlockKind::Usage);
        let blocks = blocks.map(|block| self.space.read(&block.kept)).collect::<Result<Vec<_>, _>>()?;
        let by_code = block::event_uses(&blocks, |code| self.account_in(&accounts, code), self.events.len())?;
        let mut uses = vec![EventUses::default(); self.events.len()];
        for (code, of_code) in by_code.into_iter().enumerate() {
            uses[self.event_of_code[code] as usize] = of_code;
        }
        Ok(uses)
    }

    /// The position of the account of `code` among `accounts`.
    fn account_in(&self, accounts: &Range<usize>, code: u32) -> Option<usize> {
        let account = *self.account_of_code.get(code as usize)? as usize;
        account.checked_sub(accounts.start).filter(|_| account < accounts.end)
    }

    /// The facts of the part at position `part` but usage.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub(crate) fn load_facts(&self, part: usize) -> Result<Vec<AccountFacts>, StoreError> {
        let accounts = &self.ranges[part];
        let mut facts = vec![AccountFacts::default(); accounts.len()];
        for block in self.parts[part].iter().filter(|block| block.kind == BlockKind::Facts) {
            let bytes = self.space.read(&block.kept)?;
            fact::read(&bytes, |code| self.account_in(accounts, code), &mut facts)?;
        }
        facts.iter_mut().for_each(AccountFacts::sort);
        Ok(facts)
    }

    /// The facts of the part at position `part`.
    ///
    /// # Errors
    /// A temporary file that cannot be read.
    pub(crate) fn load(&self, part: usize) -> Result<Part, StoreError> {
        let (accounts, blocks) = (self.ranges[part].clone(), &self.parts[part]);
        let mut loaded = Part {
            facts: vec![AccountFacts::default(); accounts.len()],
            usage: UsageColumns::new(accounts.len()),
            accounts: accounts.clone(),
        };
        let account_of = |code: u32| self.account_in(&accounts, code);
        let mut usage = Vec::new();
        for block in blocks {
            let bytes = self.space.read(&block.kept)?;
            match block.kind {
                BlockKind::Usage => usage.push(bytes),
                BlockKind::Facts => fact::read(&bytes, account_of, &mut loaded.facts)?,
            }
        }
        loaded.usage.fill(&usage, account_of, &self.event_of_code)?;
        loaded.facts.iter_mut().for_each(AccountFacts::sort);
        Ok(loaded)
    }
}

impl Part {
    /// The usage of the account at that position of the part.
    pub(crate) fn usage(&self, account: usize) -> UsageRows<'_> {
        self.usage.of(account)
    }
}
