//! Reading `truth.parquet` back, for whoever judges a model by it.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use holdfast_features::Timestamp;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

/// What is true of an account at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// The account.
    pub account_id: String,
    /// When.
    pub as_of: Timestamp,
    /// Days from `as_of` to the end of what is asked.
    pub horizon_days: u32,
    /// The end of the term whose renewal is asked about; `None` for contracts that roll.
    pub term_end: Option<Timestamp>,
    /// The probability that the account churns within the horizon, given all that is true at `as_of`; 0
    /// where no contract ends within it.
    pub churn_probability: f64,
    /// Whether it did; `None` where the history ends before.
    pub churned: Option<bool>,
}

/// Why the truth cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TruthError {
    /// The folder holds no readable `truth.parquet`.
    #[error("{}: {source}; name a folder that `holdfast-train simulate` wrote", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ParquetError,
    },
    /// The file is not the truth of a simulation.
    #[error("{}: column `{column}` is missing or of another type; name a folder that `holdfast-train simulate` wrote", .path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
    },
}

/// The truth that a simulation wrote into `dir`, in the order of the file.
///
/// # Errors
/// [`TruthError`] where `dir` holds no `truth.parquet` of a simulation.
pub fn read_truth(dir: &Path) -> Result<Vec<Truth>, TruthError> {
    let path = dir.join("truth.parquet");
    let unreadable = |source| TruthError::Unreadable { path: path.clone(), source };
    let file = File::open(&path).map_err(|error| unreadable(ParquetError::External(Box::new(error))))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(unreadable)?;
    let mut truths = Vec::new();
    for batch in builder.build().map_err(unreadable)? {
        let batch = batch.map_err(|error| unreadable(error.into()))?;
        let rows = rows(&batch).map_err(|column| TruthError::Column { path: path.clone(), column })?;
        truths.extend(rows);
    }
    Ok(truths)
}

/// The rows of a batch, or the name of the column that does not fit.
fn rows(batch: &RecordBatch) -> Result<Vec<Truth>, &'static str> {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let column = |name: &'static str, wanted: &DataType| {
        batch.column_by_name(name).filter(|array| array.data_type() == wanted).ok_or(name)
    };
    let account_id = column("account_id", &DataType::Utf8)?.as_string::<i32>();
    let as_of = column("as_of", &time)?.as_primitive::<TimestampMicrosecondType>();
    let horizon_days = column("horizon_days", &DataType::Int64)?.as_primitive::<Int64Type>();
    let term_end = column("term_end", &time)?.as_primitive::<TimestampMicrosecondType>();
    let churn_probability = column("churn_probability", &DataType::Float64)?.as_primitive::<Float64Type>();
    let churned = column("churned", &DataType::Boolean)?.as_boolean();
    let row = |row: usize| {
        Ok(Truth {
            account_id: account_id.value(row).to_owned(),
            as_of: Timestamp(as_of.value(row)),
            horizon_days: u32::try_from(horizon_days.value(row)).map_err(|_| "horizon_days")?,
            term_end: term_end.is_valid(row).then(|| Timestamp(term_end.value(row))),
            churn_probability: churn_probability.value(row),
            churned: churned.is_valid(row).then(|| churned.value(row)),
        })
    };
    (0..batch.num_rows()).map(row).collect()
}
