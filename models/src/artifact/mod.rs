//! A bundle: one self-sufficient file of manifest, model and benchmarks.
//!
//! ```text
//! "HOLDFAST"  format u32  manifest length u64  payload length u64      (28 bytes, little-endian)
//! manifest    JSON
//! payload     postcard: (ChurnModel, Benchmarks, Option<HorizonModel>, Option<OutcomeModel>, Option<SegmentOffsets>);
//!             format 2 lacks the last and knows no spline among the calibrators, format 1 lacks the last three
//! SHA-256     of everything before it
//! ```
//! A file is taken for hostile until its length, checksum, structure and every number that a prediction could stumble
//! over are checked.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use holdfast_features::Row;
use holdfast_features::write::{WriteError, atomically};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::benchmark::Benchmarks;
use crate::calibrate::SegmentOffsets;
use crate::horizon::{HORIZONS, HorizonModel, HorizonRisk};
use crate::manifest::Manifest;
use crate::model::{ChurnModel, ModelError, Prediction, Scratch};
use crate::outcome::{OutcomeModel, OutcomeProbabilities};

/// The format that is written.
pub const FORMAT: u32 = 3;
/// The oldest format that is still read.
pub const OLDEST_FORMAT: u32 = 1;
/// The largest manifest: tens of thousands of features with their meanings.
pub const MAX_MANIFEST_BYTES: u64 = 32 << 20;
/// The largest payload: a forest of millions of nodes.
pub const MAX_PAYLOAD_BYTES: u64 = 512 << 20;

const MAGIC: &[u8; 8] = b"HOLDFAST";
const HEADER: usize = 28;
const DIGEST: usize = 32;

/// A model with everything needed to serve and to judge it.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// What it says about itself.
    pub manifest: Manifest,
    /// The model.
    pub model: ChurnModel,
    /// Where values stand among the training accounts.
    pub benchmarks: Benchmarks,
    /// When accounts churn; `None` for a prepared table, where too few churned or the known rates do as well, and in bundles of
    /// format 1.
    pub horizons: Option<HorizonModel>,
    /// How accounts go on that do not churn; `None` likewise.
    pub outcomes: Option<OutcomeModel>,
}

/// Why bytes are no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It does not begin as a bundle does.
    #[error("not a Holdfast bundle")]
    NotABundle,
    /// Written by another version of this software.
    #[error(
        "bundle format {found}, but this version reads {OLDEST_FORMAT} to {FORMAT}; use the version of Holdfast that wrote it, or train again"
    )]
    UnsupportedVersion {
        /// The format found.
        found: u32,
    },
    /// The file ends too early.
    #[error("truncated: {found} of {expected} bytes; copy it again")]
    Truncated {
        /// The bytes that it should have.
        expected: u64,
        /// The bytes that it has.
        found: u64,
    },
    /// The file goes on after its end.
    #[error("{extra} bytes too many; copy it again")]
    Trailing {
        /// The bytes after the end.
        extra: u64,
    },
    /// A part is larger than any real bundle's.
    #[error("the {part} of {found} bytes is larger than {limit}")]
    TooLarge {
        /// `manifest`, `payload` or `file`.
        part: &'static str,
        /// Its length.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A byte has changed since it was written.
    #[error("checksum mismatch: the file is damaged; restore it, or roll back to another version")]
    ChecksumMismatch,
    /// The manifest is not what this format promises.
    #[error("manifest: {0}")]
    Manifest(serde_json::Error),
    /// The payload is not what this format promises.
    #[error("payload: {0}")]
    Payload(postcard::Error),
    /// Bytes of the payload that belong to nothing.
    #[error("payload: {0} bytes too many")]
    PayloadTrailing(usize),
    /// Manifest and model contradict each other.
    #[error("manifest and model disagree about {0}")]
    Disagree(&'static str),
    /// The model could not answer every row.
    #[error("model: {0}")]
    Model(#[from] ModelError),
    /// The benchmarks cannot be searched.
    #[error("the benchmarks hold numbers that cannot be used")]
    Benchmarks,
    /// The hazards would make probabilities that are none.
    #[error(transparent)]
    Horizons(#[from] crate::horizon::NotUsable),
}

/// A bundle file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}", path = .path.display())]
pub struct BundleFileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub error: BundleError,
}

/// The parts of a file whose length and checksum are right.
struct Parts<'a> {
    format: u32,
    manifest: &'a [u8],
    payload: &'a [u8],
}

#[derive(Serialize)]
struct PayloadOut<'a>(
    &'a ChurnModel,
    &'a Benchmarks,
    &'a Option<HorizonModel>,
    &'a Option<OutcomeModel>,
    &'a Option<SegmentOffsets>,
);

