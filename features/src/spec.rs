//! What a feature is: its name, dimension, unit and meaning.

use serde::{Deserialize, Serialize};

/// The four sides of an account that the product watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// How much, how broadly and how recently the product is used.
    Usage,
    /// How both sides talk: support, meetings, surveys, training.
    Engagement,
    /// What is paid, when, and on which terms.
    Financial,
    /// Who the people are: sponsor, champion, contacts.
    Relationship,
}

impl Dimension {
    /// All four, in the order in which they are reported.
    pub const ALL: [Self; 4] = [Self::Usage, Self::Engagement, Self::Financial, Self::Relationship];

    /// The lower-case name, as in files and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Engagement => "engagement",
            Self::Financial => "financial",
            Self::Relationship => "relationship",
        }
    }
}

/// The type of a feature's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A finite number; missing is NaN.
    Number,
    /// 0 or 1; missing is NaN.
    Boolean,
    /// A text out of a small set; missing is `None`.
    Category,
}

/// What a column of a feature table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A model learns from it; decisions may read it too.
    Feature,
    /// Only decisions read it (the tier, an escalation in force, a cancellation request); no model does.
    Context,
}

/// Which way the churn risk is known to move when the value rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// A higher value means a higher risk.
    RaisesRisk,
    /// A higher value means a lower risk.
    LowersRisk,
    /// Not known in advance.
    Unknown,
}

/// One declared column of a [`crate::FeatureTable`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureSpec {
    /// Unique within a table, `snake_case` for derived features.
    pub name: String,
    /// `None` for columns of a prepared table whose dimension nobody declared.
    pub dimension: Option<Dimension>,
    /// The type of its values.
    pub kind: Kind,
    /// What it is for.
    pub role: Role,
    /// Which way the risk moves with it.
    pub direction: Direction,
    /// The unit of its values: `days`, `events`, `share`, `USD` …; empty for categories.
    pub unit: String,
    /// One sentence for a reader who never saw the code.
    pub meaning: String,
    /// The history table it is made from; empty for a prepared table.
    pub source: String,
}

impl FeatureSpec {
    /// A column of a prepared table, of which only name and kind are known.
    #[must_use]
    pub fn prepared(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            dimension: None,
            kind,
            role: Role::Feature,
            direction: Direction::Unknown,
            unit: String::new(),
            meaning: format!("column `{name}` of the prepared table"),
            source: String::new(),
        }
    }
}
