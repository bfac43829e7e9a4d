//! Facts about what the customer does and says.

use serde::{Deserialize, Serialize};

use super::Text;
use crate::time::Timestamp;

/// The channel of usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum Channel {
    Ui,
    Api,
    Mobile,
    Integration,
}

/// A row of `usage_events` (`count` 1) or `usage_daily`.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Usage {
    /// The later of its event time and its knowledge time. A daily sum is known only when its day is over.
    pub visible_at: Timestamp,
    /// When it happened; midnight of its day for daily sums.
    pub occurred_at: Timestamp,
    /// The user; absent in daily sums.
    pub user_id: Option<Text>,
    /// The event's name.
    pub event: Text,
    /// How many events the row stands for.
    pub count: f64,
    /// Distinct users on the day, where a daily sum tells.
    pub active_users: Option<f64>,
    /// A quantity that the event carries.
    pub value: Option<f64>,
    /// How the product was reached.
    pub channel: Option<Channel>,
}

/// How urgent a ticket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum Priority {
    Low,
    Normal,
    High,
    Urgent,
}

/// A row of `tickets`. What comes after its creation is known only from its own time on.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Ticket {
    /// The later of its event time and its knowledge time.
    pub visible_at: Timestamp,
    /// Unique id.
    pub ticket_id: Text,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was solved; the outcome columns below are known from then on.
    pub solved_at: Option<Timestamp>,
    /// Priority.
    pub priority: Option<Priority>,
    /// When it was escalated.
    pub escalated_at: Option<Timestamp>,
    /// How often it was reopened.
    pub reopens: Option<f64>,
    /// Minutes to the first reply.
    pub reply_time_minutes: Option<f64>,
    /// Satisfaction with the solution.
    pub satisfaction_score: Option<f64>,
    /// −1 to 1.
    pub sentiment: Option<f64>,
}

/// What a contact is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum ContactRole {
    ExecutiveSponsor,
    Champion,
    Admin,
    Billing,
    User,
}

/// A row of `contacts`.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Contact {
    /// The later of its event time and its knowledge time.
    pub visible_at: Timestamp,
    /// Unique id.
    pub contact_id: Text,
    /// Role.
    pub role: Option<ContactRole>,
    /// Job title.
    pub title: Option<Text>,
    /// When the contact became known.
    pub created_at: Timestamp,
    /// When the person left.
    pub left_at: Option<Timestamp>,
}

/// The type of an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum ActivityType {
    Email,
    Call,
    Meeting,
    Qbr,
    Training,
    Webinar,
    Community,
}

/// Who began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum Initiator {
    Customer,
    Vendor,
}

/// How a meeting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum ActivityStatus {
    Completed,
    Cancelled,
    NoShow,
}

/// A row of `activities`.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Activity {
    /// The later of its event time and its knowledge time.
    pub visible_at: Timestamp,
    /// Unique id.
    pub activity_id: Text,
    /// The person.
    pub contact_id: Option<Text>,
    /// What it was.
    pub activity_type: ActivityType,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Who began it.
    pub initiated_by: Option<Initiator>,
    /// Sent by a machine.
    pub is_automated: Option<bool>,
    /// How it ended.
    pub status: Option<ActivityStatus>,
    /// Hours until the customer answered.
    pub response_hours: Option<f64>,
    /// −1 to 1.
    pub sentiment: Option<f64>,
}

/// The kind of a survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum SurveyKind {
    Nps,
    Csat,
    Ces,
}

/// A row of `surveys`.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Survey {
    /// The later of its event time and its knowledge time.
    pub visible_at: Timestamp,
    /// The person who answered.
    pub contact_id: Option<Text>,
    /// Kind.
    pub kind: Option<SurveyKind>,
    /// The score, on the kind's own scale.
    pub score: f64,
    /// When it was answered.
    pub responded_at: Timestamp,
}

/// The kind of a milestone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum MilestoneKind {
    Onboarding,
    FirstValue,
    Training,
    Outcome,
    Roi,
    Commitment,
}

/// A row of `milestones`.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Milestone {
    /// The earliest time at which the row shows anything: the target's knowledge time, or the achievement.
    pub visible_at: Timestamp,
    /// Its name.
    pub milestone: Text,
    /// Kind.
    pub kind: MilestoneKind,
    /// When it should be reached.
    pub target_at: Option<Timestamp>,
    /// When it was reached.
    pub achieved_at: Option<Timestamp>,
    /// A quantity that it carries.
    pub value: Option<f64>,
}
