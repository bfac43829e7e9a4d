//! The command line of `models`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with published models.
#[derive(Debug, Clone, Subcommand)]
pub enum ModelsCommand {
    /// Every model, its versions and which one is current
    #[command(after_help = "Example:\n  holdfast-train models list --registry registry")]
    List(RegistryArgs),
    /// What a version was made from and how good it is
    #[command(after_help = "Example:\n  holdfast-train models show --registry registry churn@3")]
    Show(ModelArgs),
    /// Read bundles and check their checksums: one version, one model or, without a name, all
    #[command(after_help = "Example:\n  holdfast-train models verify --registry registry churn")]
    Verify(VerifyArgs),
    /// Make a version the current one
    #[command(after_help = "Example:\n  holdfast-train models promote --registry registry churn@2")]
    Promote(ModelArgs),
    /// Make the version before the current one current again
    #[command(after_help = "Example:\n  holdfast-train models rollback --registry registry churn")]
    Rollback(ModelArgs),
    /// Write a version as ONNX, for runtimes that are not ours, and rows as the numbers that it reads
    #[command(after_help = "Examples:\n  \
        holdfast-train models export --registry registry churn --onnx churn.onnx\n  \
        holdfast-train models export --registry registry churn@3 --onnx churn.onnx \\\n    \
        --features registry/churn/v000003/features.parquet --inputs inputs.parquet\n\n\
        The ONNX model takes encoded rows, one input a classifier: encoded_0, encoded_1, … (doubles, missing as NaN),\n\
        and offset, the segment's, where the calibration has some. --inputs writes them for the rows of a feature file\n\
        as columns encoded_0.0, encoded_0.1, … and offset; the outputs margin and probability are those of `score`,\n\
        sums of trees in single precision.")]
    Export(ExportArgs),
}

/// A registry.
#[derive(Debug, Clone, Args)]
pub struct RegistryArgs {
    /// Registry folder
    #[arg(long, value_name = "DIR")]
    pub registry: PathBuf,
}

/// A model in a registry.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// Registry folder
    #[arg(long, value_name = "DIR")]
    pub registry: PathBuf,
    /// The model, with a version where one is meant
    #[arg(value_name = "NAME[@VERSION]")]
    pub model: String,
}

/// What to export.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// The ONNX file to write
    #[arg(long, value_name = "FILE")]
    pub onnx: PathBuf,
    /// A feature file (as `features` and `run` write it) whose rows to encode
    #[arg(long, value_name = "FILE", requires = "inputs")]
    pub features: Option<PathBuf>,
    /// Where to write the encoded rows (CSV or Parquet by its ending)
    #[arg(long, value_name = "FILE", requires = "features")]
    pub inputs: Option<PathBuf>,
}

/// What to verify.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Registry folder
    #[arg(long, value_name = "DIR")]
    pub registry: PathBuf,
    /// The model, with a version where one is meant [default: all]
    #[arg(value_name = "NAME[@VERSION]")]
    pub model: Option<String>,
}
