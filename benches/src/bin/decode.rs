//! Decodes the columns of usage that the benches' features read, and does nothing else: the limit that no feature
//! engine can pass. `benches/peers/features.py` runs it beside the engines.

#![expect(clippy::print_stdout, reason = "a program that says what it decoded")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use rayon::prelude::*;

/// What the twenty usage features read.
const COLUMNS: [&str; 6] = ["account_id", "user_id", "event", "occurred_at", "received_at", "value"];
/// Rows decoded at a time.
const BATCH: usize = 65_536;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [history, threads] = arguments.as_slice() else {
        bail!("usage: decode HISTORY THREADS");
    };
    rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build_global()?;
    let files = usage_files(Path::new(history))?;
    let opened = files.iter().map(|path| open(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let groups: Vec<(usize, usize)> = opened
        .iter()
        .enumerate()
        .flat_map(|(file, metadata)| {
            (0..metadata.metadata().num_row_groups()).map(move |group| (file, group))
        })
        .collect();
    let counts = groups
        .par_iter()
        .map(|&(file, group)| decode(&files[file], opened[file].clone(), group))
        .collect::<anyhow::Result<Vec<usize>>>()?;
    let n_rows: usize = counts.iter().sum();
    println!("rows {n_rows}");
    Ok(())
}

/// One file, or those of a folder.
fn usage_files(history: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = history.join("usage_events");
    if !folder.is_dir() {
        return Ok(vec![folder.with_extension("parquet")]);
    }
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// The file's metadata, its texts to be read as dictionaries: that is what they are stored as.
fn open(path: &Path) -> anyhow::Result<ArrowReaderMetadata> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let stored = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
    let fields = stored.schema().fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => {
            let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(Field::new(field.name(), coded, field.is_nullable()))
        }
        _ => Arc::clone(field),
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = ArrowReaderOptions::new().with_schema(schema);
    Ok(ArrowReaderMetadata::try_new(Arc::clone(stored.metadata()), options)?)
}

fn decode(path: &Path, metadata: ArrowReaderMetadata, group: usize) -> anyhow::Result<usize> {
    let mask = ProjectionMask::columns(metadata.parquet_schema(), COLUMNS);
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(File::open(path)?, metadata)
        .with_row_groups(vec![group])
        .with_projection(mask)
        .with_batch_size(BATCH)
        .build()?;
    let mut n_rows = 0;
    for batch in reader {
        n_rows += std::hint::black_box(batch?).num_rows();
    }
    Ok(n_rows)
}
