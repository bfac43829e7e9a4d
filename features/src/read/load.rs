//! A folder of tables → a history.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::history::{History, TableSummary, Text};

use super::config::{HistoryConfig, UsageTable};
use super::contract::{TABLES, TableSchema};
use super::error::{Problem, ReadError, Reason, Reject};
use super::files::{Files, discover};
use super::short_cuts::is_shared;
use super::table::{IN_HISTORY, Reading};

/// The only table that every history needs.
const REQUIRED_TABLE: &str = "subscriptions";

/// Everything that reading a history's folder showed: what `check` prints.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The history; absent where there are problems.
    pub history: Option<History>,
    /// The tables found, in the order of the contract.
    pub tables: Vec<TableReport>,
    /// What was left out and why, for people: files that are no tables, tables without rows.
    pub notes: Vec<String>,
    /// The first [`super::LISTED_PROBLEMS`] problems.
    pub problems: Vec<Problem>,
    /// How many problems there are in all.
    pub n_problems: usize,
    /// The rows set aside by `on_bad_row = "reject"`, in the order of tables, files and rows.
    pub rejects: Vec<Reject>,
}

/// What was found of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableReport {
    /// Rows, span and hash.
    pub summary: TableSummary,
    /// Its files' names, in the order in which they are read.
    pub files: Vec<String>,
    /// Columns of the contract that are there: canonical name and the file's own.
    pub present: Vec<(&'static str, String)>,
    /// Columns of the contract that no file has.
    pub missing: Vec<&'static str>,
    /// Columns of the files that nothing reads.
    pub ignored: Vec<String>,
    /// Whether the rows were read: false where nothing asked for them and the files' statistics told their end.
    pub is_read: bool,
}

/// Reads the history in the folder `dir`.
///
/// # Errors
/// Files that cannot be read, or [`ReadError::Problems`] with all that is wrong with their content.
pub fn history(dir: &Path, config: &HistoryConfig) -> Result<History, ReadError> {
    inspect(dir, config)?.usable()
}

impl Inspection {
    /// The history.
    ///
    /// # Errors
    /// [`ReadError::Problems`] with all that is wrong.
    pub fn usable(self) -> Result<History, ReadError> {
        let Self { history, problems, n_problems, .. } = self;
        history.ok_or(ReadError::Problems { problems, n_problems })
    }
}

/// Reads the history in the folder `dir` and tells all that was found on the way, right or wrong.
///
/// # Errors
/// Only files or folders that cannot be read at all.
pub fn inspect(dir: &Path, config: &HistoryConfig) -> Result<Inspection, ReadError> {
    let known = config.part_of.as_ref().and_then(|whole| whole.currency.clone());
    let (inspection, found_late) = inspect_in(dir, config, known)?;
    if found_late.is_none() || inspection.history.is_none() {
        return Ok(inspection);
    }
    // Amounts were read before the rows that say what they are in: with that known, all is read once more. Few currencies have
    // minor units other than hundredths, and few histories name theirs late.
    drop(inspection);
    Ok(inspect_in(dir, config, found_late)?.0)
}

