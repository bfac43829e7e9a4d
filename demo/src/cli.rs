//! The command line of the demo.

use std::path::PathBuf;

use clap::Parser;

/// The whole path for a newcomer: a simulated business, a trained model, a server, three answers.
#[derive(Debug, Parser)]
#[command(name = "cargo demo --", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// End after the answers instead of serving on until Ctrl-C
    #[arg(long)]
    pub once: bool,
    /// Accounts of the simulated business
    #[arg(long, value_name = "N", default_value_t = 1_500, value_parser = clap::value_parser!(u32).range(200..=100_000))]
    pub accounts: u32,
    /// Folder for the history, the registry and the report; a demo's own folder is written anew
    #[arg(long, value_name = "DIR", default_value = "demo-run")]
    pub dir: PathBuf,
    /// Seed of the simulated business
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
}

const EXAMPLES: &str = "\
Examples:
  cargo demo
  cargo demo -- --once --accounts 600 --seed 7 --dir /tmp/holdfast-demo";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["demo", "--once", "--accounts", "300"]);
        assert!(cli.once);
        assert_eq!((cli.accounts, cli.seed), (300, 1));
    }
}
