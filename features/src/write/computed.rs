//! Features computed and written at once: a row group at a time, computed and encoded on the threads, so that
//! a file may be larger than memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::file::writer::SerializedFileWriter;

use super::{
    Format, OutputColumn, Values, WriteError, arrow_array, atomically, booleans, csv_header, csv_rows,
    feature_metadata, ndjson_rows, parquet_properties,
};
use crate::compute::{self, ComputeError, Computed, GROUP_ROWS, Key};
use crate::history::{History, Text};
use crate::matrix::Column;
use crate::read::ReadError;
use crate::spec::{FeatureSpec, Kind};

use super::merged::Merge;

/// Why computed features were not written. The file that was there before, if any, is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ComputedError {
    /// They could not be computed.
    #[error(transparent)]
    Compute(#[from] ComputeError),
    /// They could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The rows of an earlier file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A failure on the way, told apart once it is out of the writer.
pub(super) enum Failure {
    Compute(ComputeError),
    Write(WriteError),
    Read(ReadError),
    Io(io::Error),
}

impl From<ComputeError> for Failure {
    fn from(error: ComputeError) -> Self {
        Self::Compute(error)
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Computes the features of `specs` for `keys` and writes them as [`super::feature_file`] does, a row a key in the
/// order of the keys; `on_rows` hears of rows that are done. Memory holds a few groups of rows: keys that are
/// not in the order of account and time pass through a temporary file.
///
/// # Errors
/// [`ComputedError`]: features that the history cannot give, or a file that cannot be written.
pub fn computed_features(
    path: &Path,
    history: &History,
    keys: &[Key],
    specs: &[FeatureSpec],
    on_rows: impl Fn(usize) + Sync,
) -> Result<(), ComputedError> {
    write_output(path, &Output { history, keys, specs, on_rows: &on_rows, merge: None })
}

pub(super) fn write_output<F: Fn(usize) + Sync>(
    path: &Path,
    output: &Output<'_, F>,
) -> Result<(), ComputedError> {
    let format = Format::of(path)?;
    let mut failure = None;
    let written = atomically(path, |file| {
        output.write(file, format).map_err(|failed| {
            let (error, kept) = match failed {
                Failure::Io(error) => (error, None),
                other => (io::Error::other("not computed"), Some(other)),
            };
            failure = kept;
            error
        })
    });
    match (written, failure) {
        (Err(_), Some(Failure::Compute(error))) => Err(error.into()),
        (Err(_), Some(Failure::Write(error))) => Err(error.into()),
        (Err(_), Some(Failure::Read(error))) => Err(error.into()),
        (written, _) => Ok(written?),
    }
}

/// What is to be written.
pub(super) struct Output<'a, F> {
    pub(super) history: &'a History,
    pub(super) keys: &'a [Key],
    pub(super) specs: &'a [FeatureSpec],
    pub(super) on_rows: &'a F,
    /// Rows that are taken over from an earlier file.
    pub(super) merge: Option<&'a Merge<'a>>,
}

impl<F: Fn(usize) + Sync> Output<'_, F> {
    fn write(&self, file: &mut BufWriter<File>, format: Format) -> Result<(), Failure> {
        match format {
            Format::Parquet => {
                let mut parquet = ParquetRows::new(file, self.specs)?;
                let factory = parquet.factory.clone();
                let encode = |columns| Ok(Encoded::Chunks(encode(&factory, columns)?));
                self.rows(encode, Encoded::Copied, |encoded| match encoded {
                    Encoded::Chunks(chunks) => Ok(parquet.append(chunks)?),
                    Encoded::Copied(group) => Ok(parquet.copy(group, self.merge)?),
                })?;
                Ok(parquet.close()?)
            }
            Format::Csv => {
                let features = self.specs.iter().map(|spec| spec.name.as_str());
                file.write_all(&csv_header(["account_id", "as_of"].into_iter().chain(features))?)?;
                let copied = |_| Vec::new();
                let rows = |columns: Vec<OutputColumn>| Ok(csv_rows(&columns)?);
                self.rows(rows, copied, |text| Ok(file.write_all(&text)?))
            }
            Format::Ndjson => {
                let copied = |_| Vec::new();
                let rows = |columns: Vec<OutputColumn>| Ok(ndjson_rows(&columns)?);
                self.rows(rows, copied, |text| Ok(file.write_all(&text)?))
            }
        }
    }

    /// Hands out all rows in the order of the keys: groups of columns go through `encode` and then `commit`; of a group
    /// that stands in an earlier Parquet file as it is, `copied` gets the position there instead.
    fn rows<T: Send>(
        &self,
        encode: impl Fn(Vec<OutputColumn>) -> Result<T, Failure> + Sync,
        copied: impl Fn(usize) -> T + Sync,
        commit: impl FnMut(T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if let Some(merge) = self.merge {
            return merge.rows(self, encode, copied, commit);
        }
        let is_sorted = self.is_sorted();
        let counted = |computed: Computed| {
            let n_rows = computed.rows.len();
            let columns = self.columns(computed)?;
            (self.on_rows)(n_rows);
            encode(columns)
        };
        if is_sorted {
            return compute::sweep(self.history, self.keys, self.specs, counted, commit);
        }
        let row_file = RowFile::new(self.specs)?;
        let keep = |computed: Computed| {
            (self.on_rows)(computed.rows.len());
            row_file.write(&computed).map_err(Failure::Io)
        };
        compute::sweep(self.history, self.keys, self.specs, keep, |()| Ok(()))?;
        let n_groups = self.keys.len().div_ceil(GROUP_ROWS);
        compute::in_order(
            n_groups,
            |group| {
                let rows = group * GROUP_ROWS..((group + 1) * GROUP_ROWS).min(self.keys.len());
                let columns = row_file.read(rows.start, rows.len())?;
                encode(self.columns(Computed { rows: rows.collect(), columns })?)
            },
            commit,
        )
    }

    /// Whether the keys are in the order of account and time.
    pub(super) fn is_sorted(&self) -> bool {
        let pairs = self.keys.windows(2);
        let is_in_order =
            |pair: &[Key]| (&pair[0].account_id, pair[0].as_of) <= (&pair[1].account_id, pair[1].as_of);
        pairs.into_iter().all(is_in_order)
    }

    /// The columns of a file: account and time of the rows, then the features.
    pub(super) fn columns(&self, computed: Computed) -> Result<Vec<OutputColumn>, Failure> {
        let Computed { rows, columns } = computed;
        let accounts = rows.iter().map(|&row| Some(self.keys[row].account_id.clone())).collect();
        let times = rows.iter().map(|&row| Some(self.keys[row].as_of)).collect();
        let mut output = vec![
            OutputColumn::new("account_id", Values::Text(accounts)),
            OutputColumn::new("as_of", Values::Time(times)),
        ];
        for (spec, column) in self.specs.iter().zip(columns) {
            let values = match (spec.kind, column) {
                (Kind::Boolean, Column::Number(values)) => booleans(&spec.name, &values)?,
                (_, Column::Number(values)) => Values::Number(values),
                (_, Column::Text(values)) => Values::Text(values),
            };
            output.push(OutputColumn::new(spec.name.clone(), values));
        }
        Ok(output)
    }
}

/// A row group on its way into a Parquet file.
enum Encoded {
    Chunks(Vec<ArrowColumnChunk>),
    /// That of the earlier file at this position, as it is.
    Copied(usize),
}

/// A Parquet file that row groups are appended to.
struct ParquetRows<'a> {
    writer: SerializedFileWriter<&'a mut BufWriter<File>>,
    factory: Arc<(ArrowRowGroupWriterFactory, SchemaRef)>,
}

impl<'a> ParquetRows<'a> {
    fn new(file: &'a mut BufWriter<File>, specs: &[FeatureSpec]) -> io::Result<Self> {
        let schema = schema(specs);
        let properties = parquet_properties(feature_metadata(specs)?)?;
        let writer =
            ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(io::Error::other)?;
        let (writer, factory) = writer.into_serialized_writer().map_err(io::Error::other)?;
        Ok(Self { writer, factory: Arc::new((factory, schema)) })
    }

    fn append(&mut self, chunks: Vec<ArrowColumnChunk>) -> io::Result<()> {
        let mut group = self.writer.next_row_group().map_err(io::Error::other)?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group).map_err(io::Error::other)?;
        }
        group.close().map_err(io::Error::other)?;
        Ok(())
    }

    /// Appends a row group of the earlier file.
    fn copy(&mut self, group: usize, merge: Option<&Merge<'_>>) -> io::Result<()> {
        let Some(merge) = merge else { return Ok(()) };
        let mut to = self.writer.next_row_group().map_err(io::Error::other)?;
        merge.earlier.rows.copy_group(group, &mut to).map_err(io::Error::other)?;
        to.close().map_err(io::Error::other)?;
        Ok(())
    }

    fn close(self) -> io::Result<()> {
        self.writer.close().map(|_| ()).map_err(io::Error::other)
    }
}

