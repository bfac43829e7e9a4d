//! A simulated history on disk: accounts a second.
#![expect(clippy::unwrap_used, reason = "a bench that cannot prepare its input has nothing to measure")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use holdfast_simulate::simulate;

fn write(criterion: &mut Criterion) {
    let business = holdfast_benches::business(200).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("history");
    let mut group = criterion.benchmark_group("simulate");
    group.sample_size(10).throughput(Throughput::Elements(200));
    group.bench_function("write_200_accounts", |bencher| {
        bencher.iter(|| simulate(&business).write(&dir, |_| {}).unwrap());
    });
    group.finish();
}

criterion_group!(benches, write);
criterion_main!(benches);
