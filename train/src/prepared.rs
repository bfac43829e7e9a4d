//! A training run on a prepared table: one row a customer.

use std::collections::BTreeSet;
use std::path::Path;

use holdfast_features::read::{self, Prepared, PreparedColumns};
use holdfast_models::{BaseRates, Benchmarks, ModelName, Provenance, ProvenanceKind, benchmark};

use crate::TrainError;
use crate::baseline;
use crate::budget::{Budget, Clock};
use crate::candidates::candidates;
use crate::cli::TableArgs;
use crate::columns::{count, percent, share};
use crate::config::{Config, TrainingConfig};
use crate::evaluate::group_codes;
use crate::finished::Finished;
use crate::learning::LearningRows;
use crate::predictions;
use crate::procedure::{Learnt, Means, nested};
use crate::progress::Progress;
use crate::publish::{Publication, Run, publish};
use crate::report::{Block, DataSummary, FeatureGroup, Protocol, Seed, TableSummary};
use crate::split::{n_positives, stratified_folds};
use crate::summary::{Context, by_fold, headline, mean_auc, report};

/// Table → folds → selection, calibration and judgement inside each → model on all rows → registry → report.
///
/// # Errors
/// Whatever ends the run; nothing is published then.
pub fn train(args: &TableArgs, clock: Clock, progress: &Progress) -> Result<Run, TrainError> {
    let budget = Budget::new(args.effort.budget, clock);
    let finished = Finished::at(args.effort.resume.as_deref())?;
    let config = Config::load(args.config.as_deref())?.forced(args.force);
    let name: ModelName = model_name(args, &config).parse()?;
    let table = read_table(args, progress)?;
    let (rows, folds) = outer_folds(args, &table, &config.training)?;
    let data = learning_rows(&table);
    let source_name = match &args.folds {
        Some(folds) => format!("{}, rows of {}", args.data.display(), folds.display()),
        None => args.data.display().to_string(),
    };
    check_classes(&source_name, &data.labels, &rows, config.training.min_positives)?;
    let candidates = candidates(&config.training.learners, rows.len(), data.table.specs())?;
    let means = Means { options: &config.training.select(), budget: &budget, finished: &finished, progress };
    let learnt = nested(&data, &rows, &folds, &candidates, &means)?;
    let figures = by_fold(&data, &learnt.tested);
    let context = context(args, &table, &data, &rows, &learnt, mean_auc(&figures), config.training.seed);
    let report = report(&data, &learnt, context, &config.training.evaluate())?;
    let text = format!(
        "{}: {} rows, {} {}, {} features\n{}",
        file_name(&args.data),
        count(rows.len()),
        percent(report.data.base_rate),
        report.outcome,
        count(data.table.specs().len()),
        headline(&report, &figures),
    );
    if let Some(path) = &args.predictions {
        let numbers: Vec<usize> = (0..data.labels.len()).collect();
        predictions::write(path, &learnt.tested, &numbers, |_| Vec::new())?;
    }
    let published = publish(Publication {
        registry: &args.registry,
        name: &name,
        report_dir: args.report.as_deref(),
        candidate: learnt.published.describe(),
        model: learnt.model,
        calibration: &learnt.calibration,
        benchmarks: Benchmarks::fit(&data.table, &rows, benchmark::SEGMENT_COLUMN),
        horizons: None,
        outcomes: None,
        question: None,
        base_rates: BaseRates { all: report.data.base_rate, renewals: None, rolling: None },
        rejects: &[],
        provenance: provenance(&table, &config),
        features: None,
        report,
        promote: config.training.promote,
    })?;
    Ok(Run { text: text + &published.text(), published })
}

fn provenance(table: &Prepared, config: &Config) -> Provenance {
    Provenance {
        kind: ProvenanceKind::Table,
        data_sha256: table.sha256.clone(),
        config: config.text.clone(),
        seed: config.training.seed,
        first: None,
        last: None,
        as_of: None,
        crate_version: env!("CARGO_PKG_VERSION").to_owned(),
        positive_label: Some(table.positive.clone()),
    }
}

fn read_table(args: &TableArgs, progress: &Progress) -> Result<Prepared, TrainError> {
    let _stage = progress.stage("reading the table", 0);
    let columns = PreparedColumns {
        label: args.label.clone(),
        positive: args.positive.clone(),
        id: args.id.clone(),
        group: args.group.clone(),
        exclude: args.exclude.clone(),
    };
    Ok(read::prepared(&args.data, &columns)?)
}

