//! Why the registry cannot do what was asked.

use std::io;
use std::path::PathBuf;

use holdfast_features::write::WriteError;

use super::name::Version;
use crate::artifact::{BundleError, BundleFileError};

/// Why the registry cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A name that could leave the registry's folder.
    #[error(
        "`{0}` is not a model name: write lower-case letters, digits, `-`, `_` or `.`, beginning with a letter or digit, at most 64"
    )]
    Name(String),
    /// Text that is no version.
    #[error("`{0}` is not a version: write v000001 or 1")]
    Version(String),
    /// The registry has no such model.
    #[error("{root}: no model `{name}`; it has: {known}", root = .root.display())]
    NoModel {
        /// The registry.
        root: PathBuf,
        /// The model asked for.
        name: String,
        /// The models there are.
        known: String,
    },
    /// The model has no such version.
    #[error("model `{name}` has no version {version}; it has: {known}")]
    NoVersion {
        /// The model.
        name: String,
        /// The version asked for.
        version: Version,
        /// The versions there are.
        known: String,
    },
    /// No version of the model is in use.
    #[error("model `{0}` has no current version: promote one")]
    NoCurrent(String),
    /// There is no version to go back to.
    #[error("model `{0}` has no earlier version to roll back to")]
    NoEarlier(String),
    /// All version numbers are taken.
    #[error("model `{0}` has no version number left")]
    Full(String),
    /// The pointer does not name a version.
    #[error("{path}: line {line} is not a version: promote one", path = .path.display())]
    Pointer {
        /// The file.
        path: PathBuf,
        /// 1-based.
        line: usize,
    },
    /// A bundle of another model or version than its folder says.
    #[error("{path}: the bundle says it is {found}", path = .path.display())]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// What the manifest says.
        found: String,
    },
    /// The system refuses.
    #[error("{path}: cannot {action}: {source}", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A bundle that cannot be used.
    #[error(transparent)]
    File(#[from] BundleFileError),
    /// The model to be published could not be read back.
    #[error("not published: {0}")]
    Unpublishable(BundleError),
    /// A file was not written.
    #[error(transparent)]
    Write(#[from] WriteError),
}
