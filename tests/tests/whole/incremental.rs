//! Feature runs that build on earlier ones: month after month, with facts that come late, the bytes are those of a run
//! that computes all.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, nullif};
use holdfast_features::incremental::Basis;
use holdfast_features::{Column, FeatureTable, Timestamp, read, write};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::engine::{Stored, Tables, business, put, put_parquet};
use crate::late_facts::{DAY, accounts, known, times};
use crate::program::TRAIN;

/// What became of a fact, and when: an export of an earlier day does not tell.
const OUTCOMES: [&str; 10] = [
    "achieved_at",
    "cancel_requested_at",
    "closed_at",
    "delivered_at",
    "ended_at",
    "escalated_at",
    "left_at",
    "paid_at",
    "solved_at",
    "strategic_reviewed_at",
];

/// Which facts come late, by one export: one in sixteen of those of a seed, or none.
#[derive(Debug, Clone, Copy)]
struct Late(Option<u64>);

impl Late {
    fn is(self, table: &str, row: usize) -> bool {
        let mut hasher = DefaultHasher::new();
        (self.0, table, row).hash(&mut hasher);
        self.0.is_some() && hasher.finish().is_multiple_of(16)
    }
}

/// The tables as the last of the exports at `ends` shows them.
fn exported(tables: &Tables, ends: &[i64], late: Late) -> Tables {
    let (end, before) = (ends[ends.len() - 1], ends[..ends.len() - 1].last().copied().unwrap_or(i64::MIN));
    let export = |(name, batch): (&String, &RecordBatch)| {
        let keep: BooleanArray = if name == "accounts" {
            times(batch, "created_at")
                .unwrap()
                .iter()
                .map(|time| Some(time.is_none_or(|time| time < end)))
                .collect()
        } else {
            // Without its subscription nobody is asked about an account.
            let is_late = |row: usize| name != "subscriptions" && late.is(name, row);
            let shown = known(name, batch).into_iter().enumerate();
            shown.map(|(row, (_, known))| Some(known < if is_late(row) { before } else { end })).collect()
        };
        let batch = filter_record_batch(batch, &keep).unwrap();
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
            if !OUTCOMES.contains(&field.name().as_str()) {
                return column.clone();
            }
            let times = times(&batch, field.name()).unwrap();
            let is_later = (0..times.len()).map(|row| Some(times.is_valid(row) && times.value(row) >= end));
            nullif(column, &is_later.collect::<BooleanArray>()).unwrap()
        });
        let columns: Vec<ArrayRef> = columns.collect();
        (name.clone(), RecordBatch::try_new(batch.schema(), columns).unwrap())
    };
    tables.iter().map(export).collect()
}

/// A business whose usage comes in files, one after another.
struct Business {
    with_receipt: bool,
    late: Late,
    tables: Tables,
    /// Each file's end and rows.
    files: Vec<(i64, RecordBatch)>,
    /// When the last row of usage was received: usually before the last file's end.
    last: i64,
}

impl Business {
    /// With files by months in which usage was received; without the time of receipt, if so.
    fn new(with_receipt: bool) -> Self {
        Self::cut(with_receipt, Late(None), &[30 * DAY])
    }

    /// With files of these lengths, over and over, the first from a multiple of the first length.
    fn cut(with_receipt: bool, late: Late, lengths: &[i64]) -> Self {
        let mut tables = business();
        let usage = tables.remove("usage_events").unwrap();
        let known: Vec<i64> = known("usage_events", &usage).iter().map(|(_, known)| *known).collect();
        let (first, last) = (known.iter().min().unwrap(), known.iter().max().unwrap());
        let mut ends = vec![(first.div_euclid(lengths[0]) + 1) * lengths[0]];
        for length in lengths.iter().skip(1).chain(lengths.iter().cycle()) {
            let end = ends[ends.len() - 1];
            if end > *last {
                break;
            }
            ends.push(end + length);
        }
        let file_of = |(row, known): (usize, &i64)| {
            let file = ends.partition_point(|end| end <= known) + usize::from(late.is("usage_events", row));
            file.min(ends.len() - 1)
        };
        let of: Vec<usize> = known.iter().enumerate().map(file_of).collect();
        let told: Vec<usize> = (0..usage.num_columns())
            .filter(|at| with_receipt || usage.schema().field(*at).name() != "received_at")
            .collect();
        let rows = |file: usize| {
            let keep: BooleanArray = of.iter().map(|of| Some(*of == file)).collect();
            filter_record_batch(&usage, &keep).unwrap().project(&told).unwrap()
        };
        let files = ends.iter().enumerate().map(|(file, end)| (*end, rows(file))).collect();
        Self { with_receipt, late, tables, files, last: *last }
    }

