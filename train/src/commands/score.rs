//! `score`: batch scores with a published model.

use std::path::Path;

use holdfast_actions::{Account, Readings, assess};
use holdfast_features::history::Text;
use holdfast_features::snapshot::Snapshot;
use holdfast_features::write::{self, OutputColumn, Values};
use holdfast_features::{FeatureTable, RowKey, Timestamp, read};
use holdfast_models::horizon::HORIZONS;
use holdfast_models::{
    Bundle, ModelRef, OutcomeProbabilities, Prediction, ProvenanceKind, Registry, Scratch,
};
use rayon::prelude::*;

use crate::TrainError;
use crate::cli::ScoreArgs;
use crate::columns::count;
use crate::config::Config;
use crate::history::HistorySource;
use crate::progress::Progress;

/// Scores a history's accounts or a table's rows.
///
/// # Errors
/// Input that cannot be used, a model of the other kind, and the system's refusal to write.
pub(super) fn run(args: &ScoreArgs, now: Timestamp, progress: &Progress) -> Result<String, TrainError> {
    super::check_ending(&args.out)?;
    let config = Config::load(args.config.as_deref())?.with_memory(args.memory);
    let model = model_ref(&args.registry, args.model.as_deref())?;
    let bundle = Registry::at(&args.registry).load(&model)?;
    let reference = format!("{}@{}", bundle.manifest.name, bundle.manifest.version);
    let mut rejects = Vec::new();
    let (n_rows, columns) = match (&args.data, &args.history) {
        (Some(data), _) => {
            refuse_other_kind(&bundle, ProvenanceKind::Table, &reference)?;
            let (ids, table) = read::prepared_features(data, bundle.model.specs(), args.id.as_deref())?;
            let table = bundle.model.align(&table)?;
            let predictions = bundle.model.predict_table(&table);
            (ids.len(), of_table(args.id.as_deref().unwrap_or("row"), ids, &predictions))
        }
        (None, Some(history)) => {
            refuse_other_kind(&bundle, ProvenanceKind::History, &reference)?;
            let source = HistorySource::read(history, &config, now, progress)?;
            let mut snapshots = match &args.snapshots {
                Some(path) => in_force(source.requested(&config, path)?, path)?,
                None => source.active_at(&config, &args.as_of)?,
            };
            let n_asked = snapshots.len();
            snapshots.extend(source.earlier(&snapshots, &config));
            let observed = source.observe(snapshots, bundle.model.specs(), progress)?;
            rejects = source.rejects;
            let table = bundle.model.align(&observed.table)?;
            (n_asked, of_history(&config, &bundle, &observed.keys(), &table, n_asked))
        }
        // The command line asks for one of the two.
        (None, None) => (0, Vec::new()),
    };
    write::table(&args.out, &columns)?;
    let told = super::set_aside(&args.out, &rejects)?;
    Ok(format!("{told}{} rows scored with {reference}: {}\n", count(n_rows), args.out.display()))
}

/// The snapshots of the file at `path`, all of accounts with a contract: elsewhere nothing can end.
fn in_force(snapshots: Vec<Snapshot>, path: &Path) -> Result<Vec<Snapshot>, TrainError> {
    let mut others = snapshots.iter().enumerate().filter(|(_, snapshot)| !snapshot.in_force);
    match others.next() {
        None => Ok(snapshots),
        Some((index, first)) => Err(TrainError::NoContract {
            path: path.to_owned(),
            row: index + 1,
            account_id: first.account_id.to_string(),
            as_of: first.as_of,
            n_others: others.count(),
        }),
    }
}

/// The model that `--model` names, else the registry's only one.
fn model_ref(registry: &Path, model: Option<&str>) -> Result<ModelRef, TrainError> {
    if let Some(model) = model {
        return Ok(model.parse()?);
    }
    let models = Registry::at(registry).list()?;
    match models.as_slice() {
        [] => Err(TrainError::NoModel(registry.to_owned())),
        [only] => Ok(ModelRef { name: only.name.clone(), version: None }),
        several => Err(TrainError::WhichModel {
            registry: registry.to_owned(),
            names: several.iter().map(|entry| entry.name.to_string()).collect(),
        }),
    }
}

fn refuse_other_kind(bundle: &Bundle, given: ProvenanceKind, model: &str) -> Result<(), TrainError> {
    let trained_on = bundle.manifest.provenance.kind;
    if trained_on == given {
        return Ok(());
    }
    let (trained_on, option) = match trained_on {
        ProvenanceKind::History => ("a history", "--history DIR --as-of DATE"),
        ProvenanceKind::Table => ("a prepared table", "--data FILE"),
    };
    Err(TrainError::WrongKind { model: model.to_owned(), trained_on, option })
}

