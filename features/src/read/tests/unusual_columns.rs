//! Usage out of Parquet that is unusual is left to the slow path, which tells it with its place, as it does of CSV.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray};

use super::columnar::{HOUR, START, Shown, is_taken, parquet, plain_config, shown};
use super::{folder, put};
use crate::history::Text;
use crate::read::{HistoryConfig, OnBadRow, TableConfig};
use crate::time::{DAY, Timestamp};

/// Usage that is in order, column by column: the first is `a1`'s, of one user.
fn usual() -> Vec<(&'static str, ArrayRef)> {
    let times = TimestampMicrosecondArray::from(vec![START, START + HOUR, START + DAY]);
    vec![
        ("account_id", Arc::new(StringArray::from(vec!["a1", "a2", "a1"]))),
        ("user_id", Arc::new(StringArray::from(vec![Some("u"), None, Some("v")]))),
        ("event", Arc::new(StringArray::from(vec!["login", "export", "login"]))),
        ("occurred_at", Arc::new(times.clone())),
        ("recorded_at", Arc::new(times)),
        ("value", Arc::new(Float64Array::from(vec![Some(1.5), None, Some(f64::NAN)]))),
        ("channel", Arc::new(StringArray::from(vec![Some("ui"), None, Some("api")]))),
    ]
}

fn daily() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("account_id", Arc::new(StringArray::from(vec!["a1", "a2", "a1"]))),
        ("date", Arc::new(Date32Array::from(vec![19_783, 19_784, 19_785]))),
        ("event", Arc::new(StringArray::from(vec!["login", "export", "login"]))),
        ("count", Arc::new(Int64Array::from(vec![3, 0, 1]))),
        ("active_users", Arc::new(Int64Array::from(vec![Some(1), None, Some(0)]))),
    ]
}

fn with(
    mut columns: Vec<(&'static str, ArrayRef)>,
    name: &str,
    array: ArrayRef,
) -> Vec<(&'static str, ArrayRef)> {
    let place = columns.iter_mut().find(|(column, _)| *column == name).unwrap();
    place.1 = array;
    columns
}

/// The columns as CSV: what arrow shows of them, times and numbers in plain words.
fn as_csv(columns: &[(&str, ArrayRef)]) -> String {
    let header: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut text = header.join(",") + "\n";
    for row in 0..columns[0].1.len() {
        let cells = columns.iter().map(|(_, array)| {
            let shown = arrow::util::display::array_value_to_string(array, row).unwrap();
            shown.trim_end_matches("T00:00:00").trim_end_matches(".0").to_owned()
        });
        text += &(cells.collect::<Vec<_>>().join(",") + "\n");
    }
    text
}

/// The history of one table of usage in both formats, which must show the same; whether columns were taken.
fn agree(table: &str, columns: Vec<(&'static str, ArrayRef)>, config: &HistoryConfig) -> (Shown, bool) {
    let subscriptions = ("subscriptions.csv", super::SUBSCRIPTIONS);
    let (csv, stored) = (folder(&[subscriptions]), folder(&[subscriptions]));
    put(csv.path(), &format!("{table}.csv"), as_csv(&columns).as_bytes());
    put(stored.path(), &format!("{table}.parquet"), &parquet(columns, 2));
    let found = shown(&stored, config);
    assert_eq!(found, shown(&csv, config));
    (found, is_taken(&stored, table, config))
}

#[test]
fn usual_columns_are_taken() {
    for (table, columns) in [("usage_events", usual()), ("usage_daily", daily())] {
        let (shown, is_taken) = agree(table, columns, &plain_config());
        assert!(is_taken && shown.problems.is_empty(), "{table}: {shown:?}");
    }
}

#[test]
fn what_is_unusual_is_told_as_the_slow_path_tells_it() {
    let texts = |texts: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(texts)) };
    let numbers = |numbers: Vec<f64>| -> ArrayRef { Arc::new(Float64Array::from(numbers)) };
    let times = |times: Vec<Option<i64>>| -> ArrayRef { Arc::new(TimestampMicrosecondArray::from(times)) };
    let later = |days: i64| times(vec![Some(START), Some(START), Some(START + days * DAY)]);
    let events = |name, array| ("usage_events", with(usual(), name, array));
    let sums = |name, array| ("usage_daily", with(daily(), name, array));
    let cases = [
        (
            events("channel", texts(vec![None, Some("carrier pigeon"), None])),
            "row 2, column `channel`: \"carrier pigeon\"",
        ),
        (
            events("occurred_at", later(40)),
            "row 3, column `occurred_at`: \"2024-04-10\" is a date in the future",
        ),
        (
            events("recorded_at", later(40)),
            "row 3, column `recorded_at`: \"2024-04-10\" is a date in the future",
        ),
        (
            events("recorded_at", times(vec![None, Some(START - 26 * HOUR), None])),
            "row 2, column `occurred_at`",
        ),
        (
            events("value", numbers(vec![1.0, 2.0, f64::INFINITY])),
            "row 3, column `value`: \"inf\" is not a number",
        ),
        (
            events("account_id", texts(vec![Some("a1"), None, Some("a2")])),
            "row 2, column `account_id`: is empty",
        ),
        (
            events("account_id", texts(vec![Some("a1"), Some("a1"), Some("  ")])),
            "row 3, column `account_id`: is empty",
        ),
        (events("event", texts(vec![Some("NULL"), Some("e"), Some("e")])), "row 1, column `event`: is empty"),
        (
            events("occurred_at", times(vec![Some(START), None, Some(START)])),
            "row 2, column `occurred_at`: is empty",
        ),
        (
            events("occurred_at", times(vec![Some(-5_364_662_400_000_000), Some(START), Some(START)])),
            "row 1, column `occurred_at`",
        ),
        (
            events("occurred_at", texts(vec![Some("2024-03-01"), Some("soon"), Some("2024-03-02")])),
            "row 2, column `occurred_at`: \"soon\" is not a time",
        ),
        (sums("count", numbers(vec![1.0, -1.0, 2.0])), "row 2, column `count`: \"-1\" must be 0 or more"),
        (sums("count", numbers(vec![1.0, 1.0, 2.5])), "row 3, column `count`: \"2.5\" is not a whole number"),
        (sums("active_users", numbers(vec![1.0, 1.0, -3.0])), "row 3, column `active_users`: \"-3\""),
        (
            sums("date", Arc::new(Date32Array::from(vec![19_783, 19_784, 19_833]))),
            "row 3, column `date`: \"2024-04-20\" is a date in the future",
        ),
    ];
    for ((table, columns), expected) in cases {
        let mut config = HistoryConfig { now: Some(Timestamp(START + 9 * DAY)), ..plain_config() };
        let (shown, is_taken) = agree(table, columns.clone(), &config);
        assert!(!is_taken, "{expected}");
        let place = format!("{table} ({table}.csv), {expected}");
        assert!(
            shown.problems.first().is_some_and(|problem| problem.starts_with(&place)),
            "{place}: {shown:?}"
        );
        // Setting the row aside leaves the other two, and nothing of the row.
        config.on_bad_row = OnBadRow::Reject;
        let (shown, _) = agree(table, columns, &config);
        assert_eq!((shown.n_problems, shown.rejects.len()), (0, 1), "{shown:?}");
        assert!(shown.rejects[0].starts_with(&place), "{shown:?}");
        let summary = shown.tables.iter().find(|summary| summary.table == table).unwrap();
        assert_eq!((summary.n_rows, summary.n_rejected), (2, 1));
    }
}

