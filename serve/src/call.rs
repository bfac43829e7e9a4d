//! What every call has in common: off the network threads, one log line, one status.

use tokio::time::Instant;
use tonic::{Code, Response, Status};

use crate::error::Refusal;

/// Answers a call of `rows` subjects with `work`, on a thread for arithmetic and files.
pub(crate) async fn answer<T, W>(rpc: &'static str, rows: usize, work: W) -> Result<Response<T>, Status>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, Refusal> + Send + 'static,
{
    let answered =
        async { tokio::task::spawn_blocking(work).await.map_err(|error| Refusal::Lost(error.to_string()))? };
    logged(rpc, rows, answered).await
}

/// Awaits the answer of a call and logs it.
pub(crate) async fn logged<T>(
    rpc: &'static str,
    rows: usize,
    answered: impl Future<Output = Result<T, Refusal>>,
) -> Result<Response<T>, Status> {
    let begun = Instant::now();
    let answered = answered.await.map(Response::new).map_err(Status::from);
    let millis = begun.elapsed().as_secs_f64() * 1e3;
    match &answered {
        Ok(_) => tracing::info!(rpc, rows, millis, code = "Ok", "answered"),
        Err(status) if status.code() == Code::Internal => {
            tracing::error!(rpc, rows, millis, code = "Internal", reason = status.message(), "failed");
        }
        Err(status) => {
            tracing::info!(rpc, rows, millis, code = ?status.code(), reason = status.message(), "refused");
        }
    }
    answered
}
