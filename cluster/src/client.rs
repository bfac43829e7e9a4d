//! The features of a history: who is observed, the one query, and its rows in the order of a feature file.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int64Type};
use datafusion::common::{Column as Named, DataFusionError};
use datafusion::logical_expr::{Expr, ident, lit};
use datafusion::prelude::{DataFrame, ParquetReadOptions, SessionContext};
use futures::StreamExt;
use holdfast_features::compute::Key;
use holdfast_features::matrix::Column;
use holdfast_features::read::SnapshotRequest;
use holdfast_features::snapshot::{self, SnapshotConfig};
use holdfast_features::{FeatureTable, History, Kind, RowKey, Timestamp};

use crate::job::{Job, KEYS, key_columns};
use crate::location::{Location, Scratch};
use crate::session::Cluster;
use crate::settings::Settings;
use crate::source;
use crate::survey::survey;
use crate::{ClusterError, functions};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// A folder or URL of Parquet tables, the same for every machine.
    pub history: String,
    /// The configuration file's name and text; both may be empty.
    pub config: (String, String),
    /// Who is observed when.
    pub asked: Asked,
    /// Only these features; empty for all that the history offers.
    pub only: Vec<String>,
    /// Where the query runs.
    pub cluster: Cluster,
    /// Partitions of the shuffle.
    pub n_partitions: usize,
    /// A folder or URL, the same for every machine, in which the rows asked for stand while the query runs.
    pub scratch: String,
    /// The present: events after it are mistakes.
    pub now: Option<Timestamp>,
}

/// Who is observed when.
#[derive(Debug, Clone)]
pub enum Asked {
    /// Every account with a contract in force at these times.
    ActiveAt(Vec<Timestamp>),
    /// The rows of a snapshots file.
    Rows(Vec<SnapshotRequest>),
}

/// A query that is ready to run.
pub struct Query {
    cluster: Cluster,
    context: SessionContext,
    job: Job,
    keys: Vec<Key>,
    sources: Vec<source::SourceFiles>,
    scratch: Location,
}

/// How often a query is run before its failure counts: an executor that dies just when its results are fetched takes
/// them along, which only running again can mend.
const ATTEMPTS: usize = 2;

impl Query {
    /// Looks at the history and decides which rows and features there will be.
    ///
    /// # Errors
    /// Histories, dates or settings that cannot be used; a scheduler that does not answer.
    pub async fn prepare(request: Request) -> Result<Self, ClusterError> {
        let cluster = request.cluster.clone();
        match Self::of(request).await {
            Ok(query) => Ok(query),
            Err(error) => Err(cluster.explain(error).await),
        }
    }

    async fn of(request: Request) -> Result<Self, ClusterError> {
        let Request { history, config: (file, config), asked, only, cluster, n_partitions, scratch, now } =
            request;
        let settings = Settings::parse(&file, &config)?;
        let location = Location::parse(&history)?;
        let scratch = Location::parse(&scratch)?;
        let context = cluster.session(n_partitions).await?;
        let survey = survey(&context, &location, &settings, &only, now).await?;
        let keys = keys(&survey.history, asked, &settings.snapshots)?;
        let job = survey.job(&config, now, survey.specs.clone());
        Ok(Self { cluster, context, job, keys, sources: survey.sources, scratch })
    }

    /// Account and time of each row, in this order: that of a feature file.
    #[must_use]
    pub fn keys(&self) -> Vec<RowKey> {
        self.keys.iter().map(RowKey::from).collect()
    }

    /// Runs the query; `on_batch` gets the rows as they come, in no order: the column `row` is the 0-based position of
    /// each among [`Self::keys`], the other columns are the features.
    ///
    /// # Errors
    /// Rows that make no history, executors or a scheduler that fail, and what `on_batch` returns.
    pub async fn run(
        &self,
        mut on_batch: impl FnMut(&RecordBatch) -> Result<(), ClusterError>,
    ) -> Result<(), ClusterError> {
        let scratch = Scratch::put(&self.scratch, key_file(&self.keys)?).await?;
        let result = self.stream(&scratch, &mut on_batch).await;
        scratch.remove().await;
        match result {
            Ok(()) => Ok(()),
            Err(error) => Err(self.cluster.explain(error).await),
        }
    }

