//! The whole training side on a small simulated business: run, score, features, models.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod program;

use std::fs;
use std::path::Path;
use std::process::Command;

use holdfast_features::read::feature_file;
use holdfast_models::{Bundle, ModelRef, Registry};
use tempfile::TempDir;

use program::train;

fn succeed(directory: &Path, arguments: &[&str]) -> String {
    let output = train(directory, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

const CONFIG: &str = "[training]\nlearners = [\"logistic\"]\nfinalists = 2\nreplicates = 40\n";

/// A business with two published versions.
fn business() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::write(at.join("holdfast.toml"), CONFIG).unwrap();
    succeed(at, &["simulate", "--out", "business", "--accounts", "400", "--months", "24", "--seed", "3"]);
    for _ in 0..2 {
        succeed(at, &RUN);
    }
    directory
}

const RUN: [&str; 8] =
    ["run", "--history", "business", "--registry", "registry", "--config", "holdfast.toml", "--force"];

fn bundle(directory: &Path, model: &str) -> Bundle {
    Registry::at(&directory.join("registry")).load(&model.parse::<ModelRef>().unwrap()).unwrap()
}

/// The columns of a CSV file's line after `account_id` and `as_of`.
fn scores(path: &Path) -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some(
            "account_id,as_of,probability,p_low,p_high,churn_probability_30d,churn_probability_60d,\
             churn_probability_90d,churn_probability_180d,contracted_probability,renewed_probability,\
             expanded_probability,stage,health,band,horizon_days"
        )
    );
    lines
        .map(|line| {
            let mut cells = line.split(',').map(str::to_owned);
            (cells.next().unwrap(), cells.skip(1).collect())
        })
        .collect()
}

/// One test: the business takes a while, and test runners start a process for each test.
#[test]
fn from_a_history_to_scores() {
    let business = business();
    let at = business.path();
    the_same_input_gives_the_same_bytes(at);
    a_batch_score_is_bit_for_bit_what_the_bundle_says_of_the_stored_features(at);
    a_published_version_has_its_features_and_report_and_they_agree_with_the_bundle(at);
    features_are_written_as_they_were_computed(at);
    check_says_ready_and_prints_the_rules(at);
    snapshots_are_judged_by_the_folds_of_a_file(at);
}

