//! A training run on a history, a line a stage.

use std::path::Path;

use holdfast_features::snapshot::{Framing, Question, Snapshot};
use holdfast_features::{FeatureSpec, Timestamp, read};
use holdfast_models::{HorizonModel, ModelName, OutcomeModel, Provenance, ProvenanceKind};

use crate::TrainError;
use crate::budget::{Budget, Clock};
use crate::candidates::candidates;
use crate::cli::RunArgs;
use crate::config::Config;
use crate::finished::Finished;
use crate::history::HistorySource;
use crate::horizons::{self, HorizonReport};
use crate::judgement::{Judged, context, data_line};
use crate::outcomes::{self, OutcomeReport};
use crate::predictions;
use crate::prepared::check_classes;
use crate::procedure::{Learnt, Means, later_block, nested};
use crate::progress::Progress;
use crate::publish::{Publication, PublishedModel, Run, publish};
use crate::report::Report;
use crate::rows::{HistoryRows, NamedFolds, Roles, labelled};
use crate::scorings::Scorings;
use crate::summary::{by_fold, headline, report};
use holdfast_actions::standing::benchmarks;

/// The model's name where nobody gives one.
const DEFAULT_NAME: &str = "churn";

/// What a run learnt, before anything is published.
#[derive(Debug)]
pub struct Trained {
    /// The rows learnt from and judged on.
    pub rows: HistoryRows,
    /// Which of them judged, and how.
    pub judged: Judged,
    /// The position of each row in the snapshots file, or among the snapshots that the history offers.
    pub positions: Vec<usize>,
    /// What was learnt.
    pub learnt: Learnt,
    /// The report, without the version.
    pub report: Report,
    /// The features.
    pub specs: Vec<FeatureSpec>,
    /// What a probability is about.
    pub question: Question,
    /// The later block scored every month; `None` where no renewal is in force.
    pub scorings: Option<Scorings>,
    /// When accounts churn, where the data say and it helps on later rows.
    pub hazards: Option<HorizonModel>,
    /// How accounts go on that stay, where the data say and it helps on later rows.
    pub outcomes: Option<OutcomeModel>,
}

/// Where a model is published, and as what.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// The registry's folder.
    pub registry: &'a Path,
    /// The model's name.
    pub name: &'a ModelName,
    /// Where the report goes; by default into the version folder.
    pub report_dir: Option<&'a Path>,
}

/// History → Snapshots + Labels → feature columns → Encoder → Classifier → Calibrator → Evaluation (later rows) →
/// Bundle → registry → report.
///
/// # Errors
/// Whatever ends the run; nothing is published then.
pub fn run(args: &RunArgs, now: Timestamp, clock: Clock, progress: &Progress) -> Result<Run, TrainError> {
    let budget = Budget::new(args.effort.budget, clock);
    let finished = Finished::at(args.effort.resume.as_deref())?;
    let config =
        Config::load(args.input.config.as_deref())?.with_memory(args.input.memory).forced(args.force);
    let name = args.name.as_deref().or(config.training.name.as_deref()).unwrap_or(DEFAULT_NAME);
    let name: ModelName = name.parse()?;
    let source = HistorySource::read(&args.input.history, &config, now, progress)?;
    let files = Files { snapshots: args.snapshots.as_deref(), folds: args.folds.as_deref() };
    let means = Means { options: &config.training.select(), budget: &budget, finished: &finished, progress };
    let trained = train(&source, &config, files, &means)?;
    if let Some(path) = &args.predictions {
        let Trained { learnt, positions, rows, .. } = &trained;
        predictions::write(path, &learnt.tested, positions, |judged| rows.keys(judged))?;
    }
    let text = trained.text(&source.name);
    let to = Destination { registry: &args.registry, name: &name, report_dir: args.report.as_deref() };
    let published = trained.publish(&source, &config, to, progress)?;
    Ok(Run { text: text + &published.text(), published })
}

const HAZARDS_ARE_WORSE: &str = "The probabilities of a churn within so many days have no lower log loss on later rows than the rates known before.";
const OUTCOMES_ARE_WORSE: &str = "The probabilities of the other outcomes share out what the churn probability leaves no better by \
                                  an account's features than in constant shares.";

/// Rows and folds of the caller's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Files<'a> {
    /// The rows to learn from; without it those that the history offers.
    pub snapshots: Option<&'a Path>,
    /// Folds of its rows, which then all judge; without it the later block does.
    pub folds: Option<&'a Path>,
}

