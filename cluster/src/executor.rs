//! The executor: Ballista's, with our functions.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::health::ExecutorHealth;

use crate::session::{MESSAGE_BYTES, config, runtime};
use crate::{ClusterError, DEFAULT_PARTITIONS, functions};

/// How an executor runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutorOptions {
    /// The scheduler's host.
    pub scheduler_host: String,
    /// The scheduler's port.
    pub scheduler_port: u16,
    /// The address it binds.
    pub bind_host: String,
    /// The name under which the others reach it.
    pub external_host: String,
    /// The port at which others fetch its partial results.
    pub port: u16,
    /// The port at which the scheduler gives it tasks.
    pub grpc_port: u16,
    /// Tasks at one time.
    pub tasks: usize,
    /// Bytes that facts being gathered may take, over all tasks; `None` for 70 % of the machine's memory. What does not fit goes
    /// to `work_dir`.
    pub memory: Option<u64>,
    /// Where partial results lie.
    pub work_dir: PathBuf,
    /// Seconds between heartbeats.
    pub heartbeat: u64,
    /// Seconds to wait for the scheduler at the start.
    pub connect_timeout: u16,
}

/// How often it is looked whether the scheduler has answered.
const READY_POLL: Duration = Duration::from_millis(50);

/// Runs an executor until SIGTERM, Ctrl-C or the scheduler ends it; `on_ready` is called once, when the scheduler has
/// answered the first time.
///
/// # Errors
/// A scheduler that does not answer, ports that cannot be bound.
pub async fn execute(options: ExecutorOptions, on_ready: impl FnOnce()) -> Result<(), ClusterError> {
    let health = ExecutorHealth::new();
    let work_dir = options.work_dir.display().to_string();
    let scratch = work_dir.clone();
    let process = ExecutorProcessConfig {
        scheduler_host: options.scheduler_host,
        scheduler_port: options.scheduler_port,
        scheduler_connect_timeout_seconds: options.connect_timeout,
        bind_host: options.bind_host,
        external_host: Some(options.external_host),
        port: options.port,
        grpc_port: options.grpc_port,
        vcores: options.tasks,
        memory_pool_size: options.memory,
        work_dir: Some(work_dir),
        executor_heartbeat_interval_seconds: options.heartbeat,
        grpc_max_decoding_message_size: MESSAGE_BYTES,
        grpc_max_encoding_message_size: MESSAGE_BYTES,
        job_data_ttl_seconds: JOB_DATA_SECONDS,
        job_data_clean_up_interval_seconds: JOB_DATA_SECONDS / 10,
        override_function_registry: Some(Arc::new(functions::registry())),
        override_config_producer: Some(Arc::new(|| config(DEFAULT_PARTITIONS))),
        override_runtime_producer: Some(Arc::new(move |_| runtime(Some(&scratch)))),
        health: health.clone(),
        ..ExecutorProcessConfig::default()
    };
    let ready = async {
        while !health.is_ready() {
            tokio::time::sleep(READY_POLL).await;
        }
        on_ready();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = start_executor_process(Arc::new(process)) => Ok(ended?),
        () = ready => Ok(()),
    }
}

/// Partial results are kept for a day, should nobody have asked for their removal.
const JOB_DATA_SECONDS: u64 = 86_400;