fn the_same_input_gives_the_same_bytes(at: &Path) {
    let [first, second] = ["churn@1", "churn@2"].map(|model| bundle(at, model));
    assert_eq!(first.model, second.model);
    assert_eq!(first.benchmarks, second.benchmarks);
    assert!(first.horizons.is_some() && first.horizons == second.horizons);
    assert!(first.outcomes.is_some() && first.outcomes == second.outcomes);
    assert_eq!(first.manifest.metrics, second.manifest.metrics);
    let features = |version: &str| fs::read(at.join("registry/churn").join(version).join("features.parquet"));
    assert_eq!(features("v000001").unwrap(), features("v000002").unwrap());
    let alone =
        ["run", "--history", "business", "--registry", "alone", "--config", "holdfast.toml", "--force"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast-train"));
    let single = command.current_dir(at).args(alone).env("RAYON_NUM_THREADS", "1").output().unwrap();
    assert!(single.status.success());
    let alone = Registry::at(&at.join("alone")).load(&"churn".parse().unwrap()).unwrap();
    assert_eq!(alone.model, first.model);
    assert_eq!((alone.horizons, alone.outcomes), (first.horizons, first.outcomes));
}

fn a_batch_score_is_bit_for_bit_what_the_bundle_says_of_the_stored_features(at: &Path) {
    let bundle = bundle(at, "churn");
    let until = bundle.manifest.provenance.as_of.unwrap().to_string();
    succeed(
        at,
        &[
            "score",
            "--registry",
            "registry",
            "--history",
            "business",
            "--as-of",
            &until,
            "--out",
            "scores.csv",
        ],
    );
    let (keys, table) = feature_file(&at.join("registry/churn/v000002/features.parquet")).unwrap();
    let latest = keys.iter().map(|key| key.as_of).max().unwrap();
    let rows: Vec<usize> = (0..keys.len()).filter(|&row| keys[row].as_of == latest).collect();
    assert!(keys.len() > 2 * rows.len(), "most accounts have a reading of a week and of a month before");
    let (keys, table) = (rows.iter().map(|&row| &keys[row]).collect::<Vec<_>>(), table.take(&rows));
    let table = bundle.model.align(&table).unwrap();
    let predictions = bundle.model.predict_table(&table);
    let scores = scores(&at.join("scores.csv"));
    assert_eq!(scores.len(), keys.len());
    assert!(scores.len() > 100);
    for (row, ((key, prediction), (account, cells))) in keys.iter().zip(&predictions).zip(&scores).enumerate()
    {
        assert_eq!(&*key.account_id, account);
        let horizons = bundle.horizon_risks(table.row(row), prediction).unwrap();
        assert!(horizons.windows(2).all(|pair| pair[0].churn_probability <= pair[1].churn_probability));
        let said = [prediction.probability, prediction.p_low, prediction.p_high].into_iter();
        let said = said.chain(horizons.map(|risk| risk.churn_probability)).map(f64::to_bits);
        let read = cells[..7].iter().map(|cell| cell.parse::<f64>().unwrap().to_bits());
        assert!(read.eq(said), "{account}: {cells:?}");
        let rest = cells[7..10].iter().map(|cell| cell.parse::<f64>().unwrap()).sum::<f64>();
        assert!((prediction.probability + rest - 1.0).abs() < 1e-12);
        assert!(["healthy", "low", "medium", "high"].contains(&cells[12].as_str()), "{cells:?}");
    }
}

fn a_published_version_has_its_features_and_report_and_they_agree_with_the_bundle(at: &Path) {
    let folder = at.join("registry/churn/v000002");
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("report/report.json")).unwrap()).unwrap();
    assert_eq!(report["generated_for"], "churn@v000002");
    assert_eq!(report["evaluation"], bundle(at, "churn@2").manifest.metrics);
    // Few of so small a business churn: its AUC is known to a wide interval only.
    let auc = report["evaluation"]["auc"]["high"].as_f64().unwrap();
    assert!(auc > 0.65, "AUC {auc} at best on later rows of a business whose churn can be foreseen");
    let page = fs::read_to_string(folder.join("report/report.html")).unwrap();
    assert!(page.contains("churn@v000002") && page.contains("When will they churn?"));
    let judged = report["horizons"]["judged"].as_array().unwrap();
    let days: Vec<u64> = judged.iter().filter_map(|one| one["days"].as_u64()).collect();
    assert_eq!(days, [30, 60, 90], "the later rows of so short a history are not followed for 180 days");
    assert_eq!(report["outcomes"]["outcomes"].as_array().map(Vec::len), Some(4));
}

fn features_are_written_as_they_were_computed(at: &Path) {
    let arguments = ["features", "--history", "business", "--as-of", "2023-06-30,2023-07-31", "--out"];
    succeed(at, &[&arguments[..], &["features.parquet"]].concat());
    let (keys, table) = feature_file(&at.join("features.parquet")).unwrap();
    assert_eq!(keys.len(), table.n_rows());
    let dates: std::collections::BTreeSet<String> = keys.iter().map(|key| key.as_of.to_string()).collect();
    assert_eq!(dates.into_iter().collect::<Vec<_>>(), ["2023-06-30", "2023-07-31"]);
    succeed(at, &[&arguments[..], &["features.csv"]].concat());
    let text = fs::read_to_string(at.join("features.csv")).unwrap();
    assert_eq!(text.lines().count(), keys.len() + 1);
    assert!(text.starts_with("account_id,as_of,"));
}

