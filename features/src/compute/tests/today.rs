//! Cells that only today tells: decisions read them at the latest date, models learn from them nowhere, unless
//! the configuration names them as constant.

use super::{bits, key, summary};
use crate::compute::*;
use crate::history::*;
use crate::snapshot::testing::{account, at, event_mrr, yearly};
use crate::spec::Role;

const UNTIL: &str = "2024-06-01";
const PAST: &str = "2024-05-01";
/// All that reads today's cells of `subscriptions`.
const OF_TODAY: [&str; 7] =
    ["arr", "seats", "mrr_per_seat", "auto_renew", "seats_active_share_28d", "trained_seats_share", "plan"];

/// Ten seats, of which one is used and five are trained.
fn facts() -> AccountFacts {
    let mut facts = account(vec![yearly("s", "2024-01-01", "2025-01-01")]);
    let own = &mut facts.subscriptions[0];
    (own.quantity, own.auto_renew, own.plan) = (Some(10.0), Some(true), Some("pro".into()));
    facts.usage = vec![Usage {
        visible_at: at("2024-04-20"),
        occurred_at: at("2024-04-20"),
        user_id: Some("u".into()),
        event: "login".into(),
        count: 1.0,
        active_users: None,
        value: None,
        channel: None,
    }];
    facts.usage.push(Usage {
        visible_at: at("2024-05-20"),
        occurred_at: at("2024-05-20"),
        ..facts.usage[0].clone()
    });
    facts.milestones = vec![Milestone {
        visible_at: at("2024-02-01"),
        milestone: "training".into(),
        kind: MilestoneKind::Training,
        target_at: None,
        achieved_at: Some(at("2024-02-01")),
        value: Some(5.0),
    }];
    facts
}

fn history(facts: AccountFacts, constant: &[MutableColumn]) -> History {
    let tables =
        ["subscriptions", "subscription_events", "usage_events", "milestones", "invoices", "interventions"];
    History {
        accounts: vec![facts],
        until: Some(at(UNTIL)),
        tables: tables.map(summary).to_vec(),
        constant_subscription_columns: constant.to_vec(),
        ..History::default()
    }
}

fn roles(history: &History) -> Vec<(&'static str, Role)> {
    let specs = specs(history, &ComputeConfig::default()).unwrap();
    let role = |name: &str| specs.iter().find(|spec| spec.name == name).unwrap().role;
    OF_TODAY.iter().map(|name| (*name, role(name))).collect()
}

fn features(history: &History) -> Vec<&'static str> {
    roles(history).into_iter().filter(|(_, role)| *role == Role::Feature).map(|(name, _)| name).collect()
}

fn at_dates(history: &History, dates: &[&str]) -> FeatureTable {
    let keys: Vec<Key> = dates.iter().map(|date| key("acme", at(date))).collect();
    table(history, &keys, &specs(history, &ComputeConfig::default()).unwrap()).unwrap()
}

#[test]
fn what_only_today_tells_is_context_and_missing_at_past_dates() {
    let history = history(facts(), &[]);
    assert_eq!(features(&history), Vec::<&str>::new());
    let table = at_dates(&history, &[PAST, UNTIL]);
    let (past, latest) = (table.row(0), table.row(1));
    for (name, today) in [
        ("arr", 1200.0),
        ("seats", 10.0),
        ("mrr_per_seat", 10.0),
        ("auto_renew", 1.0),
        ("seats_active_share_28d", 0.1),
        ("trained_seats_share", 0.5),
    ] {
        assert_eq!((past.number(name), latest.number(name)), (None, Some(today)), "{name}");
    }
    assert_eq!((past.text("plan"), latest.text("plan")), (None, Some("pro")));
}

#[test]
fn columns_named_constant_are_features_at_every_date() {
    use MutableColumn::{AutoRenew, Mrr, Plan, Quantity};
    assert_eq!(features(&history(facts(), &[AutoRenew, Plan])), ["auto_renew", "plan"]);
    assert_eq!(
        features(&history(facts(), &[Quantity])),
        ["seats", "seats_active_share_28d", "trained_seats_share"]
    );
    let all = history(facts(), &[AutoRenew, Quantity, Mrr, Plan]);
    assert_eq!(features(&all), OF_TODAY);
    let table = at_dates(&all, &[PAST]);
    assert_eq!(table.row(0).number("arr"), Some(1200.0));
    assert_eq!(table.row(0).text("plan"), Some("pro"));
    assert_eq!(
        specs(&all, &ComputeConfig::default()).unwrap().iter().filter(|spec| spec.name == "plan").count(),
        1
    );
}

