//! The columns of a feature table: which a history offers, and how a stored specification is computed.

use std::collections::BTreeSet;

use super::declared::{CURRENCY, Declared, How, Needs};
use super::events::{self, EventMeasure};
use super::{
    ComputeConfig, ComputeError, context, engagement, financial, relationship, usage, usage_people,
    usage_rhythm,
};
use crate::history::{CandidateColumn, History, MutableColumn, Text};
use crate::spec::{Dimension, Direction, FeatureSpec, Kind, Role};
use crate::stage;

/// How a column is computed.
pub(super) enum Column {
    /// By the declaration of that name.
    Declared(&'static Declared),
    /// From the use of the event at that position of [`Plan::events`].
    Event(EventMeasure, usize),
    /// The constant column of `accounts` at that position.
    Candidate(usize),
    /// From the values of the other columns.
    Stage,
}

/// The columns to compute, in order.
pub(super) struct Plan {
    pub(super) columns: Vec<Column>,
    /// The events with features of their own.
    pub(super) events: Vec<Text>,
    /// What the stage is told by, computed whether or not the table shows it.
    pub(super) stage_inputs: Vec<&'static Declared>,
    /// The columns of `subscriptions` that hold at every time: the configuration's, and those that a stored
    /// specification learnt from, so that it computes the same under another configuration.
    pub(super) constant: Vec<MutableColumn>,
}

/// The tables that usage may come from.
const USAGE: [&str; 2] = ["usage_events", "usage_daily"];
/// The name of the lifecycle stage's column.
const STAGE: &str = "stage";
/// Constant columns of `accounts` become features under this prefix and their name.
const CANDIDATE: &str = "account__";

pub(super) fn declarations() -> impl Iterator<Item = &'static Declared> {
    [usage::FEATURES, usage_people::FEATURES, usage_rhythm::FEATURES]
        .into_iter()
        .chain(engagement::FEATURES)
        .chain(financial::FEATURES)
        .chain(relationship::FEATURES)
        .chain([context::FEATURES])
        .flatten()
}

/// Every feature that the history offers; see [`super::specs`].
pub(super) fn specs(history: &History, config: &ComputeConfig) -> Result<Vec<FeatureSpec>, ComputeError> {
    let mut specs = declared_specs(history);
    if let Some(source) = usage_table(history) {
        let named = events::most_used(history, config.max_events)?;
        specs.extend(named.iter().flat_map(|event| events::specs(event, source)));
    }
    specs.extend(other_specs(history));
    Ok(specs)
}

/// The features called `names`; see [`super::specs_of`].
pub(super) fn specs_of(history: &History, names: &[String]) -> Result<Vec<FeatureSpec>, ComputeError> {
    let mut known = declared_specs(history);
    known.extend(other_specs(history));
    let source = usage_table(history);
    let spec = |name: &String| {
        let known = known.iter().find(|spec| spec.name == *name).cloned();
        let of_event = || source.and_then(|source| events::spec_of(name, source));
        known.or_else(of_event).ok_or_else(|| ComputeError::NoSuchFeature { feature: name.clone() })
    };
    names.iter().map(spec).collect()
}

/// The tables that the features called `names` are made from, `None` where that takes every table.
pub(super) fn tables_of(names: &[String]) -> Option<BTreeSet<&'static str>> {
    let mut tables = BTreeSet::new();
    for name in names {
        let declared = declarations().find(|declared| declared.name == *name);
        match declared.map(|declared| (declared.needs, declared.how)) {
            // A view asks for several tables.
            Some((_, How::View(_) | How::Text(_))) => return None,
            Some((Needs::Table(table) | Needs::ContextWithout(table), _)) => tables.extend([table]),
            Some((Needs::Usage, _)) => tables.extend(USAGE),
            None if events::parse(name).is_some() => tables.extend(USAGE),
            None => return None,
        }
    }
    Some(tables)
}

/// The declared features that the history offers.
fn declared_specs(history: &History) -> Vec<FeatureSpec> {
    let currency = history.currency.as_deref().unwrap_or("currency units");
    let mrr_is_told = mrr_is_told(history);
    declarations().filter_map(|declared| declared.spec(history, currency, mrr_is_told)).collect()
}

/// The constant columns of accounts, and the stage.
fn other_specs(history: &History) -> Vec<FeatureSpec> {
    let mut specs = Vec::new();
    specs.extend(history.candidate_columns.iter().map(candidate_spec));
    specs.push(FeatureSpec {
        name: STAGE.to_owned(),
        dimension: Some(Dimension::Engagement),
        kind: Kind::Category,
        role: Role::Feature,
        direction: Direction::Unknown,
        unit: String::new(),
        meaning: "Lifecycle stage by the default boundaries; seats count only where they never change."
            .to_owned(),
        source: "subscriptions".to_owned(),
    });
    specs
}

/// Whether any row of the renewal history tells the MRR.
fn mrr_is_told(history: &History) -> bool {
    let mut events = history.accounts.iter().flat_map(|facts| &facts.subscription_events);
    match &history.book {
        Some(book) => book.mrr_is_told,
        None => events.any(|event| event.mrr_after.is_some()),
    }
}

/// Whether the history has the table, by its summary or by its facts.
fn has_table(history: &History, table: &str) -> bool {
    history.tables.iter().any(|summary| summary.table == table)
}

