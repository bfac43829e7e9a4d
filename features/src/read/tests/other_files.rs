//! Snapshots, folds and feature files.

use proptest::prelude::*;

use crate::history::Text;
use crate::matrix::{Column, FeatureTable, RowKey};
use crate::read::{ReadError, feature_file, folds_file, snapshots_file};
use crate::spec::{FeatureSpec, Kind};
use crate::time::Timestamp;
use crate::write;

use super::{lines, put};

#[test]
fn snapshots_keep_their_order_and_label() {
    let dir = tempfile::tempdir().unwrap();
    let path = put(
        dir.path(),
        "s.csv",
        b"account_id,started_at,as_of,churned_30d\n9,2024-01-01,2024-03-01,1\n1,,2024-02-01,\n",
    );
    let requests = snapshots_file(&path).unwrap();
    assert_eq!(requests[0].account_id.as_ref(), "9");
    assert_eq!(requests[0].label, Some(1.0));
    assert_eq!((requests[1].started_at, requests[1].label), (None, None));
}

#[test]
fn snapshots_that_are_refused() {
    let cases = [
        ("account_id\n1\n", "there is no column `as_of`"),
        ("account_id,as_of\n", "the table has no rows"),
        (
            "account_id,as_of\n1,2024-01-01\n1,2024-01-01\n",
            "row 2, column `account_id`: \"1\" is the same snapshot as row 1",
        ),
        ("account_id,as_of\n1,\n", "row 1, column `as_of`: is empty"),
        ("account_id,as_of\n,2024-01-01\n", "row 1, column `account_id`: is empty"),
        ("account_id,as_of,label\n1,2024-01-01,perhaps\n", "\"perhaps\" is not a boolean"),
        (
            "account_id,as_of,label,churned\n1,2024-01-01,1,1\n",
            "several columns could be the label: label, churned",
        ),
    ];
    let dir = tempfile::tempdir().unwrap();
    for (content, expected) in cases {
        let path = put(dir.path(), "s.csv", content.as_bytes());
        let lines = lines(&snapshots_file(&path).unwrap_err());
        assert!(lines.len() == 1 && lines[0].contains(expected), "{lines:?}");
    }
}

#[test]
fn folds_are_checked_against_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let path = put(dir.path(), "f.csv", b"row,fold\n2,1\n0,0\n");
    assert_eq!(folds_file(&path, 3).unwrap(), [(0, 0), (2, 1)]);
    let cases = [
        (
            "row,fold\n3,0\n0,1\n",
            "row 1, column `row`: \"3\" is not a row of the table: its rows are numbered from 0 to 2",
        ),
        ("row,fold\n0,0\n0,1\n", "row 2, column `row`: \"0\" is given a fold twice"),
        ("row,fold\n0,0\n1,0\n", "names fewer than two folds"),
        ("row,fold\n-1,0\n1,1\n", "\"-1\" must be 0 or more"),
        ("row,fold\n0.5,0\n1,1\n", "\"0.5\" is not a whole number"),
        ("row,fold\n0,\n1,1\n", "row 1, column `fold`: is empty"),
        ("row\n0\n", "there is no column `fold`"),
    ];
    for (content, expected) in cases {
        let path = put(dir.path(), "f.csv", content.as_bytes());
        let lines = lines(&folds_file(&path, 3).unwrap_err());
        assert!(lines.len() == 1 && lines[0].contains(expected), "{lines:?}");
    }
}

fn features(rows: &[(f64, Option<bool>, Option<String>)]) -> (Vec<RowKey>, FeatureTable) {
    let keys = (0_i64..)
        .zip(rows)
        .map(|(row, _)| RowKey {
            account_id: Text::from(format!("a{row}")),
            as_of: Timestamp(row * 1_000_003),
        })
        .collect();
    let flag = |flag: &Option<bool>| flag.map_or(f64::NAN, |flag| f64::from(u8::from(flag)));
    let table = FeatureTable::new(
        vec![
            FeatureSpec::prepared("x", Kind::Number),
            FeatureSpec::prepared("flag", Kind::Boolean),
            FeatureSpec::prepared("plan", Kind::Category),
        ],
        vec![
            Column::Number(rows.iter().map(|row| row.0).collect()),
            Column::Number(rows.iter().map(|row| flag(&row.1)).collect()),
            Column::Text(rows.iter().map(|row| row.2.as_deref().map(Text::from)).collect()),
        ],
        rows.len(),
    );
    (keys, table.unwrap())
}

fn bits(table: &FeatureTable) -> Vec<String> {
    let number =
        |value: &f64| if value.is_nan() { "missing".to_owned() } else { value.to_bits().to_string() };
    table
        .columns()
        .iter()
        .map(|column| match column {
            Column::Number(values) => values.iter().map(number).collect::<Vec<_>>().join(" "),
            Column::Text(values) => format!("{values:?}"),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_feature_file_is_read_back_bit_for_bit(
        rows in prop::collection::vec(
            (
                prop_oneof![any::<f64>().prop_filter("finite", |x| x.is_finite()), Just(f64::NAN), Just(-0.0)],
                any::<Option<bool>>(),
                any::<Option<String>>(),
            ),
            0..40,
        )
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("features.parquet");
        let (keys, table) = features(&rows);
        write::feature_file(&path, &keys, &table).unwrap();
        let (read_keys, read_table) = feature_file(&path).unwrap();
        prop_assert_eq!(read_keys, keys);
        prop_assert_eq!(read_table.specs(), table.specs());
        prop_assert_eq!(bits(&read_table), bits(&table));
    }
}

#[test]
fn the_same_features_are_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, table) = features(&[(1.5, Some(true), None), (f64::NAN, None, Some("pro".into()))]);
    let [first, second] = ["a.parquet", "b.parquet"].map(|name| {
        write::feature_file(&dir.path().join(name), &keys, &table).unwrap();
        std::fs::read(dir.path().join(name)).unwrap()
    });
    assert_eq!(first, second);
}

#[test]
fn files_that_are_no_feature_files() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain.parquet");
    let column = write::OutputColumn::new("account_id", write::Values::Integer(vec![1]));
    write::table(&plain, &[column]).unwrap();
    let refused = |path| match feature_file(path).unwrap_err() {
        ReadError::FeatureFile { message, .. } => message,
        other => panic!("{other}"),
    };
    assert_eq!(refused(&plain), "it is no feature file: it declares no features");
    assert!(refused(&dir.path().join("x.csv")).contains("must be a .parquet file"));
    let cut = dir.path().join("cut.parquet");
    let (keys, table) = features(&[(1.0, None, None)]);
    write::feature_file(&cut, &keys, &table).unwrap();
    let bytes = std::fs::read(&cut).unwrap();
    put(dir.path(), "cut.parquet", &bytes[..bytes.len() - 9]);
    assert!(matches!(feature_file(&cut), Err(ReadError::Parquet { .. })));
}
