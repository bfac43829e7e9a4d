//! Facts about money and contracts.

use serde::{Deserialize, Serialize};

use super::Text;
use crate::time::Timestamp;

/// A column of `subscriptions` that changes without leaving a time: an export shows today's value of it. An
/// ended contract may show no revenue, no seats and no automatic renewal, so a past row must not read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum MutableColumn {
    AutoRenew,
    Quantity,
    Mrr,
    Plan,
}

/// A row of `subscriptions`. Its [`MutableColumn`]s are today's values; of `mrr` [`SubscriptionEvent`]s tell the past's.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Subscription {
    /// From when features may know of it.
    pub visible_at: Timestamp,
    /// Unique id.
    pub subscription_id: Text,
    /// Plan.
    pub plan: Option<Text>,
    /// Seats bought.
    pub quantity: Option<f64>,
    /// Monthly recurring revenue in the history's currency (major units).
    pub mrr: f64,
    /// Length of a billing period.
    pub billing_period_months: Option<u32>,
    /// Start of the first term.
    pub started_at: Timestamp,
    /// Start of the latest term.
    pub current_term_start: Option<Timestamp>,
    /// End of the latest term; absent only where `billing_period_months` is given.
    pub current_term_end: Option<Timestamp>,
    /// Whether it renews without a decision.
    pub auto_renew: Option<bool>,
    /// When the customer asked to cancel. Confirmatory: never a training feature.
    pub cancel_requested_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    pub cancel_reason: Option<Text>,
    /// Whether it ended against the customer's will (failed payment): `Some(false)` is involuntary.
    pub is_voluntary: Option<bool>,
}

impl MutableColumn {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::AutoRenew, Self::Quantity, Self::Mrr, Self::Plan];

    /// The contract's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AutoRenew => "auto_renew",
            Self::Quantity => "quantity",
            Self::Mrr => "mrr",
            Self::Plan => "plan",
        }
    }
}

/// The type of a row of `subscription_events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum SubscriptionEventType {
    New,
    Renewal,
    Expansion,
    Contraction,
    CancelRequested,
    Churn,
    Pause,
    Reactivation,
}

/// A row of `subscription_events`.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct SubscriptionEvent {
    /// The later of its event time and its knowledge time.
    pub visible_at: Timestamp,
    /// The subscription it belongs to.
    pub subscription_id: Text,
    /// What happened.
    pub event_type: SubscriptionEventType,
    /// MRR before.
    pub mrr_before: Option<f64>,
    /// MRR after.
    pub mrr_after: Option<f64>,
    /// End of the term that begins (new, renewal) or ends (churn) with it.
    pub term_end: Option<Timestamp>,
    /// When it took effect.
    pub effective_at: Timestamp,
}

/// A row of `invoices`. What comes after its creation is known only from its own time on.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Invoice {
    /// The later of its event time and its knowledge time.
    pub visible_at: Timestamp,
    /// Unique id.
    pub invoice_id: Text,
    /// Amount due, major units.
    pub amount_due: f64,
    /// Amount paid, major units; known from `paid_at` on.
    pub amount_paid: Option<f64>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it is due.
    pub due_at: Option<Timestamp>,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
    /// Collection attempts; known from `paid_at`. Of an unpaid invoice they are today's.
    pub attempt_count: Option<f64>,
    /// Why a collection failed; known as the attempts are.
    pub failure_code: Option<Text>,
}

/// The type of an opportunity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum OpportunityType {
    Renewal,
    Expansion,
    New,
}

/// A row of `opportunities`.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Opportunity {
    /// The later of its event time and its knowledge time.
    pub visible_at: Timestamp,
    /// Unique id.
    pub opportunity_id: Text,
    /// Type.
    pub opportunity_type: OpportunityType,
    /// Amount, major units.
    pub amount: Option<f64>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was closed; `is_won` is known from then on.
    pub closed_at: Option<Timestamp>,
    /// Whether it was won.
    pub is_won: Option<bool>,
}

/// How a term ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum Outcome {
    Renewed,
    Churned,
    Contracted,
    Expanded,
}

/// A row of `labels`.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Label {
    /// The term's end.
    pub term_end: Timestamp,
    /// Its outcome.
    pub outcome: Outcome,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
}
