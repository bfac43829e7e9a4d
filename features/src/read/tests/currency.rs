//! Rows without a currency are in that of the others, wherever these stand.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};

use super::columnar::{START, parquet};
use super::{folder, history, put, read};
use crate::history::History;
use crate::read::HistoryConfig;

const HEADER: &str = "subscription_id,account_id,mrr_minor,currency,billing_period_months,started_at\n";
const WITHOUT: &str = "s1,a1,5000,,1,2024-01-10\n";
const WITH: &str = "s2,a1,7000,jpy,1,2024-01-10\n";
const OPPORTUNITIES: &str =
    "opportunity_id,account_id,type,amount_minor,created_at\no1,a1,renewal,9000,2024-02-01\n";

fn amounts(history: &History) -> Vec<f64> {
    let facts = &history.accounts[0];
    let contracts = facts.subscriptions.iter().map(|row| row.mrr);
    contracts.chain(facts.opportunities.iter().filter_map(|row| row.amount)).collect()
}

#[test]
fn the_order_of_rows_and_files_does_not_show() {
    let (first, last) = (format!("{HEADER}{WITHOUT}"), format!("{HEADER}{WITH}"));
    let (rows, reversed) = (format!("{HEADER}{WITHOUT}{WITH}"), format!("{HEADER}{WITH}{WITHOUT}"));
    let ways: [&[(&str, &str)]; 4] = [
        &[("subscriptions/1.csv", &first), ("subscriptions/2.csv", &last)],
        &[("subscriptions/1.csv", &last), ("subscriptions/2.csv", &first)],
        &[("subscriptions.csv", &rows)],
        &[("subscriptions.csv", &reversed)],
    ];
    for files in ways {
        let history = read(&[files, &[("opportunities.csv", OPPORTUNITIES)]].concat()).unwrap();
        assert_eq!(amounts(&history), [5000.0, 7000.0, 9000.0], "{files:?}");
        assert_eq!(history.currency.as_deref(), Some("JPY"));
    }
}

#[test]
fn another_table_may_name_it() {
    let invoices = "invoice_id,account_id,amount_due_minor,currency,created_at\n\
                    i1,a1,1000,,2024-02-01\ni2,a1,2000,KWD,2024-02-02\n";
    let subscriptions = format!("{HEADER}{WITHOUT}");
    let files = [
        ("subscriptions.csv", &*subscriptions),
        ("opportunities.csv", OPPORTUNITIES),
        ("invoices.csv", invoices),
    ];
    let history = read(&files).unwrap();
    assert_eq!(amounts(&history), [5.0, 9.0]);
    let due: Vec<f64> = history.accounts[0].invoices.iter().map(|row| row.amount_due).collect();
    assert_eq!(due, [1.0, 2.0]);
    let nowhere = read(&files[..2]).unwrap();
    assert_eq!(amounts(&nowhere), [50.0, 90.0], "hundredths where no row names a currency");
    assert_eq!(nowhere.currency, None);
}

#[test]
fn a_row_set_aside_does_not_name_it() {
    let broken = WITH.replace("7000", "a lot");
    let subscriptions = format!("{HEADER}{WITHOUT}{broken}");
    let dir = folder(&[("subscriptions.csv", &subscriptions)]);
    let config = HistoryConfig { on_bad_row: crate::read::OnBadRow::Reject, ..HistoryConfig::default() };
    assert_eq!(amounts(&history(dir.path(), &config).unwrap()), [50.0]);
}

#[test]
fn a_table_that_nobody_asked_for_names_it_in_any_format() {
    let text = |value: &str| Arc::new(StringArray::from(vec![value])) as ArrayRef;
    let columns = vec![
        ("invoice_id", text("i1")),
        ("account_id", text("a1")),
        ("amount_due_minor", Arc::new(Int64Array::from(vec![1000])) as ArrayRef),
        ("currency", text("JPY")),
        ("created_at", Arc::new(TimestampMicrosecondArray::from(vec![START])) as ArrayRef),
    ];
    let subscriptions = format!("{HEADER}{WITHOUT}");
    let dir = folder(&[("subscriptions.csv", &subscriptions)]);
    put(dir.path(), "invoices.parquet", &parquet(columns, 10));
    let config = HistoryConfig { wanted: Some(BTreeSet::from(["tickets"])), ..HistoryConfig::default() };
    assert_eq!(amounts(&history(dir.path(), &config).unwrap()), [5000.0]);
}
