//! Usage taken out of its blocks: columns, in which an account's rows stand together.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::FixedState;

use super::block::{MOST_ROWS, Packed, channel_of};
use super::bytes::Damaged;
use super::narrow::Span;
use crate::history::{Channel, Text, Usage};
use crate::time::Timestamp;

/// The usage of a part, in columns; an account's rows stand together.
#[derive(Debug, Default)]
pub(crate) struct UsageColumns {
    of: Vec<Range<usize>>,
    n_users: Vec<u32>,
    occurred_at: Vec<i64>,
    visible_at: Vec<i64>,
    event: Vec<u32>,
    user: Vec<u32>,
    value: Vec<f64>,
    channel: Vec<Option<Channel>>,
    /// Empty where every row is a single event.
    count: Vec<f64>,
    /// Empty where no row tells.
    active_users: Vec<f64>,
}

/// The usage of one account, in columns of equal length and in no particular order.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UsageRows<'a> {
    /// When each row happened; midnight of its day for daily sums.
    pub(crate) occurred_at: &'a [i64],
    /// When it became known.
    pub(crate) visible_at: &'a [i64],
    /// Position of its event in the names.
    pub(crate) event: &'a [u32],
    /// Number of its user, from 0 within the account, or [`NO_USER`].
    pub(crate) user: &'a [u32],
    /// What the event carries; NaN for nothing.
    pub(crate) value: &'a [f64],
    pub(crate) channel: &'a [Option<Channel>],
    /// How many events a row stands for; empty where each is one.
    pub(crate) count: &'a [f64],
    /// Distinct users of a daily sum, NaN where not told; empty where none tells.
    pub(crate) active_users: &'a [f64],
    pub(crate) n_users: usize,
}

/// The user of a row that names none.
pub(crate) const NO_USER: u32 = u32::MAX;

impl UsageColumns {
    pub(super) fn new(n_accounts: usize) -> Self {
        Self { of: vec![0..0; n_accounts], n_users: vec![0; n_accounts], ..Self::default() }
    }

    /// The usage of the account at that position of the part.
    pub(crate) fn of(&self, account: usize) -> UsageRows<'_> {
        let Some(rows) = self.of.get(account).cloned() else { return UsageRows::default() };
        let optional = |column: &'_ [f64]| if column.is_empty() { 0..0 } else { rows.clone() };
        UsageRows {
            occurred_at: &self.occurred_at[rows.clone()],
            visible_at: &self.visible_at[rows.clone()],
            event: &self.event[rows.clone()],
            user: &self.user[rows.clone()],
            value: &self.value[rows.clone()],
            channel: &self.channel[rows.clone()],
            count: &self.count[optional(&self.count)],
            active_users: &self.active_users[optional(&self.active_users)],
            n_users: self.n_users[account] as usize,
        }
    }

    /// Takes in all packed blocks of the part.
    pub(super) fn fill(
        &mut self,
        blocks: &[Cow<'_, [u8]>],
        account_of: impl Fn(u32) -> Option<usize>,
        event_of_code: &[u32],
    ) -> Result<(), Damaged> {
        let packed = blocks.iter().map(|bytes| Packed::read(bytes, &account_of));
        let packed = packed.collect::<Result<Vec<_>, _>>()?;
        let mut n_rows = vec![0_usize; self.of.len()];
        for listed in packed.iter().flat_map(|packed| &packed.lists.accounts) {
            let of_account = n_rows.get_mut(listed.account).ok_or(Damaged)?;
            *of_account = of_account.checked_add(listed.n_rows).ok_or(Damaged)?;
        }
        let mut next = Vec::with_capacity(n_rows.len());
        let mut total = 0_usize;
        for (of, n) in self.of.iter_mut().zip(n_rows) {
            let start = total;
            total = start.checked_add(n).ok_or(Damaged)?;
            *of = start..total;
            next.push(start);
        }
        // A damaged count must not ask for all memory.
        if total > blocks.len().saturating_mul(MOST_ROWS) {
            return Err(Damaged);
        }
        self.occurred_at.resize(total, 0);
        self.visible_at.resize(total, 0);
        self.event.resize(total, 0);
        self.user.resize(total, NO_USER);
        self.value.resize(total, f64::NAN);
        self.channel.resize(total, None);
        if packed.iter().any(|packed| !(packed.count.is_empty() && packed.active_users.is_empty())) {
            self.count.resize(total, 1.0);
            self.active_users.resize(total, f64::NAN);
        }
        let mut users: HashMap<(u32, u64), u32, FixedState> = HashMap::default();
        users.reserve(packed.iter().map(|packed| packed.lists.users.len()).max().unwrap_or(0));
        for packed in packed {
            let spans = packed.spans(&mut next, |account| self.of[account].end)?;
            self.take_out(&packed, &spans, event_of_code)?;
            self.number_users(&packed, &spans, &mut users)?;
        }
        let is_exact = self.of.iter().zip(&next).all(|(of, next)| of.end == *next);
        if is_exact { Ok(()) } else { Err(Damaged) }
    }

    /// Puts the columns of a block but users where `spans` say.
    fn take_out(
        &mut self,
        packed: &Packed<'_>,
        spans: &[Span],
        event_of_code: &[u32],
    ) -> Result<(), Damaged> {
        packed.occurred_at.spread(spans, &mut self.occurred_at, |time| time);
        packed.later.spread(spans, &mut self.visible_at, |later| later);
        for &Span { start, n_rows } in spans {
            let times = self.occurred_at[start..][..n_rows].iter();
            let later = &mut self.visible_at[start..][..n_rows];
            later.iter_mut().zip(times).for_each(|(later, time)| *later = time.wrapping_add(*later));
        }
        let mut is_damaged = false;
        packed.event.spread(spans, &mut self.event, |code| {
            let event = usize::try_from(code).ok().and_then(|code| event_of_code.get(code));
            is_damaged |= event.is_none();
            event.copied().unwrap_or(0)
        });
        packed.channel.spread(spans, &mut self.channel, |number| {
            let channel = channel_of(number);
            is_damaged |= channel.is_none();
            channel.flatten()
        });
        packed.value.spread(spans, &mut self.value);
        packed.count.spread(spans, &mut self.count);
        packed.active_users.spread(spans, &mut self.active_users);
        if is_damaged { Err(Damaged) } else { Ok(()) }
    }

    /// Numbers the users of a block within their accounts.
    fn number_users(
        &mut self,
        packed: &Packed<'_>,
        spans: &[Span],
        users: &mut HashMap<(u32, u64), u32, FixedState>,
    ) -> Result<(), Damaged> {
        let hashes = packed.lists.users;
        packed.user.spread(spans, &mut self.user, |user| u32::try_from(user).unwrap_or(NO_USER));
        // The account and the number that each user of the block had last: nearly always those of its next row.
        let mut known: Vec<(u32, u32)> = vec![(u32::MAX, 0); hashes.len()];
        for (&(at, _), &Span { start, n_rows }) in packed.runs.iter().zip(spans) {
            let account = packed.lists.accounts.get(at).ok_or(Damaged)?.account;
            let code = u32::try_from(account).map_err(|_| Damaged)?;
            let n_users = &mut self.n_users[account];
            for user in &mut self.user[start..][..n_rows] {
                let Some(position) = user.checked_sub(1) else {
                    *user = NO_USER;
                    continue;
                };
                let seen = known.get_mut(position as usize).ok_or(Damaged)?;
                if seen.0 != code {
                    let hash = u64::from_le_bytes(hashes[position as usize]);
                    let number = *users.entry((code, hash)).or_insert_with(|| {
                        *n_users += 1;
                        *n_users - 1
                    });
                    *seen = (code, number);
                }
                *user = seen.1;
            }
        }
        Ok(())
    }
}