    /// Its other tables as they stood when that many files had come.
    fn exported(&self, n_files: usize) -> Tables {
        let ends: Vec<i64> = self.files[..n_files].iter().map(|(end, _)| *end).collect();
        exported(&self.tables, &ends, self.late)
    }

    /// Writes it as it stood when `n_files` of usage had come.
    fn put(&self, folder: &Path, n_files: usize) {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder.join("usage_events")).unwrap();
        put(folder, &self.exported(n_files), Stored::Parquet);
        for (file, (_, rows)) in self.files[..n_files].iter().enumerate() {
            put_parquet(&folder.join(format!("usage_events/{file:02}.parquet")), rows, 2_000);
        }
    }

    /// The last evening of each month, up to when that many files had come: much is known only in the next.
    fn dates(&self, n_files: usize) -> Vec<Timestamp> {
        let (start, end) = (self.files[3].0 - DAY / 4, self.files[n_files - 1].0.min(self.last) - DAY / 4);
        let dates = (0..100).map(|at| start + at * 30 * DAY - (at % 3) * 5_000_000_123);
        // Nobody can be asked about a time after the end of the history.
        dates.take_while(|date| *date <= end).map(Timestamp).collect()
    }
}

/// What is asked for: dates, or rows of a file.
fn asked(folder: &Path, business: &Business, n_files: usize, by_file: bool) -> Vec<String> {
    let dates = business.dates(n_files);
    if !by_file {
        let dates: Vec<String> = dates.iter().map(ToString::to_string).collect();
        return vec!["--as-of".to_owned(), dates.join(",")];
    }
    let mut ids = accounts(&business.exported(6)["accounts"]);
    ids.sort();
    let rows = ids.iter().flat_map(|id| dates.iter().map(move |date| format!("{id},{date}\n")));
    let path = folder.join("snapshots.csv");
    fs::write(&path, "account_id,as_of\n".to_owned() + &rows.collect::<String>()).unwrap();
    vec!["--snapshots".to_owned(), path.to_str().unwrap().to_owned()]
}

fn features(history: &Path, out: &Path, threads: &str, more: &[String]) -> Output {
    let mut command = Command::new(TRAIN);
    command.arg("features").arg("--history").arg(history).arg("--out").arg(out).args(more);
    command.env("RAYON_NUM_THREADS", threads).output().unwrap()
}

fn written(history: &Path, out: &Path, threads: &str, more: &[String]) -> String {
    let run = features(history, out, threads, more);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8_lossy(&run.stdout).into_owned()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn report(out: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(out.with_extension("late.json")).unwrap()).unwrap()
}

/// The files of runs one after another, each on the one before, and each beside a run that computes all.
struct Runs {
    folder: tempfile::TempDir,
    business: Business,
    by_file: bool,
}

