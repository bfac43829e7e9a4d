//! An account as it was known at one observation.

use super::Whole;
use super::engagement::{Activities, Milestones, Surveys, Tickets};
use super::financial::{ContractView, Invoices, Opportunities};
use super::relationship::People;
use super::usage_window::UsageWindow;
use crate::history::{Account, AccountFacts, Text};
use crate::time::Timestamp;

/// What was known, table by table; `None` where the account had nothing in a table yet.
pub(super) struct View<'a> {
    /// For tables that keep no view of their own: their rows must be checked against `as_of`.
    pub(super) facts: &'a AccountFacts,
    pub(super) as_of: Timestamp,
    pub(super) whole: &'a Whole<'a>,
    pub(super) contract: ContractView<'a>,
    pub(super) usage: Option<UsageWindow<'a>>,
    pub(super) tickets: Option<Tickets<'a>>,
    pub(super) activities: Option<Activities<'a>>,
    pub(super) surveys: Option<Surveys<'a>>,
    pub(super) milestones: Option<Milestones<'a>>,
    pub(super) invoices: Option<Invoices<'a>>,
    pub(super) opportunities: Option<Opportunities<'a>>,
    pub(super) people: Option<People<'a>>,
}

impl<'a> View<'a> {
    /// The account at `as_of`; `usage` is the sweep's window there.
    pub(super) fn at(
        facts: &'a AccountFacts,
        as_of: Timestamp,
        subscription_id: Option<&Text>,
        usage: Option<UsageWindow<'a>>,
        whole: &'a Whole<'a>,
    ) -> Self {
        let contract = ContractView::at(facts, as_of, subscription_id, whole);
        let milestones = Milestones::at(&facts.milestones, as_of, contract.seats);
        Self {
            facts,
            as_of,
            whole,
            contract,
            usage,
            tickets: Tickets::at(&facts.tickets, as_of),
            activities: Activities::at(&facts.activities, as_of),
            surveys: Surveys::at(&facts.surveys, as_of),
            milestones,
            invoices: Invoices::at(&facts.invoices, as_of),
            opportunities: Opportunities::at(&facts.opportunities, as_of),
            people: People::at(&facts.contacts, as_of),
        }
    }

    /// The attributes of today, for decisions only.
    pub(super) fn account(&self) -> Option<&'a Account> {
        self.facts.account.as_ref()
    }
}