/// As [`inspect`]; rows that name no currency are in `currency`. Further the currency that should have been given.
fn inspect_in(
    dir: &Path,
    config: &HistoryConfig,
    currency: Option<Text>,
) -> Result<(Inspection, Option<Text>), ReadError> {
    let Files { mut tables, mut notes, problems, found } = discover(dir)?;
    tables.values_mut().for_each(|paths| paths.retain(|path| !config.left_out.contains(path)));
    let length = |path: &PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
    config.listener.expect(tables.values().flatten().map(length).sum());
    let mut reading = Reading::new(config, currency);
    problems.into_iter().for_each(|problem| reading.findings.problem(problem));
    match (config.usage, tables.contains_key("usage_events") && tables.contains_key("usage_daily")) {
        (None, true) => reading.findings.problem(Problem::table("usage_events", Reason::UsageTwice)),
        (Some(chosen), true) => {
            let (left_out, setting) = match chosen {
                UsageTable::Events => ("usage_daily", "events"),
                UsageTable::Daily => ("usage_events", "daily"),
            };
            tables.remove(left_out);
            notes.push(format!("{left_out} is not read: the configuration says `usage = \"{setting}\"`"));
        }
        (_, false) => {}
    }
    let mut reports = Vec::new();
    let is_whole = config.part_of.is_none();
    let is_required = |schema: &TableSchema| is_whole && schema.name == REQUIRED_TABLE;
    let is_there = |schema: &TableSchema| tables.get(schema.name).is_some_and(|paths| !paths.is_empty());
    let is_packed = |schema: &TableSchema| is_there(schema) && !IN_HISTORY.contains(&schema.name);
    let packed: Vec<&'static TableSchema> = TABLES.iter().filter(|schema| is_packed(schema)).collect();
    for schema in TABLES {
        match tables.get(schema.name) {
            _ if packed.first() == Some(&schema) => {
                for report in read_packed(&mut reading, &packed, &tables, &mut notes)? {
                    reports.push(report);
                }
            }
            _ if packed.contains(&schema) => {}
            Some(paths) if !paths.is_empty() => {
                let n_problems = reading.findings.n_problems;
                let report = reading.read_table(schema, paths)?;
                let is_empty = report.is_empty() && reading.findings.n_problems == n_problems;
                if is_empty && is_required(schema) {
                    reading.findings.problem(Problem::table(schema.name, Reason::NoRows));
                } else if is_empty {
                    notes.push(format!("{} has no rows and counts as absent", schema.name));
                }
                reports.push(report);
            }
            _ if is_required(schema) => {
                let found = found.clone();
                reading
                    .findings
                    .problem(Problem::table(schema.name, Reason::TableMissing(schema.name, found)));
            }
            Some(_) => notes.push(format!("{} has no files and counts as absent", schema.name)),
            None => {}
        }
    }
    let has_accounts = !is_whole || reports.iter().any(|report| report.summary.table == "accounts");
    if let (false, Some(column)) = (has_accounts, config.constant_account_columns.first()) {
        let reason = Reason::MappedColumnMissing { column: column.clone(), found: vec![] };
        reading.findings.problem(Problem::table("accounts", reason));
    }
    if let Some(places) = reading.currencies.mixed() {
        let column = Some("currency".to_owned());
        let problem = Problem::table("subscriptions, invoices", Reason::MixedCurrencies(places));
        reading.findings.problem(Problem { column, ..problem });
    }
    let found_late = reading.currencies.found_late();
    Ok((finish(reading, config, reports, notes), found_late))
}

/// Reads the tables that are packed side by side.
fn read_packed(
    reading: &mut Reading<'_>,
    schemas: &[&'static TableSchema],
    tables: &BTreeMap<&'static str, Vec<PathBuf>>,
    notes: &mut Vec<String>,
) -> Result<Vec<TableReport>, ReadError> {
    reading.open_store();
    if let (Some(settled), Some(store)) = (&reading.config.settled, &reading.store) {
        settled.pack(store)?;
    }
    let paths = |schema: &TableSchema| tables.get(schema.name).map(Vec::as_slice).unwrap_or_default();
    let length = |path: &PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
    // What one thread reads alone comes first, the largest first, and what all share comes last: nobody waits at the end.
    let mut order: Vec<usize> = (0..schemas.len()).collect();
    order.sort_by_cached_key(|&at| {
        let paths = paths(schemas[at]);
        (is_shared(schemas[at], paths), Reverse(paths.iter().map(length).sum::<u64>()))
    });
    let parent = &*reading;
    let read = |at: usize| {
        let mut fork = parent.fork(at + 1);
        let report = fork.read_table(schemas[at], paths(schemas[at]));
        (at, report.map(|report| (fork, report)))
    };
    let mut forks: Vec<(usize, Result<_, ReadError>)> = order.into_iter().par_bridge().map(read).collect();
    forks.sort_by_key(|(at, _)| *at);
    let mut reports = Vec::with_capacity(forks.len());
    for (at, fork) in forks {
        let (fork, report) = fork?;
        if report.is_empty() && fork.findings.n_problems == 0 {
            notes.push(format!("{} has no rows and counts as absent", schemas[at].name));
        }
        reading.join(fork);
        reports.push(report);
    }
    Ok(reports)
}

impl TableReport {
    fn is_empty(&self) -> bool {
        self.is_read && self.summary.n_rows + self.summary.n_rejected == 0
    }
}

fn finish(
    reading: Reading<'_>,
    config: &HistoryConfig,
    tables: Vec<TableReport>,
    notes: Vec<String>,
) -> Inspection {
    let known_at = reading.known_at;
    let currency = reading.currencies.own().map(Text::from);
    let (facts, findings) = reading.finish();
    let history = (findings.n_problems == 0).then(|| History {
        until: config.until.or(known_at),
        currency,
        tables: tables
            .iter()
            .filter(|table| table.summary.n_rows > 0 || !table.is_read)
            .map(|table| table.summary.clone())
            .collect(),
        constant_subscription_columns: config.constant_subscription_columns.clone(),
        ..facts
    });
    let (problems, n_problems, rejects) = (findings.problems, findings.n_problems, findings.rejects);
    Inspection { history, tables, notes, problems, n_problems, rejects }
}
