//! What was learnt → the report: figures, baselines, candidates, calibration, importance.

use std::collections::BTreeMap;

use holdfast_features::{Column, Dimension};
use holdfast_models::calibrate::{Rung, SegmentReport};
use holdfast_models::probability::{log_loss, logit};
use holdfast_models::{Calibration, Candidate, ChurnModel};

use crate::TrainError;
use crate::alarm::alarms;
use crate::baseline::Rule;
use crate::columns::{Align, aligned, count};
use crate::evaluate::rank::{self, Tally};
use crate::evaluate::{
    Estimate, EvaluateOptions, Scale, ScoredRows, SegmentEvaluation, by_segment, difference, evaluate,
};
use crate::learning::{LearningRows, SEGMENT};
use crate::procedure::{Learnt, Tested};
use crate::report::{
    CalibrationSummary, CandidateOutcome, CandidateResult, DataSummary, DimensionImportance, Importance,
    NamedEvaluation, Protocol, Report,
};
use crate::select::{Explainable, Selection, sample};
use crate::shapes;

/// Rows whose explanations are averaged into the importance of features.
const EXPLAINED_ROWS: usize = 200;

/// What the pipelines add to what was learnt.
#[derive(Debug, Clone)]
pub struct Context {
    /// The headline of the page.
    pub title: String,
    /// What the probability is of, as a verb for a sentence.
    pub outcome: String,
    /// What a row stands for, in the plural.
    pub subjects: String,
    /// What the model was made from.
    pub data: DataSummary,
    /// How it was judged.
    pub protocol: Protocol,
    /// The rules to beat, on the judged rows.
    pub rules: Vec<Rule>,
    /// What the judged rows are split by, and the part of each.
    pub segments: Vec<(String, Vec<String>)>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// What a reader must not overlook.
    pub warnings: Vec<String>,
}

/// The report of a run, but for the model's version, which its publication gives.
///
/// # Errors
/// Rows that cannot be judged or explained.
pub fn report(
    data: &LearningRows,
    learnt: &Learnt,
    context: Context,
    options: &EvaluateOptions,
) -> Result<Report, TrainError> {
    let tested = &learnt.tested;
    let take = |values: &[f64]| tested.rows.iter().map(|&row| values[row]).collect::<Vec<f64>>();
    let (labels, weights) = (take(&data.labels), take(&data.weights));
    let groups: Vec<usize> = tested.rows.iter().map(|&row| data.groups[row] as usize).collect();
    let arr = match data.table.column("arr") {
        Some(Column::Number(values)) => {
            // Unknown stays unknown: a comparison with NaN is false.
            Some(take(values).iter().map(|&arr| if arr < 0.0 { 0.0 } else { arr }).collect::<Vec<f64>>())
        }
        _ => None,
    };
    let scored = ScoredRows {
        labels: &labels,
        probabilities: &tested.probabilities,
        weights: &weights,
        groups: &groups,
        arr: arr.as_deref(),
    };
    let evaluation = evaluate(&scored, options)?;
    let Context { title, outcome, subjects, data: summary, protocol, rules, segments, notes, mut warnings } =
        context;
    let baselines = baselines(&scored, rules, options)?;
    warnings.extend(alarms(data, &evaluation, &baselines));
    let segments: Vec<SegmentEvaluation> = segments
        .iter()
        .map(|(by, values)| by_segment(&scored, by, values, options))
        .collect::<Result<Vec<_>, _>>()?
        .concat();
    let glass_box = shapes::glass_box(data, learnt, options.seed)?;
    let importance = importance(&learnt.model, data, &tested.rows, options.seed)?;
    Ok(Report {
        title,
        generated_for: String::new(),
        outcome,
        subjects,
        data: summary,
        protocol,
        evaluation,
        baselines,
        candidates: candidates(&learnt.selection),
        calibration: calibration(&learnt.calibration),
        importance_by_dimension: by_dimension(&importance),
        importance,
        glass_box,
        segments,
        lead_time: None,
        horizons: None,
        outcomes: None,
        notes: [notes, selection_notes(&learnt.selection)].concat(),
        warnings,
    })
}

fn baselines(
    scored: &ScoredRows<'_>,
    rules: Vec<Rule>,
    options: &EvaluateOptions,
) -> Result<Vec<NamedEvaluation>, TrainError> {
    rules
        .into_iter()
        .map(|rule| {
            let evaluation =
                evaluate(&ScoredRows { probabilities: &rule.probabilities, ..*scored }, options)?;
            let model_minus_this =
                Some(difference(scored, &rule.probabilities, Scale::Probability, options)?);
            Ok(NamedEvaluation { name: rule.name, meaning: rule.meaning, evaluation, model_minus_this })
        })
        .collect()
}

