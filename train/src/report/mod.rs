//! The report of a training run: one structure, written as JSON and as a self-contained HTML page.

mod charts;
mod figures;
mod format;
mod horizons;
mod html;
mod lead;
mod origin;
mod outcomes;
mod plot;
mod sections;
mod shapes;

#[cfg(test)]
pub(crate) mod example;
#[cfg(test)]
mod tests;

use holdfast_features::{Dimension, Timestamp};
use serde::{Deserialize, Serialize};

use crate::evaluate::{Difference, Evaluation, SegmentEvaluation};
use crate::gate::Promote;
use crate::horizons::HorizonReport;
use crate::outcomes::OutcomeReport;
use crate::scorings::LeadTimes;

pub use html::html;

/// The report as indented JSON with a final line feed: same report, same bytes.
///
/// # Errors
/// Does not happen for this structure; serde's signature has it.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(report).map(|text| text + "\n")
}

/// All that the report says; `report.json` is this structure.
///
/// Nothing in it depends on when or how fast it was made: same input and seed, same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The headline of the page, for example `Renewal risk`.
    pub title: String,
    /// The model, `NAME@VERSION`.
    pub generated_for: String,
    /// What the probability is of, as a verb for a sentence: `did not renew`, `cancelled within 30 days`.
    pub outcome: String,
    /// What a row stands for, in the plural: `accounts`, `customers`.
    pub subjects: String,
    /// What the model was made from.
    pub data: DataSummary,
    /// How it was judged.
    pub protocol: Protocol,
    /// The figures on the untouched test rows (for a prepared table: out-of-fold rows).
    pub evaluation: Evaluation,
    /// Simple rules on the same rows.
    pub baselines: Vec<NamedEvaluation>,
    /// The learners that were tried.
    pub candidates: Vec<CandidateResult>,
    /// What was done to the probabilities after learning.
    pub calibration: CalibrationSummary,
    /// Features by falling importance.
    pub importance: Vec<Importance>,
    /// The importance summed by dimension, falling.
    pub importance_by_dimension: Vec<DimensionImportance>,
    /// The additive model of the selection as curves; `None` where none was tried or reached the finals.
    pub glass_box: Option<GlassBox>,
    /// The figures within segments.
    pub segments: Vec<SegmentEvaluation>,
    /// How early the model and the rules warn; `None` where no renewal was followed.
    #[serde(default)]
    pub lead_time: Option<LeadTimes>,
    /// The probabilities of a churn within fixed numbers of days; `None` where the data do not say when accounts churn.
    #[serde(default)]
    pub horizons: Option<HorizonReport>,
    /// The four outcomes of a decision; `None` where only churn is known, or the others are too rare.
    #[serde(default)]
    pub outcomes: Option<OutcomeReport>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// What a reader must not overlook.
    pub warnings: Vec<String>,
}

impl Report {
    /// With what was found about horizons, or a note on why there is nothing.
    #[must_use]
    pub fn with_horizons(mut self, found: Result<HorizonReport, String>) -> Self {
        match found {
            Ok(horizons) => self.horizons = Some(horizons),
            Err(why) => self.notes.push(format!("No probabilities within 30 to 180 days: {why}.")),
        }
        self
    }

    /// The `part` of a bundle, unless there is a `complaint`: then it is a warning, and nobody is served the part unless the
    /// configuration asks for it.
    #[must_use]
    pub fn served<T>(&mut self, part: Option<T>, complaint: Option<&str>, promote: Promote) -> Option<T> {
        let (Some(_), Some(complaint)) = (&part, complaint) else { return part };
        let fate = match promote {
            Promote::WhenBetter => "They are left out of the bundle.",
            Promote::Always => "They are served all the same, as the configuration asks.",
        };
        self.warnings.push(format!("{complaint} {fate}"));
        part.filter(|_| promote == Promote::Always)
    }
}

/// What the model was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataSummary {
    /// The tables that were read.
    pub tables: Vec<TableSummary>,
    /// The first event of the data.
    pub first: Option<Timestamp>,
    /// The end of the data.
    pub last: Option<Timestamp>,
    /// Number of accounts.
    pub accounts: usize,
    /// Number of rows that were learnt from or judged on (snapshots; rows of a prepared table).
    pub snapshots: usize,
    /// Renewals (or monthly terms, or rows) whose outcome is known.
    pub decided: usize,
    /// Renewals whose outcome is not known yet; they are never counted as renewed.
    pub open: usize,
    /// The weighted share of churned rows.
    pub base_rate: f64,
    /// The groups of features, and why some are off.
    pub feature_groups: Vec<FeatureGroup>,
}

/// One table that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableSummary {
    /// Its name, for example `usage_daily`.
    pub name: String,
    /// Number of rows used.
    pub rows: usize,
    /// Number of bad rows set aside by `on_bad_row = "reject"`.
    pub set_aside: usize,
    /// Its earliest time.
    pub first: Option<Timestamp>,
    /// Its latest time.
    pub last: Option<Timestamp>,
}

