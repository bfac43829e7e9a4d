//! Bad input: each ends in one clear error that names the place, exit code 2, and nothing half-written.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; its files are written to be bad"
)]

mod program;

use std::fs;
use std::path::Path;

use program::train;

/// A bad input: the files it consists of, the command line, and what the error must name.
struct Case {
    name: &'static str,
    files: Vec<(&'static str, Vec<u8>)>,
    arguments: &'static [&'static str],
    names: &'static [&'static str],
}

const SUBSCRIPTIONS: &str =
    "subscription_id,account_id,mrr,currency,billing_period_months,started_at,ended_at\n";
const RUN: &[&str] = &["run", "--history", "history", "--registry", "registry", "--report", "report"];
const TABLE: &[&str] =
    &["table", "--data", "data.csv", "--label", "churned", "--registry", "registry", "--report", "report"];
const FOLDS: &[&str] = &[
    "table",
    "--data",
    "data.csv",
    "--label",
    "churned",
    "--registry",
    "registry",
    "--folds",
    "folds.csv",
    "--predictions",
    "predictions.csv",
];

fn subscriptions(rows: &str) -> (&'static str, Vec<u8>) {
    ("history/subscriptions.csv", format!("{SUBSCRIPTIONS}{rows}").into_bytes())
}

/// Sixty monthly accounts over a year, every fourth of which ends in its third to sixth month.
fn good_subscriptions() -> String {
    (0..60)
        .map(|n| {
            let end = if n % 4 == 0 { format!("2024-{:02}-10", 4 + n / 4 % 8) } else { String::new() };
            format!("s{n},a{n},{},USD,1,2024-0{}-10,{end}\n", 100 + n, 1 + n % 2)
        })
        .collect()
}

fn nobody_ends(subscriptions: &str) -> String {
    subscriptions
        .lines()
        .filter_map(|line| line.rsplit_once(','))
        .map(|(kept, _)| format!("{kept},\n"))
        .collect()
}

/// A table of `n` rows in which every third customer churned.
fn good_table(n: usize) -> String {
    let rows: String = (0..n)
        .map(|row| format!("c{row},{},{},{}\n", row % 7, ["x", "y"][row % 2], u8::from(row % 3 == 0)))
        .collect();
    format!("id,visits,plan,churned\n{rows}")
}

/// Usage that makes the end of 2024 the end of the history.
fn usage() -> (&'static str, Vec<u8>) {
    ("history/usage_daily.csv", b"account_id,date,event,count\na1,2024-12-30,login,3\n".to_vec())
}

fn table(text: &str) -> (&'static str, Vec<u8>) {
    ("data.csv", text.as_bytes().to_vec())
}

fn case(
    name: &'static str,
    files: Vec<(&'static str, Vec<u8>)>,
    arguments: &'static [&'static str],
    names: &'static [&'static str],
) -> Case {
    Case { name, files, arguments, names }
}

