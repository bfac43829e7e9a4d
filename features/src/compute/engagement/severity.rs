//! Tickets by priority, in bursts, escalated, and left open.

use super::support::{Tickets, ticket};
use crate::compute::declared::{Declared, How, Needs};
use crate::compute::window::{count, days_since, is_within, mean, number, ratio};
use crate::history::{Priority, Ticket};
use crate::spec::Dimension;
use crate::spec::Direction::{LowersRisk, RaisesRisk, Unknown};
use crate::time::{DAY, Timestamp};

pub(super) const SEVERITY: &[Declared] = &[
    ticket(
        "low_tickets_90d",
        "tickets",
        Unknown,
        "Tickets of low priority opened in the last 90 days; missing where no ticket tells its priority.",
        |t| t.of_priority(Priority::Low),
    ),
    ticket(
        "normal_tickets_90d",
        "tickets",
        Unknown,
        "Tickets of normal priority opened in the last 90 days; missing where no ticket tells its priority.",
        |t| t.of_priority(Priority::Normal),
    ),
    ticket(
        "high_tickets_90d",
        "tickets",
        RaisesRisk,
        "Tickets of high, not urgent, priority opened in the last 90 days; missing where no ticket tells its priority.",
        |t| t.of_priority(Priority::High),
    ),
    ticket(
        "critical_tickets_90d",
        "tickets",
        RaisesRisk,
        "Tickets of urgent priority opened in the last 90 days; missing where no ticket tells its priority.",
        |t| t.of_priority(Priority::Urgent),
    ),
    ticket(
        "urgent_tickets_28d",
        "tickets",
        RaisesRisk,
        "Tickets of high or urgent priority opened in the last 28 days.",
        |t| count(t.opened(0..28).filter(|one| is_urgent(one))),
    ),
    ticket(
        "urgent_share_90d",
        "share",
        RaisesRisk,
        "Share of high and urgent ones among the tickets of the last 90 days that tell their priority.",
        |t| {
            let told = || t.opened(0..90).filter(|one| one.priority.is_some());
            ratio(count(told().filter(|one| is_urgent(one))), count(told()))
        },
    ),
    ticket(
        "tickets_burst_90d",
        "tickets",
        RaisesRisk,
        "Largest number of tickets opened within any 7 days of the last 90.",
        |t| t.burst(),
    ),
    ticket(
        "tickets_ratio_90d",
        "ratio",
        RaisesRisk,
        "Tickets in the last 90 days per ticket in the 90 before.",
        |t| ratio(count(t.opened(0..90)), count(t.opened(90..180))),
    ),
    ticket(
        "tickets_backlog_28d",
        "tickets",
        RaisesRisk,
        "Tickets opened in the last 28 days, less those solved in them.",
        |t| count(t.opened(0..28)) - count(t.solved(0..28)),
    ),
    ticket("tickets_solved_28d", "tickets", Unknown, "Tickets solved in the last 28 days.", |t| {
        count(t.solved(0..28))
    }),
    ticket(
        "tickets_unsolved_share_90d",
        "share",
        RaisesRisk,
        "Share of the tickets opened in the last 90 days that are still open.",
        |t| {
            let open = t.opened(0..90).filter(|one| one.solved_at.is_none_or(|solved| solved >= t.as_of));
            ratio(count(open), count(t.opened(0..90)))
        },
    ),
    ticket(
        "open_tickets_mean_days",
        "days",
        RaisesRisk,
        "Mean age of the open tickets; 0 where none is open.",
        |t| {
            let age = mean(t.open().map(|one| t.as_of.days_since(one.created_at)));
            if age.is_nan() { 0.0 } else { age }
        },
    ),
    ticket("open_tickets_over_14d", "tickets", RaisesRisk, "Tickets open for more than 14 days.", |t| {
        count(t.open().filter(|one| t.as_of.days_since(one.created_at) > 14.0))
    }),
    ticket("open_urgent_tickets", "tickets", RaisesRisk, "Open tickets of high or urgent priority.", |t| {
        count(t.open().filter(|one| is_urgent(one)))
    }),
    ticket("open_escalated_tickets", "tickets", RaisesRisk, "Open tickets that were escalated.", |t| {
        count(t.open().filter(|one| t.escalated(one).is_some()))
    }),
    ticket("escalations_28d", "tickets", RaisesRisk, "Tickets escalated in the last 28 days.", |t| {
        let escalated = t.visible.iter().filter_map(|one| one.escalated_at);
        count(escalated.filter(|&at| is_within(at, t.as_of, &(0..28))))
    }),
    ticket(
        "escalated_share_180d",
        "share",
        RaisesRisk,
        "Share of the tickets opened in the last 180 days that were escalated.",
        |t| ratio(count(t.opened(0..180).filter(|one| t.escalated(one).is_some())), count(t.opened(0..180))),
    ),
    ticket("days_since_escalation", "days", LowersRisk, "Days since a ticket was escalated.", |t| {
        days_since(t.as_of, t.visible.iter().filter_map(|one| one.escalated_at))
    }),
    Declared::number(
        (
            "tickets_per_contact_90d",
            "tickets",
            "Tickets opened in the last 90 days for each known contact who has not left.",
        ),
        Dimension::Engagement,
        Unknown,
        Needs::Table("tickets"),
        How::View(|view| match (&view.tickets, &view.people) {
            (Some(tickets), Some(people)) => ratio(count(tickets.opened(0..90)), count(people.present(None))),
            _ => f64::NAN,
        }),
    ),
];

impl Tickets<'_> {
    fn of_priority(&self, priority: Priority) -> f64 {
        let is_told = self.visible.iter().any(|one| one.priority.is_some());
        let those = self.opened(0..90).filter(|one| one.priority == Some(priority));
        if is_told { count(those) } else { f64::NAN }
    }

    fn escalated(&self, one: &Ticket) -> Option<Timestamp> {
        one.escalated_at.filter(|&at| at < self.as_of)
    }

    fn burst(&self) -> f64 {
        let mut opened: Vec<Timestamp> = self.opened(0..90).map(|one| one.created_at).collect();
        opened.sort_unstable();
        let mut first = 0;
        let mut most = 0;
        for (last, &at) in opened.iter().enumerate() {
            while at.0 - opened[first].0 >= 7 * DAY {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        number(most)
    }
}

fn is_urgent(one: &Ticket) -> bool {
    one.priority >= Some(Priority::High)
}
