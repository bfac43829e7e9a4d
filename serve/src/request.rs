//! The subjects of a request → rows of features, every mistake noted with its field.

use holdfast_actions::{Reading, touch};
use holdfast_features::{Column, FeatureTable, Kind, Role, Row, Timestamp};
use holdfast_proto::limits::{MAX_DAYS_AHEAD, MAX_TEXT_BYTES, MAX_VALUES_PER_ROW};
use holdfast_proto::v1::feature_value;
use holdfast_proto::v1::subject::By;
use holdfast_proto::v1::{AccountContext, FeatureRow, FeatureValue, Missing, Subject};

use crate::error::Refusal;
use crate::loaded::Loaded;
use crate::schema::{Schema, is_never_negative};
use crate::violation::{Violations, quoted};

/// The subjects of one request, found or read.
#[derive(Debug)]
pub struct Subjects {
    given: FeatureTable,
    places: Vec<Place>,
}

/// Where the features of one subject are.
#[derive(Debug)]
enum Place {
    Snapshot { row: usize },
    Given { row: usize, as_of: Timestamp, reference: String },
    Unknown { account_id: String },
}

/// One subject.
#[derive(Debug, Clone, Copy)]
pub enum Located<'a> {
    /// Its features are known.
    Known(Known<'a>),
    /// The snapshot has no such account.
    Unknown {
        /// The id as the request gave it.
        account_id: &'a str,
    },
}

/// A subject with its features.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The values, the model's features first.
    pub row: Row<'a>,
    /// The account, or the caller's reference.
    pub account_id: &'a str,
    /// The moment that the features describe.
    pub as_of: Timestamp,
    /// How the account stood earlier; features that are given by name have no past.
    pub readings: &'a [Reading],
}

impl Subjects {
    /// Reads `subjects`, each with the path that its fields have in the request; `now` is the time of
    /// features that are given without one.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every mistake; [`Refusal::NoSnapshot`] where an account is named and
    /// there is no snapshot to look it up in.
    pub fn read(
        loaded: &Loaded,
        subjects: Vec<(String, Option<Subject>)>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let schema = loaded.schema();
        let mut values = Given::new(schema);
        let mut violations = Violations::default();
        let mut places = Vec::with_capacity(subjects.len());
        let mut names_accounts = false;
        for (path, subject) in subjects {
            match subject.and_then(|subject| subject.by) {
                None => violations.add(path, "names no account: set account_id or features"),
                Some(By::AccountId(account_id)) => {
                    names_accounts = true;
                    check_text(&mut violations, &|| format!("{path}.account_id"), &account_id);
                    places.push(match loaded.snapshot().and_then(|snapshot| snapshot.row_of(&account_id)) {
                        Some(row) => Place::Snapshot { row },
                        None => Place::Unknown { account_id },
                    });
                }
                Some(By::Features(features)) => {
                    let path = format!("{path}.features");
                    let as_of = read_as_of(&mut violations, &path, &features, now).unwrap_or(now);
                    let row = values.push(&mut violations, &path, &features);
                    places.push(Place::Given { row, as_of, reference: features.reference });
                }
            }
        }
        if !violations.is_empty() {
            return Err(Refusal::Invalid(violations));
        }
        if names_accounts && loaded.snapshot().is_none() {
            return Err(Refusal::NoSnapshot);
        }
        let given = values.finish().map_err(Refusal::Table)?;
        Ok(Self { given, places })
    }

    /// The subjects in the order of the request.
    pub fn located<'a>(&'a self, loaded: &'a Loaded) -> impl Iterator<Item = Located<'a>> {
        self.places.iter().map(move |place| match place {
            Place::Snapshot { row } => match loaded.snapshot() {
                Some(snapshot) => {
                    let key = snapshot.key(*row);
                    Located::Known(Known {
                        row: snapshot.table().row(*row),
                        account_id: &key.account_id,
                        as_of: key.as_of,
                        readings: loaded.readings().before(&key.account_id, key.as_of),
                    })
                }
                None => Located::Unknown { account_id: "" },
            },
            Place::Given { row, as_of, reference } => {
                let row = self.given.row(*row);
                Located::Known(Known { row, account_id: reference, as_of: *as_of, readings: &[] })
            }
            Place::Unknown { account_id } => Located::Unknown { account_id },
        })
    }
}