fn schema(specs: &[FeatureSpec]) -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let keys = [Field::new("account_id", DataType::Utf8, true), Field::new("as_of", time, true)];
    let features = specs.iter().map(|spec| {
        let kind = match spec.kind {
            Kind::Number => DataType::Float64,
            Kind::Boolean => DataType::Boolean,
            Kind::Category => DataType::Utf8,
        };
        Field::new(&spec.name, kind, true)
    });
    Arc::new(Schema::new(keys.into_iter().chain(features).collect::<Vec<_>>()))
}

/// A row group, encoded column by column: each is let go of as soon as it is.
fn encode(
    factory: &(ArrowRowGroupWriterFactory, SchemaRef),
    columns: Vec<OutputColumn>,
) -> Result<Vec<ArrowColumnChunk>, Failure> {
    let (factory, schema) = factory;
    // Nothing in a column depends on the position of its row group.
    let writers = factory.create_column_writers(0).map_err(io::Error::other)?;
    let mut chunks = Vec::with_capacity(writers.len());
    for ((mut writer, column), field) in writers.into_iter().zip(columns).zip(schema.fields()) {
        let array = arrow_array(column.values);
        for leaf in compute_leaves(field, &array).map_err(io::Error::other)? {
            writer.write(&leaf).map_err(io::Error::other)?;
        }
        chunks.push(writer.close().map_err(io::Error::other)?);
    }
    Ok(chunks)
}

