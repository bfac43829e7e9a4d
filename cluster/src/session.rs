//! Sessions: what a query runs on, in this process or on a cluster.

use std::sync::Arc;

use ballista::prelude::{SessionConfigExt, SessionContextExt};
use ballista_core::config::{BALLISTA_COALESCE_ENABLED, BALLISTA_SHUFFLE_SORT_BASED_BATCH_SIZE};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use url::Url;

use crate::location::Stores;
use crate::{ClusterError, functions};

/// Where a query runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cluster {
    /// In this process.
    Local,
    /// On the executors of the scheduler at this URL, `df://HOST:PORT`.
    Remote(String),
}

/// Partitions of a shuffle, unless asked for otherwise: small enough to be in memory whole, see `docs/cluster.md`.
pub const DEFAULT_PARTITIONS: usize = 16;

/// Rows of a batch. Around the shuffle a row is an account with all its facts, after it one with all its feature rows:
/// far fewer than usual keep a batch below [`MESSAGE_BYTES`], and let an aggregate spill in small steps.
const BATCH_ROWS: usize = 512;
/// Rows of a batch that was shuffled: accounts with facts of many files by then.
const SHUFFLED_ROWS: usize = 64;
/// The longest message between machines.
pub(crate) const MESSAGE_BYTES: u32 = 256 << 20;

impl Cluster {
    /// The cluster at `url`.
    ///
    /// # Errors
    /// [`ClusterError::Url`] for anything but `df://HOST:PORT`.
    pub fn at(url: &str) -> Result<Self, ClusterError> {
        let parsed = Url::parse(url).ok().filter(|url| url.scheme() == "df" && url.host().is_some());
        match parsed {
            Some(_) => Ok(Self::Remote(url.to_owned())),
            None => Err(ClusterError::Url(url.to_owned())),
        }
    }

    /// A session there, with our functions.
    pub(crate) async fn session(&self, n_partitions: usize) -> Result<SessionContext, ClusterError> {
        let state = state(config(n_partitions))?;
        let mut context = match self {
            Self::Local => SessionContext::new_with_state(state),
            Self::Remote(url) => SessionContext::remote_with_state(url, state).await?,
        };
        // Only now: connecting replaces the functions of a state by Ballista's.
        functions::register(&mut context)?;
        Ok(context)
    }

    /// `error`, unless the scheduler is gone: then that, whatever the connection called it.
    pub(crate) async fn explain(&self, error: ClusterError) -> ClusterError {
        let Self::Remote(url) = self else { return error };
        let address = Url::parse(url).ok().and_then(|url| {
            Some((url.host_str()?.to_owned(), url.port().unwrap_or(crate::scheduler::DEFAULT_PORT)))
        });
        let Some(address) = address else { return ClusterError::Url(url.clone()) };
        match tokio::net::TcpStream::connect(address).await {
            Ok(_) => error,
            Err(refused) => ClusterError::Scheduler { url: url.clone(), message: refused.to_string() },
        }
    }
}

/// The settings that client, scheduler and executors share.
pub(crate) fn config(n_partitions: usize) -> SessionConfig {
    SessionConfig::new_with_ballista()
        .with_target_partitions(n_partitions)
        // Texts become rows at once; views would only be copied.
        .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
        .with_batch_size(BATCH_ROWS)
        .set_usize(BALLISTA_SHUFFLE_SORT_BASED_BATCH_SIZE, SHUFFLED_ROWS)
        // A partition is what a task holds in memory: as many as were asked for, however small they look compressed.
        .set_bool(BALLISTA_COALESCE_ENABLED, false)
        .with_ballista_grpc_client_max_message_size(MESSAGE_BYTES as usize)
}

/// A session's state with our functions.
pub(crate) fn state(config: SessionConfig) -> Result<SessionState, datafusion::error::DataFusionError> {
    let mut state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime(None)?)
        .with_default_features()
        .build();
    functions::register(&mut state)?;
    Ok(state)
}

/// Object stores by URL, and where partial results are put that do not fit into memory.
pub(crate) fn runtime(scratch: Option<&str>) -> Result<Arc<RuntimeEnv>, datafusion::error::DataFusionError> {
    let builder = RuntimeEnvBuilder::new().with_object_store_registry(Arc::new(Stores));
    match scratch {
        Some(folder) => builder.with_temp_file_path(folder).build_arc(),
        None => builder.build_arc(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_schedulers_are_clusters() {
        assert_eq!(Cluster::at("df://host:50050").unwrap(), Cluster::Remote("df://host:50050".to_owned()));
        for wrong in ["host:50050", "http://host:50050", "df://", "df"] {
            assert!(matches!(Cluster::at(wrong), Err(ClusterError::Url(_))), "{wrong}");
        }
    }
}
