//! Rows about contracts, money and what was done for the account.

use crate::history::{
    AccountFacts, Intervention, Invoice, Label, Opportunity, Subscription, SubscriptionEvent,
};
use crate::read::check::Batch;
use crate::read::contract::words;

use super::{UsedRow, each};

pub(super) fn subscriptions(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let (subscription_id, plan) = (batch.text("subscription_id"), batch.text("plan"));
    let (quantity, mrr) = (batch.number("quantity"), batch.number("mrr"));
    let (months, auto_renew) = (batch.number("billing_period_months"), batch.boolean("auto_renew"));
    let (started_at, ended_at) = (batch.at("started_at"), batch.at("ended_at"));
    let (term_start, term_end) = (batch.at("current_term_start"), batch.at("current_term_end"));
    let (cancel_requested_at, cancel_reason) = (batch.at("cancel_requested_at"), batch.text("cancel_reason"));
    let is_voluntary = batch.meaning("cancel_type", &words::CANCEL_TYPES);
    each(rows, facts, |UsedRow { row, visible_at, .. }, facts| {
        facts.subscriptions.push(Subscription {
            visible_at,
            subscription_id: subscription_id.at(row)?,
            plan: plan.at(row),
            quantity: quantity.at(row),
            mrr: mrr.at(row)?,
            billing_period_months: months.at(row).map(whole_months),
            started_at: started_at.at(row)?,
            current_term_start: term_start.at(row),
            current_term_end: term_end.at(row),
            auto_renew: auto_renew.at(row),
            cancel_requested_at: cancel_requested_at.at(row),
            ended_at: ended_at.at(row),
            cancel_reason: cancel_reason.at(row),
            is_voluntary: is_voluntary(row),
        });
        Some(())
    });
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole, 1 to 120")]
fn whole_months(months: f64) -> u32 {
    months as u32
}

pub(super) fn subscription_events(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let subscription_id = batch.text("subscription_id");
    let event_type = batch.meaning("type", &words::EVENT_TYPES);
    let (mrr_before, mrr_after) = (batch.number("mrr_before"), batch.number("mrr_after"));
    let (term_end, effective_at) = (batch.at("term_end"), batch.at("effective_at"));
    each(rows, facts, |UsedRow { row, visible_at, .. }, facts| {
        facts.subscription_events.push(SubscriptionEvent {
            visible_at,
            subscription_id: subscription_id.at(row)?,
            event_type: event_type(row)?,
            mrr_before: mrr_before.at(row),
            mrr_after: mrr_after.at(row),
            term_end: term_end.at(row),
            effective_at: effective_at.at(row)?,
        });
        Some(())
    });
}

pub(super) fn invoices(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let (invoice_id, failure_code) = (batch.text("invoice_id"), batch.text("failure_code"));
    let (amount_due, amount_paid) = (batch.number("amount_due"), batch.number("amount_paid"));
    let (created_at, due_at, paid_at) = (batch.at("created_at"), batch.at("due_at"), batch.at("paid_at"));
    let attempt_count = batch.number("attempt_count");
    each(rows, facts, |UsedRow { row, visible_at, .. }, facts| {
        facts.invoices.push(Invoice {
            visible_at,
            invoice_id: invoice_id.at(row)?,
            amount_due: amount_due.at(row)?,
            amount_paid: amount_paid.at(row),
            created_at: created_at.at(row)?,
            due_at: due_at.at(row),
            paid_at: paid_at.at(row),
            attempt_count: attempt_count.at(row),
            failure_code: failure_code.at(row),
        });
        Some(())
    });
}

pub(super) fn opportunities(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let (opportunity_id, amount) = (batch.text("opportunity_id"), batch.number("amount"));
    let opportunity_type = batch.meaning("type", &words::OPPORTUNITY_TYPES);
    let (created_at, closed_at) = (batch.at("created_at"), batch.at("closed_at"));
    let is_won = batch.boolean("is_won");
    each(rows, facts, |UsedRow { row, visible_at, .. }, facts| {
        facts.opportunities.push(Opportunity {
            visible_at,
            opportunity_id: opportunity_id.at(row)?,
            opportunity_type: opportunity_type(row)?,
            amount: amount.at(row),
            created_at: created_at.at(row)?,
            closed_at: closed_at.at(row),
            is_won: is_won.at(row),
        });
        Some(())
    });
}

pub(super) fn interventions(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let (action, channel) = (batch.text("action"), batch.text("channel"));
    let is_treatment = batch.meaning("arm", &words::ARMS);
    let (propensity, cost) = (batch.number("propensity"), batch.number("cost"));
    let (assigned_at, delivered_at) = (batch.at("assigned_at"), batch.at("delivered_at"));
    let is_automated = batch.boolean("is_automated");
    each(rows, facts, |UsedRow { row, visible_at, .. }, facts| {
        facts.interventions.push(Intervention {
            visible_at,
            action: action.at(row)?,
            is_treatment: is_treatment(row)?,
            propensity: propensity.at(row),
            assigned_at: assigned_at.at(row)?,
            delivered_at: delivered_at.at(row),
            channel: channel.at(row),
            is_automated: is_automated.at(row),
            cost: cost.at(row),
        });
        Some(())
    });
}

pub(super) fn labels(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let (term_end, decided_at) = (batch.at("term_end"), batch.at("decided_at"));
    let outcome = batch.meaning("outcome", &words::OUTCOMES);
    each(rows, facts, |UsedRow { row, .. }, facts| {
        facts.labels.push(Label {
            term_end: term_end.at(row)?,
            outcome: outcome(row)?,
            decided_at: decided_at.at(row),
        });
        Some(())
    });
}
