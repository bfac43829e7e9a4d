//! The same rows as on one machine, bit for bit.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use holdfast_cluster::{Asked, Cluster, ClusterError, Query, Request};
use holdfast_features::{FeatureTable, Timestamp, read};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::business::{AS_OF, assert_same, large, small};
use crate::program::{Machines, text};

pub(crate) fn request(history: &Path) -> Request {
    Request {
        history: history.display().to_string(),
        config: ("defaults".to_owned(), String::new()),
        asked: Asked::ActiveAt(AS_OF.iter().map(|as_of| Timestamp::parse(as_of).unwrap()).collect()),
        only: Vec::new(),
        cluster: Cluster::Local,
        n_partitions: 3,
        scratch: std::env::temp_dir().display().to_string(),
        now: None,
    }
}

pub(crate) fn run(request: Request) -> Result<(Vec<holdfast_features::RowKey>, FeatureTable), ClusterError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let query = Query::prepare(request).await?;
        Ok((query.keys(), query.table().await?))
    })
}

/// The rows of a Parquet file.
pub(crate) fn rows(path: &Path) -> RecordBatch {
    let file = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = file.schema().clone();
    concat_batches(&schema, &file.build().unwrap().map(Result::unwrap).collect::<Vec<_>>()).unwrap()
}

/// The rows with other columns of these names.
pub(crate) fn with_columns(rows: &RecordBatch, columns: Vec<ArrayRef>) -> RecordBatch {
    let schema = rows.schema();
    let names = schema.fields().iter().map(|field| field.name());
    RecordBatch::try_from_iter_with_nullable(names.zip(columns).map(|(name, column)| (name, column, true)))
        .unwrap()
}

/// Writes other rows into a Parquet file.
pub(crate) fn change(path: &Path, change: impl FnOnce(RecordBatch) -> RecordBatch) {
    let changed = change(rows(path));
    std::fs::remove_file(path).unwrap();
    put(path, &changed);
}

pub(crate) fn put(path: &Path, rows: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(File::create_new(path).unwrap(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
}

#[test]
fn in_this_process() {
    let known = small();
    let (keys, table) = run(request(&known.history())).unwrap();
    assert_eq!(keys, known.keys);
    assert_same(&table, &known.table);
}

#[test]
fn only_some_features() {
    let known = small();
    let only: Vec<String> = ["seat_utilisation", "stage", "days_to_term_end", "events_7d"]
        .iter()
        .filter(|name| known.table.specs().iter().any(|spec| spec.name == **name))
        .map(|name| (*name).to_owned())
        .collect();
    assert!(only.len() >= 2, "the catalogue has other names now: {only:?}");
    let (_, table) = run(Request { only: only.clone(), ..request(&known.history()) }).unwrap();
    let names: Vec<&str> = table.specs().iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names, only);
    assert_same(&table, &known.table.select(table.specs()).unwrap());
}

#[test]
fn a_row_that_cannot_be_is_told() {
    let known = small();
    let path = known.history().join("tickets.parquet");
    change(&path, |rows| {
        let mut columns = rows.columns().to_vec();
        let (position, _) = rows.schema().column_with_name("priority").unwrap();
        columns[position] = Arc::new(StringArray::from(vec!["gigantic"; rows.num_rows()]));
        with_columns(&rows, columns)
    });
    let error = run(request(&known.history())).unwrap_err();
    assert!(error.to_string().contains("gigantic"), "{error}");
}

#[test]
fn with_one_and_two_executors() {
    run_on(1, &[]);
    run_on(2, &[]);
}

#[test]
fn with_less_memory_than_the_facts_need() {
    run_on(1, &["--memory", "100MB"]);
}

/// Runs the query on that many executors, started with these further options, and prints what it cost.
fn run_on(n_executors: usize, options: &[&str]) {
    let known = large();
    let machines = Machines::start(n_executors, options);
    let start = Instant::now();
    let client = machines.ask(&known.history(), "features.parquet");
    let out = client.out.clone();
    let output = client.finish();
    let wall = start.elapsed().as_secs_f64();
    assert!(output.status.success(), "{}", text(&output));
    let (keys, table) = read::feature_file(&out).unwrap();
    assert_eq!(keys, known.keys);
    assert_same(&table, &known.table);
    println!(
        "{} events, {} rows, {n_executors} executors {options:?}: {wall:.1} s",
        known.n_events,
        keys.len()
    );
    for executor in &machines.executors {
        let (cpu, peak) = (executor.process.cpu_seconds(), executor.process.peak_megabytes());
        println!(
            "  {cpu:.1} s of processor time, peak {peak} MB, {} MB for others",
            executor.left_megabytes()
        );
    }
}
