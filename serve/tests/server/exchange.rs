//! Exchanging the model in service: what is good takes over at once, what is bad changes nothing.

use std::time::Duration;

use holdfast_models::registry::Promotion;
use holdfast_proto::v1::{
    GetModelRequest, ListModelsRequest, ReloadModelRequest, ReloadModelResponse, ScoreRequest,
};
use holdfast_serve::{LoadError, Running, ServeError, WithoutModel};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Business, account, channel, flip_a_bit, models, overwrite, risk, stop};

async fn reload(running: &Running, version: &str) -> Result<ReloadModelResponse, Status> {
    let request = ReloadModelRequest { name: String::new(), version: version.to_owned() };
    Ok(models(running).await.reload_model(request).await?.into_inner())
}

/// The version that answers, and the probability of one account.
async fn answer(running: &Running) -> (String, f64) {
    let request = ScoreRequest { subject: account("acct-060") };
    let score = risk(running).await.score(request).await.unwrap().into_inner().score.unwrap();
    (score.model.unwrap().version, score.probability)
}

/// Waits for the health service to report `status` for the server as a whole.
async fn until(running: &Running, status: ServingStatus) {
    let mut health = HealthClient::new(channel(running).await);
    let request = HealthCheckRequest { service: String::new() };
    let mut changes = health.watch(request).await.unwrap().into_inner();
    let wait = async { while changes.message().await.unwrap().unwrap().status() != status {} };
    tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
}

#[tokio::test]
async fn a_new_version_takes_over_and_the_old_one_can_come_back() {
    let business = Business::published();
    let running = business.start().await;
    let (version, before) = answer(&running).await;
    assert_eq!(version, "v000001");
    business.publish(3);
    assert_eq!(answer(&running).await.0, "v000001", "nothing changes before it is asked for");

    let reloaded = reload(&running, "").await.unwrap();
    assert_eq!(reloaded.model.unwrap().version, "v000002");
    assert_eq!(reloaded.previous.unwrap().version, "v000001");
    let (version, after) = answer(&running).await;
    assert_eq!(version, "v000002");
    assert!((before - after).abs() > 1e-6);

    reload(&running, "1").await.unwrap();
    assert_eq!(answer(&running).await, ("v000001".to_owned(), before));
    let listed = models(&running).await.list_models(ListModelsRequest {}).await.unwrap().into_inner();
    let versions: Vec<_> = listed
        .models
        .iter()
        .map(|one| (one.model.as_ref().unwrap().version.as_str(), one.current, one.serving))
        .collect();
    assert_eq!(versions, [("v000001", false, true), ("v000002", true, false)]);
    stop(running).await;
}

#[tokio::test]
async fn a_bundle_that_cannot_be_served_changes_nothing() {
    let business = Business::published();
    let running = business.start().await;
    let before = answer(&running).await;
    let published = business.publish(2);
    let good = std::fs::read(&published.path).unwrap();
    // The header: 8 bytes of magic, then the format version.
    let mut wrong_version = good.clone();
    wrong_version[8] = 99;
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("no bundle", b"not a bundle at all, but long enough to hold a header and a digest".repeat(3)),
        ("half", good[..good.len() / 2].to_vec()),
        ("cut", good[..good.len() - 1].to_vec()),
        ("longer", [good.as_slice(), b"!"].concat()),
        ("version", wrong_version),
    ];
    for at in [0, 8, 20, good.len() / 3, good.len() / 2, good.len() - 1] {
        let mut flipped = good.clone();
        flipped[at] ^= 0x10;
        cases.push(("flipped", flipped));
    }
    for (case, bytes) in cases {
        overwrite(&published.path, &bytes);
        let status = reload(&running, "").await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition, "{case}: {status:?}");
        assert!(status.message().contains("bundle.holdfast"), "{case}: {}", status.message());
        assert_eq!(answer(&running).await, before, "{case}");
    }
    overwrite(&published.path, &good);
    assert_eq!(reload(&running, "").await.unwrap().model.unwrap().version, "v000002");
    stop(running).await;
}