impl Runs {
    fn new(business: Business, by_file: bool) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), business, by_file }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs on the history as it stood then, on `previous` where there is one; returns the file and the report.
    fn step(&self, n_files: usize, previous: Option<&Path>) -> (PathBuf, serde_json::Value) {
        let history = self.path("history");
        self.business.put(&history, n_files);
        let asked = asked(self.folder.path(), &self.business, n_files, self.by_file);
        // Few events have features of their own: the most used ones may be others month by month.
        let config = self.path("events.toml");
        fs::write(&config, "[features]\nmax_events = 2\n").unwrap();
        let config = config.to_str().unwrap().to_owned();
        let with = |more: &[&str]| [asked.clone(), words(more), words(&["--config", &config])].concat();
        let full = self.path("full.parquet");
        written(&history, &full, "1", &with(&["--incremental"]));
        let out = self.path(&format!("{n_files}.parquet"));
        let Some(previous) = previous.map(|path| path.to_str().unwrap()) else {
            written(&history, &out, "4", &with(&["--incremental", "--memory", "64MB"]));
            assert!(fs::read(&out).unwrap() == fs::read(&full).unwrap());
            return (out, serde_json::Value::Null);
        };
        written(&history, &out, "4", &with(&["--previous", previous]));
        let found = report(&out);
        let same = |a: &Path, b: &Path| fs::read(a).unwrap() == fs::read(b).unwrap();
        assert!(same(&out, &full), "{n_files} files: {found:#}");
        // Files that overlap in time may be settled in another order.
        let is_same = same(&Basis::path_of(&out), &Basis::path_of(&full));
        let overlap = !self.business.with_receipt || self.business.late.0.is_some();
        assert!(is_same || overlap, "{n_files} files");
        let other = self.path("other.parquet");
        written(&history, &other, "1", &with(&["--previous", previous, "--memory", "64MB"]));
        assert!(same(&other, &full) && report(&other) == found, "{n_files} files, other threads");
        (out, found)
    }
}

fn number(report: &serde_json::Value, path: &str) -> u64 {
    report.pointer(path).and_then(serde_json::Value::as_u64).unwrap_or_else(|| panic!("{path}: {report:#}"))
}

#[test]
fn months_one_after_another_give_the_bytes_of_a_full_run() {
    let mut n_built_on = 0;
    for (seed, with_receipt, by_file) in [(3_u64, true, true), (5, false, false)] {
        let runs = Runs::new(Business::new(with_receipt), by_file);
        let n_all = runs.business.files.len();
        let mut n_files = n_all / 2 + usize::try_from(seed % 3).unwrap();
        let mut previous = runs.step(n_files, None).0;
        let mut steps = Vec::new();
        for more in [1 + usize::try_from(seed % 2).unwrap(), 2] {
            n_files = (n_files + more).min(n_all);
            let (out, found) = runs.step(n_files, Some(&previous));
            let why = found["all_computed_because"].as_str();
            assert!(why.is_none_or(|why| why.contains("columns")), "{found:#}");
            n_built_on += usize::from(why.is_none());
            steps.push(found);
            previous = out;
        }
        for found in steps.iter().filter(|found| found["all_computed_because"].is_null()) {
            let (all, new) = (number(found, "/rows/all"), number(found, "/rows/new"));
            let taken = number(found, "/rows/taken_over");
            assert!(taken > 0 && taken + number(found, "/rows/computed_again") == all - new, "{found:#}");
            // Facts with a time of receipt change nothing before it: only the last dates are computed again.
            assert!(!with_receipt || taken > (all - new) / 2, "{found:#}");
            assert_eq!(number(found, "/rows/changed_without_news"), 0);
            assert!(number(found, "/usage_files/new") > 0, "{found:#}");
            // Files by the time of receipt follow one another: old ones are stood in for.
            assert!(!with_receipt || number(found, "/usage_files/not_read") > 1, "{found:#}");
        }
        let usage = steps.iter().flat_map(|found| found["tables"].as_array().unwrap());
        let usage: Vec<_> = usage.filter(|table| table["table"] == "usage").collect();
        let sum = |what: &str| usage.iter().map(|table| table[what].as_u64().unwrap()).sum::<u64>();
        if with_receipt {
            assert!(sum("late") > 0 && sum("backdated") == 0, "{steps:#?}");
        } else {
            assert!(sum("late") == 0 && sum("backdated") > 0, "{steps:#?}");
        }
    }
    assert!(n_built_on >= 2, "only {n_built_on} of 4 runs built on an earlier one");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2,
        max_shrink_iters: 4,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever the days at which files were cut, and whatever of any table came only with the next export.
    #[test]
    fn any_cuts_with_any_late_facts_give_the_bytes_of_a_full_run(
        (with_receipt, by_file, late) in (any::<bool>(), any::<bool>(), any::<u64>()),
        lengths in vec(10 * DAY..50 * DAY, 1..6),
        (first, more) in (any::<proptest::sample::Index>(), 1..4_usize),
    ) {
        let runs = Runs::new(Business::cut(with_receipt, Late(Some(late)), &lengths), by_file);
        let n_all = runs.business.files.len();
        let n_files = 6 + first.index(n_all - 6);
        let previous = runs.step(n_files, None).0;
        let (_, found) = runs.step((n_files + more).min(n_all), Some(&previous));
        let of_rows = |what: &str| number(&found, &format!("/rows/{what}"));
        prop_assert_eq!(of_rows("taken_over") + of_rows("computed_again") + of_rows("new"), of_rows("all"));
        prop_assert_eq!(of_rows("changed_without_news"), 0);
    }
}

