//! Which groups of features a history switches on, and why the others are off.

use std::collections::BTreeMap;

use holdfast_features::{Dimension, FeatureSpec, History, Role};

use crate::report::FeatureGroup;

/// The tables that features are made from beside `subscriptions`, and the dimension that each speaks of.
const TABLES: [(&str, Dimension); 8] = [
    ("usage_events", Dimension::Usage),
    ("tickets", Dimension::Engagement),
    ("activities", Dimension::Engagement),
    ("surveys", Dimension::Engagement),
    ("milestones", Dimension::Engagement),
    ("invoices", Dimension::Financial),
    ("opportunities", Dimension::Financial),
    ("contacts", Dimension::Relationship),
];
/// Stands in for `usage_events`.
const DAILY: &str = "usage_daily";

/// The groups of `specs` by table and dimension; tables that the history lacks are off.
#[must_use]
pub fn feature_groups(history: &History, specs: &[FeatureSpec]) -> Vec<FeatureGroup> {
    let mut on: BTreeMap<(Option<Dimension>, &str), usize> = BTreeMap::new();
    for spec in specs.iter().filter(|spec| spec.role == Role::Feature) {
        *on.entry((spec.dimension, &spec.source)).or_default() += 1;
    }
    let mut groups: Vec<FeatureGroup> = on
        .into_iter()
        .map(|((dimension, source), features)| FeatureGroup {
            name: source.to_owned(),
            dimension,
            features,
            off_because: None,
        })
        .collect();
    let has = |table: &str| history.tables.iter().any(|summary| summary.table == table);
    for (table, dimension) in TABLES {
        let missing = match table {
            "usage_events" if !has(table) && !has(DAILY) => format!("no table `{table}` or `{DAILY}`"),
            "usage_events" => continue,
            _ if !has(table) => format!("no table `{table}`"),
            _ => continue,
        };
        groups.push(FeatureGroup {
            name: table.to_owned(),
            dimension: Some(dimension),
            features: 0,
            off_because: Some(missing),
        });
    }
    groups
}
