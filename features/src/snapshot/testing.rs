//! Small histories for the tests of snapshots and features.

use crate::history::{AccountFacts, Subscription, SubscriptionEvent, SubscriptionEventType};
use crate::time::Timestamp;

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(crate) fn subscription(id: &str, started_at: &str) -> Subscription {
    Subscription {
        visible_at: at(started_at),
        subscription_id: id.into(),
        plan: None,
        quantity: None,
        mrr: 100.0,
        billing_period_months: None,
        started_at: at(started_at),
        current_term_start: None,
        current_term_end: None,
        auto_renew: None,
        cancel_requested_at: None,
        ended_at: None,
        cancel_reason: None,
        is_voluntary: None,
    }
}

pub(crate) fn yearly(id: &str, start: &str, end: &str) -> Subscription {
    Subscription {
        current_term_start: Some(at(start)),
        current_term_end: Some(at(end)),
        ..subscription(id, start)
    }
}

pub(crate) fn event(
    id: &str,
    event_type: SubscriptionEventType,
    effective_at: &str,
    term_end: Option<&str>,
) -> SubscriptionEvent {
    SubscriptionEvent {
        visible_at: at(effective_at),
        subscription_id: id.into(),
        event_type,
        mrr_before: None,
        mrr_after: None,
        term_end: term_end.map(at),
        effective_at: at(effective_at),
    }
}

pub(crate) fn event_mrr(
    id: &str,
    event_type: SubscriptionEventType,
    effective_at: &str,
    term_end: &str,
    (before, after): (f64, f64),
) -> SubscriptionEvent {
    let plain = event(id, event_type, effective_at, Some(term_end));
    SubscriptionEvent { mrr_before: Some(before), mrr_after: Some(after), ..plain }
}

pub(crate) fn account(subscriptions: Vec<Subscription>) -> AccountFacts {
    AccountFacts { account_id: "acme".into(), subscriptions, ..AccountFacts::default() }
}
