//! A history in memory: what is known of each account, by table and in time order.
//!
//! Every fact carries the time from which features may use it. [`crate::read`] makes a history out of
//! files; the kernel that computes features sees one account's [`AccountFacts`] at a time and no file.

mod book;
mod commercial;
mod customer;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::spec::Kind;
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

pub use book::Book;
pub use commercial::{
    Invoice, Label, MutableColumn, Opportunity, OpportunityType, Outcome, Subscription, SubscriptionEvent,
    SubscriptionEventType,
};
pub use customer::{
    Activity, ActivityStatus, ActivityType, Channel, Contact, ContactRole, Initiator, Milestone,
    MilestoneKind, Priority, Survey, SurveyKind, Ticket, Usage,
};

/// Text that many facts share.
pub type Text = Arc<str>;

/// All facts of a business, grouped by account.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Accounts in ascending order of their id; each account of any table is here. Of a history that was read,
    /// only what every snapshot asks for stands here (contracts and their events, attributes, labels) and the
    /// rest in `store`.
    pub accounts: Vec<AccountFacts>,
    /// The facts that are not in `accounts`, packed.
    pub store: Option<Arc<Store>>,
    /// The whole book, where `accounts` are only some of its accounts; else it is theirs.
    pub book: Option<Arc<Book>>,
    /// Nothing after this is known; the latest knowledge time of any table unless configured.
    pub until: Option<Timestamp>,
    /// The one currency of all money, where the history names one.
    pub currency: Option<Text>,
    /// The tables that are present, in the order of the contract.
    pub tables: Vec<TableSummary>,
    /// The unknown, time-safe columns of `accounts`: [`Account::candidates`] follows this order.
    pub candidate_columns: Vec<CandidateColumn>,
    /// Columns of `subscriptions` whose value of today is that of every earlier time, by the configuration.
    pub constant_subscription_columns: Vec<MutableColumn>,
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
    /// SHA-256 of the table's files, hexadecimal, where it was asked for: the provenance of a model names it.
    pub sha256: Option<String>,
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

impl History {
    /// The same with every fact in [`Self::accounts`]. Users of usage are numbered within their account then: which
    /// rows have one user is known, not its id.
    ///
    /// # Errors
    /// Packed facts that cannot be read back.
    pub fn unpacked(&self) -> Result<Self, StoreError> {
        let mut whole = Self { store: None, ..self.clone() };
        for part in 0..self.store.as_ref().map_or(0, |store| store.ranges().len()) {
            let Some(store) = &self.store else { break };
            let mut loaded = store.load(part)?;
            for account in loaded.accounts.clone() {
                let at = account - loaded.accounts.start;
                let facts = &mut whole.accounts[account];
                facts.usage.extend(loaded.usage(at).iter(store.events()));
                loaded.facts[at].take_packed().for_each(|fact| facts.add(fact));
                facts.sort();
                facts.number_users();
            }
        }
        Ok(whole)
    }
}

impl AccountFacts {
    /// Brings each list in an order that does not depend on the order in which the facts were added.
    pub fn sort(&mut self) {
        sort(&mut self.subscriptions);
        sort(&mut self.subscription_events);
        sort(&mut self.field_changes);
        sort(&mut self.usage);
        sort(&mut self.tickets);
        sort(&mut self.contacts);
        sort(&mut self.activities);
        sort(&mut self.surveys);
        sort(&mut self.invoices);
        sort(&mut self.opportunities);
        sort(&mut self.milestones);
        sort(&mut self.states);
        sort(&mut self.interventions);
        sort(&mut self.labels);
    }

    /// Numbers the users of usage by their rows, who was known first first. What they were called does not show: users with the
    /// same rows are one like the other.
    pub(crate) fn number_users(&mut self) {
        let mut by_user: HashMap<Text, Vec<Usage>> = HashMap::new();
        for mut row in std::mem::take(&mut self.usage) {
            match row.user_id.take() {
                Some(user) => by_user.entry(user).or_default().push(row),
                None => self.usage.push(row),
            }
        }
        let mut users: Vec<Vec<Usage>> = by_user.into_values().collect();
        users.iter_mut().for_each(|rows| sort(rows));
        sort(&mut users);
        for (number, rows) in users.into_iter().enumerate() {
            let user_id = Some(Text::from(number.to_string()));
            self.usage.extend(rows.into_iter().map(|row| Usage { user_id: user_id.clone(), ..row }));
        }
        sort(&mut self.usage);
    }
}

/// The time from which a fact may be used is its first field, so this sorts by it. Numbers are never NaN.
fn sort<T: PartialOrd>(facts: &mut [T]) {
    facts.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
}

/// A row of `accounts`. Attributes of *today*: features never use them unless the configuration says that
/// they are constant; decisions do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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

/// An unknown column of `accounts` that the configuration declares constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateColumn {
    /// Its name.
    pub name: String,
    /// A number or a category, by the values of all accounts.
    pub kind: Kind,
}

/// A value of an unknown column of `accounts` that the configuration declares constant.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
pub enum Candidate {
    /// A number, or a boolean as 0/1.
    Number(Option<f64>),
    /// A category.
    Text(Option<Text>),
}

/// A row of `account_history`.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
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

/// A state of an account that decisions respect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the contract's own")]
pub enum StateKind {
    ActiveEscalation,
    DoNotContact,
    LegalHold,
    ManualHealth,
}

/// A row of `account_states`.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
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
