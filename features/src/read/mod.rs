//! Reading: the one place that knows what tables look like on disk.
//!
//! - [`history`] and [`inspect`] read a folder of tables by the [`contract`];
//! - [`prepared`] reads a table with one row a customer and finds the types of its columns by itself;
//! - [`snapshots_file`], [`folds_file`] and [`feature_file`] read the small files around them.
//!
//! Ids that differ between tools are joined by the table `id_map` (`account_id`, `alias`, optionally `table`):
//! wherever a table (or only the table named) has `alias` for an account, `account_id` is meant.
//!
//! Formats are told by the ending: `.parquet`, `.csv` (comma, header, UTF-8), `.ndjson` or `.jsonl`. Rows are
//! counted from 1 at the first row of data. Errors list every problem with its place, not only the first.

mod accounts;
mod check;
mod columnar;
mod config;
pub mod contract;
mod convert;
mod detect;
mod error;
mod facts;
mod feature_file;
mod feature_rows;
mod files;
mod findings;
mod folds;
mod inputs;
mod labels;
mod load;
mod mapping;
mod prepared;
mod shared;
mod short_cuts;
mod snapshots;
mod source;
mod spans;
mod table;
#[cfg(test)]
mod tests;
mod whole_file;

pub use config::{DEFAULT_MEMORY, Heard, HistoryConfig, Listener, OnBadRow, PartOf, TableConfig, UsageTable};
pub use error::{LISTED_PROBLEMS, Problem, ReadError, Reason, Reject};

pub use feature_file::feature_file;
pub use feature_rows::FeatureRows;
pub use folds::folds_file;
pub use inputs::{InputFile, input_files};
pub use load::{Inspection, TableReport, history, inspect};
pub use prepared::{Prepared, PreparedColumns, prepared, prepared_features};
pub use snapshots::{SnapshotRequest, snapshots_file};
pub(crate) use spans::{FileSpan, usage_span};
