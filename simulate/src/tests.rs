//! Tests of the whole simulation: its bytes, its truth and what it leaves out.

mod scenarios;
mod size;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use holdfast_features::Timestamp;
use holdfast_features::read::{self, HistoryConfig};
use holdfast_features::snapshot::{self, SnapshotConfig};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::facts::TABLES;
use crate::latent::Outcome;
use crate::truth::TruthRow;

fn small() -> Business {
    Business { n_accounts: 300, n_months: 14, seed: 7, ..Business::default() }
}

fn written(business: &Business, dir: &Path) -> Written {
    simulate(&business.check().unwrap()).write(dir, |_| {}).unwrap()
}

/// The files of a folder and of the folders in it, by path.
fn bytes(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| {
        if path.is_dir() { bytes(&path) } else { BTreeMap::from([(path.clone(), fs::read(&path).unwrap())]) }
    });
    files.collect()
}

/// The same without the name of the folder.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    bytes(dir).into_iter().map(|(path, bytes)| (path.strip_prefix(dir).unwrap().to_owned(), bytes)).collect()
}

fn batches(dir: &Path, table: &str) -> Vec<RecordBatch> {
    let file = File::open(dir.join(format!("{table}.parquet"))).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.map(|batch| batch.unwrap()).collect()
}

fn texts(batches: &[RecordBatch], column: &str) -> Vec<Option<String>> {
    let arrays = batches.iter().map(|batch| batch.column_by_name(column).unwrap().as_string::<i32>());
    arrays.flat_map(|array| array.iter().map(|text| text.map(str::to_owned))).collect()
}

fn times(batches: &[RecordBatch], column: &str) -> Vec<Option<i64>> {
    let array = |batch: &RecordBatch| {
        batch
            .column_by_name(column)
            .unwrap()
            .as_primitive::<TimestampMicrosecondType>()
            .iter()
            .collect::<Vec<_>>()
    };
    batches.iter().flat_map(array).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test may leave half a file in its own folder")]
fn put(path: impl AsRef<Path>, text: &str) {
    fs::write(path, text).unwrap();
}

/// Lives and truths without any file.
fn lives(business: &Business) -> Vec<(Life, Vec<TruthRow>)> {
    let checked = business.check().unwrap();
    let simulation = simulate(&checked);
    let life = |index| {
        let life = simulation.life(index);
        let truth = truth::truth(&checked, &life, &mut stream(business.seed, Stream::Truth, index));
        (life, truth)
    };
    (0..business.n_accounts).map(life).collect()
}

/// The AUC that the true probabilities reach in expectation: Σ pᵢ(1−pⱼ)·1[pᵢ>pⱼ] / Σ pᵢ(1−pⱼ).
fn ceiling(mut probabilities: Vec<f64>) -> f64 {
    probabilities.sort_by(f64::total_cmp);
    let (mut stays_below, mut concordant) = (0.0, 0.0);
    for p in &probabilities {
        concordant += p * stays_below;
        stays_below += 1.0 - p;
    }
    concordant / (probabilities.iter().sum::<f64>() * stays_below)
}

#[test]
fn the_same_seed_makes_the_same_bytes_on_any_number_of_threads() {
    let dir = tempfile::tempdir().unwrap();
    let business = small();
    let runs: Vec<_> = [1, 4]
        .into_iter()
        .map(|n_threads| {
            let path = dir.path().join(n_threads.to_string());
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| written(&business, &path));
            contents(&path)
        })
        .collect();
    assert_eq!(runs[0].len(), TABLES.len() + 1);
    assert!(runs[0] == runs[1], "bytes differ between one and four threads");
    let other = dir.path().join("other");
    written(&Business { seed: 8, ..business }, &other);
    assert!(contents(&other) != runs[0], "another seed must make another business");
}

