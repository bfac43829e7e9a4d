//! What a folder that follows the contract is read as.

use crate::history::{Candidate, Priority};
use crate::read::{HistoryConfig, OnBadRow, TableConfig, UsageTable, inspect};
use crate::settings::Settings;
use crate::time::{DAY, Timestamp};

use super::{SUBSCRIPTIONS, folder, history, lines, read};

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn subscriptions_alone_make_a_history() {
    let history = read(&[("subscriptions.csv", SUBSCRIPTIONS)]).unwrap();
    let ids: Vec<_> = history.accounts.iter().map(|account| account.account_id.to_string()).collect();
    assert_eq!(ids, ["a1", "a2"]);
    assert_eq!(history.currency.as_deref(), Some("USD"));
    assert_eq!(history.until, Some(time("2024-02-01")));
    let subscription = &history.accounts[1].subscriptions[0];
    assert_eq!(subscription.mrr.to_bits(), 50.5_f64.to_bits());
    assert_eq!(subscription.billing_period_months, Some(12));
    assert_eq!(subscription.visible_at, time("2024-02-01"));
    assert_eq!(subscription.ended_at, Some(time("2024-06-01")));
    assert_eq!(history.tables.len(), 1);
    assert_eq!((history.tables[0].n_rows, history.tables[0].sha256.as_ref().unwrap().len()), (2, 64));
}

#[test]
fn names_of_the_common_tools_need_no_configuration() {
    let stripe = "ID,customer,quantity,arr_minor,Currency,start_date,current_period_end,canceled_at\n\
                  7,cus_1,3,120000,usd,1704844800,2025-01-10T00:00:00Z,1704844800000\n";
    let history = read(&[("subscriptions.csv", stripe)]).unwrap();
    let subscription = &history.accounts[0].subscriptions[0];
    assert_eq!(subscription.subscription_id.as_ref(), "7");
    assert_eq!(subscription.mrr.to_bits(), 100.0_f64.to_bits());
    assert_eq!(subscription.cancel_requested_at, Some(time("2024-01-10")));
    assert_eq!(history.currency.as_deref(), Some("USD"));
}

#[test]
fn ratings_in_words_and_offsets_without_a_colon_are_read() {
    let tickets = "id,organization_id,created_at,satisfaction_rating\n\
                   1,a1,2024-03-01T02:00:00.000+0200,Good\n2,a1,2024-03-02,bad\n\
                   3,a1,2024-03-03,unoffered\n4,a1,2024-03-04,offered\n5,a1,2024-03-05,4.5\n";
    let history = read(&[("subscriptions.csv", SUBSCRIPTIONS), ("tickets.csv", tickets)]).unwrap();
    let tickets = &history.accounts[0].tickets;
    let scores: Vec<_> = tickets.iter().map(|ticket| ticket.satisfaction_score).collect();
    assert_eq!(scores, [Some(1.0), Some(0.0), None, None, Some(4.5)]);
    assert_eq!(tickets[0].created_at, time("2024-03-01"));
}

#[test]
fn users_of_product_analytics_are_joined_to_accounts() {
    let events =
        "distinct_id,event,timestamp\nu1,login,2024-03-01T10:00:00Z\nu2,login,2024-03-02T10:00:00Z\n";
    let id_map = "account_id,alias,table\na1,u1,usage_events\na1,u2,usage_events\n";
    let text =
        "[history.tables.usage_events.columns]\naccount_id = \"distinct_id\"\nuser_id = \"distinct_id\"\n";
    let mut settings = Settings::parse("holdfast.toml", text).unwrap();
    let config = settings.section("history", HistoryConfig::from_section);
    settings.finish().unwrap();
    let files = [("subscriptions.csv", SUBSCRIPTIONS), ("id_map.csv", id_map), ("usage_events.csv", events)];
    let history = history(folder(&files).path(), &config).unwrap();
    let users: Vec<_> =
        history.accounts[0].usage.iter().map(|usage| usage.user_id.as_deref().unwrap()).collect();
    assert_eq!(users, ["0", "1"], "two users, by number");
}

