//! A training run on a history, a line a stage.

use holdfast_features::snapshot::{Framing, Question, Snapshot};
use holdfast_features::{Role, Timestamp};
use holdfast_models::{ModelName, Provenance, ProvenanceKind};

use crate::TrainError;
use crate::candidates::candidates;
use crate::cli::RunArgs;
use crate::config::Config;
use crate::history::HistorySource;
use crate::horizons::{self, HorizonReport};
use crate::judgement::{context, data_line};
use crate::outcomes::{self, OutcomeReport};
use crate::prepared::check_classes;
use crate::procedure::later_block;
use crate::progress::Progress;
use crate::publish::{Publication, publish};
use crate::report::Report;
use crate::rows::{HistoryRows, Roles, labelled};
use crate::summary::{by_fold, headline, report};
use holdfast_actions::standing::benchmarks;

/// The model's name where nobody gives one.
const DEFAULT_NAME: &str = "churn";

/// History → Snapshots + Labels → feature columns → Encoder → Classifier → Calibrator → Evaluation (later rows) →
/// Bundle → registry → report.
///
/// # Errors
/// Whatever ends the run; nothing is published then.
pub fn run(args: &RunArgs, now: Timestamp, progress: &Progress) -> Result<String, TrainError> {
    let config = Config::load(args.input.config.as_deref())?.with_memory(args.input.memory);
    let training = &config.training;
    let name: ModelName =
        args.name.as_deref().or(training.name.as_deref()).unwrap_or(DEFAULT_NAME).parse()?;
    let source = HistorySource::read(&args.input.history, &config, now, progress)?;
    let snapshots = labelled(source.training_snapshots(&config, args.snapshots.as_deref())?);
    check_snapshots(&source, &snapshots, &config)?;
    let specs = source.specs(&config)?;
    let rows = HistoryRows::new(source.observe(snapshots, &specs, progress)?);
    let roles = Roles::of(&rows.snapshots, training)
        .ok_or_else(|| no_test_block(&source, &rows.snapshots, &config))?;
    let n_features = specs.iter().filter(|spec| spec.role == Role::Feature).count();
    let candidates = candidates(&training.learners, roles.block.development.len(), n_features)?;
    let learnt = later_block(&rows.data, &roles.later_block(), &candidates, &training.select(), progress)?;
    let context = context(&source, &rows, &roles, &learnt, &config)?;
    let question = question(&config, args.snapshots.is_some());
    let horizons = horizons::learn(&source, (&specs, question), (&roles, &learnt), &config, progress)?;
    let report = report(&rows.data, &learnt, context, &training.evaluate())?.with_horizons(horizons.report);
    let (outcomes, outcome_report) = outcomes::learn(&rows, &learnt, training.seed, progress)?.unzip();
    let report = Report { outcomes: outcome_report, ..report };
    let text = format!(
        "{}: {}{}{}{}",
        source.name,
        data_line(&report.data, &report.outcome, rows.is_weighted()),
        headline(&report, &by_fold(&rows.data, &learnt.tested)),
        report.horizons.as_ref().map_or_else(String::new, HorizonReport::text),
        report.outcomes.as_ref().map_or_else(String::new, OutcomeReport::text)
    );
    let all: Vec<usize> = (0..rows.data.labels.len()).collect();
    let today = source.observe(source.recent(&config), &specs, progress)?;
    let published = publish(Publication {
        registry: &args.registry,
        name: &name,
        report_dir: args.report.as_deref(),
        candidate: learnt.selection.chosen.describe(),
        model: learnt.model,
        calibration: &learnt.calibration,
        benchmarks: benchmarks(&config.decisions, &rows.data.table, &all)?,
        horizons: horizons.model,
        outcomes,
        question: Some(question),
        base_rates: rows.base_rates(),
        provenance: provenance(&source, &rows, &config),
        features: Some((&today.keys(), &today.table)),
        rejects: &source.rejects,
        report,
    })?;
    Ok(text + &published.text())
}

/// Refuses snapshots that no model can be learnt from.
pub(crate) fn check_snapshots(
    source: &HistorySource,
    labelled: &[Snapshot],
    config: &Config,
) -> Result<(), TrainError> {
    if labelled.is_empty() {
        let n_open = crate::judgement::renewals(source, config).open;
        return Err(TrainError::NothingDecided { source_name: source.name.clone(), n_open });
    }
    let labels: Vec<f64> =
        labelled.iter().map(|snapshot| f64::from(u8::from(snapshot.label == Some(true)))).collect();
    let rows: Vec<usize> = (0..labels.len()).collect();
    check_classes(&source.name, &labels, &rows, config.training.min_positives)?;
    match Roles::of(labelled, &config.training) {
        Some(_) => Ok(()),
        None => Err(no_test_block(source, labelled, config)),
    }
}

fn no_test_block(source: &HistorySource, labelled: &[Snapshot], config: &Config) -> TrainError {
    TrainError::NoTestBlock {
        source_name: source.name.clone(),
        n_rows: labelled.len(),
        needed: config.training.min_positives,
    }
}

/// A snapshots file asks the calendar question of everybody, whatever the terms are.
fn question(config: &Config, is_from_file: bool) -> Question {
    let question = Question::from(&config.snapshots);
    if is_from_file { Question { framing: Framing::Calendar, ..question } } else { question }
}

fn provenance(source: &HistorySource, rows: &HistoryRows, config: &Config) -> Provenance {
    Provenance {
        kind: ProvenanceKind::History,
        data_sha256: source.sha256(),
        config: config.text.clone(),
        seed: config.training.seed,
        first: rows.times.first().map(|row| row.as_of),
        last: rows.times.last().map(|row| row.as_of),
        as_of: Some(source.until),
        crate_version: env!("CARGO_PKG_VERSION").to_owned(),
        positive_label: None,
    }
}
