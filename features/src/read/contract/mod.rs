//! The contract: which tables a history has, their columns, types, and the names other tools give them.
//!
//! One declarative table; loading, checking, configuration and messages all read it.

mod tables;
pub(super) mod words;

pub use tables::TABLES;

/// A table of a history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TableSchema {
    /// Its name: of the file without its ending, or of the folder.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [ColumnSchema],
    /// When what a row tells happened.
    pub event_time: EventTime,
    /// The column whose values must be unique.
    pub unique: Option<&'static str>,
    /// Of each of these groups of columns one at least must hold a value in every row.
    pub one_of: &'static [&'static [&'static str]],
    /// Pairs of times of which the second must not lie on an earlier day than the first.
    pub in_order: &'static [(&'static str, &'static str)],
}

/// Which column holds the time of a row's event. Rows without `recorded_at` are known from then on, after the
/// table's configured delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTime {
    /// Attributes of today.
    Timeless,
    /// This column.
    At(&'static str),
    /// This column names a day; the row is known from its last microsecond on.
    DayOf(&'static str),
    /// The earlier of a plan and its fulfilment. A row with `recorded_at` and a plan is known when recorded,
    /// which may well be before both.
    Earliest {
        /// The planned time.
        plan: &'static str,
        /// The time of fulfilment.
        done: &'static str,
    },
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColumnSchema {
    /// The canonical name.
    pub name: &'static str,
    /// The type of its values.
    pub kind: ColumnKind,
    /// Whether every file and row must have it.
    pub presence: Presence,
    /// Names that common tools give it, accepted without configuration whatever their case.
    pub aliases: &'static [&'static str],
}

/// Whether a column must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// In every file, with a value in every row.
    Required,
    /// Not needed; values may be missing.
    Optional,
}

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ColumnKind {
    /// Text or integers, compared as text.
    Id,
    /// Any text.
    Text,
    /// A point in time; a date means its midnight, UTC.
    Time(Tense),
    /// A day; a time within it means the day.
    Date(Tense),
    /// A number within a range.
    Number(Range),
    /// A whole number within a range.
    Whole(Range),
    /// An amount in the currency; also accepted in minor units as a column called `…_minor`.
    Money(Range),
    /// As [`Self::Money`], by the month; also accepted by the year under this name.
    MonthlyMoney(&'static str),
    /// True or false.
    Boolean,
    /// Any finite number, or the tool's own words: `good` is 1, `bad` 0, `offered` and `unoffered` are missing.
    Rating,
    /// One of these words.
    Words(&'static [&'static str]),
}

/// Whether a time may lie in the future.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tense {
    /// Something that happened: a time in the future is an error.
    Past,
    /// Something that may be agreed or planned ahead.
    Planned,
}

/// The numbers that a column allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// Any finite number.
    Any,
    /// Zero or more.
    NonNegative,
    /// From −1 to 1.
    Signed,
    /// Above 0, at most 1.
    Propensity,
    /// Months of a billing period: 1 to 120.
    Months,
}

/// A name under which a configuration or a file may give a column, and how its numbers are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Spelling {
    /// The name.
    pub name: String,
    /// What its numbers are divided by: 12 for yearly amounts.
    pub divisor: f64,
    /// Whether its numbers are whole minor units of the currency.
    pub unit: MoneyUnit,
}

/// The unit of an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyUnit {
    /// Units of the currency.
    Major,
    /// Cents, or what the currency has in their place.
    Minor,
}

impl TableSchema {
    /// The schema called `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|schema| schema.name == name)
    }

    /// The column called `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static ColumnSchema> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl ColumnSchema {
    /// The canonical names under which the column may be given: as it is, and for money by the year and in
    /// minor units.
    #[must_use]
    pub fn spellings(&self) -> Vec<Spelling> {
        let major = |name: &str, divisor| Spelling { name: name.to_owned(), divisor, unit: MoneyUnit::Major };
        let minor =
            |name: &str, divisor| Spelling { name: format!("{name}_minor"), divisor, unit: MoneyUnit::Minor };
        match self.kind {
            ColumnKind::Money(_) => vec![major(self.name, 1.0), minor(self.name, 1.0)],
            ColumnKind::MonthlyMoney(yearly) => {
                vec![major(self.name, 1.0), minor(self.name, 1.0), major(yearly, 12.0), minor(yearly, 12.0)]
            }
            _ => vec![major(self.name, 1.0)],
        }
    }
}

impl Range {
    /// Whether `value` is allowed.
    #[must_use]
    pub fn contains(self, value: f64) -> bool {
        match self {
            Self::Any => value.is_finite(),
            Self::NonNegative => value >= 0.0,
            Self::Signed => (-1.0..=1.0).contains(&value),
            Self::Propensity => value > 0.0 && value <= 1.0,
            Self::Months => (1.0..=120.0).contains(&value),
        }
    }

    /// The range in words, to follow "must be".
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Any => "finite",
            Self::NonNegative => "0 or more",
            Self::Signed => "from -1 to 1",
            Self::Propensity => "above 0 and at most 1",
            Self::Months => "from 1 to 120",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_in_a_schema_is_one_of_its_columns() {
        for schema in TABLES {
            let mut named: Vec<&str> = match schema.event_time {
                EventTime::Timeless => vec![],
                EventTime::At(name) | EventTime::DayOf(name) => vec![name],
                EventTime::Earliest { plan, done } => vec![plan, done],
            };
            named.extend(schema.unique);
            named.extend(schema.one_of.iter().flat_map(|group| group.iter().copied()));
            named.extend(schema.in_order.iter().flat_map(|(first, second)| [*first, *second]));
            for name in named {
                assert!(schema.column(name).is_some(), "{}.{name}", schema.name);
            }
        }
    }

    #[test]
    fn no_name_stands_for_two_columns_of_a_table() {
        for schema in TABLES {
            let mut seen = BTreeSet::new();
            for column in schema.columns {
                let spelled = column.spellings().into_iter().map(|spelling| spelling.name);
                let aliases = column.aliases.iter().map(|alias| (*alias).to_owned());
                for name in spelled.chain(aliases) {
                    assert!(seen.insert(name.to_lowercase()), "{}.{name} is ambiguous", schema.name);
                }
            }
        }
    }

    #[test]
    fn money_is_also_read_by_the_year_and_in_minor_units() {
        let mrr = TableSchema::find("subscriptions").unwrap().column("mrr").unwrap();
        let names: Vec<_> = mrr.spellings().into_iter().map(|spelling| spelling.name).collect();
        assert_eq!(names, ["mrr", "mrr_minor", "arr", "arr_minor"]);
    }
}
