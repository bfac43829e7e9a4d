//! A small registry with a fitted model and a feature snapshot, and clients of a server on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_features::history::Outcome;
use holdfast_features::snapshot::{Framing, Question};
use holdfast_features::{
    Column, Dimension, Direction, FeatureSpec, FeatureTable, Kind, Role, RowKey, Timestamp, write,
};
use holdfast_models::artifact::FORMAT;
use holdfast_models::benchmark::SEGMENT_COLUMN;
use holdfast_models::calibrate::{CalibrationReport, SegmentReport, ladder};
use holdfast_models::explain::choose_background;
use holdfast_models::horizon::{self, Decisions, Followed, HorizonRows, Situation};
use holdfast_models::outcome;
use holdfast_models::registry::Promotion;
use holdfast_models::{
    BaseRates, Benchmarks, Bundle, Candidate, ChurnModel, HorizonModel, Manifest, Provenance, ProvenanceKind,
    Published, Registry, TrainingRows, fit, logistic,
};
use holdfast_proto::v1::feature_value::Kind as Given;
use holdfast_proto::v1::model_service_client::ModelServiceClient;
use holdfast_proto::v1::risk_service_client::RiskServiceClient;
use holdfast_proto::v1::subject::By;
use holdfast_proto::v1::{FeatureRow, FeatureValue, Subject};
use holdfast_serve::{Config, Running};
use tempfile::TempDir;
use tonic::transport::Channel;

pub(crate) const N_ACCOUNTS: usize = 120;
pub(crate) const MODEL: &str = "churn";

/// A registry whose only model learnt from `N_ACCOUNTS` accounts, with their features beside the bundle.
pub(crate) struct Business {
    dir: TempDir,
    pub(crate) keys: Vec<RowKey>,
    pub(crate) table: FeatureTable,
}

pub(crate) fn as_of() -> Timestamp {
    Timestamp::parse("2025-03-31").unwrap()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2025-04-02T10:00:00Z").unwrap()
}

impl Business {
    /// Nothing is published yet.
    pub(crate) fn unpublished() -> Self {
        let account = |row| RowKey { account_id: format!("acct-{row:03}").into(), as_of: as_of() };
        Self {
            dir: tempfile::tempdir().unwrap(),
            keys: (0..N_ACCOUNTS).map(account).collect(),
            table: features(N_ACCOUNTS),
        }
    }

    /// One version is published and current.
    pub(crate) fn published() -> Self {
        let business = Self::unpublished();
        business.publish(1);
        business
    }

    pub(crate) fn registry(&self) -> PathBuf {
        self.dir.path().join("registry")
    }

    pub(crate) fn config(&self) -> Config {
        Config::new(self.registry(), now)
    }

    /// Publishes a model of the next version, with its feature snapshot; another seed, another model.
    pub(crate) fn publish(&self, seed: u64) -> Published {
        self.publish_as(MODEL, seed, Promotion::Promote)
    }

    pub(crate) fn publish_as(&self, name: &str, seed: u64, promotion: Promotion) -> Published {
        let mut bundle = bundle(&self.table, seed);
        let registry = Registry::at(&self.registry());
        let published = registry.publish(&name.parse().unwrap(), &mut bundle, Promotion::Hold).unwrap();
        let features = published.path.with_file_name("features.parquet");
        write::feature_file(&features, &self.keys, &self.table).unwrap();
        if promotion == Promotion::Promote {
            registry.promote(&published.name, published.version).unwrap();
        }
        published
    }

    pub(crate) fn current_bundle(&self) -> Bundle {
        Registry::at(&self.registry()).load(&MODEL.parse().unwrap()).unwrap()
    }

    pub(crate) async fn start(&self) -> Running {
        holdfast_serve::start(self.config()).await.unwrap()
    }
}

pub(crate) async fn channel(running: &Running) -> Channel {
    Channel::from_shared(format!("http://{}", running.addr())).unwrap().connect().await.unwrap()
}