/// Each account at three dates, in one of three folds but for the last one; every fourth row churned.
fn snapshots_are_judged_by_the_folds_of_a_file(at: &Path) {
    let accounts: Vec<String> =
        scores(&at.join("scores.csv")).into_iter().map(|(account, _)| account).collect();
    let (mut snapshots, mut folds) = ("account_id,as_of,churned_30d\n".to_owned(), "row,fold\n".to_owned());
    let mut keys = Vec::new();
    for (index, account) in accounts.iter().enumerate() {
        for (month, date) in ["2023-06-30", "2023-07-31", "2023-08-31"].into_iter().enumerate() {
            let row = keys.len();
            snapshots += &format!("{account},{date},{}\n", u8::from((index + month) % 4 == 0));
            if index + 1 < accounts.len() {
                folds += &format!("{row},{}\n", index % 3);
            }
            keys.push(format!("{row},{account},{date}"));
        }
    }
    fs::write(at.join("snapshots.csv"), snapshots).unwrap();
    fs::write(at.join("folds.csv"), folds).unwrap();
    let arguments = [
        &["run", "--history", "business", "--registry", "folded", "--config", "holdfast.toml", "--force"][..],
        &["--snapshots", "snapshots.csv", "--folds", "folds.csv", "--predictions", "judged.csv"],
        &["--report", "folded-report"],
    ]
    .concat();
    succeed(at, &arguments);
    let judged = fs::read_to_string(at.join("judged.csv")).unwrap();
    let mut lines = judged.lines();
    assert_eq!(lines.next(), Some("row,account_id,as_of,probability"));
    let (said, probabilities): (Vec<String>, Vec<f64>) = lines
        .map(|line| line.rsplit_once(',').unwrap())
        .map(|(key, probability)| (key.to_owned(), probability.parse::<f64>().unwrap()))
        .unzip();
    assert_eq!(said, keys[..keys.len() - 3]);
    assert!(probabilities.iter().all(|probability| (0.0..1.0).contains(probability)));
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(at.join("folded-report/report.json")).unwrap()).unwrap();
    assert_eq!(report["evaluation"]["rows"], said.len());
    let protocol = report["protocol"]["lines"].to_string();
    assert!(protocol.contains("Outer folds: 3, of folds.csv."), "{protocol}");
}

fn check_says_ready_and_prints_the_rules(at: &Path) {
    let brief = succeed(at, &["check", "--history", "business"]);
    assert!(brief.contains("Ready:") && !brief.contains("approval_arr"), "{brief}");
    let text = succeed(at, &["check", "--history", "business", "--rules"]);
    for part in ["usage_events", "Renewals:", "decisions.guardrails.approval_arr = 10000 (default)", "Ready:"]
    {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn models_are_listed_verified_and_rolled_back() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let rows: String = (0..120)
        .map(|row| format!("{},{},{}\n", row % 9, ["x", "y", "z"][row % 3], u8::from(row % 9 + row % 3 > 6)))
        .collect();
    fs::write(at.join("customers.csv"), format!("visits,plan,churned\n{rows}")).unwrap();
    fs::write(at.join("holdfast.toml"), CONFIG).unwrap();
    let table = ["table", "--data", "customers.csv", "--label", "churned", "--registry", "registry"];
    let table = [&table[..], &["--config", "holdfast.toml", "--predictions", "predictions.csv"]].concat();
    succeed(at, &table);
    succeed(at, &table);
    let predictions = fs::read_to_string(at.join("predictions.csv")).unwrap();
    let rows: Vec<&str> = predictions.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(rows, (0..120).map(|row| row.to_string()).collect::<Vec<_>>());

    let models = |arguments: &[&str]| {
        succeed(at, &[&["models"], &arguments[..1], &["--registry", "registry"], &arguments[1..]].concat())
    };
    assert!(models(&["list"]).contains("customers@v000002  current"));
    assert_eq!(models(&["verify"]).matches("is intact").count(), 2);
    assert!(models(&["rollback", "customers"]).contains("v000001"));
    assert!(models(&["list"]).contains("customers@v000001  current"));
    models(&["promote", "customers@2"]);
    let manifest: serde_json::Value = serde_json::from_str(&models(&["show", "customers"])).unwrap();
    assert_eq!(
        (&manifest["version"], &manifest["provenance"]["positive_label"]),
        (&"v000002".into(), &"1".into())
    );

    succeed(at, &["score", "--registry", "registry", "--data", "customers.csv", "--out", "scores.csv"]);
    let scores = fs::read_to_string(at.join("scores.csv")).unwrap();
    assert_eq!((scores.lines().count(), scores.lines().next()), (121, Some("row,probability,p_low,p_high")));

    assert!(
        models(&["export", "customers", "--onnx", "customers.onnx"]).contains("customers@v000002 as ONNX")
    );
    let onnx = fs::read(at.join("customers.onnx")).unwrap();
    assert!(onnx.windows(9).any(|name| name == b"encoded_0"));

    let path = at.join("registry/customers/v000001/bundle.holdfast");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let output = train(at, &["models", "verify", "--registry", "registry"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("v000001") && stderr.contains("checksum"), "{stderr}");
    let output = train(
        at,
        &["score", "--registry", "registry", "--history", "x", "--as-of", "2024-01-01", "--out", "s.csv"],
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--data FILE"));
}
