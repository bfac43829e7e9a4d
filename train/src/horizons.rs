//! When accounts churn: a census of the history → hazards for the bundle, and how good they are on later rows.
//!
//! Margins come from the classifiers of the judging folds: each learnt from development rows of the other accounts. The
//! figures are of hazards learnt from what was known before the test block about accounts of the other folds, on census
//! rows of the test block; the published hazards are learnt from the whole census.

use holdfast_features::snapshot::{FollowUp, Question, Snapshot, census, follow_ups};
use holdfast_features::{FeatureSpec, FeatureTable, Timestamp};
use holdfast_models::horizon::{
    Decisions, Followed, HorizonError, HorizonFit, HorizonRows, PERIOD_DAYS, fit,
};
use holdfast_models::probability::sigmoid;
use holdfast_models::{HorizonModel, HorizonRisk};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::columns::{Align, aligned, count};
use crate::config::Config;
use crate::evaluate::horizons::{HorizonScores, by_horizon, risk_groups};
use crate::evaluate::{HorizonEvaluation, RiskGroup, group_codes};
use crate::history::HistorySource;
use crate::learning::calibrated;
use crate::procedure::Learnt;
use crate::progress::Progress;
use crate::rows::Roles;
use crate::select::sample;
use crate::split::hashed_folds;

/// More rows of a census change little and cost their features.
const MOST_ROWS: usize = 40_000;

/// Hazards with what the report says of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Horizons {
    /// For the bundle; `None` where the history does not say when accounts churn.
    pub model: Option<HorizonModel>,
    /// For the report.
    pub report: Result<HorizonReport, String>,
}

/// What the report says of the probabilities by horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HorizonReport {
    /// Census rows that the published hazards were learnt from.
    pub rows: usize,
    /// Those of them that churned within the longest horizon.
    pub churned: usize,
    /// Rows times the periods of 30 days in which they were at risk.
    pub person_periods: usize,
    /// The calibration of the published hazards: `identity`, `intercept`, `platt`, `beta` or `spline`.
    pub calibration: String,
    /// The figures of each horizon on later rows.
    pub judged: Vec<HorizonEvaluation>,
    /// What was said of groups of these rows, and what came.
    pub groups: Vec<RiskGroup>,
}

/// The census with everything that hazards are learnt from; one entry a row in each part.
struct Census {
    as_of: Vec<Timestamp>,
    follow_ups: Vec<FollowUp>,
    weights: Vec<f64>,
    groups: Vec<usize>,
    folds: Vec<usize>,
    margins: Vec<f64>,
    /// Calibrated log-odds of the churn model's own question.
    renewal: Vec<f64>,
    decisions: Vec<Decisions>,
}

/// What became of the judged rows.
#[derive(Default)]
struct Judged {
    rows: Vec<usize>,
    risks: Vec<[HorizonRisk; 4]>,
    base: Vec<[HorizonRisk; 4]>,
}

/// Learns and judges the hazards.
///
/// # Errors
/// Features that cannot be computed, and figures that cannot be judged; that a history does not say when accounts churn
/// is no error.
pub fn learn(
    source: &HistorySource,
    (specs, question): (&[FeatureSpec], Question),
    (roles, learnt): (&Roles, &Learnt),
    config: &Config,
    progress: &Progress,
) -> Result<Horizons, TrainError> {
    let observed = source.observe(sampled(source, config), specs, progress)?;
    let _stage = progress.stage("when accounts churn", 0);
    let census = Census::new(source, &observed.snapshots, &observed.table, question, (roles, learnt), config);
    let seed = config.training.seed;
    let published = match census.fit(&census.all(), 0, question, seed) {
        Ok(published) => published,
        Err(error) => return Ok(Horizons { model: None, report: Err(error.to_string()) }),
    };
    let judged = match census.judge(roles.block.start, source.until, question, seed) {
        Ok(judged) => judged,
        Err(error) => {
            let why = format!("before the test block there are only {error}");
            return Ok(Horizons { model: None, report: Err(why) });
        }
    };
    let renewal: Vec<f64> = judged.rows.iter().map(|&row| sigmoid(census.renewal[row])).collect();
    let followed: Vec<Followed> = judged.rows.iter().map(|&row| census.followed(row, 0)).collect();
    let groups: Vec<usize> = judged.rows.iter().map(|&row| census.groups[row]).collect();
    let Judged { risks, base, .. } = &judged;
    let scores = HorizonScores { risks, base, renewal: &renewal, followed: &followed, groups: &groups };
    let report = HorizonReport {
        rows: published.rows,
        churned: published.churned,
        person_periods: published.person_periods,
        calibration: published.model.calibrator().name().to_owned(),
        judged: by_horizon(&scores, &config.training.evaluate())?,
        groups: risk_groups(&scores),
    };
    Ok(Horizons { model: Some(published.model), report: Ok(report) })
}

