//! Values computed by hand, table by table, of accounts observed on [`AS_OF`].

mod activities;
mod contacts;
mod contracts;
mod invoices;
mod milestones;
mod surveys;
mod tickets;

use super::{key, summary};
use crate::compute::{ComputeConfig, specs, table};
use crate::history::{AccountFacts, History};
use crate::snapshot::testing::at;
use crate::time::Timestamp;

const AS_OF: &str = "2025-01-01";
const TABLES: [&str; 9] = [
    "subscriptions",
    "subscription_events",
    "tickets",
    "contacts",
    "activities",
    "surveys",
    "invoices",
    "opportunities",
    "milestones",
];

/// So many days before the observation.
fn ago(days: i64) -> Timestamp {
    at(AS_OF).plus_days(-days)
}

/// The values of `names` as known `days` before the observation.
fn values<const N: usize>(facts: &AccountFacts, days: i64, names: [&str; N]) -> [Option<f64>; N] {
    let mut facts = facts.clone();
    super::random::sort(&mut facts);
    let history = History {
        accounts: vec![facts],
        until: Some(at(AS_OF).plus_days(100)),
        tables: TABLES.map(summary).to_vec(),
        ..History::default()
    };
    let specs = specs(&history, &ComputeConfig::default()).unwrap();
    let table = table(&history, &[key("acme", ago(days))], &specs).unwrap();
    for name in names {
        assert!(specs.iter().any(|spec| spec.name == name), "{name} is no feature");
    }
    names.map(|name| table.row(0).number(name))
}

/// Each feature has its value at the observation.
fn assert_values(facts: &AccountFacts, expected: &[(&str, f64)]) {
    for &(name, expected) in expected {
        let [value] = values(facts, 0, [name]);
        let is_right = value.is_some_and(|value| (value - expected).abs() < 1e-9);
        assert!(is_right, "{name} is {value:?}, not {expected}");
    }
}
