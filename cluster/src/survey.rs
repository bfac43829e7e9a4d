//! What a history is as a whole, before any account is computed: which features it offers, when it ends, and the
//! contracts that say who is observed.
//!
//! The client reads every table but usage events itself, as the embedded driver does; of usage events, the one table that is too
//! large for that, the cluster counts how many accounts use which event and when the last one became known.

use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::common::Column;
use datafusion::functions::core::expr_fn::greatest;
use datafusion::functions::expr_fn::btrim;
use datafusion::functions_aggregate::expr_fn::{count, max, sum};
use datafusion::logical_expr::{Expr, cast, lit, when};
use datafusion::prelude::{DataFrame, SessionContext};
use holdfast_features::compute::ComputeError;
use holdfast_features::history::Book;
use holdfast_features::history::Usage;
use holdfast_features::read::{self, Problem, Reason, UsageTable};
use holdfast_features::{AccountFacts, FeatureSpec, History, Timestamp, compute};

use crate::job::Job;
use crate::location::{Location, TableFile};
use crate::settings::Settings;
use crate::source::{self, SourceFiles};
use crate::{ClusterError, functions};

/// A history as a whole.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Every table but usage events.
    pub(crate) history: History,
    /// All files.
    pub(crate) sources: Vec<SourceFiles>,
    /// The features that the history offers.
    pub(crate) specs: Vec<FeatureSpec>,
}

/// The table that only executors read.
const LARGE_TABLE: &str = "usage_events";

/// How an event is used over the history.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EventUse {
    event: String,
    n_accounts: i64,
    n_rows: i64,
    has_value: bool,
}

/// Looks at the history at `location`.
pub(crate) async fn survey(
    context: &SessionContext,
    location: &Location,
    settings: &Settings,
    only: &[String],
    now: Option<Timestamp>,
) -> Result<Survey, ClusterError> {
    let config = read::HistoryConfig { now, with_hashes: false, ..settings.history.clone() };
    let files = used(location.files().await?, config.usage)?;
    let sources = source::sources(context, files, &config).await?;
    let folder =
        tempfile::tempdir().map_err(|source| ClusterError::Io { path: std::env::temp_dir(), source })?;
    for (number, source) in sources.iter().enumerate() {
        let below = folder.path().join(&source.source.table);
        std::fs::create_dir_all(&below).map_err(|source| ClusterError::Io { path: below.clone(), source })?;
        if source.source.table == LARGE_TABLE {
            source::write(&below, &number.to_string(), &source.sample)?;
        } else {
            for (part, file) in source.files.iter().enumerate() {
                bring(location, file, &below.join(format!("{number}-{part}.parquet"))).await?;
            }
        }
    }
    let large: Vec<&SourceFiles> =
        sources.iter().filter(|source| source.source.table == LARGE_TABLE).collect();
    let mut found = read::inspect(folder.path(), &config)?;
    if found.problems.iter().any(is_sample_of_bad_rows) {
        // Other rows may be good: all are read, as one machine would.
        let below = folder.path().join(LARGE_TABLE);
        std::fs::remove_dir_all(&below)
            .and_then(|()| std::fs::create_dir(&below))
            .map_err(|source| ClusterError::Io { path: below.clone(), source })?;
        for (number, file) in large.iter().flat_map(|source| &source.files).enumerate() {
            bring(location, file, &below.join(format!("{number}.parquet"))).await?;
        }
        found = read::inspect(folder.path(), &config)?;
    }
    if let Some(twice) = found.rejects.iter().find(|reject| reject.reason == Reason::DuplicateId) {
        return Err(ClusterError::RowTwice(Box::new(twice.clone())));
    }
    let mut history = found.usable()?;
    if large.is_empty() {
        let specs = wanted(&history, only, settings)?;
        return Ok(Survey { history, sources, specs });
    }
    let (uses, known_at) = usage(context, &large, config.table(LARGE_TABLE).delay, now).await?;
    if config.until.is_none() {
        history.until = history.until.max(known_at);
    }
    // Only a sample of the usage events was read: what it says of them is replaced by what the cluster counts.
    let ranked = with_usage_ranked(&history, uses, settings.features.max_events);
    let specs = wanted(&ranked, only, settings)?;
    Ok(Survey { history, sources, specs })
}

