//! Writing files: whole or not at all.
//!
//! Every file of the product goes through [`atomically`]: a reader, or a crash, sees either the old file or
//! the complete new one.

mod computed;
mod merged;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

pub use computed::{ComputedError, computed_features};
pub use merged::{Changes, Earlier, merged_features};

use crate::history::Text;
use crate::matrix::{Column, FeatureTable, RowKey};
use crate::read::Reject;
use crate::spec::{FeatureSpec, Kind};
use crate::time::Timestamp;

/// The key of a feature file's format version in its metadata.
pub(crate) const FORMAT_KEY: &str = "holdfast.feature_file";
/// The version of feature files that is written and read.
pub(crate) const FORMAT: &str = "1";
/// The key of the feature specs, as JSON, in the metadata.
pub(crate) const SPECS_KEY: &str = "holdfast.feature_specs";

/// Why a file was not written. The file that was there before, if any, is as it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The system refuses.
    #[error("{path}: cannot {action}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// The ending tells no format.
    #[error("{}: the ending tells no format: write to a .parquet, .csv or .ndjson file", .0.display())]
    Ending(PathBuf),
    /// Columns of different lengths.
    #[error("column `{name}` has {found} rows, the table {expected}")]
    Length {
        /// The column.
        name: String,
        /// Its length.
        found: usize,
        /// The table's length.
        expected: usize,
    },
    /// Two columns of one name.
    #[error("column `{0}` occurs twice")]
    ColumnTwice(String),
    /// A boolean feature that is neither 0, 1 nor missing.
    #[error("boolean feature `{name}`, row {row}: {value} is neither 0, 1 nor missing")]
    NotABoolean {
        /// The feature.
        name: String,
        /// 0-based row.
        row: usize,
        /// The value.
        value: f64,
    },
}

/// A column of a file to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputColumn {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Values,
}

/// The values of an [`OutputColumn`]. In CSV a missing value is an empty cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Text.
    Text(Vec<Option<Text>>),
    /// Numbers; NaN is missing.
    Number(Vec<f64>),
    /// Whole numbers.
    Integer(Vec<i64>),
    /// Booleans.
    Boolean(Vec<Option<bool>>),
    /// Times, in UTC.
    Time(Vec<Option<Timestamp>>),
}

impl OutputColumn {
    /// A column called `name`.
    #[must_use]
    pub fn new(name: impl Into<String>, values: Values) -> Self {
        Self { name: name.into(), values }
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Number(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Time(values) => values.len(),
        }
    }
}

/// Writes a file by `fill`, which sees a temporary file in the same folder; it takes the place of `path` in one
/// step once its bytes are on the disk.
///
/// # Errors
/// What `fill` or the system returns; the temporary file is gone then and `path` untouched.
pub fn atomically<T>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>,
) -> Result<T, WriteError> {
    let failed = |action| move |source| WriteError::Io { path: path.to_owned(), action, source };
    let (temporary, file) = create_beside(path).map_err(failed("create a file in this folder"))?;
    let filled = fill_and_sync(file, fill).map_err(failed("write")).and_then(|value| {
        fs::rename(&temporary, path).map_err(failed("put the new file in place"))?;
        Ok(value)
    });
    match filled {
        Ok(value) => {
            sync_folder(folder_of(path)).map_err(failed("sync the folder"))?;
            Ok(value)
        }
        Err(error) => {
            // The first error is the one to tell; the temporary file is hidden and harmless.
            let _ = fs::remove_file(&temporary);
            Err(error)
        }
    }
}

/// Writes `columns` as Parquet, CSV or NDJSON, by the ending of `path`.
///
/// # Errors
/// [`WriteError`]: unequal lengths, duplicate names, an unknown ending, or the system's refusal.
pub fn table(path: &Path, columns: &[OutputColumn]) -> Result<(), WriteError> {
    write_columns(path, columns, Vec::new())
}

