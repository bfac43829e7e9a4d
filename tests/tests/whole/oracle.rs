//! Every counted feature against an independent computation: DuckDB, over the raw files of a history
//! (`benches/peers/oracle.py`). Needs Python and, the first time, a package index to install DuckDB from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::program::{root, trained};

const DATES: &str = "2022-09-30,2023-01-31T09:30:00Z,2023-06-30T17:45:12Z,2023-12-31";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A Python with the pinned DuckDB, under `target/`.
fn python() -> PathBuf {
    let script = root().join("benches/peers/environment.py");
    let output = Command::new("python3").arg(&script).output().expect("python3 starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "no Python with DuckDB: {said}");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
}

fn oracle(history: &Path, features: &Path, catalogue: &Path) -> Output {
    Command::new(python())
        .arg(root().join("benches/peers/oracle.py"))
        .args(["--history", text(history), "--features", text(features), "--catalogue", text(catalogue)])
        .output()
        .expect("the oracle starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A simulated business in `folder`, its usage in monthly files.
fn business(folder: &Path, name: &str, seed: &str) -> PathBuf {
    let history = folder.join(name);
    let size = ["--accounts", "150", "--months", "24", "--seed", seed, "--events", "60000", "--monthly"];
    trained(&[&["simulate", "--out", text(&history)], &size[..]].concat());
    history
}

#[test]
fn every_counted_feature_agrees_with_duckdb_and_a_wrong_one_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let history = business(folder.path(), "history", "5");
    let features = folder.path().join("features.parquet");
    trained(&["features", "--history", text(&history), "--as-of", DATES, "--out", text(&features)]);
    let catalogue = root().join("docs/features.md");
    let agreed = oracle(&history, &features, &catalogue);
    let words = said(&agreed);
    assert!(agreed.status.success(), "{words}");
    assert!(
        words.contains("11 tables compared") && words.contains(" 0 differ, 0 features not covered"),
        "{words}"
    );
    let n_features: usize = words.split_whitespace().next().and_then(|n| n.parse().ok()).expect(&words);
    assert!(n_features >= 120, "{words}");

    // Facts of one table that the features have not seen: other features stay right.
    let other = business(folder.path(), "other", "6");
    fs::copy(other.join("tickets.parquet"), history.join("tickets.parquet")).unwrap();
    let changed = oracle(&history, &features, &catalogue);
    let words = said(&changed);
    assert_eq!(changed.status.code(), Some(1), "{words}");
    assert!(words.contains("tickets_90d: ") && words.contains(" by the oracle"), "{words}");
    assert!(!words.contains("events_28d: "), "{words}");

    // A counted feature that the oracle does not know.
    let page = folder.path().join("features.md");
    let known = fs::read_to_string(&catalogue).unwrap();
    fs::write(&page, known + "\n| `lost_umbrellas_28d` | umbrellas | rises | Umbrellas lost. |\n").unwrap();
    let unknown = oracle(&other, &features, &page);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(said(&unknown).contains("lost_umbrellas_28d is counted"), "{}", said(&unknown));
}
