//! No fact counts before it was known: in whole businesses, over every table, and month by month.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray,
};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use arrow::util::display::array_value_to_string;
use holdfast_features::compute::{self, Key};
use holdfast_features::snapshot::{self, SnapshotConfig};
use holdfast_features::{History, Timestamp, read};

use crate::engine::{
    DATES, Stored, Tables, business, bytes_of, config, differences, history, keys, put, put_parquet, specs,
};

pub(crate) const DAY: i64 = 86_400_000_000;

/// The times of the column in microseconds, where the table has it.
pub(crate) fn times(batch: &RecordBatch, column: &str) -> Option<Int64Array> {
    let array = batch.column_by_name(column)?;
    let micros = match array.data_type() {
        DataType::Date32 => cast(&cast(array, &DataType::Int32).unwrap(), &DataType::Int64).unwrap(),
        _ => cast(array, &DataType::Int64).unwrap(),
    };
    let factor = if *array.data_type() == DataType::Date32 { DAY } else { 1 };
    Some(micros.as_primitive::<Int64Type>().unary(|time| time * factor))
}

/// When the rows of each table happened.
const HAPPENED: [(&str, &str); 14] = [
    ("account_history", "valid_from"),
    ("account_states", "started_at"),
    ("activities", "occurred_at"),
    ("contacts", "created_at"),
    ("interventions", "assigned_at"),
    ("invoices", "created_at"),
    ("milestones", "achieved_at"),
    ("opportunities", "created_at"),
    ("subscription_events", "effective_at"),
    ("subscriptions", "started_at"),
    ("surveys", "responded_at"),
    ("tickets", "created_at"),
    ("usage_daily", "date"),
    ("usage_events", "occurred_at"),
];

/// When each row happened and became known.
pub(crate) fn known(name: &str, batch: &RecordBatch) -> Vec<(i64, i64)> {
    let (_, happened) = HAPPENED.iter().find(|(table, _)| *table == name).unwrap();
    let happened = times(batch, happened).unwrap();
    let recorded = times(batch, "recorded_at").or_else(|| times(batch, "received_at"));
    let planned = times(batch, "target_at");
    let is_planned = |row: usize| planned.as_ref().is_some_and(|times| times.is_valid(row));
    (0..batch.num_rows())
        .map(|row| {
            let recorded =
                recorded.as_ref().filter(|times| times.is_valid(row)).map(|times| times.value(row));
            let happened = happened.is_valid(row).then(|| happened.value(row)).or(recorded).unwrap();
            let known = match name {
                "usage_daily" => happened + DAY - 1,
                // A plan is known when it is written down, whenever it is achieved.
                "milestones" if is_planned(row) => i64::MIN,
                _ => happened,
            };
            (happened, recorded.map_or(known, |recorded| recorded.max(known)))
        })
        .collect()
}

pub(crate) fn accounts(batch: &RecordBatch) -> Vec<String> {
    let ids = batch.column_by_name("account_id").unwrap();
    (0..batch.num_rows()).map(|row| array_value_to_string(ids, row).unwrap()).collect()
}

/// What was left out of a table: rows that had not happened, and those that had and were not known.
type LeftOut = BTreeMap<String, (usize, usize)>;

/// The tables as they were known before `as_of` for every other account. The others keep their rows, so that the
/// history ends when it did: at its end decisions read an export's cells of today.
fn before(tables: &Tables, as_of: i64) -> (Tables, LeftOut) {
    let mut left_out = LeftOut::new();
    let is_cut = |account: &str| account.as_bytes().last().is_some_and(|last| last % 2 == 0);
    let mut cut = tables.clone();
    for (name, batch) in cut.iter_mut().filter(|(name, _)| *name != "accounts") {
        let (mut n_future, mut n_late) = (0, 0);
        let keep = known(name, batch).into_iter().zip(accounts(batch)).map(|((happened, known), account)| {
            let is_left_out = is_cut(&account) && known >= as_of;
            n_future += usize::from(is_left_out && happened >= as_of);
            n_late += usize::from(is_left_out && happened < as_of);
            !is_left_out
        });
        let keep: BooleanArray = keep.map(Some).collect();
        *batch = filter_record_batch(batch, &keep).unwrap();
        left_out.insert(name.clone(), (n_future, n_late));
    }
    (cut, left_out)
}

/// Usage as sums of days.
fn with_daily_usage(mut tables: Tables) -> Tables {
    let events = tables.remove("usage_events").unwrap();
    let names = events.column_by_name("event").unwrap();
    let mut sums: BTreeMap<(i32, String, String), i64> = BTreeMap::new();
    for (row, ((happened, _), account)) in
        known("usage_events", &events).into_iter().zip(accounts(&events)).enumerate()
    {
        let day = i32::try_from(happened.div_euclid(DAY)).unwrap();
        *sums.entry((day, account, array_value_to_string(names, row).unwrap())).or_default() += 1;
    }
    let texts = |text: &dyn Fn(&(i32, String, String)) -> String| -> ArrayRef {
        Arc::new(sums.keys().map(text).map(Some).collect::<StringArray>())
    };
    let daily = RecordBatch::try_from_iter([
        ("account_id", texts(&|key| key.1.clone())),
        ("date", Arc::new(sums.keys().map(|key| Some(key.0)).collect::<Date32Array>()) as _),
        ("event", texts(&|key| key.2.clone())),
        ("count", Arc::new(sums.values().copied().map(Some).collect::<Int64Array>()) as _),
    ]);
    tables.insert("usage_daily".to_owned(), daily.unwrap());
    tables
}

