//! Why the probability is what it is, in words a customer-success manager can use.
//!
//! Each feature's contribution to the log-odds becomes a sentence with its value, what is typical of the
//! account's segment and by how much it moves the odds. A missing value is its own reason, "no data", and never
//! stands among the causes.

use holdfast_features::{Dimension, FeatureSpec, Kind, Row, Value};
use serde::Serialize;

/// One feature's share in the probability.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// The side of the account; `None` for columns of a prepared table without a declared one.
    pub dimension: Option<Dimension>,
    /// The feature.
    pub feature: String,
    /// Its contribution to the log-odds of churn; positive raises the risk.
    pub log_odds: f64,
    /// One or two sentences.
    pub text: String,
}

/// All reasons of one prediction.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reasons {
    /// What raises the risk, the strongest first.
    pub raising: Vec<Reason>,
    /// What lowers it, the strongest first.
    pub lowering: Vec<Reason>,
    /// What is not known, by how much that moves the log-odds.
    pub no_data: Vec<Reason>,
    /// Sum of the contributions by dimension, `None` for features without one, known and missing alike.
    pub by_dimension: Vec<(Option<Dimension>, f64)>,
}

/// Contributions below this do not become reasons: they move the odds by less than half a percent.
const NEGLIGIBLE: f64 = 0.005;

/// The reasons behind `contributions`, pairs of a position in `specs` and a share in the log-odds; at most
/// `per_dimension` of each kind for one dimension. `typical` answers with the median of a feature in the
/// account's segment.
pub(crate) fn reasons(
    row: Row<'_>,
    specs: &[FeatureSpec],
    contributions: &[(usize, f64)],
    typical: impl Fn(&str) -> Option<f64>,
    per_dimension: usize,
) -> Reasons {
    let mut strongest: Vec<(&FeatureSpec, f64)> = contributions
        .iter()
        .filter_map(|&(position, log_odds)| specs.get(position).map(|spec| (spec, log_odds)))
        .collect();
    strongest.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then_with(|| a.0.name.cmp(&b.0.name)));
    let mut reasons = Reasons::default();
    for dimension in Dimension::ALL.into_iter().map(Some).chain([None]) {
        let mine = || strongest.iter().filter(|(spec, _)| spec.dimension == dimension);
        if mine().next().is_some() {
            reasons.by_dimension.push((dimension, mine().map(|(_, log_odds)| log_odds).sum()));
        }
    }
    for (spec, log_odds) in strongest {
        if log_odds.abs() < NEGLIGIBLE {
            continue;
        }
        let value = value_of(row, spec);
        let list = match (&value, log_odds > 0.0) {
            (None, _) => &mut reasons.no_data,
            (Some(_), true) => &mut reasons.raising,
            (Some(_), false) => &mut reasons.lowering,
        };
        if list.iter().filter(|reason| reason.dimension == spec.dimension).count() >= per_dimension {
            continue;
        }
        let text = match value {
            None => format!("No data: {}", lower_first(subject(spec))),
            Some(value) => {
                let typical = typical(&spec.name).map(|median| quantity(spec, median));
                let typical =
                    typical.map_or(String::new(), |typical| format!(" (typical of its segment: {typical})"));
                format!("{}: {value}{typical}. {}.", brief(spec), moves_odds(log_odds))
            }
        };
        list.push(Reason { dimension: spec.dimension, feature: spec.name.clone(), log_odds, text });
    }
    reasons
}

/// A feature and its value in words, `Days since the last use: 41 days`; `None` where it is missing.
pub(crate) fn fact(row: Row<'_>, feature: &str) -> Option<String> {
    let position = row.table().index_of(feature)?;
    let spec = &row.table().specs()[position];
    value_of(row, spec).map(|value| format!("{}: {value}", brief(spec)))
}

/// An amount with thousands separators, and its currency where it is known.
pub(crate) fn money(amount: f64, currency: Option<&str>) -> String {
    match currency {
        Some(currency) => format!("{} {currency}", grouped(amount)),
        None => grouped(amount),
    }
}

fn value_of(row: Row<'_>, spec: &FeatureSpec) -> Option<String> {
    match row.value(row.table().index_of(&spec.name)?) {
        Value::Number(number) if number.is_nan() => None,
        Value::Number(number) => Some(quantity(spec, number)),
        Value::Text(text) => text.map(str::to_owned),
    }
}

fn subject(spec: &FeatureSpec) -> &str {
    spec.meaning.trim_end_matches('.')
}

/// The meaning without what it says of missing values and other special cases, behind a semicolon.
fn brief(spec: &FeatureSpec) -> &str {
    subject(spec).split(';').next().unwrap_or_default()
}

fn quantity(spec: &FeatureSpec, value: f64) -> String {
    if spec.kind == Kind::Boolean {
        // A median between two knots lies between no and yes.
        return if value >= 0.5 { "yes" } else { "no" }.to_owned();
    }
    match spec.unit.as_str() {
        "" | "score" | "ratio" | "value" => readable(value),
        "share" => format!("{} %", readable(value * 100.0)),
        unit => counted(value, unit),
    }
}

/// A number and its unit, which is written in the plural: `3 days`, `1 day`.
pub(crate) fn counted(value: f64, unit: &str) -> String {
    let number = readable(value);
    let unit = if number == "1" { singular(unit) } else { unit.to_owned() };
    format!("{number} {unit}")
}