#[derive(Deserialize)]
struct PayloadIn(ChurnModel, Benchmarks, Option<HorizonModel>, Option<OutcomeModel>, Option<SegmentOffsets>);

#[derive(Deserialize)]
struct PayloadOfFormat2(ChurnModel, Benchmarks, Option<HorizonModel>, Option<OutcomeModel>);

#[derive(Deserialize)]
struct PayloadOfFormat1(ChurnModel, Benchmarks);

impl Bundle {
    /// The bundle as a file's bytes.
    ///
    /// # Errors
    /// [`BundleError::TooLarge`], and every contradiction that [`Self::from_bytes`] would refuse.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BundleError> {
        self.check(FORMAT)?;
        let manifest = serde_json::to_vec(&self.manifest).map_err(BundleError::Manifest)?;
        let payload = postcard::to_stdvec(&PayloadOut(
            &self.model,
            &self.benchmarks,
            &self.horizons,
            &self.outcomes,
            &self.model.segments,
        ))
        .map_err(BundleError::Payload)?;
        let (n_manifest, n_payload) = (manifest.len() as u64, payload.len() as u64);
        check_size("manifest", n_manifest, MAX_MANIFEST_BYTES)?;
        check_size("payload", n_payload, MAX_PAYLOAD_BYTES)?;
        let mut bytes = Vec::with_capacity(HEADER + manifest.len() + payload.len() + DIGEST);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&n_manifest.to_le_bytes());
        bytes.extend_from_slice(&n_payload.to_le_bytes());
        bytes.extend(manifest);
        bytes.extend(payload);
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        Ok(bytes)
    }

    /// The probabilities that the account in `row`, answered by `prediction`, stops paying within each of
    /// [`HORIZONS`]; `None` where the bundle does not know when accounts churn. Allocates nothing.
    #[must_use]
    pub fn horizon_risks(
        &self,
        row: Row<'_>,
        prediction: &Prediction,
    ) -> Option<[HorizonRisk; HORIZONS.len()]> {
        self.horizons.as_ref().map(|horizons| horizons.risks(prediction.margin, row))
    }

    /// The probabilities of the four outcomes of the decision that `prediction` is about; `None` where the bundle knows
    /// of churn alone. Allocates nothing once `scratch` was used.
    #[must_use]
    pub fn outcome_probabilities(
        &self,
        row: Row<'_>,
        prediction: &Prediction,
        scratch: &mut Scratch,
    ) -> Option<OutcomeProbabilities> {
        self.outcomes.as_ref().map(|outcomes| outcomes.probabilities(prediction.probability, row, scratch))
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// One [`BundleError`] a way to fail; no bytes make it panic.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        let parts = Parts::of(bytes)?;
        let manifest = parts.manifest()?;
        let (PayloadIn(mut model, benchmarks, horizons, outcomes, segments), rest) = match parts.format {
            1 => {
                postcard::take_from_bytes(parts.payload).map(|(PayloadOfFormat1(model, benchmarks), rest)| {
                    (PayloadIn(model, benchmarks, None, None, None), rest)
                })
            }
            2 => postcard::take_from_bytes(parts.payload).map(
                |(PayloadOfFormat2(model, benchmarks, horizons, outcomes), rest)| {
                    (PayloadIn(model, benchmarks, horizons, outcomes, None), rest)
                },
            ),
            _ => postcard::take_from_bytes(parts.payload),
        }
        .map_err(BundleError::Payload)?;
        if !rest.is_empty() {
            return Err(BundleError::PayloadTrailing(rest.len()));
        }
        model.segments = segments;
        let mut bundle = Self { manifest, model, benchmarks, horizons, outcomes };
        bundle.check(parts.format)?;
        bundle.model.compile();
        Ok(bundle)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The file, and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, BundleFileError> {
        read_file(path)
            .and_then(|bytes| Self::from_bytes(&bytes))
            .map_err(|error| BundleFileError { path: path.to_owned(), error })
    }

    /// Reads the manifest of a file, whose checksum is verified.
    ///
    /// # Errors
    /// The file, and what is wrong with it.
    pub fn read_manifest(path: &Path) -> Result<Manifest, BundleFileError> {
        read_file(path)
            .and_then(|bytes| Parts::of(&bytes)?.manifest())
            .map_err(|error| BundleFileError { path: path.to_owned(), error })
    }

    fn check(&self, format: u32) -> Result<(), BundleError> {
        if self.manifest.format != format {
            return Err(BundleError::Disagree("the format"));
        }
        if self.manifest.specs != self.model.specs() {
            return Err(BundleError::Disagree("the features"));
        }
        self.model.validate()?;
        if let Some(horizons) = &self.horizons {
            horizons.validate()?;
        }
        if let Some(outcomes) = &self.outcomes {
            outcomes.validate(self.model.specs())?;
        }
        if self.benchmarks.is_valid() { Ok(()) } else { Err(BundleError::Benchmarks) }
    }
}

