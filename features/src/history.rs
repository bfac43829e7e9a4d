//! A history in memory: what is known of each account, by table and in time order.
//!
//! Every fact carries the time from which features may use it. [`crate::read`] makes a history out of
//! files; the kernel that computes features sees one account's [`AccountFacts`] at a time and no file.

use std::sync::Arc;

use crate::time::Timestamp;

/// Text that many facts share.
pub type Text = Arc<str>;

/// All facts of a business, grouped by account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Accounts in ascending order of their id; each account of any table is here.
    pub accounts: Vec<AccountFacts>,
    /// Nothing after this is known; the latest knowledge time of any table unless configured.
    pub until: Option<Timestamp>,
    /// The one currency of all money, where the history names one.
    pub currency: Option<Text>,
    /// The tables that are present, in the order of the contract.
    pub tables: Vec<TableSummary>,
    /// The names of the unknown, time-safe columns of `accounts`: [`Account::candidates`] follows this order.
    pub candidate_columns: Vec<String>,
}

/// What `check` and the report say of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSummary {
    /// Its name in the contract.
    pub table: &'static str,
    /// Rows used.
    pub n_rows: usize,
    /// Rows set aside by `on_bad_row = "reject"`.
    pub n_rejected: usize,
    /// Earliest event time.
    pub first: Option<Timestamp>,
    /// Latest event time.
    pub last: Option<Timestamp>,
    /// SHA-256 of the table's files, hexadecimal: the provenance of a model names it.
    pub sha256: String,
}

/// Everything known of one account. Each list is sorted by its `visible_at`, ties by the row's content, so
/// that the order of rows and files in the input never shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AccountFacts {
    /// The account's id, as text.
    pub account_id: Text,
    /// The row of `accounts`: attributes of today.
    pub account: Option<Account>,
    /// Contracts.
    pub subscriptions: Vec<Subscription>,
    /// The renewal history.
    pub subscription_events: Vec<SubscriptionEvent>,
    /// Changes of account fields.
    pub field_changes: Vec<FieldChange>,
    /// Usage, single events and daily sums alike.
    pub usage: Vec<Usage>,
    /// Support tickets.
    pub tickets: Vec<Ticket>,
    /// People at the account.
    pub contacts: Vec<Contact>,
    /// E-mails, calls, meetings and the like.
    pub activities: Vec<Activity>,
    /// Survey answers.
    pub surveys: Vec<Survey>,
    /// Invoices.
    pub invoices: Vec<Invoice>,
    /// Sales opportunities.
    pub opportunities: Vec<Opportunity>,
    /// Milestones of the customer's journey.
    pub milestones: Vec<Milestone>,
    /// Escalations, holds and manual assessments.
    pub states: Vec<AccountState>,
    /// The log of what was done for the account.
    pub interventions: Vec<Intervention>,
    /// Outcomes that win over the derived ones.
    pub labels: Vec<Label>,
}

/// A row of `accounts`. Attributes of *today*: features never use them unless the configuration says that
/// they are constant; decisions do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Account {
    /// The parent company's account.
    pub parent_account_id: Option<Text>,
    /// Display name.
    pub name: Option<Text>,
    /// When the account was created.
    pub created_at: Option<Timestamp>,
    /// Industry.
    pub industry: Option<Text>,
    /// Country.
    pub country: Option<Text>,
    /// Number of employees.
    pub employee_count: Option<f64>,
    /// `high_touch`, `mid_touch` or `low_touch`.
    pub tier: Option<Text>,
    /// Whether a person always reviews decisions on the account.
    pub is_strategic: Option<bool>,
    /// The last strategic review.
    pub strategic_reviewed_at: Option<Timestamp>,
    /// The customer-success manager.
    pub csm_id: Option<Text>,
    /// Values of [`History::candidate_columns`].
    pub candidates: Vec<Candidate>,
}