/// Rows at the date alone.
fn at(keys: &[Key], as_of: i64) -> Vec<Key> {
    keys.iter().filter(|key| key.as_of.0 == as_of).cloned().collect()
}

#[test]
fn what_was_not_known_at_a_date_changes_nothing_at_it() {
    let events = business();
    for (tables, is_daily) in [(with_daily_usage(events.clone()), true), (events, false)] {
        let whole = history(&tables, Stored::Parquet, &config());
        let (specs, keys) = (specs(&whole), keys(&whole));
        let mut all_left_out = LeftOut::new();
        for date in DATES {
            let as_of = Timestamp::parse(date).unwrap().0;
            let (cut, left_out) = before(&tables, as_of);
            let cut = history(&cut, Stored::Parquet, &config());
            let keys = at(&keys, as_of);
            let table = |history: &History| compute::table(history, &keys, &specs).unwrap();
            let found = differences(&keys, &table(&cut), &table(&whole));
            assert!(found.is_empty(), "{} values differ: {:#?}", found.len(), &found[..found.len().min(9)]);
            for (name, (n_future, n_late)) in left_out {
                let of_table = all_left_out.entry(name).or_default();
                *of_table = (of_table.0 + n_future, of_table.1 + n_late);
            }
        }
        assert_eq!(all_left_out.len(), 13);
        assert!(all_left_out.values().all(|(n_future, n_late)| n_future + n_late > 0), "{all_left_out:?}");
        let n_late_tables = all_left_out.values().filter(|(_, n_late)| *n_late > 0).count();
        assert!(n_late_tables >= if is_daily { 2 } else { 3 }, "{all_left_out:?}");
    }
}

/// An export that tells no time of receipt: what comes in the next month's file about the past counts from then on.
#[test]
fn a_month_appended_changes_the_accounts_of_late_rows_alone() {
    let mut tables = business();
    let usage = tables.remove("usage_events").unwrap();
    let known = known("usage_events", &usage);
    // Just after a row that was received in the next month only.
    let next_month = Timestamp::parse("2023-07-01").unwrap().0;
    let is_late = |row: &(i64, i64)| row.0 < next_month && row.1 >= next_month;
    let as_of = known.iter().filter(|row| is_late(row)).map(|row| row.0).max().expect("a late row") + 1;
    let column = if usage.column_by_name("recorded_at").is_some() { "recorded_at" } else { "received_at" };
    let positions: Vec<usize> =
        (0..usage.num_columns()).filter(|at| usage.schema().field(*at).name() != column).collect();
    let usage = usage.project(&positions).unwrap();
    let months = |is_in: &dyn Fn(i64) -> bool| -> RecordBatch {
        let keep: BooleanArray = known.iter().map(|row| Some(is_in(row.1))).collect();
        filter_record_batch(&usage, &keep).unwrap()
    };
    let next = next_month + 31 * DAY;
    let (past, appended) =
        (months(&|known| known < next_month), months(&|known| (next_month..next).contains(&known)));
    let read = |files: &[&RecordBatch]| {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &tables, Stored::Parquet);
        fs::create_dir(folder.path().join("usage_events")).unwrap();
        for (month, file) in files.iter().enumerate() {
            put_parquet(&folder.path().join(format!("usage_events/{month}.parquet")), file, 1 << 20);
        }
        read::history(folder.path(), &config()).unwrap()
    };
    let (one, both) = (read(&[&past]), read(&[&past, &appended]));
    let specs = specs(&one);
    let open = snapshot::open(&one, Timestamp(as_of), &SnapshotConfig::default());
    let at_as_of: Vec<Key> = open.iter().map(Key::from).collect();
    // Before any late row nothing changes, byte for byte.
    let earliest = known.iter().filter(|row| is_late(row)).map(|row| row.0).min().unwrap();
    let earlier: Vec<Key> =
        at_as_of.iter().map(|key| Key { as_of: Timestamp(earliest), ..key.clone() }).collect();
    assert!(bytes_of(&one, &earlier, &specs) == bytes_of(&both, &earlier, &specs));
    let table = |history: &History| compute::table(history, &at_as_of, &specs).unwrap();
    let changed: BTreeSet<String> = differences(&at_as_of, &table(&one), &table(&both))
        .iter()
        .map(|line| line.split_once(" at ").unwrap().0.to_owned())
        .collect();
    let active: BTreeSet<String> = at_as_of.iter().map(|key| key.account_id.to_string()).collect();
    let late: BTreeSet<String> = known
        .iter()
        .zip(accounts(&usage))
        .filter(|(row, account)| is_late(row) && active.contains(account))
        .map(|(_, account)| account)
        .collect();
    assert!(!late.is_empty());
    assert_eq!(changed, late);
}
