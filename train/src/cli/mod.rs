//! The command line: every subcommand with its options and examples.

mod models;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use holdfast_simulate::Scenario;

pub use models::{ExportArgs, ModelArgs, ModelsCommand, RegistryArgs, VerifyArgs};

/// Learn from a subscription business's history which accounts will not renew.
#[derive(Debug, Clone, Parser)]
#[command(name = "holdfast-train", version, propagate_version = true, max_term_width = 110)]
#[command(
    after_help = "Exit codes: 0 done, 2 the input or the configuration cannot be used, 3 a model was published on hold or \
    a promise failed, 1 any other failure.\n\
    Start with `holdfast-train check --history DIR`."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Write a simulated business as history tables, with its true churn probabilities
    #[command(after_help = "Examples:\n  \
        holdfast-train simulate --out business --accounts 600 --months 24 --seed 7\n  \
        holdfast-train simulate --out large --accounts 20000 --events 50000000 --monthly\n  \
        holdfast-train simulate --out drift --scenario drift\n\n\
        Writes one Parquet file a table and truth.parquet (the true probability at each snapshot).")]
    Simulate(SimulateArgs),
    /// Judge the training pipeline by simulated businesses whose true churn probabilities are known
    #[command(after_help = "Examples:\n  \
        holdfast-train truth --scenario default --accounts 2000\n  \
        holdfast-train truth --scenario null,planted-leak --accounts 2000 --check\n  \
        holdfast-train truth --scenario 300-accounts --seeds 20 --out truth.json\n  \
        holdfast-train truth --scenario all --accounts 20000 --budget 300\n\n\
        For each business a model is trained as `run` trains it. It is judged on the rows of its report (tested: later \
        than those learnt from, accounts never seen) and on the rows whose outcome nobody knew at the end of the \
        history (later), by what is true: AUC* and the others are expectations under the true probabilities p, free of \
        the noise of outcomes. Two ceilings stand beside: p itself (latent), and the best estimate of p from the same \
        features (observable), learnt from the true probabilities of another business of the same scenario: a lower \
        bound. The calibration error is the mean of |mean q - mean p| over up to 20 bins of equal weight. Tolerances \
        are meant for 20,000 accounts and grow with the square root of 20,000 over --accounts.\n\n\
        Exit code with --check: 0 every promise kept, 3 one missed.")]
    Truth(TruthArgs),
    /// Say what a history holds, which features it switches on, and what is wrong with it
    #[command(after_help = "Examples:\n  holdfast-train check --history business\n  \
        holdfast-train check --history business --config holdfast.toml --rules\n\n\
        Exit code 0: ready for a training run. 2: not usable; the problems say why.")]
    Check(CheckArgs),
    /// Train on a history: snapshots, features, candidates, calibration, later rows, report, publish
    #[command(after_help = "Examples:\n  holdfast-train run --history business --registry registry\n  \
        holdfast-train run --history business --registry registry --report report --config holdfast.toml\n  \
        holdfast-train run --history business --registry registry --snapshots snapshots.csv\n  \
        holdfast-train run --history business --registry registry --snapshots snapshots.csv \\\n    \
        --folds folds.csv --predictions out_of_fold.csv\n  \
        holdfast-train run --history business --registry registry --budget 120 --resume unfinished\n\n\
        --folds names rows of the snapshots file (from 0) in the columns row,fold; rows that it does not name are\n\
        left out. With --budget candidates are tried while the time lasts: the same input may then give another\n\
        model on a faster machine. Publishes REGISTRY/NAME/VERSION/ with bundle.holdfast, features.parquet (what the server looks accounts\n\
        up in) and, unless --report says otherwise, report/report.html and report/report.json.")]
    Run(RunArgs),
    /// Train on a prepared table: one row a customer, a label column
    #[command(after_help = "Examples:\n  \
        holdfast-train table --data customers.csv --label churned --registry registry\n  \
        holdfast-train table --data customers.parquet --label status --positive cancelled --id customer_id \\\n    \
        --exclude cancel_reason --registry registry\n  \
        holdfast-train table --data customers.csv --label churned --registry registry \\\n    \
        --folds folds.csv --predictions out_of_fold.csv\n  \
        holdfast-train table --data customers.csv --label churned --registry registry \\\n    \
        --budget 120 --resume unfinished\n\n\
        Numbers, texts, booleans and missing values are found by themselves. --folds names rows (from 0, file\n\
        order) in the columns row,fold; rows that it does not name are left out. With --budget candidates are tried while\n\
        the time lasts: the same input may then give another model on a faster machine.")]
    Table(TableArgs),
    /// Write the feature matrix of a history at given dates: what models learn from and the server looks up
    #[command(after_help = "Examples:\n  \
        holdfast-train features --history business --as-of 2025-06-30 --out features.parquet\n  \
        holdfast-train features --history business --as-of 2025-05-31,2025-06-30 --out features.csv\n  \
        holdfast-train features --history business --snapshots snapshots.csv --out features.parquet\n  \
        holdfast-train features --history business --as-of 2025-06-30 --only events_28d,users_28d --out two.csv\n  \
        holdfast-train features --history business --as-of 2025-05-31 --out may.parquet --incremental\n  \
        holdfast-train features --history business --as-of 2025-05-31,2025-06-30 --out june.parquet \\\n    \
        --previous may.parquet\n  \
        holdfast-train features explain users_28d --history business --account acct-00003 --as-of 2025-06-30\n\n\
        The ending of --out chooses Parquet or CSV. Parquet carries the spec of every feature.\n\n\
        --previous takes over every row that nothing new can have changed and computes the others: the bytes are those\n\
        of a run without it. It tells what facts that came late changed, in the file OUT.late.json too. Another build,\n\
        configuration or set of columns, or a file of usage that changed or is gone, has every row computed.")]
    Features(FeaturesArgs),
    /// Score accounts in bulk with a published model
    #[command(after_help = "Examples:\n  \
        holdfast-train score --registry registry --history business --as-of 2025-06-30 --out scores.csv\n  \
        holdfast-train score --registry registry --model churn@3 --history business \\\n    \
        --snapshots snapshots.csv --out scores.parquet\n  \
        holdfast-train score --registry registry --model customers --data new.csv --out scores.csv")]
    Score(ScoreArgs),
    /// List, inspect, verify, promote and roll back published models
    #[command(after_help = "Examples:\n  holdfast-train models list --registry registry\n  \
        holdfast-train models show --registry registry churn\n  \
        holdfast-train models verify --registry registry\n  \
        holdfast-train models promote --registry registry churn@2\n  \
        holdfast-train models rollback --registry registry churn")]
    #[command(subcommand)]
    Models(ModelsCommand),
}