/// Writes a bundle's bytes to a file, whole or not at all.
///
/// # Errors
/// The system's refusal.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    atomically(path, |file| file.write_all(bytes))
}

fn read_file(path: &Path) -> Result<Vec<u8>, BundleError> {
    let limit = HEADER as u64 + MAX_MANIFEST_BYTES + MAX_PAYLOAD_BYTES + DIGEST as u64;
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too large without reading all of it.
    fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    check_size("file", bytes.len() as u64, limit)?;
    Ok(bytes)
}

fn check_size(part: &'static str, found: u64, limit: u64) -> Result<(), BundleError> {
    if found > limit { Err(BundleError::TooLarge { part, found, limit }) } else { Ok(()) }
}

impl<'a> Parts<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let found = bytes.len() as u64;
        let begins = &bytes[..bytes.len().min(MAGIC.len())];
        if begins.is_empty() || !MAGIC.starts_with(begins) {
            return Err(BundleError::NotABundle);
        }
        let truncated = BundleError::Truncated { expected: (HEADER + DIGEST) as u64, found };
        let Some(format) = bytes.get(8..12).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes) else {
            return Err(truncated);
        };
        if !(OLDEST_FORMAT..=FORMAT).contains(&format) {
            return Err(BundleError::UnsupportedVersion { found: format });
        }
        let length =
            |at: usize| bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
        let (Some(n_manifest), Some(n_payload)) = (length(12), length(20)) else { return Err(truncated) };
        check_size("manifest", n_manifest, MAX_MANIFEST_BYTES)?;
        check_size("payload", n_payload, MAX_PAYLOAD_BYTES)?;
        let expected = HEADER as u64 + n_manifest + n_payload + DIGEST as u64;
        if found < expected {
            return Err(BundleError::Truncated { expected, found });
        }
        if found > expected {
            return Err(BundleError::Trailing { extra: found - expected });
        }
        let (content, digest) = bytes.split_at(bytes.len() - DIGEST);
        if Sha256::digest(content).as_slice() != digest {
            return Err(BundleError::ChecksumMismatch);
        }
        // Both lengths are below the length of `bytes`, so they fit.
        let n_manifest = usize::try_from(n_manifest).unwrap_or(0);
        let (manifest, payload) = content[HEADER..].split_at(n_manifest);
        Ok(Self { format, manifest, payload })
    }

    fn manifest(&self) -> Result<Manifest, BundleError> {
        serde_json::from_slice(self.manifest).map_err(BundleError::Manifest)
    }
}

#[cfg(test)]
mod tests;
