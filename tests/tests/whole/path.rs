//! The whole path: history → check → run → report → server → answer, and that what serves is what trained.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::program::{Server, TRAIN, real_data, trained};
use holdfast_features::{Kind, Value, read};
use holdfast_models::{ModelRef, Registry};
use holdfast_proto::v1::batch_score_result::Outcome;
use holdfast_proto::v1::feature_value::Kind as Sent;
use holdfast_proto::v1::risk_service_client::RiskServiceClient;
use holdfast_proto::v1::{
    BatchScoreRequest, FeatureRow, FeatureValue, Missing, RecommendRequest, ScoreRequest, Subject, subject,
};
use tonic::transport::Channel;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Probabilities by account, from a scores file with the columns account_id and probability.
fn probabilities(path: &Path) -> BTreeMap<String, f64> {
    let scores = fs::read_to_string(path).unwrap();
    let mut lines = scores.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let column = |name: &str| header.iter().position(|field| *field == name).unwrap();
    let (id, probability) = (column("account_id"), column("probability"));
    lines.map(|row| (row[id].to_owned(), row[probability].parse().unwrap())).collect()
}

fn by_id(account: &str) -> Subject {
    Subject { by: Some(subject::By::AccountId(account.to_owned())) }
}

/// Trains on `history`, scores its accounts in bulk, asks a server for each of them by id and by features, and
/// compares the bits.
async fn what_serves_is_what_trained(history: &Path, folder: &Path) {
    let registry = folder.join("registry");
    let printed = trained(&["run", "--history", text(history), "--registry", text(&registry), "--force"]);
    assert!(printed.contains("Published churn@v000001"), "{printed}");
    let version = registry.join("churn/v000001");
    for file in ["bundle.holdfast", "features.parquet", "report/report.html", "report/report.json"] {
        assert!(version.join(file).is_file(), "no {file}");
    }
    let (keys, table) = read::feature_file(&version.join("features.parquet")).unwrap();
    // The latest rows; earlier ones are readings to compare with.
    let latest = keys.iter().map(|key| key.as_of).max().unwrap();
    let rows: Vec<usize> = (0..keys.len()).filter(|&row| keys[row].as_of == latest).collect();
    let (keys, table) = (rows.iter().map(|&row| &keys[row]).collect::<Vec<_>>(), table.take(&rows));
    assert!(keys.len() > 20, "{} accounts", keys.len());
    let scores = folder.join("scores.csv");
    let as_of = keys[0].as_of.to_string();
    let _ = trained(&[
        "score",
        "--registry",
        text(&registry),
        "--history",
        text(history),
        "--as-of",
        &as_of,
        "--out",
        text(&scores),
    ]);
    let batch = probabilities(&scores);
    assert_eq!(batch.len(), keys.len());

    let server = Server::start(&registry, &[]);
    let mut client = RiskServiceClient::connect(format!("http://{}", server.addr)).await.unwrap();
    let subjects = keys.iter().map(|key| by_id(&key.account_id)).collect();
    let answer =
        client.batch_score(BatchScoreRequest { subjects, ..Default::default() }).await.unwrap().into_inner();
    for (key, result) in keys.iter().zip(answer.results) {
        let Some(Outcome::Score(score)) = result.outcome else { panic!("{} has no score", key.account_id) };
        assert_eq!(score.probability.to_bits(), batch[&*key.account_id].to_bits(), "{}", key.account_id);
        assert!(score.p_low <= score.probability && score.probability <= score.p_high);
    }
    let bundle = Registry::at(&registry).load(&"churn".parse::<ModelRef>().unwrap()).unwrap();
    for row in (0..keys.len()).step_by(keys.len() / 7) {
        let values: BTreeMap<String, FeatureValue> = bundle
            .manifest
            .specs
            .iter()
            .map(|spec| {
                let kind = match table.column(&spec.name).unwrap().value(row) {
                    Value::Number(number) if number.is_nan() => Sent::Missing(Missing {}),
                    Value::Number(number) if spec.kind == Kind::Boolean => Sent::Boolean(number == 1.0),
                    Value::Number(number) => Sent::Number(number),
                    Value::Text(Some(text)) => Sent::Text(text.to_owned()),
                    Value::Text(None) => Sent::Missing(Missing {}),
                };
                (spec.name.clone(), FeatureValue { kind: Some(kind) })
            })
            .collect();
        let features = FeatureRow { values, ..Default::default() };
        let subject = Some(Subject { by: Some(subject::By::Features(features)) });
        let score = client.score(ScoreRequest { subject }).await.unwrap().into_inner().score.unwrap();
        assert_eq!(score.probability.to_bits(), batch[&*keys[row].account_id].to_bits());
    }
    a_recommendation_says_why_and_what(&mut client, &batch).await;
}

async fn a_recommendation_says_why_and_what(
    client: &mut RiskServiceClient<Channel>,
    batch: &BTreeMap<String, f64>,
) {
    let riskiest = batch.iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    let answer =
        client.recommend(RecommendRequest { subject: Some(by_id(riskiest)) }).await.unwrap().into_inner();
    assert!(!answer.reasons_for.is_empty(), "no reason why {riskiest} is the riskiest");
    assert!(!answer.actions.is_empty(), "nothing to do for {riskiest}");
    let first = &answer.actions[0];
    assert!(
        !first.title.is_empty() && !first.reasons.is_empty() && first.due_within_hours > 0.0,
        "{first:?}"
    );
}

#[tokio::test]
async fn a_simulated_business() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history");
    let _ = trained(&[
        "simulate",
        "--out",
        text(&history),
        "--accounts",
        "250",
        "--months",
        "24",
        "--seed",
        "11",
    ]);
    let checked = trained(&["check", "--history", text(&history)]);
    assert!(checked.contains("subscriptions") && checked.contains("usage_events"), "{checked}");
    what_serves_is_what_trained(&history, folder.path()).await;
}

#[tokio::test]
async fn the_real_data_event_log() {
    let Some(data) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    what_serves_is_what_trained(&data.join("udacity"), folder.path()).await;
}

#[test]
fn the_same_seed_gives_the_same_bytes_with_one_and_with_two_threads() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history");
    let _ =
        trained(&["simulate", "--out", text(&history), "--accounts", "150", "--months", "24", "--seed", "5"]);
    let files = ["bundle.holdfast", "features.parquet", "report/report.html", "report/report.json"];
    let bytes = |threads: &str| {
        let registry = folder.path().join(threads);
        let status = std::process::Command::new(TRAIN)
            .args(["run", "--history", text(&history), "--registry", text(&registry), "--force"])
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
        files.map(|file| fs::read(registry.join("churn/v000001").join(file)).unwrap())
    };
    let (one, two) = (bytes("1"), bytes("2"));
    for (file, (one, two)) in files.iter().zip(one.iter().zip(&two)) {
        assert!(one == two, "{file} differs between one and two threads");
    }
}