/// The census rows that are followed for a period at least.
fn sampled(source: &HistorySource, config: &Config) -> Vec<Snapshot> {
    let mut snapshots = census(&source.history, &config.snapshots);
    let whole = i64::from(PERIOD_DAYS) + config.snapshots.grace_days;
    snapshots.retain(|snapshot| snapshot.as_of.plus_days(whole) <= source.until);
    let rows: Vec<usize> = (0..snapshots.len()).collect();
    let kept = sample(&rows, MOST_ROWS, config.training.seed);
    kept.into_iter().map(|row| snapshots[row].clone()).collect()
}

impl Census {
    fn new(
        source: &HistorySource,
        snapshots: &[Snapshot],
        table: &FeatureTable,
        question: Question,
        (roles, learnt): (&Roles, &Learnt),
        config: &Config,
    ) -> Self {
        let names: Vec<&str> = snapshots.iter().map(|snapshot| &*snapshot.group).collect();
        let folds = hashed_folds(&names, config.training.folds, config.training.seed);
        // Margin, and calibrated log-odds of the churn model's own question.
        let mut answers: Vec<Option<(f64, f64)>> = vec![None; snapshots.len()];
        let tested = &learnt.tested;
        for (split, (classifier, calibration)) in tested.splits.iter().zip(&tested.models) {
            let Some(fold) = split.validate.first().map(|&row| roles.folds[row]) else { continue };
            let rows: Vec<usize> = (0..snapshots.len()).filter(|&row| folds[row] == fold).collect();
            let margins = classifier.margins(table, &rows);
            let renewal = calibrated(table, calibration, &rows, &margins);
            for (row, answer) in rows.into_iter().zip(margins.into_iter().zip(renewal)) {
                answers[row] = Some(answer);
            }
        }
        let follow_ups = follow_ups(&source.history, snapshots, &config.snapshots);
        let groups = group_codes(&names);
        // A fold without test rows has no classifier that could answer for its accounts.
        let kept: Vec<(usize, (f64, f64))> =
            answers.into_iter().enumerate().filter_map(|(row, answer)| Some((row, answer?))).collect();
        let rows = || kept.iter().map(|&(row, _)| row);
        Self {
            as_of: rows().map(|row| snapshots[row].as_of).collect(),
            follow_ups: rows().map(|row| follow_ups[row]).collect(),
            weights: rows().map(|row| snapshots[row].weight).collect(),
            groups: rows().map(|row| groups[row]).collect(),
            folds: rows().map(|row| folds[row]).collect(),
            decisions: rows().map(|row| Decisions::of(table.row(row), &question)).collect(),
            margins: kept.iter().map(|&(_, (margin, _))| margin).collect(),
            renewal: kept.iter().map(|&(_, (_, renewal))| renewal).collect(),
        }
    }

    fn all(&self) -> Vec<usize> {
        (0..self.margins.len()).collect()
    }

