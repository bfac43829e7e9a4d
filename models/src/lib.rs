//! A feature table → a calibrated churn probability with its reasons; the bundle on disk; the registry.
//!
//! ```text
//! FeatureTable → Encoder (fitted on training rows, then frozen) → Classifier (one or a Blend) → Calibrator → Prediction
//! ```
//!
//! [`fit::fit`] learns one [`Candidate`] from the rows that it is given, [`calibrate::ladder`] learns the
//! calibration from margins of rows that the classifier did not see, [`ChurnModel::new`] joins both with a
//! background for explanations, [`Bundle`] puts the model into one file and [`Registry`] keeps such files.

pub mod additive;
pub mod artifact;
pub mod benchmark;
pub mod blend;
pub mod boost;
pub mod calibrate;
pub mod compiled;
pub mod encode;
pub mod explain;
pub mod fit;
pub mod forest;
pub mod horizon;
pub mod interchange;
pub mod logistic;
pub mod manifest;
pub mod model;
pub mod newton;
pub mod outcome;
pub mod probability;
pub mod registry;
#[cfg(test)]
mod testing;
pub mod tree;

pub use artifact::{Bundle, BundleError};
pub use benchmark::Benchmarks;
pub use blend::Blend;
pub use calibrate::{Calibration, Calibrator, VennAbers};
pub use encode::Encoder;
pub use explain::Explanation;
pub use fit::{Candidate, Checkpoint, FitError, FittedClassifier, TrainingRows, checkpoints, fit};
pub use horizon::{HorizonModel, HorizonRisk};
pub use manifest::{BaseRates, Manifest, Provenance, ProvenanceKind};
pub use model::{ChurnModel, Classifier, ModelError, Prediction, Scratch};
pub use outcome::{OutcomeModel, OutcomeProbabilities};
pub use registry::{ModelEntry, ModelName, ModelRef, Promotion, Published, Registry, RegistryError, Version};
