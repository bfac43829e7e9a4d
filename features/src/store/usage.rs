//! Usage, the largest table by far: about a dozen bytes a row packed, columns when taken out.
//!
//! A block lists its accounts with their numbers of rows and its users by hash; then come the rows, each as what
//! differs from the row before it. Users are told apart by a 64-bit hash of their id: nothing needs the id itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hasher};

use foldhash::fast::FixedState;

use super::bytes::{Damaged, Few, Reader, put, unzigzag, zigzag};
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

/// Packs rows.
pub(super) struct Encoder {
    /// Tells blocks apart.
    block: u64,
    rows: Vec<u8>,
    accounts: Vec<OfAccount>,
    /// By event: its rows, and whether any carries a value.
    events: Vec<(u64, bool)>,
    account_at: HashMap<u32, usize, FixedState>,
    users: Vec<u64>,
    last_account: usize,
    last_time: i64,
}

/// What a block says of an account before its rows.
#[derive(Default)]
struct OfAccount {
    code: u32,
    n_rows: u64,
    /// The set of its events' codes.
    events: Vec<u64>,
}

// Flags of a packed row; the channel stands in the three highest bits.
pub(super) const SAME_ACCOUNT: u8 = 1;
pub(super) const KNOWN_LATER: u8 = 2;
pub(super) const HAS_USER: u8 = 4;
pub(super) const HAS_VALUE: u8 = 8;
pub(super) const IS_DAILY: u8 = 16;
pub(super) const CHANNEL_SHIFT: u32 = 5;
pub(super) const CHANNELS: [Option<Channel>; 5] =
    [None, Some(Channel::Ui), Some(Channel::Api), Some(Channel::Mobile), Some(Channel::Integration)];

/// Tells users of an account apart.
pub(crate) fn user_hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(id.as_bytes());
    hasher.finish()
}

/// Where the block of that number has an account or a user: spares looking it up for the next row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memo {
    block: u64,
    at: usize,
}

impl Encoder {
    /// For the block of that number, not 0.
    pub(super) fn new(block: u64) -> Self {
        Self {
            block,
            rows: Vec::new(),
            accounts: Vec::new(),
            events: Vec::new(),
            account_at: HashMap::default(),
            users: Vec::new(),
            last_account: 0,
            last_time: 0,
        }
    }

    pub(super) fn n_bytes(&self) -> usize {
        self.rows.len() + 8 * self.users.len()
    }

    /// The codes of its accounts.
    pub(super) fn accounts(&self) -> Box<[u32]> {
        self.accounts.iter().map(|account| account.code).collect()
    }

    /// Adds a row; the memos tell where its account and its user were put last.
    #[inline]
    pub(super) fn push(&mut self, code: u32, row: &UsageRow, account: &mut Memo, user: &mut Memo) {
        let is_same = self.accounts.get(self.last_account).is_some_and(|last| last.code == code);
        if !is_same {
            if account.block != self.block {
                let next = self.accounts.len();
                let at = *self.account_at.entry(code).or_insert(next);
                if at == next {
                    self.accounts.push(OfAccount { code, ..OfAccount::default() });
                }
                *account = Memo { block: self.block, at };
            }
            self.last_account = account.at;
        }
        self.count(row);
        let is_daily = row.count.is_some() || row.active_users.is_some();
        let channel = row.channel.map_or(0, |channel| channel as u8 + 1);
        let flags = (u8::from(is_same) * SAME_ACCOUNT)
            | (u8::from(row.visible_at != row.occurred_at) * KNOWN_LATER)
            | (u8::from(row.user.is_some()) * HAS_USER)
            | (u8::from(row.value.is_some()) * HAS_VALUE)
            | (u8::from(is_daily) * IS_DAILY)
            | (channel << CHANNEL_SHIFT);
        let mut few = Few::new();
        few.byte(flags);
        if !is_same {
            few.put(self.last_account as u64);
        }
        few.put(zigzag(row.occurred_at.wrapping_sub(self.last_time)));
        self.last_time = row.occurred_at;
        if row.visible_at != row.occurred_at {
            few.put(zigzag(row.visible_at.wrapping_sub(row.occurred_at)));
        }
        few.put(u64::from(row.event));
        if let Some(hash) = row.user {
            if user.block != self.block {
                // A user may be listed twice: cheaper than looking for it where rows come in the order of time.
                *user = Memo { block: self.block, at: self.users.len() };
                self.users.push(hash);
            }
            few.put(user.at as u64);
        }
        self.rows.extend_from_slice(few.bytes());
        if let Some(value) = row.value {
            put_float(&mut self.rows, value);
        }
        if is_daily {
            put_float(&mut self.rows, row.count.unwrap_or(1.0));
            put_float(&mut self.rows, row.active_users.unwrap_or(f64::NAN));
        }
    }

