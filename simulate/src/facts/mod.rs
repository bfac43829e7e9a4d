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

/// The files of a simulated history, in the order of [`batches`].
pub(crate) const TABLES: [&str; 15] = [
    contract::SubscriptionRow::TABLE,
    contract::SubscriptionEventRow::TABLE,
    account::AccountRow::TABLE,
    account::AccountHistoryRow::TABLE,
    usage::UsageRow::TABLE,
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

/// Everything recorded of one account and the truth about it, a batch for each of [`TABLES`].
pub(crate) fn batches(
    life: &Life,
    world: &World,
    usage_scale: f64,
    truth: &[TruthRow],
    rng: &mut impl Rng,
) -> Result<[RecordBatch; TABLES.len()], ArrowError> {
    let contacts = people::contacts(life, rng);
    let cancellation = contract::cancellation(life, rng);
    let (tickets, mut surveys) = support::tickets(life, &contacts, rng);
    surveys.extend(support::net_promoter(life, &contacts, rng));
    Ok([
        batch(&[contract::subscription(life, cancellation, rng)])?,
        batch(&arrived(contract::events(life, cancellation, rng), world))?,
        batch(&[account::row(life, world, rng)])?,
        batch(&arrived(account::changes(life, rng), world))?,
        batch(&arrived(usage::events(life, usage_scale, rng), world))?,
        batch(&arrived(tickets, world))?,
        batch(&arrived(contacts.rows.clone(), world))?,
        batch(&arrived(activities::activities(life, &contacts, rng), world))?,
        batch(&surveys)?,
        batch(&arrived(money::invoices(life, rng), world))?,
        batch(&arrived(money::opportunities(life, rng), world))?,
        batch(&arrived(journey::milestones(life, rng), world))?,
        batch(&arrived(journey::states(life, rng), world))?,
        batch(&arrived(journey::interventions(life, rng), world))?,
        batch(truth)?,
    ])
}

/// A row with the time at which it became known.
trait Arriving {
    fn known_at(&self) -> Timestamp;
}

fn arrived<R: Arriving>(mut rows: Vec<R>, world: &World) -> Vec<R> {
    rows.retain(|row| row.known_at() <= world.until);
    rows
}
