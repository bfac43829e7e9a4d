//! The feature engine on a whole business: the same facts give the same bytes however they are stored, ordered, read
//! and computed, and no fact counts before it was known.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray, UInt32Array,
    make_array,
};
use arrow::compute::{cast, concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use arrow::util::display::array_value_to_string;
use holdfast_features::compute::{self, ComputeConfig, Key};
use holdfast_features::read::{self, HistoryConfig};
use holdfast_features::snapshot::{self, SnapshotConfig};
use holdfast_features::write::computed_features;
use holdfast_features::{Column, FeatureSpec, FeatureTable, History, Timestamp, Value};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;

use crate::program::{TRAIN, trained};

/// Dates with and without a time of day.
const DATES: [&str; 3] = ["2022-12-31", "2023-06-30T09:30:00Z", "2023-09-14T17:45:12Z"];
const DAY: i64 = 86_400_000_000;

/// The tables of a business by name.
type Tables = BTreeMap<String, RecordBatch>;

/// How tables are stored.
#[derive(Debug, Clone, Copy)]
enum Stored {
    /// A Parquet file each.
    Parquet,
    /// Three Parquet files each, of small row groups.
    Files,
    Csv,
}

fn business() -> Tables {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("business");
    let out = history.to_str().unwrap();
    trained(&["simulate", "--out", out, "--accounts", "90", "--months", "24", "--seed", "23"]);
    let files = fs::read_dir(&history).unwrap().map(|entry| entry.unwrap().path());
    let tables = files.filter(|path| path.extension().is_some_and(|ending| ending == "parquet"));
    let mut tables: Tables = tables
        .map(|path| {
            let batches: Vec<RecordBatch> =
                ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap())
                    .unwrap()
                    .build()
                    .unwrap()
                    .map(Result::unwrap)
                    .collect();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, concat_batches(&batches[0].schema(), &batches).unwrap())
        })
        .collect();
    tables.remove("truth").unwrap();
    assert_eq!(tables.len(), 14, "{:?}", tables.keys());
    tables
}

fn put(folder: &Path, tables: &Tables, stored: Stored) {
    for (name, batch) in tables {
        match stored {
            Stored::Parquet => put_parquet(&folder.join(format!("{name}.parquet")), batch, 1 << 20),
            Stored::Files => {
                fs::create_dir(folder.join(name)).unwrap();
                let n_rows = batch.num_rows().div_ceil(3);
                for file in 0..3 {
                    let start = (file * n_rows).min(batch.num_rows());
                    let rows = batch.slice(start, n_rows.min(batch.num_rows() - start));
                    put_parquet(&folder.join(format!("{name}/{file}.parquet")), &rows, 1_000);
                }
            }
            Stored::Csv => fs::write(folder.join(format!("{name}.csv")), csv(batch)).unwrap(),
        }
    }
}

fn put_parquet(path: &Path, batch: &RecordBatch, group_rows: usize) {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn csv(batch: &RecordBatch) -> String {
    let header: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    // Arrow knows no name of a zone: times are shown without.
    let plain = |column: &ArrayRef| match column.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            let data = column.to_data().into_builder().data_type(DataType::Timestamp(*unit, None));
            make_array(data.build().unwrap())
        }
        _ => column.clone(),
    };
    let columns: Vec<ArrayRef> = batch.columns().iter().map(plain).collect();
    let mut text = header.join(",") + "\n";
    for row in 0..batch.num_rows() {
        let cells = columns.iter().map(|column| match array_value_to_string(column, row).unwrap() {
            cell if cell.contains([',', '"', '\n']) => format!("\"{}\"", cell.replace('"', "\"\"")),
            cell => cell,
        });
        text += &(cells.collect::<Vec<_>>().join(",") + "\n");
    }
    text
}

/// The tables with their rows in another order.
fn permuted(tables: &Tables) -> Tables {
    let shuffled = |batch: &RecordBatch| {
        let mut rows: Vec<u32> = (0..u32::try_from(batch.num_rows()).unwrap()).collect();
        rows.sort_by_key(|row| {
            u64::from(*row).wrapping_add(7).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17)
        });
        take_record_batch(batch, &UInt32Array::from(rows)).unwrap()
    };
    tables.iter().map(|(name, batch)| (name.clone(), shuffled(batch))).collect()
}

