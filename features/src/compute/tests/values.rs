//! Known values of hand-made accounts, and the refusals.

use super::{key, summary};
use crate::compute::*;
use crate::history::*;
use crate::matrix::Row;
use crate::snapshot::testing::{account, at, event_mrr, yearly};
use crate::spec::{Dimension, Role};

fn used(event: &str, user: &str, time: &str) -> Usage {
    Usage {
        visible_at: at(time),
        occurred_at: at(time),
        user_id: Some(user.into()),
        event: event.into(),
        count: 1.0,
        active_users: None,
        value: Some(2.0),
        channel: Some(Channel::Api),
    }
}

fn history(facts: AccountFacts, tables: &[&'static str]) -> History {
    History {
        store: None,
        book: None,
        accounts: vec![facts],
        until: Some(at("2025-01-01")),
        currency: Some("EUR".into()),
        tables: tables.iter().map(|table| summary(table)).collect(),
        candidate_columns: Vec::new(),
        constant_subscription_columns: Vec::new(),
    }
}

fn at_day<T>(history: &History, as_of: &str, read: impl FnOnce(Row<'_>) -> T) -> T {
    let specs = specs(history, &ComputeConfig::default()).unwrap();
    let table = table(history, &[key("acme", at(as_of))], &specs).unwrap();
    read(table.row(0))
}

#[test]
fn usage_is_counted_in_windows() {
    let mut facts = account(vec![yearly("s", "2024-01-01", "2025-01-01")]);
    facts.subscriptions[0].quantity = Some(4.0);
    facts.usage = vec![
        used("login", "u1", "2024-04-01T08:00:00Z"),
        used("login", "u2", "2024-05-10T08:00:00Z"),
        used("export", "u1", "2024-05-28T08:00:00Z"),
        used("export", "u1", "2024-05-29T08:00:00Z"),
        used("export", "u1", "2024-05-30T08:00:00Z"),
        used("login", "u1", "2024-05-31T12:00:00Z"),
        used("login", "u3", "2024-06-01T00:00:00Z"),
    ];
    let mut history = history(facts, &["subscriptions", "usage_events"]);
    history.constant_subscription_columns = vec![MutableColumn::Quantity];
    at_day(&history, "2024-06-01", |row| {
        for (name, expected) in [
            ("events_7d", 4.0),
            ("events_28d", 5.0),
            ("events_90d", 6.0),
            ("events_prior_14d", 1.0),
            ("events_ratio_14d", 4.0),
            ("active_days_28d", 5.0),
            ("days_since_last_use", 0.5),
            ("users_28d", 2.0),
            ("distinct_events_28d", 2.0),
            ("features_in_use_28d", 1.0),
            ("adopted_events_28d", 1.0),
            ("current_streak", 4.0),
            ("longest_gap_90d", 38.0),
            ("api_share_28d", 1.0),
            ("value_28d", 10.0),
            ("seats_active_share_28d", 0.5),
            ("events_28d__export", 3.0),
            ("days_since_last_use__login", 0.5),
            ("value_28d__login", 4.0),
        ] {
            assert_eq!(row.number(name), Some(expected), "{name}");
        }
        assert_eq!(row.number("interactive_events_28d"), None, "an API-only account is not silent");
    });
}

#[test]
fn daily_sums_count_for_their_whole_day_at_any_time_of_the_next() {
    let mut facts = account(vec![yearly("s", "2024-01-01", "2025-01-01")]);
    let day = |date: &str| Usage {
        visible_at: at(date).plus_days(1) + -1,
        user_id: None,
        active_users: Some(3.0),
        count: 5.0,
        ..used("login", "", date)
    };
    facts.usage = vec![day("2024-05-25"), day("2024-05-31"), day("2024-06-01")];
    let history = history(facts, &["subscriptions", "usage_daily"]);
    for as_of in ["2024-06-01", "2024-06-01T15:00:00Z"] {
        at_day(&history, as_of, |row| {
            assert_eq!(row.number("events_7d"), Some(10.0), "{as_of}");
            assert_eq!(row.number("users_28d"), None, "daily sums do not tell distinct users");
            assert_eq!(row.number("daily_users_28d"), Some(3.0));
        });
    }
}

#[test]
fn days_before_the_first_sum_are_no_gap_at_any_time_of_day() {
    let mut facts = account(vec![yearly("s", "2024-01-01", "2025-01-01")]);
    let day = |date: &str, event| Usage {
        visible_at: at(date).plus_days(1) + -1,
        user_id: None,
        ..used(event, "", date)
    };
    // The first day of the last 28 is 4 May.
    let dates = ["2024-05-04", "2024-05-29", "2024-05-30", "2024-05-31"];
    facts.usage = dates[1..].iter().map(|date| day(date, "login")).collect();
    facts.usage.push(day(dates[0], "export"));
    let history = history(facts, &["subscriptions", "usage_daily"]);
    for as_of in ["2024-06-01", "2024-06-01T15:00:00Z"] {
        at_day(&history, as_of, |row| {
            assert_eq!(row.number("longest_gap_90d"), Some(24.0), "{as_of}");
            assert_eq!(row.number("new_events_28d"), row.number("distinct_events_28d"), "{as_of}");
        });
    }
}

#[test]
fn contracts_tell_tenure_term_and_revenue_of_the_time() {
    use SubscriptionEventType::{New, Renewal};
    let mut facts = account(vec![yearly("s", "2022-01-01", "2025-01-01")]);
    facts.subscriptions[0].current_term_start = Some(at("2024-01-01"));
    facts.subscriptions[0].mrr = 70.0;
    facts.subscription_events = vec![
        event_mrr("s", New, "2022-01-01", "2023-01-01", (0.0, 100.0)),
        event_mrr("s", Renewal, "2023-01-01", "2024-01-01", (100.0, 80.0)),
        event_mrr("s", Renewal, "2024-01-01", "2025-01-01", (80.0, 70.0)),
    ];
    let history = history(facts, &["subscriptions", "subscription_events"]);
    at_day(&history, "2023-10-03", |row| {
        for (name, expected) in [
            ("arr", 960.0),
            ("days_to_term_end", 90.0),
            ("term_months", 12.0),
            ("tenure_days", 640.0),
            ("renewals", 1.0),
            ("terms_completed", 1.0),
            ("arr_change_365d", -0.2),
            ("contractions_365d", 1.0),
            ("cancel_requested", 0.0),
        ] {
            assert_eq!(row.number(name), Some(expected), "{name}");
        }
        assert_eq!(row.text("stage"), Some("renewal"));
        assert_eq!(row.text("currency"), Some("EUR"));
    });
}

#[test]
fn an_unpaid_invoice_is_overdue_until_it_is_known_to_be_paid() {
    let mut facts = account(vec![yearly("s", "2024-01-01", "2025-01-01")]);
    facts.invoices = vec![Invoice {
        visible_at: at("2024-03-01"),
        invoice_id: "i".into(),
        amount_due: 500.0,
        amount_paid: Some(500.0),
        created_at: at("2024-03-01"),
        due_at: Some(at("2024-03-31")),
        paid_at: Some(at("2024-05-01")),
        attempt_count: Some(2.0),
        failure_code: None,
    }];
    let history = history(facts, &["subscriptions", "invoices"]);
    let seen = |as_of: &str| {
        at_day(&history, as_of, |row| {
            ["max_days_overdue", "unpaid_amount", "late_share_365d"].map(|name| row.number(name))
        })
    };
    assert_eq!(seen("2024-03-01"), [None, None, None], "not issued yet");
    assert_eq!(seen("2024-03-15"), [Some(0.0), Some(0.0), None]);
    assert_eq!(seen("2024-04-20"), [Some(20.0), Some(500.0), Some(1.0)]);
    assert_eq!(seen("2024-05-02"), [Some(0.0), Some(0.0), Some(1.0)]);
}

#[test]
fn every_dimension_has_features_and_decisions_find_their_columns() {
    let all = ["usage_events", "tickets", "activities", "surveys", "invoices", "contacts"];
    let full = specs(&history(account(Vec::new()), &all), &ComputeConfig::default()).unwrap();
    for dimension in Dimension::ALL {
        let own = full.iter().filter(|s| s.dimension == Some(dimension) && s.role == Role::Feature);
        assert!(own.count() >= 12, "{dimension:?}");
    }
    let bare = specs(&history(account(Vec::new()), &[]), &ComputeConfig::default()).unwrap();
    for name in [
        "arr",
        "days_to_term_end",
        "term_months",
        "tenure_days",
        "stage",
        "cancel_requested",
        "is_strategic",
        "days_since_strategic_review",
        "active_escalation",
        "do_not_contact",
        "legal_hold",
        "days_since_sponsor_left",
        "days_since_champion_left",
        "tier",
        "csm_id",
        "currency",
        "plan",
        "recent_plays",
    ] {
        assert!(bare.iter().any(|spec| spec.name == name), "{name}");
    }
    let role = |specs: &[FeatureSpec], name: &str| specs.iter().find(|spec| spec.name == name).unwrap().role;
    assert_eq!(role(&bare, "days_since_sponsor_left"), Role::Context);
    assert_eq!(role(&full, "days_since_sponsor_left"), Role::Feature);
    assert_eq!(role(&full, "cancel_requested"), Role::Context);
    assert!(!bare.iter().any(|spec| spec.name == "events_28d"), "a group without its table is off");
}

#[test]
fn stages_do_not_depend_on_which_columns_are_asked_for() {
    let mut facts = account(vec![yearly("s", "2024-01-01", "2025-01-01")]);
    facts.usage = (1..=9)
        .flat_map(|day| ["a", "b", "c"].map(|event| used(event, "u", &format!("2024-01-{:02}", day + 10))))
        .collect();
    facts.milestones = vec![Milestone {
        visible_at: at("2024-01-12"),
        milestone: "first export".into(),
        kind: MilestoneKind::Outcome,
        target_at: None,
        achieved_at: Some(at("2024-01-12")),
        value: None,
    }];
    let history = history(facts, &["subscriptions", "usage_events", "milestones"]);
    let mut only_stage = specs(&history, &ComputeConfig::default()).unwrap();
    only_stage.retain(|spec| spec.name == "stage");
    let keys = [key("acme", at("2024-01-25"))];
    let alone = table(&history, &keys, &only_stage).unwrap();
    assert_eq!(alone.row(0).text("stage"), Some("adoption"), "outcomes win over 24 days");
}

#[test]
fn constant_account_columns_become_features() {
    let mut facts = account(vec![yearly("s", "2024-01-01", "2025-01-01")]);
    let candidates = vec![Candidate::Text(Some("DE".into())), Candidate::Number(Some(7.0))];
    facts.account = Some(Account { candidates, ..Account::default() });
    let mut history = history(facts, &["subscriptions", "accounts"]);
    let column = |name: &str, kind| CandidateColumn { name: name.to_owned(), kind };
    history.candidate_columns = vec![column("region", Kind::Category), column("size", Kind::Number)];
    at_day(&history, "2024-06-01", |row| {
        assert_eq!(row.text("account__region"), Some("DE"));
        assert_eq!(row.number("account__size"), Some(7.0));
    });
}

#[test]
fn what_cannot_be_computed_is_refused_by_name() {
    let history = history(account(vec![yearly("s", "2024-01-01", "2025-01-01")]), &["subscriptions"]);
    let spec = |name: &str, kind| FeatureSpec::prepared(name, kind);
    let refused = |spec: FeatureSpec| table(&history, &[key("acme", at("2024-06-01"))], &[spec]).unwrap_err();
    assert_eq!(
        refused(spec("nonsense", Kind::Number)),
        ComputeError::UnknownFeature { feature: "nonsense".into() }
    );
    assert_eq!(
        refused(spec("tickets_7d", Kind::Number)),
        ComputeError::AbsentTable { feature: "tickets_7d".into(), table: "tickets".into() }
    );
    assert!(matches!(refused(spec("events_28d__login", Kind::Number)), ComputeError::AbsentTable { .. }));
    assert_eq!(
        refused(spec("account__region", Kind::Category)),
        ComputeError::AbsentColumn { feature: "account__region".into(), column: "region".into() }
    );
    assert_eq!(
        refused(spec("tenure_days", Kind::Category)),
        ComputeError::OtherKind {
            feature: "tenure_days".into(),
            stored: Kind::Category,
            computed: Kind::Number,
        }
    );
    let unknown = table(&history, &[key("nobody", at("2024-06-01"))], &[]).unwrap_err();
    assert_eq!(unknown, ComputeError::UnknownAccount { row: 0, account_id: "nobody".into() });
    let twice = [spec("tenure_days", Kind::Number), spec("tenure_days", Kind::Number)];
    let error = table(&history, &[key("acme", at("2024-06-01"))], &twice).unwrap_err();
    assert_eq!(error, ComputeError::Table(TableError::Duplicate("tenure_days".into())));
}
