//! What a client gets for an account: the same numbers as the model itself, with reasons and actions.

use holdfast_features::{Column, Value};
use holdfast_proto::v1::batch_score_result::Outcome;
use holdfast_proto::v1::feature_value::Kind as Given;
use holdfast_proto::v1::subject::By;
use holdfast_proto::v1::{
    AccountContext, Band, BatchScoreRequest, Channel, Delivery, Dimension, ExplainRequest, Missing,
    RecommendRequest, Score, ScoreRequest, Stage, Subject, UnknownAccounts,
};
use tonic::Code;

use crate::support::{Business, N_ACCOUNTS, account, as_of, given, now, risk, stop};

/// The features of a row of the business's table as a request carries them.
fn row_as_request(business: &Business, row: usize) -> Option<Subject> {
    let mut subject = given([]);
    let Some(Subject { by: Some(By::Features(features)) }) = &mut subject else { panic!("no features") };
    for (spec, column) in business.table.specs().iter().zip(business.table.columns()) {
        let kind = match (column.value(row), spec.kind) {
            (Value::Number(number), _) if number.is_nan() => Given::Missing(Missing {}),
            (Value::Number(number), holdfast_features::Kind::Boolean) => Given::Boolean(number != 0.0),
            (Value::Number(number), _) => Given::Number(number),
            (Value::Text(text), _) => Given::Text(text.unwrap().to_owned()),
        };
        let value = holdfast_proto::v1::FeatureValue { kind: Some(kind) };
        features.values.insert(spec.name.clone(), value);
    }
    subject
}

fn seconds(time: &Option<prost_types::Timestamp>) -> i64 {
    time.as_ref().unwrap().seconds
}

#[tokio::test]
async fn every_account_scores_bit_for_bit_as_the_model_itself() {
    let business = Business::published();
    let running = business.start().await;
    let mut client = risk(&running).await;
    let bundle = business.current_bundle();
    let table = bundle.model.align(&business.table).unwrap();
    let subjects = |by: &dyn Fn(usize) -> Option<Subject>| BatchScoreRequest {
        subjects: (0..N_ACCOUNTS).map(|row| by(row).unwrap()).collect(),
        unknown_accounts: UnknownAccounts::Fail.into(),
    };
    let by_account = subjects(&|row| account(&business.keys[row].account_id));
    let by_features = subjects(&|row| row_as_request(&business, row));
    for (request, day) in [(by_account, as_of()), (by_features, now())] {
        let answer = client.batch_score(request).await.unwrap().into_inner();
        assert_eq!(answer.results.len(), N_ACCOUNTS);
        for (row, result) in answer.results.into_iter().enumerate() {
            let Some(Outcome::Score(score)) = result.outcome else { panic!("row {row} has no score") };
            let expected = bundle.model.predict(table.row(row));
            assert_eq!(score.probability.to_bits(), expected.probability.to_bits(), "row {row}");
            assert_eq!(score.p_low.to_bits(), expected.p_low.to_bits());
            assert_eq!(score.p_high.to_bits(), expected.p_high.to_bits());
            assert_eq!(seconds(&score.as_of), day.0 / 1_000_000);
            let horizons = bundle.horizon_risks(table.row(row), &expected).unwrap();
            let said = score.horizon_risks.iter().map(|risk| (risk.days, risk.churn_probability.to_bits()));
            assert!(said.eq(horizons.iter().map(|risk| (risk.days, risk.churn_probability.to_bits()))));
            let outcomes = score.outcomes.unwrap();
            assert_eq!(outcomes.churned.to_bits(), expected.probability.to_bits());
            let rest = outcomes.contracted + outcomes.renewed + outcomes.expanded;
            assert!((outcomes.churned + rest - 1.0).abs() < 1e-12 && rest > 0.0);
            assert!(horizons.windows(2).all(|two| two[0].churn_probability <= two[1].churn_probability));
        }
    }
    stop(running).await;
}

