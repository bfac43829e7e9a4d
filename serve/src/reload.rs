//! The model in service, and how it is exchanged.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use holdfast_features::Timestamp;
use holdfast_models::ModelRef;
use tokio::sync::{Notify, watch};
use tonic_health::ServingStatus;

use crate::config::Config;
use crate::error::{LoadError, Refusal};
use crate::loaded::{Loaded, Place};

/// How often to look for a first model.
const WAITING: Duration = Duration::from_millis(500);

/// What is in service now.
#[derive(Debug)]
pub struct Current {
    config: Config,
    loaded: ArcSwapOption<Loaded>,
    /// One exchange at a time.
    exchanging: tokio::sync::Mutex<()>,
    /// What the files looked like when they were last read, successfully or not.
    seen: Mutex<Option<Stamp>>,
    changed: Notify,
}

/// An exchange that took place.
#[derive(Debug)]
pub struct Exchange {
    /// What is in service now.
    pub now: Arc<Loaded>,
    /// What was before.
    pub before: Option<Arc<Loaded>>,
}

/// By what a newly published model or snapshot is noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    current: Option<ModelRef>,
    features: Option<(SystemTime, u64)>,
}

impl Current {
    /// Nothing is in service yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            loaded: ArcSwapOption::empty(),
            exchanging: tokio::sync::Mutex::new(()),
            seen: Mutex::new(None),
            changed: Notify::new(),
        }
    }

    /// What the server was started with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.config.clock)()
    }

    /// What is in service; a call keeps to the one it began with.
    ///
    /// # Errors
    /// [`Refusal::NoModel`] before the first model.
    pub fn loaded(&self) -> Result<Arc<Loaded>, Refusal> {
        self.loaded.load_full().ok_or(Refusal::NoModel)
    }

    /// Whether there is something in service.
    #[must_use]
    pub fn status(&self) -> ServingStatus {
        if self.loaded.load().is_some() { ServingStatus::Serving } else { ServingStatus::NotServing }
    }

    /// Resolves after an exchange; for one waiting task.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Reads model, snapshot and settings anew and puts them into service; `None` reads the model that
    /// the server was started with.
    ///
    /// # Errors
    /// [`LoadError`]; then what was in service stays.
    pub async fn reload(&self, choice: Option<ModelRef>) -> Result<Exchange, LoadError> {
        let _one_at_a_time = self.exchanging.lock().await;
        let config = self.config.clone();
        let work = tokio::task::spawn_blocking(move || {
            // Taken first: what is published while the files are read is noticed afterwards.
            let stamp = Stamp::of(&config);
            (stamp, Loaded::read(&config, choice.as_ref()))
        });
        let (stamp, read) = work.await.map_err(|error| LoadError::Lost(error.to_string()))?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(stamp);
        let now = Arc::new(read?);
        let before = self.loaded.swap(Some(Arc::clone(&now)));
        self.changed.notify_one();
        tracing::info!(
            model = %now.model(),
            accounts = now.snapshot().map_or(0, crate::snapshot::Snapshot::n_accounts),
            "in service"
        );
        Ok(Exchange { now, before })
    }

    async fn is_stale(&self) -> bool {
        let config = self.config.clone();
        let Ok(stamp) = tokio::task::spawn_blocking(move || Stamp::of(&config)).await else { return false };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) != Some(stamp)
    }
}

impl Stamp {
    fn of(config: &Config) -> Self {
        let place = Place::find(config, None).ok();
        Self {
            features: place.as_ref().and_then(|place| stamp_of(place.features.as_deref()?)),
            current: place.map(|place| place.model),
        }
    }
}

/// Loads the first model as soon as there is one, then follows the registry's current version and the
/// feature snapshot, until `stopped`.
pub async fn watch(current: Arc<Current>, mut stopped: watch::Receiver<bool>) {
    loop {
        let waiting = current.loaded().is_err();
        let pause = match current.config().reload_every {
            Some(every) if !waiting => every,
            Some(every) => every.min(WAITING),
            None if waiting => WAITING,
            None => return,
        };
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pause) => {}
        }
        if !current.is_stale().await {
            continue;
        }
        match current.reload(None).await {
            Ok(_) => {}
            Err(error) if waiting && error.is_absence() => tracing::debug!(reason = %error, "waiting"),
            Err(error) => tracing::error!(reason = %error, "not put into service; what was, stays"),
        }
    }
}

fn stamp_of(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