/// Writes features, a row a key: Parquet with the specs in its metadata, to be read back bit for bit by
/// [`crate::read::feature_file`]; or CSV or NDJSON, for people, by the ending of `path`.
///
/// # Errors
/// As [`table`]; further a boolean feature that is no boolean.
pub fn feature_file(path: &Path, keys: &[RowKey], table: &FeatureTable) -> Result<(), WriteError> {
    let accounts = keys.iter().map(|key| Some(key.account_id.clone())).collect();
    let times = keys.iter().map(|key| Some(key.as_of)).collect();
    let mut columns = vec![
        OutputColumn::new("account_id", Values::Text(accounts)),
        OutputColumn::new("as_of", Values::Time(times)),
    ];
    for (spec, column) in table.specs().iter().zip(table.columns()) {
        let values = match (spec.kind, column) {
            (Kind::Boolean, Column::Number(values)) => booleans(&spec.name, values)?,
            (_, Column::Number(values)) => Values::Number(values.clone()),
            (_, Column::Text(values)) => Values::Text(values.clone()),
        };
        columns.push(OutputColumn::new(spec.name.clone(), values));
    }
    let metadata = feature_metadata(table.specs()).map_err(|source| WriteError::Io {
        path: path.to_owned(),
        action: "encode the feature specs",
        source,
    })?;
    write_columns(path, &columns, metadata)
}

/// What makes a Parquet file a feature file.
fn feature_metadata(specs: &[FeatureSpec]) -> io::Result<Vec<KeyValue>> {
    let specs = serde_json::to_string(specs)?;
    Ok(vec![
        KeyValue::new(FORMAT_KEY.to_owned(), FORMAT.to_owned()),
        KeyValue::new(SPECS_KEY.to_owned(), specs),
    ])
}

/// A file's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Parquet,
    Csv,
    Ndjson,
}

impl Format {
    /// By the ending of `path`.
    fn of(path: &Path) -> Result<Self, WriteError> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("parquet") => Ok(Self::Parquet),
            Some("csv") => Ok(Self::Csv),
            Some("ndjson" | "jsonl") => Ok(Self::Ndjson),
            _ => Err(WriteError::Ending(path.to_owned())),
        }
    }
}

fn booleans(name: &str, values: &[f64]) -> Result<Values, WriteError> {
    let converted = values.iter().enumerate().map(|(row, &value)| {
        if value.is_nan() {
            Ok(None)
        } else if value.to_bits() == 0 || value.to_bits() == 1.0_f64.to_bits() {
            Ok(Some(value > 0.5))
        } else {
            Err(WriteError::NotABoolean { name: name.to_owned(), row, value })
        }
    });
    Ok(Values::Boolean(converted.collect::<Result<_, _>>()?))
}

fn write_columns(path: &Path, columns: &[OutputColumn], metadata: Vec<KeyValue>) -> Result<(), WriteError> {
    let n_rows = columns.first().map_or(0, |column| column.values.len());
    for (index, column) in columns.iter().enumerate() {
        if column.values.len() != n_rows {
            let (name, found) = (column.name.clone(), column.values.len());
            return Err(WriteError::Length { name, found, expected: n_rows });
        }
        if columns[..index].iter().any(|earlier| earlier.name == column.name) {
            return Err(WriteError::ColumnTwice(column.name.clone()));
        }
    }
    match Format::of(path)? {
        Format::Parquet => atomically(path, |file| write_parquet(file, columns, metadata)),
        Format::Csv => atomically(path, |file| {
            file.write_all(&csv_header(columns.iter().map(|column| column.name.as_str()))?)?;
            file.write_all(&csv_rows(columns)?)
        }),
        Format::Ndjson => atomically(path, |file| file.write_all(&ndjson_rows(columns)?)),
    }
}

