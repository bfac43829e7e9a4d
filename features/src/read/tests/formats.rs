//! The same table in CSV, NDJSON and Parquet is the same history.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int32Array, Int64Array, ListArray,
    RecordBatch, StringArray, StructArray, TimestampMillisecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::history::AccountFacts;
use crate::read::HistoryConfig;

use super::{SUBSCRIPTIONS, folder, history, lines, put};

fn invoices_of(dir: &TempDir) -> Vec<AccountFacts> {
    history(dir.path(), &HistoryConfig::default()).unwrap().accounts
}

fn put_parquet(dir: &TempDir, name: &str, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    put(dir.path(), name, &bytes);
}

#[test]
fn formats_agree() {
    let csv = folder(&[
        ("subscriptions.csv", SUBSCRIPTIONS),
        (
            "invoices.csv",
            "\u{feff}invoice_id,customer,amount_due,created,due_date,status_transitions.paid_at,failure_code\n\
             11,a1,12.5,2024-02-01,2024-02-15,2024-02-10T12:00:00Z,\"late, twice\"\n\
             12,a2,7,2024-03-01,,,\n",
        ),
    ]);
    let ndjson = folder(&[
        ("subscriptions.csv", SUBSCRIPTIONS),
        (
            "invoices.ndjson",
            "{\"invoice_id\":12,\"customer\":\"a2\",\"amount_due\":7.0,\"created\":1709251200}\n\n\
             {\"invoice_id\":\"11\",\"customer\":\"a1\",\"amount_due\":12.5,\"created\":\"2024-02-01\",\
             \"due_date\":\"2024-02-15\",\"status_transitions\":{\"paid_at\":1707566400000},\
             \"failure_code\":\"late, twice\"}\n",
        ),
    ]);
    let parquet = folder(&[("subscriptions.csv", SUBSCRIPTIONS)]);
    let paid = TimestampMillisecondArray::from(vec![Some(1_707_566_400_000), None]).with_timezone("+02:00");
    let paid = (Arc::new(Field::new("paid_at", paid_type(), true)), Arc::new(paid) as ArrayRef);
    let accounts: DictionaryArray<Int32Type> = vec!["a1", "a2"].into_iter().collect();
    put_parquet(
        &parquet,
        "invoices.parquet",
        vec![
            ("invoice_id", Arc::new(Int64Array::from(vec![11, 12]))),
            ("customer", Arc::new(accounts)),
            (
                "amount_due",
                Arc::new(Decimal128Array::from(vec![1250, 700]).with_precision_and_scale(10, 2).unwrap()),
            ),
            (
                "created",
                Arc::new(TimestampNanosecondArray::from(vec![
                    1_706_745_600_000_000_000,
                    1_709_251_200_000_000_000,
                ])),
            ),
            ("due_date", Arc::new(Date32Array::from(vec![Some(19_768), None]))),
            ("status_transitions", Arc::new(StructArray::from(vec![paid]))),
            ("failure_code", Arc::new(StringArray::from(vec![Some("late, twice"), None]))),
        ],
    );
    let expected = invoices_of(&csv);
    assert_eq!(expected[0].invoices.len(), 1);
    assert!(expected[0].invoices[0].paid_at.is_some());
    assert_eq!(expected[0].invoices[0].failure_code.as_deref(), Some("late, twice"));
    assert_eq!(invoices_of(&ndjson), expected);
    assert_eq!(invoices_of(&parquet), expected);
}

fn paid_type() -> DataType {
    DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, Some("+02:00".into()))
}

#[test]
fn parquet_numbers_are_checked_as_well() {
    let dir = folder(&[("subscriptions.csv", SUBSCRIPTIONS)]);
    put_parquet(
        &dir,
        "usage_daily.parquet",
        vec![
            ("account_id", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]))),
            ("date", Arc::new(Date32Array::from(vec![19_700, 19_701, 19_702]))),
            ("event", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
            ("count", Arc::new(Float64Array::from(vec![2.0, f64::INFINITY, f64::NAN]))),
            ("active_users", Arc::new(Int32Array::from(vec![1, 1, -1]))),
        ],
    );
    let error = history(dir.path(), &HistoryConfig::default()).unwrap_err();
    assert_eq!(
        lines(&error),
        [
            "usage_daily (usage_daily.parquet), row 2, column `count`: \"inf\" is not a number",
            "usage_daily (usage_daily.parquet), row 3, column `active_users`: \"-1\" must be 0 or more",
        ]
    );
}

#[test]
fn lists_hold_no_plain_values() {
    let dir = folder(&[("subscriptions.csv", SUBSCRIPTIONS)]);
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)])]);
    put_parquet(
        &dir,
        "surveys.parquet",
        vec![
            ("account_id", Arc::new(StringArray::from(vec!["a1"]))),
            ("score", Arc::new(list)),
            ("responded_at", Arc::new(StringArray::from(vec!["2024-01-01"]))),
        ],
    );
    let error = history(dir.path(), &HistoryConfig::default()).unwrap_err();
    let lines = lines(&error);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("surveys (surveys.parquet), column `score`: is of type List"), "{lines:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Files from outside are hostile: whatever they hold, reading ends with a history or an error.
    #[test]
    fn any_bytes_end_in_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..400), format in 0_usize..3) {
        let dir = folder(&[]);
        let name = ["subscriptions.csv", "subscriptions.ndjson", "subscriptions.parquet"][format];
        put(dir.path(), name, &bytes);
        prop_assert!(history(dir.path(), &HistoryConfig::default()).is_err());
    }

    /// A right table with some bytes changed is read or refused, never worse.
    #[test]
    fn changed_bytes_end_in_an_answer(at in 0_usize..150, byte in any::<u8>()) {
        let dir = folder(&[]);
        let mut bytes = SUBSCRIPTIONS.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        put(dir.path(), "subscriptions.csv", &bytes);
        if let Ok(history) = history(dir.path(), &HistoryConfig::default()) {
            prop_assert!(history.tables[0].n_rows <= 3);
        }
    }
}