/// Rows of fixed length in a temporary file, written in any order and read in theirs.
pub(super) struct RowFile<'a> {
    specs: &'a [FeatureSpec],
    file: Mutex<File>,
    texts: Mutex<Texts>,
}

/// Texts by number, 0 for none.
#[derive(Default)]
struct Texts {
    numbers: HashMap<Text, u64>,
    texts: Vec<Text>,
}

const NUMBER_BYTES: usize = 8;

impl<'a> RowFile<'a> {
    pub(super) fn new(specs: &'a [FeatureSpec]) -> io::Result<Self> {
        Ok(Self { specs, file: Mutex::new(tempfile::tempfile()?), texts: Mutex::default() })
    }

    pub(super) fn write(&self, computed: &Computed) -> io::Result<()> {
        let width = self.specs.len() * NUMBER_BYTES;
        let mut bytes = vec![0; computed.rows.len() * width];
        for (at, column) in computed.columns.iter().enumerate() {
            let cells =
                bytes.chunks_exact_mut(width).map(|row| &mut row[at * NUMBER_BYTES..][..NUMBER_BYTES]);
            match column {
                Column::Number(values) => {
                    cells.zip(values).for_each(|(cell, value)| cell.copy_from_slice(&value.to_le_bytes()));
                }
                Column::Text(values) => {
                    let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
                    cells.zip(values).for_each(|(cell, value)| {
                        cell.copy_from_slice(&texts.number(value.as_ref()).to_le_bytes());
                    });
                }
            }
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        for (row, bytes) in computed.rows.iter().zip(bytes.chunks_exact(width)) {
            file.seek(SeekFrom::Start(*row as u64 * width as u64))?;
            file.write_all(bytes)?;
        }
        Ok(())
    }

    pub(super) fn read(&self, first: usize, n_rows: usize) -> io::Result<Vec<Column>> {
        let width = self.specs.len() * NUMBER_BYTES;
        let mut bytes = vec![0; n_rows * width];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(first as u64 * width as u64))?;
            file.read_exact(&mut bytes)?;
        }
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let columns = self.specs.iter().enumerate().map(|(at, spec)| {
            let cells = bytes.chunks_exact(width).map(|row| {
                let mut cell = [0; NUMBER_BYTES];
                cell.copy_from_slice(&row[at * NUMBER_BYTES..][..NUMBER_BYTES]);
                cell
            });
            match spec.kind {
                Kind::Category => {
                    Column::Text(cells.map(|cell| texts.text(u64::from_le_bytes(cell))).collect())
                }
                Kind::Number | Kind::Boolean => Column::Number(cells.map(f64::from_le_bytes).collect()),
            }
        });
        Ok(columns.collect())
    }
}

impl Texts {
    fn number(&mut self, text: Option<&Text>) -> u64 {
        let Some(text) = text else { return 0 };
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        self.texts.push(text.clone());
        let number = self.texts.len() as u64;
        self.numbers.insert(text.clone(), number);
        number
    }

    fn text(&self, number: u64) -> Option<Text> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.texts.get(index).cloned()
    }
}
