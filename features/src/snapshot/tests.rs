use proptest::prelude::*;

use super::testing::{account, at, subscription, yearly};
use super::*;
use crate::history::Account;

fn history(accounts: Vec<AccountFacts>, until: &str) -> History {
    History { accounts, until: Some(at(until)), ..History::default() }
}

fn monthly(start: &str, end: Option<&str>) -> Subscription {
    let mut monthly = subscription("s", start);
    monthly.billing_period_months = Some(1);
    monthly.ended_at = end.map(at);
    monthly
}

fn dates(snapshots: &[Snapshot]) -> Vec<String> {
    snapshots.iter().map(|snapshot| snapshot.as_of.to_string()).collect()
}

#[test]
fn a_term_is_observed_at_fixed_distances_and_its_rows_share_one_weight() {
    let history = history(vec![account(vec![yearly("s", "2023-01-01", "2024-01-01")])], "2024-06-01");
    let found = decided(&history, &SnapshotConfig::default());
    assert_eq!(dates(&found), ["2023-07-05", "2023-09-03", "2023-10-03", "2023-11-02", "2023-12-02"]);
    assert!(found.iter().all(|snapshot| snapshot.label == Some(true)));
    assert!((found.iter().map(|snapshot| snapshot.weight).sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(found.iter().all(|snapshot| snapshot.label_known_at == at("2024-01-31")));
    assert_eq!(found[4].horizon_days, 30);
}

#[test]
fn an_open_term_is_observed_but_not_labelled() {
    let history = history(vec![account(vec![yearly("s", "2023-01-01", "2024-01-01")])], "2023-11-15");
    let found = observed(&history, &SnapshotConfig::default());
    assert_eq!(found.len(), 4, "the observation after the history's end is absent");
    assert!(found.iter().all(|snapshot| snapshot.label.is_none()));
    assert!(decided(&history, &SnapshotConfig::default()).is_empty());
}

#[test]
fn nothing_is_observed_after_an_early_end() {
    let mut early = yearly("s", "2023-01-01", "2024-01-01");
    early.ended_at = Some(at("2023-10-01"));
    let history = history(vec![account(vec![early])], "2024-06-01");
    let found = decided(&history, &SnapshotConfig::default());
    assert_eq!(dates(&found), ["2023-07-05", "2023-09-03"]);
}

#[test]
fn rolling_terms_are_observed_on_the_grid_and_asked_for_the_horizon() {
    let history = history(vec![account(vec![monthly("2024-01-10", Some("2024-05-20"))])], "2024-12-31");
    let found = decided(&history, &SnapshotConfig::default());
    assert_eq!(dates(&found), ["2024-01-18", "2024-02-17", "2024-03-18", "2024-04-17", "2024-05-17"]);
    let labels: Vec<_> = found.iter().map(|snapshot| snapshot.label).collect();
    assert_eq!(labels, [Some(false), Some(false), Some(false), Some(false), Some(true)]);
    assert!(found.iter().all(|snapshot| snapshot.framing == Framing::Calendar));
}

#[test]
fn a_return_within_the_grace_period_is_no_churn() {
    let mut back = monthly("2024-06-10", None);
    back.subscription_id = "t".into();
    let facts = account(vec![monthly("2024-01-10", Some("2024-05-20")), back]);
    let found = decided(&history(vec![facts], "2024-12-31"), &SnapshotConfig::default());
    assert!(found.iter().all(|snapshot| snapshot.label == Some(false)));
}

#[test]
fn churn_and_renewal_become_known_at_the_same_time() {
    let stays = account(vec![monthly("2024-01-10", None)]);
    let mut leaves = account(vec![monthly("2024-01-10", Some("2024-05-05"))]);
    leaves.account_id = "beta".into();
    let history = history(vec![stays, leaves], "2024-06-15");
    let found = observed(&history, &SnapshotConfig::default());
    let late: Vec<_> = found.iter().filter(|snapshot| snapshot.as_of == at("2024-04-17")).collect();
    assert_eq!(late.len(), 2);
    assert!(late.iter().all(|snapshot| snapshot.label.is_none()));
}

#[test]
fn the_parent_is_the_group() {
    let mut facts = account(vec![yearly("s", "2023-01-01", "2024-01-01")]);
    facts.account = Some(Account { parent_account_id: Some("holding".into()), ..Account::default() });
    let found = decided(&history(vec![facts], "2024-06-01"), &SnapshotConfig::default());
    assert!(found.iter().all(|snapshot| &*snapshot.group == "holding"));
}

#[test]
fn open_scores_who_has_a_contract_as_far_as_was_known() {
    let mut gone = account(vec![monthly("2024-01-10", Some("2024-05-20"))]);
    gone.account_id = "gone".into();
    let overdue = account(vec![yearly("s", "2023-01-01", "2024-05-20")]);
    let history = history(vec![overdue, gone], "2024-12-31");
    let config = SnapshotConfig::default();
    let ids = |day: &str| -> Vec<String> {
        open(&history, at(day), &config).iter().map(|snapshot| snapshot.account_id.to_string()).collect()
    };
    assert_eq!(ids("2024-05-20"), ["acme", "gone"], "an end at the very time is not known before it");
    assert_eq!(ids("2024-05-21"), ["acme"]);
    assert_eq!(open(&history, at("2024-06-01"), &config)[0].horizon_days, -12);
    assert!(ids("2024-06-19").is_empty());
}

#[test]
fn requests_name_a_subscription_and_may_bring_a_label() {
    let history = history(vec![account(vec![monthly("2024-01-10", Some("2024-05-20"))])], "2024-12-31");
    let config = SnapshotConfig::default();
    let request = SnapshotRequest {
        account_id: "acme".into(),
        as_of: at("2024-05-01"),
        started_at: Some(at("2024-01-10")),
        subscription_id: None,
        label: Some(0.0),
    };
    let given = requested(&history, std::slice::from_ref(&request), &config).unwrap();
    assert_eq!(given[0].subscription_id.as_deref(), Some("s"));
    assert_eq!((given[0].label, given[0].outcome), (Some(false), None));
    let derived = SnapshotRequest { label: None, ..request.clone() };
    let derived = requested(&history, &[derived], &config).unwrap();
    assert_eq!((derived[0].label, derived[0].outcome), (Some(true), Some(Outcome::Churned)));
    let either = SnapshotRequest { started_at: None, ..request.clone() };
    let both = [request.clone(), either];
    let found = requested(&history, &both, &config).unwrap();
    assert_eq!(keys(&history, both.to_vec()).unwrap(), found.iter().map(Key::from).collect::<Vec<_>>());

    let unknown = SnapshotRequest { account_id: "nobody".into(), ..request.clone() };
    let one_unknown = [request.clone(), unknown];
    let error = requested(&history, &one_unknown, &config).unwrap_err();
    assert_eq!(error, SnapshotError::UnknownAccount { row: 2, account_id: "nobody".into() });
    assert_eq!(keys(&history, one_unknown.to_vec()), Err(error));
    let elsewhere = [SnapshotRequest { started_at: Some(at("2024-02-02")), ..request }];
    let error = requested(&history, &elsewhere, &config).unwrap_err();
    assert_eq!(keys(&history, elsewhere.to_vec()), Err(error.clone()));
    assert!(error.to_string().contains("no subscription that started on 2024-02-02"), "{error}");
}

#[test]
fn requests_outside_of_any_contract_have_no_label_but_their_own() {
    let gone = account(vec![monthly("2024-01-10", Some("2024-03-20"))]);
    let mut expired = account(vec![yearly("s", "2023-05-20", "2024-05-20")]);
    expired.account_id = "expired".into();
    let mut renewed_late =
        account(vec![yearly("s", "2023-05-20", "2024-05-20"), yearly("t", "2024-06-10", "2025-06-10")]);
    renewed_late.account_id = "late".into();
    let history = history(vec![gone, expired, renewed_late], "2024-12-31");
    let ask = |account: &str, day: &str, label: Option<f64>| {
        let request = SnapshotRequest {
            account_id: account.into(),
            as_of: at(day),
            started_at: None,
            subscription_id: None,
            label,
        };
        let found = requested(&history, &[request], &SnapshotConfig::default()).unwrap().remove(0);
        (found.in_force, found.label, found.outcome)
    };
    assert_eq!(ask("acme", "2023-12-01", None), (false, None, None), "before its first start");
    assert_eq!(ask("acme", "2024-01-10", None), (false, None, None), "nothing was known before its start");
    assert_eq!(ask("acme", "2024-02-01", None), (true, Some(false), Some(Outcome::Renewed)));
    assert_eq!(ask("acme", "2024-03-01", None), (true, Some(true), Some(Outcome::Churned)));
    assert_eq!(ask("acme", "2024-03-21", None), (false, None, None), "after its end");
    assert_eq!(ask("acme", "2024-03-21", Some(1.0)), (false, Some(true), None), "its own label wins");
    let overdue = "2024-05-25";
    assert_eq!(ask("expired", overdue, None), (true, None, None), "overdue then, over as is known since");
    assert_eq!(ask("expired", "2024-07-01", None), (false, None, None));
    assert_eq!(ask("late", overdue, None), (true, Some(false), Some(Outcome::Renewed)));
}

proptest! {
    /// A twin that churns at the end of a term is observed on the same dates of it as one that renews.
    #[test]
    fn observation_dates_do_not_depend_on_the_outcome(
        start in 15_000_i64..19_000, months in 1_u32..37, terms in 1_i64..4, framing in 0_usize..3,
    ) {
        let framing = [Framing::Auto, Framing::Term, Framing::Calendar][framing];
        let config = SnapshotConfig { framing, ..SnapshotConfig::default() };
        let started_at = Timestamp(start * crate::time::DAY);
        let end = schedule::plus_months(started_at, i64::from(months) * terms);
        let base = Subscription {
            visible_at: started_at,
            started_at,
            billing_period_months: Some(months),
            ..subscription("s", "2020-01-01")
        };
        let churned = Subscription { ended_at: Some(end), ..base.clone() };
        let until = end.plus_days(400);
        let dates_until = |subscription: Subscription| -> Vec<Timestamp> {
            let history = History {
                accounts: vec![account(vec![subscription])], until: Some(until), ..History::default()
            };
            let found = observed(&history, &config);
            found.iter().map(|s| s.as_of).filter(|as_of| *as_of < end).collect()
        };
        let (gone, stays) = (dates_until(churned), dates_until(base));
        prop_assert_eq!(gone, stays);
    }
}
