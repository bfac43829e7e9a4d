//! The renewal history, and what is on offer.

use super::{ago, assert_values, values};
use crate::history::*;
use crate::snapshot::testing::account;

use SubscriptionEventType as Type;

fn subscription(id: &str, started: i64, term_end: i64, ended: Option<i64>) -> Subscription {
    Subscription {
        started_at: ago(started),
        visible_at: ago(started),
        current_term_end: Some(ago(term_end)),
        ended_at: ended.map(ago),
        ..crate::snapshot::testing::subscription(id, "2020-01-01")
    }
}

fn event(event_type: Type, days: i64, term_end: Option<i64>, mrr: Option<(f64, f64)>) -> SubscriptionEvent {
    SubscriptionEvent {
        visible_at: ago(days),
        subscription_id: "s".into(),
        event_type,
        mrr_before: mrr.map(|(before, _)| before),
        mrr_after: mrr.map(|(_, after)| after),
        term_end: term_end.map(ago),
        effective_at: ago(days),
    }
}

fn facts() -> AccountFacts {
    let mut facts = account(vec![subscription("s", 800, -110, None), subscription("t", 150, -200, Some(40))]);
    facts.subscription_events = vec![
        event(Type::New, 800, Some(435), Some((0.0, 100.0))),
        event(Type::Renewal, 435, Some(70), Some((100.0, 120.0))),
        event(Type::Contraction, 200, None, Some((120.0, 90.0))),
        SubscriptionEvent { subscription_id: "t".into(), ..event(Type::New, 150, None, Some((0.0, 10.0))) },
        event(Type::CancelRequested, 100, None, None),
        event(Type::Renewal, 70, Some(-110), Some((90.0, 80.0))),
        event(Type::Expansion, 25, None, Some((80.0, 85.0))),
        event(Type::Pause, 18, None, None),
        event(Type::Reactivation, 10, None, None),
    ];
    facts
}

#[test]
fn the_renewal_history_tells_growth_price_and_terms() {
    assert_values(
        &facts(),
        &[
            ("term_elapsed_share", 70.0 / 180.0),
            ("subscriptions_added_365d", 1.0),
            ("subscriptions_ended_365d", 1.0),
            ("arr_change_28d", 0.0625),
            ("arr_growth", -0.15),
            ("mrr_below_peak_share", 35.0 / 120.0),
            ("renewal_price_change", -1.0 / 9.0),
            ("days_since_renewal", 70.0),
            ("term_months_change", -6.0),
            ("expansions", 2.0),
            ("contractions", 2.0),
            ("expansion_amount_365d", 5.0),
            ("contraction_amount_365d", 40.0),
            ("days_since_expansion", 25.0),
            ("days_since_contraction", 70.0),
            ("reactivations", 1.0),
            ("paused", 0.0),
            ("cancels_withdrawn", 1.0),
            ("days_since_cancel_withdrawn", 70.0),
        ],
    );
}

#[test]
fn a_running_request_to_cancel_is_no_feature_and_a_pause_ends() {
    let names = ["cancels_withdrawn", "days_since_cancel_withdrawn", "cancel_requested", "paused"];
    assert_eq!(values(&facts(), 80, names), [Some(0.0), None, Some(1.0), Some(0.0)]);
    assert_eq!(values(&facts(), 15, names), [Some(1.0), Some(55.0), Some(0.0), Some(1.0)]);
}

#[test]
fn opportunities_are_weighed_against_the_revenue() {
    let opportunity = |opportunity_type, created: i64, amount, closed: Option<(i64, bool)>| Opportunity {
        visible_at: ago(created),
        opportunity_id: format!("o{created}").into(),
        opportunity_type,
        amount: Some(amount),
        created_at: ago(created),
        closed_at: closed.map(|(days, _)| ago(days)),
        is_won: closed.map(|(_, won)| won),
    };
    let mut facts = account(vec![subscription("s", 300, -65, None)]);
    facts.subscription_events = vec![event(Type::New, 300, Some(-65), Some((0.0, 100.0)))];
    facts.opportunities = vec![
        opportunity(OpportunityType::Expansion, 150, 100.0, Some((120, true))),
        opportunity(OpportunityType::Expansion, 100, 200.0, Some((40, false))),
        opportunity(OpportunityType::Renewal, 80, 1200.0, None),
        opportunity(OpportunityType::Expansion, 50, 300.0, None),
        opportunity(OpportunityType::Expansion, 20, 60.0, None),
        opportunity(OpportunityType::New, 10, 500.0, None),
    ];
    assert_values(
        &facts,
        &[
            ("open_new_opportunities", 1.0),
            ("open_renewal_amount", 1200.0),
            ("open_expansion_share_of_arr", 0.3),
            ("open_renewal_share_of_arr", 1.0),
            ("open_expansion_age_days", 50.0),
            ("open_renewal_age_days", 80.0),
            ("expansions_won_365d", 1.0),
            ("expansions_lost_365d", 1.0),
            ("expansion_amount_lost_365d", 200.0),
            ("days_since_expansion_lost", 40.0),
            ("days_since_expansion_won", 120.0),
        ],
    );
    let names = ["expansions_lost_365d", "days_since_expansion_lost", "open_expansion_age_days"];
    assert_eq!(values(&facts, 45, names), [Some(0.0), None, Some(55.0)], "lost only later");
    assert_eq!(values(&facts, 90, ["open_renewal_share_of_arr"]), [None], "none is open yet");
}
