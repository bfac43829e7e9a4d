//! What tools record of a life: one module a room of the contract, each with its rows and how they come
//! about. Nothing is recorded after the account's end or that of the history; a fact that has not arrived by
//! then is absent.

mod account;
mod activities;
mod contract;
mod journey;
mod money;
mod people;
mod support;
mod usage;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use holdfast_features::Timestamp;
use rand::Rng;

use crate::life::{Life, World};
use crate::record::{Record, batch};
use crate::truth::TruthRow;

pub(crate) use usage::{USAGE_EVENTS, UsageColumn, UsageRow, no_rows};

/// The tables of a simulated history but usage, in the order of [`Facts::tables`].
pub(crate) const TABLES: [&str; 14] = [
    contract::SubscriptionRow::TABLE,
    contract::SubscriptionEventRow::TABLE,
    account::AccountRow::TABLE,
    account::AccountHistoryRow::TABLE,
    support::TicketRow::TABLE,
    people::ContactRow::TABLE,
    activities::ActivityRow::TABLE,
    support::SurveyRow::TABLE,
    money::InvoiceRow::TABLE,
    money::OpportunityRow::TABLE,
    journey::MilestoneRow::TABLE,
    journey::StateRow::TABLE,
    journey::InterventionRow::TABLE,
    TruthRow::TABLE,
];

/// The number of tables that come before usage in the contract.
pub(crate) const TABLES_BEFORE_USAGE: usize = 4;

/// Everything recorded of one account and the truth about it.
pub(crate) struct Facts {
    /// A batch for each of [`TABLES`].
    pub tables: [RecordBatch; TABLES.len()],
    /// Usage, which is most of a history: columns are made of it for many accounts at once.
    pub usage: Vec<UsageRow>,
}

/// What is drawn before usage: the order of the draws is that of the random stream.
struct BeforeUsage {
    contacts: people::Contacts,
    tickets: Vec<support::TicketRow>,
    surveys: Vec<support::SurveyRow>,
    subscription: contract::SubscriptionRow,
    events: Vec<contract::SubscriptionEventRow>,
    account: account::AccountRow,
    changes: Vec<account::AccountHistoryRow>,
}

impl BeforeUsage {
    fn draw(life: &Life, world: &World, rng: &mut impl Rng) -> Self {
        let contacts = people::contacts(life, rng);
        let cancellation = contract::cancellation(life, rng);
        let (tickets, mut surveys) = support::tickets(life, &contacts, rng);
        surveys.extend(support::net_promoter(life, &contacts, rng));
        surveys.extend(support::exit_survey(life));
        Self {
            contacts,
            tickets,
            surveys,
            subscription: contract::subscription(life, world, cancellation, rng),
            events: contract::events(life, cancellation, rng),
            account: account::row(life, world, rng),
            changes: account::changes(life, rng),
        }
    }
}

/// Everything recorded of one account.
pub(crate) fn facts(
    life: &Life,
    world: &World,
    usage_scale: f64,
    truth: &[TruthRow],
    rng: &mut impl Rng,
) -> Result<Facts, ArrowError> {
    let before = BeforeUsage::draw(life, world, rng);
    let usage = arrived(usage::events(life, usage_scale, rng), world);
    let tables = [
        batch(&[before.subscription])?,
        batch(&arrived(before.events, world))?,
        batch(&[before.account])?,
        batch(&arrived(before.changes, world))?,
        batch(&arrived(before.tickets, world))?,
        batch(&arrived(before.contacts.rows.clone(), world))?,
        batch(&arrived(activities::activities(life, &before.contacts, rng), world))?,
        batch(&before.surveys)?,
        batch(&arrived(money::invoices(life, rng), world))?,
        batch(&arrived(money::opportunities(life, rng), world))?,
        batch(&arrived(journey::milestones(life, rng), world))?,
        batch(&arrived(journey::states(life, rng), world))?,
        batch(&arrived(journey::interventions(life, rng), world))?,
        batch(truth)?,
    ];
    Ok(Facts { tables, usage })
}

/// The number of usage events recorded of one account.
pub(crate) fn n_usage_events(life: &Life, world: &World, usage_scale: f64, rng: &mut impl Rng) -> usize {
    BeforeUsage::draw(life, world, rng);
    arrived(usage::events(life, usage_scale, rng), world).len()
}

/// When the planted exit survey of an account is filed, where there is one.
#[cfg(test)]
pub(crate) fn exit_survey(life: &Life) -> Option<Timestamp> {
    support::exit_survey(life).map(|survey| survey.responded_at)
}

/// A row with the time at which it became known.
trait Arriving {
    fn known_at(&self) -> Timestamp;
}

fn arrived<R: Arriving>(mut rows: Vec<R>, world: &World) -> Vec<R> {
    rows.retain(|row| row.known_at() <= world.until);
    rows
}
