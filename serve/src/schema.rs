//! The columns that a request may give by name.

use std::collections::HashMap;

use holdfast_features::{Direction, FeatureSpec, Kind, Role};

/// The model's columns in the model's order, then the context that decisions read.
#[derive(Debug)]
pub struct Schema {
    model: String,
    specs: Vec<FeatureSpec>,
    by_name: HashMap<String, usize>,
}

/// The columns behind `AccountContext`, for models whose tables did not have them.
const CONTEXT: [(&str, Kind, &str, &str); 13] = [
    ("arr", Kind::Number, "currency", "annual recurring revenue"),
    ("currency", Kind::Category, "", "ISO 4217 code of all amounts"),
    ("tier", Kind::Category, "", "touch tier"),
    ("plan", Kind::Category, "", "plan or edition that was bought"),
    ("csm_id", Kind::Category, "", "customer success manager"),
    ("days_to_term_end", Kind::Number, "days", "days to the end of the term, negative when overdue"),
    ("term_months", Kind::Number, "months", "length of the term"),
    ("tenure_days", Kind::Number, "days", "days since the first term began"),
    ("is_strategic", Kind::Boolean, "", "strategic account"),
    ("cancel_requested", Kind::Boolean, "", "the customer has asked to cancel"),
    ("active_escalation", Kind::Boolean, "", "an escalation is in force"),
    ("do_not_contact", Kind::Boolean, "", "the customer asked not to be contacted"),
    ("legal_hold", Kind::Boolean, "", "a legal hold is in force"),
];

impl Schema {
    /// The columns of `model` (NAME@VERSION), whose own are `specs`.
    #[must_use]
    pub fn new(model: String, specs: &[FeatureSpec]) -> Self {
        let mut specs = specs.to_vec();
        for (name, kind, unit, meaning) in CONTEXT {
            if !specs.iter().any(|spec| spec.name == name) {
                specs.push(FeatureSpec {
                    name: name.to_owned(),
                    dimension: None,
                    kind,
                    role: Role::Context,
                    direction: Direction::Unknown,
                    unit: unit.to_owned(),
                    meaning: meaning.to_owned(),
                    source: String::new(),
                });
            }
        }
        let by_name = specs.iter().enumerate().map(|(index, spec)| (spec.name.clone(), index)).collect();
        Self { model, specs, by_name }
    }

    /// The model, NAME@VERSION, for messages.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// All columns.
    #[must_use]
    pub fn specs(&self) -> &[FeatureSpec] {
        &self.specs
    }

    /// The position of a column.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

/// Whether a column holds a count, an age or an amount of which there is never less than nothing. What cannot be
/// told from name and unit (scores, trends, ratios, amounts with credits) may be anything.
#[must_use]
pub fn is_never_negative(spec: &FeatureSpec) -> bool {
    const BY_NAME: [&str; 3] = ["arr", "term_months", "tenure_days"];
    const COUNTED: [&str; 27] = [
        "actions",
        "activities",
        "answers",
        "attempts",
        "contractions",
        "e-mails",
        "events",
        "expansions",
        "hours",
        "invoices",
        "meetings",
        "milestones",
        "minutes",
        "months",
        "opportunities",
        "pauses",
        "people",
        "posts",
        "renewals",
        "roles",
        "seats",
        "share",
        "subscriptions",
        "terms",
        "tickets",
        "trainings",
        "users",
    ];
    // Differences may fall below 0, and an overpaid invoice makes the unpaid share negative.
    const DIFFERENCES: [&str; 5] = ["change", "growth", "_net_", "backlog", "short_paid"];
    let may_fall = DIFFERENCES.iter().any(|part| spec.name.contains(part));
    let is_age =
        spec.unit == "days" && (spec.name.contains("days_since") || spec.name.contains("active_days"));
    BY_NAME.contains(&spec.name.as_str()) || (!may_fall && (is_age || COUNTED.contains(&spec.unit.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_own_columns_come_first_and_are_not_repeated() {
        let own = [FeatureSpec::prepared("seats", Kind::Number), FeatureSpec::prepared("arr", Kind::Number)];
        let schema = Schema::new("churn@1".to_owned(), &own);
        assert_eq!(&schema.specs()[..2], &own);
        assert_eq!(schema.index_of("arr"), Some(1));
        assert_eq!(schema.specs().iter().filter(|spec| spec.name == "arr").count(), 1);
        assert_eq!(schema.specs().len(), 2 + CONTEXT.len() - 1);
        assert_eq!(schema.index_of("absent"), None);
    }

    #[test]
    fn only_what_cannot_be_is_never_negative() {
        let is = |name: &str, unit: &str| {
            is_never_negative(&FeatureSpec {
                unit: unit.to_owned(),
                ..FeatureSpec::prepared(name, Kind::Number)
            })
        };
        for (name, unit) in [
            ("arr", "currency units"),
            ("term_months", ""),
            ("events_28d", "events"),
            ("days_since_last_use", "days"),
            ("seats_active_share_28d", "share"),
            ("response_hours_28d", "hours"),
        ] {
            assert!(is(name, unit), "{name}");
        }
        for (name, unit) in [
            ("days_to_term_end", "days"),
            ("active_days_change_28d", "days"),
            ("contacts_net_180d", "people"),
            ("tickets_backlog_28d", "tickets"),
            ("arr_growth", "share"),
            ("arr_change_90d", "share"),
            ("sentiment_28d", "score"),
            ("events_slope_8w", "per week"),
            ("unpaid_amount", "currency units"),
            ("balance", ""),
        ] {
            assert!(!is(name, unit), "{name}");
        }
    }
}
