//! Reading playbook files so that every mistake of all files is told at once, with file and line.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use holdfast_features::Dimension;
use holdfast_features::settings::{Mistake, Mistakes, Section, Settings};

use super::{Addressee, Channel, Play, PriorEffect, Topic};
use crate::expression::Expression;
use crate::name::Names;
use crate::rule::{Source, source};

/// The largest playbook file read, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// The name and the content of a playbook file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaybookFile {
    /// What messages call it.
    pub name: String,
    /// TOML.
    pub text: String,
}

/// Why there are no playbooks.
#[derive(Debug, thiserror::Error)]
pub enum PlaybookError {
    /// The folder cannot be listed.
    #[error("{path}: {source}; `decisions.playbooks` must name a folder with .toml files")]
    Folder {
        /// The folder, as named.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be read.
    #[error("{path}: {source}; a playbook must be a readable UTF-8 text")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file is larger than is read.
    #[error("{path} has {bytes} bytes; a playbook may have at most {MAX_FILE}: split it")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size.
        bytes: u64,
    },
    /// There is no play at all.
    #[error(
        "there is no play in {0}: write one as [plays.ID] in a .toml file, or remove `decisions.playbooks` to use the default plays"
    )]
    Empty(String),
    /// What is wrong with the files.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
}

/// The product's own playbooks.
#[must_use]
pub fn default_files() -> Vec<PlaybookFile> {
    [
        ("playbooks/onboarding.toml", include_str!("../../../playbooks/onboarding.toml")),
        ("playbooks/adoption.toml", include_str!("../../../playbooks/adoption.toml")),
        ("playbooks/value.toml", include_str!("../../../playbooks/value.toml")),
        ("playbooks/expansion.toml", include_str!("../../../playbooks/expansion.toml")),
        ("playbooks/renewal.toml", include_str!("../../../playbooks/renewal.toml")),
        ("playbooks/relationship.toml", include_str!("../../../playbooks/relationship.toml")),
        ("playbooks/risk.toml", include_str!("../../../playbooks/risk.toml")),
    ]
    .into_iter()
    .map(|(name, text)| PlaybookFile { name: name.to_owned(), text: text.to_owned() })
    .collect()
}

/// The `.toml` files of `folder`, in the order of their names; folders in it are not entered.
///
/// # Errors
/// [`PlaybookError::Folder`], [`PlaybookError::File`], [`PlaybookError::TooLarge`].
pub fn folder_files(folder: &Path) -> Result<Vec<PlaybookFile>, PlaybookError> {
    let unlisted = |source| PlaybookError::Folder { path: folder.display().to_string(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unlisted)? {
        let path = entry.map_err(unlisted)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let name = path.display().to_string();
            let failed = |source| PlaybookError::File { path: name.clone(), source };
            let bytes = fs::metadata(path).map_err(failed)?.len();
            if bytes > MAX_FILE {
                return Err(PlaybookError::TooLarge { path: name, bytes });
            }
            let text = fs::read_to_string(path).map_err(failed)?;
            Ok(PlaybookFile { name, text })
        })
        .collect()
}

pub(super) fn playbooks(files: &[PlaybookFile], names: &Names) -> Result<Vec<Play>, PlaybookError> {
    let mut plays: BTreeMap<String, Play> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for file in files {
        let mut settings = match Settings::parse(&file.name, &file.text) {
            Ok(settings) => settings,
            Err(Mistakes(found)) => {
                mistakes.extend(found);
                continue;
            }
        };
        let found = settings.section("plays", |section| file_plays(section, names));
        if let Err(Mistakes(found)) = settings.finish() {
            mistakes.extend(found);
        }
        for play in found {
            match plays.get(&play.id) {
                Some(first) => mistakes.push(Mistake {
                    file: file.name.clone(),
                    line: line_of(&play.source),
                    message: format!("the play `{}` is already defined at {}", play.id, first.source),
                }),
                None => {
                    plays.insert(play.id.clone(), play);
                }
            }
        }
    }
    if !mistakes.is_empty() {
        return Err(Mistakes(mistakes).into());
    }
    if plays.is_empty() {
        let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
        return Err(PlaybookError::Empty(if names.is_empty() {
            "the folder".into()
        } else {
            names.join(", ")
        }));
    }
    Ok(plays.into_values().collect())
}

fn line_of(source: &Source) -> usize {
    match source {
        Source::File { line, .. } => *line,
        Source::Default => 1,
    }
}

/// The plays of a file. One with a mistake is left out where nothing can stand for the mistaken part;
/// the mistake is noted in any case, so it never goes unseen.
fn file_plays(section: &mut Section<'_, '_>, names: &Names) -> Vec<Play> {
    let mut ids: Vec<(Option<usize>, String)> =
        section.keys().into_iter().map(|id| (section.line_of(&id), id)).collect();
    ids.sort();
    ids.into_iter()
        .filter_map(|(_, id)| {
            let source = source(section, &id);
            section.section(&id, |section| {
                let mut reader = PlayReader { line: line_of(&source), section, id: &id };
                reader.play(source.clone(), names)
            })
        })
        .collect()
}

struct PlayReader<'r, 's, 't> {
    section: &'r mut Section<'s, 't>,
    id: &'r str,
    line: usize,
}

