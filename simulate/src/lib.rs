//! A simulated business-to-business subscription company with a known truth.
//!
//! Each account has a latent health in four dimensions that wanders, is shocked and is tended; it decides
//! its renewals with a known probability, and leaves noisy, late and incomplete traces in the tables of the
//! history contract. The same [`Business`] makes the same bytes on any number of threads: every account
//! draws from its own random stream, seeded by (seed, account).
//!
//! ```no_run
//! use holdfast_simulate::{Business, simulate};
//!
//! let business = Business { n_accounts: 500, ..Business::default() }.check()?;
//! let written = simulate(&business).write("history".as_ref(), |_| {})?;
//! assert!(written.n_rows("usage_events") > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod business;
mod draw;
mod facts;
mod latent;
mod life;
mod profile;
mod read_truth;
mod record;
mod scenario;
mod size;
mod truth;
mod usage_files;
mod write;

use std::path::Path;

use arrow::error::ArrowError;
use holdfast_features::Timestamp;

pub use business::{
    Business, CheckedBusiness, DEFAULT_START, MAX_ACCOUNTS, MAX_MONTHS, MAX_USAGE_SCALE, MIN_MONTHS,
    ParamError,
};
pub use profile::account_index;
pub use read_truth::{Truth, TruthError, read_truth};
pub use scenario::{Scenario, UnknownScenario};
pub use size::usage_scale;
pub use truth::{ROLLING_GRID_DAYS, ROLLING_HORIZONS, SHORTEST_TERM_MONTHS, SNAPSHOT_DAYS, SOON_DAYS};
pub use usage_files::UsageFiles;
pub use write::{MARK, SimulateError, Written};

use facts::Facts;
use life::{Life, Stream, World, stream};
use profile::Profile;

/// A business whose shared events are drawn; its accounts are drawn when they are written.
#[derive(Debug)]
pub struct Simulation {
    business: CheckedBusiness,
    world: World,
    usage_files: UsageFiles,
}

/// Draws what all accounts of the business share.
#[must_use]
pub fn simulate(business: &CheckedBusiness) -> Simulation {
    Simulation { business: business.clone(), world: World::draw(business), usage_files: UsageFiles::One }
}

impl Simulation {
    /// The same, its usage in files as told.
    #[must_use]
    pub fn with_usage_files(self, usage_files: UsageFiles) -> Self {
        Self { usage_files, ..self }
    }

    /// Writes one Parquet file a table of the history contract (usage as [`UsageFiles`] says), and
    /// `truth.parquet`, into `dir`: the whole folder or nothing. `on_progress` hears the number of accounts done.
    ///
    /// # Errors
    /// [`SimulateError`] where `dir` holds anything but an older simulated history, which is replaced, or
    /// where the files cannot be written.
    pub fn write(&self, dir: &Path, on_progress: impl FnMut(u32) + Send) -> Result<Written, SimulateError> {
        write::write(self, dir, on_progress)
    }

    /// The true probability that account number `index` churns, seen from each of `dates`: at the end of the term that
    /// runs then, or within [`SOON_DAYS`] days where terms are shorter than [`SHORTEST_TERM_MONTHS`]. `None` where no
    /// term runs.
    #[must_use]
    pub fn churn_probabilities(&self, index: u32, dates: &[Timestamp]) -> Vec<Option<f64>> {
        let life = self.life(index);
        let rng = &mut stream(self.business.params.seed, Stream::AnyDate, index);
        dates.iter().map(|&as_of| truth::at(&life, as_of, rng)).collect()
    }

    /// All tables of one account.
    fn account(&self, index: u32) -> Result<Facts, ArrowError> {
        let Self { business, world, .. } = self;
        let life = self.life(index);
        let rng = |kind| stream(business.params.seed, kind, index);
        let truth = truth::truth(business, &life, &mut rng(Stream::Truth));
        facts::facts(&life, world, business.params.usage_scale, &truth, &mut rng(Stream::Facts))
    }

    fn life(&self, index: u32) -> Life {
        let params = &self.business.params;
        let mut rng = stream(params.seed, Stream::Life, index);
        let profile = Profile::draw(params, self.business.until, index, &mut rng);
        Life::live(profile, &self.world, &mut rng)
    }
}

#[cfg(test)]
mod tests;
