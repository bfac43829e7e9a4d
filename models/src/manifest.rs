//! What a bundle says about itself.

use holdfast_features::snapshot::Question;
use holdfast_features::{FeatureSpec, Row, Timestamp};
use serde::{Deserialize, Serialize};

use crate::calibrate::CalibrationReport;

/// Everything about a bundle but the model's numbers; readable without them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The model's name in the registry.
    pub name: String,
    /// Its version in the registry, such as `v000001`; given when it is published, empty before.
    pub version: String,
    /// The version of the bundle format.
    pub format: u32,
    /// The version of this software that wrote the bundle.
    pub crate_version: String,
    /// Which learner with which parameters was chosen.
    pub candidate: String,
    /// All columns of the feature table, context included, in their order.
    pub specs: Vec<FeatureSpec>,
    /// What a probability is about; `None` for a prepared table, whose label alone knows.
    pub question: Option<Question>,
    /// How often it happens.
    pub base_rates: BaseRates,
    /// How the calibration was chosen.
    pub calibration: CalibrationReport,
    /// The figures of the report.
    pub metrics: serde_json::Value,
    /// Where the model comes from.
    pub provenance: Provenance,
}

/// The weighted churn rates of the rows that the model learnt from, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseRates {
    /// Of all rows.
    pub all: f64,
    /// Of those that were asked about a renewal; `None` where there were none.
    pub renewals: Option<f64>,
    /// Of those that were asked about the horizon; `None` likewise.
    pub rolling: Option<f64>,
}

impl Manifest {
    /// Days from the observation to the end of what the probability of the account in `row` is about; `None` for a
    /// model of a prepared table.
    #[must_use]
    pub fn horizon_days(&self, row: Row<'_>) -> Option<u32> {
        Some(self.question?.days(row.number(TERM_MONTHS), row.number("days_to_term_end")))
    }

    /// The churn rate that the account in `row` is to be compared with: that of the rows asked the same.
    #[must_use]
    pub fn base_rate(&self, row: Row<'_>) -> f64 {
        let Some(question) = self.question else { return self.base_rates.all };
        let alike = match question.is_of_renewal(row.number(TERM_MONTHS)) {
            true => self.base_rates.renewals,
            false => self.base_rates.rolling,
        };
        alike.unwrap_or(self.base_rates.all)
    }
}

/// The feature that tells which question an account is asked.
const TERM_MONTHS: &str = "term_months";

/// Where a model comes from: enough to train it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// From a history or from a prepared table.
    pub kind: ProvenanceKind,
    /// SHA-256 of the data, in hexadecimal.
    pub data_sha256: String,
    /// The configuration as TOML, empty for the defaults.
    pub config: String,
    /// The seed.
    pub seed: u64,
    /// The first snapshot learnt from.
    pub first: Option<Timestamp>,
    /// The last snapshot learnt from.
    pub last: Option<Timestamp>,
    /// The latest time that the data know.
    pub as_of: Option<Timestamp>,
    /// The version of this software that trained it.
    pub crate_version: String,
    /// The label value that counts as churn; `None` where labels come from a history.
    pub positive_label: Option<String>,
}

/// What a model was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProvenanceKind {
    /// History tables.
    History,
    /// A prepared table.
    Table,
}