fn parquet_properties(metadata: Vec<KeyValue>) -> io::Result<WriterProperties> {
    Ok(WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("holdfast ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(metadata))
        .build())
}

fn write_parquet(
    file: &mut BufWriter<File>,
    columns: &[OutputColumn],
    metadata: Vec<KeyValue>,
) -> io::Result<()> {
    let arrays =
        columns.iter().map(|column| (column.name.as_str(), arrow_array(column.values.clone()), true));
    let batch = RecordBatch::try_from_iter_with_nullable(arrays).map_err(io::Error::other)?;
    let properties = parquet_properties(metadata)?;
    let mut writer =
        ArrowWriter::try_new(file, batch.schema(), Some(properties)).map_err(io::Error::other)?;
    writer.write(&batch).map_err(io::Error::other)?;
    writer.close().map_err(io::Error::other)?;
    Ok(())
}

fn arrow_array(values: Values) -> ArrayRef {
    match values {
        Values::Text(values) => Arc::new(values.iter().map(Option::as_deref).collect::<StringArray>()),
        Values::Number(values) => {
            let is_given = BooleanBuffer::collect_bool(values.len(), |row| !values[row].is_nan());
            let missing = Some(NullBuffer::new(is_given)).filter(|nulls| nulls.null_count() > 0);
            Arc::new(Float64Array::new(values.into(), missing))
        }
        Values::Integer(values) => Arc::new(Int64Array::from(values)),
        Values::Boolean(values) => Arc::new(BooleanArray::from(values)),
        Values::Time(values) => Arc::new(
            values
                .iter()
                .map(|time| time.map(|time| time.0))
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("UTC"),
        ),
    }
}

/// The names of columns as the first line of a CSV file.
fn csv_header<'a>(names: impl Iterator<Item = &'a str>) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(names)?;
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

/// The rows as lines of CSV.
fn csv_rows(columns: &[OutputColumn]) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in 0..columns.first().map_or(0, |column| column.values.len()) {
        writer.write_record(columns.iter().map(|column| csv_cell(&column.values, row)))?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

fn csv_cell(values: &Values, row: usize) -> String {
    match values {
        Values::Text(values) => values[row].as_deref().unwrap_or_default().to_owned(),
        Values::Number(values) if values[row].is_nan() => String::new(),
        Values::Number(values) => shortest(values[row]),
        Values::Integer(values) => values[row].to_string(),
        Values::Boolean(values) => values[row].map(|value| value.to_string()).unwrap_or_default(),
        Values::Time(values) => values[row].map(|value| value.to_string()).unwrap_or_default(),
    }
}

/// The rows as lines of NDJSON.
fn ndjson_rows(columns: &[OutputColumn]) -> io::Result<Vec<u8>> {
    let mut file = Vec::new();
    for row in 0..columns.first().map_or(0, |column| column.values.len()) {
        for (index, column) in columns.iter().enumerate() {
            file.push(if index == 0 { b'{' } else { b',' });
            serde_json::to_writer(&mut file, &column.name)?;
            file.push(b':');
            match &column.values {
                Values::Text(values) => serde_json::to_writer(&mut file, &values[row])?,
                // JSON has no NaN: serde_json writes it as null.
                Values::Number(values) => serde_json::to_writer(&mut file, &values[row])?,
                Values::Integer(values) => serde_json::to_writer(&mut file, &values[row])?,
                Values::Boolean(values) => serde_json::to_writer(&mut file, &values[row])?,
                Values::Time(values) => serde_json::to_writer(&mut file, &values[row])?,
            }
        }
        file.extend_from_slice(b"}\n");
    }
    Ok(file)
}

/// The shortest decimal that reads back as the same bits.
fn shortest(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-5..1e16).contains(&size) { value.to_string() } else { format!("{value:e}") }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes rows that were set aside by `on_bad_row = "reject"`: table, file, row, column, value and reason.
///
/// # Errors
/// As [`table`].
pub fn rejects(path: &Path, rejects: &[Reject]) -> Result<(), WriteError> {
    let text = |of: &dyn Fn(&Reject) -> Option<String>| {
        Values::Text(rejects.iter().map(|reject| of(reject).map(Text::from)).collect())
    };
    let columns = [
        OutputColumn::new("table", text(&|reject| Some(reject.table.clone()))),
        OutputColumn::new("file", text(&|reject| reject.file.clone())),
        OutputColumn::new("row", text(&|reject| reject.row.map(|row| row.to_string()))),
        OutputColumn::new("column", text(&|reject| reject.column.clone())),
        OutputColumn::new("value", text(&|reject| reject.value.clone())),
        OutputColumn::new("reason", text(&|reject| Some(reject.reason.to_string()))),
    ];
    table(path, &columns)
}

/// A new hidden file in the folder of `path`; its name is unique among the writers of this machine.
#[expect(clippy::disallowed_methods, reason = "the temporary file behind every atomic write")]
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no file name"))?;
    let process = std::process::id();
    loop {
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary =
            folder_of(path).join(format!(".{}.{process}-{count}.partial", name.to_string_lossy()));
        // A killed process of the same id may have left a file behind: take the next name.
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (temporary, file)),
        }
    }
}