fn of_table(id: &str, ids: Vec<Text>, predictions: &[Prediction]) -> Vec<OutputColumn> {
    let mut columns = vec![OutputColumn::new(id, Values::Text(ids.into_iter().map(Some).collect()))];
    columns.extend(probabilities(predictions));
    columns
}

/// The first `n_asked` rows are answered; all of them are readings that a later row of their account looks back to.
fn of_history(
    config: &Config,
    bundle: &Bundle,
    keys: &[RowKey],
    table: &FeatureTable,
    n_asked: usize,
) -> Vec<OutputColumn> {
    let readings = Readings::of_table(&config.decisions, bundle, keys, table);
    let keys = &keys[..n_asked];
    let assessments: Vec<_> = keys
        .par_iter()
        .enumerate()
        .map(|(row, key)| {
            let readings = readings.before(&key.account_id, key.as_of);
            let account = Account { row: table.row(row), as_of: key.as_of, readings, touches: &[] };
            assess(&config.decisions, bundle, &account)
        })
        .collect();
    let predictions: Vec<Prediction> = assessments.iter().map(|one| one.prediction).collect();
    let text = |text: &str| Some(Text::from(text));
    let accounts = keys.iter().map(|key| Some(key.account_id.clone())).collect();
    let stages =
        assessments.iter().map(|one| one.stage.and_then(|placed| text(placed.stage.name()))).collect();
    let health = assessments.iter().map(|one| one.health.overall.unwrap_or(f64::NAN)).collect();
    let bands = assessments.iter().map(|one| text(one.band.name())).collect();
    let mut columns = vec![
        OutputColumn::new("account_id", Values::Text(accounts)),
        OutputColumn::new("as_of", Values::Time(keys.iter().map(|key| Some(key.as_of)).collect())),
    ];
    columns.extend(probabilities(&predictions));
    columns.extend(horizons(bundle, table, &predictions));
    columns.extend(outcomes(bundle, table, &predictions));
    columns.push(OutputColumn::new("stage", Values::Text(stages)));
    columns.push(OutputColumn::new("health", Values::Number(health)));
    columns.push(OutputColumn::new("band", Values::Text(bands)));
    let days = (0..n_asked).map(|row| bundle.manifest.horizon_days(table.row(row)).map_or(0, i64::from));
    columns.push(OutputColumn::new("horizon_days", Values::Integer(days.collect())));
    columns
}

/// `churn_probability_30d` and so on; none where the model does not know when accounts churn.
fn horizons(bundle: &Bundle, table: &FeatureTable, predictions: &[Prediction]) -> Vec<OutputColumn> {
    let risks: Option<Vec<_>> = (predictions.iter().enumerate())
        .map(|(row, prediction)| bundle.horizon_risks(table.row(row), prediction))
        .collect();
    let Some(risks) = risks else { return Vec::new() };
    let column = |(position, days): (usize, &u32)| {
        let values = risks.iter().map(|risks| risks[position].churn_probability).collect();
        OutputColumn::new(format!("churn_probability_{days}d"), Values::Number(values))
    };
    HORIZONS.iter().enumerate().map(column).collect()
}

/// How the account goes on if it stays; with `probability` they sum to 1. None where the model knows of churn alone.
fn outcomes(bundle: &Bundle, table: &FeatureTable, predictions: &[Prediction]) -> Vec<OutputColumn> {
    let mut scratch = Scratch::default();
    let found: Option<Vec<OutcomeProbabilities>> = (predictions.iter().enumerate())
        .map(|(row, prediction)| bundle.outcome_probabilities(table.row(row), prediction, &mut scratch))
        .collect();
    let Some(found) = found else { return Vec::new() };
    let column = |name, value: fn(&OutcomeProbabilities) -> f64| {
        OutputColumn::new(name, Values::Number(found.iter().map(value).collect()))
    };
    vec![
        column("contracted_probability", |found| found.contracted),
        column("renewed_probability", |found| found.renewed),
        column("expanded_probability", |found| found.expanded),
    ]
}

fn probabilities(predictions: &[Prediction]) -> [OutputColumn; 3] {
    let column = |name, value: fn(&Prediction) -> f64| {
        OutputColumn::new(name, Values::Number(predictions.iter().map(value).collect()))
    };
    [
        column("probability", |prediction| prediction.probability),
        column("p_low", |prediction| prediction.p_low),
        column("p_high", |prediction| prediction.p_high),
    ]
}
