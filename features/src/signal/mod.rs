//! Signals: what is happening at an account, each with the numbers that show it.
//!
//! A signal needs its evidence. Where a feature is missing (the account never used that channel, the
//! table is absent) there is no signal: silence that nobody could have heard is not reported.

mod config;
mod rules;

use serde::Serialize;

pub use config::SignalConfig;

use crate::matrix::Row;
use crate::spec::Dimension;

/// The kinds of signals of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// Users or events fell within 14 days.
    UsageDecline,
    /// Many tickets in 7 days.
    SupportSpike,
    /// An event never used before is now used regularly.
    FeatureAdopted,
    /// Many more distinct events than before.
    ExplorationSpike,
    /// Nothing new for long, and little breadth.
    AdoptionStall,
    /// The executive sponsor has not been in touch.
    SponsorSilent,
    /// The executive sponsor left, and nobody follows.
    SponsorLeft,
    /// The champion left, and nobody follows.
    ChampionLeft,
    /// The latest business review did not take place.
    QbrMissed,
    /// The customer answers much slower.
    ResponseSlowing,
    /// The tone gets worse.
    SentimentFalling,
    /// The latest NPS answer is a detractor's.
    NpsDetractor,
    /// An invoice is overdue or its collection failed.
    PaymentLate,
    /// Nearly all seats are in use.
    OverCapacity,
    /// Few of the seats are in use.
    UnderUsed,
    /// A milestone passed its date.
    MilestoneMissed,
    /// No first value though it is time.
    FirstValueLate,
    /// The term ends soon.
    RenewalNear,
    /// The health score fell.
    HealthDrop,
    /// The customer asked to cancel.
    CancelRequested,
}

/// One number that shows a signal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// The feature.
    pub feature: &'static str,
    /// Its value.
    pub value: f64,
    /// The unit of the value.
    pub unit: &'static str,
    /// The length of the window that it covers, where it has one.
    pub window_days: Option<u32>,
    /// The number in words: `16 active users in the last 14 days`.
    pub text: String,
}

/// Something that happens at an account, with what shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Signal {
    /// What.
    pub kind: SignalKind,
    /// The side of the account that it concerns; `None` for the health score, which concerns all.
    pub dimension: Option<Dimension>,
    /// The numbers.
    pub evidence: Vec<Evidence>,
    /// One sentence with the numbers.
    pub text: String,
}

/// What is known of the account's segment, where the caller knows it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Peers {
    /// Median of `distinct_events_28d`; without it, adoption is compared with the account's own last 90 days.
    pub median_distinct_events_28d: Option<f64>,
}

impl SignalKind {
    /// All kinds, in the order in which they are reported.
    pub const ALL: [Self; 20] = [
        Self::UsageDecline,
        Self::SupportSpike,
        Self::FeatureAdopted,
        Self::ExplorationSpike,
        Self::AdoptionStall,
        Self::SponsorSilent,
        Self::SponsorLeft,
        Self::ChampionLeft,
        Self::QbrMissed,
        Self::ResponseSlowing,
        Self::SentimentFalling,
        Self::NpsDetractor,
        Self::PaymentLate,
        Self::OverCapacity,
        Self::UnderUsed,
        Self::MilestoneMissed,
        Self::FirstValueLate,
        Self::RenewalNear,
        Self::HealthDrop,
        Self::CancelRequested,
    ];

    /// The name in files, expressions and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::UsageDecline => "usage_decline",
            Self::SupportSpike => "support_spike",
            Self::FeatureAdopted => "feature_adopted",
            Self::ExplorationSpike => "exploration_spike",
            Self::AdoptionStall => "adoption_stall",
            Self::SponsorSilent => "sponsor_silent",
            Self::SponsorLeft => "sponsor_left",
            Self::ChampionLeft => "champion_left",
            Self::QbrMissed => "qbr_missed",
            Self::ResponseSlowing => "response_slowing",
            Self::SentimentFalling => "sentiment_falling",
            Self::NpsDetractor => "nps_detractor",
            Self::PaymentLate => "payment_late",
            Self::OverCapacity => "over_capacity",
            Self::UnderUsed => "under_used",
            Self::MilestoneMissed => "milestone_missed",
            Self::FirstValueLate => "first_value_late",
            Self::RenewalNear => "renewal_near",
            Self::HealthDrop => "health_drop",
            Self::CancelRequested => "cancel_requested",
        }
    }

    /// The side of the account that it concerns; `None` for the health score, which concerns all.
    #[must_use]
    pub fn dimension(self) -> Option<Dimension> {
        match self {
            Self::UsageDecline
            | Self::FeatureAdopted
            | Self::ExplorationSpike
            | Self::AdoptionStall
            | Self::OverCapacity
            | Self::UnderUsed => Some(Dimension::Usage),
            Self::SupportSpike
            | Self::QbrMissed
            | Self::ResponseSlowing
            | Self::SentimentFalling
            | Self::NpsDetractor
            | Self::MilestoneMissed
            | Self::FirstValueLate => Some(Dimension::Engagement),
            Self::PaymentLate | Self::RenewalNear | Self::CancelRequested => Some(Dimension::Financial),
            Self::SponsorSilent | Self::SponsorLeft | Self::ChampionLeft => Some(Dimension::Relationship),
            Self::HealthDrop => None,
        }
    }

    /// Whether the signal speaks for staying: adoption, exploration, a full house.
    #[must_use]
    pub fn is_favourable(self) -> bool {
        matches!(self, Self::FeatureAdopted | Self::ExplorationSpike | Self::OverCapacity)
    }
}

/// The signals of the account whose features are in `row`, in the order of [`SignalKind::ALL`].
/// [`SignalKind::HealthDrop`] needs two health scores and comes from [`health_drop`].
#[must_use]
pub fn of(row: Row<'_>, config: &SignalConfig) -> Vec<Signal> {
    of_among(row, config, Peers::default())
}

/// As [`of`], with the account compared to its `peers`.
#[must_use]
pub fn of_among(row: Row<'_>, config: &SignalConfig, peers: Peers) -> Vec<Signal> {
    rules::all(&|name| row.number(name), config, peers)
}

/// The signal of a health score (0–100) that fell from `before`, its best of the days before, to `now`.
#[must_use]
pub fn health_drop(before: f64, now: f64, config: &SignalConfig) -> Option<Signal> {
    rules::health_drop(before, now, config)
}
