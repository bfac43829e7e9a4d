//! `usage_events`: seats that are used, how often, and for what.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use arrow::error::ArrowError;
use holdfast_features::Timestamp;
use rand::{Rng, RngExt};

use super::Arriving;
use crate::draw::{between, chance, count, later, log_normal, moment_of_week, normal, pick, sigmoid, whole};
use crate::latent::USAGE;
use crate::life::Life;
use crate::profile::account_id;

/// In the order in which customers discover them.
const EVENTS: [&str; 14] = [
    "dashboard_viewed",
    "record_updated",
    "search_run",
    "report_viewed",
    "comment_added",
    "report_created",
    "data_imported",
    "alert_configured",
    "report_exported",
    "workflow_run",
    "workflow_created",
    "integration_synced",
    "forecast_run",
    "permissions_changed",
];
const API_EVENTS: [&str; 6] =
    ["records_read", "records_written", "webhook_received", "bulk_import", "schema_read", "report_generated"];

#[derive(Debug, Clone, Copy)]
enum User {
    Person(u32),
    Service(u32),
}

/// Who did what, and how the product was reached.
#[derive(Debug, Clone, Copy)]
struct Use {
    user: User,
    event: &'static str,
    channel: &'static str,
}

/// One event. There are far more of these than of all other rows: a row is small and owns nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UsageRow {
    account: u32,
    used: Use,
    occurred_at: Timestamp,
    pub(crate) received_at: Timestamp,
    value: Option<f64>,
}

/// A column of the table, in the contract's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UsageColumn {
    Account,
    User,
    Event,
    OccurredAt,
    ReceivedAt,
    Value,
    Channel,
}

/// The table's name in the contract.
pub(crate) const USAGE_EVENTS: &str = "usage_events";

pub(super) fn events(life: &Life, scale: f64, rng: &mut impl Rng) -> Vec<UsageRow> {
    let temper = &life.profile.temper;
    let level = 0.15 * normal(rng);
    let catalogue: &[&str] = if temper.is_api_only { &API_EVENTS } else { &EVENTS };
    let mut n_discovered: u32 = 3;
    let mut rows = Vec::new();
    for (week, week_start, state, happened) in life.each_week() {
        let health = state.health[USAGE];
        if (n_discovered as usize) < catalogue.len() && chance(rng, 0.13 * sigmoid(health)) {
            n_discovered += 1;
        }
        let ramp = (0.35 + f64::from(week) / 10.0).min(1.0);
        let outage = 1.0 - 0.3 * happened.outage.unwrap_or(0.0).min(1.0);
        let wobble = (0.12 * normal(rng)).exp();
        let activity = ramp * outage * wobble * (level + 0.8 * health - 0.15).exp() * scale;
        // Who is not well does less of it: the later discoveries fall out of use first.
        let breadth = (f64::from(n_discovered) * sigmoid(1.1 + 1.3 * health)).ceil();
        let in_use = &catalogue[..(whole(breadth) as usize).clamp(1, catalogue.len())];
        if temper.is_api_only {
            let seats = f64::from(life.price_at(week_start).n_seats);
            let n_events = count(rng, 2.2 * activity * seats.sqrt());
            for _ in 0..n_events {
                let at = later(week_start, 7.0 * rng.random::<f64>());
                let user = User::Service(rng.random_range(0..2));
                let used = Use { user, event: pick(rng, in_use), channel: "api" };
                rows.push(row(life, at, used, rng));
            }
        } else {
            people_week(life, week_start, activity, in_use, rng, &mut rows);
        }
    }
    rows.retain(|row| row.occurred_at < life.last);
    rows
}

