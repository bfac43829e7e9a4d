//! `models`: what has been published.

use std::fmt::Write;

use holdfast_features::Role;
use holdfast_models::{Manifest, ModelRef, Registry, RegistryError};

use crate::TrainError;
use crate::cli::{ModelArgs, ModelsCommand, VerifyArgs};
use crate::columns::{Align, aligned};

/// Lists, shows, verifies, promotes or rolls back.
///
/// # Errors
/// What the registry says.
pub(super) fn run(command: &ModelsCommand) -> Result<String, TrainError> {
    match command {
        ModelsCommand::List(args) => list(&Registry::at(&args.registry)),
        ModelsCommand::Show(args) => show(args),
        ModelsCommand::Verify(args) => verify(args),
        ModelsCommand::Promote(args) => promote(args),
        ModelsCommand::Rollback(args) => {
            let model: ModelRef = args.model.parse()?;
            let version = Registry::at(&args.registry).rollback(&model.name)?;
            Ok(format!("{} is back at {version}\n", model.name))
        }
    }
}

fn list(registry: &Registry) -> Result<String, TrainError> {
    let models = registry.list()?;
    if models.is_empty() {
        return Ok(format!("No model has been published in {}\n", registry.root().display()));
    }
    let mut rows = Vec::new();
    for entry in &models {
        for version in &entry.versions {
            let model = ModelRef { name: entry.name.clone(), version: Some(*version) };
            let said = match registry.show(&model) {
                Ok(manifest) => format!("{}; {}", manifest.candidate, figures(&manifest.metrics)),
                Err(error) => error.to_string(),
            };
            let is_current = entry.current == Some(*version);
            rows.push(vec![model.to_string(), if is_current { "current" } else { "" }.to_owned(), said]);
        }
    }
    Ok(aligned(&[Align::Left, Align::Left, Align::Left], &rows))
}

/// AUC and log loss out of the report's evaluation.
fn figures(metrics: &serde_json::Value) -> String {
    let value = |name: &str| {
        let value = metrics.get(name)?.get("value")?.as_f64()?;
        Some(format!("{} {value:.4}", name.replace('_', " ")))
    };
    ["auc", "log_loss"].into_iter().filter_map(value).collect::<Vec<_>>().join(", ")
}

fn show(args: &ModelArgs) -> Result<String, TrainError> {
    let manifest = Registry::at(&args.registry).show(&args.model.parse()?)?;
    let text = serde_json::to_string_pretty(&manifest).map_err(TrainError::Report)?;
    Ok(text + "\n")
}

fn verify(args: &VerifyArgs) -> Result<String, TrainError> {
    let registry = Registry::at(&args.registry);
    let models: Vec<ModelRef> = match &args.model {
        Some(model) => vec![model.parse()?],
        None => {
            let every = registry.list()?.into_iter().flat_map(|entry| {
                let name = entry.name;
                entry
                    .versions
                    .into_iter()
                    .map(move |version| ModelRef { name: name.clone(), version: Some(version) })
            });
            every.collect()
        }
    };
    let mut text = String::new();
    for model in models {
        let bundle = registry.load(&model)?;
        let Manifest { name, version, specs, candidate, .. } = &bundle.manifest;
        let n_features = specs.iter().filter(|spec| spec.role == Role::Feature).count();
        // Writing to a string never fails.
        let _ = writeln!(text, "{name}@{version} is intact: {n_features} features, {candidate}");
    }
    Ok(text)
}

fn promote(args: &ModelArgs) -> Result<String, TrainError> {
    let model: ModelRef = args.model.parse()?;
    let version = model.version.ok_or_else(|| RegistryError::Version(args.model.clone()))?;
    Registry::at(&args.registry).promote(&model.name, version)?;
    Ok(format!("{model} is current\n"))
}
