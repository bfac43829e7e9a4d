//! Health and reflection as other programs expect them, and the binary as a supervisor does.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use holdfast_proto::SERVICES;
use holdfast_proto::v1::risk_service_client::RiskServiceClient;
use holdfast_proto::v1::{BatchScoreRequest, ScoreRequest};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

use crate::support::{Business, account, channel, stop};

#[tokio::test]
async fn health_is_told_for_the_server_and_each_service() {
    let business = Business::published();
    let running = business.start().await;
    let mut health = HealthClient::new(channel(&running).await);
    for service in ["", SERVICES[0], SERVICES[1]] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    let request = HealthCheckRequest { service: "holdfast.v1.Nothing".to_owned() };
    assert_eq!(health.check(request).await.unwrap_err().code(), Code::NotFound);

    let mut changes = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(changes.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    running.shutdown();
    assert_eq!(changes.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    drop((changes, health));
    running.join().await.unwrap();
}

#[tokio::test]
async fn reflection_lists_the_services_in_both_versions() {
    let business = Business::published();
    let running = business.start().await;

    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel(&running).await);
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let v1::server_reflection_response::MessageResponse::ListServicesResponse(listed) = answer else {
        unreachable!("{answer:?}")
    };
    let names: Vec<_> = listed.service.iter().map(|service| service.name.as_str()).collect();
    for service in SERVICES.iter().chain(&["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"]) {
        assert!(names.contains(service), "{service} is not in {names:?}");
    }

    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel(&running).await);
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
            SERVICES[0].to_owned(),
        )),
    };
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    assert!(matches!(
        answer,
        v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_)
    ));
    stop(running).await;
}

/// The binary, listening; killed where a test fails.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(business: &Business) -> Self {
        let mut child = binary(business).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, address }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Already gone where the test succeeded.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn binary(business: &Business) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast-serve"));
    command.arg("--registry").arg(business.registry()).args(["--listen", "127.0.0.1:0"]);
    command.stderr(Stdio::null());
    command
}

#[tokio::test]
async fn sigterm_ends_calls_in_flight_and_then_the_server() {
    for signal in ["-TERM", "-INT"] {
        let business = Business::published();
        let mut served = Served::start(&business);
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", served.address)).unwrap();
        let mut client = RiskServiceClient::new(endpoint.connect().await.unwrap());
        client.score(ScoreRequest { subject: account("acct-001") }).await.unwrap();

        // Many calls are under way when the signal comes; each is answered or was never begun.
        let subjects = vec![account("acct-001").unwrap(); 1_000];
        let request = BatchScoreRequest { subjects, ..BatchScoreRequest::default() };
        let calls: Vec<_> = (0..20)
            .map(|_| {
                let (mut client, request) = (client.clone(), request.clone());
                tokio::spawn(async move { client.batch_score(request).await })
            })
            .collect();
        // One answer has arrived, so the others are in flight.
        let mut calls = calls.into_iter();
        calls.next().unwrap().await.unwrap().unwrap();
        served.signal(signal);
        for call in calls {
            match call.await.unwrap() {
                Ok(answer) => assert_eq!(answer.into_inner().results.len(), 1_000),
                Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status:?}"),
            }
        }
        drop(client);
        let waited = tokio::task::spawn_blocking(move || served.child.wait().unwrap());
        let status = tokio::time::timeout(Duration::from_secs(20), waited).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(endpoint.connect().await.is_err(), "nobody listens any more");
    }
}

#[tokio::test]
async fn unusable_input_ends_with_code_2_and_a_reason() {
    let business = Business::unpublished();
    let ended = binary(&business).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let reason = String::from_utf8(ended.stderr).unwrap();
    assert!(reason.contains("holds no model") && reason.contains("--wait-for-model"), "{reason}");
    assert!(ended.stdout.is_empty());

    business.publish(1);
    let ended =
        binary(&business).args(["--features", "absent.parquet"]).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8(ended.stderr).unwrap().contains("absent.parquet"));
    let ended = binary(&business).arg("--max-batch=0").output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
}

#[tokio::test]
async fn a_taken_address_ends_with_code_1() {
    let business = Business::published();
    let served = Served::start(&business);
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast-serve"));
    command.arg("--registry").arg(business.registry()).args(["--listen", &served.address]);
    let ended = command.args(["--log-format", "json"]).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let last = String::from_utf8(ended.stderr).unwrap().lines().last().unwrap().to_owned();
    let logged: serde_json::Value = serde_json::from_str(&last).unwrap();
    assert!(logged["message"].as_str().unwrap().contains("cannot listen on"), "{last}");
}
