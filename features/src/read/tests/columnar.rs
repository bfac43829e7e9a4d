//! Usage out of Parquet, taken column by column, is what the same rows in CSV are, row by row.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, DictionaryArray, Float64Array, Int64Array, LargeStringArray, RecordBatch,
    StringArray, StringViewArray, TimestampMicrosecondArray, make_array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use tempfile::TempDir;

use super::{folder, put};
use crate::history::{TableSummary, Text, Usage};
use crate::read::accounts::Aliases;
use crate::read::check::Present;
use crate::read::columnar::{self, Source};
use crate::read::contract::TABLES;
use crate::read::mapping::resolve;
use crate::read::source::scan;
use crate::read::{HistoryConfig, OnBadRow, Problem, TableConfig, inspect};
use crate::store::StoreBuilder;
use crate::time::{DAY, Timestamp};

/// 2024-03-01.
pub(super) const START: i64 = 1_709_251_200_000_000;
pub(super) const HOUR: i64 = 3_600_000_000;

const SUBSCRIPTIONS: &str = "subscription_id,account_id,mrr,currency,billing_period_months,started_at\n\
     s1,1,200,USD,1,2024-01-10\ns2,acct-3,50,USD,12,2024-02-01\ns3,9,50,USD,12,2024-02-01\n";
const ID_MAP: &str = "account_id,alias,table\nacct-3,3,usage_events\nacct-4,4,\nacct-5,3,usage_daily\n";

/// A row of usage as it is written: ids as numbers, times in microseconds.
#[derive(Debug, Clone)]
struct Row {
    account: u32,
    user: Option<u32>,
    event: u32,
    happened: i64,
    recorded: Option<i64>,
    /// In quarters, so that 32 bits hold it.
    value: Option<i32>,
    channel: Option<&'static str>,
    count: u32,
    active_users: Option<u32>,
}

/// How a column of texts is stored.
#[derive(Debug, Clone, Copy)]
enum TextForm {
    Plain,
    Large,
    View,
    Dictionary,
    /// The same as numbers, for ids.
    Number(usize),
}

/// How rows are stored and read.
#[derive(Debug, Clone)]
struct Form {
    is_daily: bool,
    account: TextForm,
    user: Option<TextForm>,
    event: TextForm,
    channel: Option<TextForm>,
    unit: Option<TimeUnit>,
    has_zone: bool,
    has_recorded: bool,
    value: Option<DataType>,
    n_files: usize,
    group_rows: usize,
    delay_hours: i64,
    now: Option<i64>,
    until: Option<i64>,
    on_bad_row: OnBadRow,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let channels = select(vec!["ui", "API", "Mobile", "integration", "  ui ", ""]);
    let recorded = prop_oneof![6 => 0..9 * HOUR, 3 => HOUR..30 * DAY, 1 => -23 * HOUR..0];
    let ids = (1..8_u32, option::of(0..5_u32), 0..4_u32);
    let times = (-40 * DAY..40 * DAY, option::weighted(0.8, recorded));
    let told =
        (option::of(-4_000..4_000_i32), option::weighted(0.8, channels), 0..9_u32, option::of(0..5_u32));
    let row = (ids, times, told).prop_map(|((account, user, event), (time, later), told)| {
        let (value, channel, count, active_users) = told;
        let happened = START + time;
        let recorded = later.map(|later| happened + later);
        Row { account, user, event, happened, recorded, value, channel, count, active_users }
    });
    vec(row, 1..150)
}

fn texts() -> impl Strategy<Value = TextForm> {
    select(vec![TextForm::Plain, TextForm::Large, TextForm::View, TextForm::Dictionary])
}

fn ids() -> impl Strategy<Value = TextForm> {
    prop_oneof![texts(), (0..4_usize).prop_map(TextForm::Number)]
}

