//! One `holdfast.toml` for everything: every setting has a default, every mistake is reported at once.

use std::path::Path;

use holdfast_actions::Policy;
use holdfast_features::compute::ComputeConfig;
use holdfast_features::read::HistoryConfig;
use holdfast_features::settings::{Section, Settings};
use holdfast_features::snapshot::SnapshotConfig;

use crate::TrainError;
use crate::evaluate::EvaluateOptions;
use crate::gate::Promote;
use crate::select::{Choice, Combine, SelectOptions};

/// All settings of the training side.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[history]`: how tables are read.
    pub history: HistoryConfig,
    /// `[snapshots]`: which dates are observed and what the label asks.
    pub snapshots: SnapshotConfig,
    /// `[features]`: which features are made.
    pub features: ComputeConfig,
    /// `[training]`: which rows learn and judge, and which learners are tried.
    pub training: TrainingConfig,
    /// `[decisions]`: health, bands, guardrails.
    pub decisions: Policy,
    /// The text that was read, for the provenance of a model; empty where all is default.
    pub text: String,
}

/// `[training]`.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingConfig {
    /// The model's name in the registry; `None` means `churn` for a history, the file's name for a table.
    pub name: Option<String>,
    /// Seed of every random choice.
    pub seed: u64,
    /// Number of account folds.
    pub folds: usize,
    /// Number of rolling origins over the development rows of a history.
    pub origins: usize,
    /// The share of a history's rows, the latest, that only judge.
    pub test_share: f64,
    /// The learners to try.
    pub learners: Vec<Learner>,
    /// How many candidates are judged in full, where there is so much to fit that some are dropped first.
    pub finalists: usize,
    /// Training rows of a fit of the first rung of the halving at most.
    pub screening_rows: usize,
    /// Boosted models whose mean a boosting finalist is; one from 20,000 training rows on.
    pub bags: usize,
    /// Whether the finalists are blended.
    pub combine: Combine,
    /// Whether the best is chosen or the simplest within one standard error of it.
    pub choice: Choice,
    /// Fewer churned rows than this are too few to learn from.
    pub min_positives: usize,
    /// Bootstrap replicates behind each interval of the report.
    pub replicates: usize,
    /// The share of accounts that the team has time for.
    pub capacity: f64,
    /// What happens to a model that is not better than the base rate.
    pub promote: Promote,
}

/// A family of learners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Learner {
    /// Logistic regression with an elastic net.
    Logistic,
    /// Random forest.
    Forest,
    /// Gradient boosting.
    Boost,
    /// A sum of one step function a feature.
    Additive,
}

impl Learner {
    /// All families.
    pub const ALL: [Self; 4] = [Self::Logistic, Self::Additive, Self::Forest, Self::Boost];

    /// The name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Logistic => "logistic",
            Self::Forest => "forest",
            Self::Boost => "boost",
            Self::Additive => "additive",
        }
    }
}

impl Default for TrainingConfig {
    /// Five folds and two origins leave four fifths of the accounts and half of the time to every fit; 4,000
    /// rows rank candidates well enough to drop the worst; ten churned rows are the least that a calibrated
    /// intercept and one slope can be learnt from.
    fn default() -> Self {
        Self {
            name: None,
            seed: 1,
            folds: 5,
            origins: 2,
            test_share: 0.25,
            learners: Learner::ALL.to_vec(),
            finalists: 8,
            screening_rows: 4_000,
            bags: 3,
            combine: Combine::Blend,
            choice: Choice::Best,
            min_positives: 10,
            replicates: 400,
            capacity: 0.1,
            promote: Promote::WhenBetter,
        }
    }
}

