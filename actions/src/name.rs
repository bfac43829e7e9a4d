//! The names that an expression may use, their types and the values they can have.
//!
//! `arr`, `tier`, `stage`, `band`, `probability`, `data_sparse`, `health.overall`, `health.usage` and its
//! sisters, `signals.usage_decline` and its sisters, and every feature by its own name.

use std::collections::BTreeMap;
use std::fmt;

use holdfast_features::compute::{self, ComputeConfig};
use holdfast_features::history::TableSummary;
use holdfast_features::signal::SignalKind;
use holdfast_features::stage::Stage;
use holdfast_features::{Dimension, FeatureSpec, History, Kind};

use crate::band::Band;
use crate::expression::Type;

/// The tiers of an account.
pub const TIERS: [&str; 3] = ["high_touch", "mid_touch", "low_touch"];

/// Something that is known of an account, or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// A feature by its name.
    Feature {
        /// Its name in the feature table.
        name: String,
        /// Its type.
        of: Type,
    },
    /// Whether a signal is on.
    Signal(SignalKind),
    /// The lifecycle stage.
    Stage,
    /// The risk band.
    Band,
    /// The tier.
    Tier,
    /// Annual recurring revenue.
    Arr,
    /// The calibrated churn probability.
    Probability,
    /// Whether a dimension has no data.
    DataSparse,
    /// The overall health, or that of one dimension.
    Health(Option<Dimension>),
}

/// The names that an expression may use.
#[derive(Debug, Clone)]
pub struct Names {
    known: BTreeMap<String, Name>,
}

impl Names {
    /// The fixed names, the features that the product makes of a history, whichever tables it has, and
    /// `features`. Where they clash, the fixed name wins, then `features`.
    #[must_use]
    pub fn new(features: &[FeatureSpec]) -> Self {
        let mut known: BTreeMap<String, Name> = product_features()
            .iter()
            .chain(features)
            .map(|spec| {
                let of = match spec.kind {
                    Kind::Number => Type::Number,
                    Kind::Boolean => Type::Boolean,
                    Kind::Category => Type::Text,
                };
                (spec.name.clone(), Name::Feature { name: spec.name.clone(), of })
            })
            .collect();
        let fixed = [Name::Stage, Name::Band, Name::Tier, Name::Arr, Name::Probability, Name::DataSparse];
        let health = Dimension::ALL.into_iter().map(Some).chain([None]).map(Name::Health);
        let signals = SignalKind::ALL.into_iter().map(Name::Signal);
        known.extend(fixed.into_iter().chain(health).chain(signals).map(|name| (name.to_string(), name)));
        Self { known }
    }

    /// The name written `text` and its type.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<(Name, Type)> {
        self.known.get(text).map(|name| (name.clone(), name.value_type()))
    }

    /// The known name most like `text`, where one is near enough to be meant.
    #[must_use]
    pub fn nearest(&self, text: &str) -> Option<String> {
        let limit = text.chars().count() / 3 + 1;
        self.known
            .keys()
            .map(|known| (edits(known, text), known))
            .filter(|(edits, _)| *edits <= limit)
            .min()
            .map(|(_, known)| known.clone())
    }
}

impl Name {
    /// The type of its value.
    #[must_use]
    pub fn value_type(&self) -> Type {
        match self {
            Self::Feature { of, .. } => *of,
            Self::Signal(_) | Self::DataSparse => Type::Boolean,
            Self::Stage | Self::Band | Self::Tier => Type::Text,
            Self::Arr | Self::Probability | Self::Health(_) => Type::Number,
        }
    }

    /// The texts that it can be, where they are a closed set.
    #[must_use]
    pub fn choices(&self) -> Option<Vec<&'static str>> {
        match self {
            Self::Stage => Some(Stage::ALL.into_iter().map(Stage::name).collect()),
            Self::Band => Some(Band::ALL.into_iter().map(Band::name).collect()),
            Self::Tier => Some(TIERS.to_vec()),
            _ => None,
        }
    }

    /// The least and the greatest number that it can be.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        match self {
            Self::Probability => (0.0, 1.0),
            Self::Health(_) => (0.0, 100.0),
            Self::Arr => (0.0, f64::INFINITY),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// Whether it says nothing but where the account is in its contract.
    #[must_use]
    pub fn is_contract_date(&self) -> bool {
        const DATES: [&str; 3] = ["days_to_term_end", "tenure_days", "term_months"];
        match self {
            Self::Feature { name, .. } => DATES.contains(&name.as_str()),
            Self::Signal(kind) => *kind == SignalKind::RenewalNear,
            Self::Stage | Self::Tier | Self::Arr => true,
            Self::Band | Self::Probability | Self::DataSparse | Self::Health(_) => false,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Feature { name, .. } => f.write_str(name),
            Self::Signal(kind) => write!(f, "signals.{}", kind.name()),
            Self::Stage => f.write_str("stage"),
            Self::Band => f.write_str("band"),
            Self::Tier => f.write_str("tier"),
            Self::Arr => f.write_str("arr"),
            Self::Probability => f.write_str("probability"),
            Self::DataSparse => f.write_str("data_sparse"),
            Self::Health(None) => f.write_str("health.overall"),
            Self::Health(Some(dimension)) => write!(f, "health.{}", dimension.name()),
        }
    }
}

/// The features of a history that has every table.
fn product_features() -> Vec<FeatureSpec> {
    const TABLES: [&str; 12] = [
        "subscriptions",
        "subscription_events",
        "accounts",
        "usage_events",
        "tickets",
        "contacts",
        "activities",
        "surveys",
        "invoices",
        "opportunities",
        "milestones",
        "account_states",
    ];
    let summary =
        |table| TableSummary { table, n_rows: 0, n_rejected: 0, first: None, last: None, sha256: None };
    let history = History { tables: TABLES.map(summary).to_vec(), ..History::default() };
    // Without facts there is nothing that could not be read.
    compute::specs(&history, &ComputeConfig::default()).unwrap_or_default()
}

/// Levenshtein distance in characters.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The fixed names and one feature, `seat_utilisation`.
    pub(crate) fn names() -> Names {
        Names::new(&[FeatureSpec::prepared("seat_utilisation", Kind::Number)])
    }

    #[test]
    fn every_name_finds_itself() {
        let names = names();
        for (text, name) in &names.known {
            assert_eq!(names.find(text), Some((name.clone(), name.value_type())));
            assert_eq!(&name.to_string(), text);
        }
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_near() {
        assert_eq!(names().nearest("probabilty"), Some("probability".to_owned()));
        assert_eq!(names().nearest("weather_in_oslo"), None);
    }

    #[test]
    fn edits_counts_insertions_deletions_and_replacements() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("same", "same"), 0);
    }
}