/// What was chosen first, then the finalists that were not, or not alone.
fn candidates(selection: &Selection) -> Vec<CandidateResult> {
    let members = &selection.chosen.members;
    let blend = selection.blend.map(|(log_loss, auc)| CandidateResult {
        name: "blend".to_owned(),
        settings: members
            .iter()
            .map(|(weight, member)| format!("{weight:.2} {}", member.learner()))
            .collect::<Vec<_>>()
            .join(" + "),
        log_loss,
        auc,
        outcome: CandidateOutcome::Chosen,
    });
    let alone = selection.standings.iter().map(|standing| CandidateResult {
        name: standing.candidate.learner().to_owned(),
        settings: settings(&standing.candidate),
        log_loss: standing.log_loss,
        auc: standing.auc,
        outcome: match members.iter().any(|(_, member)| *member == standing.candidate) {
            false => CandidateOutcome::NotChosen,
            true if selection.blend.is_some() => CandidateOutcome::Blended,
            true => CandidateOutcome::Chosen,
        },
    });
    blend.into_iter().chain(alone).collect()
}

/// The description without the learner's name in front.
fn settings(candidate: &Candidate) -> String {
    let described = candidate.describe();
    described.strip_prefix(candidate.learner()).unwrap_or(&described).trim().to_owned()
}

fn selection_notes(selection: &Selection) -> Vec<String> {
    let mut notes = Vec::new();
    if !selection.rungs.is_empty() {
        let rungs: Vec<String> = (selection.rungs.iter())
            .map(|rung| {
                let splits = if rung.n_splits == 1 { "split" } else { "splits" };
                let (candidates, rows) = (rung.n_candidates, count(rung.n_rows));
                format!("{candidates} on {} {splits} of up to {rows} rows", rung.n_splits)
            })
            .collect();
        notes.push(format!(
            "Of the candidates the better ones went on: {}, then {} judged in full.",
            rungs.join(", "),
            selection.standings.len()
        ));
    }
    if !selection.dropped.is_empty() {
        let names: Vec<String> = selection
            .dropped
            .iter()
            .map(|(candidate, loss)| format!("{} ({loss:.4})", candidate.describe()))
            .collect();
        notes.push(format!(
            "Dropped on the way, with their uncalibrated log loss there: {}.",
            names.join(", ")
        ));
    }
    if !selection.untried.is_empty() {
        let names: Vec<String> = selection.untried.iter().map(Candidate::describe).collect();
        notes.push(format!(
            "The time budget left none for {} candidates, or none for all rows: {}. With more time, or on a faster \
             machine, another one may be chosen.",
            names.len(),
            names.join(", ")
        ));
    }
    match &selection.explainable {
        Some(Explainable { candidate, worse, standard_error }) => notes.push(format!(
            "Explainable choice, the simplest candidate within one standard error of the best: {} (log loss higher by \
             {worse:.4}, standard error {standard_error:.4}). `training.choice = \"explainable\"` makes it the model.",
            candidate.describe()
        )),
        None => notes.push(
            "No single candidate is within one standard error of the blend, so there is no explainable choice."
                .to_owned(),
        ),
    }
    for (candidate, error) in &selection.failed {
        notes.push(format!("{} could not be fitted: {error}.", candidate.describe()));
    }
    notes
}

fn calibration(calibration: &Calibration) -> CalibrationSummary {
    let report = &calibration.report;
    let loss_of =
        |rung: Rung| report.rungs.iter().find(|tried| tried.rung == rung).and_then(|tried| tried.log_loss);
    let method = match report.deployed {
        Rung::Identity => "none",
        Rung::Intercept => "intercept",
        Rung::Platt => "Platt",
        Rung::Beta => "ridge beta",
        Rung::Spline => "monotone spline",
    };
    let offsets = report.segments.filter(|offsets| offsets.is_deployed);
    let reason = match report.deployed {
        Rung::Identity => format!(
            "None of the {} methods that {} churned rows allow lowered the cross-validated log loss.",
            report.rungs.len() - 1,
            report.positives
        ),
        _ => format!(
            "The lowest cross-validated log loss of the methods that {} churned rows allow.",
            report.positives
        ),
    };
    CalibrationSummary {
        method: match offsets {
            Some(_) => format!("{method}, offsets by {SEGMENT}"),
            None => method.to_owned(),
        },
        positives: report.positives,
        log_loss_before: loss_of(Rung::Identity),
        log_loss_after: loss_of(report.deployed),
        reason: match offsets {
            // Judged on fewer rows than the rungs: those later than some.
            Some(SegmentReport { log_loss, log_loss_without: Some(without), .. }) => format!(
                "{reason} Offsets by {SEGMENT} then lowered that of rows later than those they were learnt from, from \
                 {without:.4} to {log_loss:.4}."
            ),
            Some(_) => format!("{reason} Offsets by {SEGMENT} lowered it once more."),
            None => reason,
        },
    }
}

