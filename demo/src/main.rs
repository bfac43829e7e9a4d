//! `cargo demo`: simulate a business, learn from it, serve the model, ask it about the riskiest accounts.

mod ask;
mod cli;
mod folder;
mod heartbeat;
mod show;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::Parser;
use holdfast_features::Timestamp;
use holdfast_features::read::DEFAULT_MEMORY;
use holdfast_serve::{Config, Running};
use holdfast_simulate::{Business, read_truth, simulate};
use holdfast_train::cli::{EffortArgs, HistoryArgs, RunArgs};
use holdfast_train::columns::count;
use holdfast_train::pipeline;
use holdfast_train::progress::Progress;

use crate::ask::Client;
use crate::cli::Cli;
use crate::folder::Folder;
use crate::heartbeat::Heartbeat;

/// Length of the simulated history.
const MONTHS: u32 = 30;
/// Accounts that are shown.
const SHOWN: usize = 3;

fn main() -> ExitCode {
    match demo(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn demo(cli: &Cli) -> anyhow::Result<()> {
    let folder = Folder::claim(&cli.dir)?;
    say("Holdfast: from a history of customers to the next best action\n");
    simulate_business(cli, &folder)?;
    train(&folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let running = serve(&folder).await?;
        ask(&running, &folder).await?;
        say(&own_data(&cli.dir));
        if !cli.once {
            say(&serving_on(&running, &folder));
            tokio::signal::ctrl_c().await?;
            say("\nEnding calls in flight.");
        }
        running.shutdown();
        Ok(running.join().await?)
    })
}

fn simulate_business(cli: &Cli, folder: &Folder) -> anyhow::Result<()> {
    let step = Step::begin(1, "Simulate a business, as its tools would have recorded it");
    step.command(&format!(
        "holdfast-train simulate --out {} --accounts {} --months {MONTHS} --seed {}",
        folder.history.display(),
        cli.accounts,
        cli.seed
    ));
    let business =
        Business { n_accounts: cli.accounts, n_months: MONTHS, seed: cli.seed, ..Business::default() }
            .check()?;
    let progress = Progress::on_stderr().stage("accounts", usize::try_from(cli.accounts)?);
    let written = simulate(&business).write(&folder.history, |done| progress.at(u64::from(done)))?;
    drop(progress);
    let n_rows: usize = written.tables.iter().map(|(_, n_rows)| n_rows).sum();
    step.end(&format!(
        "{} accounts, {} tables, {} rows, {} of them use of the product",
        count(usize::try_from(cli.accounts)?),
        written.tables.len(),
        count(n_rows),
        count(written.n_rows("usage_events"))
    ));
    Ok(())
}

fn train(folder: &Folder) -> anyhow::Result<()> {
    let step = Step::begin(2, "Learn which accounts do not renew, and how sure that is");
    step.command(&format!(
        "holdfast-train run --history {} --registry {} --report {} --config {}",
        folder.history.display(),
        folder.registry.display(),
        folder.report.display(),
        folder.config.display()
    ));
    let args = RunArgs {
        input: HistoryArgs {
            history: folder.history.clone(),
            config: Some(folder.config.clone()),
            memory: DEFAULT_MEMORY,
        },
        registry: folder.registry.clone(),
        report: Some(folder.report.clone()),
        snapshots: None,
        folds: None,
        predictions: None,
        force: false,
        name: None,
        effort: EffortArgs::default(),
    };
    let heartbeat = Heartbeat::start(|seconds| say(&format!("     … {seconds} s")));
    let answer = pipeline::run(&args, now(), || Duration::ZERO, &Progress::on_stderr());
    heartbeat.stop();
    say(&indented(&answer?.text));
    step.end(&format!("report: {}", folder.report.join("report.html").display()));
    Ok(())
}

async fn serve(folder: &Folder) -> anyhow::Result<Running> {
    let step = Step::begin(3, "Serve the model over gRPC");
    step.command(&format!("holdfast-serve --registry {} --listen 127.0.0.1:0", folder.registry.display()));
    let running = holdfast_serve::start(Config::new(&folder.registry, now)).await?;
    step.end(&format!("listening on {}", running.addr()));
    Ok(running)
}

async fn ask(running: &Running, folder: &Folder) -> anyhow::Result<()> {
    let step = Step::begin(4, "Ask the server about every account with a contract");
    let mut client = Client::connect(running.addr()).await?;
    let model = client.model().await?;
    let accounts = ask::accounts(&folder.registry, &model)?;
    let scores = client.score_all(&accounts.keys().collect::<Vec<_>>()).await?;
    step.end(&format!("{}@{} scored {} accounts", model.name, model.version, count(scores.len())));
    say(&format!("The {SHOWN} riskiest:\n"));
    let truth = truth_at_the_end(&folder.history)?;
    for (rank, score) in scores.iter().take(SHOWN).enumerate() {
        let answer = client.recommend(&score.account_id).await?;
        let contract =
            accounts.get(&score.account_id).context("the server scored an account that nobody asked for")?;
        say(&show::card(rank + 1, contract, truth.get(&score.account_id).copied(), &answer));
    }
    Ok(())
}

/// The true probability of each open account at the end of the history.
fn truth_at_the_end(history: &Path) -> anyhow::Result<BTreeMap<String, f64>> {
    let mut latest = BTreeMap::new();
    for truth in read_truth(history)?.into_iter().filter(|truth| truth.churned.is_none()) {
        // Rows of an account come in time order, the shortest horizon first.
        let entry = latest.entry(truth.account_id.clone()).or_insert_with(|| truth.clone());
        if entry.as_of < truth.as_of {
            *entry = truth;
        }
    }
    Ok(latest.into_iter().map(|(account, truth)| (account, truth.churn_probability)).collect())
}

fn own_data(dir: &Path) -> String {
    let rule = "─".repeat(show::WIDTH);
    format!(
        "{rule}\n\
         With your own data\n\n\
         \x20 1  Put your tables into a folder: Parquet, CSV or NDJSON, one file a table. Only `subscriptions`\n\
         \x20    is required; each further table (usage_events, tickets, contacts, invoices …) adds features.\n\
         \x20    {}/history shows all of them.\n\
         \x20 2  cargo run --release -p holdfast-train -- check --history MY-HISTORY\n\
         \x20 3  cargo run --release -p holdfast-train -- run --history MY-HISTORY --registry MY-REGISTRY\n\
         \x20 4  cargo run --release -p holdfast-serve -- --registry MY-REGISTRY\n",
        dir.display()
    )
}

fn serving_on(running: &Running, folder: &Folder) -> String {
    format!(
        "Still serving {} on {}. In another terminal, for example:\n\
         \x20 grpcurl -plaintext -d '{{\"subject\":{{\"account_id\":\"acct-00000\"}}}}' {} \\\n\
         \x20   holdfast.v1.RiskService/Recommend\n\
         Ctrl-C ends it.",
        folder.registry.display(),
        running.addr(),
        running.addr()
    )
}

/// A numbered step of the demo, timed.
struct Step {
    started: Instant,
}

impl Step {
    #[expect(clippy::disallowed_methods, reason = "the demo says how long its steps take")]
    fn begin(number: usize, title: &str) -> Self {
        say(&format!("{number}/4  {title}"));
        Self { started: Instant::now() }
    }

    /// The command that does the same.
    fn command(&self, command: &str) {
        say(&format!("     $ {command}"));
    }

    fn end(self, outcome: &str) {
        say(&format!("     {outcome}  ({:.1} s)\n", self.started.elapsed().as_secs_f64()));
    }
}

#[expect(clippy::disallowed_methods, reason = "the present, after which no event can have happened")]
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

fn indented(text: &str) -> String {
    text.trim_end().lines().map(|line| format!("     {line}").trim_end().to_owned() + "\n").collect()
}

#[expect(clippy::print_stdout, reason = "the demo is there to be read")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "the one place that tells of a failure")]
fn complain(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
