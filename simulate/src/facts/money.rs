//! `invoices` and `opportunities`.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::ArrayRef;
use holdfast_features::Timestamp;
use rand::Rng;

use super::Arriving;
use crate::business::months_after;
use crate::draw::{
    between, cents, chance, count, known_after, later, log_normal, moment_of_week, normal, pick, sigmoid,
};
use crate::latent::{FINANCIAL, Outcome, USAGE};
use crate::life::Life;
use crate::record::{Columns, Record};

/// Days before a term's end at which its renewal is opened as an opportunity.
const RENEWAL_LEAD_DAYS: i64 = 120;
const FAILURES: [&str; 3] = ["card_declined", "insufficient_funds", "expired_card"];

#[derive(Debug, Clone)]
pub(super) struct InvoiceRow {
    invoice_id: String,
    account_id: Arc<str>,
    amount_due: f64,
    created_at: Timestamp,
    due_at: Timestamp,
    paid_at: Option<Timestamp>,
    attempt_count: u32,
    failure_code: Option<&'static str>,
    recorded_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct OpportunityRow {
    opportunity_id: String,
    account_id: Arc<str>,
    kind: &'static str,
    amount: f64,
    created_at: Timestamp,
    /// When and whether it was won.
    closed: Option<(Timestamp, bool)>,
    recorded_at: Timestamp,
}

/// One invoice a billing period, paid late and collected badly under financial stress.
pub(super) fn invoices(life: &Life, rng: &mut impl Rng) -> Vec<InvoiceRow> {
    let profile = &life.profile;
    let mut rows = Vec::new();
    loop {
        let number = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let created_at = later(months_after(profile.started_at, profile.billing_months * number), 0.25);
        if created_at >= life.last {
            return rows;
        }
        let due_at = created_at.plus_days(if profile.billing_months == 1 { 14 } else { 30 });
        let stress = -life.state_at(due_at).health[FINANCIAL];
        let days_late = if chance(rng, sigmoid(-1.5 + 1.7 * stress)) {
            log_normal(rng, 13.0, 0.7) * (0.45 * stress).exp()
        } else {
            (-5.0 + 4.0 * normal(rng)).clamp(-13.0, 2.0)
        };
        let n_failed = if chance(rng, sigmoid(-2.8 + 1.4 * stress)) { 1 + count(rng, 0.5) } else { 0 };
        let paid_at = later(due_at, days_late + 3.0 * f64::from(n_failed)).max(created_at);
        rows.push(InvoiceRow {
            invoice_id: format!("invoice-{:05}-{number}", profile.index),
            account_id: profile.account_id.clone(),
            amount_due: cents(life.price_at(created_at).mrr * f64::from(profile.billing_months)),
            created_at,
            due_at,
            paid_at: Some(paid_at).filter(|&at| at < life.last),
            attempt_count: 1 + n_failed,
            failure_code: (n_failed > 0).then(|| pick(rng, &FAILURES)),
            recorded_at: known_after(rng, created_at),
        });
    }
}

/// Renewals of terms of six months and more, which carry the announced price, and chances to grow.
pub(super) fn opportunities(life: &Life, rng: &mut impl Rng) -> Vec<OpportunityRow> {
    let profile = &life.profile;
    let mut rows: Vec<OpportunityRow> = Vec::new();
    let mut push = |kind, amount, created_at: Timestamp, closed: Option<(Timestamp, bool)>, rng: &mut _| {
        if created_at < life.last {
            rows.push(OpportunityRow {
                opportunity_id: format!("opportunity-{:05}-{}", profile.index, rows.len()),
                account_id: profile.account_id.clone(),
                kind,
                amount: cents(amount),
                created_at,
                closed: closed.filter(|&(at, _)| at <= life.last),
                recorded_at: known_after(rng, created_at),
            });
        }
    };
    for term in life.terms.iter().filter(|_| profile.temper.term_months >= 6) {
        let opened = term.end.plus_days(-RENEWAL_LEAD_DAYS).max(term.start);
        let rise = announced_rise(life, opened, term.end);
        // The offer is written when the new price is announced.
        let created_at = if rise > 0.0 { opened.max(term.end.plus_days(-84)) } else { opened };
        let amount = life.price_at(created_at.min(life.last)).mrr * 12.0 * (1.0 + rise);
        let closed = term.outcome.map(|outcome| (term.end, outcome != Outcome::Churned));
        push("renewal", amount, created_at, closed, rng);
    }
    for (_, week_start, state, _) in life.each_week().skip(10) {
        let health = state.health[USAGE];
        if chance(rng, 0.006 * (0.9 * health).exp()) {
            let created_at = moment_of_week(rng, week_start);
            let amount = life.price_at(week_start).mrr * 12.0 * between(rng, 0.1, 0.5);
            let closes = later(created_at, between(rng, 20.0, 90.0));
            push("expansion", amount, created_at, Some((closes, chance(rng, sigmoid(0.8 * health)))), rng);
        }
    }
    rows
}

/// The price rise announced between two times.
fn announced_rise(life: &Life, from: Timestamp, to: Timestamp) -> f64 {
    let announced = life.each_week().filter(|&(_, at, ..)| from <= at && at < to);
    announced.filter_map(|(_, _, _, week)| week.price_rise).last().unwrap_or(0.0)
}

impl Record for InvoiceRow {
    const TABLE: &'static str = "invoices";

    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("invoice_id", rows.text(|row| &row.invoice_id)),
            ("account_id", rows.text(|row| &row.account_id)),
            ("amount_due", rows.number(|row| Some(row.amount_due))),
            ("amount_paid", rows.number(|row| Some(row.paid_at.map_or(0.0, |_| row.amount_due)))),
            ("currency", rows.text(|_| "USD")),
            ("created_at", rows.time(|row| Some(row.created_at))),
            ("due_at", rows.time(|row| Some(row.due_at))),
            ("paid_at", rows.time(|row| row.paid_at)),
            ("attempt_count", rows.integer(|row| Some(row.attempt_count))),
            ("failure_code", rows.optional_text(|row| row.failure_code.map(Cow::from))),
            ("recorded_at", rows.time(|row| Some(row.recorded_at))),
        ]
    }
}

impl Record for OpportunityRow {
    const TABLE: &'static str = "opportunities";

    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)> {
        let stage = |row: &Self| match row.closed {
            Some((_, true)) => "closed_won",
            Some((_, false)) => "closed_lost",
            None => "negotiation",
        };
        vec![
            ("opportunity_id", rows.text(|row| &row.opportunity_id)),
            ("account_id", rows.text(|row| &row.account_id)),
            ("type", rows.text(|row| row.kind)),
            ("stage", rows.text(stage)),
            ("amount", rows.number(|row| Some(row.amount))),
            ("created_at", rows.time(|row| Some(row.created_at))),
            ("closed_at", rows.time(|row| row.closed.map(|(at, _)| at))),
            ("is_won", rows.boolean(|row| row.closed.map(|(_, is_won)| is_won))),
            ("recorded_at", rows.time(|row| Some(row.recorded_at))),
        ]
    }
}

impl Arriving for InvoiceRow {
    fn known_at(&self) -> Timestamp {
        self.recorded_at
    }
}

impl Arriving for OpportunityRow {
    fn known_at(&self) -> Timestamp {
        self.recorded_at
    }
}