#[test]
fn an_end_that_is_past_is_known() {
    let until = |now: Option<&str>, ended: &str| {
        let subscriptions = SUBSCRIPTIONS.replace("2024-06-01", ended);
        let config = HistoryConfig { now: now.map(time), ..HistoryConfig::default() };
        let dir = folder(&[("subscriptions.csv", &subscriptions)]);
        history(dir.path(), &config).unwrap().until.unwrap().to_string()
    };
    assert_eq!(until(Some("2025-01-01"), "2024-06-01"), "2024-06-01");
    assert_eq!(until(Some("2024-05-01"), "2024-06-01"), "2024-02-01", "an end ahead is a plan");
    assert_eq!(until(None, "2024-06-01"), "2024-02-01", "without a clock none is known to be past");
}

#[test]
fn minor_units_follow_the_currency() {
    let invoices = "invoice_id,account_id,amount_due_minor,currency,created_at\ni1,a1,5000,JPY,2024-02-01\n";
    let yen = SUBSCRIPTIONS.replace("USD", "JPY");
    let history = read(&[("subscriptions.csv", &yen), ("invoices.csv", invoices)]).unwrap();
    assert_eq!(history.accounts[0].invoices[0].amount_due.to_bits(), 5000.0_f64.to_bits());
}

#[test]
fn columns_of_other_names_are_mapped() {
    let csv = "KEY,CUST_NO,REVENUE,FROM,MONTHS\ns1,17,100,2024-01-01,1\n";
    let text = "[history.tables.subscriptions]\ndelay_hours = 24\n\
                [history.tables.subscriptions.columns]\n\
                subscription_id = \"KEY\"\naccount_id = \"CUST_NO\"\narr = \"REVENUE\"\n\
                started_at = \"FROM\"\nbilling_period_months = \"MONTHS\"\n";
    let mut settings = Settings::parse("holdfast.toml", text).unwrap();
    let config = settings.section("history", HistoryConfig::from_section);
    settings.finish().unwrap();
    let history = history(folder(&[("subscriptions.csv", csv)]).path(), &config).unwrap();
    let subscription = &history.accounts[0].subscriptions[0];
    assert_eq!(history.accounts[0].account_id.as_ref(), "17");
    assert_eq!(subscription.mrr.to_bits(), (100.0_f64 / 12.0).to_bits());
    assert_eq!(subscription.visible_at, time("2024-01-02"));
}

#[test]
fn mistakes_in_the_settings_are_reported() {
    let text = "[history]\nuntil = \"soon\"\non_bad_row = \"skip\"\n\
                constant_subscription_columns = [\"plan\", \"seats\"]\n[history.tables.nonsense]\n\
                [history.tables.tickets.columns]\nticket = \"T\"\n";
    let mut settings = Settings::parse("f", text).unwrap();
    settings.section("history", HistoryConfig::from_section);
    let mistakes = settings.finish().unwrap_err().to_string();
    let column = "f:4: `history.constant_subscription_columns` must name columns out of \"auto_renew\", \
                  \"quantity\", \"mrr\", \"plan\", not \"seats\"";
    for part in ["until", "on_bad_row", column, "nonsense", "tickets.columns.ticket"] {
        assert!(mistakes.contains(part), "{mistakes}");
    }
}