#[test]
fn what_late_facts_changed_is_told_and_rows_without_news_must_stay() {
    let runs = Runs::new(Business::new(false), false);
    let n_files = runs.business.files.len() - 2;
    let previous = runs.step(n_files, None).0;
    let history = runs.path("history");
    runs.business.put(&history, n_files + 1);
    let config = words(&["--config", runs.path("events.toml").to_str().unwrap()]);
    let asked = [asked(runs.folder.path(), &runs.business, n_files + 1, false), config].concat();
    let out = runs.path("again.parquet");
    let path = previous.to_str().unwrap();
    let again = [asked.clone(), words(&["--previous", path, "--recompute"])].concat();
    let told = written(&history, &out, "2", &again);
    let found = report(&out);
    // Usage that was told without a time of receipt changes rows; the report says of which features and accounts.
    assert!(number(&found, "/rows/changed") > 0 && number(&found, "/rows/taken_over") == 0, "{found:#}");
    let without_news = number(&found, "/rows/without_news");
    assert!(without_news > 0 && number(&found, "/rows/changed_without_news") == 0, "{found:#}");
    assert!(number(&found, "/features/0/rows") >= number(&found, "/features/1/rows"));
    assert!(found.pointer("/features/0/largest").unwrap().as_f64().unwrap() > 0.0, "{found:#}");
    assert!(number(&found, "/accounts/0/values") > 0);
    assert!(told.contains("usage: 0 facts came late") && told.contains("rows taken over"), "{told}");
    // A row that nothing new explains ends the run with an error, its report names the row.
    let (keys, table) = read::feature_file(&previous).unwrap();
    let tampered = runs.path("tampered.parquet");
    let specs = table.specs().to_vec();
    let at = table.index_of("tenure_days").unwrap();
    let mut columns: Vec<Column> = table.columns().to_vec();
    if let Column::Number(values) = &mut columns[at] {
        values[0] += 1.0;
    }
    let table = FeatureTable::new(specs, columns, table.n_rows()).unwrap();
    write::feature_file(&tampered, &keys, &table).unwrap();
    fs::copy(Basis::path_of(&previous), Basis::path_of(&tampered)).unwrap();
    let again = |more: &[&str]| {
        let path = tampered.to_str().unwrap();
        features(&history, &out, "2", &[asked.clone(), words(&["--previous", path]), words(more)].concat())
    };
    // Its basis was left for another file: nothing is taken over.
    assert!(again(&[]).status.success());
    assert!(report(&out)["all_computed_because"].as_str().unwrap().contains("basis"));
    let mut basis = Basis::read(&Basis::path_of(&tampered)).unwrap();
    basis.feature_file = read::FeatureRows::open(&tampered).unwrap().sha256().unwrap();
    basis.write(&Basis::path_of(&tampered)).unwrap();
    let run = again(&["--recompute"]);
    let message = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.code() == Some(1) && message.contains("1 rows changed though nothing"), "{message}");
    let found = report(&out);
    assert_eq!(number(&found, "/rows/changed_without_news"), 1);
    assert_eq!(found["changed_without_news"][0][0].as_str().unwrap(), &*keys[0].account_id);
}