impl PlayReader<'_, '_, '_> {
    fn play(&mut self, source: Source, names: &Names) -> Option<Play> {
        if !self.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
            let message = format!("the id `{}` must be lower-case letters, digits and _", self.id);
            self.section.report(self.line, message);
        }
        let dimensions = Dimension::ALL.map(|dimension| (dimension.name(), Some(dimension)));
        let topic_line = self.section.line_of("topic").unwrap_or(self.line);
        let topic = self.section.choice("topic", Topic::Care, &Topic::CHOICES);
        let title = self.text("title");
        let dimension = self.section.choice("dimension", None, &dimensions);
        let when = self.when(names);
        if let Some(when) = &when
            && topic == Topic::Upsell
            && when.names().iter().all(crate::name::Name::is_contract_date)
        {
            let message = format!(
                "`plays.{}` is an upsell play on the contract date alone: its `when` needs a sign of demand or success as well",
                self.id
            );
            self.section.report(topic_line, message);
        }
        let steps = self.texts("steps");
        let resources = self.texts("resources");
        let success_criteria = self.text("success_criteria");
        let escalation = self.text("escalation");
        let owner_role = self.text("owner_role");
        let channel = self.required_choice("channel", Channel::Call, &Channel::CHOICES);
        let addressee = self.section.choice("addressee", Addressee::Team, &Addressee::CHOICES);
        let effort_hours = self.number("effort_hours", 0.0, 1_000.0);
        let cost = self.number("cost", 0.0, 1e9);
        let cooldown_days = self.number("cooldown_days", 0.0, 3_650.0);
        let growth_share = self.section.number("growth_share", 0.0, 0.0..=10.0);
        let talking_points = self.talking_points();
        let outbound = self.required_boolean("outbound");
        let automatable = self.required_boolean("automatable");
        if outbound && channel == Channel::Internal {
            let message = format!("`plays.{}` is outbound, but its channel is internal", self.id);
            self.section.report(self.line, message);
        }
        let line = self.section.line_of("prior_effect");
        if line.is_none() {
            self.missing("prior_effect");
        }
        let prior_effect = self.section.section("prior_effect", |section| {
            for key in ["log_odds", "strength_accounts"] {
                if let (Some(line), None) = (line, section.line_of(key)) {
                    section.report(line, format!("`{key}` is missing in [plays.{}.prior_effect]", self.id));
                }
            }
            PriorEffect {
                log_odds: section.number("log_odds", 0.0, -3.0..=0.0),
                strength_accounts: section.number("strength_accounts", 1.0, 1.0..=1e6),
            }
        });
        Some(Play {
            id: self.id.to_owned(),
            title,
            dimension,
            when: when?,
            steps,
            resources,
            success_criteria,
            escalation,
            owner_role,
            channel,
            addressee,
            topic,
            effort_hours,
            cost,
            cooldown_days,
            prior_effect,
            growth_share,
            talking_points,
            outbound,
            automatable,
            source,
        })
    }

    fn when(&mut self, names: &Names) -> Option<Expression> {
        let line = self.section.line_of("when").unwrap_or(self.line);
        let text = self.text("when");
        if text.is_empty() {
            return None;
        }
        match Expression::compile(&text, names) {
            Ok(expression) => Some(expression),
            Err(errors) => {
                for error in errors {
                    self.section.report(line, format!("`plays.{}.when` {error}", self.id));
                }
                None
            }
        }
    }

    fn text(&mut self, key: &str) -> String {
        let line = self.section.line_of(key);
        let text = self.section.text(key);
        match (line, &text) {
            (None, _) => self.missing(key),
            (Some(line), Some(text)) if text.trim().is_empty() => {
                self.section.report(line, format!("`plays.{}.{key}` is empty", self.id));
            }
            _ => {}
        }
        text.unwrap_or_default()
    }

    fn texts(&mut self, key: &str) -> Vec<String> {
        let line = self.section.line_of(key);
        let texts = self.section.texts(key);
        match line {
            None => self.missing(key),
            Some(line) if texts.iter().any(|text| text.trim().is_empty()) => {
                self.section.report(line, format!("`plays.{}.{key}` has an empty text", self.id));
            }
            Some(_) => {}
        }
        texts
    }

    fn talking_points(&mut self) -> [String; 3] {
        let line = self.section.line_of("talking_points");
        let points = self.texts("talking_points");
        <[String; 3]>::try_from(points).unwrap_or_else(|points| {
            if let Some(line) = line {
                let message =
                    format!("`plays.{}.talking_points` must be three texts, not {}", self.id, points.len());
                self.section.report(line, message);
            }
            Default::default()
        })
    }

    fn number(&mut self, key: &str, low: f64, high: f64) -> f64 {
        self.require(key);
        self.section.number(key, low, low..=high)
    }

    fn required_boolean(&mut self, key: &str) -> bool {
        self.require(key);
        self.section.boolean(key, false)
    }

    fn required_choice<T: Copy>(&mut self, key: &str, default: T, choices: &[(&str, T)]) -> T {
        self.require(key);
        self.section.choice(key, default, choices)
    }

    fn require(&mut self, key: &str) {
        if self.section.line_of(key).is_none() {
            self.missing(key);
        }
    }

    fn missing(&mut self, key: &str) {
        self.section.report(self.line, format!("`plays.{}.{key}` is missing", self.id));
    }
}