#[test]
fn rows_are_known_when_recorded_and_days_when_over() {
    let tickets = "ticket_id,account_id,created_at,priority,recorded_at\n\
                   t1,a1,2024-03-01,medium,2024-03-05\nt2,a1,2024-03-02,,\n";
    let usage = "account_id,date,event,count\na1,2024-03-03,login,4\n";
    let milestones = "account_id,milestone,kind,target_at,achieved_at,recorded_at\n\
                      a1,go-live,onboarding,2024-09-01,,2024-03-04\na2,m,outcome,2024-02-01,2024-03-01,\n";
    let history = read(&[
        ("subscriptions.csv", SUBSCRIPTIONS),
        ("tickets.csv", tickets),
        ("usage_daily.csv", usage),
        ("milestones.csv", milestones),
    ])
    .unwrap();
    let account = &history.accounts[0];
    let visible: Vec<_> = account.tickets.iter().map(|ticket| ticket.visible_at).collect();
    assert_eq!(visible, [time("2024-03-02"), time("2024-03-05")]);
    assert_eq!(account.tickets[1].priority, Some(Priority::Normal));
    assert_eq!(account.usage[0].visible_at, time("2024-03-03") + (DAY - 1));
    assert_eq!(account.milestones[0].visible_at, time("2024-03-04"), "the plan is known when recorded");
    assert_eq!(history.accounts[1].milestones[0].visible_at, time("2024-02-01"));
    assert_eq!(history.until, Some(time("2024-03-05")), "a planned milestone is not yet known");
}

#[test]
fn ids_of_other_tools_are_joined() {
    let id_map = "account_id,alias,table\na1,zd-9,tickets\na2,zd-9,surveys\na2,hub-2,\n";
    let tickets = "ticket_id,account_id,created_at\nt1,zd-9,2024-03-01\nt2,hub-2,2024-03-01\n";
    let history =
        read(&[("subscriptions.csv", SUBSCRIPTIONS), ("id_map.csv", id_map), ("tickets.csv", tickets)])
            .unwrap();
    let counts: Vec<_> = history.accounts.iter().map(|account| account.tickets.len()).collect();
    assert_eq!(counts, [1, 1]);
}

#[test]
fn constant_account_columns_become_candidates() {
    let accounts = "account_id,Industry,region,score,flag,secret\na1,retail,EU,3,true,x\na2,,US,,false,y\n";
    let config = HistoryConfig {
        constant_account_columns: ["industry", "region", "score", "flag"].map(str::to_owned).to_vec(),
        ..HistoryConfig::default()
    };
    let dir = folder(&[("subscriptions.csv", SUBSCRIPTIONS), ("accounts.csv", accounts)]);
    let inspection = inspect(dir.path(), &config).unwrap();
    let history = inspection.history.unwrap();
    let account = history.accounts[0].account.as_ref().unwrap();
    assert_eq!(
        account.candidates,
        [
            Candidate::Text(Some("retail".into())),
            Candidate::Text(Some("EU".into())),
            Candidate::Number(Some(3.0)),
            Candidate::Number(Some(1.0)),
        ]
    );
    let other = history.accounts[1].account.as_ref().unwrap();
    assert_eq!(other.candidates[2], Candidate::Number(None));
    let report = inspection.tables.iter().find(|table| table.summary.table == "accounts").unwrap();
    assert_eq!(report.ignored, ["secret"]);
}

#[test]
fn the_order_of_rows_and_files_never_shows() {
    let header = "account_id,occurred_at,event,user_id\n";
    let rows = [
        "a1,2024-03-01T10:00:00Z,login,u1\n",
        "a2,2024-03-01,login,u2\n",
        "a1,2024-02-01,export,u1\n",
        "a1,2024-03-01T10:00:00Z,export,u1\n",
    ];
    let one = read(&[
        ("subscriptions.csv", SUBSCRIPTIONS),
        ("usage_events/a.csv", &format!("{header}{}{}", rows[0], rows[1])),
        ("usage_events/b.csv", &format!("{header}{}{}", rows[2], rows[3])),
    ])
    .unwrap();
    let other = read(&[
        ("subscriptions.csv", SUBSCRIPTIONS),
        ("usage_events/a.csv", &format!("{header}{}{}{}", rows[3], rows[2], rows[1])),
        ("usage_events/b.csv", &format!("{header}{}", rows[0])),
        ("usage_events/_SUCCESS", ""),
    ])
    .unwrap();
    assert_eq!(one.accounts, other.accounts);
    assert_eq!(one.tables[0].sha256, other.tables[0].sha256);
    assert_ne!(one.tables[1].sha256, other.tables[1].sha256);
}

