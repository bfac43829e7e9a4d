//! Listening, health, reflection and the orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use holdfast_proto::limits::MAX_MESSAGE_BYTES;
use holdfast_proto::v1::model_service_server::ModelServiceServer;
use holdfast_proto::v1::risk_service_server::RiskServiceServer;
use holdfast_proto::{FILE_DESCRIPTOR_SET, SERVICES};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tonic_reflection::server::Builder as Reflection;

use crate::config::{Config, WithoutModel};
use crate::error::ServeError;
use crate::linger::Lingering;
use crate::model::ModelCalls;
use crate::reload::{self, Current};
use crate::risk::RiskCalls;

/// How long a client may take to read the last answers and close.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that is listening.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    /// The address that is listened on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Asks the server to end: it says that it is not serving, accepts no more connections and ends
    /// the calls in flight. Returns at once.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for the end, which comes by [`Self::shutdown`] alone.
    ///
    /// # Errors
    /// [`ServeError::Transport`] where serving failed, [`ServeError::Lost`] where its task did.
    pub async fn join(self) -> Result<(), ServeError> {
        self.task.await.map_err(|error| ServeError::Lost(error.to_string()))?
    }
}

/// Loads the model, listens and serves in the background, on the runtime that this is called on.
///
/// # Errors
/// [`ServeError::Load`] where there is no usable model, configuration or feature snapshot;
/// [`ServeError::Listen`] where the address cannot be listened on.
pub async fn start(config: Config) -> Result<Running, ServeError> {
    let listen = config.listen;
    let drain = config.drain;
    let current = Arc::new(Current::new(config));
    match current.reload(None).await {
        Ok(_) => {}
        Err(error) if error.is_absence() && current.config().without_model == WithoutModel::Wait => {
            tracing::warn!(reason = %error, "waiting for a model");
        }
        Err(error) => return Err(error.into()),
    }
    let listener = TcpIncoming::bind(listen)
        .map_err(|source| ServeError::Listen { addr: listen, source })?
        .with_nodelay(Some(true));
    let addr = listener.local_addr().map_err(|source| ServeError::Listen { addr: listen, source })?;

    let incoming = listener.map(|accepted| accepted.map(|stream| Lingering::new(stream, PATIENCE)));

    let (reporter, health) = tonic_health::server::health_reporter();
    report(&reporter, current.status()).await;
    let risk = RiskServiceServer::new(RiskCalls::new(Arc::clone(&current)))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let model = ModelServiceServer::new(ModelCalls::new(Arc::clone(&current)));
    let routes = Server::builder()
        .add_service(health)
        .add_service(reflection().build_v1().map_err(|error| ServeError::Reflection(error.to_string()))?)
        .add_service(reflection().build_v1alpha().map_err(|error| ServeError::Reflection(error.to_string()))?)
        .add_service(risk)
        .add_service(model);

    let (stop, stopped) = watch::channel(false);
    let watcher = tokio::spawn(reload::watch(Arc::clone(&current), stopped.clone()));
    let reporting = tokio::spawn(report_changes(reporter, Arc::clone(&current), stopped.clone()));
    let until_stop = until(stopped.clone());
    let task = tokio::spawn(async move {
        let serving = routes.serve_with_incoming_shutdown(incoming, async move {
            // The reporter first says that nothing is served, then the listener closes.
            until_stop.await;
            let _ = reporting.await;
        });
        let ended = tokio::select! {
            ended = serving => ended.map_err(ServeError::Transport),
            () = async { until(stopped).await; tokio::time::sleep(drain).await } => {
                tracing::warn!(seconds = drain.as_secs_f64(), "calls or streams still open were cut off");
                Ok(())
            }
        };
        watcher.abort();
        tracing::info!("stopped");
        ended
    });
    tracing::info!(%addr, "listening");
    Ok(Running { addr, stop, task })
}

fn reflection() -> Reflection<'static> {
    Reflection::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// Resolves when the server is asked to stop, or when nobody is left to ask.
async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that `Running` was dropped.
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Keeps the health service in step with whether a model is loaded.
async fn report_changes(reporter: HealthReporter, current: Arc<Current>, stopped: watch::Receiver<bool>) {
    let stop = until(stopped);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = current.changed() => report(&reporter, current.status()).await,
        }
    }
    report(&reporter, ServingStatus::NotServing).await;
}

/// Sets the status of the server as a whole, whose name is empty, and of each service.
async fn report(reporter: &HealthReporter, status: ServingStatus) {
    reporter.set_service_status("", status).await;
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}