    /// The row as it was followed by `days` before the end of the history.
    fn followed(&self, row: usize, days: u32) -> Followed {
        Followed::new(self.follow_ups[row].known_earlier(days), self.weights[row])
    }

    /// Hazards of `rows`, of which only is known what was `days` before the end of the history.
    fn fit(
        &self,
        rows: &[usize],
        days: u32,
        question: Question,
        seed: u64,
    ) -> Result<HorizonFit, HorizonError> {
        let groups = rows.iter().map(|&row| u32::try_from(self.groups[row]).unwrap_or(u32::MAX));
        let rows = HorizonRows {
            margins: &rows.iter().map(|&row| self.margins[row]).collect::<Vec<_>>(),
            decisions: &rows.iter().map(|&row| self.decisions[row]).collect::<Vec<_>>(),
            followed: &rows.iter().map(|&row| self.followed(row, days)).collect::<Vec<_>>(),
            groups: &groups.collect::<Vec<_>>(),
        };
        fit(&rows, question, seed)
    }

    /// The rows from `start` on, each by hazards that were learnt from other folds before it.
    fn judge(
        &self,
        start: Timestamp,
        until: Timestamp,
        question: Question,
        seed: u64,
    ) -> Result<Judged, HorizonError> {
        let later = u32::try_from((until.day() - start.day()).max(0) + 1).unwrap_or(u32::MAX);
        let mut folds = self.folds.clone();
        folds.sort_unstable();
        folds.dedup();
        let of_fold = |fold: usize| -> Result<Judged, HorizonError> {
            let others: Vec<usize> = self.all().into_iter().filter(|&row| self.folds[row] != fold).collect();
            let model = self.fit(&others, later, question, seed)?.model;
            let rows: Vec<usize> = (0..self.folds.len())
                .filter(|&row| self.folds[row] == fold && self.as_of[row] >= start)
                .collect();
            let risks = rows.iter().map(|&row| model.risks_at(self.margins[row], self.decisions[row]));
            Ok(Judged { risks: risks.collect(), base: vec![model.base_risks(); rows.len()], rows })
        };
        let parts: Vec<Result<Judged, HorizonError>> = folds.into_par_iter().map(of_fold).collect();
        let mut judged = Judged::default();
        for part in parts {
            let part = part?;
            judged.rows.extend(part.rows);
            judged.risks.extend(part.risks);
            judged.base.extend(part.base);
        }
        Ok(judged)
    }
}

impl HorizonReport {
    /// Whether the probabilities did better on later rows than the rates known before, over all rows of all horizons; what
    /// could not be judged yet is not held against them.
    #[must_use]
    pub fn is_better_than_base(&self) -> bool {
        let sum = |one: &HorizonEvaluation| {
            let rows = f64::from(u32::try_from(one.rows).unwrap_or(u32::MAX));
            Some(rows * (one.log_loss?.value - one.base_log_loss?))
        };
        let found: Vec<f64> = self.judged.iter().filter_map(sum).collect();
        found.is_empty() || found.iter().sum::<f64>() < 0.0
    }

    /// The figures for the terminal.
    #[must_use]
    pub fn text(&self) -> String {
        if self.judged.is_empty() {
            return "Churn within so many days: the later rows were not followed for 30 days yet.\n"
                .to_owned();
        }
        let show = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
        let head = ["days", "rows", "churned", "rate", "mean", "AUC", "log loss", "base", "renewal AUC"];
        let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
        for one in &self.judged {
            rows.push(vec![
                one.days.to_string(),
                count(one.rows),
                count(one.churned),
                show(Some(one.observed.value)),
                show(one.mean_probability),
                show(one.auc.map(|auc| auc.value)),
                show(one.log_loss.map(|loss| loss.value)),
                show(one.base_log_loss),
                show(one.renewal_auc),
            ]);
        }
        let title = "Churn within so many days, of any account on any day, on later rows:\n";
        format!("{title}{}", aligned(&[Align::Right; 9], &rows))
    }
}
