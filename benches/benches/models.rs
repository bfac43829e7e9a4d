//! Fitting, scoring and explaining; scoring and explaining also for the model that the field measures by: 100 trees of
//! 31 leaves on 40 columns. Beside them, for one row of that model on the machine where this was written: LightGBM's
//! C API 8.7 to 13.8 µs, onnxruntime 6.2 to 19 µs, tl2cgen 3.8 µs.
#![expect(clippy::unwrap_used, reason = "a bench that cannot prepare its input has nothing to measure")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use holdfast_features::{Column, FeatureSpec, FeatureTable, Kind};
use holdfast_models::calibrate::ladder;
use holdfast_models::explain::choose_background;
use holdfast_models::probability::sigmoid;
use holdfast_models::{Candidate, ChurnModel, Scratch, TrainingRows, boost, fit, logistic};

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

/// Churn by a few of 40 columns; every seventh value or so is missing.
fn wide_table(n_rows: usize) -> (FeatureTable, Vec<f64>) {
    let mut state = 1_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from((state >> 33) as u32) / f64::from(1_u32 << 31)
    };
    let columns: Vec<Vec<f64>> = (0..40)
        .map(|_| (0..n_rows).map(|_| if draw() < 0.15 { f64::NAN } else { 2.0 * draw() - 1.0 }).collect())
        .collect();
    let margin = |row: usize| {
        let known = |column: usize| if columns[column][row].is_nan() { 0.4 } else { columns[column][row] };
        let lines: f64 = (0..12).map(|column| known(column) * 0.4).sum();
        lines + 2.0 * known(1) * known(2) + (4.0 * known(3)).sin() - 1.0
    };
    let labels = (0..n_rows).map(|row| f64::from(u8::from(draw() < sigmoid(margin(row))))).collect();
    let specs = (0..40).map(|column| FeatureSpec::prepared(&format!("x{column}"), Kind::Number)).collect();
    let columns = columns.into_iter().map(Column::Number).collect();
    (FeatureTable::new(specs, columns, n_rows).unwrap(), labels)
}

fn field(criterion: &mut Criterion) {
    let (table, labels) = wide_table(20_000);
    let rows: Vec<usize> = (0..table.n_rows()).collect();
    let weights = vec![1.0; rows.len()];
    let training =
        TrainingRows { table: &table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let params = holdfast_benches::field::params();
    let fitted = fit(&Candidate::Boost(params.check().unwrap()), &training, SEED).unwrap();
    let groups: Vec<u32> = (0..20_000).collect();
    let calibration = ladder(&fitted.margins(&table, &rows), &labels, &weights, &groups, SEED).unwrap();
    let model = ChurnModel::new(fitted, &calibration, &table, &rows[..200]).unwrap();
    let mut group = criterion.benchmark_group("field");
    let mut scratch = Scratch::default();
    let mut row = 0;
    let mut next = || {
        row = (row + 1) % 4_000;
        table.row(row)
    };
    group.throughput(Throughput::Elements(1));
    group.bench_function("score_one", |bencher| {
        bencher.iter(|| model.predict_with(black_box(next()), &mut scratch));
    });
    group.bench_function("explain_one_of_200", |bencher| bencher.iter(|| model.explain(black_box(next()))));
    group.throughput(Throughput::Elements(table.n_rows() as u64));
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    group.bench_function("score_table_on_one_thread", |bencher| {
        bencher.iter(|| alone.install(|| model.predict_table(black_box(&table))));
    });
    group.finish();
}

criterion_group!(benches, models, field);
criterion_main!(benches);