/// The columns of the rows that requests carry, filled row by row.
struct Given<'a> {
    schema: &'a Schema,
    columns: Vec<Column>,
    n_rows: usize,
}

impl<'a> Given<'a> {
    fn new(schema: &'a Schema) -> Self {
        let columns = schema.specs().iter().map(|spec| match spec.kind {
            Kind::Number | Kind::Boolean => Column::Number(Vec::new()),
            Kind::Category => Column::Text(Vec::new()),
        });
        Self { schema, columns: columns.collect(), n_rows: 0 }
    }

    /// Appends a row of missing values, then sets what is given.
    fn push(&mut self, violations: &mut Violations, path: &str, features: &FeatureRow) -> usize {
        let row = self.n_rows;
        self.n_rows += 1;
        for column in &mut self.columns {
            match column {
                Column::Number(values) => values.push(f64::NAN),
                Column::Text(values) => values.push(None),
            }
        }
        if features.reference.len() > MAX_TEXT_BYTES {
            violations.add(format!("{path}.reference"), too_long(&features.reference));
        }
        if features.values.len() > MAX_VALUES_PER_ROW {
            let found = features.values.len();
            violations.add(
                format!("{path}.values"),
                format!("{found} values; at most {MAX_VALUES_PER_ROW} are read"),
            );
            return row;
        }
        let found_before = violations.total();
        let mut known = 0_usize;
        for (name, value) in &features.values {
            let field = || format!("{path}.values[{}]", quoted(name));
            known += self.set(violations, &field, name, value, row);
        }
        for (name, kind) in features.context.iter().flat_map(context_values) {
            let field = || format!("{path}.context.{name}");
            if features.values.contains_key(name) {
                violations.add(field(), "is given under values too: give it once");
                continue;
            }
            known += self.set(violations, &field, name, &FeatureValue { kind: Some(kind) }, row);
        }
        if known == 0 && violations.total() == found_before {
            violations.add(
                format!("{path}.values"),
                format!("no feature of {} is known: give at least one", self.schema.model()),
            );
        }
        row
    }

    /// Sets one value; 1 if it is a known value of a feature that the model reads, else 0.
    fn set(
        &mut self,
        violations: &mut Violations,
        field: &dyn Fn() -> String,
        name: &str,
        value: &FeatureValue,
        row: usize,
    ) -> usize {
        let Some(index) = self.schema.index_of(name) else {
            let model = self.schema.model();
            violations.add(field(), format!("is no feature of {model}: GetModel lists them"));
            return 0;
        };
        let Some(kind) = &value.kind else {
            violations.add(field(), "has no value: set number, text, boolean or missing");
            return 0;
        };
        match (self.schema.specs()[index].kind, kind, &mut self.columns[index]) {
            (_, feature_value::Kind::Missing(Missing {}), _) => return 0,
            (Kind::Number, feature_value::Kind::Number(number), Column::Number(values)) => {
                if !number.is_finite() {
                    violations.add(field(), format!("{number} is no finite number: say missing"));
                    return 0;
                }
                if *number < 0.0 && is_never_negative(&self.schema.specs()[index]) {
                    violations.add(field(), format!("{number} cannot be: 0 or more is needed"));
                    return 0;
                }
                values[row] = *number;
            }
            (Kind::Boolean, feature_value::Kind::Boolean(boolean), Column::Number(values)) => {
                values[row] = f64::from(u8::from(*boolean));
            }
            (Kind::Category, feature_value::Kind::Text(text), Column::Text(values)) => {
                if !check_text(violations, field, text) {
                    return 0;
                }
                let unread = if name == touch::COLUMN { touch::of_text(text).1 } else { Vec::new() };
                if let Some(part) = unread.first() {
                    violations.add(field(), format!("{} is no action@YYYY-MM-DD", quoted(part)));
                    return 0;
                }
                values[row] = Some(text.as_str().into());
            }
            (expected, found, _) => {
                violations
                    .add(field(), format!("must be a {}, not a {}", kind_name(expected), value_name(found)));
                return 0;
            }
        }
        usize::from(self.schema.specs()[index].role == Role::Feature)
    }

