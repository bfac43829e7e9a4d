//! The files of a history as sources: those of one table with the same columns, and which of these are read.

use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::prelude::{DataFrame, ParquetReadOptions, SessionContext};
use holdfast_features::read::{self, HistoryConfig, ReadError};
use parquet::arrow::ArrowWriter;

use crate::ClusterError;
use crate::job::{JobError, KEYS, Source};
use crate::location::TableFile;
use crate::rows::plain;

/// Files of one table with the same columns.
#[derive(Debug, Clone)]
pub(crate) struct SourceFiles {
    /// What executors know of it.
    pub(crate) source: Source,
    /// Where its files are.
    pub(crate) files: Vec<TableFile>,
    /// Columns of the contract that it has: the contract's name and its own.
    pub(crate) columns: Vec<(&'static str, String)>,
    /// Some of its rows.
    pub(crate) sample: RecordBatch,
}

/// Rows that show which column is which.
const SAMPLE_ROWS: usize = 1_000;

/// Groups `files`; one file's schema is read of each.
pub(crate) async fn sources(
    context: &SessionContext,
    files: Vec<TableFile>,
    config: &HistoryConfig,
) -> Result<Vec<SourceFiles>, ClusterError> {
    let mut groups: Vec<(SchemaRef, Vec<TableFile>)> = Vec::new();
    for file in files {
        let schema = read(context, std::slice::from_ref(&file)).await?.schema().inner().clone();
        let same = |group: &&mut (SchemaRef, Vec<TableFile>)| {
            group.1[0].table == file.table && group.0.fields() == schema.fields()
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.1.push(file),
            None => groups.push((schema, vec![file])),
        }
    }
    if groups.len() >= usize::from(KEYS) {
        return Err(JobError::TooManySources(groups.len()).into());
    }
    let mut sources = Vec::with_capacity(groups.len());
    for (schema, files) in groups {
        sources.push(source(context, &schema, files, config).await?);
    }
    Ok(sources)
}

/// The rows of `files`, which have the same columns.
pub(crate) async fn read(context: &SessionContext, files: &[TableFile]) -> Result<DataFrame, ClusterError> {
    let urls: Vec<String> = files.iter().map(|file| file.url.clone()).collect();
    Ok(context.read_parquet(urls, ParquetReadOptions::default()).await?)
}

async fn source(
    context: &SessionContext,
    schema: &SchemaRef,
    files: Vec<TableFile>,
    config: &HistoryConfig,
) -> Result<SourceFiles, ClusterError> {
    let table = files[0].table;
    let rows = read(context, &files).await?.limit(0, Some(SAMPLE_ROWS))?.collect().await?;
    let sample =
        arrow::compute::concat_batches(schema, &rows).map_err(datafusion::error::DataFusionError::from)?;
    let columns = known_columns(table, &sample, config)?;
    let is_constant = |name: &str| {
        table == "accounts"
            && config.constant_account_columns.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    let is_read = |name: &str| columns.iter().any(|(_, known)| known == name) || is_constant(name);
    let fields = schema.fields().iter().filter(|field| is_read(field.name()));
    let read = fields.map(|field| (field.name().clone(), plain(field.data_type()).to_string())).collect();
    let source = Source { table: table.to_owned(), columns: read };
    source.typed()?;
    Ok(SourceFiles { source, files, columns, sample })
}

/// Which column of the contract is which of the sample's, as reading a history decides it.
fn known_columns(
    table: &str,
    sample: &RecordBatch,
    config: &HistoryConfig,
) -> Result<Vec<(&'static str, String)>, ClusterError> {
    let failed = |source| ClusterError::Io { path: std::env::temp_dir(), source };
    let folder = tempfile::tempdir().map_err(failed)?;
    write(folder.path(), table, sample)?;
    let inspection = read::inspect(folder.path(), config)?;
    let report = inspection.tables.into_iter().find(|report| report.summary.table == table);
    match report {
        Some(report) if report.present.iter().any(|(name, _)| *name == "account_id") => Ok(report.present),
        // Other tables are missing on purpose: only what is wrong with this one counts.
        _ => {
            let problems: Vec<_> =
                inspection.problems.into_iter().filter(|problem| problem.table == table).collect();
            Err(ReadError::Problems { n_problems: problems.len(), problems }.into())
        }
    }
}

/// Writes rows as the table's only file below `folder`.
pub(crate) fn write(folder: &Path, table: &str, rows: &RecordBatch) -> Result<(), ClusterError> {
    let path = folder.join(format!("{table}.parquet"));
    let file = std::fs::File::create_new(&path).map_err(|source| ClusterError::Io { path, source })?;
    let written = ArrowWriter::try_new(file, rows.schema(), None).and_then(|mut writer| {
        writer.write(rows)?;
        writer.close()
    });
    written.map_err(datafusion::error::DataFusionError::from)?;
    Ok(())
}
