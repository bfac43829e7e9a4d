//! What earlier rows of the feature snapshot do to an answer.

use holdfast_features::{Column, FeatureTable, RowKey, write};
use holdfast_proto::v1::batch_score_result::Outcome;
use holdfast_proto::v1::{
    BatchScoreRequest, EscalationTrigger, ExplainRequest, RecommendRequest, Score, ScoreRequest,
};

use crate::support::{Business, N_ACCOUNTS, account, as_of, risk, stop};

/// The rows of `table` at `places`, in their order.
fn rows(table: &FeatureTable, places: &[usize]) -> FeatureTable {
    let column = |column: &Column| match column {
        Column::Number(values) => Column::Number(places.iter().map(|&row| values[row]).collect()),
        Column::Text(values) => Column::Text(places.iter().map(|&row| values[row].clone()).collect()),
    };
    let columns = table.columns().iter().map(column).collect();
    FeatureTable::new(table.specs().to_vec(), columns, places.len()).unwrap()
}

/// How every account of the business stands by its only row.
async fn alone(business: &Business) -> Vec<Score> {
    let running = business.start().await;
    let subjects = business.keys.iter().map(|key| account(&key.account_id).unwrap()).collect();
    let request = BatchScoreRequest { subjects, ..BatchScoreRequest::default() };
    let answer = risk(&running).await.batch_score(request).await.unwrap().into_inner();
    stop(running).await;
    let score = |outcome| match outcome {
        Some(Outcome::Score(score)) => score,
        other => panic!("{other:?}"),
    };
    answer.results.into_iter().map(|result| score(result.outcome)).collect()
}

#[tokio::test]
async fn earlier_rows_hold_the_band_and_show_a_fall_in_health() {
    let business = Business::published();
    let alone = alone(&business).await;
    let health = |row: usize| alone[row].health.as_ref().unwrap().overall.unwrap();
    // Somewhat worse than another account, yet a band below it.
    let (worse, better) = (0..N_ACCOUNTS)
        .flat_map(|worse| (0..N_ACCOUNTS).map(move |better| (worse, better)))
        .find(|&(worse, better)| {
            alone[worse].band > alone[better].band && (health(better) - health(worse)).abs() < 10.0
        })
        .unwrap();
    // The account, the row whose features it has, and how many days ago.
    let told =
        [("slow", worse, 0), ("slow", better, 7), ("fallen", 119, 0), ("fallen", 0, 7), ("new", worse, 0)];
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
    assert_eq!(fallen.score.unwrap().band, alone[119].band, "a fall in health does not wait");

    let mut score = async |id| {
        client.score(ScoreRequest { subject: account(id) }).await.unwrap().into_inner().score.unwrap()
    };
    assert_eq!(score("new").await.band, alone[worse].band);
    let slow = score("slow").await;
    assert_eq!(slow.band, alone[better].band);
    assert_eq!(slow.probability.to_bits(), alone[worse].probability.to_bits(), "only the band waits");
    let held = slow.band_reasons.last().unwrap();
    assert!(held.starts_with("Held at ") && held.contains(", 2025-03-24 said "), "{held}");

    // Every call answers from the same readings.
    let subject = || account("slow");
    let explained = client.explain(ExplainRequest { subject: subject() }).await.unwrap().into_inner().score;
    let advised = client.recommend(RecommendRequest { subject: subject() }).await.unwrap().into_inner().score;
    assert_eq!((explained.as_ref(), advised.as_ref()), (Some(&slow), Some(&slow)));
    stop(running).await;
}
