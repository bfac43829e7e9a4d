//! What a client gets for a request that cannot be answered: one status, every mistake in it.

use std::collections::BTreeMap;

use holdfast_features::Timestamp;
use holdfast_proto::limits::MAX_MESSAGE_BYTES;
use holdfast_proto::v1::feature_value::Kind as Given;
use holdfast_proto::v1::subject::By;
use holdfast_proto::v1::{
    AccountContext, BatchScoreRequest, GetModelRequest, ReloadModelRequest, ScoreRequest, Subject,
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{Business, account, given, models, now, risk, stop};

/// The field violations of a refused request, by field.
fn violations(status: &Status) -> BTreeMap<String, String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_details_bad_request().unwrap();
    details.field_violations.into_iter().map(|one| (one.field, one.description)).collect()
}

#[tokio::test]
async fn an_unknown_account_is_not_found() {
    let business = Business::published();
    let running = business.start().await;
    let mut client = risk(&running).await;
    let status = client.score(ScoreRequest { subject: account("acct-999") }).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.message(), "the feature snapshot has no account \"acct-999\"");
    stop(running).await;
}

#[tokio::test]
async fn an_account_needs_a_snapshot_to_be_looked_up_in() {
    let business = Business::published();
    std::fs::remove_file(business.registry().join("churn/v000001/features.parquet")).unwrap();
    let running = business.start().await;
    let mut client = risk(&running).await;
    let status = client.score(ScoreRequest { subject: account("acct-001") }).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("--features"), "{}", status.message());
    let by_features = given([("events_28d", Given::Number(1.0))]);
    assert!(client.score(ScoreRequest { subject: by_features }).await.is_ok());
    stop(running).await;
}

#[tokio::test]
async fn every_mistake_is_told_at_once() {
    let business = Business::published();
    let running = business.start().await;
    let mut client = risk(&running).await;
    let mut subject = given([
        ("events_28d", Given::Number(f64::NAN)),
        ("tickets_28d", Given::Number(f64::NEG_INFINITY)),
        ("auto_renews", Given::Number(1.0)),
        ("region", Given::Boolean(true)),
        ("days_to_term_end", Given::Text("soon".into())),
        ("logins", Given::Number(3.0)),
        ("plan", Given::Text("x".repeat(2_000))),
        ("tier", Given::Text(String::new())),
        ("arr", Given::Number(1.0)),
    ]);
    let Some(Subject { by: Some(By::Features(features)) }) = &mut subject else { panic!("no features") };
    features.context = Some(AccountContext {
        arr: Some(5.0),
        tenure_days: Some(f64::INFINITY),
        ..AccountContext::default()
    });
    features.values.insert("term_months".to_owned(), holdfast_proto::v1::FeatureValue { kind: None });
    features.as_of = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
    features.reference = "r".repeat(2_000);
    let status = client.score(ScoreRequest { subject }).await.unwrap_err();
    assert!(status.message().starts_with("13 fields are wrong; "), "{}", status.message());
    let found = violations(&status);
    let value = |name: &str| found[&format!("subject.features.values[\"{name}\"]")].as_str();
    assert_eq!(value("events_28d"), "NaN is no finite number: say missing");
    assert_eq!(value("tickets_28d"), "-inf is no finite number: say missing");
    assert_eq!(value("auto_renews"), "must be a boolean, not a number");
    assert_eq!(value("region"), "must be a text, not a boolean");
    assert_eq!(value("days_to_term_end"), "must be a number, not a text");
    assert_eq!(value("logins"), "is no feature of churn@v000001: GetModel lists them");
    assert_eq!(value("plan"), "2000 bytes; at most 1024 are read");
    assert_eq!(value("tier"), "is empty");
    assert_eq!(value("term_months"), "has no value: set number, text, boolean or missing");
    assert_eq!(found["subject.features.context.arr"], "is given under values too: give it once");
    assert_eq!(found["subject.features.context.tenure_days"], "inf is no finite number: say missing");
    assert_eq!(found["subject.features.reference"], "2000 bytes; at most 1024 are read");
    assert!(found["subject.features.as_of"].contains("is no time from 1970-01-01 to 366 days from now"));
    stop(running).await;
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let business = Business::published();
    let running = business.start().await;
    let mut client = risk(&running).await;
    let mut ask = async |context, as_of: Option<i64>| {
        let mut subject = given([("events_28d", Given::Number(4.0))]);
        let Some(Subject { by: Some(By::Features(features)) }) = &mut subject else { panic!("no features") };
        features.context = Some(context);
        features.as_of = as_of.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 });
        client.score(ScoreRequest { subject }).await
    };
    let negative = AccountContext {
        arr: Some(-5.0),
        term_months: Some(-1.0),
        tenure_days: Some(-0.5),
        days_to_term_end: Some(-30.0),
        ..AccountContext::default()
    };
    let found = violations(&ask(negative, None).await.unwrap_err());
    let fields: Vec<&str> = found.keys().map(|field| field.rsplit('.').next().unwrap()).collect();
    assert_eq!(fields, ["arr", "tenure_days", "term_months"], "a renewal may be overdue");
    assert_eq!(found["subject.features.context.arr"], "-5 cannot be: 0 or more is needed");

    let seconds = |time: Timestamp| time.0 / 1_000_000;
    let far = Timestamp::parse("9999-12-31").unwrap();
    for refused in [seconds(far), seconds(now().plus_days(367)), -1] {
        let status = ask(AccountContext::default(), Some(refused)).await.unwrap_err();
        assert_eq!(violations(&status).into_keys().collect::<Vec<_>>(), ["subject.features.as_of"]);
    }
    for answered in [0, seconds(now().plus_days(366))] {
        assert!(ask(AccountContext::default(), Some(answered)).await.is_ok());
    }
    stop(running).await;
}

