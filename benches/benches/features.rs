//! The feature kernel: snapshots a second, from facts in memory.
#![expect(clippy::unwrap_used, reason = "a bench that cannot prepare its input has nothing to measure")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use holdfast_features::compute;
use holdfast_features::snapshot::{self, SnapshotConfig};

fn kernel(criterion: &mut Criterion) {
    let observed = holdfast_benches::observed(400).unwrap();
    let mut group = criterion.benchmark_group("features");
    group.sample_size(10);
    group.throughput(Throughput::Elements(observed.keys.len() as u64));
    group.bench_function("table_of_all_snapshots", |bencher| {
        bencher
            .iter(|| compute::table(&observed.history, black_box(&observed.keys), &observed.specs).unwrap());
    });
    let one = &observed.keys[..1];
    group.throughput(Throughput::Elements(1));
    group.bench_function("table_of_one_snapshot", |bencher| {
        bencher.iter(|| compute::table(&observed.history, black_box(one), &observed.specs).unwrap());
    });
    group.throughput(Throughput::Elements(observed.history.accounts.len() as u64));
    group.bench_function("decided_snapshots", |bencher| {
        bencher.iter(|| snapshot::decided(black_box(&observed.history), &SnapshotConfig::default()));
    });
    group.finish();
}

criterion_group!(benches, kernel);
criterion_main!(benches);
