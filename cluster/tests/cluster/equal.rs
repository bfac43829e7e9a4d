//! The same rows as on one machine, bit for bit.

use std::fs::File;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{RecordBatch, StringArray};
use arrow::compute::concat_batches;
use holdfast_cluster::{Asked, Cluster, ClusterError, Query, Request};
use holdfast_features::{FeatureTable, Timestamp, read};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::business::{AS_OF, assert_same, large, small};
use crate::program::{Machines, text};

fn request(history: &std::path::Path) -> Request {
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

fn run(request: Request) -> Result<(Vec<holdfast_features::RowKey>, FeatureTable), ClusterError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let query = Query::prepare(request).await?;
        Ok((query.keys(), query.table().await?))
    })
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
    let rows = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap().build().unwrap();
    let rows: Vec<RecordBatch> = rows.map(Result::unwrap).collect();
    let schema = rows[0].schema();
    let mut columns = concat_batches(&schema, &rows).unwrap().columns().to_vec();
    let (position, _) = schema.column_with_name("priority").unwrap();
    columns[position] = Arc::new(StringArray::from(vec!["gigantic"; columns[position].len()]));
    let rows =
        RecordBatch::try_from_iter(schema.fields().iter().map(|field| field.name()).zip(columns)).unwrap();
    std::fs::remove_file(&path).unwrap();
    let mut writer = ArrowWriter::try_new(File::create_new(&path).unwrap(), rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
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