#[tokio::test]
async fn a_message_above_the_limit_is_out_of_range() {
    let business = Business::published();
    let running = business.start().await;
    let mut client = risk(&running).await;
    let subject = account(&"x".repeat(MAX_MESSAGE_BYTES));
    let status = client.score(ScoreRequest { subject }).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    stop(running).await;
}

#[tokio::test]
async fn a_request_without_any_known_feature_is_invalid() {
    let business = Business::published();
    let running = business.start().await;
    let mut client = risk(&running).await;
    let nothing = Some(Subject { by: None });
    for (subject, field) in [
        (None, "subject"),
        (nothing, "subject"),
        (account(""), "subject.account_id"),
        (given([]), "subject.features.values"),
        (given([("tier", Given::Text("high".into()))]), "subject.features.values"),
        (given([("region", Given::Missing(holdfast_proto::v1::Missing {}))]), "subject.features.values"),
    ] {
        let status = client.score(ScoreRequest { subject }).await.unwrap_err();
        assert_eq!(violations(&status).into_keys().collect::<Vec<_>>(), [field]);
    }
    stop(running).await;
}

#[tokio::test]
async fn mistakes_of_a_batch_name_their_rows_and_batches_have_a_limit() {
    let business = Business::published();
    let mut config = business.config();
    config.max_batch = 3;
    let running = holdfast_serve::start(config).await.unwrap();
    let mut client = risk(&running).await;
    let mut ask = async |subjects: Vec<Subject>| {
        let request = BatchScoreRequest { subjects, ..BatchScoreRequest::default() };
        violations(&client.batch_score(request).await.unwrap_err())
    };
    let bad = || given([("events_28d", Given::Boolean(true))]).unwrap();
    let found = ask(vec![bad(), account("acct-001").unwrap(), bad()]).await;
    let fields: Vec<_> = found.into_keys().collect();
    assert_eq!(
        fields,
        ["subjects[0].features.values[\"events_28d\"]", "subjects[2].features.values[\"events_28d\"]"]
    );
    let found = ask(vec![account("acct-001").unwrap(); 4]).await;
    assert_eq!(found["subjects"], "4 subjects; at most 3 are answered at once");
    assert_eq!(ask(Vec::new()).await["subjects"], "is empty: send at least one");
    stop(running).await;
}

#[tokio::test]
async fn more_mistakes_than_fit_into_an_answer_are_counted() {
    let business = Business::published();
    let running = business.start().await;
    let mut client = risk(&running).await;
    let bad = given([("events_28d", Given::Boolean(true))]).unwrap();
    let request = BatchScoreRequest { subjects: vec![bad; 900], ..BatchScoreRequest::default() };
    let status = client.batch_score(request).await.unwrap_err();
    assert!(status.message().starts_with("900 fields are wrong, "), "{}", status.message());
    assert!((20..200).contains(&violations(&status).len()));
    stop(running).await;
}

#[tokio::test]
async fn models_that_do_not_exist_are_not_found() {
    let business = Business::published();
    let running = business.start().await;
    let mut client = models(&running).await;
    let named = |name: &str, version: &str| (name.to_owned(), version.to_owned());
    for (name, version) in [named("other", ""), named("churn", "7"), named("", "v000007")] {
        let request = GetModelRequest { name: name.clone(), version: version.clone() };
        assert_eq!(client.get_model(request).await.unwrap_err().code(), Code::NotFound);
        let request = ReloadModelRequest { name, version };
        assert_eq!(client.reload_model(request).await.unwrap_err().code(), Code::NotFound);
    }
    let request = GetModelRequest { name: "../etc".to_owned(), version: "latest".to_owned() };
    let found = violations(&client.get_model(request).await.unwrap_err());
    assert_eq!(found.into_keys().collect::<Vec<_>>(), ["name", "version"]);
    stop(running).await;
}
