//! Reading a TOML configuration so that every mistake in it is reported at once, each with its line.
//!
//! A crate takes its own section key by key, with a default for each; what nobody took is a mistake too.

use std::fmt;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A configuration being read: the keys not yet taken and the mistakes found so far.
#[derive(Debug)]
pub struct Settings<'text> {
    file: String,
    text: &'text str,
    root: DeTable<'text>,
    mistakes: Vec<Mistake>,
}

/// One table of a configuration, its keys taken one by one.
#[derive(Debug)]
pub struct Section<'settings, 'text> {
    path: String,
    table: DeTable<'text>,
    file: &'settings str,
    text: &'text str,
    mistakes: &'settings mut Vec<Mistake>,
}

/// One thing wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file, as the user named it.
    pub file: String,
    /// 1-based line.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// Every mistake of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

impl<'text> Settings<'text> {
    /// Parses `text`; `file` is what the messages call it.
    ///
    /// # Errors
    /// [`Mistakes`] with the first syntax error.
    pub fn parse(file: &str, text: &'text str) -> Result<Self, Mistakes> {
        match DeTable::parse(text) {
            Ok(root) => {
                Ok(Self { file: file.to_owned(), text, root: root.into_inner(), mistakes: Vec::new() })
            }
            Err(error) => {
                let line = line_at(text, error.span().map_or(0, |span| span.start));
                let message = error.message().to_owned();
                Err(Mistakes(vec![Mistake { file: file.to_owned(), line, message }]))
            }
        }
    }

    /// Reads the table `name` with `read`; an absent table reads as an empty one, so its defaults apply.
    pub fn section<T>(&mut self, name: &str, read: impl FnOnce(&mut Section<'_, 'text>) -> T) -> T {
        let mut section = Section {
            path: String::new(),
            table: std::mem::take(&mut self.root),
            file: &self.file,
            text: self.text,
            mistakes: &mut self.mistakes,
        };
        let value = section.section(name, read);
        self.root = section.table;
        value
    }

    /// Leaves the table `name` to another program that reads the same file.
    pub fn leave(&mut self, name: &str) {
        self.root.remove(name);
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// All [`Mistakes`], in the order of their lines; tables that nobody read are among them.
    pub fn finish(mut self) -> Result<(), Mistakes> {
        for (key, _) in &self.root {
            let line = line_at(self.text, key.span().start);
            let message = format!("`{}` is not a setting", key.get_ref());
            self.mistakes.push(Mistake { file: self.file.clone(), line, message });
        }
        self.mistakes.sort_by_key(|mistake| mistake.line);
        if self.mistakes.is_empty() { Ok(()) } else { Err(Mistakes(self.mistakes)) }
    }
}

impl<'text> Section<'_, 'text> {
    /// The number `key` within `range`, else `default`.
    pub fn number(&mut self, key: &str, default: f64, range: RangeInclusive<f64>) -> f64 {
        self.take(key, default, |value| {
            let number = match value {
                DeValue::Integer(integer) => integer.to_string().parse::<f64>().ok(),
                DeValue::Float(float) => float.as_str().replace('_', "").parse::<f64>().ok(),
                _ => None,
            };
            let number = number.ok_or_else(|| "a number".to_owned())?;
            let (low, high) = (range.start(), range.end());
            range.contains(&number).then_some(number).ok_or_else(|| format!("a number from {low} to {high}"))
        })
    }

    /// The whole number `key` within `range`, else `default`.
    pub fn integer(&mut self, key: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        self.take(key, default, |value| integer_in(value, &range))
    }

    /// The list of whole numbers `key`, each within `range`, else `default`.
    pub fn integers(&mut self, key: &str, default: &[u64], range: RangeInclusive<u64>) -> Vec<u64> {
        self.take(key, default.to_vec(), |value| match value {
            DeValue::Array(items) => items.iter().map(|item| integer_in(item.get_ref(), &range)).collect(),
            _ => Err("a list of whole numbers".to_owned()),
        })
    }

    /// The boolean `key`, else `default`.
    pub fn boolean(&mut self, key: &str, default: bool) -> bool {
        self.take(key, default, |value| value.as_bool().ok_or_else(|| "true or false".to_owned()))
    }

    /// The text `key`, if given.
    pub fn text(&mut self, key: &str) -> Option<String> {
        self.take(key, None, |value| {
            value.as_str().map(|text| Some(text.to_owned())).ok_or_else(|| "a text in quotes".to_owned())
        })
    }

