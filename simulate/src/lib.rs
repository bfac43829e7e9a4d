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
mod truth;
mod write;

use std::path::Path;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;

pub use business::{
    Business, CheckedBusiness, DEFAULT_START, MAX_ACCOUNTS, MAX_MONTHS, MAX_USAGE_SCALE, MIN_MONTHS,
    ParamError,
};
pub use read_truth::{Truth, TruthError, read_truth};
pub use truth::{ROLLING_GRID_DAYS, ROLLING_HORIZONS, SHORTEST_TERM_MONTHS, SNAPSHOT_DAYS};
pub use write::{MARK, SimulateError, Written};

use facts::TABLES;
use life::{Life, Stream, World, stream};
use profile::Profile;

/// A business whose shared events are drawn; its accounts are drawn when they are written.
#[derive(Debug)]
pub struct Simulation {
    business: CheckedBusiness,
    world: World,
}

/// Draws what all accounts of the business share.
#[must_use]
pub fn simulate(business: &CheckedBusiness) -> Simulation {
    Simulation { business: business.clone(), world: World::draw(business) }
}

impl Simulation {
    /// Writes one Parquet file a table of the history contract, and `truth.parquet`, into `dir`: the whole
    /// folder or nothing. `on_progress` hears the number of accounts done.
    ///
    /// # Errors
    /// [`SimulateError`] where `dir` holds anything but an older simulated history, which is replaced, or
    /// where the files cannot be written.
    pub fn write(&self, dir: &Path, on_progress: impl FnMut(u32)) -> Result<Written, SimulateError> {
        write::write(self, dir, on_progress)
    }
}

/// All tables of one account.
fn account_batches(simulation: &Simulation, index: u32) -> Result<[RecordBatch; TABLES.len()], ArrowError> {
    let Simulation { business, world } = simulation;
    let rng = |kind| stream(business.params.seed, kind, index);
    let mut life_rng = rng(Stream::Life);
    let profile = Profile::draw(&business.params, business.until, index, &mut life_rng);
    let life = Life::live(profile, world, &mut life_rng);
    let truth = truth::truth(business, &life, &mut rng(Stream::Truth));
    facts::batches(&life, world, business.params.usage_scale, &truth, &mut rng(Stream::Facts))
}

#[cfg(test)]
mod tests;
