//! Prepared tables: types found, labels told apart, and what is refused.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::matrix::Column;
use crate::read::{Prepared, PreparedColumns, ReadError, prepared, prepared_features};
use crate::spec::Kind;

use super::{lines, put};

const TABLE: &str = "id,tenure,charge,plan,auto,site,empty,one,seen,churn\n\
                     c1,1,29.5,basic,true,x1,,7,2024-01-01,No\n\
                     c2,34, ,pro,false,x2,NA,7,2024-01-02,Yes\n\
                     c3,?,12,basic,TRUE,x3,,7,2024-01-03,No\n";

fn table(content: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = put(dir.path(), "table.csv", content.as_bytes());
    (dir, path)
}

fn columns() -> PreparedColumns {
    PreparedColumns { label: "churn".into(), id: Some("id".into()), ..PreparedColumns::default() }
}

fn read(content: &str, columns: &PreparedColumns) -> Result<Prepared, ReadError> {
    prepared(&table(content).1, columns)
}

fn read_error(content: &str, columns: &PreparedColumns) -> String {
    let (_dir, path) = table(content);
    lines(&prepared(&path, columns).unwrap_err()).join("\n")
}

#[test]
fn types_labels_and_ids_are_found() {
    let (_dir, path) = table(TABLE);
    let read = prepared(&path, &columns()).unwrap();
    let kinds: Vec<_> = read.table.specs().iter().map(|spec| (spec.name.as_str(), spec.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("tenure", Kind::Number),
            ("charge", Kind::Number),
            ("plan", Kind::Category),
            ("auto", Kind::Boolean),
        ]
    );
    let Column::Number(tenure) = &read.table.columns()[0] else { panic!() };
    assert_eq!(tenure[..2], [1.0, 34.0]);
    assert!(tenure[2].is_nan());
    assert_eq!(read.labels, [0.0, 1.0, 0.0]);
    assert_eq!((read.positive.as_str(), read.negative.as_str()), ("Yes", "No"));
    assert_eq!(read.ids[2].as_ref(), "c3");
    assert_eq!(
        read.notes,
        [
            "column `site` is left out: nearly every row has a value of its own, as an id has",
            "column `empty` is left out: it holds no value",
            "column `one` is left out: it has the same value in every row",
            "column `seen` is left out: it holds dates; give the number of days before the prediction instead",
        ]
    );
}

#[test]
fn the_positive_value_can_be_said() {
    let (_dir, path) = table(TABLE);
    let turned = PreparedColumns { positive: Some("no".into()), ..columns() };
    assert_eq!(prepared(&path, &turned).unwrap().labels, [1.0, 0.0, 1.0]);
    let absent = PreparedColumns { positive: Some("maybe".into()), ..columns() };
    assert!(read_error(TABLE, &absent).contains("the label is never maybe: its values are No, Yes"));
}

#[test]
fn labels_that_cannot_be_learnt() {
    let with =
        |labels: [&str; 3]| format!("id,x,churn\n1,1,{}\n2,5,{}\n3,4,{}\n", labels[0], labels[1], labels[2]);
    let cases = [
        (with(["1", "1", "1"]), "column `churn`: the label has one value only, 1"),
        (with(["1", "0", "2"]), "the label has 3 values (0, 1, 2)"),
        (with(["A", "B", "A"]), "the label is A or B: say which means churned with --positive"),
        (with(["1", "", "0"]), "row 2, column `churn`: is empty"),
    ];
    for (content, expected) in cases {
        let error = read_error(&content, &columns());
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn tables_that_are_refused() {
    let cases = [
        ("id,x\n1,2\n", "there is no column `churn` (columns found: id, x)"),
        ("id,x,churn\n1,2,0\n1,3,1\n", "row 2, column `id`: \"1\" occurs twice"),
        ("id,x,x,churn\n1,2,3,0\n", "column `x` occurs twice"),
        ("id,x,churn\n", "the table has no rows"),
        ("id,x,churn\n1,2,0\n2,3\n", "row 2: the row has 2 cells, the header 3"),
        ("id,x,churn\n1,7,0\n2,7,1\n", "no column is left to learn from: column `x` is left out"),
    ];
    for (content, expected) in cases {
        let error = read_error(content, &columns());
        assert!(error.starts_with("table.csv") && error.contains(expected), "{error}");
    }
    let twice = PreparedColumns { exclude: vec!["churn".into(), "nope".into()], ..columns() };
    let error = read_error(TABLE, &twice);
    assert!(error.contains("cannot be both the label and excluded"), "{error}");
    assert!(error.contains("there is no column `nope`"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let path = put(dir.path(), "table.csv", b"id,x,churn\n1,\xff,0\n");
    assert!(lines(&prepared(&path, &columns()).unwrap_err())[0].contains("row 1, column `x`"));
    assert!(matches!(prepared(&dir.path().join("table.xlsx"), &columns()), Err(ReadError::Ending(_))));
}

#[test]
fn groups_and_exclusions_are_kept_apart() {
    let with = PreparedColumns {
        group: Some("plan".into()),
        exclude: vec!["charge".into(), "auto".into()],
        ..columns()
    };
    let read = read(TABLE, &with).unwrap();
    assert_eq!(read.table.specs().len(), 1);
    let groups: Vec<_> = read.groups.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(groups, ["basic", "pro", "basic"]);
}

#[test]
fn the_same_features_are_read_for_scoring() {
    let (_dir, path) = table(TABLE);
    let trained = prepared(&path, &columns()).unwrap();
    let (ids, features) = prepared_features(&path, trained.table.specs(), Some("id")).unwrap();
    assert_eq!(ids, trained.ids);
    for (row, (a, b)) in trained.table.columns().iter().zip(features.columns()).enumerate() {
        assert_eq!(format!("{a:?}"), format!("{b:?}"), "{row}");
    }
    let (_other, path) = table("id,tenure,plan,auto\n1,long,basic,perhaps\n");
    let error = lines(&prepared_features(&path, trained.table.specs(), None).unwrap_err());
    assert_eq!(
        error,
        [
            "table.csv, row 1, column `tenure`: \"long\" is not a number",
            "table.csv: there is no column `charge` (columns found: id, tenure, plan, auto)",
            "table.csv, row 1, column `auto`: \"perhaps\" is not a boolean: write true or false",
        ]
    );
}
