//! What is packed comes out again, whatever the budget; bytes that were never packed are an error.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::block::event_uses;
use super::bytes::Damaged;
use super::columns::UsageColumns;
use super::narrow::Times;
use super::usage::{Encoder, channel_number};
use super::{Chosen, Memo, NOBODY, Packer, Rows, Store, StoreBuilder, UsageRow, Whose, fact, user_hash};
use crate::history::{AccountFacts, Channel, FieldChange, History, Survey, SurveyKind, Text, Ticket, Usage};
use crate::store::Fact;
use crate::time::Timestamp;

const ACCOUNTS: u32 = 150;
const EVENTS: u32 = 70;

/// A row of usage and its account.
type Row = (u32, Usage);

fn id(account: u32) -> Text {
    format!("a{account:03}").into()
}

/// Times of a business, and as far off as 64 bits reach.
fn time() -> impl Strategy<Value = Timestamp> {
    let usual = 1_600_000_000_000_000..1_700_000_000_000_000_i64;
    prop_oneof![6 => usual, 1 => any::<i64>(), 1 => Just(i64::MIN), 1 => Just(i64::MAX)].prop_map(Timestamp)
}

/// Numbers that are told: whole, fractional, huge, negative.
fn number() -> impl Strategy<Value = f64> {
    let odd =
        [0.0, -0.0, 0.1, -1.0, 9_007_199_254_740_992.0, -9_007_199_254_740_993.0, 1e300, 5e-324, f64::MIN];
    let whole = (-1_000_i32..1_000_000).prop_map(f64::from);
    prop_oneof![3 => whole, 2 => -1e6..1e6_f64, 2 => proptest::sample::select(odd.to_vec()), 1 => proptest::num::f64::NORMAL]
}

fn channel() -> impl Strategy<Value = Option<Channel>> {
    let all =
        [None, Some(Channel::Ui), Some(Channel::Api), Some(Channel::Mobile), Some(Channel::Integration)];
    proptest::sample::select(all.to_vec())
}

fn usage() -> impl Strategy<Value = Row> {
    let users = prop_oneof![1 => Just(None), 4 => (0..40_u32).prop_map(Some)];
    let daily = (prop_oneof![Just(1.0), number()], proptest::option::of(number()));
    let times = (time(), prop_oneof![2 => (0..9_i64).prop_map(Some), 1 => Just(None)], time());
    let what = (0..EVENTS, users, proptest::option::of(number()), channel(), proptest::option::of(daily));
    (0..ACCOUNTS, times, what).prop_map(|(account, times, what)| {
        let ((occurred_at, later, other), (event, user, value, channel, daily)) = (times, what);
        let (count, active_users) = daily.unwrap_or((1.0, None));
        let visible_at = later.map_or(other, |later| Timestamp(occurred_at.0.saturating_add(later)));
        let user_id = user.map(|user| format!("u{user}").into());
        let event = format!("event {event}").into();
        (account, Usage { visible_at, occurred_at, user_id, event, count, active_users, value, channel })
    })
}

fn ticket(account: u32, at: Timestamp, other: Timestamp, score: Option<f64>) -> Fact {
    Fact::Ticket(Ticket {
        visible_at: at,
        ticket_id: format!("t{account}").into(),
        created_at: other,
        solved_at: score.map(|_| other),
        priority: None,
        escalated_at: None,
        reopens: score,
        reply_time_minutes: None,
        satisfaction_score: score,
        sentiment: None,
    })
}

/// A fact of another table and its account.
fn other_fact() -> impl Strategy<Value = (u32, Fact)> {
    let text = proptest::option::of(".{0,12}".prop_map(Text::from));
    let parts = (0..ACCOUNTS, 0..3, (time(), time()), text, number(), any::<bool>());
    parts.prop_map(|(account, kind, (at, other), text, score, is_told)| {
        let fact = match kind {
            0 => Fact::FieldChange(FieldChange {
                visible_at: at,
                field: "tier".into(),
                value: text,
                valid_from: other,
            }),
            1 => Fact::Survey(Survey {
                visible_at: at,
                contact_id: text,
                kind: Some(SurveyKind::Csat),
                score,
                responded_at: other,
            }),
            _ => ticket(account, at, other, is_told.then_some(score)),
        };
        (account, fact)
    })
}