fn config() -> HistoryConfig {
    HistoryConfig { with_hashes: false, ..HistoryConfig::default() }
}

fn history(tables: &Tables, stored: Stored, config: &HistoryConfig) -> History {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), tables, stored);
    read::history(folder.path(), config).unwrap()
}

fn specs(history: &History) -> Vec<FeatureSpec> {
    compute::specs(history, &ComputeConfig::default()).unwrap()
}

/// Every account active at the dates, by account and date.
fn keys(history: &History) -> Vec<Key> {
    let open =
        |date: &&str| snapshot::open(history, Timestamp::parse(date).unwrap(), &SnapshotConfig::default());
    let mut keys: Vec<Key> = DATES.iter().flat_map(open).map(|snapshot| Key::from(&snapshot)).collect();
    keys.sort_by(|a, b| (&a.account_id, a.as_of).cmp(&(&b.account_id, b.as_of)));
    assert!(keys.len() > 100, "{} keys", keys.len());
    keys
}

/// The feature file of the history.
fn bytes_of(history: &History, keys: &[Key], specs: &[FeatureSpec]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.parquet");
    computed_features(&path, history, keys, specs, |_| {}).unwrap();
    fs::read(path).unwrap()
}

/// The feature file of everything that the history offers at the dates.
fn bytes(history: &History) -> Vec<u8> {
    bytes_of(history, &keys(history), &specs(history))
}

/// Where two feature files differ: account, date, feature, both values.
fn differences(keys: &[Key], a: &FeatureTable, b: &FeatureTable) -> Vec<String> {
    let shown = |value: Value<'_>| match value {
        Value::Number(number) if number.is_nan() => "missing".to_owned(),
        Value::Number(number) => format!("{number:?}"),
        Value::Text(text) => format!("{text:?}"),
    };
    let mut found = Vec::new();
    for (spec, (one, other)) in a.specs().iter().zip(a.columns().iter().zip(b.columns())) {
        for (row, key) in keys.iter().enumerate() {
            let (one, other) = (shown(one.value(row)), shown(other.value(row)));
            if one != other {
                found.push(format!("{} at {}: {} is {one} or {other}", key.account_id, key.as_of, spec.name));
            }
        }
    }
    found
}

/// Asserts that two histories give the same file, and shows where not.
fn assert_same(what: &str, base: &History, other: &History) {
    let (specs, keys) = (specs(base), keys(base));
    assert_eq!(self::specs(other), specs, "{what}");
    assert_eq!(self::keys(other), keys, "{what}");
    if bytes_of(base, &keys, &specs) != bytes_of(other, &keys, &specs) {
        let table = |history: &History| compute::table(history, &keys, &specs).unwrap();
        let found = differences(&keys, &table(base), &table(other));
        panic!("{what}: {} values differ: {:#?}", found.len(), &found[..found.len().min(9)]);
    }
}

#[test]
fn storage_and_order_of_the_input_do_not_show() {
    let tables = business();
    let base = history(&tables, Stored::Parquet, &config());
    assert!(specs(&base).len() > 400, "{} features", specs(&base).len());
    let table = compute::table(&base, &keys(&base), &specs(&base)).unwrap();
    let is_negative_zero = |column: &Column| match column {
        Column::Number(values) => values.iter().any(|value| value.to_bits() == (-0.0_f64).to_bits()),
        Column::Text(_) => false,
    };
    assert!(!table.columns().iter().any(is_negative_zero), "a sum of nothing is 0, not -0");
    assert_same("computed again", &base, &base);
    assert_same("several files a table", &base, &history(&tables, Stored::Files, &config()));
    assert_same("CSV", &base, &history(&tables, Stored::Csv, &config()));
    let permuted = permuted(&tables);
    assert_same("permuted rows", &base, &history(&permuted, Stored::Parquet, &config()));
    assert_same("permuted rows in several files", &base, &history(&permuted, Stored::Files, &config()));
}

