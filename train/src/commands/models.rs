//! `models`: what has been published.

use std::fmt::Write as _;
use std::io::Write as _;

use holdfast_features::history::Text;
use holdfast_features::write::{self, OutputColumn, Values};
use holdfast_features::{FeatureTable, Role, RowKey, read};
use holdfast_models::{Bundle, Manifest, ModelRef, Registry, RegistryError};

use crate::TrainError;
use crate::cli::{ExportArgs, ModelArgs, ModelsCommand, VerifyArgs};
use crate::columns::{Align, aligned, count};

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
        ModelsCommand::Export(args) => export(args),
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

fn export(args: &ExportArgs) -> Result<String, TrainError> {
    if let Some(inputs) = &args.inputs {
        super::check_ending(inputs)?;
    }
    let bundle = Registry::at(&args.model.registry).load(&args.model.model.parse()?)?;
    let bytes = bundle.model.to_onnx();
    write::atomically(&args.onnx, |file| file.write_all(&bytes))?;
    let Manifest { name, version, .. } = &bundle.manifest;
    let mut text = format!("{name}@{version} as ONNX: {}\n", args.onnx.display());
    if let (Some(features), Some(inputs)) = (&args.features, &args.inputs) {
        let (keys, table) = read::feature_file(features)?;
        let columns = encoded(&bundle, &keys, &bundle.model.align(&table)?);
        write::table(inputs, &columns)?;
        // Writing to a string never fails.
        let _ = writeln!(text, "{} rows encoded: {}", count(keys.len()), inputs.display());
    }
    Ok(text)
}

/// Keys and encoded rows, a column each.
fn encoded(bundle: &Bundle, keys: &[RowKey], table: &FeatureTable) -> Vec<OutputColumn> {
    let accounts: Vec<Option<Text>> = keys.iter().map(|key| Some(key.account_id.clone())).collect();
    let mut columns = vec![
        OutputColumn::new("account_id", Values::Text(accounts)),
        OutputColumn::new("as_of", Values::Time(keys.iter().map(|key| Some(key.as_of)).collect())),
    ];
    let rows: Vec<Vec<Vec<f64>>> = (0..keys.len()).map(|row| bundle.model.encoded(table.row(row))).collect();
    let n_classifiers = bundle.model.n_classifiers();
    for (member, inputs) in rows.first().into_iter().flatten().enumerate() {
        for column in 0..inputs.len() {
            let values = rows.iter().map(|row| row[member][column]).collect();
            let name =
                if member < n_classifiers { format!("encoded_{member}.{column}") } else { "offset".into() };
            columns.push(OutputColumn::new(name, Values::Number(values)));
        }
    }
    columns
}
