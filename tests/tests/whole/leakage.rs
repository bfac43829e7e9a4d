//! Nothing that happened, or became known, at or after `as_of` changes a feature: random futures are appended to
//! the files of every table, and the features are read back from the files.

use std::fs;
use std::path::Path;

use holdfast_features::compute::{self, ComputeConfig, Key};
use holdfast_features::read::{self, HistoryConfig};
use holdfast_features::{Column, FeatureSpec, FeatureTable, Timestamp};
use proptest::prelude::*;

const AS_OF: &str = "2025-06-30T09:30:00Z";
const HOUR: i64 = 3_600_000_000;

/// A table as CSV: `{id}`, `{time}` and `{known}` are filled in, the rest stays as it is.
struct Table {
    name: &'static str,
    header: &'static str,
    rows: &'static [&'static str],
}

const TABLES: [Table; 13] = [
    Table {
        name: "subscriptions",
        header: "subscription_id,account_id,plan,quantity,mrr,currency,started_at,current_term_start,current_term_end,auto_renew,recorded_at",
        rows: &["s{id},A,pro,20,900,USD,{time},{time},2026-12-31,true,{known}"],
    },
    Table {
        name: "subscription_events",
        header: "subscription_id,account_id,type,mrr_before,mrr_after,term_end,effective_at,recorded_at",
        rows: &[
            "s{id},A,expansion,900,1200,,{time},{known}",
            "s{id},A,contraction,900,300,,{time},{known}",
            "s{id},A,cancel_requested,,,,{time},{known}",
        ],
    },
    Table {
        name: "account_history",
        header: "account_id,field,value,valid_from,recorded_at",
        rows: &["A,tier,low_touch,{time},{known}"],
    },
    Table {
        name: "usage_events",
        header: "account_id,user_id,event,occurred_at,received_at,value,channel",
        rows: &[
            "A,u{id},login,{time},{known},1,ui",
            "A,u1,export,{time},{known},90,api",
            "A,u2,login,{time},{known},,mobile",
        ],
    },
    Table {
        name: "tickets",
        header: "ticket_id,account_id,created_at,priority,escalated_at,reply_time_minutes,sentiment,recorded_at",
        rows: &["t{id},A,{time},urgent,{time},900,-0.9,{known}", "t{id},A,{time},low,,5,0.5,{known}"],
    },
    Table {
        name: "contacts",
        header: "contact_id,account_id,role,title,created_at,recorded_at",
        rows: &["c{id},A,executive_sponsor,CIO,{time},{known}", "c{id},A,champion,Lead,{time},{known}"],
    },
    Table {
        name: "activities",
        header: "activity_id,account_id,contact_id,type,occurred_at,initiated_by,status,response_hours,sentiment,recorded_at",
        rows: &[
            "a{id},A,c1,email,{time},customer,,3,0.1,{known}",
            "a{id},A,c1,qbr,{time},vendor,no_show,,,{known}",
            "a{id},A,c1,training,{time},vendor,completed,,,{known}",
        ],
    },
    Table {
        name: "surveys",
        header: "account_id,contact_id,kind,score,responded_at",
        rows: &["A,c1,nps,2,{known}"],
    },
    Table {
        name: "invoices",
        header: "invoice_id,account_id,amount_due,currency,created_at,due_at,attempt_count,recorded_at",
        rows: &["i{id},A,9000,USD,{time},{time},3,{known}"],
    },
    Table {
        name: "opportunities",
        header: "opportunity_id,account_id,type,stage,amount,created_at,recorded_at",
        rows: &["o{id},A,expansion,open,5000,{time},{known}"],
    },
    Table {
        name: "milestones",
        header: "account_id,milestone,kind,target_at,achieved_at,recorded_at",
        rows: &["A,m{id},outcome,{time},{time},{known}", "A,m{id},roi,{time},,{known}"],
    },
    Table {
        name: "account_states",
        header: "account_id,state,started_at,recorded_at",
        rows: &["A,active_escalation,{time},{known}", "A,do_not_contact,{time},{known}"],
    },
    Table {
        name: "interventions",
        header: "account_id,action,arm,propensity,assigned_at,delivered_at,recorded_at",
        rows: &["A,check_in,treatment,0.5,{time},{time},{known}"],
    },
];