fn history_cases() -> Vec<Case> {
    vec![
        case("no such folder", vec![], RUN, &["history"]),
        case(
            "required table missing",
            vec![(
                "history/usage_daily.csv",
                b"account_id,date,event,count\na,2024-01-01,login,1\n".to_vec(),
            )],
            RUN,
            &["subscriptions"],
        ),
        case("empty table", vec![subscriptions("")], RUN, &["subscriptions"]),
        case(
            "required column missing",
            vec![("history/subscriptions.csv", b"subscription_id,mrr,started_at\ns,1,2024-01-01\n".to_vec())],
            RUN,
            &["subscriptions", "account_id"],
        ),
        case(
            "text in a number",
            vec![subscriptions("s,a,lots,USD,1,2024-01-01,\n")],
            RUN,
            &["subscriptions", "mrr", "lots", "1"],
        ),
        case(
            "required value missing",
            vec![subscriptions("s,a,100,USD,1,2024-01-01,\nt,,100,USD,1,2024-01-01,\n")],
            RUN,
            &["subscriptions", "account_id", "2"],
        ),
        case(
            "all-missing column",
            vec![subscriptions("s,a,,USD,1,2024-01-01,\nt,b,,USD,1,2024-01-01,\n")],
            RUN,
            &["subscriptions", "mrr", "row 1"],
        ),
        case(
            "not a date",
            vec![subscriptions("s,a,100,USD,1,01/31/2024,\n")],
            RUN,
            &["subscriptions", "started_at", "01/31/2024"],
        ),
        case(
            "a date in the future",
            vec![
                subscriptions("s,a,100,USD,1,2024-01-01,\n"),
                ("history/usage_daily.csv", b"account_id,date,event,count\na,20240-01-01,login,1\n".to_vec()),
            ],
            RUN,
            &["usage_daily", "date", "20240-01-01"],
        ),
        case(
            "duplicate ids",
            vec![subscriptions("s,a,100,USD,1,2024-01-01,\ns,b,100,USD,1,2024-01-01,\n")],
            RUN,
            &["subscriptions", "subscription_id", "row 2", "\"s\""],
        ),
        case(
            "mixed currencies",
            vec![subscriptions("s,a,100,USD,1,2024-01-01,\nt,b,100,EUR,1,2024-01-01,\n")],
            RUN,
            &["subscriptions", "USD", "EUR"],
        ),
        case(
            "ends before it starts",
            vec![subscriptions("s,a,100,USD,1,2024-03-01,2024-01-01\n")],
            RUN,
            &["subscriptions", "ended_at", "2024-01-01"],
        ),
        case(
            "unknown label",
            vec![
                subscriptions(&good_subscriptions()),
                ("history/labels.csv", b"account_id,term_end,outcome\na1,2024-05-10,perhaps\n".to_vec()),
            ],
            RUN,
            &["labels", "outcome", "perhaps"],
        ),
        case(
            "not UTF-8",
            vec![(
                "history/subscriptions.csv",
                [SUBSCRIPTIONS.as_bytes(), b"s,caf\xe9,1,USD,1,2024-01-01,\n"].concat(),
            )],
            RUN,
            &["subscriptions", "UTF-8"],
        ),
        case(
            "one class only",
            vec![usage(), subscriptions(&nobody_ends(&good_subscriptions()))],
            RUN,
            &["churned"],
        ),
        case(
            "too few decided renewals",
            vec![subscriptions("s,a,100,USD,1,2024-01-01,\nt,b,100,USD,1,2024-01-01,2024-02-01\n")],
            RUN,
            &["decided"],
        ),
        case(
            "several mistakes in the configuration",
            vec![
                subscriptions(&good_subscriptions()),
                ("holdfast.toml", b"[training]\nfolds = 1\nsead = 4\n[decisons]\n".to_vec()),
            ],
            &["run", "--history", "history", "--registry", "registry", "--config", "holdfast.toml"],
            &["holdfast.toml:2", "training.folds", "holdfast.toml:3", "sead", "holdfast.toml:4", "decisons"],
        ),
        case(
            "an observation date that is none",
            vec![usage(), subscriptions(&good_subscriptions())],
            &["features", "--history", "history", "--as-of", "2024-06-01,soon", "--out", "registry/out.csv"],
            &["--as-of", "soon"],
        ),
        case(
            "an ending that nobody writes",
            vec![usage(), subscriptions(&good_subscriptions())],
            &["features", "--history", "history", "--as-of", "2024-06-01", "--out", "out.xlsx"],
            &["out.xlsx", ".parquet", ".csv"],
        ),
        case(
            "an unknown account in a snapshots file",
            vec![
                usage(),
                subscriptions(&good_subscriptions()),
                ("snapshots.csv", b"account_id,as_of\na1,2024-06-01\nzzz,2024-06-01\n".to_vec()),
            ],
            &["features", "--history", "history", "--snapshots", "snapshots.csv", "--out", "out.csv"],
            &["snapshots.csv", "zzz"],
        ),
    ]
}

fn table_cases() -> Vec<Case> {
    vec![
        case("no such file", vec![], TABLE, &["data.csv"]),
        case("empty file", vec![table("")], TABLE, &["data.csv"]),
        case("no rows", vec![table("id,visits,churned\n")], TABLE, &["data.csv", "row"]),
        case("label column missing", vec![table("id,visits\n1,2\n")], TABLE, &["churned"]),
        case("one class only", vec![table("visits,churned\n1,0\n2,0\n3,0\n")], TABLE, &["churned"]),
        case(
            "unknown label",
            vec![table("visits,churned\n1,0\n2,1\n3,maybe\n")],
            TABLE,
            &["churned", "maybe"],
        ),
        case("missing label", vec![table("visits,churned\n1,0\n2,1\n3,\n")], TABLE, &["churned"]),
        case("all-missing label", vec![table("visits,churned\n1,\n2,\n3,\n4,\n")], TABLE, &["churned"]),
        case(
            "only all-missing columns",
            vec![table("empty,churned\n,0\n,1\n,0\n,1\n")],
            TABLE,
            &["data.csv", "empty"],
        ),
        case("column named twice", vec![table("visits,visits,churned\n1,2,0\n2,1,1\n")], TABLE, &["visits"]),
        case("ragged row", vec![table("visits,plan,churned\n1,x,0\n2,1\n")], TABLE, &["data.csv"]),
        case(
            "not UTF-8",
            vec![("data.csv", b"plan,churned\ncaf\xe9,0\nb,1\n".to_vec())],
            TABLE,
            &["data.csv", "UTF-8"],
        ),
        case(
            "duplicate ids",
            vec![table("id,visits,churned\n7,2,0\n7,1,1\n8,1,1\n9,1,0\n")],
            &["table", "--data", "data.csv", "--label", "churned", "--id", "id", "--registry", "registry"],
            &["id", "7"],
        ),
        case(
            "excluded column that is not there",
            vec![table(&good_table(90))],
            &[
                "table",
                "--data",
                "data.csv",
                "--label",
                "churned",
                "--exclude",
                "segmnt",
                "--registry",
                "registry",
            ],
            &["segmnt"],
        ),
        case(
            "nothing to learn from",
            vec![table("id,churned\n1,0\n2,1\n3,0\n4,1\n")],
            &["table", "--data", "data.csv", "--label", "churned", "--id", "id", "--registry", "registry"],
            &["data.csv"],
        ),
        case("too few churned rows", vec![table(&good_table(9))], TABLE, &["churned"]),
        case(
            "folds beyond the table",
            vec![table(&good_table(90)), ("folds.csv", b"row,fold\n0,0\n90,1\n".to_vec())],
            FOLDS,
            &["folds.csv", "row 2", "90"],
        ),
        case(
            "folds that leave one class",
            vec![table(&good_table(90)), ("folds.csv", b"row,fold\n0,0\n3,1\n6,0\n".to_vec())],
            FOLDS,
            &["folds.csv"],
        ),
        case(
            "folds that part the outcomes",
            vec![
                table(&good_table(90)),
                (
                    "folds.csv",
                    (0..90)
                        .fold(String::from("row,fold\n"), |text, row| {
                            format!("{text}{row},{}\n", usize::from(row % 3 != 0))
                        })
                        .into_bytes(),
                ),
            ],
            FOLDS,
            &["fold"],
        ),
        case(
            "positive value that never occurs",
            vec![table(&good_table(90))],
            &[
                "table",
                "--data",
                "data.csv",
                "--label",
                "churned",
                "--positive",
                "gone",
                "--registry",
                "registry",
            ],
            &["churned", "gone"],
        ),
        case(
            "scoring with a model that was never published",
            vec![table(&good_table(90))],
            &[
                "score",
                "--registry",
                "registry",
                "--model",
                "absent",
                "--data",
                "data.csv",
                "--out",
                "out.csv",
            ],
            &["absent"],
        ),
    ]
}

