//! What a simulated business can be: the default, and scenarios that each bend it in one way.

use std::fmt;
use std::str::FromStr;

/// A kind of business to judge a churn model in; each but the first differs from the default in one respect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scenario {
    /// About one customer in seven leaves in a year, and health tells which.
    #[default]
    Default,
    /// Nothing tells who leaves: yearly contracts, each of which ends with the same probability.
    Null,
    /// The exit survey of a customer who left is filed under a day before the decision.
    PlantedLeak,
    /// Half-way through, the market changes: more leave, and money and people decide more than use.
    Drift,
    /// Renewals and ends are recorded weeks after they happened.
    LabelDelay,
    /// A small book of 300 accounts.
    FewAccounts,
    /// About 3 % of the customers leave in a year.
    RareChurn,
    /// A few accounts hold most of the revenue.
    HeavyTailedArr,
    /// The success team sees clearly and calls on the ill alone: who was called on leaves more often.
    Confounding,
    /// Two customers in five react badly to being called on.
    SleepingDogs,
}

/// A name that is no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scenario: write one of {names}", names = Scenario::ALL.map(Scenario::name).join(", "))]
pub struct UnknownScenario(pub String);

impl Scenario {
    /// All scenarios, the default first.
    pub const ALL: [Self; 10] = [
        Self::Default,
        Self::Null,
        Self::PlantedLeak,
        Self::Drift,
        Self::LabelDelay,
        Self::FewAccounts,
        Self::RareChurn,
        Self::HeavyTailedArr,
        Self::Confounding,
        Self::SleepingDogs,
    ];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Null => "null",
            Self::PlantedLeak => "planted-leak",
            Self::Drift => "drift",
            Self::LabelDelay => "label-delay",
            Self::FewAccounts => "300-accounts",
            Self::RareChurn => "3-percent-churn",
            Self::HeavyTailedArr => "heavy-tailed-arr",
            Self::Confounding => "confounding",
            Self::SleepingDogs => "sleeping-dogs",
        }
    }

    /// The number of accounts that belongs to the scenario; `None` where any number will do.
    #[must_use]
    pub fn n_accounts(self) -> Option<u32> {
        (self == Self::FewAccounts).then_some(300)
    }

    /// The process of the scenario.
    pub(crate) fn process(self) -> Process {
        let default = Process::DEFAULT;
        match self {
            Self::Default | Self::FewAccounts => default,
            Self::Null => Process { constant_churn: Some(0.14), ..default },
            Self::PlantedLeak => Process { plants_leak: true, ..default },
            Self::Drift => Process { drift: Some(Drift { from: 0.5, churn: 1.0 }), ..default },
            Self::LabelDelay => Process { label_delay: Some((5.0, 60.0)), ..default },
            Self::RareChurn => Process { churn_shift: -2.75, ..default },
            Self::HeavyTailedArr => {
                Process { arr_tail: Tail { chance: 0.25, exponent: 1.05, most: 50e6 }, ..default }
            }
            Self::Confounding => {
                Process { policy: Policy { intercept: -2.6, slope: -3.2, noise: 0.15 }, ..default }
            }
            Self::SleepingDogs => Process { sleeping_dogs: 0.4, sleeping_effect: -0.8, ..default },
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(text: &str) -> Result<Self, UnknownScenario> {
        let found = Self::ALL.into_iter().find(|scenario| scenario.name() == text);
        found.ok_or_else(|| UnknownScenario(text.to_owned()))
    }
}

/// The numbers in which scenarios differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Process {
    /// Everybody's probability to end a term, all of them yearly; `None` where health decides.
    pub constant_churn: Option<f64>,
    /// Added to the log-odds of churn.
    pub churn_shift: f64,
    pub drift: Option<Drift>,
    /// Whether exit surveys are filed under an earlier day.
    pub plants_leak: bool,
    /// Days, from and to, by which renewals and ends are recorded late; `None`: within hours or days.
    pub label_delay: Option<(f64, f64)>,
    pub arr_tail: Tail,
    pub policy: Policy,
    /// The share of accounts that react badly to being called on, and what it does to their health.
    pub sleeping_dogs: f64,
    pub sleeping_effect: f64,
}

/// A market that changes within half a year.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Drift {
    /// When it begins, as a share of the history.
    pub from: f64,
    /// What is added to the log-odds of churn in the end.
    pub churn: f64,
}

/// The Pareto tail of revenue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tail {
    /// The share of accounts in it.
    pub chance: f64,
    pub exponent: f64,
    /// Largest yearly revenue.
    pub most: f64,
}

/// Whom the success team calls on: log-odds in the mean health that it sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Policy {
    pub intercept: f64,
    pub slope: f64,
    /// Standard deviation of what it sees around what is.
    pub noise: f64,
}

impl Process {
    const DEFAULT: Self = Self {
        constant_churn: None,
        churn_shift: 0.0,
        drift: None,
        plants_leak: false,
        label_delay: None,
        arr_tail: Tail { chance: 0.04, exponent: 1.6, most: 1_500_000.0 },
        policy: Policy { intercept: -1.9, slope: -1.3, noise: 0.6 },
        sleeping_dogs: 0.1,
        sleeping_effect: -0.4,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_its_name_and_only_the_default_and_the_small_one_share_a_process() {
        for (index, scenario) in Scenario::ALL.into_iter().enumerate() {
            assert_eq!(scenario.name().parse(), Ok(scenario));
            for other in &Scenario::ALL[..index] {
                let same = scenario.process() == other.process();
                assert_eq!(same, (*other, scenario) == (Scenario::Default, Scenario::FewAccounts));
            }
        }
        let error = "nul".parse::<Scenario>().unwrap_err().to_string();
        assert!(error.starts_with("`nul` is no scenario: write one of default, null,"), "{error}");
    }
}