/// The rows that take part and, for every row of the table, its fold.
fn outer_folds(
    args: &TableArgs,
    table: &Prepared,
    training: &TrainingConfig,
) -> Result<(Vec<usize>, Vec<usize>), TrainError> {
    let n_rows = table.labels.len();
    let Some(path) = &args.folds else {
        let folds = stratified_folds(&table.labels, table.groups.as_deref(), training.folds, training.seed);
        return Ok(((0..n_rows).collect(), folds));
    };
    let named = read::folds_file(path, n_rows)?;
    let mut folds = vec![0; n_rows];
    for &(row, fold) in &named {
        folds[row] = fold;
    }
    Ok((named.into_iter().map(|(row, _)| row).collect(), folds))
}

fn learning_rows(table: &Prepared) -> LearningRows {
    let n_rows = table.labels.len();
    let codes: Vec<usize> = table.groups.as_deref().map_or_else(|| (0..n_rows).collect(), group_codes);
    LearningRows {
        table: table.table.clone(),
        labels: table.labels.clone(),
        weights: vec![1.0; n_rows],
        groups: codes.into_iter().map(|code| u32::try_from(code).unwrap_or(u32::MAX)).collect(),
        blocks: vec![0; n_rows],
    }
}

/// Refuses rows of one class, and too few of the rarer one.
pub(crate) fn check_classes(
    source_name: &str,
    labels: &[f64],
    rows: &[usize],
    needed: usize,
) -> Result<(), TrainError> {
    let (n_rows, positives) = (rows.len(), n_positives(labels, rows));
    let source_name = source_name.to_owned();
    let is_churned = positives * 2 < n_rows;
    let found = positives.min(n_rows - positives);
    if found == 0 {
        return Err(TrainError::OneClass { source_name, n_rows, is_churned: positives > 0 });
    }
    if found < needed {
        return Err(TrainError::TooFew { source_name, found, n_rows, needed, is_churned });
    }
    Ok(())
}

fn context(
    args: &TableArgs,
    table: &Prepared,
    data: &LearningRows,
    rows: &[usize],
    learnt: &Learnt,
    mean_auc: Option<f64>,
    seed: u64,
) -> Context {
    let n_positives = n_positives(&data.labels, rows);
    let groups = rows.iter().map(|&row| data.groups[row]).collect::<BTreeSet<_>>().len();
    let features = table.table.specs().len();
    let n_folds = learnt.tested.splits.len();
    let source = file_name(&args.data);
    let fold_source = match &args.folds {
        Some(path) => format!("of {}", file_name(path)),
        None if args.group.is_some() => "stratified by label, rows of one group never parted".to_owned(),
        None => "stratified by label".to_owned(),
    };
    let lines = crate::judgement::nested_lines(learnt, &fold_source, mean_auc);
    let mut notes = table.notes.clone();
    if rows.len() < table.labels.len() {
        notes.push(format!(
            "The folds name {} of the table's {} rows; the others are left out.",
            count(rows.len()),
            count(table.labels.len())
        ));
    }
    Context {
        title: format!("Churn risk: {source}"),
        outcome: format!("churned (`{}` = {})", args.label, table.positive),
        subjects: "customers".to_owned(),
        data: DataSummary {
            tables: vec![TableSummary {
                name: source,
                rows: table.labels.len(),
                set_aside: 0,
                first: None,
                last: None,
            }],
            first: None,
            last: None,
            accounts: groups,
            snapshots: rows.len(),
            decided: rows.len(),
            open: 0,
            base_rate: share(n_positives, rows.len()),
            feature_groups: vec![FeatureGroup {
                name: "columns of the table".to_owned(),
                dimension: None,
                features,
                off_because: None,
            }],
        },
        protocol: Protocol {
            lines,
            blocks: vec![Block {
                name: "all rows, out of fold".to_owned(),
                first: None,
                last: None,
                rows: rows.len(),
                accounts: groups,
                positives: n_positives,
            }],
            folds: n_folds,
            purge_days: None,
            seeds: vec![Seed { of: "folds, learners, bootstrap".to_owned(), value: seed }],
        },
        rules: vec![baseline::base_rate(data, &learnt.tested.splits)],
        segments: vec![crate::judgement::fold_segment(&learnt.tested)],
        notes,
        warnings: Vec::new(),
    }
}

fn model_name(args: &TableArgs, config: &Config) -> String {
    let stem = || {
        let stem =
            args.data.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
    };
    args.name.clone().or_else(|| config.training.name.clone()).unwrap_or_else(stem)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
