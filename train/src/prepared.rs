//! A training run on a prepared table: one row a customer.

use std::collections::BTreeSet;
use std::path::Path;

use holdfast_features::read::{self, Prepared, PreparedColumns};
use holdfast_features::write::{self, OutputColumn, Values};
use holdfast_models::{BaseRates, Benchmarks, ModelName, Provenance, ProvenanceKind, benchmark};

use crate::TrainError;
use crate::baseline;
use crate::candidates::candidates;
use crate::cli::TableArgs;
use crate::columns::{count, percent, share};
use crate::config::{Config, TrainingConfig};
use crate::evaluate::group_codes;
use crate::learning::LearningRows;
use crate::procedure::{Learnt, Tested, nested};
use crate::progress::Progress;
use crate::publish::{Publication, publish};
use crate::report::{Block, DataSummary, FeatureGroup, Protocol, Seed, TableSummary};
use crate::split::{n_positives, stratified_folds};
use crate::summary::{Context, by_fold, headline, mean_auc, report};

/// Table → folds → selection, calibration and judgement inside each → model on all rows → registry → report.
///
/// # Errors
/// Whatever ends the run; nothing is published then.
pub fn train(args: &TableArgs, progress: &Progress) -> Result<String, TrainError> {
    let config = Config::load(args.config.as_deref())?;
    let name: ModelName = model_name(args, &config).parse()?;
    let table = read_table(args, progress)?;
    let (rows, folds) = outer_folds(args, &table, &config.training)?;
    let data = learning_rows(&table);
    let source_name = match &args.folds {
        Some(folds) => format!("{}, rows of {}", args.data.display(), folds.display()),
        None => args.data.display().to_string(),
    };
    check_classes(&source_name, &data.labels, &rows, config.training.min_positives)?;
    let candidates = candidates(&config.training.learners, rows.len(), data.table.specs().len())?;
    let learnt = nested(&data, &rows, &folds, &candidates, &config.training.select(), progress)?;
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
        write_predictions(path, &learnt.tested)?;
    }
    let published = publish(Publication {
        registry: &args.registry,
        name: &name,
        report_dir: args.report.as_deref(),
        candidate: learnt.selection.chosen.describe(),
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
    })?;
    Ok(text + &published.text())
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
    let mut lines = vec![
        format!("Outer folds: {n_folds}, {fold_source}. Each row is judged once, by a procedure that never saw its fold."),
        "Inside each training part, folds of its own (a third of the rows where it is large) choose the learner, its \
         boosting rounds and the calibration; nothing is chosen, encoded or calibrated with a row that is then judged."
            .to_owned(),
        format!(
            "Chosen in the outer folds: {}.",
            learnt.tested.winners.iter().map(|winner| winner.describe()).collect::<Vec<_>>().join("; ")
        ),
        "The published model is chosen once more over all folds, calibrated on out-of-fold margins of all rows and \
         fitted on all rows; the figures belong to the procedure, the table of learners to the published model."
            .to_owned(),
    ];
    if let Some(mean) = mean_auc {
        lines.push(format!("Mean AUC over the {n_folds} folds: {mean:.4}."));
    }
    let mut notes = table.notes.clone();
    if rows.len() < table.labels.len() {
        notes.push(format!(
            "The folds name {} of the table's {} rows; the others are left out.",
            count(rows.len()),
            count(table.labels.len())
        ));
    }
    let mut segment = Vec::with_capacity(rows.len());
    for (fold, split) in learnt.tested.splits.iter().enumerate() {
        segment.extend(vec![(fold + 1).to_string(); split.validate.len()]);
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
        segments: vec![("fold".to_owned(), segment)],
        notes,
        warnings: Vec::new(),
    }
}

/// `row,probability`, in the order of the rows.
fn write_predictions(path: &Path, tested: &Tested) -> Result<(), TrainError> {
    let mut pairs: Vec<(usize, f64)> =
        tested.rows.iter().copied().zip(tested.probabilities.iter().copied()).collect();
    pairs.sort_by_key(|&(row, _)| row);
    let rows = pairs.iter().map(|&(row, _)| i64::try_from(row).unwrap_or(i64::MAX)).collect();
    let probabilities = pairs.into_iter().map(|(_, probability)| probability).collect();
    let columns = [
        OutputColumn::new("row", Values::Integer(rows)),
        OutputColumn::new("probability", Values::Number(probabilities)),
    ];
    Ok(write::table(path, &columns)?)
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
