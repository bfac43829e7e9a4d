//! `tickets` and `surveys`.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::ArrayRef;
use holdfast_features::Timestamp;
use rand::Rng;

use super::Arriving;
use super::people::{Contacts, Role};
use crate::draw::{between, chance, count, known_after, later, log_normal, moment_of_week, normal, sigmoid};
use crate::latent::{ENGAGEMENT, RELATIONSHIP, State};
use crate::life::Life;
use crate::record::{Columns, Record};
use crate::truth::{SHORTEST_TERM_MONTHS, SNAPSHOT_DAYS, SOON_DAYS};

/// Weeks between two relationship surveys.
const SURVEY_WEEKS: u32 = 26;

#[derive(Debug, Clone)]
pub(super) struct TicketRow {
    ticket_id: String,
    account_id: Arc<str>,
    created_at: Timestamp,
    solved_at: Option<Timestamp>,
    priority: &'static str,
    escalated_at: Option<Timestamp>,
    reopens: u32,
    reply_time_minutes: f64,
    satisfaction_score: Option<f64>,
    sentiment: Option<f64>,
    recorded_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct SurveyRow {
    account_id: Arc<str>,
    contact_id: Option<String>,
    kind: &'static str,
    score: f64,
    pub(super) responded_at: Timestamp,
}

/// Tickets, and the satisfaction surveys that follow some of them.
pub(super) fn tickets(
    life: &Life,
    contacts: &Contacts,
    rng: &mut impl Rng,
) -> (Vec<TicketRow>, Vec<SurveyRow>) {
    let mut tickets = Vec::new();
    let mut surveys = Vec::new();
    let size = f64::from(life.profile.n_seats).sqrt();
    let quiet = if life.profile.temper.is_api_only { 0.15 } else { 1.0 };
    for (week, week_start, state, happened) in life.each_week() {
        let engagement = state.health[ENGAGEMENT];
        let learning = if week < 10 { 1.8 } else { 1.0 };
        let outage = 1.0 + 4.0 * happened.outage.unwrap_or(0.0);
        let mean = 0.045 * size * quiet * learning * outage * (-0.5 * engagement).exp();
        for _ in 0..count(rng, mean) {
            let created_at = moment_of_week(rng, week_start);
            if created_at >= life.last {
                continue;
            }
            let ticket = ticket(life, state, created_at, tickets.len(), rng);
            if let (Some(solved_at), true) = (ticket.solved_at, chance(rng, 0.2)) {
                let responded_at = later(solved_at, between(rng, 0.05, 4.0));
                if responded_at < life.last {
                    let kind = if chance(rng, 0.75) { "csat" } else { "ces" };
                    let score = (3.7 + 0.55 * engagement + 0.8 * normal(rng)).round().clamp(1.0, 5.0);
                    let contact_id = contacts.anybody(responded_at, rng).map(str::to_owned);
                    let account_id = life.profile.account_id.clone();
                    surveys.push(SurveyRow { account_id, contact_id, kind, score, responded_at });
                }
            }
            tickets.push(ticket);
        }
    }
    (tickets, surveys)
}

fn ticket(life: &Life, state: &State, created_at: Timestamp, number: usize, rng: &mut impl Rng) -> TicketRow {
    let engagement = state.health[ENGAGEMENT];
    let urgency = between(rng, 0.0, 1.0) - 0.08 * engagement;
    let priority = match urgency {
        0.93.. => "urgent",
        0.75.. => "high",
        0.3.. => "normal",
        _ => "low",
    };
    let hours = log_normal(rng, 26.0, 1.0) * (-0.25 * engagement).exp();
    let solved_at = Some(later(created_at, hours / 24.0)).filter(|&at| at < life.last);
    let is_escalated =
        chance(rng, sigmoid(-3.3 - 0.9 * engagement + if priority == "urgent" { 1.2 } else { 0.0 }));
    let escalated_at = later(created_at, hours / 24.0 * between(rng, 0.2, 0.7));
    let is_solved = solved_at.is_some();
    TicketRow {
        ticket_id: format!("ticket-{:05}-{number}", life.profile.index),
        account_id: life.profile.account_id.clone(),
        created_at,
        solved_at,
        priority,
        escalated_at: Some(escalated_at).filter(|&at| is_escalated && at < life.last),
        reopens: if is_solved { count(rng, 0.12 * (-0.6 * engagement).exp()) } else { 0 },
        reply_time_minutes: (log_normal(rng, 95.0, 0.9) * (-0.2 * engagement).exp()).round(),
        satisfaction_score: (is_solved && chance(rng, 0.35))
            .then(|| (3.8 + 0.6 * engagement + 0.8 * normal(rng)).round().clamp(1.0, 5.0)),
        sentiment: chance(rng, 0.8)
            .then(|| ((-0.1 + 0.3 * engagement + 0.4 * normal(rng)).tanh() * 100.0).round() / 100.0),
        recorded_at: known_after(rng, created_at),
    }
}

/// The scenario's leak: why a customer left, asked afterwards and filed under a day before the decision.
pub(super) fn exit_survey(life: &Life) -> Option<SurveyRow> {
    let ended_at = life.ended_at.filter(|_| life.profile.temper.process.plants_leak)?;
    let is_rolling = life.profile.temper.term_months < SHORTEST_TERM_MONTHS;
    let filed_at = ended_at.plus_days(if is_rolling { -1 - SOON_DAYS } else { -1 - SNAPSHOT_DAYS[0] });
    (filed_at > life.profile.started_at).then(|| SurveyRow {
        account_id: life.profile.account_id.clone(),
        contact_id: None,
        kind: "nps",
        score: 0.0,
        responded_at: filed_at,
    })
}

/// The half-yearly question whether people would recommend the product.
pub(super) fn net_promoter(life: &Life, contacts: &Contacts, rng: &mut impl Rng) -> Vec<SurveyRow> {
    let mut rows = Vec::new();
    let phase = life.profile.index % SURVEY_WEEKS;
    let quiet = if life.profile.temper.is_api_only { -1.2 } else { 0.0 };
    for (week, week_start, state, _) in life.each_week() {
        if week < 8 || week % SURVEY_WEEKS != phase {
            continue;
        }
        let mood = 0.5 * (state.health[ENGAGEMENT] + state.health[RELATIONSHIP]);
        for role in [Role::Champion, Role::Sponsor, Role::Admin] {
            let responded_at = moment_of_week(rng, week_start);
            let person = contacts.holder(role, responded_at).map(str::to_owned);
            if person.is_some()
                && responded_at < life.last
                && chance(rng, sigmoid(-0.2 + 0.35 * mood + quiet))
            {
                rows.push(SurveyRow {
                    account_id: life.profile.account_id.clone(),
                    contact_id: person,
                    kind: "nps",
                    score: (7.3 + 1.5 * mood + 1.3 * normal(rng)).round().clamp(0.0, 10.0),
                    responded_at,
                });
            }
        }
    }
    rows
}

impl Record for TicketRow {
    const TABLE: &'static str = "tickets";

    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)> {
        let status = |row: &Self| if row.solved_at.is_some() { "solved" } else { "open" };
        vec![
            ("ticket_id", rows.text(|row| &row.ticket_id)),
            ("account_id", rows.text(|row| &row.account_id)),
            ("created_at", rows.time(|row| Some(row.created_at))),
            ("solved_at", rows.time(|row| row.solved_at)),
            ("status", rows.text(status)),
            ("priority", rows.text(|row| row.priority)),
            ("is_escalated", rows.boolean(|row| Some(row.escalated_at.is_some()))),
            ("escalated_at", rows.time(|row| row.escalated_at)),
            ("reopens", rows.integer(|row| Some(row.reopens))),
            ("reply_time_minutes", rows.number(|row| Some(row.reply_time_minutes))),
            ("satisfaction_score", rows.number(|row| row.satisfaction_score)),
            ("sentiment", rows.number(|row| row.sentiment)),
            ("recorded_at", rows.time(|row| Some(row.recorded_at))),
        ]
    }
}

impl Record for SurveyRow {
    const TABLE: &'static str = "surveys";

    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("account_id", rows.text(|row| &row.account_id)),
            ("contact_id", rows.optional_text(|row| row.contact_id.as_deref().map(Cow::from))),
            ("kind", rows.text(|row| row.kind)),
            ("score", rows.number(|row| Some(row.score))),
            ("responded_at", rows.time(|row| Some(row.responded_at))),
        ]
    }
}

impl Arriving for TicketRow {
    fn known_at(&self) -> Timestamp {
        self.recorded_at
    }
}
