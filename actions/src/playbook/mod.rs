//! The plays: what can be done for an account, and when.
//!
//! A playbook file is TOML with one table a play, `[plays.ID]`. The product's own files are compiled in; a
//! folder named by `decisions.playbooks` replaces them all.

mod read;
#[cfg(test)]
mod tests;

use holdfast_features::{Dimension, FeatureSpec};
use serde::{Deserialize, Serialize};

pub use read::{PlaybookError, PlaybookFile, default_files, folder_files};

use crate::expression::Expression;
use crate::rule::Source;

/// Everything that can be done, in the order of the ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Playbooks {
    plays: Vec<Play>,
}

/// One thing that can be done for an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Play {
    /// Unique among all files.
    pub id: String,
    /// What it is, in a few words.
    pub title: String,
    /// The side of the account that it works on.
    pub dimension: Option<Dimension>,
    /// When it is eligible.
    pub when: Expression,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// What helps doing it: templates, decks, people.
    pub resources: Vec<String>,
    /// How to see that it worked.
    pub success_criteria: String,
    /// What to do when it does not work.
    pub escalation: String,
    /// The role that does it.
    pub owner_role: String,
    /// How the customer is reached.
    pub channel: Channel,
    /// Whom at the customer it addresses.
    pub addressee: Addressee,
    /// What it is about: some topics have guardrails of their own.
    pub topic: Topic,
    /// Hours of work.
    pub effort_hours: f64,
    /// Money beside the hours, in the currency of the account's ARR.
    pub cost: f64,
    /// Days before the same play may be used on the same account again.
    pub cooldown_days: f64,
    /// What it is believed to do to the odds of churn.
    pub prior_effect: PriorEffect,
    /// Expected new ARR as a share of the account's ARR; 0 for all but growth plays.
    pub growth_share: f64,
    /// Three sentences for the conversation.
    pub talking_points: [String; 3],
    /// Whether it reaches the customer.
    pub outbound: bool,
    /// Whether a machine may do it.
    pub automatable: bool,
    /// Where it is written.
    pub source: Source,
}

/// A belief about the effect of a play on the churn odds, held before any data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PriorEffect {
    /// Change of the log-odds of churn, at most 0.
    pub log_odds: f64,
    /// The number of treated accounts that the belief is worth.
    pub strength_accounts: f64,
}

/// How the customer is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Channel {
    Email,
    InApp,
    Call,
    Meeting,
    Webinar,
    Training,
    /// Nobody at the customer notices.
    Internal,
}

/// Whom at the customer a play addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Addressee {
    ExecutiveSponsor,
    Champion,
    Admin,
    Billing,
    Users,
    /// Whoever is there.
    Team,
    /// Nobody: an internal play.
    Nobody,
}

/// What a play is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// The customer's success.
    Care,
    /// The renewal of the contract.
    Renewal,
    /// Selling more.
    Upsell,
}

impl Channel {
    /// Names and values, as in files.
    pub const CHOICES: [(&'static str, Self); 7] = [
        ("email", Self::Email),
        ("in_app", Self::InApp),
        ("call", Self::Call),
        ("meeting", Self::Meeting),
        ("webinar", Self::Webinar),
        ("training", Self::Training),
        ("internal", Self::Internal),
    ];

    /// The lower-case name, as in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::InApp => "in_app",
            Self::Call => "call",
            Self::Meeting => "meeting",
            Self::Webinar => "webinar",
            Self::Training => "training",
            Self::Internal => "internal",
        }
    }
}

impl Addressee {
    /// Names and values, as in files.
    pub const CHOICES: [(&'static str, Self); 7] = [
        ("executive_sponsor", Self::ExecutiveSponsor),
        ("champion", Self::Champion),
        ("admin", Self::Admin),
        ("billing", Self::Billing),
        ("users", Self::Users),
        ("team", Self::Team),
        ("nobody", Self::Nobody),
    ];
}

impl Topic {
    /// Names and values, as in files.
    pub const CHOICES: [(&'static str, Self); 3] =
        [("care", Self::Care), ("renewal", Self::Renewal), ("upsell", Self::Upsell)];
}

impl Playbooks {
    /// Reads all `files`; expressions may use the fixed names, every feature of the product and `features`.
    ///
    /// # Errors
    /// [`PlaybookError::Mistakes`] with every mistake of every file; [`PlaybookError::Empty`] without a play.
    pub fn read(files: &[PlaybookFile], features: &[FeatureSpec]) -> Result<Self, PlaybookError> {
        read::playbooks(files, &crate::name::Names::new(features)).map(|plays| Self { plays })
    }

    /// No plays, until they are read.
    pub(crate) fn none() -> Self {
        Self { plays: Vec::new() }
    }

    /// The plays, in the order of their ids.
    #[must_use]
    pub fn plays(&self) -> &[Play] {
        &self.plays
    }
}
