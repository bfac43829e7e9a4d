//! What every task of a query must know: the same text travels to each executor within the plan.

use std::str::FromStr;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use holdfast_features::history::{Book, TableSummary, Text};
use holdfast_features::read::contract::TableSchema;
use holdfast_features::read::{HistoryConfig, PartOf};
use holdfast_features::settings::Mistakes;
use holdfast_features::{FeatureSpec, Kind, Timestamp};
use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// The number of the source that the rows asked for come from.
pub(crate) const KEYS: u8 = u8::MAX;

/// The name of the number of a row among those asked for.
pub(crate) const ROW: &str = "row";

/// What is computed, and what holds for the history as a whole rather than for an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The configuration file's text; only its section `history` is read.
    pub config: String,
    /// The present, in microseconds: later events are mistakes.
    pub now: Option<i64>,
    /// Nothing after this is known, in microseconds.
    pub until: Option<i64>,
    /// The currency of all money.
    pub currency: Option<String>,
    /// The tables that the history has.
    pub tables: Vec<String>,
    /// Where rows come from: the files of a table that have the same columns.
    pub sources: Vec<Source>,
    /// When the contracts of the whole book began, in microseconds, ascending.
    pub book_starts: Vec<i64>,
    /// When they ended.
    pub book_ends: Vec<i64>,
    /// Whether any row of the renewal history tells the MRR.
    pub mrr_is_told: bool,
    /// What each constant column of `accounts` holds.
    pub constant_account_kinds: Vec<Kind>,
    /// The features to compute, in the order of the output.
    pub specs: Vec<FeatureSpec>,
}

/// Files of one table with the same columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The table's name in the contract.
    pub table: String,
    /// The columns that are read: their names in the files, and Arrow's name of their types.
    pub columns: Vec<(String, String)>,
}

/// Why the text of a job cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The text is no job.
    #[error(
        "the query carries a job that cannot be read ({0}): client, scheduler and executors must be of one version"
    )]
    Text(#[from] serde_json::Error),
    /// The configuration has mistakes.
    #[error(transparent)]
    Config(#[from] Mistakes),
    /// A type that Arrow does not know.
    #[error(
        "column `{column}` has the type `{data_type}`, which cannot be sent to executors: store it as plain text, numbers or times"
    )]
    Type {
        /// The column.
        column: String,
        /// Its type.
        data_type: String,
    },
    /// More sources than a byte can number.
    #[error(
        "the files have {0} different sets of columns: write the tables again with one set of columns each, 255 at most in all"
    )]
    TooManySources(usize),
}

impl Job {
    /// The book of contracts that all accounts together make.
    pub(crate) fn book(&self) -> Book {
        let times = |micros: &[i64]| micros.iter().map(|time| Timestamp(*time)).collect();
        Book { starts: times(&self.book_starts), ends: times(&self.book_ends), mrr_is_told: self.mrr_is_told }
    }

    /// The job of `text`.
    pub(crate) fn parse(text: &str) -> Result<Self, JobError> {
        Ok(serde_json::from_str(text)?)
    }

    /// The job as text.
    pub(crate) fn text(&self) -> Result<String, JobError> {
        Ok(serde_json::to_string(self)?)
    }

    /// How the history is read. What the history as a whole has decided already is given.
    pub(crate) fn history_config(&self) -> Result<HistoryConfig, JobError> {
        let mut config = Settings::parse("the configuration", &self.config)?.history;
        // Columns to be passed over are not sent.
        config.tables.values_mut().for_each(|table| table.ignore.clear());
        Ok(HistoryConfig {
            now: self.now.map(Timestamp),
            part_of: Some(PartOf {
                currency: self.currency.as_deref().map(Text::from),
                constant_account_kinds: self.constant_account_kinds.clone(),
            }),
            with_hashes: false,
            ..config
        })
    }

