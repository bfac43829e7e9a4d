//! One fact of any table: how it joins an account's lists, leaves them, and is packed.

use std::collections::BTreeSet;
use std::mem::take;

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::bytes::{Damaged, Reader, put};
use crate::history::{
    Account, AccountFacts, AccountState, Activity, Contact, FieldChange, Intervention, Invoice, Label,
    Milestone, Opportunity, Subscription, SubscriptionEvent, Survey, Ticket, Usage,
};
use crate::time::Timestamp;

/// A row of a table, with the time from which it may be used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a variant a table of the contract")]
pub enum Fact {
    Account(Account),
    Subscription(Subscription),
    SubscriptionEvent(SubscriptionEvent),
    FieldChange(FieldChange),
    Usage(Usage),
    Ticket(Ticket),
    Contact(Contact),
    Activity(Activity),
    Survey(Survey),
    Invoice(Invoice),
    Opportunity(Opportunity),
    Milestone(Milestone),
    State(AccountState),
    Intervention(Intervention),
    Label(Label),
}

impl Fact {
    /// The table of the contract that it stands in; for usage the one of single events.
    #[must_use]
    pub fn table(&self) -> &'static str {
        match self {
            Self::Account(_) => "accounts",
            Self::Subscription(_) => "subscriptions",
            Self::SubscriptionEvent(_) => "subscription_events",
            Self::FieldChange(_) => "account_history",
            Self::Usage(_) => "usage_events",
            Self::Ticket(_) => "tickets",
            Self::Contact(_) => "contacts",
            Self::Activity(_) => "activities",
            Self::Survey(_) => "surveys",
            Self::Invoice(_) => "invoices",
            Self::Opportunity(_) => "opportunities",
            Self::Milestone(_) => "milestones",
            Self::State(_) => "account_states",
            Self::Intervention(_) => "interventions",
            Self::Label(_) => "labels",
        }
    }

    /// From when features may use it; `None` for what is always known or never used.
    #[must_use]
    pub fn visible_at(&self) -> Option<Timestamp> {
        match self {
            Self::Account(_) | Self::Label(_) => None,
            Self::Subscription(row) => Some(row.visible_at),
            Self::SubscriptionEvent(row) => Some(row.visible_at),
            Self::FieldChange(row) => Some(row.visible_at),
            Self::Usage(row) => Some(row.visible_at),
            Self::Ticket(row) => Some(row.visible_at),
            Self::Contact(row) => Some(row.visible_at),
            Self::Activity(row) => Some(row.visible_at),
            Self::Survey(row) => Some(row.visible_at),
            Self::Invoice(row) => Some(row.visible_at),
            Self::Opportunity(row) => Some(row.visible_at),
            Self::Milestone(row) => Some(row.visible_at),
            Self::State(row) => Some(row.visible_at),
            Self::Intervention(row) => Some(row.visible_at),
        }
    }

    /// When it happened.
    #[must_use]
    pub fn happened_at(&self) -> Option<Timestamp> {
        match self {
            Self::Account(_) | Self::Label(_) => None,
            Self::Subscription(row) => Some(row.started_at),
            Self::SubscriptionEvent(row) => Some(row.effective_at),
            Self::FieldChange(row) => Some(row.valid_from),
            Self::Usage(row) => Some(row.occurred_at),
            Self::Ticket(row) => Some(row.created_at),
            Self::Contact(row) => Some(row.created_at),
            Self::Activity(row) => Some(row.occurred_at),
            Self::Survey(row) => Some(row.responded_at),
            Self::Invoice(row) => Some(row.created_at),
            Self::Opportunity(row) => Some(row.created_at),
            Self::Milestone(row) => row.achieved_at.or(row.target_at),
            Self::State(row) => Some(row.started_at),
            Self::Intervention(row) => Some(row.assigned_at),
        }
    }
}