fn fill_and_sync<T>(file: File, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>) -> io::Result<T> {
    let mut writer = BufWriter::new(file);
    let value = fill(&mut writer)?;
    let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(value)
}

/// Makes a rename within `folder`, or a new entry of it, survive a loss of power.
///
/// # Errors
/// What the system returns.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::FeatureSpec;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn columns() -> Vec<OutputColumn> {
        vec![
            OutputColumn::new("id", Values::Text(vec![Some("a, b".into()), None])),
            OutputColumn::new("p", Values::Number(vec![0.1 + 0.2, f64::NAN])),
            OutputColumn::new("tiny", Values::Number(vec![1e-300, -2.5e20])),
            OutputColumn::new("n", Values::Integer(vec![1, -2])),
            OutputColumn::new("flag", Values::Boolean(vec![Some(true), None])),
            OutputColumn::new("at", Values::Time(vec![Some(Timestamp(0)), None])),
        ]
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.txt");
        atomically(&path, |file| file.write_all(b"old")).unwrap();
        let failed: Result<(), _> = atomically(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("full"))
        });
        let message = failed.unwrap_err().to_string();
        assert!(message.ends_with("out.txt: cannot write: full"), "{message}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["out.txt"]);
        let nowhere = atomically(&dir.path().join("absent/out.txt"), |_| Ok(()));
        assert!(matches!(nowhere, Err(WriteError::Io { .. })));
        assert_eq!(names(dir.path()), ["out.txt"]);
    }

    #[test]
    fn text_formats_keep_every_digit() {
        let dir = tempfile::tempdir().unwrap();
        let text = |name: &str| {
            let path = dir.path().join(name);
            table(&path, &columns()).unwrap();
            fs::read_to_string(path).unwrap()
        };
        assert_eq!(
            text("t.csv"),
            "id,p,tiny,n,flag,at\n\"a, b\",0.30000000000000004,1e-300,1,true,1970-01-01\n,,-2.5e20,-2,,\n"
        );
        assert_eq!(
            text("t.ndjson"),
            "{\"id\":\"a, b\",\"p\":0.30000000000000004,\"tiny\":1e-300,\"n\":1,\"flag\":true,\
             \"at\":\"1970-01-01\"}\n\
             {\"id\":null,\"p\":null,\"tiny\":-2.5e+20,\"n\":-2,\"flag\":null,\"at\":null}\n"
        );
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        assert!(matches!(table(&path("t.xlsx"), &columns()), Err(WriteError::Ending(_))));
        let mut uneven = columns();
        uneven.push(OutputColumn::new("x", Values::Integer(vec![1])));
        assert!(matches!(
            table(&path("t.csv"), &uneven),
            Err(WriteError::Length { found: 1, expected: 2, .. })
        ));
        let mut twice = columns();
        twice.push(OutputColumn::new("n", Values::Integer(vec![1, 2])));
        assert!(matches!(table(&path("t.parquet"), &twice), Err(WriteError::ColumnTwice(_))));
        let specs = vec![FeatureSpec::prepared("flag", Kind::Boolean)];
        let features = FeatureTable::new(specs, vec![Column::Number(vec![0.5])], 1).unwrap();
        let key = RowKey { account_id: "a".into(), as_of: Timestamp(0) };
        let refused = feature_file(&path("f.parquet"), &[key], &features);
        assert!(matches!(refused, Err(WriteError::NotABoolean { row: 0, .. })));
        assert!(names(dir.path()).is_empty());
    }
}
