//! Tickets: how many, how bad, how well answered.

use std::ops::Range;

use crate::compute::declared::{Declared, How, Needs};
use crate::compute::window::{count, days_since, is_within, mean, median, ratio, recent};
use crate::history::{Priority, Ticket};
use crate::spec::Dimension;
use crate::spec::Direction::{self, RaisesRisk, Unknown};
use crate::time::Timestamp;

/// The tickets known at an observation; at least one.
pub(in crate::compute) struct Tickets<'a> {
    pub(super) visible: &'a [Ticket],
    pub(super) as_of: Timestamp,
}

/// A feature of `tickets`.
pub(super) const fn ticket(
    name: &'static str,
    unit: &'static str,
    direction: Direction,
    meaning: &'static str,
    value: fn(&Tickets<'_>) -> f64,
) -> Declared {
    let words = (name, unit, meaning);
    Declared::number(words, Dimension::Engagement, direction, Needs::Table("tickets"), How::Tickets(value))
}

pub(super) const TICKETS: &[Declared] = &[
    ticket("tickets_7d", "tickets", RaisesRisk, "Tickets opened in the last 7 days.", |t| {
        count(t.opened(0..7))
    }),
    ticket("tickets_28d", "tickets", RaisesRisk, "Tickets opened in the last 28 days.", |t| {
        count(t.opened(0..28))
    }),
    ticket("tickets_90d", "tickets", Unknown, "Tickets opened in the last 90 days.", |t| {
        count(t.opened(0..90))
    }),
    ticket(
        "tickets_ratio_28d",
        "ratio",
        RaisesRisk,
        "Tickets in the last 28 days per ticket in the 28 before.",
        |t| ratio(count(t.opened(0..28)), count(t.opened(28..56))),
    ),
    ticket("open_tickets", "tickets", RaisesRisk, "Tickets open at the observation.", |t| count(t.open())),
    ticket(
        "oldest_open_ticket_days",
        "days",
        RaisesRisk,
        "Age of the oldest open ticket; 0 where none is open.",
        |t| t.open().map(|ticket| t.as_of.days_since(ticket.created_at)).fold(0.0, f64::max),
    ),
    ticket(
        "urgent_tickets_90d",
        "tickets",
        RaisesRisk,
        "Tickets of high or urgent priority opened in the last 90 days.",
        |t| count(t.opened(0..90).filter(|ticket| ticket.priority >= Some(Priority::High))),
    ),
    ticket("escalated_tickets_90d", "tickets", RaisesRisk, "Tickets escalated in the last 90 days.", |t| {
        let escalated =
            |ticket: &&Ticket| ticket.escalated_at.is_some_and(|at| is_within(at, t.as_of, &(0..90)));
        count(t.visible.iter().filter(escalated))
    }),
    ticket(
        "reopened_share_180d",
        "share",
        RaisesRisk,
        "Share of tickets solved in the last 180 days that were reopened.",
        |t| {
            mean(
                t.solved(0..180)
                    .filter_map(|ticket| ticket.reopens)
                    .map(|reopens| f64::from(u8::from(reopens > 0.0))),
            )
        },
    ),
    ticket(
        "reply_minutes_90d",
        "minutes",
        RaisesRisk,
        "Median minutes to the first reply of tickets solved in the last 90 days.",
        |t| median(t.solved(0..90).filter_map(|ticket| ticket.reply_time_minutes)),
    ),
    ticket(
        "resolution_hours_90d",
        "hours",
        RaisesRisk,
        "Median hours from opening to solution of tickets solved in the last 90 days.",
        |t| {
            median(
                t.solved(0..90)
                    .filter_map(|ticket| Some(ticket.solved_at?.days_since(ticket.created_at) * 24.0)),
            )
        },
    ),
    ticket(
        "ticket_satisfaction_180d",
        "score",
        Direction::LowersRisk,
        "Mean satisfaction with tickets solved in the last 180 days.",
        |t| mean(t.solved(0..180).filter_map(|ticket| ticket.satisfaction_score)),
    ),
    ticket(
        "ticket_sentiment_90d",
        "score",
        Direction::LowersRisk,
        "Mean sentiment (−1 to 1) of tickets solved in the last 90 days.",
        |t| mean(t.solved(0..90).filter_map(|ticket| ticket.sentiment)),
    ),
    ticket("days_since_ticket", "days", Unknown, "Days since the latest ticket was opened.", |t| {
        days_since(t.as_of, t.visible.iter().map(|ticket| ticket.created_at))
    }),
];

impl<'a> Tickets<'a> {
    /// `None` where no ticket is known yet.
    pub(in crate::compute) fn at(tickets: &'a [Ticket], as_of: Timestamp) -> Option<Self> {
        let visible = &tickets[..tickets.partition_point(|ticket| ticket.visible_at < as_of)];
        (!visible.is_empty()).then_some(Self { visible, as_of })
    }

    /// Tickets opened within `days` before the observation.
    pub(super) fn opened(&self, days: Range<i64>) -> impl Iterator<Item = &'a Ticket> {
        let (visible, as_of): (&'a [Ticket], _) = (self.visible, self.as_of);
        recent(visible, as_of, days.end, |ticket| ticket.visible_at)
            .iter()
            .filter(move |ticket| is_within(ticket.created_at, as_of, &days))
    }

    /// Tickets solved within `days` before the observation: their outcome is known.
    pub(super) fn solved(&self, days: Range<i64>) -> impl Iterator<Item = &'a Ticket> {
        let as_of = self.as_of;
        self.visible
            .iter()
            .filter(move |ticket| ticket.solved_at.is_some_and(|solved| is_within(solved, as_of, &days)))
    }

    pub(super) fn open(&self) -> impl Iterator<Item = &'a Ticket> {
        let as_of = self.as_of;
        self.visible.iter().filter(move |ticket| ticket.solved_at.is_none_or(|solved| solved >= as_of))
    }
}