impl TrainingConfig {
    /// Reads `[training]`; mistakes are reported to `section`.
    pub fn from_section(section: &mut Section<'_, '_>) -> Self {
        let default = Self::default();
        let mut count = |key: &str, default: usize, least: u64, most: u64| {
            let value = section.integer(key, default as u64, least..=most);
            usize::try_from(value).unwrap_or(default)
        };
        let folds = count("folds", default.folds, 2, 20);
        let origins = count("origins", default.origins, 1, 12);
        let finalists = count("finalists", default.finalists, 1, 100);
        let screening_rows = count("screening_rows", default.screening_rows, 100, 10_000_000);
        let bags = count("bags", default.bags, 1, 50);
        let min_positives = count("min_positives", default.min_positives, 2, 1_000_000);
        let replicates = count("replicates", default.replicates, 0, 100_000);
        let line = section.line_of("learners");
        let names = section.texts("learners");
        let learners: Vec<Learner> = Learner::ALL
            .into_iter()
            .filter(|learner| names.iter().any(|name| name == learner.name()))
            .collect();
        for name in names.iter().filter(|name| Learner::ALL.iter().all(|learner| learner.name() != *name)) {
            let message = format!(
                "`training.learners` must be out of \"logistic\", \"additive\", \"forest\", \"boost\", not \"{name}\""
            );
            section.report(line.unwrap_or(1), message);
        }
        Self {
            name: section.text("name"),
            seed: section.integer("seed", default.seed, 0..=i64::MAX.unsigned_abs()),
            folds,
            origins,
            test_share: section.number("test_share", default.test_share, 0.05..=0.75),
            learners: if learners.is_empty() { default.learners } else { learners },
            finalists,
            screening_rows,
            bags,
            combine: section.choice(
                "combine",
                default.combine,
                &[("blend", Combine::Blend), ("best", Combine::Best)],
            ),
            choice: section.choice(
                "choice",
                default.choice,
                &[("best", Choice::Best), ("explainable", Choice::Explainable)],
            ),
            min_positives,
            replicates,
            capacity: section.number("capacity", default.capacity, 0.001..=1.0),
            promote: section.choice(
                "promote",
                default.promote,
                &[("when_better", Promote::WhenBetter), ("always", Promote::Always)],
            ),
        }
    }
}

impl TrainingConfig {
    /// What the selection of a learner takes.
    #[must_use]
    pub fn select(&self) -> SelectOptions {
        let Self { seed, finalists, screening_rows, bags, combine, choice, .. } = *self;
        SelectOptions { seed, finalists, screening_rows, bags, combine, choice }
    }

    /// What the evaluation takes.
    #[must_use]
    pub fn evaluate(&self) -> EvaluateOptions {
        EvaluateOptions { seed: self.seed, replicates: self.replicates, capacity: self.capacity }
    }
}

impl Config {
    /// Reads the configuration at `path`; without one, every setting has its default.
    ///
    /// # Errors
    /// [`TrainError::Unreadable`] where the file cannot be read, [`TrainError::Config`] with every mistake in it.
    pub fn load(path: Option<&Path>) -> Result<Self, TrainError> {
        let Some(path) = path else { return Self::parse("defaults", "") };
        let text = std::fs::read_to_string(path)
            .map_err(|source| TrainError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// The same, every model put to use where `force` says so.
    #[must_use]
    pub fn forced(mut self, force: bool) -> Self {
        if force {
            self.training.promote = Promote::Always;
        }
        self
    }

    /// The same, aiming at `memory` bytes for a history.
    #[must_use]
    pub fn with_memory(mut self, memory: usize) -> Self {
        self.history.memory = memory;
        self
    }

    /// Reads `text`; `file` is what the messages call it.
    ///
    /// # Errors
    /// [`TrainError::Config`] with every mistake of the configuration, else [`TrainError::Playbook`] with every
    /// mistake of the playbooks.
    pub fn parse(file: &str, text: &str) -> Result<Self, TrainError> {
        let mut settings = Settings::parse(file, text)?;
        let history = settings.section("history", HistoryConfig::from_section);
        let snapshots = settings.section("snapshots", SnapshotConfig::from_section);
        let features = settings.section("features", ComputeConfig::from_section);
        let training = settings.section("training", TrainingConfig::from_section);
        let decisions = Policy::read(&mut settings, &[]);
        settings.finish()?;
        Ok(Self { history, snapshots, features, training, decisions: decisions?, text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use holdfast_features::settings::Mistakes;

    use super::*;

    const EXAMPLE: &str = include_str!("../../examples/holdfast.toml");

    #[test]
    fn the_example_is_the_defaults() {
        let mut example = Config::parse("examples/holdfast.toml", EXAMPLE).unwrap();
        let defaults = Config::parse("defaults", "").unwrap();
        example.text.clear();
        assert_eq!(example, defaults);
    }

    #[test]
    fn mistakes_of_all_sections_come_at_once() {
        let text =
            "[history]\non_bad_row = \"shrug\"\n[training]\nfolds = 1\nlearners = [\"oracle\"]\n[wrong]\n";
        let TrainError::Config(Mistakes(mistakes)) = Config::parse("f", text).unwrap_err() else {
            panic!("not the mistakes of the configuration");
        };
        let lines: Vec<usize> = mistakes.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [2, 4, 5, 6]);
    }

    #[test]
    fn what_is_given_wins() {
        let text = "[training]\nlearners = [\"boost\", \"logistic\"]\nseed = 9\nname = \"n\"\nchoice = \"explainable\"\n";
        let training = Config::parse("f", text).unwrap().training;
        assert_eq!(training.learners, [Learner::Logistic, Learner::Boost]);
        assert_eq!((training.seed, training.name.as_deref()), (9, Some("n")));
        assert_eq!(training.choice, Choice::Explainable);
    }
}
