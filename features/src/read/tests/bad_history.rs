//! One hand-made bad input for each way a history can be wrong: the error names the place.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, StringArray};

use crate::read::{HistoryConfig, LISTED_PROBLEMS, ReadError, Reason, history};
use crate::time::Timestamp;

use super::{SUBSCRIPTIONS, folder, lines, put, read};

/// The only line of the error that reading `subscriptions.csv` and one more table gives.
fn error_of(name: &str, content: &str) -> String {
    let lines = lines(&read(&[("subscriptions.csv", SUBSCRIPTIONS), (name, content)]).unwrap_err());
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

fn error_of_subscriptions(content: &str) -> String {
    let lines = lines(&read(&[("subscriptions.csv", content)]).unwrap_err());
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

#[test]
fn folders_and_files_that_cannot_be_read() {
    let dir = folder(&[("file", "")]);
    let config = HistoryConfig::default();
    let absent = history(&dir.path().join("absent"), &config).unwrap_err();
    assert!(
        absent
            .to_string()
            .ends_with("no such folder; a history is a folder of tables such as subscriptions.csv")
    );
    assert!(matches!(history(&dir.path().join("file"), &config), Err(ReadError::NotAFolder(_))));
    put(dir.path(), "subscriptions.parquet", b"PAR1 this is not parquet PAR1");
    assert!(matches!(history(dir.path(), &config), Err(ReadError::Parquet { .. })));
}

#[test]
fn missing_tables_and_columns() {
    let lines =
        lines(&read(&[("tickets.csv", "ticket_id,account_id,created_at\n1,a,2024-01-01\n")]).unwrap_err());
    assert_eq!(
        lines,
        ["subscriptions: the table is missing: add subscriptions.parquet, subscriptions.csv \
                        or subscriptions.ndjson (files found: tickets.csv)"]
    );
    let error = error_of("tickets.csv", "ticket_id,account,created_at\n1,a,2024-01-01\n");
    assert_eq!(
        error,
        "tickets (tickets.csv): required column `account_id` is missing: name a column \
                       `account_id` or `organization_id` or `AccountId`, or map it in the configuration \
                       (columns found: ticket_id, account, created_at)"
    );
    let error = error_of_subscriptions("subscription_id,account_id,mrr,started_at\n1,a,1,2024-01-01\n");
    assert!(
        error.contains("`current_term_end` is missing") && error.contains("billing_period_months"),
        "{error}"
    );
    assert_eq!(error_of_subscriptions(""), "subscriptions: the table has no rows");
    let header = SUBSCRIPTIONS.lines().next().unwrap();
    assert_eq!(error_of_subscriptions(header), "subscriptions: the table has no rows");
}

#[test]
fn tables_that_are_there_twice() {
    let config = HistoryConfig::default();
    let dir = folder(&[("subscriptions.csv", SUBSCRIPTIONS), ("subscriptions.ndjson", "")]);
    let error = history(dir.path(), &config).unwrap_err();
    assert_eq!(
        lines(&error)[0],
        "subscriptions: the table is there more than once (subscriptions.csv, \
                                  subscriptions.ndjson): keep one of them"
    );
    let dir = folder(&[("subscriptions.csv", SUBSCRIPTIONS), ("tickets/notes.txt", "")]);
    let error = history(dir.path(), &config).unwrap_err();
    assert!(lines(&error)[0].starts_with("tickets (tickets/notes.txt): is neither"), "{error}");
}

#[test]
fn values_of_the_wrong_type() {
    let with = |row: &str| format!("{SUBSCRIPTIONS}{row}\n");
    let cases = [
        ("s3,a3,lots,USD,1,2024-01-10,", "row 3, column `mrr`: \"lots\" is not a number"),
        ("s3,a3,inf,USD,1,2024-01-10,", "\"inf\" is not a number"),
        ("s3,a3,-4,USD,1,2024-01-10,", "column `mrr`: \"-4\" must be 0 or more"),
        ("s3,a3,4,USD,1.5,2024-01-10,", "\"1.5\" is not a whole number"),
        ("s3,a3,4,USD,0,2024-01-10,", "\"0\" must be from 1 to 120"),
        ("s3,a3,4,USD,1,10/01/2024,", "column `started_at`: \"10/01/2024\" is not a time"),
        ("s3,a3,4,USD,1,20240110,", "\"20240110\" read as epoch seconds it is 1970-08-23"),
        ("s3,a3,4,USD,1,2024-01-10,9999-12-31", "\"9999-12-31\" lies outside the years 1900 to 2200"),
        ("s3,,4,USD,1,2024-01-10,", "column `account_id`: is empty"),
        ("s3,a3,4,USD,,2024-01-10,", "one of current_term_end and billing_period_months must hold a value"),
        ("s1,a3,4,USD,1,2024-01-10,", "column `subscription_id`: \"s1\" occurs twice"),
        ("s3,a3,4,USD,1,2024-01-10,2024-01-09", "\"2024-01-09\" is before `started_at` (2024-01-10)"),
        ("s3,a3,4,USD,1,2024-01-10", "row 3: the row has 6 cells, the header 7"),
        (
            "s3,a3,4,EUR,1,2024-01-10,",
            "money in several currencies, EUR (subscriptions.csv, row 3), USD (subscriptions.csv, row 1)",
        ),
    ];
    for (row, expected) in cases {
        let error = error_of_subscriptions(&with(row));
        assert!(error.contains(expected), "{error}");
        assert!(error.starts_with("subscriptions"), "{error}");
    }
    assert!(read(&[("subscriptions.csv", &with("s3,a3,4,USD,1,2024-01-10,2024-01-10"))]).is_ok());
}

#[test]
fn values_that_other_tables_refuse() {
    let cases = [
        (
            "surveys.csv",
            "account_id,kind,score,responded_at\na,csat,88,2024-01-01\na,nps,11,2024-01-01\n",
            "surveys (surveys.csv), row 2, column `score`: \"11\" must be from 0 to 10",
        ),
        (
            "surveys.csv",
            "account_id,score,responded_at\na,80,2024-01-01\n",
            "row 1, column `score`: \"80\" must be from 0 to 10, the scale of an NPS answer: correct it, or name",
        ),
        (
            "tickets.csv",
            "id,organization_id,created_at,satisfaction_rating\n1,a,2024-01-01,great\n",
            "column `satisfaction_rating`: \"great\" is not a rating: write a number, or good, bad",
        ),
        (
            "usage_events.csv",
            "distinct_id,event,timestamp\nu,login,2024-01-01\n",
            "no column names the account: map one, `account_id = \"…\"` under \
             [history.tables.usage_events.columns]; where only `distinct_id` tells who it was",
        ),
        (
            "contacts.csv",
            "contact_id,account_id,role,created_at\nc,a,boss,2024-01-01\n",
            "\"boss\" is not one of executive_sponsor",
        ),
        (
            "contacts.csv",
            "contact_id,account_id,created_at,recorded_at\nc,a,,\n",
            "one of created_at and recorded_at must hold",
        ),
        ("accounts.csv", "account_id,is_strategic\na,maybe\n", "\"maybe\" is not a boolean"),
        (
            "usage_daily.csv",
            "account_id,date,event,count\na,2024-01-01,login,-2\n",
            "\"-2\" must be 0 or more",
        ),
        (
            "interventions.csv",
            "account_id,action,arm,assigned_at,propensity\na,x,control,2024-01-01,0\n",
            "above 0 and at most 1",
        ),
        (
            "activities.csv",
            "activity_id,account_id,type,occurred_at,sentiment\n1,a,call,2024-01-01,7\n",
            "from -1 to 1",
        ),
        (
            "invoices.csv",
            "invoice_id,account_id,amount_due_minor,created_at\n1,a,1.5,2024-01-01\n",
            "column `amount_due_minor`: \"1.5\" is not a whole",
        ),
        (
            "id_map.csv",
            "account_id,alias\na1,x\na2,x\n",
            "column `alias`: \"x\" stands for two accounts, a1 and a2",
        ),
        ("tickets.csv", "ticket_id;account_id;created_at\n1;a;2024-01-01\n", "separated by ';'"),
        ("tickets.csv", "ticket_id,account_id,created_at,ticket_id\n", "column `ticket_id` occurs twice"),
        (
            "tickets.ndjson",
            "{\"ticket_id\":1,\"account_id\":\"a\",\"created_at\":\"2024-01-01\"}\n[1]\n",
            "row 2: \"[1]\" is not a JSON object",
        ),
    ];
    for (name, content, expected) in cases {
        let error = error_of(name, content);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn bytes_that_are_no_text() {
    let dir = folder(&[("subscriptions.csv", SUBSCRIPTIONS)]);
    put(dir.path(), "accounts.csv", b"account_id,name\na1,Caf\xe9\n");
    let error = history(dir.path(), &HistoryConfig::default()).unwrap_err();
    assert_eq!(
        lines(&error),
        ["accounts (accounts.csv), row 1, column `name`: \"Caf\u{fffd}\" is not UTF-8 \
                                text: save the file in UTF-8"]
    );
}

#[test]
fn bytes_of_parquet_that_are_no_text_are_one_bad_row_however_late() {
    let names: Vec<Vec<u8>> = (0..20_000).map(|row| format!("account {row}").into_bytes()).collect();
    let mut names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    names[9_000] = b"Caf\xe9";
    let ids: Vec<String> = (0..20_000).map(|row| format!("a{row}")).collect();
    let columns: Vec<(&str, ArrayRef)> =
        vec![("account_id", Arc::new(StringArray::from(ids))), ("name", Arc::new(BinaryArray::from(names)))];
    let dir = folder(&[("subscriptions.csv", SUBSCRIPTIONS)]);
    put(dir.path(), "accounts.parquet", &super::columnar::parquet(columns, 20_000));
    let error = history(dir.path(), &HistoryConfig::default()).unwrap_err();
    assert_eq!(
        lines(&error),
        [
            "accounts (accounts.parquet), row 9001, column `name`: \"Caf\u{fffd}\" is not UTF-8 text: save the file in \
          UTF-8"
        ]
    );
    let config = HistoryConfig { on_bad_row: crate::read::OnBadRow::Reject, ..HistoryConfig::default() };
    let read = history(dir.path(), &config).unwrap();
    let accounts = read.tables.iter().find(|table| table.table == "accounts").unwrap();
    assert_eq!((accounts.n_rows, accounts.n_rejected), (19_999, 1));
}

#[test]
fn rows_set_aside_change_nothing() {
    let config = HistoryConfig { on_bad_row: crate::read::OnBadRow::Reject, ..HistoryConfig::default() };
    let dir = folder(&[
        ("subscriptions.csv", SUBSCRIPTIONS),
        ("id_map.csv", "account_id,alias\na1,x\na2,x\na1,y\n"),
        ("accounts.csv", "account_id,tier\na1,high_touch\ny,low_touch\n"),
        (
            "tickets.csv",
            "ticket_id,account_id,created_at,priority\nt1,x,2024-03-05,huge\nt1,x,2024-03-05,high\n",
        ),
    ]);
    let inspection = crate::read::inspect(dir.path(), &config).unwrap();
    let told: Vec<String> = inspection.rejects.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    let read = inspection.usable().unwrap().unpacked().unwrap();
    let a1 = read.accounts.iter().find(|facts| &*facts.account_id == "a1").unwrap();
    assert_eq!(
        a1.account.as_ref().unwrap().tier.as_deref(),
        Some("high_touch"),
        "the second row means a1 too"
    );
    assert_eq!(
        a1.tickets.len(),
        1,
        "the alias means the first account, the second ticket corrects the first"
    );
}

#[test]
fn dates_in_the_future() {
    let usage = "account_id,date,event,count\na1,2024-03-01,login,1\na1,2031-01-01,login,1\n";
    let files = [("subscriptions.csv", SUBSCRIPTIONS), ("usage_daily.csv", usage)];
    let dir = folder(&files);
    let time = |text| Some(Timestamp::parse(text).unwrap());
    let now = HistoryConfig { now: time("2025-06-01"), ..HistoryConfig::default() };
    let until = HistoryConfig { until: time("2025-01-01"), ..HistoryConfig::default() };
    for (config, why) in [(now.clone(), "the present"), (until, "`until` in the configuration")] {
        let error = lines(&history(dir.path(), &config).unwrap_err());
        assert_eq!(error.len(), 1);
        assert!(
            error[0].starts_with(
                "usage_daily (usage_daily.csv), row 2, column `date`: \"2031-01-01\" is a date in the future"
            ) && error[0].contains(why),
            "{error:?}"
        );
    }
    let recorded = "ticket_id,account_id,created_at,recorded_at\n1,a1,2031-01-01,2024-03-01\n";
    assert!(error_of("tickets.csv", recorded).contains("recorded at 2024-03-01, before it happened"));
    let started = SUBSCRIPTIONS.replace("s1,a1,200,USD,1,2024-01-10", "s1,a1,200,USD,1,2025-09-01");
    let signed = history(folder(&[("subscriptions.csv", &started)]).path(), &now).unwrap();
    assert_eq!(signed.until, time("2024-06-01"), "a contract signed ahead is no knowledge of its start");
    let absurd = SUBSCRIPTIONS.replace("s1,a1,200,USD,1,2024-01-10", "s1,a1,200,USD,1,2099-09-01");
    assert!(history(folder(&[("subscriptions.csv", &absurd)]).path(), &now).is_err());
}

#[test]
fn the_first_problems_are_listed_and_all_are_counted() {
    let rows: String = (0..50).map(|row| format!("a1,2024-01-01,login,x{row}\n")).collect();
    let usage = format!("account_id,date,event,count\n{rows}");
    let error = read(&[("subscriptions.csv", SUBSCRIPTIONS), ("usage_daily.csv", &usage)]).unwrap_err();
    let ReadError::Problems { problems, n_problems } = &error else { panic!("{error}") };
    assert_eq!((problems.len(), *n_problems), (LISTED_PROBLEMS, 50));
    assert_eq!(problems[19].row, Some(20));
    assert_eq!(problems[19].reason, Reason::NotANumber);
    assert!(error.to_string().ends_with("… and 30 more"), "{error}");
}

#[test]
fn configured_names_must_be_there() {
    let mut config =
        HistoryConfig { constant_account_columns: vec!["region".into()], ..HistoryConfig::default() };
    let dir = folder(&[("subscriptions.csv", SUBSCRIPTIONS)]);
    let error = history(dir.path(), &config).unwrap_err();
    assert!(lines(&error)[0].starts_with("accounts: the configuration names column `region`"), "{error}");
    config.constant_account_columns.clear();
    config.tables.entry("subscriptions".into()).or_default().columns.insert("plan".into(), "PLAN".into());
    let error = history(dir.path(), &config).unwrap_err();
    assert!(lines(&error)[0].contains("the configuration names column `PLAN`"), "{error}");
}

#[test]
fn a_table_of_bad_rows_only_is_refused_even_when_they_are_rejected() {
    let config = HistoryConfig { on_bad_row: crate::read::OnBadRow::Reject, ..HistoryConfig::default() };
    let bad = "subscription_id,account_id,mrr,billing_period_months,started_at\ns,a,x,1,2024-01-01\n";
    let error = history(folder(&[("subscriptions.csv", bad)]).path(), &config).unwrap_err();
    assert_eq!(lines(&error), ["subscriptions: no row is left: all 1 were rejected"]);
}
