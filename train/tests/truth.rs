//! The pipeline judged by the truth, at sizes that a test can wait for: what knows nothing is not put to use, and a leak is
//! named.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod program;

use std::fs;
use std::path::Path;

use holdfast_train::truth::Verdict;

use program::train;

const CONFIG: &str = "[training]\nlearners = [\"logistic\"]\nreplicates = 100\n";

/// Exit code and what was printed.
fn answer(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = train(directory, arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), String::from_utf8(output.stdout).unwrap() + &error)
}

#[test]
fn nothing_is_found_where_nothing_is_and_a_leak_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::write(at.join("holdfast.toml"), CONFIG).unwrap();
    let (code, text) = answer(
        at,
        &[
            "truth",
            "--scenario",
            "null,planted-leak",
            "--accounts",
            "300",
            "--ceiling-accounts",
            "150",
            "--months",
            "24",
            "--config",
            "holdfast.toml",
            "--out",
            "truth.json",
            "--check",
        ],
    );
    assert_eq!(code, Some(0), "{text}");
    let verdicts: Vec<Verdict> = serde_json::from_slice(&fs::read(at.join("truth.json")).unwrap()).unwrap();
    let [null, leak] = verdicts.as_slice() else { panic!("two scenarios were asked for: {text}") };
    assert!(!null.businesses[0].is_in_use, "{text}");
    assert!((null.businesses[0].later.latent.base_rate - 0.14).abs() < 1e-9, "{text}");
    assert!(leak.businesses[0].warnings.iter().any(|warning| warning.contains("`nps_")), "{text}");
    for verdict in &verdicts {
        assert!(!verdict.promises.is_empty() && verdict.is_kept(), "{text}");
    }
    assert!(text.contains("kept   share of reports that do not name the leak"), "{text}");
}

#[test]
fn a_model_that_is_no_better_than_the_base_rate_waits_for_a_word() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::write(at.join("holdfast.toml"), CONFIG).unwrap();
    let simulate =
        ["simulate", "--out", "history", "--accounts", "250", "--months", "20", "--scenario", "null"];
    assert_eq!(answer(at, &simulate).0, Some(0));
    let run = ["run", "--history", "history", "--registry", "registry", "--config", "holdfast.toml"];
    let (code, text) = answer(at, &run);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("On hold:") && text.contains("models promote --registry registry churn@v000001"),
        "{text}"
    );
    let report = fs::read_to_string(at.join("registry/churn/v000001/report/report.json")).unwrap();
    assert!(report.contains("published on hold, not put to use"), "the report says so too");
    let score = [
        "score",
        "--registry",
        "registry",
        "--history",
        "history",
        "--as-of",
        "2023-08-01",
        "--out",
        "s.csv",
    ];
    assert_eq!(answer(at, &score).0, Some(2), "a model on hold is not in use");
    assert_eq!(answer(at, &["models", "promote", "--registry", "registry", "churn@v000001"]).0, Some(0));
    let (code, text) = answer(at, &score);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = answer(at, &[run.as_slice(), &["--force"]].concat());
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("On hold:"), "{text}");
}

#[test]
fn a_name_that_is_no_scenario_is_refused_with_all_that_are() {
    let directory = tempfile::tempdir().unwrap();
    let (code, text) = answer(directory.path(), &["truth", "--scenario", "nil"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("`nil` is no scenario: write one of default, null, planted-leak"), "{text}");
}