    /// What feature computation asks of the tables: their names.
    pub(crate) fn summaries(&self) -> Vec<TableSummary> {
        let known = self.tables.iter().filter_map(|table| TableSchema::find(table));
        let summary = |schema: &TableSchema| TableSummary {
            table: schema.name,
            n_rows: 0,
            n_rejected: 0,
            first: None,
            last: None,
            sha256: None,
        };
        known.map(summary).collect()
    }

    /// The columns of a feature row: its number among those asked for, then the features.
    pub(crate) fn fields(&self) -> Fields {
        let feature = |spec: &FeatureSpec| {
            let data_type = match spec.kind {
                Kind::Number | Kind::Boolean => DataType::Float64,
                Kind::Category => DataType::Utf8,
            };
            Field::new(&spec.name, data_type, true)
        };
        std::iter::once(Field::new(ROW, DataType::Int64, false))
            .chain(self.specs.iter().map(feature))
            .collect()
    }

    /// The type of an account's feature rows.
    pub(crate) fn rows_type(&self) -> DataType {
        DataType::List(self.row_field())
    }

    /// A feature row as an item of such a list.
    pub(crate) fn row_field(&self) -> FieldRef {
        Arc::new(Field::new("row", DataType::Struct(self.fields()), false))
    }
}

impl Source {
    /// The columns with their types.
    pub(crate) fn typed(&self) -> Result<Vec<(String, DataType)>, JobError> {
        let typed = |(column, data_type): &(String, String)| match DataType::from_str(data_type) {
            Ok(parsed) => Ok((column.clone(), parsed)),
            Err(_) => Err(JobError::Type { column: column.clone(), data_type: data_type.clone() }),
        };
        self.columns.iter().map(typed).collect()
    }
}

/// The columns of the rows asked for: account, number, observation time in microseconds, and the subscription meant.
pub(crate) fn key_columns() -> [(String, DataType); 4] {
    [
        ("account_id".to_owned(), DataType::Utf8),
        (ROW.to_owned(), DataType::Int64),
        ("as_of".to_owned(), DataType::Int64),
        ("subscription_id".to_owned(), DataType::Utf8),
    ]
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::TimeUnit;

    use super::*;

    #[test]
    fn the_end_of_a_history_is_no_limit_to_its_rows() {
        let job = |config: &str| Job {
            config: config.to_owned(),
            now: None,
            until: Some(0),
            currency: None,
            tables: Vec::new(),
            sources: Vec::new(),
            book_starts: Vec::new(),
            book_ends: Vec::new(),
            mrr_is_told: false,
            constant_account_kinds: Vec::new(),
            specs: Vec::new(),
        };
        // Contracts may begin long after the last fact, but not after an end that was set.
        assert_eq!(job("").history_config().unwrap().until, None);
        let set = job("[history]\nuntil = \"2024-01-01\"\n").history_config().unwrap();
        assert_eq!(set.until, Some(Timestamp::parse("2024-01-01").unwrap()));
    }

    #[test]
    fn the_types_of_files_survive_as_names() {
        let types = [
            DataType::Utf8,
            DataType::Utf8View,
            DataType::LargeUtf8,
            DataType::Int64,
            DataType::Float32,
            DataType::Boolean,
            DataType::Date32,
            DataType::Decimal128(18, 2),
            DataType::Timestamp(TimeUnit::Microsecond, None),
            DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            DataType::Timestamp(TimeUnit::Millisecond, Some("+02:00".into())),
        ];
        for data_type in types {
            let source =
                Source { table: String::new(), columns: vec![("c".to_owned(), data_type.to_string())] };
            assert_eq!(source.typed().unwrap(), [("c".to_owned(), data_type)]);
        }
    }

    #[test]
    fn a_type_without_a_name_is_told() {
        let columns = vec![("c".to_owned(), "Sunshine".to_owned())];
        let error = Source { table: String::new(), columns }.typed().unwrap_err();
        assert!(error.to_string().contains("`c` has the type `Sunshine`"), "{error}");
    }
}