/// Options of `simulate`.
#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// Folder to write: new, empty, or an earlier simulated history, which is replaced
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Number of accounts [default: 1500, or as many as the scenario has]
    #[arg(long, value_name = "N")]
    pub accounts: Option<u32>,
    /// What the business is like: default, null, planted-leak, drift, label-delay, 300-accounts, 3-percent-churn,
    /// heavy-tailed-arr, confounding or sleeping-dogs
    #[arg(long, value_name = "NAME", default_value_t)]
    pub scenario: Scenario,
    /// Length of the history in months
    #[arg(long, value_name = "M", default_value_t = 30)]
    pub months: u32,
    /// Seed of every random choice
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Usage events to aim at, within a few percent [default: about 45 an account and month]
    #[arg(long, value_name = "N")]
    pub events: Option<u64>,
    /// Write usage as a folder with one file a month of receipt
    #[arg(long)]
    pub monthly: bool,
}

/// Options of `truth`.
#[derive(Debug, Clone, Args)]
pub struct TruthArgs {
    /// Scenarios of `simulate`, separated by commas, or all
    #[arg(long, value_name = "NAME", value_delimiter = ',', default_value = "default")]
    pub scenario: Vec<String>,
    /// Accounts of a business; the scenario 300-accounts has its own number
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub accounts: u32,
    /// Businesses a scenario; figures are medians over them
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub seeds: u32,
    /// Seed of the first business
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Length of a history in months
    #[arg(long, value_name = "M", default_value_t = 30)]
    pub months: u32,
    /// Accounts of the business that the observable ceiling is learnt from [default: as --accounts, at least 4000]
    #[arg(long, value_name = "N")]
    pub ceiling_accounts: Option<u32>,
    /// Configuration (TOML) of the training runs; every setting has a default
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Time to aim at for each training: candidates are tried while it lasts [default: all]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub budget: Option<u64>,
    /// Where to write every figure as JSON
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// End with exit code 3 where a promise is missed
    #[arg(long)]
    pub check: bool,
}

/// A history and its configuration.
#[derive(Debug, Clone, Args)]
pub struct HistoryArgs {
    /// Folder with the history's tables
    #[arg(long, value_name = "DIR")]
    pub history: PathBuf,
    /// Configuration (TOML); every setting has a default
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Memory to aim at for the history, such as 512MB or 4GB; what exceeds it goes to a temporary file
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "2GB")]
    pub memory: usize,
}

/// Options of `check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The history.
    #[command(flatten)]
    pub input: HistoryArgs,
    /// List every rule in force with where it comes from, the defaults too
    #[arg(long)]
    pub rules: bool,
}