#[tokio::test]
async fn a_snapshot_or_a_configuration_that_cannot_be_used_changes_nothing() {
    let business = Business::published();
    let settings = business.registry().with_file_name("holdfast.toml");
    overwrite(&settings, b"[training]\nfolds = 4\n[features]\n[decisions]\nmax_actions = 2\n");
    let mut config = business.config();
    config.settings = Some(settings.clone());
    let running = holdfast_serve::start(config).await.unwrap();
    let before = answer(&running).await;

    let features = business.publish(2).path.with_file_name("features.parquet");
    let good = std::fs::read(&features).unwrap();
    flip_a_bit(&features);
    overwrite(&features, &good[..good.len() / 2]);
    let status = reload(&running, "").await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("features.parquet"), "{}", status.message());
    assert_eq!(answer(&running).await, before);
    overwrite(&features, &good);

    overwrite(&settings, b"[decisions]\nmax_actions = 0\nmax_action = 3\n");
    let status = reload(&running, "").await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    for part in ["holdfast.toml:2", "holdfast.toml:3", "max_action"] {
        assert!(status.message().contains(part), "{}", status.message());
    }
    assert_eq!(answer(&running).await, before);
    stop(running).await;
}

#[tokio::test]
async fn the_registrys_current_version_is_followed() {
    let business = Business::published();
    let mut config = business.config();
    config.reload_every = Some(Duration::from_millis(20));
    let running = holdfast_serve::start(config).await.unwrap();
    business.publish(2);
    let followed = async { while answer(&running).await.0 != "v000002" {} };
    tokio::time::timeout(Duration::from_secs(30), followed).await.unwrap();
    stop(running).await;
}

#[tokio::test]
async fn a_server_can_wait_for_its_first_model() {
    let business = Business::unpublished();
    let error = holdfast_serve::start(business.config()).await.unwrap_err();
    assert!(matches!(error, ServeError::Load(LoadError::NoModel { .. })), "{error}");
    assert!(error.is_input());
    assert!(error.to_string().contains("--wait-for-model"), "{error}");

    let mut config = business.config();
    config.without_model = WithoutModel::Wait;
    let running = holdfast_serve::start(config).await.unwrap();
    until(&running, ServingStatus::NotServing).await;
    let status = risk(&running).await.score(ScoreRequest { subject: account("acct-001") }).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let status = models(&running).await.get_model(GetModelRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);

    business.publish(1);
    until(&running, ServingStatus::Serving).await;
    assert_eq!(answer(&running).await.0, "v000001");
    stop(running).await;
}

#[tokio::test]
async fn one_of_several_models_must_be_chosen() {
    let business = Business::published();
    business.publish_as("trial", 2, Promotion::Promote);
    let error = holdfast_serve::start(business.config()).await.unwrap_err().to_string();
    assert!(error.contains("churn, trial") && error.contains("--model"), "{error}");
    let mut config = business.config();
    config.model = Some("trial@1".parse().unwrap());
    let running = holdfast_serve::start(config).await.unwrap();
    assert_eq!(answer(&running).await.0, "v000001");
    let described = models(&running).await.get_model(GetModelRequest::default()).await.unwrap().into_inner();
    assert_eq!(described.model.unwrap().name, "trial");
    assert_eq!(described.snapshot.unwrap().accounts, 120);
    assert_eq!(described.metrics.len(), 2);
    assert!(described.calibrated_by_stage);
    let other = GetModelRequest { name: "churn".to_owned(), version: "1".to_owned() };
    assert!(!models(&running).await.get_model(other).await.unwrap().into_inner().calibrated_by_stage);
    let named: Vec<_> = described.features.iter().map(|feature| feature.name.as_str()).collect();
    assert!(named.contains(&"events_28d") && named.contains(&"legal_hold"), "{named:?}");
    stop(running).await;
}