    /// The list of texts `key`, else an empty one.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        self.take(key, Vec::new(), |value| {
            let items = value.as_array().ok_or_else(|| "a list of texts".to_owned())?;
            items
                .iter()
                .map(|item| {
                    item.get_ref().as_str().map(str::to_owned).ok_or_else(|| "a list of texts".to_owned())
                })
                .collect()
        })
    }

    /// The text `key` read by `parse`, whose error says what to write; else `default`.
    pub fn parsed<T>(&mut self, key: &str, default: T, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        self.take(key, default, |value| parse(value.as_str().ok_or_else(|| "a text in quotes".to_owned())?))
    }

    /// One of the named `choices` for `key`, else `default`.
    pub fn choice<T: Copy>(&mut self, key: &str, default: T, choices: &[(&str, T)]) -> T {
        self.parsed(key, default, |text| {
            choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice).ok_or_else(|| {
                let names: Vec<_> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
                format!("one of {}", names.join(", "))
            })
        })
    }

    /// Reads the table `name` of this section with `read`; absent, it reads as an empty one.
    pub fn section<T>(&mut self, name: &str, read: impl FnOnce(&mut Section<'_, 'text>) -> T) -> T {
        let path = self.path_of(name);
        let table = match self.table.remove(name).map(Spanned::into_inner_with_span) {
            Some((DeValue::Table(table), _)) => table,
            Some((_, start)) => {
                self.mistake(start, format!("`{path}` must be a table: [{path}]"));
                DeTable::new()
            }
            None => DeTable::new(),
        };
        let mut section =
            Section { path, table, file: self.file, text: self.text, mistakes: &mut *self.mistakes };
        let value = read(&mut section);
        section.refuse_the_rest();
        value
    }

    /// The file that is read, as the user named it.
    #[must_use]
    pub fn file(&self) -> &str {
        self.file
    }

    /// The names of the keys and tables not taken yet, for tables whose keys are the user's own.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.table.keys().map(|key| key.get_ref().to_string()).collect()
    }

    /// The 1-based line of `key`, where it is still there to be taken.
    #[must_use]
    pub fn line_of(&self, key: &str) -> Option<usize> {
        self.table.get_key_value(key).map(|(key, _)| line_at(self.text, key.span().start))
    }

    /// Reports a mistake about `key` that was found after it was taken; `line` as from [`Self::line_of`].
    pub fn report(&mut self, line: usize, message: String) {
        self.mistakes.push(Mistake { file: self.file.to_owned(), line, message });
    }

    fn take<T>(
        &mut self,
        key: &str,
        default: T,
        read: impl FnOnce(&DeValue<'text>) -> Result<T, String>,
    ) -> T {
        let Some(value) = self.table.remove(key) else { return default };
        match read(value.get_ref()) {
            Ok(read) => read,
            Err(expected) => {
                let found = self.text.get(value.span()).unwrap_or_default();
                let message = format!("`{}` must be {expected}, not {found}", self.path_of(key));
                self.mistake(value.span().start, message);
                default
            }
        }
    }

    fn refuse_the_rest(&mut self) {
        let rest: Vec<_> =
            self.table.keys().map(|key| (key.span().start, self.path_of(key.get_ref()))).collect();
        for (start, path) in rest {
            self.mistake(start, format!("`{path}` is not a setting"));
        }
    }

    fn mistake(&mut self, start: usize, message: String) {
        self.report(line_at(self.text, start), message);
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

trait WithSpan<T> {
    fn into_inner_with_span(self) -> (T, usize);
}

impl<T> WithSpan<T> for Spanned<T> {
    fn into_inner_with_span(self) -> (T, usize) {
        let start = self.span().start;
        (self.into_inner(), start)
    }
}

fn integer_in(value: &DeValue<'_>, range: &RangeInclusive<u64>) -> Result<u64, String> {
    let integer = match value {
        DeValue::Integer(integer) => integer.to_string().parse::<u64>().ok(),
        _ => None,
    };
    integer
        .filter(|integer| range.contains(integer))
        .ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_reported_at_once_with_its_line() {
        let text = "[snapshots]\ngrace_days = -3\nhorizon = 90\n\n[nonsense]\n[training]\nfolds = \"five\"\n";
        let mut settings = Settings::parse("holdfast.toml", text).unwrap();
        let grace = settings.section("snapshots", |section| section.integer("grace_days", 30, 0..=365));
        let folds = settings.section("training", |section| section.integer("folds", 5, 2..=20));
        assert_eq!((grace, folds), (30, 5));
        let Mistakes(mistakes) = settings.finish().unwrap_err();
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "holdfast.toml:2: `snapshots.grace_days` must be a whole number from 0 to 365, not -3",
                "holdfast.toml:3: `snapshots.horizon` is not a setting",
                "holdfast.toml:5: `nonsense` is not a setting",
                "holdfast.toml:7: `training.folds` must be a whole number from 2 to 20, not \"five\"",
            ]
        );
    }

    #[test]
    fn what_is_given_wins_over_the_default() {
        let text = "[a]\nx = 2.5\nn = 7\nlist = [1, 2]\non = false\nname = \"z\"\n[a.b]\nmode = \"reject\"\n";
        let mut settings = Settings::parse("f", text).unwrap();
        settings.section("a", |a| {
            assert!((a.number("x", 0.0, 0.0..=9.0) - 2.5).abs() < f64::EPSILON);
            assert_eq!(a.integer("n", 0, 0..=9), 7);
            assert_eq!(a.integers("list", &[], 0..=9), [1, 2]);
            assert!(!a.boolean("on", true));
            assert_eq!(a.text("name").as_deref(), Some("z"));
            let mode = a.section("b", |b| b.choice("mode", 0, &[("stop", 0), ("reject", 1)]));
            assert_eq!(mode, 1);
        });
        assert_eq!(settings.finish(), Ok(()));
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        let Mistakes(mistakes) = Settings::parse("f", "a = 1\nb = = 2\n").unwrap_err();
        assert_eq!(mistakes[0].line, 2);
    }
}