fn forms() -> impl Strategy<Value = Form> {
    let units = [
        Some(TimeUnit::Second),
        Some(TimeUnit::Millisecond),
        Some(TimeUnit::Microsecond),
        Some(TimeUnit::Nanosecond),
        None,
    ];
    let values = select(vec![DataType::Float64, DataType::Float32, DataType::Int32]);
    let stored =
        (any::<bool>(), ids(), option::of(ids()), texts(), option::of(texts()), select(units.to_vec()));
    let times = (any::<bool>(), any::<bool>(), option::of(values), 1..4_usize, 1..60_usize);
    // The present lies after all rows, within a day of the last, or among them.
    let present = || select(vec![None, None, Some(90 * DAY), Some(39 * DAY + 12 * HOUR), Some(10 * DAY)]);
    let reading =
        (select(vec![0_i64, 0, 5, 48]), present(), present(), select(vec![OnBadRow::Stop, OnBadRow::Reject]));
    (stored, times, reading).prop_map(|(stored, times, reading)| {
        let (is_daily, account, user, event, channel, unit) = stored;
        let (has_zone, has_recorded, value, n_files, group_rows) = times;
        let (delay_hours, now, until, on_bad_row) = reading;
        let (now, until) = (now.map(|now| START + now), until.map(|until| START + until));
        Form {
            is_daily,
            account,
            user,
            event,
            channel,
            unit,
            has_zone,
            has_recorded,
            value,
            n_files,
            group_rows,
            delay_hours,
            now,
            until,
            on_bad_row,
        }
    })
}