fn people_week(
    life: &Life,
    week_start: Timestamp,
    activity: f64,
    in_use: &[&'static str],
    rng: &mut impl Rng,
    rows: &mut Vec<UsageRow>,
) {
    let n_seats = life.price_at(week_start).n_seats;
    let n_sessions = count(rng, 0.21 * activity * f64::from(n_seats));
    for _ in 0..n_sessions {
        // Some people use the product much more than others.
        let person = whole(f64::from(n_seats) * rng.random::<f64>().powf(1.5)).min(n_seats - 1);
        let start = moment_of_week(rng, week_start);
        let channel = match rng.random::<f64>() {
            ..0.82 => "ui",
            ..0.95 => "mobile",
            _ => "integration",
        };
        for step in 0..=count(rng, 0.4) {
            let at = later(start, f64::from(step) * between(rng, 0.0005, 0.01));
            // Early discoveries stay the daily bread.
            let choice = whole(in_use.len() as f64 * rng.random::<f64>().powf(1.6)) as usize;
            let event = in_use[choice.min(in_use.len() - 1)];
            rows.push(row(life, at, Use { user: User::Person(person), event, channel }, rng));
        }
    }
}

fn row(life: &Life, occurred_at: Timestamp, used: Use, rng: &mut impl Rng) -> UsageRow {
    let delay = match rng.random::<f64>() {
        ..0.93 => between(rng, 0.0, 0.01),
        ..0.98 => between(rng, 0.01, 1.0),
        _ => between(rng, 1.0, 14.0),
    };
    let carries_value =
        matches!(used.event, "data_imported" | "report_exported" | "bulk_import" | "records_written");
    UsageRow {
        account: life.profile.index,
        used,
        occurred_at,
        received_at: later(occurred_at, delay),
        value: carries_value.then(|| log_normal(rng, 120.0, 1.2).round()),
    }
}

impl UsageColumn {
    pub(crate) const ALL: [Self; 7] = [
        Self::Account,
        Self::User,
        Self::Event,
        Self::OccurredAt,
        Self::ReceivedAt,
        Self::Value,
        Self::Channel,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Account => "account_id",
            Self::User => "user_id",
            Self::Event => "event",
            Self::OccurredAt => "occurred_at",
            Self::ReceivedAt => "received_at",
            Self::Value => "value",
            Self::Channel => "channel",
        }
    }

    /// The column of `rows`.
    pub(crate) fn array(self, rows: &[UsageRow]) -> ArrayRef {
        let times = |get: fn(&UsageRow) -> Timestamp| -> ArrayRef {
            let times = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| get(row).0));
            Arc::new(times.with_timezone("UTC"))
        };
        match self {
            Self::Account => Arc::new(accounts(rows)),
            Self::User => Arc::new(users(rows)),
            Self::Event => Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.used.event))),
            Self::OccurredAt => times(|row| row.occurred_at),
            Self::ReceivedAt => times(|row| row.received_at),
            Self::Value => Arc::new(rows.iter().map(|row| row.value).collect::<Float64Array>()),
            Self::Channel => Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.used.channel))),
        }
    }
}

/// An empty batch with the table's schema.
pub(crate) fn no_rows() -> Result<RecordBatch, ArrowError> {
    let columns = UsageColumn::ALL.map(|column| (column.name(), column.array(&[]), true));
    RecordBatch::try_from_iter_with_nullable(columns)
}

fn accounts(rows: &[UsageRow]) -> StringArray {
    let mut texts = StringBuilder::with_capacity(rows.len(), rows.len() * 10);
    for run in rows.chunk_by(|a, b| a.account == b.account) {
        let id = account_id(run[0].account);
        for _ in run {
            texts.append_value(&id);
        }
    }
    texts.finish()
}

fn users(rows: &[UsageRow]) -> StringArray {
    let mut texts = StringBuilder::with_capacity(rows.len(), rows.len() * 14);
    for row in rows {
        let (kind, number) = match row.used.user {
            User::Person(number) => ("user", number),
            User::Service(number) => ("service", number),
        };
        // Writing to memory never fails.
        let _ = write!(texts, "{kind}-{:05}-{number}", row.account);
        texts.append_value("");
    }
    texts.finish()
}

impl Arriving for UsageRow {
    fn known_at(&self) -> Timestamp {
        self.received_at
    }
}