fn check(case: &Case) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    for (path, content) in &case.files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let output = train(directory.path(), case.arguments);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut wrong = Vec::new();
    if output.status.code() != Some(2) {
        wrong.push(format!("exit code {:?}", output.status.code()));
    }
    if stderr.matches("error:").count() != 1 || stderr.contains("panicked") {
        wrong.push("not exactly one error".to_owned());
    }
    wrong
        .extend(case.names.iter().filter(|name| !stderr.contains(**name)).map(|name| format!("no `{name}`")));
    let left: Vec<String> = written(directory.path())
        .into_iter()
        .filter(|path| !case.files.iter().any(|(file, _)| path == file))
        .collect();
    if !left.is_empty() {
        wrong.push(format!("left behind: {left:?}"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{}: {}\n  {stderr}", case.name, wrong.join(", "))) }
}

/// Every file under `directory`, relative to it.
fn written(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(directory).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found
}

/// Yearly terms that all end at once: no row is decided before another is observed.
fn one_season() -> String {
    let ends = |n: usize| if n.is_multiple_of(4) { "2024-03-01" } else { "" };
    (0..60).map(|n| format!("s{n},a{n},100,USD,12,2023-03-01,{}\n", ends(n))).collect()
}

fn check_all(cases: &[Case]) {
    let wrong: Vec<String> = cases.iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn bad_histories() {
    check_all(&history_cases());
}

#[test]
fn bad_tables() {
    check_all(&table_cases());
}

#[test]
fn check_refuses_what_run_would_refuse() {
    let directory = tempfile::tempdir().unwrap();
    let (file, content) = subscriptions(&one_season());
    let (usage_file, usage) = usage();
    fs::create_dir(directory.path().join("history")).unwrap();
    fs::write(directory.path().join(file), content).unwrap();
    fs::write(directory.path().join(usage_file), usage).unwrap();
    for arguments in [&["check", "--history", "history"][..], RUN] {
        let output = train(directory.path(), arguments);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("no date splits the 300 decided rows") && said.contains("min_positives"),
            "{said}"
        );
    }
}

#[test]
fn rows_set_aside_are_counted_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let at = |path: &str| directory.path().join(path);
    fs::create_dir(at("history")).unwrap();
    let bad = "s900,a900,much,USD,1,2024-01-10,\n";
    let (file, content) = subscriptions(&(good_subscriptions() + bad));
    fs::write(at(file), content).unwrap();
    let (file, content) = usage();
    fs::write(at(file), content).unwrap();
    let config = "[history]\non_bad_row = \"reject\"\n[training]\nfolds = 2\nreplicates = 20\nlearners = [\"logistic\"]\n";
    fs::write(at("holdfast.toml"), config).unwrap();
    let output = train(directory.path(), &[RUN, &["--config", "holdfast.toml", "--force"][..]].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Bad rows set aside: 1; rejects.csv"), "{said}");
    let rejects = fs::read_to_string(at("registry/churn/v000001/rejects.csv")).unwrap();
    assert!(rejects.contains("subscriptions.csv") && rejects.contains("much"), "{rejects}");
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(at("report/report.json")).unwrap()).unwrap();
    assert_eq!(report["data"]["tables"][0]["set_aside"], 1);
}
