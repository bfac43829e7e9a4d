//! What can be wrong with the tables that are read, and where.

use std::fmt;
use std::path::PathBuf;

use crate::time::Timestamp;

/// How many problems are kept with their place; the rest is counted.
pub const LISTED_PROBLEMS: usize = 20;

/// Why nothing usable was read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file or folder cannot be opened or read.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A history must be a folder, and this is none, or nothing at all.
    #[error("{}: no such folder; a history is a folder of tables such as subscriptions.csv", .0.display())]
    NotAFolder(PathBuf),
    /// The ending tells no format.
    #[error("{}: the ending tells no format: give a .parquet, .csv or .ndjson file", .0.display())]
    Ending(PathBuf),
    /// A Parquet file that cannot be decoded.
    #[error("{path}: not a readable Parquet file: {message}", path = .path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The decoder's reason.
        message: String,
    },
    /// A feature file that this program did not write, or wrote in another version.
    #[error("{path}: {message}; write it anew with `holdfast-train features`", path = .path.display())]
    FeatureFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// Columns that make no feature table.
    #[error("{path}: {source}", path = .path.display())]
    FeatureTable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: crate::matrix::TableError,
    },
    /// Facts cannot be packed away.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// Everything wrong with the content of the tables, the first [`LISTED_PROBLEMS`] with their place.
    #[error("{}", listed(.problems, *.n_problems))]
    Problems {
        /// The first problems, in the order of the tables, files and rows.
        problems: Vec<Problem>,
        /// How many there are in all.
        n_problems: usize,
    },
}

/// One thing wrong, and where.
///
/// Rows are counted from 1 at the first row of data: a header does not count.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The table's name in the contract, or the file's name for a table outside of it.
    pub table: String,
    /// The file's name.
    pub file: Option<String>,
    /// 1-based data row of the file.
    pub row: Option<usize>,
    /// The column as the file calls it.
    pub column: Option<String>,
    /// The value found.
    pub value: Option<String>,
    /// What is wrong and what to do.
    pub reason: Reason,
}

/// A row set aside by `on_bad_row = "reject"`: the first problem of the row.
pub type Reject = Problem;