impl UsageRows<'_> {
    /// The rows one by one, their users by number.
    pub(crate) fn iter(&self, events: &[Text]) -> impl Iterator<Item = Usage> {
        let told = |column: &[f64], row: usize| column.get(row).copied().filter(|value| !value.is_nan());
        (0..self.event.len()).map(move |row| Usage {
            visible_at: Timestamp(self.visible_at[row]),
            occurred_at: Timestamp(self.occurred_at[row]),
            user_id: Some(self.user[row]).filter(|&user| user != NO_USER).map(|user| user.to_string().into()),
            event: events.get(self.event[row] as usize).cloned().unwrap_or_default(),
            count: told(self.count, row).unwrap_or(1.0),
            active_users: told(self.active_users, row),
            value: told(self.value, row),
            channel: self.channel[row],
        })
    }
}

/// The usage of one account that is held row by row: of a history made by hand, or of one account alone.
impl UsageColumns {
    /// The rows in columns; `event_of` numbers the events.
    pub(crate) fn from_rows(rows: &[Usage], mut event_of: impl FnMut(&str) -> u32) -> Self {
        let mut users: HashMap<&str, u32> = HashMap::new();
        let mut columns = Self::new(1);
        let is_daily =
            rows.iter().any(|row| row.active_users.is_some() || row.count.to_bits() != 1.0_f64.to_bits());
        for row in rows {
            let next = u32::try_from(users.len()).unwrap_or(NO_USER);
            columns.occurred_at.push(row.occurred_at.0);
            columns.visible_at.push(row.visible_at.0);
            columns.event.push(event_of(&row.event));
            let user = row.user_id.as_deref().map_or(NO_USER, |user| *users.entry(user).or_insert(next));
            columns.user.push(user);
            columns.value.push(row.value.unwrap_or(f64::NAN));
            columns.channel.push(row.channel);
            if is_daily {
                columns.count.push(row.count);
                columns.active_users.push(row.active_users.unwrap_or(f64::NAN));
            }
        }
        columns.n_users[0] = u32::try_from(users.len()).unwrap_or(NO_USER);
        columns.of[0] = 0..rows.len();
        columns
    }
}
