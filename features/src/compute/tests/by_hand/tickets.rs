//! Tickets by severity and by their solution.

use super::{ago, assert_values, values};
use crate::history::*;
use crate::snapshot::testing::{account, yearly};

use Priority::{High, Low, Normal, Urgent};

fn ticket(created: i64, priority: Option<Priority>, solved: Option<i64>) -> Ticket {
    Ticket {
        visible_at: ago(created),
        ticket_id: format!("t{created}").into(),
        created_at: ago(created),
        solved_at: solved.map(ago),
        priority,
        escalated_at: None,
        reopens: None,
        reply_time_minutes: None,
        satisfaction_score: None,
        sentiment: None,
    }
}

fn rated(ticket: Ticket, (reopens, reply): (Option<f64>, f64), (score, tone): (f64, Option<f64>)) -> Ticket {
    Ticket {
        reopens,
        reply_time_minutes: Some(reply),
        satisfaction_score: Some(score),
        sentiment: tone,
        ..ticket
    }
}

fn facts() -> AccountFacts {
    let mut facts = account(vec![yearly("s", "2024-01-01", "2025-06-01")]);
    let escalated = |days, ticket| Ticket { escalated_at: Some(ago(days)), ..ticket };
    facts.tickets = vec![
        rated(ticket(150, Some(High), Some(120)), (None, 100.0), (4.0, Some(0.1))),
        rated(ticket(80, Some(Low), Some(70)), (Some(1.0), 30.0), (5.0, Some(0.5))),
        escalated(45, rated(ticket(50, Some(High), Some(40)), (Some(0.0), 60.0), (3.0, Some(-0.5)))),
        escalated(18, ticket(20, Some(Urgent), None)),
        rated(ticket(18, Some(Normal), Some(17)), (Some(2.0), 20.0), (1.0, None)),
        ticket(15, Some(Normal), None),
        ticket(3, None, None),
    ];
    let contact = |id: &str| Contact {
        visible_at: ago(300),
        contact_id: id.into(),
        role: None,
        title: None,
        created_at: ago(300),
        left_at: None,
    };
    facts.contacts = vec![contact("c0"), contact("c1"), Contact { left_at: Some(ago(9)), ..contact("c2") }];
    facts
}

#[test]
fn severity_is_told_by_priority_bursts_escalation_and_age() {
    assert_values(
        &facts(),
        &[
            ("low_tickets_90d", 1.0),
            ("normal_tickets_90d", 2.0),
            ("high_tickets_90d", 1.0),
            ("critical_tickets_90d", 1.0),
            ("urgent_tickets_28d", 1.0),
            ("urgent_share_90d", 0.4),
            ("tickets_burst_90d", 3.0),
            ("tickets_ratio_90d", 6.0),
            ("tickets_backlog_28d", 3.0),
            ("tickets_solved_28d", 1.0),
            ("tickets_unsolved_share_90d", 0.5),
            ("open_tickets_mean_days", 38.0 / 3.0),
            ("open_tickets_over_14d", 2.0),
            ("open_urgent_tickets", 1.0),
            ("open_escalated_tickets", 1.0),
            ("escalations_28d", 1.0),
            ("escalated_share_180d", 2.0 / 7.0),
            ("days_since_escalation", 18.0),
            ("tickets_per_contact_90d", 3.0),
        ],
    );
}

#[test]
fn solutions_tell_effort_and_reception() {
    assert_values(
        &facts(),
        &[
            ("reopens_180d", 3.0),
            ("reply_ratio_90d", 0.3),
            ("resolution_ratio_90d", 1.0 / 3.0),
            ("resolution_hours_worst_90d", 240.0),
            ("ticket_satisfaction_change_90d", -1.0),
            ("ticket_satisfaction_trend", -1.1),
            ("ticket_satisfaction_lowest_180d", 1.0),
            ("ticket_sentiment_change_90d", -0.1),
        ],
    );
}

#[test]
fn what_becomes_of_a_ticket_counts_from_its_own_time_on() {
    let names = ["open_escalated_tickets", "reopens_180d", "open_tickets_mean_days"];
    assert_eq!(values(&facts(), 19, names), [Some(0.0), Some(1.0), Some(1.0)]);
    assert_eq!(values(&facts(), 60, names), [Some(0.0), Some(1.0), Some(0.0)]);
    assert_eq!(values(&facts(), 130, names), [Some(0.0), None, Some(20.0)]);
}

#[test]
fn priorities_never_told_are_missing() {
    let mut facts = facts();
    facts.tickets.iter_mut().for_each(|ticket| ticket.priority = None);
    let names = ["low_tickets_90d", "critical_tickets_90d", "urgent_share_90d"];
    assert_eq!(values(&facts, 0, names), [None; 3]);
}
