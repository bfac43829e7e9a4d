//! Finding the type of a column that nobody declared.

use std::collections::HashSet;

use crate::history::Text;
use crate::time::Timestamp;

/// What the values of a column are.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Detected {
    /// Numbers; missing is NaN.
    Number(Vec<f64>),
    /// Booleans as 0 and 1; missing is NaN.
    Boolean(Vec<f64>),
    /// Categories.
    Category(Vec<Option<Text>>),
    /// Every value is a date or a time.
    Times,
    /// Nothing is given.
    AllMissing,
}

/// What stands for a missing value in tables from elsewhere, in lower case.
const MISSING: [&str; 7] = ["na", "n/a", "#n/a", "nan", "null", "?", "\\n"];

/// More levels than this, and more than one for two rows, make an identifier and no category.
const MOST_LEVELS: usize = 50;

/// Whether `text`, trimmed, stands for a missing value.
pub(super) fn is_missing(text: &str) -> bool {
    text.is_empty() || MISSING.contains(&text.to_ascii_lowercase().as_str())
}

/// Finds the type of a column of texts: numbers, if all that is given are finite numbers and none has the
/// leading zero of a code; booleans, if all are literally true or false; else categories. `Yes` and `No` are
/// categories.
pub(super) fn detect_text(values: &[Option<Text>]) -> Detected {
    let given = || values.iter().flatten();
    if given().next().is_none() {
        return Detected::AllMissing;
    }
    if given().all(|text| number(text).is_some()) {
        return Detected::Number(numbers(values, number));
    }
    if given().all(|text| boolean(text).is_some()) {
        return Detected::Boolean(numbers(values, boolean));
    }
    // Digits alone are codes here, not epoch seconds.
    if given().all(|text| text.contains('-') && Timestamp::parse(text).is_ok()) {
        return Detected::Times;
    }
    Detected::Category(values.to_vec())
}

/// Whether categories name single rows rather than kinds of rows.
pub(super) fn is_identifier(values: &[Option<Text>]) -> bool {
    let levels: HashSet<&Text> = values.iter().flatten().collect();
    let n_given = values.iter().flatten().count();
    let is_unique = levels.len() == n_given && n_given > 2;
    is_unique || (levels.len() > MOST_LEVELS && 2 * levels.len() > n_given)
}

fn number(text: &str) -> Option<f64> {
    let digits = text.trim_start_matches(['+', '-']);
    let is_code = digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
    // Adding zero turns -0.0 into 0.0.
    text.parse::<f64>().ok().filter(|value| value.is_finite() && !is_code).map(|value| value + 0.0)
}

fn boolean(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(1.0),
        "false" => Some(0.0),
        _ => None,
    }
}

fn numbers(values: &[Option<Text>], read: impl Fn(&str) -> Option<f64>) -> Vec<f64> {
    values.iter().map(|value| value.as_deref().and_then(&read).unwrap_or(f64::NAN)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Vec<Option<Text>> {
        values.iter().map(|text| Some(Text::from(*text)).filter(|_| !is_missing(text))).collect()
    }

    #[test]
    fn types_are_found_from_what_is_given() {
        let Detected::Number(numbers) = detect_text(&texts(&["1", "", "2.5", "?"])) else { panic!() };
        assert_eq!(numbers[..1], [1.0]);
        assert!(numbers[1].is_nan() && numbers[3].is_nan());
        assert_eq!(detect_text(&texts(&["true", "FALSE"])), Detected::Boolean(vec![1.0, 0.0]));
        assert!(matches!(detect_text(&texts(&["Yes", "No"])), Detected::Category(_)));
        assert!(matches!(detect_text(&texts(&["02139", "10001"])), Detected::Category(_)));
        assert!(matches!(detect_text(&texts(&["1", "two"])), Detected::Category(_)));
        assert!(matches!(detect_text(&texts(&["1", "inf"])), Detected::Category(_)));
        assert_eq!(detect_text(&texts(&["2025-01-01", "2025-01-02 10:00"])), Detected::Times);
        assert_eq!(detect_text(&texts(&["", "NA", "null"])), Detected::AllMissing);
    }

    #[test]
    fn ids_are_told_from_categories() {
        assert!(is_identifier(&texts(&["a", "b", "c"])));
        assert!(!is_identifier(&texts(&["a", "b", "a"])));
        let many: Vec<String> = (0..200).map(|row| (row % 120).to_string() + "x").collect();
        assert!(is_identifier(&texts(&many.iter().map(String::as_str).collect::<Vec<_>>())));
    }
}
