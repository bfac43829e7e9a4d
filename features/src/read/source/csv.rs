//! CSV: commas, a header, UTF-8.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::StringBuilder;
use csv::{ByteRecord, Reader, ReaderBuilder};

use crate::read::error::{ReadError, Reason};

use super::{BATCH_ROWS, Broken, Cells, RawBatch, Scan, file_name, in_file, open, shown};

struct CsvBatches {
    path: PathBuf,
    reader: Reader<File>,
    n_columns: usize,
    next_row: usize,
}

pub(super) fn scan(path: &Path) -> Result<Scan, ReadError> {
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(open(path)?);
    let file = file_name(path);
    let header = reader.byte_headers().map_err(|error| io_error(path, error))?;
    let columns = header
        .iter()
        .map(|name| String::from_utf8(name.to_vec()).map_err(|_| in_file(&file, Reason::NotUtf8)))
        .collect::<Result<Vec<_>, _>>()?;
    if let [only] = columns.as_slice()
        && let Some(separator) = [';', '\t', '|'].into_iter().find(|&separator| only.contains(separator))
    {
        return Err(in_file(&file, Reason::Separator(separator)));
    }
    let n_columns = columns.len();
    let batches = CsvBatches { path: path.to_owned(), reader, n_columns, next_row: 1 };
    Ok(Scan { file, columns, batches: Box::new(batches) })
}

impl Iterator for CsvBatches {
    type Item = Result<RawBatch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut builders: Vec<StringBuilder> = (0..self.n_columns).map(|_| StringBuilder::new()).collect();
        let mut broken = Vec::new();
        let mut record = ByteRecord::new();
        let start = self.reader.position().byte();
        let mut n_rows = 0;
        while n_rows < BATCH_ROWS {
            match self.reader.read_byte_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Some(Err(io_error(&self.path, error))),
            }
            let found = record.len();
            let is_whole = found == self.n_columns;
            if !is_whole {
                let reason = Reason::Ragged { found, expected: self.n_columns };
                broken.push(Broken { row: n_rows, column: None, value: None, reason });
            }
            for (column, builder) in builders.iter_mut().enumerate() {
                match record.get(column).filter(|cell| is_whole && !cell.is_empty()) {
                    None => builder.append_null(),
                    Some(cell) => match std::str::from_utf8(cell) {
                        Ok(text) => builder.append_value(text),
                        Err(_) => {
                            builder.append_null();
                            let value = Some(shown(&String::from_utf8_lossy(cell)));
                            let (column, reason) = (Some(column), Reason::NotUtf8);
                            broken.push(Broken { row: n_rows, column, value, reason });
                        }
                    },
                }
            }
            n_rows += 1;
        }
        if n_rows == 0 {
            return None;
        }
        let columns = builders.into_iter().map(|mut builder| Cells::Text(builder.finish())).collect();
        let first_row = self.next_row;
        self.next_row += n_rows;
        let n_bytes = self.reader.position().byte() - start;
        Some(Ok(RawBatch { first_row, n_rows, n_bytes, columns, broken }))
    }
}

fn io_error(path: &Path, error: csv::Error) -> ReadError {
    ReadError::Io { path: path.to_owned(), source: error.into() }
}
