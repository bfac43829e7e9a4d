//! What can go wrong, and which gRPC status says so.

use std::net::SocketAddr;
use std::path::PathBuf;

use holdfast_actions::PlaybookError;
use holdfast_features::Timestamp;
use holdfast_features::matrix::TableError;
use holdfast_features::read::ReadError;
use holdfast_features::settings::Mistakes;
use holdfast_models::RegistryError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::violation::{Violations, listed};

/// Why a server does not start or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is no usable model, configuration or feature snapshot.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}; choose another with --listen")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The embedded protocol descriptor cannot be served.
    #[error("the embedded protocol descriptor is damaged: {0}")]
    Reflection(String),
    /// Serving failed.
    #[error("serving failed: {0}")]
    Transport(#[source] tonic::transport::Error),
    /// The task that serves is gone.
    #[error("the server's task was lost: {0}")]
    Lost(String),
}

/// Why nothing can be put into service.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The registry is empty or not there.
    #[error("{} holds no model: train one with `holdfast-train run --registry`, or start with --wait-for-model", .registry.display())]
    NoModel {
        /// The registry folder.
        registry: PathBuf,
    },
    /// It is not said which of several models to serve.
    #[error("{} holds several models ({}): choose one with --model", .registry.display(), .names.join(", "))]
    SeveralModels {
        /// The registry folder.
        registry: PathBuf,
        /// Their names, sorted.
        names: Vec<String>,
    },
    /// The registry has no such model or version, or its bundle cannot be used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The feature snapshot cannot be read.
    #[error("feature snapshot: {source}")]
    Features {
        /// The reason, with the file.
        source: Box<ReadError>,
    },
    /// The feature snapshot lacks a feature of the model, or holds it in another type.
    #[error("{}: does not fit the model: {}; write it anew with `holdfast-train features`", .path.display(), misfit(.reason))]
    SnapshotColumns {
        /// The file.
        path: PathBuf,
        /// What does not fit; told in brief by the message, so that it is no source to be told again.
        reason: TableError,
    },
    /// The feature snapshot has no rows.
    #[error("{}: the feature snapshot has no rows", .path.display())]
    SnapshotEmpty {
        /// The file.
        path: PathBuf,
    },
    /// The feature snapshot has two rows of one account and time.
    #[error("{}: account `{account_id}` has two rows as of {as_of}: keep one", .path.display())]
    SnapshotDuplicate {
        /// The file.
        path: PathBuf,
        /// The account.
        account_id: String,
        /// The time of both rows.
        as_of: Timestamp,
    },
    /// The configuration cannot be read.
    #[error("{}: {source}", .path.display())]
    SettingsFile {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The configuration has mistakes.
    #[error(transparent)]
    Settings(#[from] Mistakes),
    /// The playbooks cannot be used.
    #[error(transparent)]
    Playbooks(#[from] PlaybookError),
    /// The task that loads is gone.
    #[error("loading was cut off: {0}")]
    Lost(String),
}

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No model is loaded yet.
    #[error("no model is loaded yet: the server waits for one in its registry")]
    NoModel,
    /// An account is named, but there is nothing to look it up in.
    #[error("the server holds no feature snapshot: start it with --features, or send features by name")]
    NoSnapshot,
    /// The snapshot has none of these accounts.
    #[error("the feature snapshot has no account {}", listed(.0))]
    UnknownAccounts(Vec<String>),
    /// The request has mistakes.
    #[error("{}", .0.summary())]
    Invalid(Violations),
    /// A model cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The features do not make a table.
    #[error("the features do not make a table: {0}")]
    Table(#[source] TableError),
    /// The task that answers is gone.
    #[error("answering was cut off: {0}")]
    Lost(String),
}

impl ServeError {
    /// Whether the input that the server was started with is to blame, rather than the machine.
    #[must_use]
    pub fn is_input(&self) -> bool {
        match self {
            Self::Load(LoadError::Lost(_)) => false,
            Self::Load(_) => true,
            Self::Listen { .. } | Self::Reflection(_) | Self::Transport(_) | Self::Lost(_) => false,
        }
    }
}

impl LoadError {
    /// Whether there is no model yet, rather than one that cannot be used.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::NoModel { .. }
                | Self::Registry(
                    RegistryError::NoModel { .. }
                        | RegistryError::NoVersion { .. }
                        | RegistryError::NoCurrent(_)
                )
        )
    }
}

/// A file of another kind lacks nearly all features: the first of them and their number say enough.
fn misfit(reason: &TableError) -> String {
    match reason {
        TableError::Missing(names) => {
            let are = if names.len() == 1 { "feature is" } else { "features are" };
            format!("{} {are} missing: {}", names.len(), listed(names))
        }
        other => other.to_string(),
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::NoModel => Self::unavailable(message),
            Refusal::UnknownAccounts(_) => Self::not_found(message),
            Refusal::Invalid(violations) => {
                let violations = violations.listed().iter().map(|violation| {
                    FieldViolation::new(violation.field.clone(), violation.description.clone())
                });
                let details = ErrorDetails::with_bad_request(violations.collect::<Vec<_>>());
                Self::with_error_details(Code::InvalidArgument, message, details)
            }
            Refusal::NoSnapshot => Self::failed_precondition(message),
            Refusal::Load(error) => match error {
                LoadError::NoModel { .. } => Self::not_found(message),
                LoadError::Registry(_) if error.is_absence() => Self::not_found(message),
                LoadError::Registry(_)
                | LoadError::SeveralModels { .. }
                | LoadError::Features { .. }
                | LoadError::SnapshotColumns { .. }
                | LoadError::SnapshotEmpty { .. }
                | LoadError::SnapshotDuplicate { .. }
                | LoadError::SettingsFile { .. }
                | LoadError::Settings(_)
                | LoadError::Playbooks(_) => Self::failed_precondition(message),
                LoadError::Lost(_) => Self::internal(message),
            },
            Refusal::Table(_) | Refusal::Lost(_) => Self::internal(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_kind_is_told_in_brief() {
        let refused = |n_missing: usize| LoadError::SnapshotColumns {
            path: "today.parquet".into(),
            reason: TableError::Missing((0..n_missing).map(|index| format!("x{index}")).collect()),
        };
        let start = "today.parquet: does not fit the model: 150 features are missing: \"x0\", \"x1\", ";
        let told = refused(150).to_string();
        assert!(told.starts_with(start) && told.contains("and 140 more; write it anew"), "{told}");
        assert!(refused(1).to_string().contains("1 feature is missing: \"x0\";"));
    }
}
