//! The lifecycle stage of an account: which of the two rules, days or outcomes, places it where.

use serde::{Deserialize, Serialize};

use crate::matrix::Row;
use crate::settings::Section;

/// Where an account is on its journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Getting started.
    Onboarding,
    /// Making the product a habit.
    Adoption,
    /// Getting the value that was bought.
    ValueRealisation,
    /// Asking for more.
    Expansion,
    /// Close to a term's end, or past it; lies over the other stages.
    Renewal,
}

/// Which rule placed the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Days since the first term.
    Days,
    /// What the account has achieved.
    Outcomes,
    /// Signals of a wish for more.
    Signals,
    /// The distance to the term's end.
    TermEnd,
}

/// A stage and the rule that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Placement {
    /// The stage in force.
    pub stage: Stage,
    /// The rule that gave it.
    pub basis: Basis,
    /// The stage that renewal lies over; equal to `stage` otherwise.
    pub underlying: Stage,
}

/// The boundaries of the stages, `[decisions.stages]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageConfig {
    /// Onboarding lasts until this many days after the first term's start.
    pub onboarding_days: f64,
    /// Adoption lasts until this many days after the first term's start.
    pub adoption_days: f64,
    /// Renewal begins this many days before a term's end.
    pub renewal_days: f64,
    /// Renewal applies to terms of at least this many months.
    pub renewal_term_months: f64,
    /// Distinct events in regular use that end onboarding.
    pub features_in_use: f64,
    /// Share of seats trained that ends onboarding, where it is known.
    pub trained_share: f64,
    /// Share of seats in use that, with ROI and an engaged sponsor, ends adoption.
    pub usage_share: f64,
    /// A sponsor counts as engaged until this many days after the last contact begun by him or her.
    pub sponsor_days: f64,
    /// Share of seats in use that signals expansion.
    pub expansion_share: f64,
    /// Newly adopted events that signal expansion.
    pub expansion_new_events: f64,
}

/// The features that [`of`] reads.
pub const INPUTS: [&str; 11] = [
    "tenure_days",
    "days_to_term_end",
    "term_months",
    "features_in_use_28d",
    "trained_seats_share",
    "outcomes_achieved",
    "roi_achieved",
    "days_since_sponsor_contact",
    "seats_active_share_28d",
    "adopted_events_28d",
    "open_expansion_opportunities",
];

impl Default for StageConfig {
    fn default() -> Self {
        Self {
            onboarding_days: 90.0,
            adoption_days: 180.0,
            renewal_days: 90.0,
            renewal_term_months: 6.0,
            features_in_use: 3.0,
            trained_share: 0.8,
            usage_share: 0.7,
            sponsor_days: 60.0,
            expansion_share: 0.9,
            expansion_new_events: 3.0,
        }
    }
}

impl StageConfig {
    /// Reads `[decisions.stages]`; what is absent keeps its default.
    pub fn from_section(section: &mut Section<'_, '_>) -> Self {
        let default = Self::default();
        let mut days = |key: &str, value: f64| section.number(key, value, 0.0..=3_650.0);
        let onboarding_days = days("onboarding_days", default.onboarding_days);
        let adoption_days = days("adoption_days", default.adoption_days);
        let renewal_days = days("renewal_days", default.renewal_days);
        let sponsor_days = days("sponsor_days", default.sponsor_days);
        let mut count = |key: &str, value: f64| section.number(key, value, 0.0..=1_000.0);
        let renewal_term_months = count("renewal_term_months", default.renewal_term_months);
        let features_in_use = count("features_in_use", default.features_in_use);
        let expansion_new_events = count("expansion_new_events", default.expansion_new_events);
        let mut share = |key: &str, value: f64| section.number(key, value, 0.0..=1.0);
        Self {
            onboarding_days,
            adoption_days,
            renewal_days,
            renewal_term_months,
            features_in_use,
            trained_share: share("trained_share", default.trained_share),
            usage_share: share("usage_share", default.usage_share),
            sponsor_days,
            expansion_share: share("expansion_share", default.expansion_share),
            expansion_new_events,
        }
    }
}

impl Stage {
    /// All stages, in the order of the journey.
    pub const ALL: [Self; 5] =
        [Self::Onboarding, Self::Adoption, Self::ValueRealisation, Self::Expansion, Self::Renewal];

    /// The name in files, expressions and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Onboarding => "onboarding",
            Self::Adoption => "adoption",
            Self::ValueRealisation => "value_realisation",
            Self::Expansion => "expansion",
            Self::Renewal => "renewal",
        }
    }
}

/// The stage of the account whose features are in `row`. Outcome criteria decide where the data for them
/// exist (no [`INPUTS`] of theirs missing), days elsewhere.
#[must_use]
pub fn of(row: Row<'_>, config: &StageConfig) -> Placement {
    place(|name| row.number(name), config)
}

/// As [`of`], for values that are not in a table: `number` answers by feature name, `None` where missing.
pub fn place(number: impl Fn(&str) -> Option<f64>, config: &StageConfig) -> Placement {
    let (stage, basis) = journey(&number, config);
    let near_end = number("days_to_term_end").is_some_and(|days| days <= config.renewal_days);
    let long_term = number("term_months").is_some_and(|months| months >= config.renewal_term_months);
    if near_end && long_term {
        Placement { stage: Stage::Renewal, basis: Basis::TermEnd, underlying: stage }
    } else {
        Placement { stage, basis, underlying: stage }
    }
}

