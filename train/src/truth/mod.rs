//! A model judged by the truth: businesses whose churn probabilities are known are simulated, trained on through the same
//! pipeline as a user's, and compared with two ceilings, scenario by scenario.

pub mod ceiling;
pub mod expected;
pub mod judged;
pub mod known;
pub mod promise;
mod text;

use holdfast_features::Timestamp;
use holdfast_simulate::{Business as Params, Scenario};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::budget::Clock;
use crate::config::Config;
use crate::progress::Progress;
use ceiling::Ceiling;
use judged::{Business, Drawn, judge};
use promise::{Promise, promises};

pub use text::text;

/// Added to the first seed: no business is judged by a ceiling that was learnt from itself.
const CEILING_SEED: u64 = 1_000_003;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The scenarios, each judged by itself.
    pub scenarios: Vec<Scenario>,
    /// Accounts of a business, unless the scenario says how many.
    pub n_accounts: u32,
    /// Months of its history.
    pub n_months: u32,
    /// The seeds of its businesses.
    pub seeds: Vec<u64>,
    /// Accounts that the observable ceiling is learnt from.
    pub n_ceiling_accounts: u32,
}

/// What the training runs have in common.
#[derive(Debug, Clone, Copy)]
pub struct Runs<'a> {
    /// Their configuration.
    pub config: &'a Config,
    /// The present.
    pub now: Timestamp,
    /// The seconds that each may take; without any as long as it takes.
    pub seconds: Option<u64>,
    /// What measures them.
    pub clock: Clock,
    /// Where they tell how far they are.
    pub progress: &'a Progress,
}

/// What came of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Its name.
    pub scenario: String,
    /// Accounts of each business.
    pub n_accounts: u32,
    /// Accounts and rows that the observable ceiling was learnt from.
    pub ceiling_accounts: u32,
    /// Rows of it.
    pub ceiling_rows: usize,
    /// Each business.
    pub businesses: Vec<Business>,
    /// What was promised.
    pub promises: Vec<Promise>,
}

/// Judges every scenario of `question`, in order.
///
/// # Errors
/// Whatever ends a simulation or a training run.
pub fn truth(question: &Question, runs: &Runs<'_>) -> Result<Vec<Verdict>, TrainError> {
    let stage = runs.progress.stage("businesses", question.scenarios.len() * (1 + question.seeds.len()));
    let verdict = |&scenario: &Scenario| {
        let folder = tempfile::tempdir()
            .map_err(|source| TrainError::Unwritable { path: std::env::temp_dir(), source })?;
        let n_accounts = scenario.n_accounts().unwrap_or(question.n_accounts);
        let business = |n_accounts, seed| {
            let n_months = question.n_months;
            Params { n_accounts, n_months, seed, scenario, ..Params::default() }.check()
        };
        let other = question.seeds.first().copied().unwrap_or_default().wrapping_add(CEILING_SEED);
        let other = business(question.n_ceiling_accounts, other)?;
        let drawn = Drawn::new(&other, &folder.path().join("other"), runs)?;
        let ceiling = Ceiling::learn(&drawn.source, &drawn.known, runs)?;
        drop(drawn);
        stage.step();
        let mut businesses = Vec::with_capacity(question.seeds.len());
        for &seed in &question.seeds {
            let own = folder.path().join(seed.to_string());
            businesses.push(judge(&business(n_accounts, seed)?, &ceiling, &own, runs)?);
            stage.step();
        }
        Ok(Verdict {
            scenario: scenario.name().to_owned(),
            n_accounts,
            ceiling_accounts: question.n_ceiling_accounts,
            ceiling_rows: ceiling.n_rows,
            promises: promises(scenario, n_accounts, runs.config.training.promote, &businesses),
            businesses,
        })
    };
    question.scenarios.iter().map(verdict).collect()
}

impl Verdict {
    /// Whether every promise was kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.promises.iter().all(|promise| promise.is_kept)
    }
}
