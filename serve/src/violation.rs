//! The mistakes of a request, collected so that one answer names them all.

use holdfast_proto::limits::MAX_VIOLATION_BYTES;

/// One thing wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field, as a path from the request: `subjects[3].features.values["seats"]`.
    pub field: String,
    /// What is wrong and what to send instead.
    pub description: String,
}

/// The mistakes found so far: those that fit into an answer, and the number of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations {
    listed: Vec<Violation>,
    bytes: usize,
    unlisted: usize,
}

/// The longest quotation of a client's text, in characters.
const LONGEST_QUOTE: usize = 60;

impl Violations {
    /// Notes that `field` is wrong as `description` says.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        let violation = Violation { field: field.into(), description: description.into() };
        let bytes = violation.field.len() + violation.description.len();
        if self.unlisted > 0 || self.bytes + bytes > MAX_VIOLATION_BYTES {
            self.unlisted += 1;
        } else {
            self.bytes += bytes;
            self.listed.push(violation);
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// How many mistakes there are, listed or not.
    #[must_use]
    pub fn total(&self) -> usize {
        self.listed.len() + self.unlisted
    }

    /// The mistakes in the order in which they were found.
    #[must_use]
    pub fn listed(&self) -> &[Violation] {
        &self.listed
    }

    /// How many mistakes there are, listed or not, and the first in words.
    #[must_use]
    pub fn summary(&self) -> String {
        let total = self.total();
        let first = self.listed.first().map(|first| format!("{}: {}", first.field, first.description));
        match (total, first, self.unlisted) {
            (1, Some(first), 0) => first,
            (_, Some(first), 0) => format!("{total} fields are wrong; {first}"),
            (_, Some(first), unlisted) => {
                format!("{total} fields are wrong, {unlisted} of them not listed; {first}")
            }
            (_, None, _) => format!("{total} fields are wrong"),
        }
    }
}

/// A client's text for a message: in double quotes, escaped, shortened where it is long.
#[must_use]
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{:?}", format!("{}…", &text[..end])),
        None => format!("{text:?}"),
    }
}

/// A client's texts for a message: the first of them quoted, the others counted.
#[must_use]
pub fn listed(texts: &[String]) -> String {
    const NAMED: usize = 10;
    let named: Vec<_> = texts.iter().take(NAMED).map(|text| quoted(text)).collect();
    match texts.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_and_names_the_first() {
        let mut violations = Violations::default();
        assert!(violations.is_empty());
        violations.add("a", "is odd");
        assert_eq!(violations.summary(), "a: is odd");
        violations.add("b", "is even");
        assert_eq!(violations.summary(), "2 fields are wrong; a: is odd");
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut violations = Violations::default();
        for index in 0..1_000 {
            violations.add(format!("field {index}"), "x".repeat(100));
        }
        let listed = violations.listed().len();
        assert!((20..60).contains(&listed), "{listed}");
        let unlisted = 1_000 - listed;
        let start = format!("1000 fields are wrong, {unlisted} of them not listed; field 0: x");
        assert!(violations.summary().starts_with(&start), "{}", violations.summary());
    }

    #[test]
    fn long_lists_are_counted() {
        let texts: Vec<String> = (0..12).map(|index| index.to_string()).collect();
        assert_eq!(listed(&texts[..2]), r#""0", "1""#);
        assert!(listed(&texts).ends_with(r#""9" and 2 more"#), "{}", listed(&texts));
    }

    #[test]
    fn quotes_are_short_and_escaped() {
        assert_eq!(quoted("a\"b\n"), r#""a\"b\n""#);
        assert_eq!(quoted(&"ü".repeat(61)), format!("\"{}…\"", "ü".repeat(60)));
    }
}