/// One appended row: which table, which of its forms, when it happened and when it became known.
#[derive(Debug, Clone)]
struct Appended {
    table: usize,
    form: usize,
    hours: i64,
    known_hours: i64,
}

/// Rows that happen at or after `as_of`, or happened before it and become known at or after it.
fn future() -> impl Strategy<Value = Appended> {
    let late = (-4_000_i64..0, 0_i64..2_000);
    let later = (0_i64..2_000, 0_i64..100).prop_map(|(hours, delay)| (hours, hours + delay));
    (0..TABLES.len(), 0_usize..3, prop_oneof![late, later]).prop_map(|(table, form, (hours, known_hours))| {
        Appended { table, form: form % TABLES[table].rows.len(), hours, known_hours }
    })
}

fn row(table: &Table, form: usize, id: usize, hours: i64, known_hours: i64) -> String {
    let as_of = Timestamp::parse(AS_OF).unwrap();
    let filled = table.rows[form]
        .replace("{id}", &id.to_string())
        .replace("{time}", &(as_of + hours * HOUR).to_string())
        .replace("{known}", &(as_of + known_hours * HOUR).to_string());
    filled + "\n"
}

/// States in force from the start would hide the ones that are appended.
const EMPTY_AT_FIRST: &str = "account_states";

/// The history goes on after `as_of`, as those that models learn from do: at its very end an export's cells of
/// today are right, and decisions read them.
const AN_OTHER_ACCOUNT_LATER: (&str, &str) = ("usage_events", "B,u9,login,2026-06-30T00:00:00Z,,1,ui\n");

/// Writes every table: three rows of each form in the past, then the appended ones.
fn write(folder: &Path, appended: &[Appended]) {
    for (index, table) in TABLES.iter().enumerate() {
        let mut text = format!("{}\n", table.header);
        for form in 0..table.rows.len() {
            for id in if table.name == EMPTY_AT_FIRST { 0..0 } else { 1..4 } {
                let number = 10 * (form + 1) + id;
                let hours = -(400 * i64::try_from(id).unwrap() + 7);
                text += &row(table, form, number, hours, hours + 2);
            }
        }
        for (id, row_of) in appended.iter().enumerate().filter(|(_, row_of)| row_of.table == index) {
            text += &row(table, row_of.form, 1000 + id, row_of.hours, row_of.known_hours);
        }
        if table.name == AN_OTHER_ACCOUNT_LATER.0 {
            text += AN_OTHER_ACCOUNT_LATER.1;
        }
        fs::write(folder.join(format!("{}.csv", table.name)), text).unwrap();
    }
}

fn features(appended: &[Appended], specs: Option<&[FeatureSpec]>) -> FeatureTable {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), appended);
    let history = read::history(folder.path(), &HistoryConfig::default()).unwrap();
    let key = Key { account_id: "A".into(), as_of: Timestamp::parse(AS_OF).unwrap(), subscription_id: None };
    let learnt = compute::specs(&history, &ComputeConfig::default()).unwrap();
    compute::table(&history, &[key], specs.unwrap_or(&learnt)).unwrap()
}

/// Every value, numbers by their bits, so that NaN equals NaN.
fn values(table: &FeatureTable) -> Vec<(String, String)> {
    let value = |column: &Column| match column {
        Column::Number(values) => format!("{:x}", values[0].to_bits()),
        Column::Text(values) => format!("{:?}", values[0]),
    };
    table.specs().iter().map(|spec| spec.name.clone()).zip(table.columns().iter().map(value)).collect()
}

#[test]
fn the_history_below_is_rich_enough_to_show_a_leak() {
    let before = features(&[], None);
    assert!(before.specs().len() >= 40, "only {} features", before.specs().len());
    // The same rows, known in time, do change features of every table.
    for (index, table) in TABLES.iter().enumerate() {
        let seen: Vec<_> = (0..table.rows.len())
            .map(|form| Appended { table: index, form, hours: -30, known_hours: -30 })
            .collect();
        let after = features(&seen, Some(before.specs()));
        let is_read_by_features = !["account_history", "interventions"].contains(&table.name);
        if is_read_by_features {
            assert_ne!(values(&after), values(&before), "{} moves no feature", table.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_future_changes_a_feature(appended in proptest::collection::vec(future(), 1..12)) {
        let before = features(&[], None);
        let after = features(&appended, Some(before.specs()));
        prop_assert_eq!(values(&after), values(&before));
    }
}