/// History → Snapshots + Labels → feature columns → Encoder → Classifier → Calibrator → Evaluation (later rows).
///
/// # Errors
/// Rows that no model can be learnt from, and what learners and calibrators say.
pub fn train(
    source: &HistorySource,
    config: &Config,
    files: Files<'_>,
    means: &Means<'_>,
) -> Result<Trained, TrainError> {
    let training = &config.training;
    let given = source.training_snapshots(config, files.snapshots)?;
    let folds = match files.folds {
        Some(path) => Some((read::folds_file(path, given.len())?, path)),
        None => None,
    };
    let (snapshots, positions) = labelled(given);
    match &folds {
        Some(_) => check_decided(source, &snapshots, config)?,
        None => check_snapshots(source, &snapshots, config)?,
    }
    let specs = source.specs(config)?;
    let mut rows = HistoryRows::new(source.observe(snapshots, &specs, means.progress)?);
    let judged = match folds {
        Some((named, path)) => Judged::Folds {
            named: NamedFolds::new(&named, &positions, &rows.data.groups),
            source: path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        },
        None => Judged::LaterBlock(
            Roles::of(&rows.snapshots, training)
                .ok_or_else(|| no_test_block(source, &rows.snapshots, config))?,
        ),
    };
    let candidates = |n_rows: usize| candidates(&training.learners, n_rows, &specs);
    let learnt = match &judged {
        Judged::LaterBlock(roles) => {
            rows.data.blocks.clone_from(&roles.blocks);
            let candidates = candidates(roles.block.development.len())?;
            later_block(&rows.data, &roles.later_block(), &candidates, means)?
        }
        Judged::Folds { named, .. } => {
            nested(&rows.data, &named.rows, &named.folds, &candidates(named.rows.len())?, means)?
        }
    };
    let context = context(source, &rows, &judged, &learnt, config)?;
    let mut report = report(&rows.data, &learnt, context, &training.evaluate())?;
    let question = question(config, files.snapshots.is_some());
    let (mut scorings, mut hazards) = (None, None);
    // What happens over time is judged on a later block.
    if let Judged::LaterBlock(roles) = &judged {
        scorings = Scorings::new(source, &rows, roles, &learnt, &specs, config, means.progress)?;
        report.lead_time = scorings.as_ref().and_then(Scorings::judge);
        let found = horizons::learn(source, (&specs, question), (roles, &learnt), config, means.progress)?;
        report = report.with_horizons(found.report);
        let is_worse = report.horizons.as_ref().is_some_and(|found| !found.is_better_than_base());
        hazards = report.served(found.model, is_worse.then_some(HAZARDS_ARE_WORSE), training.promote);
    }
    let all = judged.taking_part(&rows);
    let (outcomes, of_outcomes) =
        outcomes::learn(&rows, &all, &learnt, training.seed, means.progress)?.unzip();
    let is_worse = of_outcomes.as_ref().is_some_and(|found| !found.is_better_than_constant());
    let outcomes = report.served(outcomes, is_worse.then_some(OUTCOMES_ARE_WORSE), training.promote);
    report.outcomes = of_outcomes;
    Ok(Trained { rows, judged, positions, learnt, report, specs, question, scorings, hazards, outcomes })
}

impl Trained {
    /// What the terminal says of it.
    #[must_use]
    pub fn text(&self, source_name: &str) -> String {
        let Self { rows, learnt, report, .. } = self;
        format!(
            "{source_name}: {}{}{}{}",
            data_line(&report.data, &report.outcome, rows.is_weighted()),
            headline(report, &by_fold(&rows.data, &learnt.tested)),
            report.horizons.as_ref().map_or_else(String::new, HorizonReport::text),
            report.outcomes.as_ref().map_or_else(String::new, OutcomeReport::text)
        )
    }

    /// Bundle → registry → report, with the features of the accounts at the end of the history.
    ///
    /// # Errors
    /// The registry's and the system's refusals.
    pub fn publish(
        self,
        source: &HistorySource,
        config: &Config,
        to: Destination<'_>,
        progress: &Progress,
    ) -> Result<PublishedModel, TrainError> {
        let Self { rows, judged, learnt, report, specs, question, hazards, outcomes, .. } = self;
        let all = judged.taking_part(&rows);
        let today = source.observe(source.recent(config), &specs, progress)?;
        publish(Publication {
            registry: to.registry,
            name: to.name,
            report_dir: to.report_dir,
            candidate: learnt.published.describe(),
            model: learnt.model,
            calibration: &learnt.calibration,
            benchmarks: benchmarks(&config.decisions, &rows.data.table, &all)?,
            horizons: hazards,
            outcomes,
            question: Some(question),
            base_rates: rows.base_rates(&all),
            provenance: provenance(source, &rows, config),
            features: Some((&today.keys(), &today.table)),
            rejects: &source.rejects,
            report,
            promote: config.training.promote,
        })
    }
}

/// Refuses snapshots that no model can be learnt from.
pub(crate) fn check_snapshots(
    source: &HistorySource,
    labelled: &[Snapshot],
    config: &Config,
) -> Result<(), TrainError> {
    check_decided(source, labelled, config)?;
    match Roles::of(labelled, &config.training) {
        Some(_) => Ok(()),
        None => Err(no_test_block(source, labelled, config)),
    }
}

/// Refuses snapshots of which none, or only one kind, is decided.
fn check_decided(source: &HistorySource, labelled: &[Snapshot], config: &Config) -> Result<(), TrainError> {
    if labelled.is_empty() {
        let n_open = crate::judgement::renewals(source, config).open;
        return Err(TrainError::NothingDecided { source_name: source.name.clone(), n_open });
    }
    let labels: Vec<f64> =
        labelled.iter().map(|snapshot| f64::from(u8::from(snapshot.label == Some(true)))).collect();
    let rows: Vec<usize> = (0..labels.len()).collect();
    check_classes(&source.name, &labels, &rows, config.training.min_positives)
}

fn no_test_block(source: &HistorySource, labelled: &[Snapshot], config: &Config) -> TrainError {
    TrainError::NoTestBlock {
        source_name: source.name.clone(),
        n_rows: labelled.len(),
        needed: config.training.min_positives,
    }
}

/// A snapshots file asks the calendar question of everybody, whatever the terms are.
pub(crate) fn question(config: &Config, is_from_file: bool) -> Question {
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