impl Survey {
    /// What executors must know to compute `specs`.
    pub(crate) fn job(&self, config: &str, now: Option<Timestamp>, specs: Vec<FeatureSpec>) -> Job {
        let book = Book::of(&self.history.accounts);
        Job {
            config: config.to_owned(),
            now: now.map(|now| now.0),
            until: self.history.until.map(|until| until.0),
            currency: self.history.currency.as_deref().map(str::to_owned),
            tables: self.history.tables.iter().map(|summary| summary.table.to_owned()).collect(),
            sources: self.sources.iter().map(|source| source.source.clone()).collect(),
            book_starts: in_micros(&book.starts),
            book_ends: in_micros(&book.ends),
            mrr_is_told: book.mrr_is_told,
            constant_account_kinds: self.history.candidate_columns.iter().map(|column| column.kind).collect(),
            specs,
        }
    }
}

fn in_micros(times: &[Timestamp]) -> Vec<i64> {
    times.iter().map(|time| time.0).collect()
}

fn is_sample_of_bad_rows(problem: &Problem) -> bool {
    problem.table == LARGE_TABLE && matches!(problem.reason, Reason::AllRejected(_))
}

/// The features called `only`, or all that the history offers.
fn wanted(history: &History, only: &[String], settings: &Settings) -> Result<Vec<FeatureSpec>, ComputeError> {
    match only {
        [] => compute::specs(history, &settings.features),
        names => compute::specs_of(history, names),
    }
}

/// The files that count, by the rules of reading a history.
fn used(files: Vec<TableFile>, usage: Option<UsageTable>) -> Result<Vec<TableFile>, ClusterError> {
    let has = |table: &str| files.iter().any(|file| file.table == table);
    if has("id_map") {
        return Err(ClusterError::IdMap);
    }
    let left_out = match (usage, has("usage_events") && has("usage_daily")) {
        (_, false) => None,
        (None, true) => return Err(ClusterError::UsageTwice),
        (Some(UsageTable::Events), true) => Some("usage_daily"),
        (Some(UsageTable::Daily), true) => Some("usage_events"),
    };
    Ok(files.into_iter().filter(|file| Some(file.table) != left_out).collect())
}

/// Makes a file of the history readable at `path`.
async fn bring(location: &Location, file: &TableFile, path: &Path) -> Result<(), ClusterError> {
    let failed = |source| ClusterError::Io { path: path.to_owned(), source };
    let local = url::Url::parse(&file.url).ok().filter(|url| url.scheme() == "file");
    match local.and_then(|url| url.to_file_path().ok()) {
        Some(original) => std::os::unix::fs::symlink(original, path).map_err(failed),
        None => {
            let bytes = location.bytes(file).await?;
            let mut copy = std::fs::File::create_new(path).map_err(failed)?;
            std::io::Write::write_all(&mut copy, &bytes).map_err(failed)
        }
    }
}

/// How often each event is used, and when the last usage became known.
async fn usage(
    context: &SessionContext,
    sources: &[&SourceFiles],
    delay: i64,
    now: Option<Timestamp>,
) -> Result<(Vec<EventUse>, Option<Timestamp>), ClusterError> {
    let mut all: Option<DataFrame> = None;
    for source in sources {
        let rows = source::read(context, &source.files).await?.filter(is_complete(source))?;
        let rows = rows.select(usage_row(source, delay, now)?)?;
        all = Some(match all {
            Some(earlier) => earlier.union(rows)?,
            None => rows,
        });
    }
    let Some(all) = all else { return Ok((Vec::new(), None)) };
    let column = |name: &str| Expr::Column(Column::from_name(name));
    let by_account = all.aggregate(
        vec![column("account"), column("event")],
        vec![
            count(lit(1)).alias("n"),
            max(column("value")).alias("value"),
            max(column("known_at")).alias("known_at"),
        ],
    )?;
    let by_event = by_account.aggregate(
        vec![column("event")],
        vec![
            count(lit(1)).alias("accounts"),
            sum(column("n")).alias("n"),
            max(column("value")).alias("value"),
            max(column("known_at")).alias("known_at"),
        ],
    )?;
    let mut uses = Vec::new();
    let mut known_at = None;
    for batch in by_event.collect().await? {
        let events = arrow::compute::cast(batch.column(0), &DataType::Utf8)
            .map_err(datafusion::error::DataFusionError::from)?;
        let events = events.as_string::<i32>();
        let number = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            if number(4).is_valid(row) {
                known_at = known_at.max(Some(Timestamp(number(4).value(row))));
            }
            if events.is_valid(row) && !events.value(row).is_empty() {
                uses.push(EventUse {
                    event: events.value(row).to_owned(),
                    n_accounts: number(1).value(row),
                    n_rows: number(2).value(row),
                    has_value: number(3).value(row) > 0,
                });
            }
        }
    }
    Ok((uses, known_at))
}

