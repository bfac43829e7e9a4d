//! `milestones`, `account_states` and `interventions`.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::ArrayRef;
use holdfast_features::{Dimension, Timestamp};
use rand::Rng;

use super::Arriving;
use crate::draw::{between, chance, known_after, later, log_normal, moment_of_week, normal, sigmoid};
use crate::latent::{ENGAGEMENT, USAGE};
use crate::life::Life;
use crate::profile::Tier;
use crate::record::{Columns, Record};

/// Name, kind, day after the start on which it should be reached.
const MILESTONES: [(&str, &str, u32); 7] = [
    ("kickoff_held", "onboarding", 14),
    ("data_connected", "onboarding", 30),
    ("first_report_shared", "first_value", 45),
    ("team_trained", "training", 60),
    ("process_automated", "outcome", 120),
    ("savings_confirmed", "roi", 200),
    ("roadmap_commitment", "commitment", 270),
];

#[derive(Debug, Clone)]
pub(super) struct MilestoneRow {
    account_id: Arc<str>,
    milestone: &'static str,
    kind: &'static str,
    target_at: Timestamp,
    achieved_at: Option<Timestamp>,
    value: Option<f64>,
    recorded_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct StateRow {
    account_id: Arc<str>,
    state: &'static str,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    value: Option<&'static str>,
    recorded_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) struct InterventionRow {
    account_id: Arc<str>,
    action: &'static str,
    is_treatment: bool,
    propensity: f64,
    assigned_at: Timestamp,
    delivered_at: Option<Timestamp>,
    channel: &'static str,
    is_automated: bool,
    approved_by: Option<String>,
    cost: f64,
    recorded_at: Timestamp,
}

/// The plan of the customer's journey, entered at the start; the healthy reach it on time.
pub(super) fn milestones(life: &Life, rng: &mut impl Rng) -> Vec<MilestoneRow> {
    let start = life.profile.started_at;
    let recorded_at = later(start, between(rng, 0.1, 3.0));
    let mut rows = Vec::new();
    for (milestone, kind, day) in MILESTONES {
        if life.profile.tier == Tier::Low && matches!(kind, "training" | "commitment") {
            continue;
        }
        let target_at = start.plus_days(i64::from(day));
        let health = life.state_at(target_at).health;
        let progress = 0.5 * (health[USAGE] + health[ENGAGEMENT]);
        let is_reached = chance(rng, sigmoid(1.6 + 1.3 * progress));
        let days = log_normal(rng, 0.95, 0.35) * f64::from(day);
        let achieved_at = later(start, days * (-0.3 * progress).exp());
        rows.push(MilestoneRow {
            account_id: life.profile.account_id.clone(),
            milestone,
            kind,
            target_at,
            achieved_at: Some(achieved_at).filter(|&at| is_reached && at < life.last),
            value: (kind == "roi").then(|| (log_normal(rng, 1.8, 0.4) * 100.0).round() / 100.0),
            recorded_at,
        });
    }
    rows
}

/// Escalations, wishes not to be contacted, legal holds, and what the success manager thinks each quarter.
pub(super) fn states(life: &Life, rng: &mut impl Rng) -> Vec<StateRow> {
    let mut rows = Vec::new();
    let mut push = |state, started_at: Timestamp, days: Option<f64>, value, rng: &mut _| {
        if started_at < life.last {
            let ended_at = days.map(|days| later(started_at, days)).filter(|&at| at < life.last);
            let account_id = life.profile.account_id.clone();
            let recorded_at = known_after(rng, started_at);
            rows.push(StateRow { account_id, state, started_at, ended_at, value, recorded_at });
        }
    };
    for (week, week_start, state, happened) in life.each_week() {
        let engagement = state.health[ENGAGEMENT];
        let outage = happened.outage.unwrap_or(0.0);
        if chance(rng, 0.0018 * (-0.9 * engagement).exp() + 0.05 * outage) {
            let started_at = moment_of_week(rng, week_start);
            let days = between(rng, 5.0, 35.0);
            push("active_escalation", started_at, Some(days), None, rng);
        }
        if chance(rng, 0.0003) {
            push("do_not_contact", moment_of_week(rng, week_start), None, None, rng);
        }
        if chance(rng, 0.0001) {
            let days = between(rng, 60.0, 240.0);
            push("legal_hold", moment_of_week(rng, week_start), Some(days), None, rng);
        }
        if life.profile.tier != Tier::Low && week % 13 == 6 {
            let seen = state.health.iter().sum::<f64>() / 4.0 + 0.5 * normal(rng);
            let value = match seen {
                0.3.. => "green",
                -0.4.. => "yellow",
                _ => "red",
            };
            push("manual_health", moment_of_week(rng, week_start), Some(91.0), Some(value), rng);
        }
    }
    rows
}

/// The log of the success team's decisions, of both arms, with the probability of the arm taken.
pub(super) fn interventions(life: &Life, rng: &mut impl Rng) -> Vec<InterventionRow> {
    let mut rows = Vec::new();
    for (_, week_start, _, happened) in life.each_week() {
        let Some(assignment) = happened.assignment else { continue };
        let (action, channel, cost) = match assignment.dimension {
            Dimension::Usage => ("usage_workshop", "meeting", 260.0),
            Dimension::Engagement => ("success_plan_call", "call", 120.0),
            Dimension::Financial => ("billing_review", "email", 60.0),
            Dimension::Relationship => ("executive_outreach", "call", 320.0),
        };
        let assigned_at = later(week_start, between(rng, 0.3, 0.6));
        if assigned_at >= life.last {
            break;
        }
        let delivered_at = later(assigned_at, between(rng, 0.2, 6.0));
        let is_automated = channel == "email" && life.profile.tier == Tier::Low;
        rows.push(InterventionRow {
            account_id: life.profile.account_id.clone(),
            action,
            is_treatment: assignment.is_treatment,
            propensity: assignment.propensity,
            assigned_at,
            delivered_at: Some(delivered_at).filter(|&at| assignment.is_delivered && at < life.last),
            channel,
            is_automated,
            approved_by: (assignment.is_treatment && !is_automated)
                .then(|| life.profile.csm.clone())
                .flatten(),
            cost: if assignment.is_delivered { cost } else { 0.0 },
            recorded_at: known_after(rng, assigned_at),
        });
    }
    rows
}

impl Record for MilestoneRow {
    const TABLE: &'static str = "milestones";

    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("account_id", rows.text(|row| &row.account_id)),
            ("milestone", rows.text(|row| row.milestone)),
            ("kind", rows.text(|row| row.kind)),
            ("target_at", rows.time(|row| Some(row.target_at))),
            ("achieved_at", rows.time(|row| row.achieved_at)),
            ("value", rows.number(|row| row.value)),
            ("recorded_at", rows.time(|row| Some(row.recorded_at))),
        ]
    }
}

