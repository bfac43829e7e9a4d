//! Files as batches of plain cells, whatever their format.

mod csv;
mod ndjson;
mod parquet;

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use arrow::array::{Array, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};
use sha2::{Digest, Sha256};

use crate::time::Timestamp;

use super::error::{Problem, ReadError, Reason};

/// Rows of a batch.
const BATCH_ROWS: usize = 8192;

/// Text in a message is cut after this many characters.
const SHOWN_CHARACTERS: usize = 80;

/// A file being read.
pub(super) struct Scan {
    /// Its name without its folder.
    pub(super) file: String,
    /// The names of its columns; one without a name is `unnamed_N`, counted from 1.
    pub(super) columns: Vec<String>,
    /// Its rows.
    pub(super) batches: Box<dyn Iterator<Item = Result<RawBatch, ReadError>>>,
}

/// Some rows of a file.
pub(super) struct RawBatch {
    /// The 1-based number of the first row.
    pub(super) first_row: usize,
    /// The number of rows.
    pub(super) n_rows: usize,
    /// How much of the file they are.
    pub(super) n_bytes: u64,
    /// The columns, in the order of [`Scan::columns`].
    pub(super) columns: Vec<Cells>,
    /// Rows that could not be taken apart, in their order; their cells are missing.
    pub(super) broken: Vec<Broken>,
}

/// A row, or a cell of it, that is no text or has no place.
pub(super) struct Broken {
    /// 0-based row of the batch.
    pub(super) row: usize,
    /// 0-based column.
    pub(super) column: Option<usize>,
    /// What stands there.
    pub(super) value: Option<String>,
    /// What is wrong.
    pub(super) reason: Reason,
}

/// The cells of a column.
pub(super) enum Cells {
    /// Text, not yet trimmed.
    Text(StringArray),
    /// Whole numbers.
    Integer(Int64Array),
    /// Other numbers.
    Number(Float64Array),
    /// Booleans.
    Boolean(BooleanArray),
    /// Microseconds since the epoch, UTC.
    Time(TimestampMicrosecondArray),
    /// Values of this type, which cells cannot hold.
    Nested(String),
}

impl Cells {
    /// The trimmed text of a text column, or `None` where it is missing.
    pub(super) fn str_at(array: &StringArray, row: usize) -> Option<&str> {
        if array.is_null(row) {
            return None;
        }
        clean(array.value(row))
    }

    /// Whether `row` holds nothing.
    pub(super) fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::Text(array) => Self::str_at(array, row).is_none(),
            Self::Integer(array) => array.is_null(row),
            Self::Number(array) => array.is_null(row) || array.value(row).is_nan(),
            Self::Boolean(array) => array.is_null(row),
            Self::Time(array) => array.is_null(row),
            Self::Nested(_) => true,
        }
    }

    /// The cell in `row` as text; whole floating-point numbers without their point. `None` where missing.
    pub(super) fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        let shown = match self {
            Self::Text(array) => return Self::str_at(array, row).map(Cow::Borrowed),
            Self::Integer(array) if array.is_valid(row) => array.value(row).to_string(),
            Self::Number(array) if array.is_valid(row) && !array.value(row).is_nan() => {
                array.value(row).to_string()
            }
            Self::Boolean(array) if array.is_valid(row) => array.value(row).to_string(),
            Self::Time(array) if array.is_valid(row) => Timestamp(array.value(row)).to_string(),
            _ => return None,
        };
        Some(Cow::Owned(shown))
    }
}

/// The trimmed text; `None` for what stands for a missing one.
pub(super) fn clean(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_missing = text.is_empty() || text == "\\N" || text.eq_ignore_ascii_case("null");
    (!is_missing).then_some(text)
}

/// Opens a table file; the format is told by its ending.
pub(super) fn scan(path: &Path) -> Result<Scan, ReadError> {
    let mut scan = match ending(path) {
        Some("parquet") => parquet::scan(path),
        Some("csv") => csv::scan(path),
        Some("ndjson" | "jsonl") => ndjson::scan(path),
        _ => Err(ReadError::Ending(path.to_owned())),
    }?;
    for (index, name) in scan.columns.iter_mut().enumerate() {
        *name = name.trim().to_owned();
        if name.is_empty() {
            *name = format!("unnamed_{}", index + 1);
        }
    }
    for (index, name) in scan.columns.iter().enumerate() {
        if scan.columns[..index].contains(name) {
            return Err(in_file(&scan.file, Reason::ColumnTwice(name.clone())));
        }
    }
    Ok(scan)
}

/// The format's ending, if it is one of a table file.
pub(super) fn ending(path: &Path) -> Option<&str> {
    path.extension()
        .and_then(|ending| ending.to_str())
        .filter(|ending| ["parquet", "csv", "ndjson", "jsonl"].contains(ending))
}

/// The name without its folder.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// SHA-256 of a file, hexadecimal.
pub(super) fn sha256(path: &Path) -> Result<String, ReadError> {
    let mut file = open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hexadecimal(&hasher.finalize())),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => return Err(ReadError::Io { path: path.to_owned(), source }),
        }
    }
}

/// SHA-256 of a text, hexadecimal.
pub(super) fn sha256_of_text(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

/// A text for a message, cut to a readable length.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn open(path: &Path) -> Result<File, ReadError> {
    File::open(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })
}

/// A problem of a file as a whole; the reader of a table puts the table's name in.
fn in_file(file: &str, reason: Reason) -> ReadError {
    ReadError::problem(Problem { file: Some(file.to_owned()), ..Problem::table(file, reason) })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
