//! All rules in force: `[decisions]` of the configuration and the playbooks.

use std::path::{Path, PathBuf};

use holdfast_features::FeatureSpec;
use holdfast_features::settings::{Section, Settings};
use holdfast_features::signal::SignalConfig;
use holdfast_features::stage::StageConfig;
use serde::Serialize;

use crate::band::BandPolicy;
use crate::guardrail::GuardrailPolicy;
use crate::health::HealthPolicy;
use crate::playbook::{PlaybookError, Playbooks, default_files, folder_files};
use crate::response::EscalationPolicy;
use crate::rule::{Noting, Rule, Source, source};
use crate::value::ValuePolicy;

/// All rules by which it is decided what to do for an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// How health is made.
    pub health: HealthPolicy,
    /// Where the risk bands end and how fast each is answered.
    pub bands: BandPolicy,
    /// What may be done, whatever the score says.
    pub guardrails: GuardrailPolicy,
    /// When an executive is called.
    pub escalation: EscalationPolicy,
    /// What plays are worth.
    pub value: ValuePolicy,
    /// When signals are on.
    pub signals: SignalConfig,
    /// Where the lifecycle stages end.
    pub stages: StageConfig,
    /// What can be done.
    pub playbooks: Playbooks,
    /// The most actions in an answer.
    pub max_actions: usize,
    /// The most reasons for, and as many against, from one dimension.
    pub reasons_per_dimension: usize,
    rules: Vec<Rule>,
}

impl Policy {
    /// Reads `[decisions]` and the playbooks. A folder named by `decisions.playbooks` is relative to the
    /// configuration file. Expressions may use the fixed names, every feature of the product, and
    /// `features`: those of the table at hand.
    ///
    /// # Errors
    /// [`PlaybookError`] with every mistake of every playbook. Mistakes of the configuration itself are
    /// noted in `settings`.
    pub fn read(settings: &mut Settings<'_>, features: &[FeatureSpec]) -> Result<Self, PlaybookError> {
        let mut rules = Vec::new();
        let (mut policy, folder) =
            settings.section("decisions", |section| Self::from_section(section, &mut rules));
        let files = match &folder {
            Some(folder) => folder_files(folder)?,
            None => default_files(),
        };
        policy.playbooks = Playbooks::read(&files, features)?;
        for play in policy.playbooks.plays() {
            rules.push(Rule {
                name: format!("play {}", play.id),
                value: play.when.text().to_owned(),
                source: match folder {
                    Some(_) => play.source.clone(),
                    None => Source::Default,
                },
            });
        }
        policy.rules = rules;
        Ok(policy)
    }

    /// The rules in force, each with where it was written: what `check` prints.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    fn from_section(section: &mut Section<'_, '_>, rules: &mut Vec<Rule>) -> (Self, Option<PathBuf>) {
        let folder = section.text("playbooks").map(|folder| {
            let beside = Path::new(section.file()).parent().unwrap_or(Path::new(""));
            beside.join(folder)
        });
        let mut own = Noting::new(section, "decisions", rules);
        let max_actions = own.count("max_actions", 5, 1..=100);
        let reasons_per_dimension = own.count("reasons_per_dimension", 2, 1..=100);
        let policy = Self {
            health: noting(section, "health", rules, HealthPolicy::read),
            bands: noting(section, "bands", rules, BandPolicy::read),
            guardrails: noting(section, "guardrails", rules, GuardrailPolicy::read),
            escalation: noting(section, "escalation", rules, EscalationPolicy::read),
            value: noting(section, "value", rules, ValuePolicy::read),
            signals: delegated(section, "signals", rules, SignalConfig::from_section),
            stages: delegated(section, "stages", rules, StageConfig::from_section),
            playbooks: Playbooks::none(),
            max_actions: usize::try_from(max_actions).unwrap_or(usize::MAX),
            reasons_per_dimension: usize::try_from(reasons_per_dimension).unwrap_or(usize::MAX),
            rules: Vec::new(),
        };
        (policy, folder)
    }
}