pub(crate) async fn risk(running: &Running) -> RiskServiceClient<Channel> {
    RiskServiceClient::new(channel(running).await)
}

pub(crate) async fn models(running: &Running) -> ModelServiceClient<Channel> {
    ModelServiceClient::new(channel(running).await)
}

pub(crate) async fn stop(running: Running) {
    running.shutdown();
    running.join().await.unwrap();
}

pub(crate) fn account(account_id: &str) -> Option<Subject> {
    Some(Subject { by: Some(By::AccountId(account_id.to_owned())) })
}

pub(crate) fn given(values: impl IntoIterator<Item = (&'static str, Given)>) -> Option<Subject> {
    let values =
        values.into_iter().map(|(name, kind)| (name.to_owned(), FeatureValue { kind: Some(kind) })).collect();
    Some(Subject { by: Some(By::Features(FeatureRow { values, ..FeatureRow::default() })) })
}

/// Flips one bit in the middle of a file.
pub(crate) fn flip_a_bit(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    overwrite(path, &bytes);
}

#[expect(clippy::disallowed_methods, reason = "what is written here is meant to be damaged")]
pub(crate) fn overwrite(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

fn spec(
    name: &str,
    dimension: Option<Dimension>,
    kind: Kind,
    role: Role,
    direction: Direction,
) -> FeatureSpec {
    FeatureSpec { dimension, role, direction, ..FeatureSpec::prepared(name, kind) }
}

/// Accounts whose use falls and whose tickets rise with their number; every seventh lacks a ticket count.
fn features(n_rows: usize) -> FeatureTable {
    use Direction::{LowersRisk, RaisesRisk, Unknown};
    let number = |of: fn(usize) -> f64| Column::Number((0..n_rows).map(of).collect());
    let text = |of: fn(usize) -> &'static str| {
        Column::Text((0..n_rows).map(|row| Some(Arc::from(of(row)))).collect())
    };
    let columns = [
        (
            spec("events_28d", Some(Dimension::Usage), Kind::Number, Role::Feature, LowersRisk),
            number(|row| 400.0 - 3.0 * float(row) + float(row * 37 % 50)),
        ),
        (
            spec("tickets_28d", Some(Dimension::Engagement), Kind::Number, Role::Feature, RaisesRisk),
            number(|row| if row % 7 == 0 { f64::NAN } else { float(row * 13 % 9) + float(row) / 20.0 }),
        ),
        (
            spec("auto_renews", Some(Dimension::Financial), Kind::Boolean, Role::Feature, LowersRisk),
            number(|row| float(row * 11 % 3 % 2)),
        ),
        (
            spec("region", None, Kind::Category, Role::Feature, Unknown),
            text(|row| ["north", "south", "west"][row * 5 % 3]),
        ),
        (
            spec("days_to_term_end", Some(Dimension::Financial), Kind::Number, Role::Feature, Unknown),
            number(|row| float(row * 17 % 365)),
        ),
        (spec("tenure_days", None, Kind::Number, Role::Context, Unknown), number(|row| 30.0 * float(row))),
        (spec("term_months", None, Kind::Number, Role::Context, Unknown), number(|_| 12.0)),
        (spec("arr", None, Kind::Number, Role::Context, Unknown), number(|row| 1_000.0 * float(row + 1))),
        (spec("currency", None, Kind::Category, Role::Context, Unknown), text(|_| "EUR")),
        (
            spec("tier", None, Kind::Category, Role::Context, Unknown),
            text(|row| if row % 2 == 0 { "high" } else { "low" }),
        ),
    ];
    let (specs, columns) = columns.into_iter().unzip();
    FeatureTable::new(specs, columns, n_rows).unwrap()
}

fn bundle(table: &FeatureTable, seed: u64) -> Bundle {
    let rows: Vec<usize> = (0..table.n_rows()).collect();
    // The later an account's number, the likelier it churns; the seed decides some cases.
    let labels: Vec<f64> = rows
        .iter()
        .map(|row| f64::from(u8::from(row + (row * 29 + 7 * usize::try_from(seed).unwrap()) % 60 > 85)))
        .collect();
    let weights = vec![1.0; rows.len()];
    let training = TrainingRows { table, labels: &labels, weights: &weights, groups: None, rows: &rows };
    let candidate = Candidate::Logistic(logistic::Params::default().check().unwrap());
    let fitted = fit(&candidate, &training, seed).unwrap();
    let groups: Vec<u32> = (0..).take(rows.len()).collect();
    let calibration = ladder(&fitted.margins(table, &rows), &labels, &weights, &groups, seed).unwrap();
    let model = ChurnModel::new(fitted, &calibration, table, &choose_background(&rows, seed)).unwrap();
    // The second business says that offsets by stage are part of its model.
    let offsets = SegmentReport { log_loss: 0.3, log_loss_without: Some(0.31), is_deployed: true };
    let segments = (seed == 2).then_some(offsets);
    let manifest = Manifest {
        name: String::new(),
        version: String::new(),
        format: FORMAT,
        crate_version: env!("CARGO_PKG_VERSION").to_owned(),
        candidate: candidate.describe(),
        specs: table.specs().to_vec(),
        question: Some(Question { framing: Framing::Calendar, min_term_months: 6, horizon_days: 90 }),
        base_rates: BaseRates {
            all: labels.iter().sum::<f64>() / float(rows.len()),
            renewals: None,
            rolling: None,
        },
        calibration: CalibrationReport { segments, ..calibration.report },
        metrics: serde_json::json!({"auc": 0.5, "calibration": {"slope": 1.0}}),
        provenance: Provenance {
            kind: ProvenanceKind::History,
            data_sha256: "0".repeat(64),
            config: String::new(),
            seed,
            first: Some(as_of()),
            last: Some(as_of()),
            as_of: Some(as_of()),
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            positive_label: None,
        },
    };
    let horizons = horizons(&model, table, &labels, &groups);
    let benchmarks = Benchmarks::fit(table, &rows, SEGMENT_COLUMN);
    // As if all of them had stayed: a third contracted and a third expanded.
    let goes_on = |row: &usize| Some([Outcome::Contracted, Outcome::Renewed, Outcome::Expanded][row * 7 % 3]);
    let outcomes: Vec<Option<Outcome>> = rows.iter().map(goes_on).collect();
    let outcomes = outcome::fit(&candidate, &training, &outcomes, seed).unwrap();
    Bundle { manifest, model, benchmarks, horizons: Some(horizons), outcomes }
}

/// Hazards of yearly contracts: those with label 1 end where their term does.
fn horizons(model: &ChurnModel, table: &FeatureTable, labels: &[f64], groups: &[u32]) -> HorizonModel {
    let question = Question { framing: Framing::Auto, min_term_months: 6, horizon_days: 90 };
    let rows = || (0..table.n_rows()).map(|row| table.row(row));
    let decisions: Vec<Decisions> = rows().map(|row| Decisions::of(row, &question)).collect();
    let decided = |decisions: &Decisions| (0..6).find(|&k| decisions.situation(k) == Situation::TermDecides);
    let followed = labels.iter().zip(&decisions).map(|(&label, decisions)| {
        let ended = decided(decisions).filter(|_| label > 0.5).map(|period| (period, 0));
        Followed { periods: 6, ended, weight: 1.0 }
    });
    let margins: Vec<f64> = model.predict_table(table).iter().map(|prediction| prediction.margin).collect();
    let followed: Vec<Followed> = followed.collect();
    let rows = HorizonRows { margins: &margins, decisions: &decisions, followed: &followed, groups };
    horizon::fit(&rows, question, 1).unwrap().model
}

fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}