#[test]
fn what_an_earlier_file_cannot_tell_has_every_row_computed() {
    let runs = Runs::new(Business::new(true), false);
    let n_files = runs.business.files.len() - 1;
    let previous = runs.step(n_files, None).0;
    let history = runs.path("history");
    let asked = asked(runs.folder.path(), &runs.business, n_files, false);
    let out = runs.path("again.parquet");
    let path = previous.to_str().unwrap();
    let events = runs.path("events.toml");
    let because = |more: &[&str]| {
        let is_given = more.contains(&"--config");
        let config = if is_given { vec![] } else { words(&["--config", events.to_str().unwrap()]) };
        written(
            &history,
            &out,
            "2",
            &[asked.clone(), words(&["--previous", path]), words(more), config].concat(),
        );
        let found = report(&out);
        let all = number(&found, "/rows/computed_again");
        (found["all_computed_because"].as_str().map(str::to_owned), all)
    };
    let (why, n_again) = because(&[]);
    // At the end of the history rows read what is so today: those are computed again.
    let latest = runs.business.files[n_files - 1].0 - DAY;
    let n_latest =
        read::feature_file(&out).unwrap().0.iter().filter(|key| key.as_of.0 > latest).count() as u64;
    assert!(why.is_none() && n_again <= n_latest, "the same history again: {why:?}, {n_again} rows");
    let config = runs.path("holdfast.toml");
    fs::write(&config, "[history.tables.tickets]\ndelay_hours = 5\n").unwrap();
    assert!(because(&["--config", config.to_str().unwrap()]).0.unwrap().contains("configuration"));
    // Fewer columns of an earlier file serve; one that it has not does not.
    assert!(because(&["--only", "events_28d,arr"]).0.is_none());
    assert!(because(&["--only", "events_28d,events_28d__nothing"]).0.unwrap().contains("columns"));
    let month = history.join("usage_events/03.parquet");
    let (_, rows) = &runs.business.files[3];
    put_parquet(&month, &rows.slice(1, rows.num_rows() - 1), 2_000);
    assert!(because(&[]).0.unwrap().contains("usage_events/03.parquet changed"));
    fs::remove_file(&month).unwrap();
    assert!(because(&[]).0.unwrap().contains("is gone"));
    fs::remove_file(Basis::path_of(&previous)).unwrap();
    let run = features(&history, &out, "2", &[asked.clone(), words(&["--previous", path])].concat());
    let message = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.code() == Some(2) && message.contains("--incremental"), "{message}");
}

#[test]
fn row_groups_are_copied_and_other_formats_are_written() {
    let runs = Runs::new(Business::new(true), true);
    let n_files = runs.business.files.len();
    let ids = accounts(&runs.business.tables["accounts"]);
    let (history, snapshots) = (runs.path("history"), runs.path("snapshots.csv"));
    let first = runs.business.files[8].0;
    // Date after date, so that a whole row group of the earlier file is one of the next.
    let asked = |n_dates: i64| {
        let dates = (0..n_dates).map(|at| Timestamp(first + at * 2 * DAY));
        let rows = dates.flat_map(|date| ids.iter().map(move |id| format!("{id},{date}\n")));
        fs::write(&snapshots, "account_id,as_of\n".to_owned() + &rows.collect::<String>()).unwrap();
    };
    let snapshots = snapshots.to_str().unwrap();
    let few =
        words(&["--snapshots", snapshots, "--only", "events_28d,users_90d,open_tickets,tenure_days,stage"]);
    let with = |more: &[&str]| [few.clone(), words(more)].concat();
    runs.business.put(&history, n_files - 1);
    asked(100);
    let before = runs.path("before.parquet");
    written(&history, &before, "2", &with(&["--incremental"]));
    runs.business.put(&history, n_files);
    asked(130);
    let path = before.to_str().unwrap();
    for name in ["after.parquet", "after.csv"] {
        let (full, after) = (runs.path(&format!("full_{name}")), runs.path(name));
        written(&history, &full, "2", &few);
        written(&history, &after, "2", &with(&["--previous", path]));
        assert!(fs::read(&full).unwrap() == fs::read(&after).unwrap(), "{name}");
        let found = report(&after);
        assert!(number(&found, "/rows/taken_over") > 8_192, "{found:#}");
        assert_eq!(number(&found, "/rows/new"), 30 * ids.len() as u64);
    }
}
