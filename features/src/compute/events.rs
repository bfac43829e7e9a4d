//! Features of single events: the most used ones of the history that a model learns from.
//!
//! Their names carry the event's own (`events_28d__export`), so that a stored specification says by itself
//! what to compute on another history.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::ComputeError;
use super::sweep::{event_names, parts};
use super::usage_window::UsageWindow;
use super::window::ratio;
use crate::history::{History, Text};
use crate::spec::{Dimension, Direction, FeatureSpec, Kind, Role};
use crate::store::{EventUses, StoreError};

/// What is measured of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventMeasure {
    Count7,
    Count28,
    Weekly,
    Ratio28,
    Days28,
    DaysSince,
    Value7,
    ValueWeekly,
    Value28,
    ValueRatio28,
}

/// An event with features of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedEvent {
    pub(super) name: Text,
    /// Whether its rows carry quantities.
    pub(super) has_value: bool,
}

const MEASURES: [(EventMeasure, &str); 10] = [
    (EventMeasure::Count7, "events_7d__"),
    (EventMeasure::Count28, "events_28d__"),
    (EventMeasure::Weekly, "events_per_week__"),
    (EventMeasure::Ratio28, "events_ratio_28d__"),
    (EventMeasure::Days28, "active_days_28d__"),
    (EventMeasure::DaysSince, "days_since_last_use__"),
    (EventMeasure::Value7, "value_7d__"),
    (EventMeasure::ValueWeekly, "value_per_week__"),
    (EventMeasure::Value28, "value_28d__"),
    (EventMeasure::ValueRatio28, "value_ratio_28d__"),
];

/// The measure and the event of a feature's name.
pub(super) fn parse(feature: &str) -> Option<(EventMeasure, &str)> {
    MEASURES.iter().find_map(|(measure, prefix)| Some((*measure, feature.strip_prefix(prefix)?)))
}

/// The `most` events that most accounts use, ties by rows, then by name.
pub(super) fn most_used(history: &History, most: usize) -> Result<Vec<NamedEvent>, ComputeError> {
    let names = event_names(history);
    if most == 0 || names.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<usize> = (0..parts(history).len()).collect();
    let counted = parts.into_par_iter().map(|part| uses(history, part, &names));
    let uses = counted.try_reduce(
        || vec![EventUses::default(); names.len()],
        |mut all, more| {
            for (all, more) in all.iter_mut().zip(more) {
                all.accounts += more.accounts;
                all.rows += more.rows;
                all.has_value |= more.has_value;
            }
            Ok(all)
        },
    )?;
    let all = |(name, mut one): (_, EventUses)| {
        one.rows += history.store.as_ref().map_or(0, |store| store.rows_stood_for(name));
        (name, one)
    };
    let mut ranked: Vec<_> = names.iter().zip(uses).map(all).filter(|(_, one)| one.rows > 0).collect();
    ranked.sort_by(|(name_a, a), (name_b, b)| {
        (b.accounts, b.rows).cmp(&(a.accounts, a.rows)).then(name_a.cmp(name_b))
    });
    let named = |(name, one): (&Text, EventUses)| NamedEvent { name: name.clone(), has_value: one.has_value };
    Ok(ranked.into_iter().take(most).map(named).collect())
}

/// The use of each event by the accounts of one part.
fn uses(history: &History, part: usize, names: &[Text]) -> Result<Vec<EventUses>, StoreError> {
    if let Some(store) = &history.store {
        return store.event_uses(part);
    }
    let mut uses = vec![EventUses::default(); names.len()];
    for facts in &history.accounts[parts(history)[part].clone()] {
        let mut own = BTreeSet::new();
        for row in &facts.usage {
            let Ok(event) = names.binary_search(&row.event) else { continue };
            uses[event].rows += 1;
            uses[event].has_value |= row.value.is_some();
            uses[event].accounts += usize::from(own.insert(event));
        }
    }
    Ok(uses)
}

/// The features of `event`.
pub(super) fn specs(event: &NamedEvent, source: &str) -> Vec<FeatureSpec> {
    let measures = MEASURES.iter().filter(|(measure, _)| event.has_value || !measure.is_of_values());
    measures
        .map(|(measure, prefix)| measure.spec(&format!("{prefix}{}", event.name), event, source))
        .collect()
}

/// The feature of that name, if it is one of a single event.
pub(super) fn spec_of(feature: &str, source: &str) -> Option<FeatureSpec> {
    let (measure, event) = parse(feature)?;
    Some(measure.spec(feature, &NamedEvent { name: event.into(), has_value: true }, source))
}

impl EventMeasure {
    fn is_of_values(self) -> bool {
        matches!(self, Self::Value7 | Self::ValueWeekly | Self::Value28 | Self::ValueRatio28)
    }

    fn spec(self, name: &str, event: &NamedEvent, source: &str) -> FeatureSpec {
        let event = &event.name;
        let (unit, direction, meaning) = match self {
            Self::Count7 => ("events", Direction::LowersRisk, format!("`{event}` in the last 7 days.")),
            Self::Count28 => ("events", Direction::LowersRisk, format!("`{event}` in the last 28 days.")),
            Self::Weekly => (
                "per week",
                Direction::LowersRisk,
                format!("`{event}` a week since the first use of anything."),
            ),
            Self::ValueWeekly => (
                "per week",
                Direction::LowersRisk,
                format!("Sum of what `{event}` carries a week, since the first use of anything."),
            ),
            Self::Ratio28 => (
                "ratio",
                Direction::LowersRisk,
                format!("`{event}` in the last 28 days for each in the 28 before."),
            ),
            Self::Days28 => ("days", Direction::LowersRisk, format!("Days with `{event}` in the last 28.")),
            Self::DaysSince => ("days", Direction::RaisesRisk, format!("Days since the latest `{event}`.")),
            Self::Value7 => {
                ("value", Direction::LowersRisk, format!("Sum of what `{event}` carries, last 7 days."))
            }
            Self::Value28 => {
                ("value", Direction::LowersRisk, format!("Sum of what `{event}` carries, last 28 days."))
            }
            Self::ValueRatio28 => (
                "ratio",
                Direction::LowersRisk,
                format!("Sum of what `{event}` carries in the last 28 days per unit in the 28 before."),
            ),
        };
        FeatureSpec {
            name: name.to_owned(),
            dimension: Some(Dimension::Usage),
            kind: Kind::Number,
            role: Role::Feature,
            direction,
            unit: unit.to_owned(),
            meaning,
            source: source.to_owned(),
        }
    }

    /// The value for the event at `slot` of the plan's names; missing where the account never used it.
    pub(super) fn value(self, usage: &UsageWindow<'_>, slot: usize) -> f64 {
        let Some(event) = usage.named(slot) else { return f64::NAN };
        let value = match self {
            Self::Count7 => event.count.sum(0..7),
            Self::Count28 => event.count.sum(0..28),
            Self::Weekly => event.count_ever / usage.weeks(),
            Self::ValueWeekly => event.value_ever / usage.weeks(),
            Self::Ratio28 => ratio(event.count.sum(0..28), event.count.sum(28..56)),
            Self::Days28 => super::window::number(event.count.days(0..28)),
            Self::DaysSince => usage.as_of.days_since(event.last),
            Self::Value7 => event.value.sum(0..7),
            Self::Value28 => event.value.sum(0..28),
            Self::ValueRatio28 => ratio(event.value.sum(0..28), event.value.sum(28..56)),
        };
        if value.is_finite() { value } else { f64::NAN }
    }
}