#[test]
fn an_account_does_not_depend_on_how_many_there_are() {
    let few = lives(&Business { n_accounts: 3, ..small() });
    let many = lives(&Business { n_accounts: 9, ..small() });
    for ((few, few_truth), (many, many_truth)) in few.iter().zip(&many) {
        assert_eq!(few.profile.name, many.profile.name);
        assert_eq!(few.prices, many.prices);
        let probabilities =
            |rows: &[TruthRow]| rows.iter().map(|row| row.churn_probability).collect::<Vec<_>>();
        assert_eq!(probabilities(few_truth), probabilities(many_truth));
    }
}

#[test]
fn the_truth_is_a_calibrated_probability() {
    let business = Business { n_accounts: 2_500, n_months: 30, ..Business::default() };
    let rows: Vec<TruthRow> = lives(&business).into_iter().flat_map(|(_, truth)| truth).collect();
    for row in &rows {
        // No contract of a rolling account may end within the horizon: then nothing can happen.
        let can_be_zero = row.term_end.is_none();
        let p = row.churn_probability;
        assert!((p > 0.0 || (can_be_zero && p == 0.0)) && p < 1.0, "{row:?}");
    }
    let is_known = |row: &&TruthRow| row.churned.is_some();
    assert!(rows.iter().filter(is_known).all(|row| row.horizon_days >= 30));
    for distance in [30, 90, 180] {
        let mut known: Vec<(f64, bool)> = rows
            .iter()
            .filter(|row| row.horizon_days == distance && row.term_end.is_some())
            .filter_map(|row| row.churned.map(|churned| (row.churn_probability, churned)))
            .collect();
        known.sort_by(|a, b| a.0.total_cmp(&b.0));
        for part in known.chunks(known.len().div_ceil(5)) {
            let expected: f64 = part.iter().map(|(p, _)| p).sum();
            let variance: f64 = part.iter().map(|(p, _)| p * (1.0 - p)).sum();
            let sampled =
                f64::from(u32::try_from(part.iter().filter(|(_, churned)| *churned).count()).unwrap());
            let z = (sampled - expected) / variance.sqrt();
            assert!(z.abs() < 4.0, "{distance} days: {sampled} churned, {expected:.1} expected, z = {z:.2}");
        }
    }
    let renewals = rows.iter().filter(|row| row.term_end.is_some());
    let auc = ceiling(renewals.map(|row| row.churn_probability).collect());
    assert!((0.82..0.87).contains(&auc), "ceiling {auc:.4}");
}

#[test]
fn about_one_customer_in_seven_leaves_in_a_year_whatever_the_term() {
    let mut by_term: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
    for (life, _) in lives(&Business { n_accounts: 3_000, n_months: 30, ..Business::default() }) {
        let (decided, churned) = by_term.entry(life.profile.temper.term_months).or_default();
        for outcome in life.terms.iter().filter_map(|term| term.outcome) {
            *decided += 1;
            *churned += u32::from(outcome == Outcome::Churned);
        }
    }
    assert_eq!(by_term.keys().copied().collect::<Vec<_>>(), [1, 3, 6, 12]);
    for (months, (decided, churned)) in by_term {
        let a_term = f64::from(churned) / f64::from(decided);
        let a_year = 1.0 - (1.0 - a_term).powf(12.0 / f64::from(months));
        assert!((0.11..0.19).contains(&a_year), "terms of {months} months: {a_year:.3} a year");
    }
}