    /// Runs the query and puts its rows in the order of [`Self::keys`].
    ///
    /// # Errors
    /// As [`Self::run`], and [`ClusterError::Incomplete`] where rows are missing.
    pub async fn table(&self) -> Result<FeatureTable, ClusterError> {
        let mut attempt = 1;
        loop {
            let mut rows = Rows::new(&self.job, self.keys.len());
            let result = self.run(|batch| rows.take(batch)).await.and_then(|()| rows.finish(&self.job));
            match result {
                Err(ClusterError::Query(error)) if attempt < ATTEMPTS && may_mend(&error) => {
                    tracing::warn!("the query failed and is run again: {error}");
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    async fn stream(
        &self,
        scratch: &Scratch,
        on_batch: &mut impl FnMut(&RecordBatch) -> Result<(), ClusterError>,
    ) -> Result<(), ClusterError> {
        let mut stream = self.plan(scratch).await?.execute_stream().await?;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            on_batch(&feature_rows(&batch)?)?;
        }
        Ok(())
    }

    /// All facts and all rows asked for, as one relation grouped by account: the only shuffle.
    async fn plan(&self, scratch: &Scratch) -> Result<DataFrame, ClusterError> {
        let keys = self.context.read_parquet(scratch.url(), ParquetReadOptions::default()).await?;
        let names = key_columns().map(|(name, _)| name);
        let mut all = enveloped(keys, KEYS, "account_id", names.iter().map(String::as_str))?;
        for (number, source) in self.sources.iter().enumerate() {
            let number = u8::try_from(number).unwrap_or(KEYS);
            let account = source.columns.iter().find(|(name, _)| *name == "account_id");
            let Some((_, account)) = account else { continue };
            let rows = source::read(&self.context, &source.files).await?;
            let columns = source.source.columns.iter().map(|(name, _)| name.as_str());
            all = all.union(enveloped(rows, number, account, columns)?)?;
        }
        let facts = functions::collect().call(vec![ident("fact")]).alias("facts");
        let features = functions::features().call(vec![lit(self.job.text()?), ident("facts")]);
        Ok(all.aggregate(vec![ident("account")], vec![facts])?.select(vec![features.alias("features")])?)
    }
}

/// Whether the query ended well and only its results were lost. A query that failed has been tried again by the cluster.
fn may_mend(error: &DataFusionError) -> bool {
    !matches!(error.find_root(), DataFusionError::Execution(message) if message.starts_with("Job "))
}

/// The rows of all accounts of a batch, one after the other.
fn feature_rows(batch: &RecordBatch) -> Result<RecordBatch, ClusterError> {
    let lists = batch.columns().first().and_then(|column| column.as_list_opt::<i32>());
    let rows = lists.and_then(|lists| lists.values().as_struct_opt());
    match rows {
        Some(rows) => Ok(RecordBatch::from(rows.clone())),
        None => Err(ClusterError::Answer(batch.schema().to_string())),
    }
}

/// `rows` as account and fact.
fn enveloped<'a>(
    rows: DataFrame,
    source: u8,
    account: &str,
    columns: impl Iterator<Item = &'a str>,
) -> Result<DataFrame, ClusterError> {
    let column = |name: &str| Expr::Column(Named::from_name(name));
    let arguments = std::iter::once(lit(source)).chain(columns.map(column)).collect();
    Ok(rows.select(vec![
        functions::account().call(vec![column(account)]).alias("account"),
        functions::fact().call(arguments).alias("fact"),
    ])?)
}

fn keys(history: &History, asked: Asked, config: &SnapshotConfig) -> Result<Vec<Key>, ClusterError> {
    // The day of the history's end counts as known to its end.
    let check = |as_of: Timestamp| match history.until.map(|until| (until, until.plus_days(1).midnight())) {
        Some((until, closing)) if as_of > closing => Err(ClusterError::AfterTheEnd { as_of, until }),
        _ => Ok(()),
    };
    let snapshots = match asked {
        Asked::ActiveAt(times) => {
            let mut snapshots = Vec::new();
            for as_of in times {
                check(as_of)?;
                let active = snapshot::open(history, as_of, config);
                if active.is_empty() {
                    return Err(ClusterError::NobodyActive(as_of));
                }
                snapshots.extend(active);
            }
            snapshots
        }
        Asked::Rows(requests) => {
            requests.iter().try_for_each(|request| check(request.as_of))?;
            snapshot::requested(history, &requests, config)?
        }
    };
    if snapshots.is_empty() {
        return Err(ClusterError::NothingAsked);
    }
    Ok(snapshots.iter().map(Key::from).collect())
}

/// The rows asked for as a Parquet file.
fn key_file(keys: &[Key]) -> Result<Vec<u8>, ClusterError> {
    let accounts: ArrayRef = Arc::new(StringArray::from_iter_values(keys.iter().map(|key| &*key.account_id)));
    let rows: ArrayRef = Arc::new(Int64Array::from_iter_values((0_i64..).take(keys.len())));
    let times: ArrayRef = Arc::new(Int64Array::from_iter_values(keys.iter().map(|key| key.as_of.0)));
    let subscriptions: ArrayRef =
        Arc::new(StringArray::from_iter(keys.iter().map(|key| key.subscription_id.as_deref())));
    let names = key_columns().map(|(name, _)| name);
    let batch = RecordBatch::try_from_iter(names.into_iter().zip([accounts, rows, times, subscriptions]));
    let batch = batch.map_err(DataFusionError::from)?;
    let mut bytes = Vec::new();
    let written =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).and_then(|mut writer| {
            writer.write(&batch)?;
            writer.close()
        });
    written.map_err(DataFusionError::from)?;
    Ok(bytes)
}

/// Rows on their way to a table.
struct Rows {
    columns: Vec<Column>,
    is_there: Vec<bool>,
}

impl Rows {
    fn new(job: &Job, n_rows: usize) -> Self {
        let blank = |kind: Kind| match kind {
            Kind::Number | Kind::Boolean => Column::Number(vec![f64::NAN; n_rows]),
            Kind::Category => Column::Text(vec![None; n_rows]),
        };
        Self {
            columns: job.specs.iter().map(|spec| blank(spec.kind)).collect(),
            is_there: vec![false; n_rows],
        }
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<(), ClusterError> {
        let numbers = batch.column(0).as_primitive::<Int64Type>().values();
        let strangers = || ClusterError::Incomplete { n_rows: 0, n_keys: self.is_there.len() };
        let rows: Vec<usize> = numbers
            .iter()
            .map(|&row| usize::try_from(row).ok().filter(|row| *row < self.is_there.len()))
            .collect::<Option<_>>()
            .ok_or_else(strangers)?;
        for (column, array) in self.columns.iter_mut().zip(&batch.columns()[1..]) {
            match column {
                Column::Number(values) => {
                    let array: &Float64Array = array.as_primitive::<Float64Type>();
                    rows.iter().enumerate().for_each(|(at, &row)| values[row] = array.value(at));
                }
                Column::Text(values) => {
                    let array = array.as_string::<i32>();
                    let text = |at: usize| array.is_valid(at).then(|| array.value(at).into());
                    rows.iter().enumerate().for_each(|(at, &row)| values[row] = text(at));
                }
            }
        }
        rows.iter().for_each(|&row| self.is_there[row] = true);
        Ok(())
    }

    fn finish(self, job: &Job) -> Result<FeatureTable, ClusterError> {
        let n_keys = self.is_there.len();
        let n_rows = self.is_there.iter().filter(|is_there| **is_there).count();
        if n_rows < n_keys {
            return Err(ClusterError::Incomplete { n_rows, n_keys });
        }
        Ok(FeatureTable::new(job.specs.clone(), self.columns, n_keys)?)
    }
}
