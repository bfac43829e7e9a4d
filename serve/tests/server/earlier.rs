//! What earlier rows of the feature snapshot do to an answer.

use holdfast_features::{Column, FeatureTable, RowKey, write};
use holdfast_proto::v1::{
    Band, BatchScoreRequest, EscalationTrigger, ExplainRequest, RecommendRequest, ScoreRequest,
};

use crate::support::{Business, account, as_of, risk, stop};

/// The rows of `table` at `places`, in their order.
fn rows(table: &FeatureTable, places: &[usize]) -> FeatureTable {
    let column = |column: &Column| match column {
        Column::Number(values) => Column::Number(places.iter().map(|&row| values[row]).collect()),
        Column::Text(values) => Column::Text(places.iter().map(|&row| values[row].clone()).collect()),
    };
    let columns = table.columns().iter().map(column).collect();
    FeatureTable::new(table.specs().to_vec(), columns, places.len()).unwrap()
}

#[tokio::test]
async fn earlier_rows_hold_the_band_and_show_a_fall_in_health() {
    let business = Business::published();
    // (account, row whose features it has, days ago): the first was as the last of the table, the second as the first.
    let told = [("slow", 119, 0), ("slow", 70, 7), ("fallen", 119, 0), ("fallen", 0, 7), ("new", 119, 0)];
    let key = |&(id, _, days): &(&str, usize, i64)| RowKey {
        account_id: id.into(),
        as_of: as_of().plus_days(-days),
    };
    let keys: Vec<RowKey> = told.iter().map(key).collect();
    let table = rows(&business.table, &told.map(|(_, row, _)| row));
    let path = business.registry().join("today.parquet");
    write::feature_file(&path, &keys, &table).unwrap();
    let mut config = business.config();
    config.features = Some(path);
    let running = holdfast_serve::start(config).await.unwrap();
    let mut client = risk(&running).await;

    let fallen = RecommendRequest { subject: account("fallen") };
    let fallen = client.recommend(fallen).await.unwrap().into_inner();
    assert!(fallen.signals.iter().any(|signal| signal.kind == "health_drop"), "{:?}", fallen.signals);
    let reasons = fallen.escalation.unwrap().reasons;
    assert!(reasons.iter().any(|reason| reason.trigger() == EscalationTrigger::HealthDrop));
    assert_eq!(fallen.score.unwrap().band(), Band::HighRisk, "a fall in health does not wait");

    let fresh = RecommendRequest { subject: account("new") };
    let fresh = client.recommend(fresh).await.unwrap().into_inner();
    assert!(fresh.signals.iter().all(|signal| signal.kind != "health_drop"));

    // Every call answers from the same readings.
    let subject = || account("slow");
    let score = client.score(ScoreRequest { subject: subject() }).await.unwrap().into_inner().score;
    let explained = client.explain(ExplainRequest { subject: subject() }).await.unwrap().into_inner().score;
    let advised = client.recommend(RecommendRequest { subject: subject() }).await.unwrap().into_inner().score;
    let batch = BatchScoreRequest { subjects: vec![subject().unwrap()], ..BatchScoreRequest::default() };
    let batch = client.batch_score(batch).await.unwrap().into_inner();
    assert_eq!(score, explained);
    assert_eq!(score, advised);
    let score = score.unwrap();
    let outcome = batch.results.into_iter().next().unwrap().outcome.unwrap();
    assert_eq!(outcome, holdfast_proto::v1::batch_score_result::Outcome::Score(score.clone()));
    stop(running).await;
}
