//! Asking the running server, as any gRPC client would.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use holdfast_features::read;
use holdfast_proto::limits::{DEFAULT_MAX_BATCH, MAX_MESSAGE_BYTES};
use holdfast_proto::v1::batch_score_result::Outcome;
use holdfast_proto::v1::model_service_client::ModelServiceClient;
use holdfast_proto::v1::risk_service_client::RiskServiceClient;
use holdfast_proto::v1::{
    BatchScoreRequest, GetModelRequest, ModelVersion, RecommendRequest, RecommendResponse, Score, Subject,
    subject,
};
use tonic::transport::Channel;

/// A connection to the server's two services.
#[derive(Debug)]
pub(crate) struct Client {
    models: ModelServiceClient<Channel>,
    risk: RiskServiceClient<Channel>,
}

/// An account as the feature snapshot knows it: what a card is headed by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contract {
    pub arr: Option<f64>,
    pub currency: Option<String>,
    pub tier: Option<String>,
    pub plan: Option<String>,
    pub days_to_term_end: Option<f64>,
}

/// The accounts that the server can look up, as they are today: earlier rows are their past.
pub(crate) fn accounts(registry: &Path, model: &ModelVersion) -> anyhow::Result<BTreeMap<String, Contract>> {
    let path = registry.join(&model.name).join(&model.version).join("features.parquet");
    let (keys, table) = read::feature_file(&path)?;
    let contract = |row| {
        let row = table.row(row);
        Contract {
            arr: row.number("arr"),
            currency: row.text("currency").map(str::to_owned),
            tier: row.text("tier").map(str::to_owned),
            plan: row.text("plan").map(str::to_owned),
            days_to_term_end: row.number("days_to_term_end"),
        }
    };
    let today = keys.iter().map(|key| key.as_of).max();
    let latest = keys.iter().enumerate().filter(|(_, key)| Some(key.as_of) == today);
    Ok(latest.map(|(row, key)| (key.account_id.to_string(), contract(row))).collect())
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> anyhow::Result<Self> {
        let channel = Channel::from_shared(format!("http://{addr}"))?
            .connect()
            .await
            .with_context(|| format!("cannot reach the server at {addr}"))?;
        let risk = RiskServiceClient::new(channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Self { models: ModelServiceClient::new(channel), risk })
    }

    /// The model in service.
    pub(crate) async fn model(&mut self) -> anyhow::Result<ModelVersion> {
        let response = self.models.get_model(GetModelRequest::default()).await?.into_inner();
        response.model.context("the server names no model")
    }

    /// The scores of all `accounts`, the riskiest first.
    pub(crate) async fn score_all(&mut self, accounts: &[&String]) -> anyhow::Result<Vec<Score>> {
        let mut scores = Vec::with_capacity(accounts.len());
        for batch in accounts.chunks(DEFAULT_MAX_BATCH) {
            let subjects = batch.iter().map(|account| by_id(account)).collect();
            let request = BatchScoreRequest { subjects, ..BatchScoreRequest::default() };
            for result in self.risk.batch_score(request).await?.into_inner().results {
                match result.outcome.context("a row of the batch has no outcome")? {
                    Outcome::Score(score) => scores.push(score),
                    Outcome::Error(error) => anyhow::bail!("{}: {}", error.account_id, error.message),
                }
            }
        }
        scores.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.account_id.cmp(&b.account_id)));
        Ok(scores)
    }

    /// Why, and what to do.
    pub(crate) async fn recommend(&mut self, account: &str) -> anyhow::Result<RecommendResponse> {
        let request = RecommendRequest { subject: Some(by_id(account)) };
        Ok(self.risk.recommend(request).await?.into_inner())
    }
}

fn by_id(account: &str) -> Subject {
    Subject { by: Some(subject::By::AccountId(account.to_owned())) }
}