/// What is wrong with a table, a column, a row or a value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Reason {
    /// The only table that every history needs.
    #[error("the table is missing: add {0}.parquet, {0}.csv or {0}.ndjson (files found: {found})", found = none_or(.1))]
    TableMissing(&'static str, Vec<String>),
    /// A table that is there several times.
    #[error("the table is there more than once ({0}): keep one of them")]
    TableTwice(String),
    /// Single events and daily sums would count all usage twice.
    #[error(
        "usage_events and usage_daily are both there and would count usage twice: keep one, or choose with `usage = \"events\"` or `usage = \"daily\"` under [history]"
    )]
    UsageTwice,
    /// A table without rows.
    #[error("the table has no rows")]
    NoRows,
    /// Nothing is left of a table.
    #[error("no row is left: all {0} were rejected")]
    AllRejected(usize),
    /// Something in a table's folder that is no table file.
    #[error("is neither a .parquet, .csv nor .ndjson file: move it out of the table's folder")]
    NotATableFile,
    /// A required column that is not there.
    #[error(
        "required column `{column}` is missing: name a column {accepted}, or map it in the configuration (columns found: {found})",
        accepted = either(.accepted), found = none_or(.found)
    )]
    ColumnMissing {
        /// The contract's name.
        column: String,
        /// The names accepted without configuration.
        accepted: Vec<String>,
        /// What the file has.
        found: Vec<String>,
    },
    /// Usage that tells users and no accounts.
    #[error(
        "no column names the account: map one, `account_id = \"…\"` under [history.tables.usage_events.columns]; where only `{user}` tells who it was, map it as `account_id` and as `user_id`, and add an id_map from users to accounts (columns found: {found})",
        found = none_or(.found)
    )]
    NoAccountColumn {
        /// The column of the users.
        user: String,
        /// What the file has.
        found: Vec<String>,
    },
    /// The configuration names a column that is not there.
    #[error("the configuration names column `{column}`, which is not there (columns found: {found})", found = none_or(.found))]
    MappedColumnMissing {
        /// The name in the configuration.
        column: String,
        /// What the file has.
        found: Vec<String>,
    },
    /// Two columns of one name.
    #[error("column `{0}` occurs twice: rename one")]
    ColumnTwice(String),
    /// A column of a type that holds no single values.
    #[error("is of type {0}, which holds no plain values")]
    ColumnType(String),
    /// The whole header in one cell.
    #[error("the columns seem to be separated by {0:?}: write them separated by commas")]
    Separator(char),
    /// A row of another length than the header.
    #[error("the row has {found} cells, the header {expected}")]
    Ragged {
        /// Cells in the row.
        found: usize,
        /// Cells in the header.
        expected: usize,
    },
    /// Bytes that are not text.
    #[error("is not UTF-8 text: save the file in UTF-8")]
    NotUtf8,
    /// A line that is no JSON object.
    #[error("is not a JSON object on one line: {0}")]
    NotJson(String),
    /// A required value that is missing.
    #[error("is empty: a value is required in every row")]
    ValueMissing,
    /// One of several columns must hold a value.
    #[error("one of {} must hold a value", .0.join(" and "))]
    NoneOf(Vec<&'static str>),
    /// Not a time.
    #[error("is not a time: write a date (2025-03-31), an RFC 3339 time or epoch seconds or milliseconds")]
    NotATime,
    /// An epoch number that is a date without its dashes, or a mistake.
    #[error("read as epoch seconds it is {0}: write dates as 2025-03-31")]
    EpochTooEarly(Timestamp),
    /// A time no business history reaches.
    #[error("lies outside the years 1900 to 2200: leave an open end empty")]
    OutsideCalendar,
    /// An event that has not happened yet.
    #[error("is a date in the future: nothing after {0} can have happened ({1})")]
    Future(Timestamp, &'static str),
    /// An event recorded before it happened.
    #[error("is a date in the future: the row was recorded at {0}, before it happened")]
    AfterRecorded(Timestamp),
    /// An end before its beginning.
    #[error("is before `{0}` ({1})")]
    Before(&'static str, Timestamp),
    /// Not a number.
    #[error("is not a number")]
    NotANumber,
    /// Not a rating.
    #[error("is not a rating: write a number, or good, bad, offered or unoffered")]
    NotARating,
    /// Not a whole number.
    #[error("is not a whole number")]
    NotWhole,
    /// A number out of its range.
    #[error("must be {0}")]
    OutOfRange(&'static str),
    /// Not a boolean.
    #[error("is not a boolean: write true or false")]
    NotABoolean,
    /// A word that the contract does not know.
    #[error("is not one of {}", .0.join(", "))]
    UnknownWord(Vec<&'static str>),
    /// An id that an earlier row has.
    #[error("occurs twice: the ids of a table must be unique")]
    DuplicateId,
    /// An id that stands for two accounts.
    #[error("stands for two accounts, {0} and {1}")]
    AliasTwice(String, String),
    /// Money that cannot be added.
    #[error("money in several currencies, {}: convert all amounts to one", .0.join(", "))]
    MixedCurrencies(Vec<String>),
    /// The label has one value only.
    #[error("the label has one value only, {0}: churned and kept customers are both needed")]
    OneClass(String),
    /// The label has more than two values.
    #[error("the label has {n} values ({}{}): two are needed, or name the one that means churn with --positive", .some.join(", "), if *.n > .some.len() { ", …" } else { "" })]
    ManyClasses {
        /// How many.
        n: usize,
        /// The first of them.
        some: Vec<String>,
    },
    /// Neither value of the label says which one means churn.
    #[error("the label is {0} or {1}: say which means churned with --positive")]
    WhichPositive(String, String),
    /// The positive value never occurs.
    #[error("the label is never {positive}: its values are {}", .found.join(", "))]
    PositiveAbsent {
        /// The value asked for.
        positive: String,
        /// The values found.
        found: Vec<String>,
    },
    /// A named column that is not there.
    #[error("there is no column `{column}` (columns found: {found})", found = none_or(.found))]
    NoSuchColumn {
        /// The name asked for.
        column: String,
        /// What the file has.
        found: Vec<String>,
    },
    /// One column in two parts.
    #[error("cannot be both {0} and {1}")]
    TwoParts(&'static str, &'static str),
    /// Nothing to learn from.
    #[error("no column is left to learn from: {}", .0.join("; "))]
    NoFeatures(Vec<String>),
    /// Several columns could be the label.
    #[error("several columns could be the label: {}; keep one or name it `label`", .0.join(", "))]
    WhichLabel(Vec<String>),
    /// A row of the folds that the table does not have.
    #[error("is not a row of the table: its rows are numbered from 0 to {0}")]
    FoldRow(usize),
    /// A row that has already been given a fold.
    #[error("is given a fold twice")]
    FoldTwice,
    /// The same account, time and subscription again.
    #[error("is the same snapshot as row {0}")]
    SnapshotTwice(usize),
    /// Fewer than two folds.
    #[error("names fewer than two folds")]
    OneFold,
}

impl ReadError {
    /// One problem alone.
    #[must_use]
    pub fn problem(problem: Problem) -> Self {
        Self::Problems { problems: vec![problem], n_problems: 1 }
    }
}

impl Problem {
    /// A problem with a table as a whole.
    #[must_use]
    pub fn table(table: impl Into<String>, reason: Reason) -> Self {
        Self { table: table.into(), file: None, row: None, column: None, value: None, reason }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table)?;
        if let Some(file) = self.file.as_ref().filter(|file| **file != self.table) {
            write!(f, " ({file})")?;
        }
        if let Some(row) = self.row {
            write!(f, ", row {row}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column `{column}`")?;
        }
        match &self.value {
            Some(value) => write!(f, ": \"{value}\" {}", self.reason),
            None => write!(f, ": {}", self.reason),
        }
    }
}

fn listed(problems: &[Problem], n_problems: usize) -> String {
    let mut lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    if n_problems > problems.len() {
        lines.push(format!("… and {} more", n_problems - problems.len()));
    }
    lines.join("\n")
}

fn none_or(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn either(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}
