//! How an account stands: probability, stage, health, band and signals, without any advice.

use holdfast_features::signal::{self, Peers, Signal, SignalKind};
use holdfast_features::stage::{self, Placement};
use holdfast_features::{Row, Timestamp};
use holdfast_models::{Benchmarks, Bundle, Prediction};
use serde::Serialize;

use crate::band::{Band, settle};
use crate::facts::{Account, Facts};
use crate::health::{BENCHMARK, Health};
use crate::policy::Policy;
use crate::reading::{Reading, is_within};

/// How an account stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assessment {
    /// The calibrated churn probability with its evidence interval.
    pub prediction: Prediction,
    /// Its lifecycle stage and the rule that placed it there; `None` for a table without the features that tell.
    pub stage: Option<Placement>,
    /// How it does against its segment.
    pub health: Health,
    /// The share (0 to 1) of its tier with a lower health; `None` where the bundle does not know.
    pub health_percentile: Option<f64>,
    /// The band by health alone; `None` without health.
    pub health_band: Option<Band>,
    /// The risk band: the worse of those by health and by probability, as far as earlier readings confirm it, and
    /// of what a signal caps it to.
    pub band: Band,
    /// How the band came about, a sentence a part.
    pub band_reasons: Vec<String>,
    /// What happens at the account, with evidence.
    pub signals: Vec<Signal>,
}

/// Assesses `account`, whose row belongs to a table aligned with the bundle's model
/// ([`holdfast_models::ChurnModel::align`]).
#[must_use]
pub fn assess(policy: &Policy, bundle: &Bundle, account: &Account<'_>) -> Assessment {
    let row = account.row;
    let benchmarks = &bundle.benchmarks;
    let segment = row.text(benchmarks.segment_column());
    let prediction = bundle.model.predict(row);
    let placement = placement(policy, row);
    let health = health(policy, benchmarks, row, placement);

    let peers =
        Peers { median_distinct_events_28d: benchmarks.quantile(segment, "distinct_events_28d", 50.0) };
    let mut signals = signal::of_among(row, &policy.signals, peers);
    if let Some(drop) = health_drop(policy, account, &health) {
        let place = signals.partition_point(|signal| signal.kind < SignalKind::HealthDrop);
        signals.insert(place, drop);
    }

    let (health_band, band, band_reasons) =
        band(policy, account, prediction.probability, bundle.manifest.base_rate(row), &health, &signals);
    Assessment {
        prediction,
        stage: placement,
        health_percentile: health
            .overall
            .and_then(|overall| Some(benchmarks.percentile(segment, BENCHMARK, overall)? / 100.0)),
        health,
        health_band,
        band,
        band_reasons,
        signals,
    }
}

impl Assessment {
    /// What is known of `account`, of which this is the assessment.
    #[must_use]
    pub fn facts<'a>(&'a self, account: Account<'a>) -> Facts<'a> {
        Facts {
            account,
            probability: self.prediction.probability,
            placement: self.stage,
            health: &self.health,
            band: self.band,
            health_band: self.health_band,
            signals: &self.signals,
            health_percentile: self.health_percentile,
        }
    }
}

/// The stage of the account in `row`; `None` where nothing of what tells it is known.
pub(crate) fn placement(policy: &Policy, row: Row<'_>) -> Option<Placement> {
    let is_placed = stage::INPUTS.iter().any(|input| row.number(input).is_some());
    is_placed.then(|| stage::of(row, &policy.stages))
}

/// The health of the account in `row` against its segment.
pub(crate) fn health(
    policy: &Policy,
    benchmarks: &Benchmarks,
    row: Row<'_>,
    placement: Option<Placement>,
) -> Health {
    let segment = row.text(benchmarks.segment_column());
    policy.health.health(row, placement.map(|placement| placement.stage), |feature, value| {
        Some(benchmarks.percentile(segment, feature, value)? / 100.0)
    })
}

/// What a later assessment remembers of the account in `row`.
pub(crate) fn reading(policy: &Policy, bundle: &Bundle, row: Row<'_>, as_of: Timestamp) -> Reading {
    let health = health(policy, &bundle.benchmarks, row, placement(policy, row)).overall;
    let probability = bundle.model.predict(row).probability;
    let by_probability = policy.bands.of_probability(probability, bundle.manifest.base_rate(row));
    let by_health = health.map(|health| policy.bands.of_health(health));
    Reading { as_of, health, band: by_health.map_or(by_probability, |band| band.max(by_probability)) }
}

/// A fall from the best reading of the days before.
fn health_drop(policy: &Policy, account: &Account<'_>, health: &Health) -> Option<Signal> {
    let now = health.overall?;
    let days = policy.escalation.health_drop_days;
    let recent = account.readings.iter().filter(|reading| is_within(account.as_of, reading.as_of, days));
    let before = recent.filter_map(|reading| reading.health).max_by(f64::total_cmp)?;
    signal::health_drop(before, now, &policy.signals)
}

fn band(
    policy: &Policy,
    account: &Account<'_>,
    probability: f64,
    base_rate: f64,
    health: &Health,
    signals: &[Signal],
) -> (Option<Band>, Band, Vec<String>) {
    let by_probability = policy.bands.of_probability(probability, base_rate);
    let mut reasons = Vec::new();
    let by_health = health.overall.map(|overall| {
        let band = policy.bands.of_health(overall);
        reasons.push(format!("Health {overall:.0} of 100: {}", band.label()));
        band
    });
    reasons.push(format!(
        "Churn probability {:.1} % against {:.1} % on average: {}",
        probability * 100.0,
        base_rate * 100.0,
        by_probability.label()
    ));
    let today = by_health.map_or(by_probability, |by_health| by_health.max(by_probability));
    let is_on = |kind| signals.iter().any(|signal| signal.kind == kind);
    let (mut band, held) = settled(policy, account, today);
    if band < today && is_on(SignalKind::HealthDrop) {
        band = today;
    } else {
        reasons.extend(held);
    }
    if let Some((kind, cap)) = policy.health.cap(is_on)
        && cap > band
    {
        band = cap;
        reasons.push(format!("{}: at best {}", kind.name().replace('_', " "), cap.label()));
    }
    (by_health, band, reasons)
}

/// The band as far as the readings of the days before confirm that of today, and why it is another.
fn settled(policy: &Policy, account: &Account<'_>, today: Band) -> (Band, Option<String>) {
    let is_recent = |reading: &&Reading| is_within(account.as_of, reading.as_of, policy.bands.settle_days);
    let mut readings: Vec<&Reading> = account.readings.iter().filter(is_recent).collect();
    readings.sort_by_key(|reading| reading.as_of);
    let bands: Vec<Band> = readings.iter().map(|reading| reading.band).chain([today]).collect();
    match (settle(&bands), readings.last()) {
        (Some(band), Some(last)) if band != today => {
            let why = format!(
                "Held at {} until a second reading agrees: today alone says {}, {} said {}",
                band.label(),
                today.label(),
                last.as_of,
                last.band.label()
            );
            (band, Some(why))
        }
        _ => (today, None),
    }
}
