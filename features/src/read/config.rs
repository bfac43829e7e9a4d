//! `[history]`: how a folder of tables is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::history::{MutableColumn, Text};
use crate::incremental::Settled;
use crate::settings::Section;
use crate::spec::Kind;
use crate::time::Timestamp;

use super::contract::{self, ColumnSchema, TableSchema};

/// How a history is read; the default reads a folder that follows the contract.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryConfig {
    /// Nothing after this is known; by default the latest knowledge time of any table.
    pub until: Option<Timestamp>,
    /// The present, from a caller that has a clock: events after it are dates in the future.
    pub now: Option<Timestamp>,
    /// What happens to a row with a bad value.
    pub on_bad_row: OnBadRow,
    /// Which of `usage_events` and `usage_daily` is read where both are there.
    pub usage: Option<UsageTable>,
    /// Columns of `accounts` that never change, so that features may use them.
    pub constant_account_columns: Vec<String>,
    /// Columns of `subscriptions` that never change, so that features may use them.
    pub constant_subscription_columns: Vec<MutableColumn>,
    /// Settings of single tables, by the contract's name.
    pub tables: BTreeMap<String, TableConfig>,
    /// The tables whose rows are asked for; `None` for all. Of others only their end is looked up where that is told
    /// without reading them. Tables that every snapshot needs are always read.
    pub wanted: Option<BTreeSet<&'static str>>,
    /// Files of packed tables that are left out, as if they were not there.
    pub left_out: BTreeSet<PathBuf>,
    /// What stands in for files of usage that are left out.
    pub settled: Option<Arc<Settled>>,
    /// Where the tables hold some accounts of a history alone, what that has decided: a table may then be missing, or have bad
    /// rows only.
    pub part_of: Option<PartOf>,
    /// Whether the tables' hashes are computed: a model's provenance names them.
    pub with_hashes: bool,
    /// Bytes of memory that reading and computing aim at; facts beyond it go to a temporary file.
    pub memory: usize,
    /// Who hears how far reading is.
    pub listener: Listener,
}

/// What only a history as a whole tells.
#[derive(Debug, Clone, PartialEq)]
pub struct PartOf {
    /// The one currency of all money, where any row names one.
    pub currency: Option<Text>,
    /// What each of [`HistoryConfig::constant_account_columns`] holds.
    pub constant_account_kinds: Vec<Kind>,
}

/// How far reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// So many bytes of files are to be read in all.
    Expected(u64),
    /// So many more, about, have been read.
    Read(u64),
}

/// Who hears how far reading is, from several threads; the default is nobody.
#[derive(Clone, Default)]
pub struct Listener(Option<Arc<dyn Fn(Heard) + Send + Sync>>);

impl Listener {
    /// Calls `hear` with what there is to hear.
    pub fn new(hear: impl Fn(Heard) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }

    pub(super) fn expect(&self, n_bytes: u64) {
        if let Some(hear) = &self.0 {
            hear(Heard::Expected(n_bytes));
        }
    }

