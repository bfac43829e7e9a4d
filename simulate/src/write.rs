//! A simulated history on disk: one Parquet file a table, usage on request one a month, the folder complete or
//! absent.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::reader::{FileReader, SerializedFileReader};
use rayon::prelude::*;

use crate::Simulation;
use crate::draw::whole;
use crate::facts::{Facts, TABLES, TABLES_BEFORE_USAGE, USAGE_EVENTS};
use crate::usage_files::UsageTable;

/// The key in the Parquet metadata of each file by which a simulated history is known.
pub const MARK: &str = "holdfast.simulation";

/// Accounts that are drawn, and then written, at one time, where their usage is not scaled up.
const CHUNK: f64 = 256.0;
/// Rows of a row group.
pub(crate) const ROW_GROUP: usize = 131_072;

/// Why a simulated history could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The folder holds something else, which is left as it is.
    #[error(
        "{} is not empty and not a simulated history (it holds `{found}`): name an empty or new folder",
        .dir.display()
    )]
    Occupied {
        /// The folder.
        dir: PathBuf,
        /// Something in it that no simulation wrote.
        found: String,
    },
    /// The path exists and is no folder.
    #[error("{} is not a folder: name an empty or new folder", .0.display())]
    NotAFolder(PathBuf),
    /// The path names no folder, or one without a parent, such as `/`.
    #[error("{} names no folder that could be written: name a new folder", .0.display())]
    NoName(PathBuf),
    /// The operating system refused.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A table could not be put together.
    #[error("table {table}: {source}")]
    Arrow {
        /// The table.
        table: &'static str,
        /// What went wrong.
        source: ArrowError,
    },
    /// A table could not be written as Parquet.
    #[error("{}: {source}", .path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: ParquetError,
    },
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Each file's table and rows, in the order of the contract, `truth` last.
    pub tables: Vec<(&'static str, usize)>,
}

impl Written {
    /// The rows of `table`; 0 for a name that is no table.
    #[must_use]
    pub fn n_rows(&self, table: &str) -> usize {
        self.tables.iter().find(|(name, _)| *name == table).map_or(0, |&(_, n_rows)| n_rows)
    }
}

struct TableFile {
    table: &'static str,
    path: PathBuf,
    writer: ArrowWriter<File>,
    n_rows: usize,
}

/// Writes all tables into a new folder beside `dir`, then moves it to `dir`; an older simulated history there
/// is replaced.
pub(crate) fn write(
    simulation: &Simulation,
    dir: &Path,
    mut on_progress: impl FnMut(u32) + Send,
) -> Result<Written, SimulateError> {
    let is_replaced = check_target(dir)?;
    let parent = match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(SimulateError::NoName(dir.to_owned())),
    };
    if dir.file_name().is_none() {
        return Err(SimulateError::NoName(dir.to_owned()));
    }
    fs::create_dir_all(parent).map_err(|source| io_error(parent, source))?;
    let scratch = tempfile::Builder::new()
        .prefix(".simulated-")
        .tempdir_in(parent)
        .map_err(|source| io_error(parent, source))?;
    let history = scratch.path().join("history");
    fs::create_dir(&history).map_err(|source| io_error(&history, source))?;
    let written = write_tables(simulation, &history, &mut on_progress)?;
    sync(&history)?;
    if is_replaced {
        // The folder was found to hold nothing but an older simulated history.
        fs::rename(dir, scratch.path().join("replaced")).map_err(|source| io_error(dir, source))?;
    }
    fs::rename(&history, dir).map_err(|source| io_error(dir, source))?;
    sync(parent)?;
    Ok(written)
}

fn write_tables(
    simulation: &Simulation,
    dir: &Path,
    on_progress: &mut (impl FnMut(u32) + Send),
) -> Result<Written, SimulateError> {
    let params = simulation.business.params();
    let mark = format!("{params:?}");
    let mut usage = UsageTable::create(simulation.usage_files, dir, &mark, params.start)?;
    let mut chunk = draw(simulation, 0)?;
    let mut files = match chunk.accounts.first() {
        Some(first) => create(dir, &mark, &first.tables)?,
        None => Vec::new(),
    };
    loop {
        let last = chunk.last;
        let is_last = last == params.n_accounts;
        // The next accounts are drawn while these are written.
        let (written, next) = rayon::join(
            || {
                append(&mut files, &mut usage, chunk)?;
                on_progress(last);
                Ok::<(), SimulateError>(())
            },
            || draw(simulation, last),
        );
        written?;
        chunk = next?;
        if is_last {
            break;
        }
    }
    let mut tables = files.into_par_iter().map(TableFile::close).collect::<Result<Vec<_>, _>>()?;
    tables.insert(TABLES_BEFORE_USAGE, (USAGE_EVENTS, usage.close()?));
    Ok(Written { tables })
}

/// Some accounts in a row.
struct Chunk {
    accounts: Vec<Facts>,
    /// The number of accounts up to the end of these.
    last: u32,
}