/// The table that usage comes from.
fn usage_table(history: &History) -> Option<&'static str> {
    USAGE.into_iter().find(|table| has_table(history, table))
}

fn candidate_spec(CandidateColumn { name, kind }: &CandidateColumn) -> FeatureSpec {
    FeatureSpec {
        name: format!("{CANDIDATE}{name}"),
        dimension: None,
        kind: *kind,
        role: Role::Feature,
        direction: Direction::Unknown,
        unit: String::new(),
        meaning: format!("Column `{name}` of accounts, declared constant."),
        source: "accounts".to_owned(),
    }
}

impl Declared {
    /// The specification on that history; `None` where its table is absent and nothing asks for the column.
    fn spec(&self, history: &History, currency: &str, mrr_is_told: bool) -> Option<FeatureSpec> {
        let (source, present) = self.source(history);
        let role = match (present, self.needs) {
            (true, _) if self.of_today.is_empty() => self.role,
            (true, _) if self.is_known_at_past(&history.constant_subscription_columns, mrr_is_told) => {
                Role::Feature
            }
            (true, _) => Role::Context,
            (false, Needs::ContextWithout(_)) => Role::Context,
            (false, _) => return None,
        };
        let unit = if self.unit == CURRENCY { currency } else { self.unit };
        Some(FeatureSpec {
            name: self.name.to_owned(),
            dimension: self.dimension,
            kind: self.kind,
            role,
            direction: self.direction,
            unit: unit.to_owned(),
            meaning: self.meaning.to_owned(),
            source: source.to_owned(),
        })
    }

    /// Whether its values at past times are known: it reads nothing of today, or only what never changes.
    fn is_known_at_past(&self, constant: &[MutableColumn], mrr_is_told: bool) -> bool {
        let is_known = |column: &MutableColumn| {
            constant.contains(column) || (*column == MutableColumn::Mrr && mrr_is_told)
        };
        self.of_today.iter().all(is_known)
    }

    fn source(&self, history: &History) -> (&'static str, bool) {
        match self.needs {
            Needs::Usage => (usage_table(history).unwrap_or("usage_events"), usage_table(history).is_some()),
            Needs::Table("subscriptions") => ("subscriptions", true),
            Needs::Table(table) | Needs::ContextWithout(table) => (table, has_table(history, table)),
        }
    }
}

impl Plan {
    /// How to compute the columns of `specs` on `history`.
    pub(super) fn new(history: &History, specs: &[FeatureSpec]) -> Result<Self, ComputeError> {
        let mrr_is_told = mrr_is_told(history);
        let mut plan = Self {
            columns: Vec::with_capacity(specs.len()),
            events: Vec::new(),
            stage_inputs: Vec::new(),
            constant: history.constant_subscription_columns.clone(),
        };
        for spec in specs.iter().filter(|spec| spec.role == Role::Feature) {
            let learnt = declarations().filter(|declared| declared.name == spec.name);
            let columns = learnt.flat_map(|declared| declared.of_today);
            plan.constant.extend(columns.filter(|column| **column != MutableColumn::Mrr || !mrr_is_told));
        }
        for spec in specs {
            let column = plan.column(history, spec)?;
            if matches!(column, Column::Stage) {
                // At the latest date as at past ones: a model learns from the column.
                let is_known = |declared: &&Declared| declared.is_known_at_past(&plan.constant, mrr_is_told);
                plan.stage_inputs = declarations()
                    .filter(|declared| stage::INPUTS.contains(&declared.name))
                    .filter(is_known)
                    .collect();
            }
            plan.columns.push(column);
        }
        Ok(plan)
    }

    fn column(&mut self, history: &History, spec: &FeatureSpec) -> Result<Column, ComputeError> {
        let unknown = || ComputeError::UnknownFeature { feature: spec.name.clone() };
        let absent =
            |table: &str| ComputeError::AbsentTable { feature: spec.name.clone(), table: table.to_owned() };
        let (kind, column) = if spec.name == STAGE {
            (Kind::Category, Column::Stage)
        } else if let Some(name) = spec.name.strip_prefix(CANDIDATE) {
            let index = history.candidate_columns.iter().position(|column| column.name == name);
            let index = index.ok_or_else(|| ComputeError::AbsentColumn {
                feature: spec.name.clone(),
                column: name.to_owned(),
            })?;
            (history.candidate_columns[index].kind, Column::Candidate(index))
        } else if let Some((measure, event)) = events::parse(&spec.name) {
            usage_table(history).ok_or_else(|| absent(&spec.source))?;
            (Kind::Number, Column::Event(measure, self.slot(event)))
        } else {
            let declared = declarations().find(|declared| declared.name == spec.name).ok_or_else(unknown)?;
            let (source, present) = declared.source(history);
            // A context column is there on every history, but a feature that a model learnt from is not.
            if !present && spec.role == Role::Feature {
                return Err(absent(source));
            }
            (declared.kind, Column::Declared(declared))
        };
        if kind != spec.kind {
            return Err(ComputeError::OtherKind {
                feature: spec.name.clone(),
                stored: spec.kind,
                computed: kind,
            });
        }
        Ok(column)
    }

    fn slot(&mut self, event: &str) -> usize {
        self.events.iter().position(|name| **name == *event).unwrap_or_else(|| {
            self.events.push(event.into());
            self.events.len() - 1
        })
    }
}