/// How long a run may take, and where it left off.
#[derive(Debug, Clone, Default, Args)]
pub struct EffortArgs {
    /// Time to aim at: candidates are tried while it lasts, so that the choice depends on the machine [default: all]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub budget: Option<u64>,
    /// Folder for finished fits: a run that was interrupted goes on from them, with the same result. Made where it is
    /// missing; delete it when the run is done
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
}

/// Options of `run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// The history.
    #[command(flatten)]
    pub input: HistoryArgs,
    /// Registry folder to publish to; made where it is missing
    #[arg(long, value_name = "DIR")]
    pub registry: PathBuf,
    /// Folder for report.html and report.json [default: REGISTRY/NAME/VERSION/report]
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// Rows to learn from (account_id, as_of, a label column) instead of the derived snapshots
    #[arg(long, value_name = "FILE")]
    pub snapshots: Option<PathBuf>,
    /// Folds of the snapshots file's rows (columns row, fold): each is judged by a procedure that never saw it, instead
    /// of the later block
    #[arg(long, value_name = "FILE", requires = "snapshots")]
    pub folds: Option<PathBuf>,
    /// Where to write the probabilities of the judged rows (row,account_id,as_of,probability)
    #[arg(long, value_name = "FILE")]
    pub predictions: Option<PathBuf>,
    /// Put the model to use even where it is not better than the base rate; otherwise it is published on hold
    #[arg(long)]
    pub force: bool,
    /// Name of the model [default: training.name of the configuration, `churn`]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// How long it may take.
    #[command(flatten)]
    pub effort: EffortArgs,
}

/// Options of `table`.
#[derive(Debug, Clone, Args)]
pub struct TableArgs {
    /// The table (CSV or Parquet by its ending)
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// Column that holds the outcome
    #[arg(long, value_name = "COL")]
    pub label: String,
    /// Value of the label column that means churned [default: 1, true or yes]
    #[arg(long, value_name = "VALUE")]
    pub positive: Option<String>,
    /// Column that identifies a row; never a feature
    #[arg(long, value_name = "COL")]
    pub id: Option<String>,
    /// Column whose rows belong together (a customer with several rows); never a feature
    #[arg(long, value_name = "COL")]
    pub group: Option<String>,
    /// Column that is no feature; may be given several times
    #[arg(long, value_name = "COL")]
    pub exclude: Vec<String>,
    /// Registry folder to publish to; made where it is missing
    #[arg(long, value_name = "DIR")]
    pub registry: PathBuf,
    /// Folds for the evaluation (columns row, fold) instead of the program's own
    #[arg(long, value_name = "FILE")]
    pub folds: Option<PathBuf>,
    /// Where to write the out-of-fold probabilities (row,probability)
    #[arg(long, value_name = "FILE")]
    pub predictions: Option<PathBuf>,
    /// Folder for report.html and report.json [default: REGISTRY/NAME/VERSION/report]
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// Configuration (TOML); every setting has a default
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Put the model to use even where it is not better than the base rate; otherwise it is published on hold
    #[arg(long)]
    pub force: bool,
    /// Name of the model [default: the file's name without its ending]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// How long it may take.
    #[command(flatten)]
    pub effort: EffortArgs,
}

/// What else there is to ask of features.
#[derive(Debug, Clone, Subcommand)]
pub enum OfFeatures {
    /// Say where a value comes from: the facts without which it would be another
    #[command(after_help = "Examples:\n  \
        holdfast-train features explain users_28d --history business --account acct-00003 --as-of 2025-06-30\n  \
        holdfast-train features explain arr --history business --account acct-00003 --as-of 2025-06-30 --rows 100\n\n\
        Each fact of the feature's tables is left out in turn; those that change the value are listed with what it\n\
        would be, and those that were known only after the date, and so do not count, are counted.")]
    Explain(ExplainArgs),
}

/// Options of `features explain`.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// Name of the feature, as in docs/features.md
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The history.
    #[command(flatten)]
    pub input: HistoryArgs,
    /// The account
    #[arg(long, value_name = "ID")]
    pub account: String,
    /// Observation date
    #[arg(long, value_name = "DATE")]
    pub as_of: String,
    /// Facts to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub rows: usize,
}