impl Form {
    fn table(&self) -> &'static str {
        if self.is_daily { "usage_daily" } else { "usage_events" }
    }

    fn config(&self) -> HistoryConfig {
        let mut config = plain_config();
        config.now = self.now.map(Timestamp);
        config.until = self.until.map(Timestamp);
        config.on_bad_row = self.on_bad_row;
        let table = TableConfig { delay: self.delay_hours * HOUR, ..TableConfig::default() };
        config.tables.insert(self.table().to_owned(), table);
        config
    }

    /// The time as its column can hold it.
    fn rounded(&self, time: i64) -> i64 {
        let unit = match self.unit {
            Some(TimeUnit::Second) => 1_000_000,
            Some(TimeUnit::Millisecond) => 1_000,
            Some(TimeUnit::Microsecond | TimeUnit::Nanosecond) => 1,
            None => DAY,
        };
        time.div_euclid(unit) * unit
    }

    /// The value as its column can hold it.
    fn value(&self, quarters: i32) -> f64 {
        let value = f64::from(quarters) / 4.0;
        if self.value == Some(DataType::Int32) { value.trunc() } else { value }
    }

    fn csv(&self, rows: &[Row]) -> String {
        let mut header = vec!["account_id", "event", if self.is_daily { "date" } else { "occurred_at" }];
        header.extend(self.has_recorded.then_some("recorded_at"));
        if self.is_daily {
            header.extend(["count", "active_users"]);
        } else {
            header.extend(self.user.map(|_| "user_id"));
            header.extend(self.value.as_ref().map(|_| "value"));
            header.extend(self.channel.map(|_| "channel"));
        }
        let mut text = header.join(",") + "\n";
        let told = |told: Option<String>| told.unwrap_or_default();
        let time = |time: i64| Timestamp(self.rounded(time)).to_string();
        for row in rows {
            let mut cells = vec![row.account.to_string(), format!("e{}", row.event), time(row.happened)];
            cells.extend(self.has_recorded.then(|| told(row.recorded.map(time))));
            if self.is_daily {
                cells.extend([row.count.to_string(), told(row.active_users.map(|users| users.to_string()))]);
            } else {
                cells.extend(self.user.map(|_| told(row.user.map(|user| user.to_string()))));
                cells.extend(
                    self.value.as_ref().map(|_| told(row.value.map(|value| self.value(value).to_string()))),
                );
                cells.extend(self.channel.map(|_| row.channel.unwrap_or_default().to_owned()));
            }
            text += &(cells.join(",") + "\n");
        }
        text
    }

    fn parquet(&self, rows: &[Row]) -> Vec<u8> {
        let texts = |form: TextForm, cell: &dyn Fn(&Row) -> Option<String>| {
            form.array(&rows.iter().map(cell).collect::<Vec<_>>())
        };
        let time = |time: i64| self.rounded(time);
        let times =
            |cell: &dyn Fn(&Row) -> Option<i64>| self.times(&rows.iter().map(cell).collect::<Vec<_>>());
        let numbers = |to: &DataType, cell: &dyn Fn(&Row) -> Option<f64>| {
            let array: ArrayRef = Arc::new(rows.iter().map(cell).collect::<Float64Array>());
            cast(&array, to).unwrap()
        };
        let mut columns = vec![
            ("event", texts(self.event, &|row| Some(format!("e{}", row.event)))),
            (if self.is_daily { "date" } else { "occurred_at" }, times(&|row| Some(time(row.happened)))),
            ("account_id", texts(self.account, &|row| Some(row.account.to_string()))),
        ];
        if self.has_recorded {
            columns.push(("recorded_at", times(&|row| row.recorded.map(time))));
        }
        if self.is_daily {
            columns.push(("count", numbers(&DataType::Int64, &|row| Some(f64::from(row.count)))));
            let users = numbers(&DataType::Float64, &|row| row.active_users.map(f64::from));
            columns.push(("active_users", users));
        } else {
            if let Some(form) = self.user {
                columns.push(("user_id", texts(form, &|row| row.user.map(|user| user.to_string()))));
            }
            if let Some(to) = &self.value {
                columns.push(("value", numbers(to, &|row| row.value.map(|value| self.value(value)))));
            }
            if let Some(form) = self.channel {
                columns.push(("channel", texts(form, &|row| row.channel.map(str::to_owned))));
            }
        }
        parquet(columns, self.group_rows)
    }

    fn times(&self, times: &[Option<i64>]) -> ArrayRef {
        let Some(unit) = self.unit else {
            let days = times.iter().map(|time| time.map(|time| i32::try_from(time.div_euclid(DAY)).unwrap()));
            return Arc::new(days.collect::<Date32Array>());
        };
        let micros: ArrayRef = Arc::new(times.iter().copied().collect::<TimestampMicrosecondArray>());
        let plain = cast(&micros, &DataType::Timestamp(unit, None)).unwrap();
        let zone = self.has_zone.then(|| "UTC".into());
        let zoned = plain.to_data().into_builder().data_type(DataType::Timestamp(unit, zone));
        make_array(zoned.build().unwrap())
    }

    /// The folder of the rows with usage as `files`.
    fn folder(&self, rows: &[Row], ending: &str) -> TempDir {
        let dir = folder(&[("subscriptions.csv", SUBSCRIPTIONS), ("id_map.csv", ID_MAP)]);
        let n_rows = rows.len().div_ceil(self.n_files);
        for (file, rows) in rows.chunks(n_rows).enumerate() {
            let bytes = if ending == "csv" { self.csv(rows).into_bytes() } else { self.parquet(rows) };
            put(dir.path(), &format!("{}/{file}.{ending}", self.table()), &bytes);
        }
        dir
    }
}

impl TextForm {
    fn array(self, texts: &[Option<String>]) -> ArrayRef {
        let all = || texts.iter().map(Option::as_deref);
        match self {
            Self::Plain => Arc::new(all().collect::<StringArray>()),
            Self::Large => Arc::new(all().collect::<LargeStringArray>()),
            Self::View => Arc::new(all().collect::<StringViewArray>()),
            Self::Dictionary => Arc::new(all().collect::<DictionaryArray<Int32Type>>()),
            Self::Number(of) => {
                let types = [DataType::Int64, DataType::Int32, DataType::UInt32, DataType::Int8];
                let numbers = texts.iter().map(|text| text.as_ref().map(|text| text.parse().unwrap()));
                let numbers: ArrayRef = Arc::new(numbers.collect::<Int64Array>());
                cast(&numbers, &types[of]).unwrap()
            }
        }
    }
}

