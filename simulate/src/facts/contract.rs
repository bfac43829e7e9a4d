//! `subscriptions` and `subscription_events`.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::ArrayRef;
use holdfast_features::Timestamp;
use rand::Rng;

use super::Arriving;
use crate::draw::{between, chance, later, pick, sigmoid};
use crate::latent::{FINANCIAL, Outcome};
use crate::life::{Life, World};
use crate::record::{Columns, Record};

const REASONS: [&str; 5] =
    ["too_expensive", "missing_features", "switched_vendor", "low_usage", "budget_cut"];

/// How an account that churns goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cancellation {
    pub requested_at: Option<Timestamp>,
    pub is_voluntary: bool,
    pub reason: &'static str,
}

#[derive(Debug, Clone)]
pub(super) struct SubscriptionRow {
    subscription_id: String,
    account_id: Arc<str>,
    plan: &'static str,
    quantity: u32,
    mrr: f64,
    billing_period_months: u32,
    started_at: Timestamp,
    current_term_start: Timestamp,
    current_term_end: Timestamp,
    auto_renew: bool,
    cancellation: Option<Cancellation>,
    ended_at: Option<Timestamp>,
    recorded_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct SubscriptionEventRow {
    subscription_id: String,
    account_id: Arc<str>,
    kind: &'static str,
    mrr_before: Option<f64>,
    mrr_after: f64,
    term_end: Option<Timestamp>,
    effective_at: Timestamp,
    recorded_at: Timestamp,
}

/// How the account's last term ends, where it ends.
pub(super) fn cancellation(life: &Life, rng: &mut impl Rng) -> Option<Cancellation> {
    let ended_at = life.ended_at?;
    let stress = -life.state_at(ended_at).health[FINANCIAL];
    let is_voluntary = !chance(rng, sigmoid(-2.4 + 0.9 * stress));
    let term_start = life.terms.last().map_or(ended_at, |term| term.start);
    let requested_at = later(ended_at, -between(rng, 4.0, 55.0)).max(term_start.plus_days(1));
    Some(Cancellation {
        requested_at: (is_voluntary && chance(rng, 0.6)).then_some(requested_at),
        is_voluntary,
        reason: if is_voluntary { pick(rng, &REASONS) } else { "payment_failed" },
    })
}

pub(super) fn subscription(
    life: &Life,
    world: &World,
    cancellation: Option<Cancellation>,
    rng: &mut impl Rng,
) -> SubscriptionRow {
    let profile = &life.profile;
    // A contract is entered within hours of its start, and always before the history ends.
    let recorded_at = later(profile.started_at, between(rng, 0.0, 0.5));
    // The table is as it stands at the end of the history: what is recorded later does not show.
    let is_known =
        |number: usize, at: Timestamp| delay(life, number).is_none_or(|days| later(at, days) <= world.until);
    let n_known =
        (1..life.terms.len()).take_while(|&number| is_known(number, life.terms[number].start)).count();
    let ended_at = life.ended_at.filter(|&at| is_known(life.terms.len(), at));
    let cancellation = cancellation.filter(|_| ended_at.is_some());
    let unknown_from = life.terms.get(n_known + 1).map(|term| term.start + -1);
    let price = life.price_at(unknown_from.unwrap_or(life.last));
    let (start, end) =
        life.terms.get(n_known).map_or((profile.started_at, life.last), |term| (term.start, term.end));
    SubscriptionRow {
        subscription_id: subscription_id(life),
        account_id: profile.account_id.clone(),
        plan: profile.plan,
        quantity: price.n_seats,
        mrr: price.mrr,
        billing_period_months: profile.billing_months,
        started_at: profile.started_at,
        current_term_start: start,
        current_term_end: end,
        auto_renew: profile.auto_renew,
        cancellation,
        ended_at,
        recorded_at,
    }
}

/// The renewal history: the first contract, each decided term, and growth within a term.
pub(super) fn events(
    life: &Life,
    cancellation: Option<Cancellation>,
    rng: &mut impl Rng,
) -> Vec<SubscriptionEventRow> {
    let mut rows = Vec::new();
    let mut push = |kind, effective_at: Timestamp, term_end, mrr_before, mrr_after, late: Option<f64>| {
        let usual = if chance(rng, 0.85) { between(rng, 0.0, 0.3) } else { between(rng, 0.3, 4.0) };
        let delay = late.unwrap_or(usual);
        rows.push(SubscriptionEventRow {
            subscription_id: subscription_id(life),
            account_id: life.profile.account_id.clone(),
            kind,
            mrr_before,
            mrr_after,
            term_end,
            effective_at,
            recorded_at: later(effective_at, delay),
        });
    };
    for (index, term) in life.terms.iter().enumerate() {
        let mrr = life.price_at(term.start).mrr;
        match index.checked_sub(1) {
            None => push("new", term.start, Some(term.end), None, mrr, None),
            Some(_) => {
                let before = life.price_at(term.start + -1).mrr;
                push("renewal", term.start, Some(term.end), Some(before), mrr, delay(life, index));
            }
        }
        for pair in life.prices.windows(2) {
            let [before, after] = [pair[0], pair[1]];
            if term.start < after.from && after.from < term.end {
                push("expansion", after.from, None, Some(before.mrr), after.mrr, None);
            }
        }
        if term.outcome == Some(Outcome::Churned) {
            let before = life.price_at(term.end).mrr;
            if let Some(requested_at) = cancellation.and_then(|cancellation| cancellation.requested_at) {
                push("cancel_requested", requested_at, Some(term.end), Some(before), before, None);
            }
            push("churn", term.end, Some(term.end), Some(before), 0.0, delay(life, index + 1));
        }
    }
    rows
}

/// Days after which the decision that begins term `number` (the end, for the number after the last) is recorded, where
/// the scenario delays it. Spread evenly by the golden ratio, so that row and events agree without a draw.
fn delay(life: &Life, number: usize) -> Option<f64> {
    let (from, to) = life.profile.temper.process.label_delay?;
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let place = (f64::from(life.profile.index) + 7.0 * f64::from(number)) * 0.618_033_988_749_895;
    Some(from + (to - from) * place.fract())
}

fn subscription_id(life: &Life) -> String {
    format!("sub-{:05}", life.profile.index)
}

impl Record for SubscriptionRow {
    const TABLE: &'static str = "subscriptions";

    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)> {
        let status = |row: &Self| if row.ended_at.is_some() { "canceled" } else { "active" };
        vec![
            ("subscription_id", rows.text(|row| &row.subscription_id)),
            ("account_id", rows.text(|row| &row.account_id)),
            ("plan", rows.text(|row| row.plan)),
            ("quantity", rows.number(|row| Some(f64::from(row.quantity)))),
            ("mrr", rows.number(|row| Some(row.mrr))),
            ("currency", rows.text(|_| "USD")),
            ("billing_period_months", rows.integer(|row| Some(row.billing_period_months))),
            ("started_at", rows.time(|row| Some(row.started_at))),
            ("current_term_start", rows.time(|row| Some(row.current_term_start))),
            ("current_term_end", rows.time(|row| Some(row.current_term_end))),
            ("auto_renew", rows.boolean(|row| Some(row.auto_renew))),
            ("cancel_requested_at", rows.time(|row| row.cancellation?.requested_at)),
            ("ended_at", rows.time(|row| row.ended_at)),
            ("cancel_reason", rows.optional_text(|row| Some(Cow::from(row.cancellation?.reason)))),
            (
                "cancel_type",
                rows.optional_text(|row| {
                    Some(Cow::from(if row.cancellation?.is_voluntary { "voluntary" } else { "involuntary" }))
                }),
            ),
            ("status", rows.text(status)),
            ("recorded_at", rows.time(|row| Some(row.recorded_at))),
        ]
    }
}

impl Record for SubscriptionEventRow {
    const TABLE: &'static str = "subscription_events";

    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("subscription_id", rows.text(|row| &row.subscription_id)),
            ("account_id", rows.text(|row| &row.account_id)),
            ("type", rows.text(|row| row.kind)),
            ("mrr_before", rows.number(|row| row.mrr_before)),
            ("mrr_after", rows.number(|row| Some(row.mrr_after))),
            ("term_end", rows.time(|row| row.term_end)),
            ("effective_at", rows.time(|row| Some(row.effective_at))),
            ("recorded_at", rows.time(|row| Some(row.recorded_at))),
        ]
    }
}

impl Arriving for SubscriptionEventRow {
    fn known_at(&self) -> Timestamp {
        self.recorded_at
    }
}