    pub(super) fn read(&self, n_bytes: u64) {
        if let Some(hear) = &self.0 {
            hear(Heard::Read(n_bytes));
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

impl PartialEq for Listener {
    /// Who listens is no setting.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What happens to a row with a bad value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnBadRow {
    /// Reading ends with an error that lists the problems.
    #[default]
    Stop,
    /// The row is set aside with its reason, and counted.
    Reject,
}

/// Where usage is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageTable {
    /// `usage_events`.
    Events,
    /// `usage_daily`.
    Daily,
}

/// Settings of one table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableConfig {
    /// How long after its event time a row without `recorded_at` becomes known, in microseconds.
    pub delay: i64,
    /// The file's name of a column, by the contract's name.
    pub columns: BTreeMap<String, String>,
    /// Columns of the file that are left unread.
    pub ignore: Vec<String>,
}

/// Memory that reading and computing aim at, unless configured: 2 GiB hold some 60 million events.
pub const DEFAULT_MEMORY: usize = 2 << 30;

/// One hour in microseconds.
const HOUR: f64 = 3_600_000_000.0;

/// The longest delay of a table: a year.
const LONGEST_DELAY_HOURS: f64 = 8784.0;

impl Default for HistoryConfig {
    fn default() -> Self {
        Self {
            until: None,
            now: None,
            on_bad_row: OnBadRow::default(),
            usage: None,
            constant_account_columns: Vec::new(),
            constant_subscription_columns: Vec::new(),
            tables: BTreeMap::new(),
            wanted: None,
            left_out: BTreeSet::new(),
            settled: None,
            part_of: None,
            with_hashes: true,
            memory: DEFAULT_MEMORY,
            listener: Listener::default(),
        }
    }
}

impl HistoryConfig {
    /// Reads `[history]`; mistakes are reported to `section`.
    pub fn from_section(section: &mut Section<'_, '_>) -> Self {
        let until = section.parsed("until", None, |text| {
            Timestamp::parse(text).map(Some).map_err(|_| "a date such as \"2025-03-31\"".to_owned())
        });
        Self {
            until,
            now: None,
            on_bad_row: section.choice(
                "on_bad_row",
                OnBadRow::Stop,
                &[("stop", OnBadRow::Stop), ("reject", OnBadRow::Reject)],
            ),
            wanted: None,
            left_out: BTreeSet::new(),
            settled: None,
            part_of: None,
            with_hashes: true,
            memory: DEFAULT_MEMORY,
            listener: Listener::default(),
            usage: section.choice(
                "usage",
                None,
                &[("events", Some(UsageTable::Events)), ("daily", Some(UsageTable::Daily))],
            ),
            constant_account_columns: section.texts("constant_account_columns"),
            constant_subscription_columns: constant_subscription_columns(section),
            tables: section.section("tables", |tables| {
                let given = tables.keys();
                contract::TABLES
                    .iter()
                    .filter(|schema| given.iter().any(|key| key == schema.name))
                    .map(|schema| {
                        let config =
                            tables.section(schema.name, |table| TableConfig::from_section(schema, table));
                        (schema.name.to_owned(), config)
                    })
                    .collect()
            }),
        }
    }

    /// The settings of `table`, defaults where none are given.
    #[must_use]
    pub fn table(&self, table: &str) -> TableConfig {
        self.tables.get(table).cloned().unwrap_or_default()
    }
}

fn constant_subscription_columns(section: &mut Section<'_, '_>) -> Vec<MutableColumn> {
    const KEY: &str = "constant_subscription_columns";
    let line = section.line_of(KEY).unwrap_or(1);
    let mut columns = Vec::new();
    for name in section.texts(KEY) {
        match MutableColumn::ALL.into_iter().find(|column| column.name() == name) {
            Some(column) => columns.push(column),
            None => {
                let known = MutableColumn::ALL.map(|column| format!("\"{}\"", column.name())).join(", ");
                let message = format!("`history.{KEY}` must name columns out of {known}, not \"{name}\"");
                section.report(line, message);
            }
        }
    }
    columns
}

impl TableConfig {
    #[expect(clippy::cast_possible_truncation, reason = "at most a year in microseconds")]
    fn from_section(schema: &TableSchema, section: &mut Section<'_, '_>) -> Self {
        let delay_hours = section.number("delay_hours", 0.0, 0.0..=LONGEST_DELAY_HOURS);
        let columns = section.section("columns", |columns| {
            let given = columns.keys();
            let known = schema.columns.iter().flat_map(ColumnSchema::spellings);
            known
                .filter(|spelling| given.contains(&spelling.name))
                .filter_map(|spelling| columns.text(&spelling.name).map(|column| (spelling.name, column)))
                .collect()
        });
        Self { delay: (delay_hours * HOUR).round() as i64, columns, ignore: section.texts("ignore") }
    }
}
