//! The scheduler: Ballista's, with our functions and with timeouts for a query that somebody waits for.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::net::TcpListener;

use crate::session::{MESSAGE_BYTES, config, state};
use crate::{ClusterError, DEFAULT_PARTITIONS};

/// The port that clients and executors expect.
pub const DEFAULT_PORT: u16 = 50050;

/// How a scheduler runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulerOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The name under which executors and clients reach it.
    pub external_host: String,
    /// Seconds of silence after which an executor counts as lost. Ballista's 180 stall a query for as long.
    pub executor_timeout: u64,
}

/// Seconds between heartbeats of an executor, and of silence after which it is lost: three missed heartbeats and a bit.
pub const HEARTBEAT_SECONDS: u64 = 3;
/// See [`HEARTBEAT_SECONDS`].
pub const EXECUTOR_TIMEOUT_SECONDS: u64 = 10;

/// A scheduler that listens.
pub struct Scheduler {
    listener: TcpListener,
    addr: SocketAddr,
    options: SchedulerOptions,
}

impl Scheduler {
    /// Binds the address.
    ///
    /// # Errors
    /// An address that cannot be bound.
    pub async fn bind(options: SchedulerOptions) -> Result<Self, ClusterError> {
        let failed = |source: io::Error| ClusterError::Listen { addr: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, addr, options })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until the future is dropped or the listener fails.
    ///
    /// # Errors
    /// What the listener says.
    pub async fn serve(self) -> Result<(), ClusterError> {
        let Self { listener, addr, options } = self;
        let config = Arc::new(SchedulerConfig {
            bind_host: addr.ip().to_string(),
            bind_port: addr.port(),
            external_host: options.external_host,
            executor_timeout_seconds: options.executor_timeout,
            expire_dead_executor_interval_seconds: 1,
            no_executors_grace_period_seconds: options.executor_timeout,
            grpc_server_max_decoding_message_size: MESSAGE_BYTES,
            grpc_server_max_encoding_message_size: MESSAGE_BYTES,
            grpc_client_max_message_size: MESSAGE_BYTES,
            override_config_producer: Some(Arc::new(|| config(DEFAULT_PARTITIONS))),
            override_session_builder: Some(Arc::new(state)),
            ..SchedulerConfig::default()
        });
        let cluster = BallistaCluster::new_from_config(&config).await?;
        let scheduler = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, config).await?;
        Ok(start_grpc_service_with_listener(listener, scheduler).await?)
    }
}