/// Of the units that features have.
fn singular(unit: &str) -> String {
    if unit == "people" {
        return "person".to_owned();
    }
    match (unit.strip_suffix("ies"), unit.strip_suffix('s')) {
        (Some(stem), _) => format!("{stem}y"),
        (None, Some(stem)) => stem.to_owned(),
        (None, None) => unit.to_owned(),
    }
}

/// Whole from 100 on and where it is whole, else two digits after the point at most.
fn readable(value: f64) -> String {
    if value.abs() >= 100.0 || (value - value.round()).abs() < 1e-9 {
        return grouped(value);
    }
    let digits = if value.abs() >= 10.0 { 1 } else { 2 };
    format!("{value:.digits$}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn grouped(value: f64) -> String {
    let whole = format!("{:.0}", value.abs());
    let mut text = String::with_capacity(whole.len() + whole.len() / 3 + 1);
    if value < 0.0 && whole != "0" {
        text.push('-');
    }
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn moves_odds(log_odds: f64) -> String {
    let ratio = log_odds.exp();
    if ratio >= 2.0 {
        format!("Multiplies the odds of churn by {}", readable(ratio))
    } else if ratio >= 1.0 {
        format!("Raises the odds of churn by {} %", readable((ratio - 1.0) * 100.0))
    } else {
        format!("Lowers the odds of churn by {} %", readable((1.0 - ratio) * 100.0))
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !text.starts_with("NPS") && !text.starts_with("ARR") => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use holdfast_features::{Column, FeatureTable};

    use super::*;

    fn table() -> FeatureTable {
        let spec = |name: &str, kind, unit: &str, meaning: &str, dimension| FeatureSpec {
            unit: unit.to_owned(),
            meaning: meaning.to_owned(),
            dimension: Some(dimension),
            ..FeatureSpec::prepared(name, kind)
        };
        let specs = vec![
            spec(
                "days_since_use",
                Kind::Number,
                "days",
                "Days since the last use; 0 on a day of use.",
                Dimension::Usage,
            ),
            spec("seats_share", Kind::Number, "share", "Share of seats in use.", Dimension::Usage),
            spec("nps_latest", Kind::Number, "score", "NPS of the latest answer.", Dimension::Engagement),
            spec("auto_renew", Kind::Boolean, "", "Renews by itself.", Dimension::Financial),
            spec("plan", Kind::Category, "", "The plan.", Dimension::Financial),
        ];
        let columns = vec![
            Column::Number(vec![41.0]),
            Column::Number(vec![0.234]),
            Column::Number(vec![f64::NAN]),
            Column::Number(vec![1.0]),
            Column::Text(vec![Some("basic".into())]),
        ];
        FeatureTable::new(specs, columns, 1).unwrap()
    }

    #[test]
    fn reasons_are_sentences_sorted_by_strength() {
        let table = table();
        let contributions = [(0, 0.62), (1, 0.9), (2, 0.4), (3, -0.3), (4, 0.001)];
        let typical = |name: &str| (name == "days_since_use").then_some(3.0);
        let reasons = reasons(table.row(0), table.specs(), &contributions, typical, 3);
        let texts = |list: &[Reason]| list.iter().map(|reason| reason.text.clone()).collect::<Vec<_>>();
        assert_eq!(
            texts(&reasons.raising),
            [
                "Share of seats in use: 23.4 %. Multiplies the odds of churn by 2.46.",
                "Days since the last use: 41 days (typical of its segment: 3 days). Raises the odds of churn by 85.9 %.",
            ]
        );
        assert_eq!(texts(&reasons.lowering), ["Renews by itself: yes. Lowers the odds of churn by 25.9 %."]);
        assert_eq!(texts(&reasons.no_data), ["No data: NPS of the latest answer"]);
        let usage = reasons.by_dimension[0];
        assert_eq!(usage.0, Some(Dimension::Usage));
        assert!((usage.1 - 1.52).abs() < 1e-12);
    }

    #[test]
    fn at_most_so_many_a_dimension() {
        let table = table();
        let reasons = reasons(table.row(0), table.specs(), &[(0, 0.62), (1, 0.9)], |_| None, 1);
        assert_eq!(reasons.raising.len(), 1);
        assert_eq!(reasons.raising[0].feature, "seats_share");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(money(1_234_567.4, Some("USD")), "1,234,567 USD");
        assert_eq!(money(-999.6, None), "-1,000");
        assert_eq!(
            (readable(0.1), readable(12.34), readable(7.0)),
            ("0.1".into(), "12.3".into(), "7".into())
        );
        assert_eq!(readable(-0.2), "-0.2");
        let ratio = FeatureSpec { unit: "ratio".to_owned(), ..FeatureSpec::prepared("x", Kind::Number) };
        assert_eq!(quantity(&ratio, 1.8), "1.8", "no unit to speak of");
    }

    #[test]
    fn one_of_a_unit_is_singular() {
        let units =
            ["days", "milestones", "opportunities", "activities", "e-mails", "people", "currency units"];
        let one: Vec<String> = units.iter().map(|unit| counted(1.0, unit)).collect();
        assert_eq!(
            one,
            [
                "1 day",
                "1 milestone",
                "1 opportunity",
                "1 activity",
                "1 e-mail",
                "1 person",
                "1 currency unit"
            ]
        );
        assert_eq!(counted(1.0, "per week"), "1 per week");
        assert_eq!(
            (counted(0.0, "days"), counted(1.5, "days")),
            ("0 days".to_owned(), "1.5 days".to_owned())
        );
    }
}