/// Whether a row of usage has what it must have: others are bad, and where bad rows may be, they count for nothing.
fn is_complete(source: &SourceFiles) -> Expr {
    let own = source.columns.iter().map(|(known, own)| (*known, Expr::Column(Column::from_name(own))));
    own.fold(lit(true), |all, (known, own)| match known {
        "account_id" | "event" => all.and(btrim(vec![cast(own, DataType::Utf8)]).not_eq(lit(""))),
        "occurred_at" => all.and(own.is_not_null()),
        _ => all,
    })
}

/// Account, event, whether there is a value, and when a row of usage became known, in microseconds.
fn usage_row(source: &SourceFiles, delay: i64, now: Option<Timestamp>) -> Result<Vec<Expr>, ClusterError> {
    let own =
        |name: &str| source.columns.iter().find(|(known, _)| *known == name).map(|(_, own)| own.as_str());
    let column = |name: &str| own(name).map(|own| Expr::Column(Column::from_name(own)));
    let no_time = || lit(datafusion::common::ScalarValue::Int64(None));
    let time = |name: &str| match own(name) {
        Some(own) => micros(source, own),
        None => Ok(no_time()),
    };
    let (occurred_at, recorded_at) = (time("occurred_at")?, time("recorded_at")?);
    // A row that was not recorded becomes known after the table's delay.
    let delayed = when(recorded_at.clone().is_null(), occurred_at.clone() + lit(delay)).end()?;
    let past = |time: Expr| match now {
        Some(now) => when(time.clone().lt_eq(lit(now.0)), time).end(),
        None => Ok(time),
    };
    let known_at = greatest(vec![past(occurred_at)?, past(recorded_at)?, past(delayed)?]);
    let has_value = match (column("value"), own("value").and_then(|own| data_type(source, own))) {
        // Arrow's order has NaN equal to itself.
        (Some(value), Some(DataType::Float32 | DataType::Float64)) => {
            value.clone().is_not_null().and(value.not_eq(lit(f64::NAN)))
        }
        (Some(value), _) => value.is_not_null(),
        (None, _) => lit(false),
    };
    let text = |column: Option<Expr>| match column {
        Some(column) => btrim(vec![cast(column, DataType::Utf8)]),
        None => lit(datafusion::common::ScalarValue::Utf8(None)),
    };
    let account =
        column("account_id").map(|id| functions::account().call(vec![id])).unwrap_or_else(|| text(None));
    Ok(vec![
        account.alias("account"),
        text(column("event")).alias("event"),
        cast(has_value, DataType::Int64).alias("value"),
        known_at.alias("known_at"),
    ])
}

fn data_type<'a>(source: &'a SourceFiles, column: &str) -> Option<&'a DataType> {
    source.sample.schema_ref().field_with_name(column).ok().map(|field| field.data_type())
}

/// A stored time in microseconds.
fn micros(source: &SourceFiles, name: &str) -> Result<Expr, ClusterError> {
    let column = Expr::Column(Column::from_name(name));
    let as_micros = match data_type(source, name) {
        Some(DataType::Timestamp(_, zone)) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        Some(DataType::Date32 | DataType::Date64) => DataType::Timestamp(TimeUnit::Microsecond, None),
        other => {
            let data_type = other.map_or_else(|| "unknown".to_owned(), ToString::to_string);
            return Err(ClusterError::TimeType { column: name.to_owned(), data_type });
        }
    };
    Ok(cast(cast(column, as_micros), DataType::Int64))
}

/// `history` with usage by accounts made for it, in which events rank as they do in `uses`: that ranking is all that the choice of
/// features asks of usage.
fn with_usage_ranked(history: &History, mut uses: Vec<EventUse>, max_events: usize) -> History {
    uses.sort_by(|a, b| {
        (b.n_accounts, b.n_rows).cmp(&(a.n_accounts, a.n_rows)).then_with(|| a.event.cmp(&b.event))
    });
    uses.truncate(max_events);
    let mut ranked = History { store: None, ..history.clone() };
    for account in 0..uses.len() {
        let used = &uses[..uses.len() - account];
        let usage = used.iter().map(|one| Usage {
            visible_at: Timestamp(0),
            occurred_at: Timestamp(0),
            user_id: None,
            event: one.event.as_str().into(),
            count: 1.0,
            active_users: None,
            value: one.has_value.then_some(0.0),
            channel: None,
        });
        ranked.accounts.push(AccountFacts { usage: usage.collect(), ..AccountFacts::default() });
    }
    ranked
}
