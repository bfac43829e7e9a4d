//! Numbers as a reader wants them; what is not a number is a dash.

use holdfast_features::{Dimension, Timestamp};
use maud::{Markup, html};

use crate::evaluate::Estimate;

/// Stands where there is no figure.
pub(super) const NOTHING: &str = "–";

/// `value` with `decimals`, a true minus sign and commas between thousands.
pub(super) fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return NOTHING.to_owned();
    }
    let digits = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = digits.split_once('.').map_or((digits.as_str(), None), |(w, f)| (w, Some(f)));
    let mut text = String::new();
    // A rounded zero has no sign.
    if value < 0.0 && digits.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
        text.push('−');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// A count with commas between thousands.
pub(super) fn count(value: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a count of rows, far below 2^53")]
    let value = value as f64;
    number(value, 0)
}

/// A share (0 to 1) in percent for a sentence or an axis: two decimals below 1 %, one below 20 %, else none; a whole
/// number without decimals.
pub(super) fn percent(share: f64) -> String {
    let value = share * 100.0;
    let decimals = match value.abs() {
        size if (size - size.round()).abs() < 1e-9 => 0,
        size if size < 0.995 => 2,
        size if size < 19.95 => 1,
        _ => 0,
    };
    with_sign(value, decimals)
}

/// A share (0 to 1) in percent for a column of a table: always one decimal.
pub(super) fn rate(share: f64) -> String {
    with_sign(share * 100.0, 1)
}

fn with_sign(percentage: f64, decimals: usize) -> String {
    let text = number(percentage, decimals);
    if text == NOTHING { text } else { format!("{text}\u{202f}%") }
}

/// `0.793`, or a dash.
pub(super) fn value(estimate: Option<Estimate>, decimals: usize) -> String {
    estimate.map_or_else(|| NOTHING.to_owned(), |estimate| number(estimate.value, decimals))
}

/// `0.762 to 0.823`, or a dash.
pub(super) fn interval(estimate: Option<Estimate>, decimals: usize) -> String {
    interval_of(estimate, |bound| number(bound, decimals))
}

/// `12.1 % to 15.8 %`, or a dash.
pub(super) fn rate_interval(estimate: Option<Estimate>) -> String {
    interval_of(estimate, rate)
}

fn interval_of(estimate: Option<Estimate>, write: impl Fn(f64) -> String) -> String {
    match estimate.and_then(|estimate| Some((estimate.low?, estimate.high?))) {
        Some((low, high)) => format!("{} to {}", write(low), write(high)),
        None => NOTHING.to_owned(),
    }
}

/// The day, `2025-03-31`, or a dash.
pub(super) fn day(time: Option<Timestamp>) -> String {
    time.map_or_else(|| NOTHING.to_owned(), |time| time.midnight().to_string())
}

/// Text in which what stands between backticks is a name out of the data.
pub(super) fn prose(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    // An odd number of parts means that every backtick has its partner.
    if parts.len().is_multiple_of(2) {
        return html! { (text) };
    }
    html! {
        @for (index, part) in parts.iter().enumerate() {
            @if index.is_multiple_of(2) { (part) } @else { code { (part) } }
        }
    }
}

/// The name of a dimension, or `other`.
pub(super) fn dimension(dimension: Option<Dimension>) -> &'static str {
    dimension.map_or("other", Dimension::name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(1_234_567.891, 1), "1,234,567.9");
        assert_eq!(number(-1234.0, 0), "−1,234");
        assert_eq!(number(-0.0004, 3), "0.000");
        assert_eq!(number(f64::NAN, 2), "–");
        assert_eq!(number(f64::INFINITY, 2), "–");
        assert_eq!(count(999), "999");
    }

    #[test]
    fn percentages_have_sensible_digits() {
        let texts = [0.0, 0.0048, 0.048, 0.1, 0.147, 0.4631, 1.0, f64::NAN].map(percent);
        let expected = ["0 %", "0.48 %", "4.8 %", "10 %", "14.7 %", "46 %", "100 %", "–"];
        assert_eq!(texts, expected.map(|text| text.replace(' ', "\u{202f}")));
        assert_eq!([0.1, 0.4631].map(rate), ["10.0\u{202f}%", "46.3\u{202f}%"]);
    }

    #[test]
    fn names_in_backticks_are_set_as_code() {
        assert_eq!(prose("no `<a>` here").into_string(), "no <code>&lt;a&gt;</code> here");
        assert_eq!(prose("one ` alone").into_string(), "one ` alone");
    }

    #[test]
    fn intervals_need_both_ends() {
        let whole = Estimate { value: 0.5, low: Some(-0.25), high: Some(0.75) };
        assert_eq!(interval(Some(whole), 2), "−0.25 to 0.75");
        assert_eq!(interval(Some(Estimate { high: None, ..whole }), 2), "–");
        assert_eq!(interval(None, 2), "–");
    }
}