/// The accounts from `first` on: the more usage each has, the fewer, so that memory is bounded.
fn draw(simulation: &Simulation, first: u32) -> Result<Chunk, SimulateError> {
    let params = simulation.business.params();
    let n_accounts = whole(CHUNK / params.usage_scale.max(1.0)).max(2);
    let last = first.saturating_add(n_accounts).min(params.n_accounts);
    let accounts = (first..last)
        .into_par_iter()
        .map(|index| simulation.account(index))
        .collect::<Result<_, _>>()
        .map_err(|source| SimulateError::Arrow { table: "of one account", source })?;
    Ok(Chunk { accounts, last })
}

fn append(files: &mut [TableFile], usage: &mut UsageTable, chunk: Chunk) -> Result<(), SimulateError> {
    let (tables, rows): (Vec<_>, Vec<_>) =
        chunk.accounts.into_iter().map(|facts| (facts.tables, facts.usage)).unzip();
    let (one, other) = rayon::join(
        || usage.append(rows),
        || {
            files
                .par_iter_mut()
                .enumerate()
                .try_for_each(|(position, file)| file.append(tables.iter().map(|batches| &batches[position])))
        },
    );
    one.and(other)
}

/// What all files have in common.
pub(crate) fn properties(mark: &str) -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_key_value_metadata(Some(vec![KeyValue::new(MARK.to_owned(), mark.to_owned())]))
}

pub(crate) fn create_file(path: &Path) -> Result<File, SimulateError> {
    File::create_new(path).map_err(|source| io_error(path, source))
}

fn create(dir: &Path, mark: &str, batches: &[RecordBatch]) -> Result<Vec<TableFile>, SimulateError> {
    let properties = properties(mark).build();
    let open = |(&table, batch): (&&'static str, &RecordBatch)| {
        let path = dir.join(file_name(table));
        let file = create_file(&path)?;
        match ArrowWriter::try_new(file, batch.schema(), Some(properties.clone())) {
            Ok(writer) => Ok(TableFile { table, path, writer, n_rows: 0 }),
            Err(source) => Err(SimulateError::Parquet { path, source }),
        }
    };
    TABLES.iter().zip(batches).map(open).collect()
}

impl TableFile {
    fn append<'a>(&mut self, batches: impl Iterator<Item = &'a RecordBatch>) -> Result<(), SimulateError> {
        let batches: Vec<&RecordBatch> = batches.collect();
        let Some(first) = batches.first() else { return Ok(()) };
        let batch = concat_batches(&first.schema(), batches.iter().copied())
            .map_err(|source| SimulateError::Arrow { table: self.table, source })?;
        self.n_rows += batch.num_rows();
        self.writer.write(&batch).map_err(|source| SimulateError::Parquet { path: self.path.clone(), source })
    }

    fn close(self) -> Result<(&'static str, usize), SimulateError> {
        let Self { table, path, writer, n_rows } = self;
        let file = match writer.into_inner() {
            Ok(file) => file,
            Err(source) => return Err(SimulateError::Parquet { path, source }),
        };
        file.sync_all().map_err(|source| io_error(&path, source))?;
        Ok((table, n_rows))
    }
}

/// Whether there is a simulated history at `dir` that may be replaced.
fn check_target(dir: &Path) -> Result<bool, SimulateError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(SimulateError::NotAFolder(dir.to_owned()));
        }
        Err(source) => return Err(io_error(dir, source)),
    };
    for entry in entries {
        let path = entry.map_err(|source| io_error(dir, source))?.path();
        if let Some(found) = stranger(&path) {
            return Err(SimulateError::Occupied { dir: dir.to_owned(), found });
        }
    }
    Ok(true)
}

/// What of `path`, an entry of the target, no simulation wrote: itself or something in it.
fn stranger(path: &Path) -> Option<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if name != USAGE_EVENTS {
        let is_table = TABLES.iter().chain([&USAGE_EVENTS]).any(|table| file_name(table) == name);
        return (!is_table || !is_marked(path)).then_some(name);
    }
    // A folder of usage is there as a whole or not at all, and never without a file.
    let inner: Option<Vec<_>> =
        fs::read_dir(path).ok().and_then(|entries| entries.collect::<Result<_, _>>().ok());
    match inner {
        Some(inner) if !inner.is_empty() => inner
            .iter()
            .find(|entry| !is_marked(&entry.path()))
            .map(|entry| format!("{name}/{}", entry.file_name().to_string_lossy())),
        _ => Some(name),
    }
}

fn is_marked(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let Ok(reader) = SerializedFileReader::new(file) else { return false };
    let metadata = reader.metadata().file_metadata().key_value_metadata();
    metadata.is_some_and(|pairs| pairs.iter().any(|pair| pair.key == MARK))
}

pub(crate) fn file_name(table: &str) -> String {
    format!("{table}.parquet")
}

/// Makes the entries of a folder durable.
pub(crate) fn sync(dir: &Path) -> Result<(), SimulateError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| io_error(dir, source))
}

pub(crate) fn io_error(path: &Path, source: io::Error) -> SimulateError {
    SimulateError::Io { path: path.to_owned(), source }
}
