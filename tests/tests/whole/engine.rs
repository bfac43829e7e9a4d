//! The feature engine on a whole business: the same facts give the same bytes however they are stored, ordered, read
//! and computed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array, make_array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::DataType;
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
pub(crate) const DATES: [&str; 3] = ["2022-12-31", "2023-06-30T09:30:00Z", "2023-09-14T17:45:12Z"];

/// The tables of a business by name.
pub(crate) type Tables = BTreeMap<String, RecordBatch>;

/// How tables are stored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stored {
    /// A Parquet file each.
    Parquet,
    /// Three Parquet files each, of small row groups.
    Files,
    Csv,
}

pub(crate) fn business() -> Tables {
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

pub(crate) fn put(folder: &Path, tables: &Tables, stored: Stored) {
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

pub(crate) fn put_parquet(path: &Path, batch: &RecordBatch, group_rows: usize) {
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

pub(crate) fn config() -> HistoryConfig {
    HistoryConfig { with_hashes: false, ..HistoryConfig::default() }
}

pub(crate) fn history(tables: &Tables, stored: Stored, config: &HistoryConfig) -> History {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), tables, stored);
    read::history(folder.path(), config).unwrap()
}

pub(crate) fn specs(history: &History) -> Vec<FeatureSpec> {
    compute::specs(history, &ComputeConfig::default()).unwrap()
}

/// Every account active at the dates, by account and date.
pub(crate) fn keys(history: &History) -> Vec<Key> {
    let open =
        |date: &&str| snapshot::open(history, Timestamp::parse(date).unwrap(), &SnapshotConfig::default());
    let mut keys: Vec<Key> = DATES.iter().flat_map(open).map(|snapshot| Key::from(&snapshot)).collect();
    keys.sort_by(|a, b| (&a.account_id, a.as_of).cmp(&(&b.account_id, b.as_of)));
    assert!(keys.len() > 100, "{} keys", keys.len());
    keys
}

/// The feature file of the history.
pub(crate) fn bytes_of(history: &History, keys: &[Key], specs: &[FeatureSpec]) -> Vec<u8> {
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
pub(crate) fn differences(keys: &[Key], a: &FeatureTable, b: &FeatureTable) -> Vec<String> {
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
            // The account that uses least has the shortest explanation.
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
