//! The rules in force and where each came from: what `check` prints.

use std::fmt;
use std::ops::RangeInclusive;

use holdfast_features::settings::Section;

/// One rule in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name in the configuration, `decisions.guardrails.approval_arr`, or `play usage_recovery`.
    pub name: String,
    /// What it says.
    pub value: String,
    /// Who said so.
    pub source: Source,
}

/// Where a rule was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody wrote it: the product's default.
    Default,
    /// A file.
    File {
        /// As the user named it.
        file: String,
        /// 1-based.
        line: usize,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line } => write!(f, "{file}:{line}"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} ({})", self.name, self.value, self.source)
    }
}

/// A section of the configuration whose every setting is noted as a rule.
pub(crate) struct Noting<'a, 's, 't> {
    section: &'a mut Section<'s, 't>,
    path: &'a str,
    rules: &'a mut Vec<Rule>,
}

impl<'a, 's, 't> Noting<'a, 's, 't> {
    pub(crate) fn new(section: &'a mut Section<'s, 't>, path: &'a str, rules: &'a mut Vec<Rule>) -> Self {
        Self { section, path, rules }
    }

    pub(crate) fn number(&mut self, key: &str, default: f64, range: RangeInclusive<f64>) -> f64 {
        let source = self.source(key);
        let value = self.section.number(key, default, range);
        self.note(key, value.to_string(), source);
        value
    }

    pub(crate) fn count(&mut self, key: &str, default: u32, range: RangeInclusive<u32>) -> u32 {
        let source = self.source(key);
        let range = u64::from(*range.start())..=u64::from(*range.end());
        let value = self.section.integer(key, u64::from(default), range);
        let value = u32::try_from(value).unwrap_or(default);
        self.note(key, value.to_string(), source);
        value
    }

    pub(crate) fn choice<T: Copy>(&mut self, key: &str, default: (&str, T), choices: &[(&str, T)]) -> T {
        let source = self.source(key);
        let named: Vec<(&str, (&str, T))> =
            choices.iter().map(|(name, choice)| (*name, (*name, *choice))).collect();
        let (name, value) = self.section.choice(key, default, &named);
        self.note(key, name.to_owned(), source);
        value
    }

    /// Four percentages that sum to 100, as shares of 1.
    pub(crate) fn shares(&mut self, key: &str, default: [u64; 4]) -> [f64; 4] {
        let source = self.source(key);
        let line = self.section.line_of(key);
        let given = self.section.integers(key, &default, 0..=100);
        let percentages = match <[u64; 4]>::try_from(given) {
            Ok(four) if four.iter().sum::<u64>() == 100 => four,
            refused => {
                let found = refused.map_or_else(|given| given, |four| four.to_vec());
                let message = format!(
                    "`{}.{key}` must be four percentages (usage, engagement, financial, relationship) that sum to 100, not {found:?}",
                    self.path
                );
                self.section.report(line.unwrap_or(1), message);
                default
            }
        };
        self.note(key, format!("{percentages:?}"), source);
        #[expect(clippy::cast_precision_loss, reason = "at most 100")]
        percentages.map(|percentage| percentage as f64 / 100.0)
    }

    /// The line of `key`, where it is given; `None` reads as the default.
    pub(crate) fn line_of(&self, key: &str) -> Option<usize> {
        self.section.line_of(key)
    }

    pub(crate) fn report(&mut self, line: usize, message: String) {
        self.section.report(line, message);
    }

    fn source(&self, key: &str) -> Source {
        source(self.section, key)
    }

    fn note(&mut self, key: &str, value: String, source: Source) {
        self.rules.push(Rule { name: format!("{}.{key}", self.path), value, source });
    }
}

/// Where `key`, not taken yet, is written.
pub(crate) fn source(section: &Section<'_, '_>, key: &str) -> Source {
    match section.line_of(key) {
        Some(line) => Source::File { file: section.file().to_owned(), line },
        None => Source::Default,
    }
}