    fn finish(self) -> Result<FeatureTable, holdfast_features::matrix::TableError> {
        FeatureTable::new(self.schema.specs().to_vec(), self.columns, self.n_rows)
    }
}

/// The time of the features; `None` where there is none, or none that can be.
fn read_as_of(
    violations: &mut Violations,
    path: &str,
    features: &FeatureRow,
    now: Timestamp,
) -> Option<Timestamp> {
    let given = features.as_of.as_ref()?;
    let latest = now.plus_days(MAX_DAYS_AHEAD);
    let as_of = given
        .seconds
        .checked_mul(1_000_000)
        .and_then(|micros| micros.checked_add(i64::from(given.nanos) / 1_000))
        .filter(|_| (0..1_000_000_000).contains(&given.nanos))
        .and_then(Timestamp::checked)
        .filter(|as_of| (Timestamp(0)..=latest).contains(as_of));
    if as_of.is_none() {
        violations.add(
            format!("{path}.as_of"),
            format!(
                "{} s + {} ns is no time from 1970-01-01 to {MAX_DAYS_AHEAD} days from now",
                given.seconds, given.nanos
            ),
        );
    }
    as_of
}

/// Notes an empty or too long text; whether it is neither.
fn check_text(violations: &mut Violations, field: &dyn Fn() -> String, text: &str) -> bool {
    if text.is_empty() {
        violations.add(field(), "is empty");
        false
    } else if text.len() > MAX_TEXT_BYTES {
        violations.add(field(), too_long(text));
        false
    } else {
        true
    }
}

fn too_long(text: &str) -> String {
    format!("{} bytes; at most {MAX_TEXT_BYTES} are read", text.len())
}

/// The context that is given, by the name of the column that it stands for.
fn context_values(context: &AccountContext) -> impl Iterator<Item = (&'static str, feature_value::Kind)> {
    use feature_value::Kind::{Boolean, Number, Text};
    // Destructured, so that a new field of the protocol is not forgotten here.
    let AccountContext {
        arr,
        currency,
        tier,
        plan,
        csm_id,
        days_to_term_end,
        term_months,
        tenure_days,
        is_strategic,
        cancel_requested,
        active_escalation,
        do_not_contact,
        legal_hold,
    } = context;
    [
        ("arr", arr.map(Number)),
        ("currency", currency.clone().map(Text)),
        ("tier", tier.clone().map(Text)),
        ("plan", plan.clone().map(Text)),
        ("csm_id", csm_id.clone().map(Text)),
        ("days_to_term_end", days_to_term_end.map(Number)),
        ("term_months", term_months.map(Number)),
        ("tenure_days", tenure_days.map(Number)),
        ("is_strategic", is_strategic.map(Boolean)),
        ("cancel_requested", cancel_requested.map(Boolean)),
        ("active_escalation", active_escalation.map(Boolean)),
        ("do_not_contact", do_not_contact.map(Boolean)),
        ("legal_hold", legal_hold.map(Boolean)),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.map(|value| (name, value)))
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "number",
        Kind::Boolean => "boolean",
        Kind::Category => "text",
    }
}

fn value_name(kind: &feature_value::Kind) -> &'static str {
    match kind {
        feature_value::Kind::Number(_) => "number",
        feature_value::Kind::Text(_) => "text",
        feature_value::Kind::Boolean(_) => "boolean",
        feature_value::Kind::Missing(_) => "missing value",
    }
}
