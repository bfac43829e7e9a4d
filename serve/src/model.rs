//! `ModelService`: which models there are, and which one answers.

use std::sync::Arc;

use holdfast_models::{Manifest, ModelRef, Registry};
use holdfast_proto::v1::model_service_server::ModelService;
use holdfast_proto::v1::{
    FeatureSnapshot, GetModelRequest, GetModelResponse, ListModelsRequest, ListModelsResponse, ListedModel,
    Metric, ReloadModelRequest, ReloadModelResponse,
};
use tonic::{Request, Response, Status};

use crate::call;
use crate::error::{LoadError, Refusal};
use crate::loaded::{Loaded, Place};
use crate::reload::Current;
use crate::schema::Schema;
use crate::violation::Violations;
use crate::wire;

/// The calls of `ModelService`.
#[derive(Debug)]
pub(crate) struct ModelCalls {
    current: Arc<Current>,
}

impl ModelCalls {
    pub(crate) fn new(current: Arc<Current>) -> Self {
        Self { current }
    }
}

#[tonic::async_trait]
impl ModelService for ModelCalls {
    async fn get_model(
        &self,
        request: Request<GetModelRequest>,
    ) -> Result<Response<GetModelResponse>, Status> {
        let GetModelRequest { name, version } = request.into_inner();
        let current = Arc::clone(&self.current);
        call::answer("GetModel", 0, move || match choice(&current, &name, &version)? {
            None => {
                let loaded = current.loaded()?;
                Ok(described(&current, &loaded.bundle().manifest, loaded.model(), Some(&loaded)))
            }
            Some(choice) => {
                let model = Place::find(current.config(), Some(&choice))?.model;
                let manifest =
                    Registry::at(&current.config().registry).show(&model).map_err(LoadError::Registry)?;
                let serving = current.loaded().ok().filter(|loaded| *loaded.model() == model);
                Ok(described(&current, &manifest, &model, serving.as_deref()))
            }
        })
        .await
    }

    async fn list_models(
        &self,
        _: Request<ListModelsRequest>,
    ) -> Result<Response<ListModelsResponse>, Status> {
        let current = Arc::clone(&self.current);
        call::answer("ListModels", 0, move || list(&current)).await
    }

    async fn reload_model(
        &self,
        request: Request<ReloadModelRequest>,
    ) -> Result<Response<ReloadModelResponse>, Status> {
        let ReloadModelRequest { name, version } = request.into_inner();
        let reloaded = async {
            let exchange = self.current.reload(choice(&self.current, &name, &version)?).await?;
            Ok(ReloadModelResponse {
                model: Some(wire::model_version(exchange.now.model())),
                as_of: exchange.now.bundle().manifest.provenance.as_of.map(wire::time),
                previous: exchange.before.map(|before| wire::model_version(before.model())),
            })
        };
        call::logged("ReloadModel", 0, reloaded).await
    }
}

/// The model that a request names; `None` where it names none. A version alone is one of the model in
/// service, else of the model that the server was started with.
fn choice(current: &Current, name: &str, version: &str) -> Result<Option<ModelRef>, Refusal> {
    if name.is_empty() && version.is_empty() {
        return Ok(None);
    }
    let mut violations = Violations::default();
    let given = (!version.is_empty()).then(|| version.parse());
    let version = given.transpose().unwrap_or_else(|error: holdfast_models::RegistryError| {
        violations.add("version", error.to_string());
        None
    });
    let name = if name.is_empty() {
        match current.loaded() {
            Ok(loaded) => Some(loaded.model().name.clone()),
            Err(_) => Some(Place::find(current.config(), None)?.model.name),
        }
    } else {
        name.parse()
            .map_err(|error: holdfast_models::RegistryError| violations.add("name", error.to_string()))
            .ok()
    };
    match name {
        Some(name) if violations.is_empty() => Ok(Some(ModelRef { name, version })),
        _ => Err(Refusal::Invalid(violations)),
    }
}

fn described(
    current: &Current,
    manifest: &Manifest,
    model: &ModelRef,
    serving: Option<&Loaded>,
) -> GetModelResponse {
    let schema = Schema::new(model.to_string(), &manifest.specs);
    let mut metrics = Vec::new();
    flatten("", &manifest.metrics, &mut metrics);
    let snapshot = serving.and_then(Loaded::snapshot).map(|snapshot| FeatureSnapshot {
        accounts: u32::try_from(snapshot.n_accounts()).unwrap_or(u32::MAX),
        as_of: Some(wire::time(snapshot.latest())),
    });
    GetModelResponse {
        model: Some(wire::model_version(model)),
        as_of: manifest.provenance.as_of.map(wire::time),
        horizon_days: manifest.question.map(|question| question.horizon_days).unwrap_or_default(),
        features: schema.specs().iter().map(wire::feature).collect(),
        candidate: manifest.candidate.clone(),
        calibration: wire::calibration(manifest.calibration.deployed).into(),
        metrics,
        data_sha256: manifest.provenance.data_sha256.clone(),
        created_by: manifest.crate_version.clone(),
        snapshot,
        max_batch: u32::try_from(current.config().max_batch).unwrap_or(u32::MAX),
        calibrated_by_stage: manifest.calibration.segments.is_some_and(|offsets| offsets.is_deployed),
    }
}

fn list(current: &Current) -> Result<ListModelsResponse, Refusal> {
    let models = Registry::at(&current.config().registry).list().map_err(LoadError::Registry)?;
    let serving = current.loaded().ok();
    let is_serving = |model: &ModelRef| serving.as_ref().is_some_and(|loaded| loaded.model() == model);
    let listed = models.iter().flat_map(|entry| {
        entry.versions.iter().map(|version| {
            let model = ModelRef { name: entry.name.clone(), version: Some(*version) };
            ListedModel {
                model: Some(wire::model_version(&model)),
                current: entry.current == Some(*version),
                serving: is_serving(&model),
            }
        })
    });
    Ok(ListModelsResponse {
        models: listed.collect(),
        serving: serving.as_ref().map(|loaded| wire::model_version(loaded.model())),
        as_of: serving.and_then(|loaded| loaded.bundle().manifest.provenance.as_of).map(wire::time),
    })
}

/// The numbers in `metrics` under dotted names, in the order of the document.
fn flatten(name: &str, metrics: &serde_json::Value, into: &mut Vec<Metric>) {
    let below = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match metrics {
        serde_json::Value::Number(number) => {
            into.extend(number.as_f64().map(|value| Metric { name: name.to_owned(), value }));
        }
        serde_json::Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| flatten(&below(key), value, into));
        }
        // Curves and tables are the report's; texts and flags are no figures.
        serde_json::Value::Array(_)
        | serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_get_dotted_names() {
        let metrics = serde_json::json!({
            "auc": 0.84, "calibration": {"slope": 1.02, "method": "beta"}, "gains": [0.1, 0.2],
        });
        let mut flat = Vec::new();
        flatten("", &metrics, &mut flat);
        let named: Vec<_> = flat.iter().map(|metric| (metric.name.as_str(), metric.value)).collect();
        assert_eq!(named, [("auc", 0.84), ("calibration.slope", 1.02)]);
    }
}