pub(super) fn plain_config() -> HistoryConfig {
    HistoryConfig { with_hashes: false, ..HistoryConfig::default() }
}

pub(super) fn parquet(columns: Vec<(&str, ArrayRef)>, group_rows: usize) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// All that reading shows: accounts with their usage, tables, ends; problems and rejects.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    pub(super) accounts: Option<BTreeMap<Text, Users>>,
    pub(super) tables: Vec<TableSummary>,
    pub(super) until: Option<Option<Timestamp>>,
    pub(super) problems: Vec<String>,
    pub(super) n_problems: usize,
    pub(super) rejects: Vec<String>,
}

/// The rows of each user of an account, whatever its number: one without a name, then the others.
pub(super) type Users = Vec<(bool, Vec<String>)>;

fn users(rows: &[Usage]) -> Users {
    let mut of: BTreeMap<Option<Text>, Vec<String>> = BTreeMap::new();
    for row in rows {
        let nameless = Usage { user_id: None, ..row.clone() };
        let exact = row.value.map(f64::to_bits);
        of.entry(row.user_id.clone()).or_default().push(format!("{nameless:?} {exact:?}"));
    }
    let mut users: Users = of.into_iter().map(|(user, rows)| (user.is_some(), rows)).collect();
    users.iter_mut().for_each(|(_, rows)| rows.sort_unstable());
    users.sort_unstable();
    users
}

pub(super) fn shown(dir: &TempDir, config: &HistoryConfig) -> Shown {
    let found = inspect(dir.path(), config).unwrap();
    let line = |problem: &Problem| problem.to_string().replace(".parquet", ".csv");
    let history = found.history.as_ref().map(|history| history.unpacked().unwrap());
    Shown {
        accounts: history.as_ref().map(|history| {
            history.accounts.iter().map(|facts| (facts.account_id.clone(), users(&facts.usage))).collect()
        }),
        until: history.map(|history| history.until),
        tables: found.tables.iter().map(|table| table.summary.clone()).collect(),
        problems: found.problems.iter().map(line).collect(),
        n_problems: found.n_problems,
        rejects: found.rejects.iter().map(line).collect(),
    }
}

/// Whether the usage of the folder is taken column by column.
pub(super) fn is_taken(dir: &TempDir, table: &str, config: &HistoryConfig) -> bool {
    let schema = TABLES.iter().find(|schema| schema.name == table).unwrap();
    let single = dir.path().join(format!("{table}.parquet"));
    let parts = (0..9).map(|file| dir.path().join(format!("{table}/{file}.parquet")));
    let paths: Vec<PathBuf> = parts.chain([single]).filter(|path| path.is_file()).collect();
    let columns: Vec<&str> = schema.columns.iter().map(|column| column.name).collect();
    let files: Vec<_> = paths
        .iter()
        .map(|path| {
            let found = scan(path).unwrap().columns;
            (path.as_path(), resolve(schema, &config.table(table), &[], &found).unwrap())
        })
        .collect();
    let source = Source {
        table: &table.into(),
        is_daily: table == "usage_daily",
        columns: &columns,
        aliases: &Aliases::default(),
        delay: config.table(table).delay,
        present: Present::new(config),
        now: config.now,
        listener: &config.listener,
    };
    columnar::take(&files, &source, &Arc::new(StoreBuilder::new(vec![], 1 << 20)), 0).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn columns_and_rows_are_the_same_history(rows in rows(), form in forms()) {
        let (csv, parquet) = (form.folder(&rows, "csv"), form.folder(&rows, "parquet"));
        let config = form.config();
        let expected = shown(&csv, &config);
        prop_assert_eq!(&shown(&parquet, &config), &expected);
        // What is in order is taken column by column, and nothing else is.
        let is_right = expected.problems.is_empty() && expected.rejects.is_empty();
        prop_assert_eq!(is_taken(&parquet, form.table(), &config), is_right);
    }
}