#[test]
fn some_terms_are_open_and_nothing_follows_the_end() {
    let lives = lives(&small());
    let is_open = |life: &Life| life.terms.last().is_some_and(|term| term.outcome.is_none());
    assert!(lives.iter().any(|(life, _)| is_open(life)));
    assert!(lives.iter().any(|(life, _)| life.ended_at.is_some()));
    for (life, _) in &lives {
        assert_eq!(life.ended_at.is_none(), is_open(life));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history");
    written(&small(), &path);
    let ends: BTreeMap<_, _> =
        lives.iter().map(|(life, _)| (life.profile.account_id.to_string(), life.last.0)).collect();
    for (table, column) in [
        ("usage_events", "occurred_at"),
        ("tickets", "created_at"),
        ("tickets", "solved_at"),
        ("tickets", "escalated_at"),
        ("activities", "occurred_at"),
        ("contacts", "created_at"),
        ("contacts", "left_at"),
        ("surveys", "responded_at"),
        ("invoices", "created_at"),
        ("invoices", "paid_at"),
        ("opportunities", "closed_at"),
        ("milestones", "achieved_at"),
        ("account_states", "ended_at"),
        ("interventions", "delivered_at"),
    ] {
        let batches = batches(&path, table);
        let rows = texts(&batches, "account_id").into_iter().zip(times(&batches, column));
        let mut n_checked = 0;
        for (account, time) in rows {
            if let Some(time) = time {
                assert!(time <= ends[&account.unwrap()], "{table}.{column}");
                n_checked += 1;
            }
        }
        assert!(n_checked > 0, "{table}.{column} is empty");
    }
}

#[test]
fn api_only_accounts_are_seen_on_the_api_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history");
    written(&small(), &path);
    let is_api_only: BTreeMap<String, bool> = lives(&small())
        .iter()
        .map(|(life, _)| (life.profile.account_id.to_string(), life.profile.temper.is_api_only))
        .collect();
    assert!(is_api_only.values().any(|&api| api));
    let batches = batches(&path, "usage_events");
    let rows = texts(&batches, "account_id").into_iter().zip(texts(&batches, "channel"));
    for (account, channel) in rows {
        assert_eq!(is_api_only[&account.unwrap()], channel.unwrap() == "api");
    }
}

#[test]
fn some_facts_are_late_and_none_is_known_after_the_history() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history");
    written(&small(), &path);
    let until = small().check().unwrap().until.0;
    for (table, event, knowledge) in [
        ("usage_events", "occurred_at", "received_at"),
        ("tickets", "created_at", "recorded_at"),
        ("activities", "occurred_at", "recorded_at"),
        ("invoices", "created_at", "recorded_at"),
        ("subscription_events", "effective_at", "recorded_at"),
    ] {
        let batches = batches(&path, table);
        let delays: Vec<i64> = times(&batches, event)
            .into_iter()
            .zip(times(&batches, knowledge))
            .map(|(event, known)| {
                assert!(known.unwrap() <= until, "{table}");
                known.unwrap() - event.unwrap()
            })
            .collect();
        assert!(delays.iter().all(|&delay| delay >= 0), "{table}");
        let n_late = delays.iter().filter(|&&delay| delay > holdfast_features::DAY).count();
        assert!(n_late * 100 > delays.len() && n_late * 5 < delays.len(), "{table}: {n_late} late");
    }
}

#[test]
fn the_truth_is_read_back_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history");
    let written = written(&small(), &path);
    let truths = read_truth(&path).unwrap();
    let rows: Vec<TruthRow> = lives(&small()).into_iter().flat_map(|(_, truth)| truth).collect();
    assert_eq!(truths.len(), written.n_rows("truth"));
    for (read, row) in truths.iter().zip(&rows) {
        assert_eq!(*read.account_id, *row.account_id);
        assert_eq!(read.as_of, row.as_of);
        assert_eq!(read.term_end, row.term_end);
        assert_eq!(i64::from(read.horizon_days), row.horizon_days);
        assert_eq!(read.churn_probability.to_bits(), row.churn_probability.to_bits());
        assert_eq!(read.churned, row.churned);
    }
    assert!(matches!(read_truth(dir.path()), Err(TruthError::Unreadable { .. })));
    fs::copy(path.join("tickets.parquet"), dir.path().join("truth.parquet")).unwrap();
    assert!(matches!(read_truth(dir.path()), Err(TruthError::Column { column: "as_of", .. })));
}