/// Which way rows take into the store.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Fact by fact, as tables are read row by row.
    Facts,
    /// With the memos of a reader of columns.
    Columns,
}

fn pack(rows: &[Row], others: &[(u32, Fact)], budget: usize, way: Way) -> History {
    // Every third account is not known beforehand.
    let known = (0..ACCOUNTS).filter(|account| account % 3 != 0).map(id).collect();
    let builder = Arc::new(StoreBuilder::new(known, budget));
    let (first, second) = rows.split_at(rows.len() / 3);
    for (at, rows) in [first, second].into_iter().enumerate() {
        let mut packer = StoreBuilder::packer(&builder, at as u64);
        match way {
            Way::Facts => {
                for (account, row) in rows {
                    let place = builder.accounts.place(&id(*account));
                    packer.fact(place, &Fact::Usage(row.clone())).unwrap();
                }
            }
            Way::Columns => pack_columns(&builder, &mut packer, rows),
        }
        packer.finish().unwrap();
    }
    let mut packer = StoreBuilder::packer(&builder, 2);
    for (account, fact) in others {
        packer.fact(builder.accounts.place(&id(*account)), fact).unwrap();
    }
    packer.finish().unwrap();
    let accounts =
        (0..ACCOUNTS).map(|account| AccountFacts { account_id: id(account), ..Default::default() });
    let accounts: Vec<_> = accounts.collect();
    let store: Store = Arc::into_inner(builder).unwrap().finish(&accounts);
    History { accounts, store: Some(Arc::new(store)), ..History::default() }
}

fn pack_columns(builder: &Arc<StoreBuilder>, packer: &mut Packer, rows: &[Row]) {
    let places: Vec<_> = (0..ACCOUNTS).map(|account| Some(builder.accounts.place(&id(account)))).collect();
    let mut known: Vec<Text> = rows.iter().filter_map(|(_, row)| row.user_id.clone()).collect();
    known.sort_unstable();
    known.dedup();
    let hashes: Vec<_> = known.iter().map(|user| Some(user_hash(user))).collect();
    let position = |user: &Text| known.binary_search(user).map_or(NOBODY, |at| u32::try_from(at).unwrap());
    let number = |number: Option<f64>| number.unwrap_or(f64::NAN);
    let column = |of: fn(&Usage) -> f64| rows.iter().map(|(_, row)| of(row)).collect::<Vec<f64>>();
    let is_daily = rows.iter().any(|(_, row)| row.count.to_bits() != 1.0_f64.to_bits());
    let times = |of: &dyn Fn(&Usage) -> i64| {
        let mut times = Times::default();
        times.set(&rows.iter().map(|(_, row)| of(row)).collect::<Vec<i64>>());
        times
    };
    let columns = Rows {
        account: rows.iter().map(|(account, _)| *account).collect(),
        occurred_at: times(&|row| row.occurred_at.0),
        later: times(&|row| row.visible_at.0.wrapping_sub(row.occurred_at.0)),
        event: rows.iter().map(|(_, row)| builder.events.code(&row.event)).collect(),
        user: rows.iter().map(|(_, row)| row.user_id.as_ref().map_or(NOBODY, position)).collect(),
        channel: rows.iter().map(|(_, row)| channel_number(row.channel)).collect(),
        value: rows.iter().map(|(_, row)| number(row.value)).collect(),
        count: if is_daily { column(|row| row.count) } else { vec![] },
        active_users: rows.iter().map(|(_, row)| number(row.active_users)).collect(),
    };
    let (mut account_memos, mut user_memos) =
        (vec![Memo::default(); places.len()], vec![Memo::default(); hashes.len()]);
    let mut whose = Whose {
        accounts: &places,
        users: &hashes,
        account_memos: &mut account_memos,
        user_memos: &mut user_memos,
    };
    // As rows of a batch come: those of one part together, or in a row where the batch holds no other's.
    let part_of = |row: usize| places[rows[row].0 as usize].unwrap().part;
    let parts: BTreeSet<usize> = (0..rows.len()).map(part_of).collect();
    for part in parts.iter().copied() {
        let own: Vec<u32> = (0..rows.len())
            .filter(|&row| part_of(row) == part)
            .map(|row| u32::try_from(row).unwrap())
            .collect();
        let all = own.len() == rows.len();
        let chosen = if all { Chosen::InARow(0..rows.len()) } else { Chosen::At(&own) };
        packer.usage(part, &columns, &mut whose, chosen).unwrap();
    }
}