/// The table `name` below `[decisions]`.
fn noting<T>(
    section: &mut Section<'_, '_>,
    name: &str,
    rules: &mut Vec<Rule>,
    read: impl FnOnce(&mut Noting<'_, '_, '_>) -> T,
) -> T {
    let path = format!("decisions.{name}");
    section.section(name, |section| read(&mut Noting::new(section, &path, rules)))
}

/// A table that another crate reads: its rules are the fields of what it read.
fn delegated<T: Serialize>(
    section: &mut Section<'_, '_>,
    name: &str,
    rules: &mut Vec<Rule>,
    read: impl FnOnce(&mut Section<'_, '_>) -> T,
) -> T {
    section.section(name, |section| {
        let given: Vec<(String, Source)> =
            section.keys().into_iter().map(|key| (key.clone(), source(section, &key))).collect();
        let config = read(section);
        if let Ok(fields) = toml::Table::try_from(&config) {
            rules.extend(fields.into_iter().map(|(key, value)| {
                let written = given.iter().find(|(name, _)| *name == key);
                Rule {
                    name: format!("decisions.{name}.{key}"),
                    value: value.to_string(),
                    source: written.map_or(Source::Default, |(_, source)| source.clone()),
                }
            }));
        }
        config
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;
    use std::sync::OnceLock;

    use holdfast_features::settings::Mistakes;
    use holdfast_features::signal::SignalKind;
    use holdfast_features::stage::Stage;

    use super::*;
    use crate::band::Band;
    use crate::name::Name;

    /// The policy without a configuration.
    pub(crate) fn default_policy() -> Policy {
        static POLICY: OnceLock<Policy> = OnceLock::new();
        POLICY.get_or_init(|| read("").unwrap()).clone()
    }

    fn read(text: &str) -> Result<Policy, String> {
        let mut settings = Settings::parse("holdfast.toml", text).map_err(|mistakes| mistakes.to_string())?;
        let policy = Policy::read(&mut settings, &[]).map_err(|error| error.to_string())?;
        settings.finish().map_err(|mistakes: Mistakes| mistakes.to_string())?;
        Ok(policy)
    }

    #[test]
    fn the_default_plays_cover_every_signal_band_and_stage() {
        let policy = default_policy();
        let plays = policy.playbooks.plays();
        assert!((25..=50).contains(&plays.len()), "{}", plays.len());
        for kind in SignalKind::ALL {
            let name = Name::Signal(kind);
            assert!(plays.iter().any(|play| play.when.names().contains(&name)), "{name}");
        }
        let texts = |name: &Name| -> BTreeSet<&str> {
            plays.iter().flat_map(|play| play.when.texts_of(name)).collect()
        };
        assert_eq!(texts(&Name::Band), Band::ALL.into_iter().map(Band::name).collect());
        assert_eq!(texts(&Name::Stage), Stage::ALL.into_iter().map(Stage::name).collect());
    }

    #[test]
    fn the_default_plays_follow_their_own_rules() {
        for play in default_policy().playbooks.plays() {
            assert!(play.steps.len() >= 2, "{}", play.id);
            assert!(!play.automatable || play.effort_hours <= 0.5, "{}: automatic, but laborious", play.id);
            assert!(play.prior_effect.log_odds < 0.0, "{}", play.id);
        }
    }

    #[test]
    fn every_number_of_the_decisions_is_a_rule_with_its_source() {
        let text = "[decisions.guardrails]\napproval_arr = 2500\n[decisions.health]\nrenewal = [10, 20, 30, 40]\n\
                    [decisions.signals]\nnps_days = 45\n";
        let policy = read(text).unwrap();
        let rule = |name: &str| {
            let rule = policy.rules().iter().find(|rule| rule.name == name);
            rule.map(ToString::to_string).unwrap_or_default()
        };
        assert_eq!(
            rule("decisions.guardrails.approval_arr"),
            "decisions.guardrails.approval_arr = 2500 (holdfast.toml:2)"
        );
        assert_eq!(
            rule("decisions.health.renewal"),
            "decisions.health.renewal = [10, 20, 30, 40] (holdfast.toml:4)"
        );
        assert_eq!(rule("decisions.signals.nps_days"), "decisions.signals.nps_days = 45.0 (holdfast.toml:6)");
        assert_eq!(
            rule("decisions.guardrails.never_automated_arr"),
            "decisions.guardrails.never_automated_arr = 50000 (default)"
        );
        assert_eq!(
            rule("decisions.stages.onboarding_days"),
            "decisions.stages.onboarding_days = 90.0 (default)"
        );
        assert!(rule("play payment_reminder").starts_with("play payment_reminder = signals.payment_late"));
        assert!((policy.guardrails.approval_arr - 2_500.0).abs() < 1e-9);
    }

    #[test]
    fn mistakes_of_the_configuration_are_told_together() {
        let text = "[decisions]\nmax_actions = 0\n[decisions.health]\nonboarding = [50, 50, 50, 50]\n\
                    [decisions.bands]\nlow_from = 90\n[decisions.guardrails]\napproval_arr = 90000\ntypo = 1\n";
        let found = read(text).unwrap_err();
        let lines: Vec<&str> = found.lines().map(|line| line.split(": ").next().unwrap()).collect();
        assert_eq!(
            lines,
            ["holdfast.toml:2", "holdfast.toml:4", "holdfast.toml:6", "holdfast.toml:8", "holdfast.toml:9"],
            "{found}"
        );
    }

    #[test]
    fn a_folder_replaces_the_default_plays() {
        let found = read("[decisions]\nplaybooks = \"no-such-folder\"\n").unwrap_err();
        assert!(found.starts_with("no-such-folder: "), "{found}");
    }
}
