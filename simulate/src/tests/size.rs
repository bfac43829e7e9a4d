//! Tests of histories of a given size, and of usage in monthly files.

use arrow::datatypes::Float64Type;
use holdfast_features::Timestamp;

use super::*;

const MONTHLY: &str = "usage_events";

fn monthly(business: &Business, dir: &Path) -> Written {
    let simulation = simulate(&business.check().unwrap()).with_usage_files(UsageFiles::Monthly);
    simulation.write(dir, |_| {}).unwrap()
}

/// The rows of one file of usage, each as text; the month of receipt first.
fn rows(dir: &Path, file: &str) -> Vec<String> {
    let batches = batches(dir, file);
    let [accounts, users, events, channels] =
        ["account_id", "user_id", "event", "channel"].map(|column| texts(&batches, column));
    let [occurred, received] = ["occurred_at", "received_at"].map(|column| times(&batches, column));
    let values = batches.iter().flat_map(|batch| {
        let values = batch.column_by_name("value").unwrap().as_primitive::<Float64Type>();
        values.iter().collect::<Vec<_>>()
    });
    let row = |(row, value): (usize, Option<f64>)| {
        let month = Timestamp(received[row].unwrap()).to_string()[..7].to_owned();
        let texts = [&accounts, &users, &events, &channels].map(|column| column[row].clone().unwrap());
        format!("{month} {texts:?} {:?} {:?} {value:?}", occurred[row], received[row])
    };
    values.enumerate().map(row).collect()
}

#[test]
fn a_history_has_about_as_many_usage_events_as_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    for (n_accounts, n_events, tolerance) in [(120, 30_000_u32, 0.05), (600, 400_000, 0.02)] {
        let params = Business { n_accounts, n_months: 24, seed: 3, ..Business::default() };
        let scale = usage_scale(&params.check().unwrap(), u64::from(n_events)).unwrap();
        let path = dir.path().join(n_accounts.to_string());
        let written = written(&Business { usage_scale: scale, ..params }, &path);
        let n_written = f64::from(u32::try_from(written.n_rows("usage_events")).unwrap());
        let off = n_written / f64::from(n_events) - 1.0;
        assert!(off.abs() < tolerance, "{n_written} events instead of {n_events}: {off:+.4}");
    }
}

#[test]
fn a_size_that_no_scale_makes_is_refused_with_those_that_one_makes() {
    let checked = Business { n_accounts: 2, ..small() }.check().unwrap();
    for n_events in [0, u64::MAX] {
        let error = usage_scale(&checked, n_events).unwrap_err();
        assert!(matches!(&error, ParamError::Events(n, _) if *n == n_events), "{error}");
    }
    assert!(usage_scale(&checked, 1_000).is_ok());
}

#[test]
fn monthly_files_hold_the_same_rows_by_month_of_receipt_on_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let one = dir.path().join("one");
    let total = written(&small(), &one).n_rows("usage_events");
    let runs: Vec<_> = [1, 4]
        .into_iter()
        .map(|n_threads| {
            let path = dir.path().join(n_threads.to_string());
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            assert_eq!(pool.install(|| monthly(&small(), &path)).n_rows("usage_events"), total);
            contents(&path)
        })
        .collect();
    assert!(runs[0] == runs[1], "bytes differ between one and four threads");

    let folder = dir.path().join("1").join(MONTHLY);
    let files: Vec<PathBuf> = bytes(&folder).into_keys().collect();
    assert!((14..=15).contains(&files.len()), "{files:?}");
    let mut all = Vec::new();
    for file in &files {
        let month = file.file_stem().unwrap().to_str().unwrap();
        let of_file = rows(&folder, month);
        assert!(of_file.iter().all(|row| row.starts_with(month)), "{month} holds another month");
        all.extend(of_file);
    }
    let mut expected = rows(&one, "usage_events");
    all.sort_unstable();
    expected.sort_unstable();
    assert!(all == expected, "the rows differ from those of one file");

    // All other tables are the same bytes.
    let others = |files: BTreeMap<PathBuf, Vec<u8>>| -> BTreeMap<PathBuf, Vec<u8>> {
        files.into_iter().filter(|(path, _)| !path.starts_with(MONTHLY)).collect()
    };
    let mut of_one = contents(&one);
    of_one.remove(Path::new("usage_events.parquet"));
    assert!(others(runs[0].clone()) == of_one);
}

#[test]
fn the_reader_of_histories_accepts_monthly_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history");
    let written = monthly(&small(), &path);
    let inspection = read::inspect(&path, &HistoryConfig::default()).unwrap();
    assert_eq!(inspection.n_problems, 0, "{:?}", inspection.problems);
    let usage = inspection.tables.iter().find(|table| table.summary.table == "usage_events").unwrap();
    assert_eq!(usage.summary.n_rows, written.n_rows("usage_events"));
}

#[test]
fn a_folder_of_usage_is_replaced_only_where_all_of_it_is_simulated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history");
    let business = Business { n_accounts: 5, ..small() };
    monthly(&business, &path);
    // Either form replaces the other as a whole.
    written(&business, &path);
    assert!(!path.join(MONTHLY).exists());
    monthly(&business, &path);
    assert!(!path.join("usage_events.parquet").exists());

    let simulation = simulate(&business.check().unwrap());
    put(path.join(MONTHLY).join("2022-02.parquet.part"), "mine");
    let error = simulation.write(&path, |_| {}).unwrap_err();
    let is_named = |found: &str| found == "usage_events/2022-02.parquet.part";
    assert!(matches!(&error, SimulateError::Occupied { found, .. } if is_named(found)), "{error}");
    fs::remove_dir_all(path.join(MONTHLY)).unwrap();
    fs::create_dir(path.join(MONTHLY)).unwrap();
    let error = simulation.write(&path, |_| {}).unwrap_err();
    assert!(matches!(&error, SimulateError::Occupied { found, .. } if found == MONTHLY), "{error}");
}

#[test]
fn a_month_without_usage_has_no_file_but_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history");
    let business = Business { n_accounts: 1, usage_scale: 1e-9, ..small() };
    assert_eq!(monthly(&business, &path).n_rows("usage_events"), 0);
    let files: Vec<PathBuf> = bytes(&path.join(MONTHLY)).into_keys().collect();
    let first = Timestamp::parse("2022-01-01").unwrap();
    assert_eq!(business.check().unwrap().params().start, first);
    assert_eq!(files, [path.join(MONTHLY).join("2022-01.parquet")]);
}