/// Options of `features`; a subcommand of it has its own.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct FeaturesArgs {
    /// What else to do.
    #[command(subcommand)]
    pub other: Option<OfFeatures>,
    /// Folder with the history's tables
    #[arg(long, value_name = "DIR", required = true)]
    pub history: Option<PathBuf>,
    /// Configuration (TOML); every setting has a default
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Memory to aim at for the history, such as 512MB or 4GB; what exceeds it goes to a temporary file
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "2GB")]
    pub memory: usize,
    /// Observation dates, separated by commas: every account active at the date
    #[arg(long, value_name = "DATE", value_delimiter = ',', conflicts_with = "snapshots")]
    #[arg(required_unless_present = "snapshots")]
    pub as_of: Vec<String>,
    /// File with the columns account_id and as_of
    #[arg(long, value_name = "FILE")]
    pub snapshots: Option<PathBuf>,
    /// File to write: .parquet or .csv
    #[arg(long, value_name = "FILE", required = true)]
    pub out: Option<PathBuf>,
    /// Only these features, separated by commas [default: all that the history offers]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Leave OUT.basis beside the file: what a later run with --previous needs
    #[arg(long, conflicts_with = "cluster")]
    pub incremental: bool,
    /// An earlier feature file with its basis: rows that nothing new can have changed are taken over from it
    #[arg(long, value_name = "FILE", conflicts_with = "cluster")]
    pub previous: Option<PathBuf>,
    /// With --previous, compute all rows again, and fail where any changed about which nothing is new
    #[arg(long, requires = "previous")]
    pub recompute: bool,
    /// The scheduler of a cluster that does the work, by the program holdfast-cluster; see docs/cluster.md
    #[arg(long, value_name = "df://HOST:PORT")]
    pub cluster: Option<String>,
    /// Folder or URL that every machine of the cluster can read and write
    #[arg(long, value_name = "DIR|URL", requires = "cluster")]
    pub scratch: Option<String>,
}

/// A number of bytes: 1048576, 512MB, 4GB (powers of 1024).
fn size(text: &str) -> Result<usize, String> {
    let text = text.trim().to_uppercase();
    let (digits, unit) = text.split_at(text.trim_end_matches(|c: char| !c.is_ascii_digit()).len());
    let factor = match unit.trim() {
        "" | "B" => 1,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        "G" | "GB" | "GIB" => 1_usize << 30,
        _ => return Err("write a size such as 512MB or 4GB".to_owned()),
    };
    let bytes = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(factor));
    bytes
        .filter(|bytes| *bytes >= LEAST_MEMORY)
        .ok_or_else(|| "write a size of at least 64MB, such as 512MB".to_owned())
}

/// Below this, buffers alone take more.
const LEAST_MEMORY: usize = 64 << 20;

/// Options of `score`.
#[derive(Debug, Clone, Args)]
pub struct ScoreArgs {
    /// Registry folder
    #[arg(long, value_name = "DIR")]
    pub registry: PathBuf,
    /// The model, with a version unless its current one is meant [default: the registry's only model]
    #[arg(long, value_name = "NAME[@VERSION]")]
    pub model: Option<String>,
    /// Folder with the history's tables, for a model that was trained on a history
    #[arg(long, value_name = "DIR", required_unless_present = "data", conflicts_with = "data")]
    pub history: Option<PathBuf>,
    /// Observation dates, separated by commas: every account active at the date
    #[arg(long, value_name = "DATE", value_delimiter = ',', conflicts_with_all = ["snapshots", "data"])]
    #[arg(required_unless_present_any = ["snapshots", "data"])]
    pub as_of: Vec<String>,
    /// File with the columns account_id and as_of
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub snapshots: Option<PathBuf>,
    /// Table with the model's columns, for a model that was trained on a prepared table
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// Column of --data that identifies a row [default: the row number from 0]
    #[arg(long, value_name = "COL", requires = "data")]
    pub id: Option<String>,
    /// File to write: .parquet or .csv
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Configuration (TOML); every setting has a default
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Memory to aim at for the history, such as 512MB or 4GB; what exceeds it goes to a temporary file
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "2GB")]
    pub memory: usize,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_subcommand_has_an_example() {
        let command = Cli::command();
        command.clone().debug_assert();
        let nested = command.get_subcommands().flat_map(clap::Command::get_subcommands);
        for subcommand in command.get_subcommands().chain(nested) {
            let help = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("holdfast-train"), "{} has no example", subcommand.get_name());
        }
    }

    #[test]
    fn dates_may_be_separated_by_commas_but_not_mixed_with_a_snapshots_file() {
        let base = ["holdfast-train", "features", "--history", "h", "--out", "o.csv"];
        let parse = |more: &[&str]| Cli::try_parse_from(base.iter().chain(more));
        let Command::Features(args) = parse(&["--as-of", "2025-01-31,2025-02-28"]).unwrap().command else {
            panic!("not the features command");
        };
        assert_eq!(args.as_of, ["2025-01-31", "2025-02-28"]);
        assert!(parse(&[]).is_err());
        let explain = ["holdfast-train", "features", "explain", "arr", "--history", "h"];
        let asked = explain.iter().chain(&["--account", "a", "--as-of", "2025-01-31"]);
        let Command::Features(FeaturesArgs { other: Some(_), .. }) =
            Cli::try_parse_from(asked).unwrap().command
        else {
            panic!("not the explain command");
        };
        assert!(parse(&["--as-of", "2025-01-31", "--snapshots", "s.csv"]).is_err());
    }
}