impl AccountFacts {
    /// Adds a fact; [`Self::sort`] brings the lists in order once all are there.
    pub fn add(&mut self, fact: Fact) {
        match fact {
            Fact::Account(row) => self.account = Some(row),
            Fact::Subscription(row) => self.subscriptions.push(row),
            Fact::SubscriptionEvent(row) => self.subscription_events.push(row),
            Fact::FieldChange(row) => self.field_changes.push(row),
            Fact::Usage(row) => self.usage.push(row),
            Fact::Ticket(row) => self.tickets.push(row),
            Fact::Contact(row) => self.contacts.push(row),
            Fact::Activity(row) => self.activities.push(row),
            Fact::Survey(row) => self.surveys.push(row),
            Fact::Invoice(row) => self.invoices.push(row),
            Fact::Opportunity(row) => self.opportunities.push(row),
            Fact::Milestone(row) => self.milestones.push(row),
            Fact::State(row) => self.states.push(row),
            Fact::Intervention(row) => self.interventions.push(row),
            Fact::Label(row) => self.labels.push(row),
        }
    }

    /// Takes out every fact, in the order of the lists.
    pub fn take(&mut self) -> impl Iterator<Item = Fact> + use<> {
        let core = (self.account.take().into_iter().map(Fact::Account))
            .chain(take(&mut self.subscriptions).into_iter().map(Fact::Subscription))
            .chain(take(&mut self.subscription_events).into_iter().map(Fact::SubscriptionEvent))
            .chain(take(&mut self.labels).into_iter().map(Fact::Label));
        core.chain(self.take_packed())
    }

    /// Takes out the facts that a history which was read holds packed.
    pub(crate) fn take_packed(&mut self) -> impl Iterator<Item = Fact> + use<> {
        let mut facts = Vec::new();
        let taken: Result<(), std::convert::Infallible> = self.drain_packed(|fact| {
            facts.push(fact);
            Ok(())
        });
        let Ok(()) = taken;
        facts.into_iter()
    }

    /// Hands the same facts to `with`.
    pub(crate) fn drain_packed<E>(&mut self, mut with: impl FnMut(Fact) -> Result<(), E>) -> Result<(), E> {
        take(&mut self.field_changes).into_iter().map(Fact::FieldChange).try_for_each(&mut with)?;
        take(&mut self.usage).into_iter().map(Fact::Usage).try_for_each(&mut with)?;
        take(&mut self.tickets).into_iter().map(Fact::Ticket).try_for_each(&mut with)?;
        take(&mut self.contacts).into_iter().map(Fact::Contact).try_for_each(&mut with)?;
        take(&mut self.activities).into_iter().map(Fact::Activity).try_for_each(&mut with)?;
        take(&mut self.surveys).into_iter().map(Fact::Survey).try_for_each(&mut with)?;
        take(&mut self.invoices).into_iter().map(Fact::Invoice).try_for_each(&mut with)?;
        take(&mut self.opportunities).into_iter().map(Fact::Opportunity).try_for_each(&mut with)?;
        take(&mut self.milestones).into_iter().map(Fact::Milestone).try_for_each(&mut with)?;
        take(&mut self.states).into_iter().map(Fact::State).try_for_each(&mut with)?;
        take(&mut self.interventions).into_iter().map(Fact::Intervention).try_for_each(&mut with)
    }
}

/// Appends `fact` of the account `code`; `room` is used to put it together.
pub(super) fn append(
    bytes: &mut Vec<u8>,
    room: &mut Vec<u8>,
    code: u32,
    fact: &Fact,
) -> Result<(), StoreError> {
    room.clear();
    *room = postcard::to_extend(fact, std::mem::take(room)).map_err(|_| StoreError::Damaged)?;
    put(bytes, u64::from(code));
    put(bytes, room.len() as u64);
    bytes.extend_from_slice(room);
    Ok(())
}

/// The codes of the accounts of a block, each once.
pub(super) fn accounts(bytes: &[u8]) -> Result<Box<[u32]>, Damaged> {
    let (mut reader, mut codes) = (Reader(bytes), BTreeSet::new());
    while !reader.0.is_empty() {
        codes.insert(reader.code()?);
        let length = reader.length()?;
        reader.take(length)?;
    }
    Ok(codes.into_iter().collect())
}

/// Adds the facts of a block to those of their accounts.
pub(super) fn read(
    bytes: &[u8],
    account_of: impl Fn(u32) -> Option<usize>,
    facts: &mut [AccountFacts],
) -> Result<(), Damaged> {
    let mut reader = Reader(bytes);
    while !reader.0.is_empty() {
        let account = account_of(reader.code()?).ok_or(Damaged)?;
        let length = reader.length()?;
        let fact = postcard::from_bytes(reader.take(length)?).map_err(|_| Damaged)?;
        facts.get_mut(account).ok_or(Damaged)?.add(fact);
    }
    Ok(())
}