    /// Notes which account uses which event, and how often.
    #[inline]
    fn count(&mut self, row: &UsageRow) {
        let event = row.event as usize;
        if self.events.len() <= event {
            self.events.resize(event + 1, (0, false));
        }
        let of_event = &mut self.events[event];
        *of_event = (of_event.0 + 1, of_event.1 | row.value.is_some());
        let of_account = &mut self.accounts[self.last_account];
        of_account.n_rows += 1;
        if of_account.events.len() <= event / 64 {
            of_account.events.resize(event / 64 + 1, 0);
        }
        of_account.events[event / 64] |= 1 << (event % 64);
    }

    /// The block's bytes; the encoder is empty then and goes on with the block of the number `next`.
    pub(super) fn finish(&mut self, next: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.n_bytes() + 8 * self.accounts.len() + 16);
        put(&mut bytes, self.accounts.len() as u64);
        for account in &self.accounts {
            put(&mut bytes, u64::from(account.code));
            put(&mut bytes, account.n_rows);
            put(&mut bytes, account.events.len() as u64);
            account.events.iter().for_each(|word| put(&mut bytes, *word));
        }
        put(&mut bytes, self.events.len() as u64);
        for (n_rows, has_value) in &self.events {
            put(&mut bytes, n_rows << 1 | u64::from(*has_value));
        }
        put(&mut bytes, self.users.len() as u64);
        for user in &self.users {
            bytes.extend_from_slice(&user.to_le_bytes());
        }
        bytes.extend_from_slice(&self.rows);
        self.block = next;
        self.rows.clear();
        self.accounts.clear();
        self.events.clear();
        self.account_at.clear();
        self.users.clear();
        (self.last_account, self.last_time) = (0, 0);
        bytes.shrink_to_fit();
        bytes
    }
}

/// Whole numbers, the usual case, as few bytes; others as they are.
fn put_float(bytes: &mut Vec<u8>, value: f64) {
    #[expect(clippy::cast_possible_truncation, reason = "compared with the original right after")]
    let whole = value as i64;
    #[expect(clippy::cast_precision_loss, reason = "compared with the original")]
    let is_whole = (whole as f64).to_bits() == value.to_bits() && whole.unsigned_abs() < 1 << 53;
    if is_whole {
        put(bytes, zigzag(whole) << 1);
    } else {
        bytes.push(1);
        bytes.extend_from_slice(&value.to_le_bytes());
    }
}

pub(super) fn read_float(reader: &mut Reader<'_>) -> Result<f64, Damaged> {
    let number = reader.number()?;
    if number & 1 == 1 {
        return Ok(f64::from_le_bytes(reader.eight()?));
    }
    #[expect(clippy::cast_precision_loss, reason = "below 2^53 when packed")]
    let whole = unzigzag(number >> 1) as f64;
    Ok(whole)
}

/// A block's lists, read.
pub(super) struct Header<'a> {
    pub(super) accounts: Vec<OfPart>,
    /// By event: its rows, and whether any carries a value.
    pub(super) events: Vec<(u64, bool)>,
    pub(super) users: &'a [u8],
    pub(super) rows: Reader<'a>,
}

/// As [`OfAccount`], the account by its position in the part.
pub(super) struct OfPart {
    pub(super) account: usize,
    pub(super) n_rows: usize,
    pub(super) events: Vec<u64>,
}

impl<'a> Header<'a> {
    pub(super) fn read(bytes: &'a [u8], account_of: &impl Fn(u32) -> Option<usize>) -> Result<Self, Damaged> {
        let mut reader = Reader(bytes);
        // No list is longer than the bytes that tell it.
        let listed = |length: usize| if length > bytes.len() { Err(Damaged) } else { Ok(length) };
        let n_accounts = listed(reader.length()?)?;
        let mut accounts = Vec::with_capacity(n_accounts);
        for _ in 0..n_accounts {
            let account = account_of(reader.code()?).ok_or(Damaged)?;
            let n_rows = reader.length()?;
            let n_words = listed(reader.length()?)?;
            let events = (0..n_words).map(|_| reader.number()).collect::<Result<_, _>>()?;
            accounts.push(OfPart { account, n_rows, events });
        }
        let n_events = listed(reader.length()?)?;
        let events = (0..n_events).map(|_| reader.number().map(|number| (number >> 1, number & 1 == 1)));
        let events = events.collect::<Result<_, _>>()?;
        let n_users = reader.length()?;
        let users = reader.take(n_users.checked_mul(8).ok_or(Damaged)?)?;
        Ok(Self { accounts, events, users, rows: reader })
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
        let header = Header::read(bytes, &account_of)?;
        for (one, (rows, has_value)) in uses.iter_mut().zip(header.events) {
            one.rows = one.rows.checked_add(rows).ok_or(Damaged)?;
            one.has_value |= has_value;
        }
        for OfPart { account, events, .. } in header.accounts {
            let all = used.entry(account).or_default();
            all.resize(all.len().max(events.len()), 0);
            all.iter_mut().zip(events).for_each(|(all, word)| *all |= word);
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
