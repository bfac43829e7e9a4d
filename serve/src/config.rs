//! What a server is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use holdfast_features::Timestamp;
use holdfast_models::ModelRef;
use holdfast_proto::limits;

/// Where a server finds its model and accounts, and how it serves them.
#[derive(Debug, Clone)]
pub struct Config {
    /// The registry folder, as `holdfast-train` wrote it.
    pub registry: PathBuf,
    /// The model to serve; `None`: the only one of the registry.
    pub model: Option<ModelRef>,
    /// The feature snapshot that accounts are looked up in; `None`: `features.parquet` beside the
    /// bundle, where there is one.
    pub features: Option<PathBuf>,
    /// The address to listen on; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The configuration whose `[decisions]` apply; `None`: the defaults.
    pub settings: Option<PathBuf>,
    /// The folder of playbooks that replace the built-in ones.
    pub playbooks: Option<PathBuf>,
    /// What to do while the registry holds no model.
    pub without_model: WithoutModel,
    /// The most subjects of one `BatchScore`, 1 to [`limits::LARGEST_MAX_BATCH`].
    pub max_batch: usize,
    /// How often to look for a new current model or feature snapshot; `None`: never.
    pub reload_every: Option<Duration>,
    /// How long calls in flight may take to end once the server is asked to stop.
    pub drain: Duration,
    /// The time now: the `as_of` of features that a request carries without one.
    pub clock: fn() -> Timestamp,
}

/// What a server does that finds no model at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutModel {
    /// It ends with an error.
    Fail,
    /// It listens, answers that it is not serving, and looks again.
    Wait,
}

impl Config {
    /// A server on a free loopback port with the defaults of the command line.
    #[must_use]
    pub fn new(registry: impl Into<PathBuf>, clock: fn() -> Timestamp) -> Self {
        Self {
            registry: registry.into(),
            model: None,
            features: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            settings: None,
            playbooks: None,
            without_model: WithoutModel::Fail,
            max_batch: limits::DEFAULT_MAX_BATCH,
            reload_every: None,
            drain: Duration::from_secs(30),
            clock,
        }
    }
}