#[test]
fn revenue_that_the_renewal_history_tells_is_a_feature() {
    let mut told = facts();
    told.subscription_events =
        vec![event_mrr("s", SubscriptionEventType::New, "2024-01-01", "2025-01-01", (0.0, 80.0))];
    let mut untold = facts();
    untold.account_id = "zeta".into();
    let mut history = history(told, &[]);
    history.accounts.push(untold);
    assert_eq!(features(&history), ["arr"]);
    let keys = [key("acme", at(PAST)), key("zeta", at(PAST)), key("zeta", at(UNTIL))];
    let table = table(&history, &keys, &specs(&history, &ComputeConfig::default()).unwrap()).unwrap();
    let arr = |row: usize| table.row(row).number("arr");
    assert_eq!((arr(0), arr(1), arr(2)), (Some(960.0), None, Some(1200.0)));
}

#[test]
fn a_stored_specification_computes_the_same_without_the_configuration() {
    let declared = history(facts(), &MutableColumn::ALL);
    let stored = specs(&declared, &ComputeConfig::default()).unwrap();
    let keys = [key("acme", at(PAST)), key("acme", at(UNTIL))];
    let trained = table(&declared, &keys, &stored).unwrap();
    let served = table(&history(facts(), &[]), &keys, &stored).unwrap();
    assert_eq!(bits(&trained), bits(&served));
}

#[test]
fn the_stage_to_learn_from_reads_no_seats_of_today() {
    let mut facts = facts();
    facts.milestones.clear();
    facts.subscriptions[0].started_at = at("2023-01-01");
    facts.subscriptions[0].visible_at = at("2023-01-01");
    facts.subscriptions[0].quantity = Some(1.0);
    let stages = |constant: &[MutableColumn]| {
        let table = at_dates(&history(facts.clone(), constant), &[PAST, UNTIL]);
        [0, 1].map(|row| table.row(row).text("stage").unwrap().to_owned())
    };
    assert_eq!(stages(&[]), ["value_realisation", "value_realisation"]);
    assert_eq!(stages(&[MutableColumn::Quantity]), ["expansion", "expansion"], "all seats are in use");
}

#[test]
fn attempts_are_known_from_the_payment_on() {
    let mut facts = facts();
    let unpaid = Invoice {
        visible_at: at("2024-03-01"),
        invoice_id: "i".into(),
        amount_due: 500.0,
        amount_paid: None,
        created_at: at("2024-03-01"),
        due_at: Some(at("2024-03-31")),
        paid_at: None,
        attempt_count: Some(4.0),
        failure_code: Some("declined".into()),
    };
    let paid = Invoice { invoice_id: "j".into(), paid_at: Some(at("2024-05-10")), ..unpaid.clone() };
    facts.invoices = vec![unpaid, paid];
    let history = history(facts, &[]);
    let table = at_dates(&history, &[PAST, "2024-05-11", UNTIL]);
    let of = |name: &str| [0, 1, 2].map(|row| table.row(row).number(name));
    assert_eq!(of("open_invoice_attempts"), [None, None, Some(4.0)]);
    assert_eq!(of("failed_payments_365d"), [Some(0.0), Some(1.0), Some(1.0)]);
    let spec = table.specs().iter().find(|spec| spec.name == "open_invoice_attempts").unwrap();
    assert_eq!(spec.role, Role::Context);
}

#[test]
fn recent_plays_are_named_with_their_days_newest_first() {
    let play = |action: &str, assigned: &str, delivered: Option<&str>| Intervention {
        visible_at: at(assigned),
        action: action.into(),
        is_treatment: true,
        propensity: None,
        assigned_at: at(assigned),
        delivered_at: delivered.map(at),
        channel: None,
        is_automated: None,
        cost: None,
    };
    let mut facts = facts();
    facts.interventions = vec![
        play("too_old", "2023-03-01", None),
        play("check_in", "2024-02-01", Some("2024-02-03T09:00:00Z")),
        play("training", "2024-04-28", Some("2024-05-20")),
        play("not_yet", "2024-05-01", None),
        Intervention { is_treatment: false, ..play("held_back", "2024-04-01", None) },
    ];
    let history = history(facts, &[]);
    let table = at_dates(&history, &[PAST, UNTIL, "2024-01-01"]);
    let plays = |row: usize| table.row(row).text("recent_plays").map(str::to_owned);
    assert_eq!(plays(0).as_deref(), Some("training@2024-04-28;check_in@2024-02-03"));
    assert_eq!(plays(1).as_deref(), Some("training@2024-05-20;not_yet@2024-05-01;check_in@2024-02-03"));
    assert_eq!(plays(2).as_deref(), Some("too_old@2023-03-01"));
    let spec = table.specs().iter().find(|spec| spec.name == "recent_plays").unwrap();
    assert_eq!((spec.role, spec.kind), (Role::Context, Kind::Category));
}