impl Record for StateRow {
    const TABLE: &'static str = "account_states";

    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("account_id", rows.text(|row| &row.account_id)),
            ("state", rows.text(|row| row.state)),
            ("started_at", rows.time(|row| Some(row.started_at))),
            ("ended_at", rows.time(|row| row.ended_at)),
            ("value", rows.optional_text(|row| row.value.map(Cow::from))),
            ("recorded_at", rows.time(|row| Some(row.recorded_at))),
        ]
    }
}

impl Record for InterventionRow {
    const TABLE: &'static str = "interventions";

    fn columns(rows: &Columns<'_, Self>) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("account_id", rows.text(|row| &row.account_id)),
            ("action", rows.text(|row| row.action)),
            ("arm", rows.text(|row| if row.is_treatment { "treatment" } else { "control" })),
            ("propensity", rows.number(|row| Some(row.propensity))),
            ("assigned_at", rows.time(|row| Some(row.assigned_at))),
            ("delivered_at", rows.time(|row| row.delivered_at)),
            ("channel", rows.text(|row| row.channel)),
            ("is_automated", rows.boolean(|row| Some(row.is_automated))),
            ("approved_by", rows.optional_text(|row| row.approved_by.as_deref().map(Cow::from))),
            ("cost", rows.number(|row| Some(row.cost))),
            ("recorded_at", rows.time(|row| Some(row.recorded_at))),
        ]
    }
}

impl Arriving for MilestoneRow {
    fn known_at(&self) -> Timestamp {
        self.recorded_at
    }
}

impl Arriving for StateRow {
    fn known_at(&self) -> Timestamp {
        self.recorded_at
    }
}

impl Arriving for InterventionRow {
    fn known_at(&self) -> Timestamp {
        self.recorded_at
    }
}
