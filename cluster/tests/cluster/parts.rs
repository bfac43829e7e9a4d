//! What only the history as a whole tells is decided once for all accounts, however few of them a task has.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, new_null_array};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{concat_batches, filter_record_batch};
use holdfast_cluster::Request;
use holdfast_features::read::HistoryConfig;
use holdfast_features::settings::Settings;

use crate::business::{Known, assert_same, embedded, small};
use crate::equal::{change, put, request, rows, run, with_columns};

const CONFIG: &str = "[history]\non_bad_row = \"reject\"\nconstant_account_columns = [\"code\"]\n";

/// As many partitions as make nearly every account a task of its own.
fn by_account(history: &Path) -> Request {
    let config = ("h.toml".to_owned(), CONFIG.to_owned());
    Request { config, n_partitions: 200, ..request(history) }
}

/// Replaces the column `name` in the rows that `is_changed` names.
fn replace(
    rows: &RecordBatch,
    name: &str,
    is_changed: &BooleanArray,
    with: &dyn Fn(usize) -> ArrayRef,
) -> RecordBatch {
    let mut columns = rows.columns().to_vec();
    let (position, _) = rows.schema().column_with_name(name).unwrap();
    columns[position] = zip(is_changed, &with(rows.num_rows()), &columns[position]).unwrap();
    with_columns(rows, columns)
}

/// Of half the accounts `accounts` has no row; codes are numbers but for one account's.
fn with_codes(history: &Path) {
    change(&history.join("accounts.parquet"), |rows| {
        let is_kept: BooleanArray = (0..rows.num_rows()).map(|row| Some(row % 2 == 0)).collect();
        let rows = filter_record_batch(&rows, &is_kept).unwrap();
        let code = |row: usize| if row == 0 { "x1".to_owned() } else { (row % 7).to_string() };
        let codes: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows.num_rows()).map(code)));
        let schema = rows.schema();
        let names = schema.fields().iter().map(|field| field.name().as_str()).chain(["code"]);
        let columns = rows.columns().iter().cloned().chain([codes]);
        let all = names.zip(columns).map(|(name, column)| (name, column, true));
        RecordBatch::try_from_iter_with_nullable(all).unwrap()
    });
}

/// Whether a row is of the account of the first one.
fn of_first(rows: &RecordBatch) -> BooleanArray {
    let ids =
        arrow::compute::cast(rows.column_by_name("account_id").unwrap(), &arrow::datatypes::DataType::Utf8);
    let ids = ids.unwrap();
    let ids = ids.as_string::<i32>();
    (0..ids.len()).map(|row| Some(ids.value(row) == ids.value(0))).collect()
}

/// All tickets of an account are bad.
fn with_bad_tickets(history: &Path) {
    change(&history.join("tickets.parquet"), |rows| {
        let bad = |n_rows: usize| Arc::new(StringArray::from(vec!["gigantic"; n_rows])) as ArrayRef;
        replace(&rows, "priority", &of_first(&rows), &bad)
    });
}

/// Only one account's renewal history tells the MRR.
fn with_one_mrr_told(history: &Path) {
    change(&history.join("subscription_events.parquet"), |rows| {
        let others = arrow::compute::not(&of_first(&rows)).unwrap();
        let missing =
            |n_rows: usize| new_null_array(rows.column_by_name("mrr_after").unwrap().data_type(), n_rows);
        replace(&rows, "mrr_after", &others, &missing)
    });
}

/// Bad rows come first, more than a sample has, some with an event of their own.
fn with_bad_usage_first(history: &Path) {
    let folder = history.join("usage_events");
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let months: Vec<RecordBatch> = paths.iter().map(|path| rows(path)).collect();
    let all = concat_batches(&months[0].schema(), &months).unwrap();
    let all = with_columns(&all, all.columns().to_vec());
    let first = all.slice(0, 1_500);
    let nobody = BooleanArray::from(vec![true; first.num_rows()]);
    let event = all.column_by_name("event").unwrap().data_type().clone();
    let bad = replace(&first, "event", &nobody, &|n_rows| new_null_array(&event, n_rows));
    let occurred_at = all.column_by_name("occurred_at").unwrap().data_type().clone();
    let timeless = replace(&first, "occurred_at", &nobody, &|n_rows| new_null_array(&occurred_at, n_rows));
    let timeless = replace(&timeless, "event", &nobody, &|n_rows| {
        let named: ArrayRef = Arc::new(StringArray::from(vec!["never happened"; n_rows]));
        arrow::compute::cast(&named, &event).unwrap()
    });
    std::fs::remove_dir_all(&folder).unwrap();
    put(
        &history.join("usage_events.parquet"),
        &concat_batches(&all.schema(), &[bad, timeless, all]).unwrap(),
    );
}

fn assert_as_embedded(known: &Known) {
    let mut settings = Settings::parse("h.toml", CONFIG).unwrap();
    let config = settings.section("history", HistoryConfig::from_section);
    settings.finish().unwrap();
    let (keys, table) = embedded(&known.history(), &config);
    let (found_keys, found) = run(by_account(&known.history())).unwrap();
    assert_eq!(found_keys, keys);
    assert_same(&found, &table);
}

#[test]
fn a_task_decides_nothing_for_all() {
    let known = small();
    with_codes(&known.history());
    with_bad_tickets(&known.history());
    with_one_mrr_told(&known.history());
    assert_as_embedded(&known);
}

#[test]
fn a_sample_of_bad_rows_decides_nothing() {
    let known = small();
    with_codes(&known.history());
    with_bad_usage_first(&known.history());
    assert_as_embedded(&known);
}

#[test]
fn rows_of_one_id_are_refused() {
    let known = small();
    with_codes(&known.history());
    change(&known.history().join("tickets.parquet"), |rows| {
        concat_batches(&rows.schema(), &[rows.slice(0, 1), rows]).unwrap()
    });
    let error = run(by_account(&known.history())).unwrap_err();
    assert!(error.to_string().contains("remove all but one"), "{error}");
}