/// One group of features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureGroup {
    /// Its name, for example `tickets`.
    pub name: String,
    /// Its dimension; `None` where it has none.
    pub dimension: Option<Dimension>,
    /// Number of features in use; 0 when off.
    pub features: usize,
    /// Why it is off; `None` when it is on.
    pub off_because: Option<String>,
}

/// How the model was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// The protocol in sentences.
    pub lines: Vec<String>,
    /// Blocks of time in order: development, test.
    pub blocks: Vec<Block>,
    /// Number of folds of the cross-validation in development.
    pub folds: usize,
    /// Days between the last development row and the first test row: rows in between had no label yet when the test
    /// block began. `None` without a time order.
    pub purge_days: Option<f64>,
    /// Every seed with what it seeds.
    pub seeds: Vec<Seed>,
}

/// A block of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// `development` or `test`.
    pub name: String,
    /// Its earliest snapshot; `None` without dates.
    pub first: Option<Timestamp>,
    /// Its latest snapshot; `None` without dates.
    pub last: Option<Timestamp>,
    /// Number of rows.
    pub rows: usize,
    /// Number of accounts.
    pub accounts: usize,
    /// Number of churned rows.
    pub positives: usize,
}

/// One seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seed {
    /// What it seeds.
    pub of: String,
    /// Its value.
    pub value: u64,
}

/// A simple rule, judged on the same rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedEvaluation {
    /// Its name.
    pub name: String,
    /// One sentence on how it works.
    pub meaning: String,
    /// Its figures.
    pub evaluation: Evaluation,
    /// The model's figures minus these, drawn together; `None` where nobody compared.
    pub model_minus_this: Option<Difference>,
}

/// One learner that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateResult {
    /// Its name.
    pub name: String,
    /// Its settings in a few words; may be empty.
    pub settings: String,
    /// Out-of-fold log loss in development, nats.
    pub log_loss: f64,
    /// Out-of-fold area under the ROC curve in development.
    pub auc: Option<f64>,
    /// Chosen, not chosen, or not fitted.
    pub outcome: CandidateOutcome,
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateOutcome {
    /// It is the model.
    Chosen,
    /// Another one had a lower log loss.
    NotChosen,
    /// It is a part of the chosen blend.
    Blended,
}

/// What was done to the probabilities after learning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationSummary {
    /// The method in force: `none`, `intercept`, `Platt`, `ridge beta`, `monotone spline`; with `, offsets by
    /// stage` where these help.
    pub method: String,
    /// Churned rows it was fitted on, which decide which methods are allowed.
    pub positives: usize,
    /// Cross-validated log loss without it, nats; `None` where the rows were too few to cross-validate.
    pub log_loss_before: Option<f64>,
    /// Cross-validated log loss with the method in force, nats; `None` likewise.
    pub log_loss_after: Option<f64>,
    /// Why this method: one sentence.
    pub reason: String,
}

/// How much one feature moves the probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The feature's name.
    pub feature: String,
    /// Its dimension.
    pub dimension: Option<Dimension>,
    /// The mean of |contribution| to the logit over the explained rows.
    pub mean_contribution: f64,
    /// Its share of the sum over all features, 0 to 1.
    pub share: f64,
    /// One sentence on what the feature is.
    pub meaning: String,
    /// Its unit.
    pub unit: String,
}

/// How much one dimension moves the probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DimensionImportance {
    /// The dimension; `None` collects features without one.
    pub dimension: Option<Dimension>,
    /// The share of its features in the sum over all features, 0 to 1.
    pub share: f64,
}

/// An additive model: log-odds as a sum of one curve a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GlassBox {
    /// The candidate with its settings.
    pub settings: String,
    /// Its out-of-fold log loss in development, nats.
    pub log_loss: f64,
    /// Its out-of-fold area under the ROC curve in development.
    pub auc: Option<f64>,
    /// Number of features that have a curve.
    pub features: usize,
    /// The most important of them, by falling importance.
    pub shapes: Vec<FeatureShape>,
}

/// What one feature adds to the log-odds, less its mean over the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureShape {
    /// The feature's name.
    pub feature: String,
    /// One sentence on what the feature is.
    pub meaning: String,
    /// Its unit.
    pub unit: String,
    /// The mean of what it adds or takes away, log-odds.
    pub importance: f64,
    /// A number's steps, ascending, between the outermost hundredths of the rows; empty for a category.
    pub steps: Vec<ShapeStep>,
    /// The share of the known rows in equal parts from the first step to the last.
    pub bars: Vec<f64>,
    /// A category's values, the most frequent first; empty for a number.
    pub categories: Vec<Category>,
    /// What a missing value adds; `None` where none is missing.
    pub missing: Option<f64>,
    /// The share of rows where it is missing, 0 to 1.
    pub missing_share: f64,
}

/// A stretch of values that add the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShapeStep {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// What it adds, log-odds.
    pub value: f64,
}

/// A value of a category.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Category {
    /// The value.
    pub name: String,
    /// Its share of the rows, 0 to 1.
    pub share: f64,
    /// What it adds, log-odds.
    pub value: f64,
}