fn journey(number: &impl Fn(&str) -> Option<f64>, config: &StageConfig) -> (Stage, Basis) {
    let tenure = number("tenure_days").unwrap_or(0.0);
    let (onboarded, onboarded_by) = match is_onboarded(number, config) {
        Some(onboarded) => (onboarded, Basis::Outcomes),
        None => (tenure >= config.onboarding_days, Basis::Days),
    };
    if !onboarded {
        return (Stage::Onboarding, onboarded_by);
    }
    let (has_value, value_by) = match realises_value(number, config) {
        Some(has_value) => (has_value, Basis::Outcomes),
        None => (tenure >= config.adoption_days, Basis::Days),
    };
    if !has_value {
        // By days alone an account is in adoption because onboarding ended; say which rule ended it.
        return (Stage::Adoption, if value_by == Basis::Days { onboarded_by } else { value_by });
    }
    if wants_more(number, config) {
        return (Stage::Expansion, Basis::Signals);
    }
    (Stage::ValueRealisation, value_by)
}

fn is_onboarded(number: &impl Fn(&str) -> Option<f64>, config: &StageConfig) -> Option<bool> {
    let in_use = number("features_in_use_28d")? >= config.features_in_use;
    let achieved = number("outcomes_achieved")? >= 1.0;
    let trained = number("trained_seats_share").is_none_or(|share| share >= config.trained_share);
    Some(in_use && achieved && trained)
}

fn realises_value(number: &impl Fn(&str) -> Option<f64>, config: &StageConfig) -> Option<bool> {
    let used = number("seats_active_share_28d")? > config.usage_share;
    let roi = number("roi_achieved")? >= 1.0;
    let sponsored = number("days_since_sponsor_contact")? < config.sponsor_days;
    Some(used && roi && sponsored)
}

fn wants_more(number: &impl Fn(&str) -> Option<f64>, config: &StageConfig) -> bool {
    let at_least = |name: &str, least: f64| number(name).is_some_and(|value| value >= least);
    at_least("seats_active_share_28d", config.expansion_share)
        || at_least("adopted_events_28d", config.expansion_new_events)
        || at_least("open_expansion_opportunities", 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(values: &[(&str, f64)]) -> Placement {
        let find = |name: &str| values.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
        place(find, &StageConfig::default())
    }

    #[test]
    fn days_place_an_account_of_which_nothing_else_is_known() {
        for (days, stage) in [
            (0.0, Stage::Onboarding),
            (89.9, Stage::Onboarding),
            (90.0, Stage::Adoption),
            (179.9, Stage::Adoption),
            (180.0, Stage::ValueRealisation),
        ] {
            let placement = placed(&[("tenure_days", days)]);
            assert_eq!((placement.stage, placement.basis), (stage, Basis::Days), "{days} days");
        }
    }

    #[test]
    fn outcomes_win_over_days() {
        let quick =
            placed(&[("tenure_days", 20.0), ("features_in_use_28d", 4.0), ("outcomes_achieved", 1.0)]);
        assert_eq!((quick.stage, quick.basis), (Stage::Adoption, Basis::Outcomes));
        let slow =
            placed(&[("tenure_days", 400.0), ("features_in_use_28d", 4.0), ("outcomes_achieved", 0.0)]);
        assert_eq!((slow.stage, slow.basis), (Stage::Onboarding, Basis::Outcomes));
        let untrained = placed(&[
            ("tenure_days", 400.0),
            ("features_in_use_28d", 4.0),
            ("outcomes_achieved", 2.0),
            ("trained_seats_share", 0.5),
        ]);
        assert_eq!(untrained.stage, Stage::Onboarding);
    }

    #[test]
    fn value_needs_usage_roi_and_a_sponsor() {
        let base = [("tenure_days", 120.0), ("seats_active_share_28d", 0.75), ("roi_achieved", 1.0)];
        let engaged = placed(&[&base[..], &[("days_since_sponsor_contact", 10.0)]].concat());
        assert_eq!((engaged.stage, engaged.basis), (Stage::ValueRealisation, Basis::Outcomes));
        let silent = placed(&[&base[..], &[("days_since_sponsor_contact", 70.0)]].concat());
        assert_eq!((silent.stage, silent.basis), (Stage::Adoption, Basis::Outcomes));
    }

    #[test]
    fn expansion_comes_by_signal_only_and_goes_with_it() {
        let with = placed(&[("tenure_days", 200.0), ("open_expansion_opportunities", 1.0)]);
        assert_eq!((with.stage, with.basis), (Stage::Expansion, Basis::Signals));
        let without = placed(&[("tenure_days", 200.0), ("open_expansion_opportunities", 0.0)]);
        assert_eq!(without.stage, Stage::ValueRealisation);
    }

    #[test]
    fn renewal_lies_over_the_others_for_long_terms() {
        let overdue = placed(&[("tenure_days", 370.0), ("days_to_term_end", -5.0), ("term_months", 12.0)]);
        assert_eq!(overdue.stage, Stage::Renewal);
        assert_eq!((overdue.basis, overdue.underlying), (Basis::TermEnd, Stage::ValueRealisation));
        let monthly = placed(&[("tenure_days", 370.0), ("days_to_term_end", 5.0), ("term_months", 1.0)]);
        assert_eq!(monthly.stage, Stage::ValueRealisation);
    }
}