/// Rows by user: who is who is known, not what they are called.
type Users = Vec<(bool, Vec<String>)>;

/// The usage of an account, so that equal multisets are equal: numbers by their bits.
fn canonical<'a>(rows: impl IntoIterator<Item = &'a Usage>) -> Users {
    let mut of: BTreeMap<Option<Text>, Vec<String>> = BTreeMap::new();
    let bits = |number: Option<f64>| number.map(f64::to_bits);
    for row in rows {
        let Usage { visible_at, occurred_at, user_id, event, count, active_users, value, channel } = row;
        let told = (bits(Some(*count)), bits(*active_users), bits(*value));
        let text = format!("{} {} {event} {told:x?} {channel:?}", visible_at.0, occurred_at.0);
        of.entry(user_id.clone()).or_default().push(text);
    }
    let mut users: Users = of.into_iter().map(|(user, rows)| (user.is_some(), rows)).collect();
    users.iter_mut().for_each(|(_, rows)| rows.sort_unstable());
    users.sort_unstable();
    users
}

fn check_history(history: &History, rows: &[Row], others: &[(u32, Fact)]) {
    let unpacked = history.unpacked().unwrap();
    for (account, facts) in (0..ACCOUNTS).zip(&unpacked.accounts) {
        let own = rows.iter().filter(|(of, _)| *of == account).map(|(_, row)| row);
        assert_eq!(canonical(&facts.usage), canonical(own), "account {account}");
        let shown = |fact: &Fact| format!("{fact:?}");
        let own = others.iter().filter(|(of, _)| *of == account);
        let mut expected: Vec<String> = own.map(|(_, fact)| shown(fact)).collect();
        let mut found: Vec<String> = facts
            .clone()
            .take()
            .filter(|fact| !matches!(fact, Fact::Usage(_)))
            .map(|fact| shown(&fact))
            .collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "account {account}");
    }
    check_uses(history.store.as_deref().unwrap(), rows);
}

/// The blocks tell how events are used.
fn check_uses(store: &Store, rows: &[Row]) {
    for (part, range) in store.ranges().iter().enumerate() {
        let uses = store.event_uses(part).unwrap();
        for (event, of_event) in store.events().iter().zip(uses) {
            let own = || {
                rows.iter()
                    .filter(|(account, row)| range.contains(&(*account as usize)) && row.event == *event)
            };
            let mut accounts: Vec<u32> = own().map(|(account, _)| *account).collect();
            accounts.sort_unstable();
            accounts.dedup();
            assert_eq!(of_event.rows, own().count() as u64);
            assert_eq!(of_event.accounts, accounts.len());
            assert_eq!(of_event.has_value, own().any(|(_, row)| row.value.is_some()));
        }
    }
}

/// A block of usage of accounts with the codes 0 to 4.
fn block(rows: &[Row]) -> Vec<u8> {
    let mut encoder = Encoder::new(1);
    for (account, row) in rows {
        let event = row.event.trim_start_matches("event ").parse().unwrap();
        let packed = UsageRow {
            occurred_at: row.occurred_at.0,
            visible_at: row.visible_at.0,
            event,
            user: row.user_id.as_deref().map(user_hash),
            count: row.active_users.map(|_| row.count),
            active_users: row.active_users,
            value: row.value,
            channel: row.channel,
        };
        encoder.push(account % 5, &packed);
    }
    let mut bytes = Vec::new();
    encoder.finish(2, &mut bytes);
    bytes
}