/// Mean absolute contributions over a sample of the judged rows, largest first.
fn importance(
    model: &ChurnModel,
    data: &LearningRows,
    rows: &[usize],
    seed: u64,
) -> Result<Vec<Importance>, TrainError> {
    let table = model.align(&data.table)?;
    let found = model.importance(&table, &sample(rows, EXPLAINED_ROWS, seed));
    let total: f64 = found.iter().map(|(_, mean)| mean).sum();
    let mut importance: Vec<Importance> = found
        .into_iter()
        .map(|(feature, mean_contribution)| {
            let spec = &model.specs()[feature];
            Importance {
                feature: spec.name.clone(),
                dimension: spec.dimension,
                mean_contribution,
                share: if total > 0.0 { mean_contribution / total } else { 0.0 },
                meaning: spec.meaning.clone(),
                unit: spec.unit.clone(),
            }
        })
        .collect();
    importance.sort_by(|a, b| b.mean_contribution.total_cmp(&a.mean_contribution));
    Ok(importance)
}

fn by_dimension(importance: &[Importance]) -> Vec<DimensionImportance> {
    let mut shares: BTreeMap<Option<Dimension>, f64> = BTreeMap::new();
    for feature in importance {
        *shares.entry(feature.dimension).or_default() += feature.share;
    }
    let mut shares: Vec<DimensionImportance> =
        shares.into_iter().map(|(dimension, share)| DimensionImportance { dimension, share }).collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share));
    shares
}

/// The figures of one fold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoldFigures {
    /// Rows judged.
    pub n_rows: usize,
    /// AUC; `None` where the fold holds one class only.
    pub auc: Option<f64>,
    /// Weighted mean log loss, nats.
    pub log_loss: f64,
}

/// The figures of each split of the judged rows, in order.
#[must_use]
pub fn by_fold(data: &LearningRows, tested: &Tested) -> Vec<FoldFigures> {
    let mut first = 0;
    tested
        .splits
        .iter()
        .map(|split| {
            let probabilities = &tested.probabilities[first..first + split.validate.len()];
            first += split.validate.len();
            let take = |values: &[f64]| split.validate.iter().map(|&row| values[row]).collect::<Vec<f64>>();
            let (labels, weights) = (take(&data.labels), take(&data.weights));
            let margins: Vec<f64> = probabilities.iter().map(|&p| logit(p)).collect();
            FoldFigures {
                n_rows: labels.len(),
                auc: rank::auc(&Tally::new(probabilities).blocks(&labels, &weights)),
                log_loss: log_loss(&margins, &labels, &weights),
            }
        })
        .collect()
}

/// The mean AUC over the folds in which it is defined.
#[must_use]
pub fn mean_auc(folds: &[FoldFigures]) -> Option<f64> {
    let defined: Vec<f64> = folds.iter().filter_map(|fold| fold.auc).collect();
    (!defined.is_empty()).then(|| defined.iter().sum::<f64>() * crate::columns::share(1, defined.len()))
}

/// The headline figures of a report, for the terminal.
#[must_use]
pub fn headline(report: &Report, folds: &[FoldFigures]) -> String {
    let show = |estimate: &Option<Estimate>| match estimate {
        Some(Estimate { value, low: Some(low), high: Some(high) }) => {
            format!("{value:.4} ({low:.4} to {high:.4})")
        }
        Some(Estimate { value, .. }) => format!("{value:.4}"),
        None => "not defined".to_owned(),
    };
    let evaluation = &report.evaluation;
    let mean = mean_auc(folds).map_or_else(|| "not defined".to_owned(), |auc| format!("{auc:.4}"));
    let mut rows = vec![
        ["AUC".to_owned(), show(&evaluation.auc)],
        ["mean AUC over folds".to_owned(), mean],
        ["average precision".to_owned(), show(&evaluation.average_precision)],
        ["log loss".to_owned(), show(&evaluation.log_loss)],
        ["Brier score".to_owned(), show(&evaluation.brier)],
        ["lift in the top 10 %".to_owned(), show(&evaluation.lift_10)],
    ];
    if let Some(recalibration) = &evaluation.recalibration {
        rows.push(["calibration slope".to_owned(), show(&recalibration.slope)]);
        rows.push(["calibration in the large".to_owned(), show(&recalibration.in_the_large)]);
    }
    for rule in &report.baselines {
        let (auc, log_loss) = (show(&rule.evaluation.auc), show(&rule.evaluation.log_loss));
        rows.push([format!("rule: {}", rule.name), format!("AUC {auc}, log loss {log_loss}")]);
    }
    let rows: Vec<Vec<String>> = rows.into_iter().map(Vec::from).collect();
    let chosen = report.candidates.first();
    let chosen = chosen.map_or_else(String::new, |chosen| {
        format!(
            "Chosen: {} {} (out-of-fold log loss {:.4}); calibration: {}\n",
            chosen.name, chosen.settings, chosen.log_loss, report.calibration.method
        )
    });
    let judged = format!(
        "On {} rows never learnt from, {} of them churned (95 % interval by account):\n",
        count(evaluation.rows),
        count(evaluation.positives)
    );
    let warnings: String = report.warnings.iter().map(|warning| format!("Warning: {warning}\n")).collect();
    format!("{chosen}{judged}{}{warnings}", aligned(&[Align::Left, Align::Left], &rows))
}
