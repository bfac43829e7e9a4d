//! Machines that die while a query runs.

use std::time::{Duration, Instant};

use holdfast_features::read;

use crate::business::{assert_same, large, small};
use crate::program::{Machines, text};

/// Within which a query must end after the death of an executor.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_killed_executor_costs_time_and_nothing_else() {
    let known = large();
    let mut machines = Machines::start(2, &[]);
    let client = machines.ask(&known.history(), "features.parquet");
    let out = client.out.clone();
    machines.await_partial_results(1);
    machines.executors[1].process.kill();
    let killed = Instant::now();
    let output = client.finish();
    let took = killed.elapsed();
    assert!(output.status.success(), "{}", text(&output));
    let (keys, table) = read::feature_file(&out).unwrap();
    assert_eq!(keys, known.keys);
    assert_same(&table, &known.table);
    println!("ended {:.1} s after the executor", took.as_secs_f64());
    assert!(took < PATIENCE, "took {took:?}");
}

#[test]
fn a_killed_scheduler_is_told_and_the_query_can_be_repeated() {
    let known = large();
    let mut machines = Machines::start(2, &[]);
    let client = machines.ask(&known.history(), "features.parquet");
    let out = client.out.clone();
    machines.await_partial_results(0);
    machines.scheduler.kill();
    let output = client.finish();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let told = text(&output);
    assert!(told.contains(&format!("the scheduler at {} does not answer", machines.url)), "{told}");
    assert!(!out.exists(), "half an answer is none");

    machines.restart_scheduler();
    let client = machines.ask(&known.history(), "again.parquet");
    let out = client.out.clone();
    let output = client.finish();
    assert!(output.status.success(), "{}", text(&output));
    assert_same(&read::feature_file(&out).unwrap().1, &known.table);
}

#[test]
fn a_scheduler_that_is_not_there_is_told() {
    let known = small();
    let mut machines = Machines::start(0, &[]);
    machines.scheduler.kill();
    let client = machines.ask(&known.history(), "features.parquet");
    let output = client.finish();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("does not answer"), "{}", text(&output));
}