/// A value of an unknown column of `accounts` that the configuration declares constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Candidate {
    /// A number, or a boolean as 0/1.
    Number(Option<f64>),
    /// A category.
    Text(Option<Text>),
}

/// A row of `subscriptions`. `mrr` and `quantity` are today's values; [`SubscriptionEvent`]s tell the past's.
#[derive(Debug, Clone, PartialEq)]
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

/// The type of a row of `subscription_events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
#[derive(Debug, Clone, PartialEq)]
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

/// A row of `account_history`.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// The later of its event time and its knowledge time.
    pub visible_at: Timestamp,
    /// The field.
    pub field: Text,
    /// Its value from then on.
    pub value: Option<Text>,
    /// From when the value holds.
    pub valid_from: Timestamp,
}

/// The channel of usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum Channel {
    Ui,
    Api,
    Mobile,
    Integration,
}

/// A row of `usage_events` (`count` 1) or `usage_daily`.
#[derive(Debug, Clone, PartialEq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum Priority {
    Low,
    Normal,
    High,
    Urgent,
}

/// A row of `tickets`. What comes after its creation is known only from its own time on.
#[derive(Debug, Clone, PartialEq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum ContactRole {
    ExecutiveSponsor,
    Champion,
    Admin,
    Billing,
    User,
}

/// A row of `contacts`.
#[derive(Debug, Clone, PartialEq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum Initiator {
    Customer,
    Vendor,
}

/// How a meeting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum ActivityStatus {
    Completed,
    Cancelled,
    NoShow,
}

/// A row of `activities`.
#[derive(Debug, Clone, PartialEq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum SurveyKind {
    Nps,
    Csat,
    Ces,
}

/// A row of `surveys`.
#[derive(Debug, Clone, PartialEq)]
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

/// A row of `invoices`. What comes after its creation is known only from its own time on.
#[derive(Debug, Clone, PartialEq)]
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
    /// Collection attempts; known from `paid_at`, or the due date when unpaid.
    pub attempt_count: Option<f64>,
    /// Why a collection failed.
    pub failure_code: Option<Text>,
}

/// The type of an opportunity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum OpportunityType {
    Renewal,
    Expansion,
    New,
}

/// A row of `opportunities`.
#[derive(Debug, Clone, PartialEq)]
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

/// The kind of a milestone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
#[derive(Debug, Clone, PartialEq)]
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

/// A state of an account that decisions respect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum StateKind {
    ActiveEscalation,
    DoNotContact,
    LegalHold,
    ManualHealth,
}

/// A row of `account_states`.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountState {
    /// The later of its event time and its knowledge time.
    pub visible_at: Timestamp,
    /// The state.
    pub state: StateKind,
    /// From when it holds.
    pub started_at: Timestamp,
    /// Until when it holds.
    pub ended_at: Option<Timestamp>,
    /// Its value, for manual health.
    pub value: Option<Text>,
}

/// A row of `interventions`.
#[derive(Debug, Clone, PartialEq)]
pub struct Intervention {
    /// The later of its event time and its knowledge time.
    pub visible_at: Timestamp,
    /// The play that was assigned.
    pub action: Text,
    /// Whether the account was treated (`true`) or held as control.
    pub is_treatment: bool,
    /// The probability of that arm, in (0, 1].
    pub propensity: Option<f64>,
    /// When it was assigned.
    pub assigned_at: Timestamp,
    /// When it reached the customer.
    pub delivered_at: Option<Timestamp>,
    /// Channel.
    pub channel: Option<Text>,
    /// Done by a machine.
    pub is_automated: Option<bool>,
    /// Cost, major units.
    pub cost: Option<f64>,
}

/// How a term ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum Outcome {
    Renewed,
    Churned,
    Contracted,
    Expanded,
}

/// A row of `labels`.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The term's end.
    pub term_end: Timestamp,
    /// Its outcome.
    pub outcome: Outcome,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
}