#[test]
fn times_in_words_are_read_row_by_row() {
    let times: ArrayRef =
        Arc::new(StringArray::from(vec!["2024-03-01T01:00:00+01:00", "2024-03-02", "1709251200"]));
    let (shown, is_taken) = agree("usage_events", with(usual(), "occurred_at", times), &plain_config());
    assert!(!is_taken && shown.problems.is_empty(), "{shown:?}");
}

/// An account that only rows set aside name is none, whichever thread came across it before the columns were given up.
#[test]
fn accounts_of_rows_that_were_set_aside_are_none() {
    let config = HistoryConfig { on_bad_row: OnBadRow::Reject, ..plain_config() };
    let names = |names: Vec<&str>| -> ArrayRef { Arc::new(StringArray::from(names)) };
    let columns = with(usual(), "account_id", names(vec!["a1", "only here", "a1"]));
    let columns = with(columns, "channel", names(vec!["ui", "carrier pigeon", "ui"]));
    let (shown, _) = agree("usage_events", columns, &config);
    let accounts: Vec<Text> = shown.accounts.unwrap().into_keys().collect();
    assert_eq!(accounts, ["a1".into(), "a2".into()]);
}

#[test]
fn one_column_may_be_account_and_user() {
    let names: ArrayRef = Arc::new(StringArray::from(vec!["a1", "a2", "a1"]));
    let mut columns = usual();
    columns.retain(|(name, _)| *name != "user_id");
    let columns = with(columns, "account_id", names);
    let mut config = plain_config();
    let mapped = [("account_id", "account_id"), ("user_id", "account_id")];
    let mapped = mapped.map(|(name, column)| (name.to_owned(), column.to_owned()));
    let table = TableConfig { columns: mapped.into(), ..TableConfig::default() };
    config.tables.insert("usage_events".to_owned(), table);
    let (shown, is_taken) = agree("usage_events", columns, &config);
    assert!(is_taken);
    let accounts = shown.accounts.unwrap();
    assert!(accounts.values().all(|users| users.len() == 1 && users[0].0), "{accounts:?}");
}