#[test]
fn replaces_an_older_simulation_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history");
    let business = Business { n_accounts: 5, ..small() };
    written(&business, &path);
    let first = bytes(&path);
    written(&Business { seed: 99, ..business }, &path);
    assert!(bytes(&path) != first);

    put(path.join("notes.txt"), "mine");
    let simulation = simulate(&business.check().unwrap());
    let error = simulation.write(&path, |_| {}).unwrap_err();
    assert!(matches!(&error, SimulateError::Occupied { found, .. } if found == "notes.txt"), "{error}");
    fs::remove_file(path.join("notes.txt")).unwrap();

    put(path.join("tickets.parquet"), "not written by a simulation");
    let error = simulation.write(&path, |_| {}).unwrap_err();
    assert!(matches!(&error, SimulateError::Occupied { found, .. } if found == "tickets.parquet"), "{error}");

    let file = dir.path().join("file");
    put(&file, "");
    assert!(matches!(simulation.write(&file, |_| {}), Err(SimulateError::NotAFolder(_))));
    assert!(matches!(simulation.write(Path::new("/"), |_| {}), Err(SimulateError::Occupied { .. })));
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "scratch folders are left behind: {left:?}");
}

#[test]
fn the_reader_of_histories_accepts_every_table_and_finds_the_same_terms() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history");
    let business = Business { n_months: 26, ..small() };
    let written = written(&business, &path);
    let inspection = read::inspect(&path, &HistoryConfig::default()).unwrap();
    assert_eq!(inspection.n_problems, 0, "{:?}", inspection.problems);
    for table in &inspection.tables {
        assert_eq!(table.summary.n_rows, written.n_rows(table.summary.table), "{}", table.summary.table);
        // `arr` stands for `mrr`; the contract's surveys and accounts have no knowledge time.
        let absent = table.missing.iter().filter(|column| !matches!(**column, "arr" | "recorded_at"));
        assert_eq!(absent.count(), 0, "{table:?}");
        assert!(table.ignored.is_empty(), "{table:?}");
    }
    // All but `truth`, which is no table of the contract.
    assert_eq!(inspection.tables.len(), TABLES.len());

    let history = inspection.history.unwrap();
    let lives: BTreeMap<String, Life> =
        lives(&business).into_iter().map(|(life, _)| (life.profile.account_id.to_string(), life)).collect();
    let mut n_decided = 0;
    for facts in &history.accounts {
        let life = &lives[&*facts.account_id];
        let found = snapshot::terms(facts, &SnapshotConfig::default(), history.until.unwrap());
        assert_eq!(found.len(), life.terms.len(), "{}: {found:?}", facts.account_id);
        for (found, term) in found.iter().zip(&life.terms) {
            assert_eq!((found.start, found.end), (term.start, term.end));
            if let Some(outcome) = found.outcome {
                let churned = outcome == holdfast_features::history::Outcome::Churned;
                assert_eq!(
                    churned,
                    term.outcome == Some(Outcome::Churned),
                    "{}: {found:?}",
                    facts.account_id
                );
                n_decided += 1;
            }
        }
    }
    assert!(n_decided > 500, "{n_decided} terms are decided");
}

#[test]
fn the_truth_is_about_the_snapshots_that_are_learnt_from() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history");
    written(&small(), &path);
    let history = read::history(&path, &HistoryConfig::default()).unwrap();
    let truths: BTreeMap<(String, Timestamp, u32), Truth> = read_truth(&path)
        .unwrap()
        .into_iter()
        .map(|truth| ((truth.account_id.clone(), truth.as_of, truth.horizon_days), truth))
        .collect();
    let snapshots = snapshot::decided(&history, &SnapshotConfig::default());
    assert!(snapshots.len() > 500);
    for snapshot in &snapshots {
        let horizon_days = u32::try_from(snapshot.horizon_days).unwrap();
        let truth = truths.get(&(snapshot.account_id.to_string(), snapshot.as_of, horizon_days));
        let truth = truth.unwrap_or_else(|| panic!("no truth for {snapshot:?}"));
        assert_eq!(truth.churned, snapshot.label, "{snapshot:?}");
    }
}