#[test]
fn bad_rows_are_set_aside_with_their_reasons() {
    let usage = "account_id,date,event,count\na1,2024-03-03,login,4\na1,2024-03-04,login,-1\n\
                 a1,soon,login,2,9\na1,soon,login,x\n";
    let config = HistoryConfig { on_bad_row: OnBadRow::Reject, ..HistoryConfig::default() };
    let dir = folder(&[("subscriptions.csv", SUBSCRIPTIONS), ("usage_daily.csv", usage)]);
    let inspection = inspect(dir.path(), &config).unwrap();
    let history = inspection.history.unwrap().unpacked().unwrap();
    assert_eq!(history.accounts[0].usage.len(), 1);
    assert_eq!((history.tables[1].n_rows, history.tables[1].n_rejected), (1, 3));
    let rejects: Vec<_> = inspection.rejects.iter().map(ToString::to_string).collect();
    assert_eq!(
        rejects,
        [
            "usage_daily (usage_daily.csv), row 2, column `count`: \"-1\" must be 0 or more",
            "usage_daily (usage_daily.csv), row 3: the row has 5 cells, the header 4",
            "usage_daily (usage_daily.csv), row 4, column `date`: \"soon\" is not a time: write a date \
         (2025-03-31), an RFC 3339 time or epoch seconds or milliseconds",
        ]
    );
}

#[test]
fn strangers_and_empty_tables_are_noted() {
    let dir = folder(&[
        ("subscriptions.csv", SUBSCRIPTIONS),
        ("snapshots.csv", "account_id,as_of\n"),
        ("ticket.csv", "x\n"),
        ("README.md", "hello"),
        ("surveys.csv", "account_id,score,responded_at\n"),
    ]);
    let inspection = inspect(dir.path(), &HistoryConfig::default()).unwrap();
    assert_eq!(
        inspection.notes,
        [
            "README.md is not read: it is no .parquet, .csv or .ndjson file",
            "snapshots.csv is not read: it is no table of the contract",
            "ticket.csv is not read: did you mean tickets?",
            "surveys has no rows and counts as absent",
        ]
    );
    assert_eq!(inspection.history.unwrap().tables.len(), 1);
}

#[test]
fn one_of_two_usage_tables_is_chosen() {
    let files = [
        ("subscriptions.csv", SUBSCRIPTIONS),
        ("usage_daily.csv", "account_id,date,event,count\na1,2024-03-03,login,4\n"),
        ("usage_events.csv", "account_id,event,occurred_at\na1,login,2024-03-03\na1,login,2024-03-04\n"),
    ];
    assert!(lines(&read(&files).unwrap_err())[0].contains("count usage twice"));
    let config = HistoryConfig { usage: Some(UsageTable::Events), ..HistoryConfig::default() };
    let chosen = history(folder(&files).path(), &config).unwrap();
    assert_eq!(chosen.accounts[0].usage.len(), 2);
}

#[test]
fn columns_can_be_left_unread() {
    let contacts = "contact_id,account_id,role,created_at\nc1,a1,Chief,2024-01-01\n";
    let files = [("subscriptions.csv", SUBSCRIPTIONS), ("contacts.csv", contacts)];
    assert!(lines(&read(&files).unwrap_err())[0].contains("is not one of executive_sponsor"));
    let ignore = TableConfig { ignore: vec!["role".to_owned()], ..TableConfig::default() };
    let config =
        HistoryConfig { tables: [("contacts".to_owned(), ignore)].into(), ..HistoryConfig::default() };
    let history = history(folder(&files).path(), &config).unwrap();
    assert_eq!(history.accounts[0].contacts[0].role, None);
}
