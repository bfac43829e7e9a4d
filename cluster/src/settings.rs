//! What the configuration file says of features: the sections that other programs read are theirs.

use holdfast_features::compute::ComputeConfig;
use holdfast_features::read::HistoryConfig;
use holdfast_features::settings::{self, Mistakes};
use holdfast_features::snapshot::SnapshotConfig;

/// Sections of the same file that training and decisions read.
const OF_OTHERS: [&str; 2] = ["training", "decisions"];

/// The sections that features depend on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// How tables are read.
    pub(crate) history: HistoryConfig,
    /// Which contracts count as in force.
    pub(crate) snapshots: SnapshotConfig,
    /// Which features there are.
    pub(crate) features: ComputeConfig,
}

impl Settings {
    /// Reads `text`; `file` is what messages call it.
    ///
    /// # Errors
    /// All mistakes of these sections.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Mistakes> {
        let mut settings = settings::Settings::parse(file, text)?;
        let read = Self {
            history: settings.section("history", HistoryConfig::from_section),
            snapshots: settings.section("snapshots", SnapshotConfig::from_section),
            features: settings.section("features", ComputeConfig::from_section),
        };
        OF_OTHERS.iter().for_each(|name| settings.leave(name));
        settings.finish()?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_the_defaults() {
        let example = include_str!("../../examples/holdfast.toml");
        assert_eq!(Settings::parse("holdfast.toml", example), Settings::parse("defaults", ""));
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let mistakes =
            Settings::parse("h.toml", "[history]\non_bad_row = \"shrug\"\n[decisions]\nx = 1\n").unwrap_err();
        assert_eq!(mistakes.0.len(), 1);
        assert!(mistakes.to_string().starts_with("h.toml:2:"), "{mistakes}");
    }
}