#[tokio::test]
async fn a_score_says_who_when_and_by_which_model() {
    let business = Business::published();
    let running = business.start().await;
    let mut client = risk(&running).await;
    let score_of = |subject| ScoreRequest { subject };
    let worst = client.score(score_of(account("acct-119"))).await.unwrap().into_inner().score.unwrap();
    let best = client.score(score_of(account("acct-000"))).await.unwrap().into_inner().score.unwrap();
    assert_eq!((worst.account_id.as_str(), worst.horizon_days), ("acct-119", 90));
    let model = worst.model.clone().unwrap();
    assert_eq!((model.name.as_str(), model.version.as_str()), ("churn", "v000001"));
    assert!(worst.probability > best.probability);
    assert_eq!(worst.horizon_risks.iter().map(|risk| risk.days).collect::<Vec<_>>(), [30, 60, 90, 180]);
    assert!(worst.p_low <= worst.probability && worst.probability <= worst.p_high);
    assert_eq!(worst.band(), Band::HighRisk);
    assert_ne!(worst.stage(), Stage::Unspecified);
    let health = |score: &Score| score.health.clone().unwrap();
    assert!(health(&worst).overall.unwrap() < health(&best).overall.unwrap());
    let dimensions: Vec<_> = health(&best).dimensions.iter().map(|one| one.dimension()).collect();
    assert_eq!(
        dimensions,
        [Dimension::Usage, Dimension::Engagement, Dimension::Financial, Dimension::Relationship]
    );
    assert!(health(&best).data_sparse, "there is no feature of the relationship");
    stop(running).await;
}

#[tokio::test]
async fn what_is_left_out_counts_as_missing() {
    let business = Business::published();
    let running = business.start().await;
    let mut client = risk(&running).await;
    let mut ask = async |subject| {
        client.score(ScoreRequest { subject }).await.unwrap().into_inner().score.unwrap().probability
    };
    let short = ask(given([("events_28d", Given::Number(120.0))])).await;
    let explicit = ask(given([
        ("events_28d", Given::Number(120.0)),
        ("tickets_28d", Given::Missing(Missing {})),
        ("region", Given::Missing(Missing {})),
    ]))
    .await;
    assert_eq!(short.to_bits(), explicit.to_bits());

    let bundle = business.current_bundle();
    let columns = bundle.model.specs().iter().map(|spec| match (spec.name.as_str(), spec.kind) {
        ("events_28d", _) => Column::Number(vec![120.0]),
        (_, holdfast_features::Kind::Category) => Column::Text(vec![None]),
        _ => Column::Number(vec![f64::NAN]),
    });
    let columns = columns.collect();
    let table = holdfast_features::FeatureTable::new(bundle.model.specs().to_vec(), columns, 1).unwrap();
    assert_eq!(short.to_bits(), bundle.model.predict(table.row(0)).probability.to_bits());

    // A category that training never saw is an answer, not an error.
    let unseen =
        ask(given([("events_28d", Given::Number(120.0)), ("region", Given::Text("moon".into()))])).await;
    assert!(unseen > 0.0 && unseen < 1.0);
    stop(running).await;
}

#[tokio::test]
async fn contributions_and_base_sum_to_the_logit() {
    let business = Business::published();
    let running = business.start().await;
    let mut client = risk(&running).await;
    for id in ["acct-000", "acct-063", "acct-119"] {
        let answer = client.explain(ExplainRequest { subject: account(id) }).await.unwrap().into_inner();
        let p = answer.score.unwrap().probability;
        let logit = (p / (1.0 - p)).ln();
        let sum: f64 = answer.contributions.iter().map(|one| one.logit).sum();
        assert!((answer.base_logit + sum - logit).abs() < 1e-9, "{id}");
        let by_dimension: f64 = answer.dimensions.iter().map(|one| one.logit).sum();
        assert!((by_dimension - sum).abs() < 1e-9, "{id}");
        assert_eq!(answer.contributions.len(), 5, "one for each feature that the model reads");
        assert!(answer.contributions.is_sorted_by(|a, b| a.logit.abs() >= b.logit.abs()));
        assert!(answer.reasons_for.iter().all(|reason| reason.logit > 0.0 && !reason.text.is_empty()));
        assert!(answer.reasons_against.iter().all(|reason| reason.logit < 0.0));
        assert!(!answer.reasons_for.is_empty() || !answer.reasons_against.is_empty());
    }
    stop(running).await;
}

