//! A trained model → registry: bundle, features to look up and report in one version folder, then in use.
//!
//! The version is published on hold, its other files are written beside the bundle, and only then does the
//! registry's pointer name it. Whoever follows the pointer sees all files or the version before; a run that fails
//! takes its version away again, and one that is killed leaves a version that is listed and not in use.

use std::path::{Path, PathBuf};

use holdfast_features::read::Reject;
use holdfast_features::snapshot::Question;
use holdfast_features::{FeatureTable, RowKey, write};
use holdfast_models::registry::Promotion;
use holdfast_models::{
    BaseRates, Benchmarks, Bundle, Calibration, ChurnModel, HorizonModel, Manifest, ModelName, OutcomeModel,
    Provenance, Registry, artifact,
};

use crate::TrainError;
use crate::gate::{Held, Promote, held_back};
use crate::report::{self, Report};

/// The features that the server looks accounts up in, in each version folder of a model trained on a history.
pub const FEATURES_FILE: &str = "features.parquet";
/// The report's folder in the version folder.
pub const REPORT_FOLDER: &str = "report";

/// What is published.
#[derive(Debug)]
pub struct Publication<'a> {
    /// The registry's folder.
    pub registry: &'a Path,
    /// The model's name.
    pub name: &'a ModelName,
    /// Where the report goes; by default into the version folder.
    pub report_dir: Option<&'a Path>,
    /// The model.
    pub model: ChurnModel,
    /// Its calibration.
    pub calibration: &'a Calibration,
    /// Where values stand among the rows learnt from.
    pub benchmarks: Benchmarks,
    /// When accounts churn, where the data say and it helps on later rows.
    pub horizons: Option<HorizonModel>,
    /// How accounts go on that stay, where the data say and it helps on later rows.
    pub outcomes: Option<OutcomeModel>,
    /// The winning candidate, in words.
    pub candidate: String,
    /// What a probability is about; `None` for a prepared table.
    pub question: Option<Question>,
    /// How often it happens.
    pub base_rates: BaseRates,
    /// Where the model comes from.
    pub provenance: Provenance,
    /// The accounts at the end of the history.
    pub features: Option<(&'a [RowKey], &'a FeatureTable)>,
    /// Rows of the history that were set aside.
    pub rejects: &'a [Reject],
    /// The report, without the version, which is not known yet.
    pub report: Report,
    /// What happens to a model that is not better than the base rate.
    pub promote: Promote,
}

/// The rows that reading set aside, in the version folder, where there are any.
pub const REJECTS_FILE: &str = "rejects.csv";

/// What is there now.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedModel {
    /// `NAME@VERSION`.
    pub reference: String,
    /// The bundle.
    pub bundle: PathBuf,
    /// The features to look accounts up in.
    pub features: Option<PathBuf>,
    /// The report's page.
    pub report: PathBuf,
    /// Why it is not in use; `None` where it is.
    pub held: Option<Held>,
    /// The registry.
    pub registry: PathBuf,
}

/// Publishes the model and puts it to use, unless it is no better than the base rate and the configuration does not insist.
///
/// # Errors
/// The registry's and the system's refusals; the version in use stays what it was.
pub fn publish(publication: Publication<'_>) -> Result<PublishedModel, TrainError> {
    let Publication { registry, name, report_dir, features, mut report, .. } = publication;
    let held = match publication.promote {
        Promote::WhenBetter => held_back(&report.baselines),
        Promote::Always => None,
    };
    if let Some(held) = &held {
        report.warnings.insert(0, held.reason());
    }
    let registry = Registry::at(registry);
    let mut bundle = Bundle {
        manifest: Manifest {
            name: name.to_string(),
            version: String::new(),
            format: artifact::FORMAT,
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            candidate: publication.candidate,
            specs: publication.model.specs().to_vec(),
            question: publication.question,
            base_rates: publication.base_rates,
            calibration: publication.calibration.report.clone(),
            metrics: serde_json::to_value(&report.evaluation).map_err(TrainError::Report)?,
            provenance: publication.provenance,
        },
        model: publication.model,
        benchmarks: publication.benchmarks,
        horizons: publication.horizons,
        outcomes: publication.outcomes,
    };
    let published = registry.publish(name, &mut bundle, Promotion::Hold)?;
    let folder = published.path.parent().unwrap_or_else(|| registry.root()).to_owned();
    report.generated_for = format!("{}@{}", published.name, published.version);
    let beside = || -> Result<(Option<PathBuf>, PathBuf), TrainError> {
        let features = match features {
            Some((keys, table)) => {
                let path = folder.join(FEATURES_FILE);
                write::feature_file(&path, keys, table)?;
                Some(path)
            }
            None => None,
        };
        if !publication.rejects.is_empty() {
            write::rejects(&folder.join(REJECTS_FILE), publication.rejects)?;
        }
        let page =
            write_report(report_dir.map_or_else(|| folder.join(REPORT_FOLDER), Path::to_owned), &report)?;
        if held.is_none() {
            registry.promote(name, published.version)?;
        }
        Ok((features, page))
    };
    match beside() {
        Ok((features, page)) => Ok(PublishedModel {
            reference: report.generated_for,
            bundle: published.path.clone(),
            features,
            report: page,
            held,
            registry: registry.root().to_owned(),
        }),
        Err(error) => {
            // The first error is the one to tell; a version that nobody uses is harmless.
            let _ = std::fs::remove_dir_all(&folder);
            Err(error)
        }
    }
}

/// Writes `report.json` and `report.html` into `folder`, which is made where it is missing; gives the page's path.
fn write_report(folder: PathBuf, report: &Report) -> Result<PathBuf, TrainError> {
    std::fs::create_dir_all(&folder)
        .map_err(|source| TrainError::Unwritable { path: folder.clone(), source })?;
    let json = report::json(report).map_err(TrainError::Report)?;
    let page = folder.join("report.html");
    let write = |path: &Path, text: &str| {
        write::atomically(path, |file| std::io::Write::write_all(file, text.as_bytes()))
    };
    write(&folder.join("report.json"), &json)?;
    write(&page, &report::html(report))?;
    Ok(page)
}

/// What a training run says and leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// For the terminal.
    pub text: String,
    /// What is in the registry.
    pub published: PublishedModel,
}

impl PublishedModel {
    /// What the terminal says of it.
    #[must_use]
    pub fn text(&self) -> String {
        let features = self.features.as_ref();
        let features =
            features.map_or_else(String::new, |path| format!("Features of today: {}\n", path.display()));
        let held = self.held.as_ref().map_or_else(String::new, |held| {
            format!(
                "On hold: {}\nRead the report. To use it all the same: holdfast-train models promote --registry {} {}, or \
                 train with --force.\n",
                held.reason(),
                self.registry.display(),
                self.reference
            )
        });
        format!(
            "Published {}: {}\n{features}Report: {}\n{held}",
            self.reference,
            self.bundle.display(),
            self.report.display()
        )
    }
}
