//! The same rows as on one machine, bit for bit.

use std::time::Instant;

use holdfast_cluster::{Asked, Cluster, ClusterError, Query, Request};
use holdfast_features::{FeatureTable, Timestamp, read};

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
fn with_one_and_two_executors() {
    let known = large();
    for n_executors in [1, 2] {
        let machines = Machines::start(n_executors, &[]);
        let start = Instant::now();
        let client = machines.ask(&known.history(), "features.parquet");
        let out = client.out.clone();
        let output = client.finish();
        let wall = start.elapsed().as_secs_f64();
        assert!(output.status.success(), "{}", text(&output));
        let (keys, table) = read::feature_file(&out).unwrap();
        assert_eq!(keys, known.keys);
        assert_same(&table, &known.table);
        let peaks: Vec<u64> =
            machines.executors.iter().map(|executor| executor.process.peak_megabytes()).collect();
        println!("{} events, {} rows, {n_executors} executors: {wall:.1} s, peak {peaks:?} MB", known.n_events, keys.len());
    }
}
