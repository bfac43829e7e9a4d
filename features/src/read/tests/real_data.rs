//! The real tables beside the project. Where they are missing, each test says that it is skipped.

use std::path::PathBuf;

use crate::read::{HistoryConfig, PreparedColumns, folds_file, inspect, prepared, snapshots_file};
use crate::time::Timestamp;

fn data(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {name} is not beside the project");
    None
}

#[test]
fn real_data_udacity_is_a_history() {
    let Some(dir) = data("udacity") else { return };
    let inspection = inspect(&dir, &HistoryConfig::default()).unwrap();
    assert_eq!(inspection.problems, []);
    assert_eq!(inspection.notes, ["snapshots.csv is not read: it is no table of the contract"]);
    let history = inspection.history.unwrap();
    let rows: Vec<_> = history.tables.iter().map(|table| (table.table, table.n_rows)).collect();
    assert_eq!(rows, [("subscriptions", 1622), ("usage_daily", 88_271), ("milestones", 3634)]);
    let with_contract = history.accounts.iter().filter(|account| !account.subscriptions.is_empty());
    assert_eq!(with_contract.count(), 1296);
    let last_day_is_over = Timestamp::parse("2015-08-28").unwrap();
    assert_eq!(history.until, Some(last_day_is_over));
    let now = HistoryConfig { now: Timestamp::parse("2026-01-01").ok(), ..HistoryConfig::default() };
    assert_eq!(inspect(&dir, &now).unwrap().history.unwrap().until, Some(last_day_is_over));
}

#[test]
fn real_data_udacity_snapshots_have_folds() {
    let Some(dir) = data("udacity") else { return };
    let requests = snapshots_file(&dir.join("snapshots.csv")).unwrap();
    assert_eq!(requests.len(), 4177);
    let n_churned = requests.iter().filter(|request| request.label == Some(1.0)).count();
    assert_eq!(n_churned, 614);
    let Some(folds) = data("folds/udacity.csv") else { return };
    assert_eq!(folds_file(&folds, requests.len()).unwrap().len(), 4177);
}

fn columns(label: &str) -> PreparedColumns {
    PreparedColumns { label: label.into(), ..PreparedColumns::default() }
}

#[test]
fn real_data_ibm_telco_is_a_table() {
    let Some(path) = data("tables/ibm_telco.csv") else { return };
    let read = prepared(&path, &columns("target")).unwrap();
    assert_eq!((read.table.n_rows(), read.table.specs().len()), (7043, 19));
    assert_eq!(read.notes, Vec::<String>::new());
    assert_eq!(read.table.row(0).number("TotalCharges"), Some(29.85));
    assert_eq!(read.labels.iter().filter(|label| **label > 0.5).count(), 1869);
    let Some(folds) = data("folds/ibm_telco.csv") else { return };
    assert_eq!(folds_file(&folds, 7043).unwrap().len(), 7043);
}

#[test]
fn real_data_cell2cell_is_a_table() {
    let Some(path) = data("tables/cell2cell.parquet") else { return };
    let read = prepared(&path, &columns("target")).unwrap();
    assert_eq!(read.table.n_rows(), 51_047);
    assert_eq!(read.table.specs().len() + read.notes.len(), 56, "{:?}", read.notes);
}

#[test]
fn real_data_tv_subs_and_hillstrom_are_tables() {
    let Some(path) = data("tables/tv_subs.csv") else { return };
    let read = prepared(&path, &columns("target")).unwrap();
    assert_eq!((read.table.n_rows(), read.table.specs().len()), (9379, 46));
    let Some(path) = data("tables/hillstrom.csv") else { return };
    let read = prepared(&path, &columns("visit")).unwrap();
    assert_eq!((read.table.n_rows(), read.table.specs().len()), (64_000, 11));
}
