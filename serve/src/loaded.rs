//! What is in service: a bundle, the accounts to look up, and the rules to decide by.

use std::path::PathBuf;

use holdfast_actions::playbook::folder_files;
use holdfast_actions::{Playbooks, Policy, Readings};
use holdfast_features::FeatureSpec;
use holdfast_features::settings::Settings;
use holdfast_models::{Bundle, ModelRef, Registry};

use crate::config::Config;
use crate::error::LoadError;
use crate::schema::Schema;
use crate::snapshot::Snapshot;

/// The feature snapshot that a training run leaves beside its bundle.
const FEATURES_FILE: &str = "features.parquet";

/// Tables of the configuration that only training reads.
const OF_TRAINING: [&str; 4] = ["history", "snapshots", "features", "training"];

/// A bundle in service; never changed, only replaced.
#[derive(Debug)]
pub struct Loaded {
    model: ModelRef,
    bundle: Bundle,
    schema: Schema,
    snapshot: Option<Snapshot>,
    /// How the snapshot's accounts stood earlier, read once so that a call stays cheap.
    readings: Readings,
    policy: Policy,
}

/// Where a model and its accounts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The model, its version included.
    pub model: ModelRef,
    /// The feature snapshot, where there is one.
    pub features: Option<PathBuf>,
}

impl Place {
    /// Finds `choice`, else the model that the server was started with, else the only one.
    ///
    /// # Errors
    /// [`LoadError::NoModel`], [`LoadError::SeveralModels`], and [`LoadError::Registry`] where the
    /// registry has no such version.
    pub fn find(config: &Config, choice: Option<&ModelRef>) -> Result<Self, LoadError> {
        let registry = Registry::at(&config.registry);
        let choice = match choice.or(config.model.as_ref()) {
            Some(choice) => choice.clone(),
            None => only_model(config, &registry)?,
        };
        let (version, path) = registry.resolve(&choice)?;
        let beside = path.with_file_name(FEATURES_FILE);
        Ok(Self {
            model: ModelRef { name: choice.name, version: Some(version) },
            features: config.features.clone().or_else(|| beside.is_file().then_some(beside)),
        })
    }
}

impl Loaded {
    /// Reads the model at `choice`, else the one that the server was started with, with all that it needs.
    ///
    /// # Errors
    /// [`LoadError`], with the file and what to do.
    pub fn read(config: &Config, choice: Option<&ModelRef>) -> Result<Self, LoadError> {
        // Mistakes in the rules are told even while there is no model.
        read_policy(config, &[])?;
        let Place { model, features } = Place::find(config, choice)?;
        let bundle = Registry::at(&config.registry).load(&model)?;
        let policy = read_policy(config, bundle.model.specs())?;
        let snapshot = features.map(|path| Snapshot::read(&path, &bundle.model)).transpose()?;
        let readings = snapshot.as_ref().map_or_else(Readings::default, |snapshot| {
            Readings::of_table(&policy, &bundle, snapshot.keys(), snapshot.table())
        });
        let schema = Schema::new(model.to_string(), bundle.model.specs());
        Ok(Self { model, bundle, schema, snapshot, readings, policy })
    }

    /// The model, its version included.
    #[must_use]
    pub fn model(&self) -> &ModelRef {
        &self.model
    }

    /// The bundle.
    #[must_use]
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// The columns that requests may give.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The accounts that requests may name, where there is a snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// How the snapshot's accounts stood earlier.
    #[must_use]
    pub fn readings(&self) -> &Readings {
        &self.readings
    }

    /// The rules in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

fn only_model(config: &Config, registry: &Registry) -> Result<ModelRef, LoadError> {
    let mut models = registry.list()?;
    match (models.pop(), models.is_empty()) {
        (Some(only), true) => Ok(ModelRef { name: only.name, version: None }),
        (None, _) => Err(LoadError::NoModel { registry: config.registry.clone() }),
        (Some(last), false) => {
            let names = models.iter().chain([&last]).map(|entry| entry.name.to_string()).collect();
            Err(LoadError::SeveralModels { registry: config.registry.clone(), names })
        }
    }
}

fn read_policy(config: &Config, specs: &[FeatureSpec]) -> Result<Policy, LoadError> {
    let (name, text) = match &config.settings {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|source| LoadError::SettingsFile { path: path.clone(), source })?;
            (path.display().to_string(), text)
        }
        None => ("the default settings".to_owned(), String::new()),
    };
    let mut settings = Settings::parse(&name, &text)?;
    let policy = Policy::read(&mut settings, specs);
    for table in OF_TRAINING {
        settings.leave(table);
    }
    settings.finish()?;
    let mut policy = policy?;
    if let Some(folder) = &config.playbooks {
        policy.playbooks = Playbooks::read(&folder_files(folder)?, specs)?;
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use holdfast_features::Timestamp;

    use super::*;

    /// One file configures both sides, so that the tables of training must be known here.
    #[test]
    fn the_configuration_of_training_is_accepted() {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/holdfast.toml");
        let config = Config { settings: Some(example.into()), ..Config::new(".", || Timestamp(0)) };
        let policy = read_policy(&config, &[]).unwrap();
        assert_eq!(policy, read_policy(&Config { settings: None, ..config }, &[]).unwrap());
    }
}
