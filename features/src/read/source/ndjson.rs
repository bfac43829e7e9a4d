//! NDJSON: an object a line; nested objects become columns named `outer.inner`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use arrow::array::StringBuilder;
use serde_json::{Map, Value};

use crate::read::error::{ReadError, Reason};

use super::{BATCH_ROWS, Broken, Cells, RawBatch, Scan, file_name, open, shown};

struct JsonBatches {
    path: PathBuf,
    lines: Lines,
    /// The position of each column.
    positions: HashMap<String, usize>,
    next_row: usize,
}

/// The lines of a file that hold anything.
struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
    /// Bytes since they were last asked for.
    n_bytes: u64,
}

/// Reads the file once for its columns, in the order in which they first occur; the batches read it again.
pub(super) fn scan(path: &Path) -> Result<Scan, ReadError> {
    let mut lines = Lines::open(path)?;
    let mut columns: Vec<String> = Vec::new();
    let mut positions = HashMap::new();
    while let Some(line) = lines.next(path)? {
        // A line that is no object is reported with its row by the second reading.
        let Ok(object) = parse(line) else { continue };
        flatten("", &object, &mut |name, _| {
            if !positions.contains_key(name) {
                positions.insert(name.to_owned(), columns.len());
                columns.push(name.to_owned());
            }
        });
    }
    let lines = Lines::open(path)?;
    let batches = JsonBatches { path: path.to_owned(), lines, positions, next_row: 1 };
    Ok(Scan { file: file_name(path), columns, batches: Box::new(batches) })
}

impl Iterator for JsonBatches {
    type Item = Result<RawBatch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let n_columns = self.positions.len();
        let mut builders: Vec<StringBuilder> = (0..n_columns).map(|_| StringBuilder::new()).collect();
        let mut row_cells: Vec<Option<String>> = vec![None; n_columns];
        let mut broken = Vec::new();
        let mut n_rows = 0;
        while n_rows < BATCH_ROWS {
            let line = match self.lines.next(&self.path) {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => return Some(Err(error)),
            };
            match parse(line) {
                Ok(object) => flatten("", &object, &mut |name, value| {
                    if let Some(&position) = self.positions.get(name) {
                        row_cells[position] = match value {
                            Value::Null => None,
                            Value::String(text) => Some(text.clone()),
                            other => Some(other.to_string()),
                        };
                    }
                }),
                Err(reason) => {
                    let value = Some(shown(&String::from_utf8_lossy(line)));
                    broken.push(Broken { row: n_rows, column: None, value, reason });
                }
            }
            for (builder, cell) in builders.iter_mut().zip(&mut row_cells) {
                builder.append_option(cell.take());
            }
            n_rows += 1;
        }
        if n_rows == 0 {
            return None;
        }
        let columns = builders.into_iter().map(|mut builder| Cells::Text(builder.finish())).collect();
        let first_row = self.next_row;
        self.next_row += n_rows;
        let n_bytes = std::mem::take(&mut self.lines.n_bytes);
        Some(Ok(RawBatch { first_row, n_rows, n_bytes, columns, broken }))
    }
}

impl Lines {
    fn open(path: &Path) -> Result<Self, ReadError> {
        Ok(Self { reader: BufReader::new(open(path)?), line: Vec::new(), n_bytes: 0 })
    }

    /// The next line that is not blank, without a byte-order mark.
    fn next(&mut self, path: &Path) -> Result<Option<&[u8]>, ReadError> {
        loop {
            self.line.clear();
            let n_bytes = self
                .reader
                .read_until(b'\n', &mut self.line)
                .map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
            if n_bytes == 0 {
                return Ok(None);
            }
            self.n_bytes += n_bytes as u64;
            let start = if self.line.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
            if !self.line[start..].trim_ascii().is_empty() {
                return Ok(Some(self.line[start..].trim_ascii()));
            }
        }
    }
}

fn parse(line: &[u8]) -> Result<Map<String, Value>, Reason> {
    let text = std::str::from_utf8(line).map_err(|_| Reason::NotUtf8)?;
    serde_json::from_str(text).map_err(|error| Reason::NotJson(error.to_string()))
}

fn flatten(prefix: &str, object: &Map<String, Value>, visit: &mut impl FnMut(&str, &Value)) {
    for (name, value) in object {
        let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            // Recursion is bounded: serde_json refuses objects nested deeper than 128.
            Value::Object(inner) => flatten(&name, inner, visit),
            plain => visit(&name, plain),
        }
    }
}
