//! Fitting, scoring and explaining.
#![expect(clippy::unwrap_used, reason = "a bench that cannot prepare its input has nothing to measure")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use holdfast_models::calibrate::ladder;
use holdfast_models::explain::choose_background;
use holdfast_models::{Candidate, ChurnModel, Scratch, boost, fit, logistic};

const SEED: u64 = 1;

fn models(criterion: &mut Criterion) {
    let observed = holdfast_benches::observed(400).unwrap();
    let labelled = holdfast_benches::labelled(&observed).unwrap();
    let training = labelled.training();
    let boosting =
        Candidate::Boost(boost::Params { rounds: 100, ..boost::Params::default() }.check().unwrap());
    let linear = Candidate::Logistic(logistic::Params::default().check().unwrap());

    let mut group = criterion.benchmark_group("fit");
    group.sample_size(10);
    group.throughput(Throughput::Elements(labelled.rows.len() as u64));
    for (name, candidate) in [("boost_100_rounds", &boosting), ("logistic", &linear)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| fit(black_box(candidate), &training, SEED).unwrap());
        });
    }
    group.finish();

    for (name, candidate) in [("boost", &boosting), ("logistic", &linear)] {
        let fitted = fit(candidate, &training, SEED).unwrap();
        let margins = fitted.margins(&labelled.table, &labelled.rows);
        let calibration =
            ladder(&margins, &labelled.labels, &labelled.weights, &labelled.groups, SEED).unwrap();
        let background = choose_background(&labelled.rows, SEED);
        let model = ChurnModel::new(fitted, &calibration, &labelled.table, &background).unwrap();
        let table = model.align(&labelled.table).unwrap();
        let mut group = criterion.benchmark_group(format!("answer_{name}"));
        group.throughput(Throughput::Elements(1));
        let mut scratch = Scratch::default();
        group.bench_function("score_one", |bencher| {
            bencher.iter(|| model.predict_with(black_box(table.row(0)), &mut scratch));
        });
        group.bench_function("explain_one", |bencher| {
            bencher.iter(|| model.explain(black_box(table.row(0))));
        });
        group.throughput(Throughput::Elements(table.n_rows() as u64));
        group.sample_size(20);
        group.bench_function("score_table", |bencher| {
            bencher.iter(|| model.predict_table(black_box(&table)));
        });
        group.finish();
    }
}

criterion_group!(benches, models);
criterion_main!(benches);