#[tokio::test]
async fn recommendations_are_ranked_due_and_kept_within_the_guardrails() {
    let business = Business::published();
    let running = business.start().await;
    let mut client = risk(&running).await;
    let mut recommend =
        async |subject| client.recommend(RecommendRequest { subject }).await.unwrap().into_inner();

    // Likely to churn, but not lost: something is worth doing.
    let answer = recommend(account("acct-070")).await;
    assert!(!answer.actions.is_empty(), "{answer:?}");
    assert_eq!(answer.currency, "EUR");
    let p = answer.score.as_ref().unwrap().probability;
    assert!((answer.arr_at_risk.unwrap() - p * 71_000.0).abs() < 1e-6);
    for (rank, action) in (1..).zip(&answer.actions) {
        assert_eq!(action.rank, rank);
        assert!(!action.title.is_empty() && !action.owner_role.is_empty());
        assert_eq!(action.talking_points.len(), 3);
        assert!((action.due_within_hours - 24.0).abs() < 1e-9, "high risk is answered within a day");
        assert_eq!(seconds(&action.due_at), as_of().0 / 1_000_000 + 24 * 3_600);
        // 71,000 ARR are above every limit; what nobody at the customer notices may still be automated.
        assert!(action.delivery() != Delivery::Automated || action.channel() == Channel::Internal);
    }

    // Held, a machine may do nothing for it, though its ARR be below every limit.
    let mut subject = row_as_request(&business, 70);
    let Some(Subject { by: Some(By::Features(features)) }) = &mut subject else { panic!("no features") };
    features
        .values
        .insert("arr".to_owned(), holdfast_proto::v1::FeatureValue { kind: Some(Given::Number(9_000.0)) });
    features.context = Some(AccountContext { legal_hold: Some(true), ..AccountContext::default() });
    features.reference = "what if".to_owned();
    let held = recommend(subject).await;
    assert_eq!(held.score.unwrap().account_id, "what if");
    assert!(!held.actions.is_empty());
    for action in held.actions {
        assert!(action.delivery() == Delivery::Person || action.channel() == Channel::Internal);
    }
    stop(running).await;
}

#[tokio::test]
async fn a_batch_answers_in_order_and_says_which_accounts_it_does_not_know() {
    let business = Business::published();
    let running = business.start().await;
    let mut client = risk(&running).await;
    let subjects = vec![
        account("acct-007").unwrap(),
        account("nobody").unwrap(),
        given([("events_28d", Given::Number(5.0))]).unwrap(),
        account("acct-001").unwrap(),
    ];
    let mut request = BatchScoreRequest { subjects, ..BatchScoreRequest::default() };
    let answer = client.batch_score(request.clone()).await.unwrap().into_inner();
    let outcomes: Vec<_> = answer.results.into_iter().map(|result| result.outcome.unwrap()).collect();
    let [Outcome::Score(first), Outcome::Error(second), Outcome::Score(third), Outcome::Score(fourth)] =
        outcomes.as_slice()
    else {
        panic!("{outcomes:?}")
    };
    assert_eq!([&first.account_id, &third.account_id, &fourth.account_id], ["acct-007", "", "acct-001"]);
    assert_eq!(second.account_id, "nobody");
    assert!(second.message.contains("\"nobody\""), "{}", second.message);
    assert_eq!(answer.model.unwrap().version, "v000001");

    request.set_unknown_accounts(UnknownAccounts::Fail);
    let status = client.batch_score(request).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert!(status.message().contains("\"nobody\""), "{}", status.message());
    stop(running).await;
}