#[test]
fn threads_and_memory_do_not_show() {
    let tables = business();
    let in_pool = |threads: usize, config: &HistoryConfig| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let history = history(&tables, Stored::Files, config);
            let n_spilled = history.store.as_ref().unwrap().n_spilled();
            // The account that uses least: what explains a value is quadratic in the account's facts.
            let (keys, asked) = (keys(&history), ["events_28d".to_owned()]);
            let table =
                compute::table(&history, &keys, &compute::specs_of(&history, &asked).unwrap()).unwrap();
            let events = |row: &usize| match table.columns()[0].value(*row) {
                Value::Number(events) if events >= 5.0 => events,
                _ => f64::INFINITY,
            };
            let least = (0..keys.len()).min_by(|a, b| events(a).total_cmp(&events(b))).unwrap();
            let explained = compute::explain(&history, &keys[least], "events_28d").unwrap();
            assert!(!explained.behind.is_empty(), "{explained:?}");
            ((bytes(&history), explained), n_spilled)
        })
    };
    let (expected, n_spilled) = in_pool(1, &config());
    assert_eq!(n_spilled, 0);
    assert!(in_pool(4, &config()).0 == expected, "four threads");
    let tiny = HistoryConfig { memory: 1 << 10, ..config() };
    for threads in [1, 4] {
        let (bytes, n_spilled) = in_pool(threads, &tiny);
        assert!(n_spilled > 100_000, "only {n_spilled} bytes went to the temporary file");
        assert!(bytes == expected, "a temporary file, {threads} threads");
    }
}

#[test]
fn the_program_writes_the_same_file_with_any_memory_and_threads() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &business(), Stored::Parquet);
    let history = folder.path().to_str().unwrap();
    let out = tempfile::tempdir().unwrap();
    let file = |name: &str, threads: &str, more: &[&str]| {
        let path = out.path().join(name);
        let dates = DATES.join(",");
        let arguments =
            ["features", "--history", history, "--as-of", &dates, "--out", path.to_str().unwrap()];
        let run = Command::new(TRAIN)
            .args(arguments)
            .args(more)
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        fs::read(path).unwrap()
    };
    let expected = file("a.parquet", "1", &[]);
    assert!(file("b.parquet", "4", &["--memory", "64MB"]) == expected);
    // The same values in CSV, and of a few features asked for alone.
    assert!(file("a.csv", "1", &[]) == file("b.csv", "4", &["--memory", "64MB"]));
    let few = ["events_28d", "users_28d", "open_tickets", "arr"];
    let _ = file("few.parquet", "4", &["--only", &few.join(",")]);
    let read = |name: &str| read::feature_file(&out.path().join(name)).unwrap();
    let ((keys, all), (few_keys, alone)) = (read("a.parquet"), read("few.parquet"));
    assert_eq!(few_keys, keys);
    for name in few {
        let values = |table: &FeatureTable| format!("{:?}", table.column(name).unwrap());
        assert_eq!(values(&alone), values(&all), "{name}");
    }
}

#[test]
fn rows_come_in_the_order_of_the_keys() {
    let history = history(&business(), Stored::Parquet, &config());
    let (sorted, specs) = (keys(&history), specs(&history));
    let expected = compute::table(&history, &sorted, &specs).unwrap();
    let by_date = |key: &Key| (key.as_of, key.account_id.clone());
    let mut unsorted = sorted.clone();
    unsorted.sort_by_key(|key| std::cmp::Reverse(by_date(key)));
    // Asked for twice, answered twice.
    unsorted.push(unsorted[0].clone());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.parquet");
    computed_features(&path, &history, &unsorted, &specs, |_| {}).unwrap();
    let (found, table) = read::feature_file(&path).unwrap();
    let in_file: Vec<_> = found.iter().map(|key| (key.account_id.clone(), key.as_of)).collect();
    let asked: Vec<_> = unsorted.iter().map(|key| (key.account_id.clone(), key.as_of)).collect();
    assert_eq!(in_file, asked);
    let row_of = |key: &Key| {
        sorted
            .binary_search_by(|one| (&one.account_id, one.as_of).cmp(&(&key.account_id, key.as_of)))
            .unwrap()
    };
    let rows: Vec<usize> = unsorted.iter().map(row_of).collect();
    assert_eq!(differences(&unsorted, &expected.take(&rows), &table), Vec::<String>::new());
}

/// The times of the column in microseconds, where the table has it.
fn times(batch: &RecordBatch, column: &str) -> Option<Int64Array> {
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
fn known(name: &str, batch: &RecordBatch) -> Vec<(i64, i64)> {
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

fn accounts(batch: &RecordBatch) -> Vec<String> {
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
