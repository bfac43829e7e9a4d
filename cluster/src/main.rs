//! `holdfast-cluster`: parse, log, run, end.

mod cli;

use std::io::{self, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser;
use holdfast_cluster::{
    Asked, Cluster, ClusterError, ExecutorOptions, Query, Request, Scheduler, SchedulerOptions, execute,
};
use holdfast_features::{Role, Timestamp, read, write};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, Command, ExecutorArgs, FeaturesArgs, LogFormat, SchedulerArgs};

/// Something failed that may go well another time.
const FAILED: u8 = 1;
/// The input or a setting cannot be used.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    init_logs(&cli);
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The reader of a closed standard error learns it from the exit code.
            let _ = writeln!(io::stderr(), "error: {error}");
            let is_input = error.downcast_ref::<ClusterError>().is_some_and(ClusterError::is_input)
                || error.downcast_ref::<read::ReadError>().is_some();
            ExitCode::from(if is_input { UNUSABLE } else { FAILED })
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Scheduler(args) => scheduler(args).await,
            Command::Executor(args) => executor(args).await,
            Command::Features(args) => features(args).await,
        }
    })
}

async fn scheduler(args: SchedulerArgs) -> anyhow::Result<()> {
    let SchedulerArgs { listen, external_host, executor_timeout } = args;
    let scheduler = Scheduler::bind(SchedulerOptions { listen, external_host, executor_timeout }).await?;
    writeln!(io::stdout(), "listening on {}", scheduler.addr())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        ended = scheduler.serve() => Ok(ended?),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

async fn executor(args: ExecutorArgs) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.work_dir)?;
    let cores = std::thread::available_parallelism()?.get();
    let [port, grpc_port] = ports(&args.host, [args.port, args.grpc_port])?;
    let options = ExecutorOptions {
        scheduler_host: args.scheduler.0,
        scheduler_port: args.scheduler.1,
        bind_host: args.host,
        external_host: args.external_host,
        port,
        grpc_port,
        tasks: args.tasks.map_or(cores, usize::from),
        memory: args.memory,
        work_dir: args.work_dir,
        heartbeat: args.heartbeat,
        connect_timeout: args.connect_timeout,
    };
    let on_ready = || {
        // A closed standard output has nobody who waits for the word.
        let _ = writeln!(io::stdout(), "ready");
    };
    Ok(execute(options, on_ready).await?)
}

/// The ports, free ones in place of 0: an executor tells its ports before it binds them.
fn ports(host: &str, wanted: [u16; 2]) -> io::Result<[u16; 2]> {
    // Both are held until both are known, so that they differ.
    let held: Vec<TcpListener> =
        wanted.iter().map(|&port| TcpListener::bind((host, port))).collect::<io::Result<_>>()?;
    let mut ports = wanted;
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

async fn features(args: FeaturesArgs) -> anyhow::Result<()> {
    let config = match &args.config {
        Some(path) => (path.display().to_string(), text(path)?),
        None => ("defaults".to_owned(), String::new()),
    };
    let asked = match &args.snapshots {
        Some(path) => Asked::Rows(read::snapshots_file(path)?),
        None => Asked::ActiveAt(args.as_of),
    };
    let request = Request {
        history: args.history,
        config,
        asked,
        only: args.only,
        cluster: args.cluster.as_deref().map_or(Ok(Cluster::Local), Cluster::at)?,
        n_partitions: args.partitions,
        scratch: args.scratch.unwrap_or_else(|| std::env::temp_dir().display().to_string()),
        now: Some(now()),
    };
    let query = Query::prepare(request).await?;
    let table = query.table().await?;
    let keys = query.keys();
    write::feature_file(&args.out, &keys, &table)?;
    let n_features = table.specs().iter().filter(|spec| spec.role == Role::Feature).count();
    writeln!(
        io::stdout(),
        "{} rows of {n_features} features and {} context columns: {}",
        keys.len(),
        table.specs().len() - n_features,
        args.out.display()
    )?;
    Ok(())
}

fn text(path: &Path) -> Result<String, ClusterError> {
    std::fs::read_to_string(path).map_err(|source| ClusterError::Io { path: path.to_owned(), source })
}

#[expect(clippy::disallowed_methods, reason = "a binary's main knows the clock")]
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

fn init_logs(cli: &Cli) {
    // Of what Ballista and DataFusion tell, only what goes wrong matters; a client is told that by its own error.
    let default = match cli.command {
        Command::Features(_) => "off,holdfast_cluster=info",
        Command::Scheduler(_) | Command::Executor(_) => "warn,holdfast_cluster=info",
    };
    let filter = EnvFilter::try_from_env("HOLDFAST_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match cli.log_format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
}