fn fill(blocks: &[&[u8]]) -> Result<UsageColumns, Damaged> {
    let blocks: Vec<Cow<'_, [u8]>> = blocks.iter().map(|bytes| Cow::Borrowed(*bytes)).collect();
    let account_of = |code: u32| (code < 5).then_some(code as usize);
    let uses = event_uses(&blocks, account_of, EVENTS as usize);
    let mut columns = UsageColumns::new(5);
    columns.fill(&blocks, account_of, &(0..EVENTS).collect::<Vec<_>>())?;
    uses.map(|_| columns)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_packed_comes_out(rows in vec(usage(), 0..700), others in vec(other_fact(), 0..200)) {
        for way in [Way::Facts, Way::Columns] {
            let in_memory = pack(&rows, &others, usize::MAX, way);
            prop_assert_eq!(in_memory.store.as_ref().unwrap().n_spilled(), 0);
            check_history(&in_memory, &rows, &others);
            let on_disk = pack(&rows, &others, 0, way);
            let is_any = !rows.is_empty() || !others.is_empty();
            prop_assert_eq!(on_disk.store.as_ref().unwrap().n_spilled() > 0, is_any);
            check_history(&on_disk, &rows, &others);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cut_block_is_an_error(rows in vec(usage(), 1..20), cut in any::<proptest::sample::Index>()) {
        let bytes = block(&rows);
        prop_assert!(fill(&[&bytes]).is_ok());
        prop_assert!(fill(&[&bytes[..cut.index(bytes.len())]]).is_err());
    }

    #[test]
    fn changed_blocks_never_panic(
        rows in vec(usage(), 0..20),
        changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        more in vec(any::<u8>(), 0..12),
    ) {
        let good = block(&rows);
        let mut bytes = good.clone();
        changes.iter().for_each(|(at, byte)| bytes[at.index(good.len())] = *byte);
        let _ = fill(&[&bytes]);
        let _ = fill(&[&bytes, &good, &bytes]);
        // Long numbers, where short ones stood, reach lengths that no block has.
        let at = changes[0].0.index(good.len());
        bytes.splice(at..at, more.iter().copied().chain([0xff; 9]).chain([1]));
        let _ = fill(&[&bytes]);
        let _ = fill(&[&bytes, &bytes, &good]);
    }

    #[test]
    fn any_bytes_are_no_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = fill(&[&bytes]);
        let mut facts = vec![AccountFacts::default(); 5];
        let _ = fact::read(&bytes, |code| (code < 5).then_some(code as usize), &mut facts);
    }

    #[test]
    fn changed_facts_never_panic(
        others in vec(other_fact(), 1..6),
        changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = Vec::new();
        others.iter().for_each(|(account, one)| fact::append(&mut bytes, &mut Vec::new(), account % 5, one).unwrap());
        let account_of = |code: u32| (code < 5).then_some(code as usize);
        let mut facts = vec![AccountFacts::default(); 5];
        prop_assert!(fact::read(&bytes[..bytes.len() - 1], account_of, &mut facts).is_err());
        let length = bytes.len();
        changes.iter().for_each(|(at, byte)| bytes[at.index(length)] = *byte);
        let _ = fact::read(&bytes, account_of, &mut facts);
    }
}

/// Numbers of rows that no memory holds, alone and added up.
#[test]
fn absurd_numbers_of_rows_are_an_error() {
    let header = |n_rows: u64| {
        let mut bytes = Vec::new();
        // One account, of code 0; no users, no rows.
        [1, 0, n_rows, 0, 0].iter().for_each(|number| super::bytes::put(&mut bytes, *number));
        bytes
    };
    let (most, half) = (header(u64::MAX), header(1 << 63));
    for blocks in [&[&most[..]][..], &[&most, &most], &[&half, &half], &[&half, &half, &most]] {
        assert!(fill(blocks).is_err());
    }
}
