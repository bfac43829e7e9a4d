//! `RiskService`: subjects in, answers out.

use std::sync::Arc;

use holdfast_proto::v1::batch_score_result::Outcome;
use holdfast_proto::v1::risk_service_server::RiskService;
use holdfast_proto::v1::{
    BatchScoreRequest, BatchScoreResponse, BatchScoreResult, ExplainRequest, ExplainResponse,
    RecommendRequest, RecommendResponse, RowError, ScoreRequest, ScoreResponse, Subject, UnknownAccounts,
};
use tonic::{Request, Response, Status};

use crate::call;
use crate::error::Refusal;
use crate::loaded::Loaded;
use crate::reload::Current;
use crate::request::{Known, Located, Subjects};
use crate::violation::Violations;
use crate::wire;

/// The calls of `RiskService`.
#[derive(Debug)]
pub(crate) struct RiskCalls {
    current: Arc<Current>,
}

impl RiskCalls {
    pub(crate) fn new(current: Arc<Current>) -> Self {
        Self { current }
    }

    /// Answers a call about one subject.
    async fn one<T: Send + 'static>(
        &self,
        rpc: &'static str,
        subject: Option<Subject>,
        answer: fn(&Loaded, Known<'_>) -> T,
    ) -> Result<Response<T>, Status> {
        let current = Arc::clone(&self.current);
        call::answer(rpc, 1, move || {
            let loaded = current.loaded()?;
            let subjects = Subjects::read(&loaded, vec![("subject".to_owned(), subject)], current.now())?;
            let mut located = subjects.located(&loaded);
            match located.next() {
                Some(Located::Unknown { account_id }) => {
                    Err(Refusal::UnknownAccounts(vec![account_id.to_owned()]))
                }
                Some(Located::Known(subject)) => Ok(answer(&loaded, subject)),
                None => Err(Refusal::Lost("the request's subject".to_owned())),
            }
        })
        .await
    }
}

#[tonic::async_trait]
impl RiskService for RiskCalls {
    async fn score(&self, request: Request<ScoreRequest>) -> Result<Response<ScoreResponse>, Status> {
        self.one("Score", request.into_inner().subject, |loaded, subject| ScoreResponse {
            score: Some(wire::score(loaded, subject)),
        })
        .await
    }

    async fn batch_score(
        &self,
        request: Request<BatchScoreRequest>,
    ) -> Result<Response<BatchScoreResponse>, Status> {
        let request = request.into_inner();
        let current = Arc::clone(&self.current);
        call::answer("BatchScore", request.subjects.len(), move || batch(&current, request)).await
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainResponse>, Status> {
        self.one("Explain", request.into_inner().subject, wire::explanation).await
    }

    async fn recommend(
        &self,
        request: Request<RecommendRequest>,
    ) -> Result<Response<RecommendResponse>, Status> {
        self.one("Recommend", request.into_inner().subject, wire::recommendation).await
    }
}

fn batch(current: &Current, request: BatchScoreRequest) -> Result<BatchScoreResponse, Refusal> {
    let loaded = current.loaded()?;
    let mut violations = Violations::default();
    let (rows, most) = (request.subjects.len(), current.config().max_batch);
    if rows == 0 {
        violations.add("subjects", "is empty: send at least one");
    } else if rows > most {
        violations.add("subjects", format!("{rows} subjects; at most {most} are answered at once"));
    }
    let Ok(unknown_accounts) = UnknownAccounts::try_from(request.unknown_accounts) else {
        violations.add("unknown_accounts", format!("{} is no such choice", request.unknown_accounts));
        return Err(Refusal::Invalid(violations));
    };
    if !violations.is_empty() {
        return Err(Refusal::Invalid(violations));
    }
    let paths = request.subjects.into_iter().enumerate();
    let subjects = paths.map(|(row, subject)| (format!("subjects[{row}]"), Some(subject))).collect();
    let subjects = Subjects::read(&loaded, subjects, current.now())?;
    match unknown_accounts {
        UnknownAccounts::Fail => {
            let unknown: Vec<String> = subjects
                .located(&loaded)
                .filter_map(|located| match located {
                    Located::Unknown { account_id } => Some(account_id.to_owned()),
                    Located::Known(_) => None,
                })
                .collect();
            if !unknown.is_empty() {
                return Err(Refusal::UnknownAccounts(unknown));
            }
        }
        UnknownAccounts::Unspecified | UnknownAccounts::RowError => {}
    }
    let results = subjects
        .located(&loaded)
        .map(|located| {
            let outcome = match located {
                Located::Known(subject) => Outcome::Score(wire::score(&loaded, subject)),
                Located::Unknown { account_id } => {
                    let account_id = account_id.to_owned();
                    let message = Refusal::UnknownAccounts(vec![account_id.clone()]).to_string();
                    Outcome::Error(RowError { account_id, message })
                }
            };
            BatchScoreResult { outcome: Some(outcome) }
        })
        .collect();
    Ok(BatchScoreResponse { model: Some(wire::model_version(loaded.model())), results })
}
