//! Schedulers, executors and clients as processes of this test: started on free ports, awaited, and gone with it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::business::AS_OF;

/// A process that says when it is ready.
pub(crate) struct Process {
    child: Child,
    /// The line by which it said so.
    pub(crate) said: String,
}

/// A scheduler with executors.
pub(crate) struct Machines {
    pub(crate) scheduler: Process,
    pub(crate) executors: Vec<Executor>,
    /// What clients name the cluster by.
    pub(crate) url: String,
    folder: TempDir,
}

/// An executor and where it puts its partial results.
pub(crate) struct Executor {
    pub(crate) process: Process,
    pub(crate) work_dir: PathBuf,
}

/// A query on its way.
pub(crate) struct Client {
    child: Child,
    /// What it writes.
    pub(crate) out: PathBuf,
}

impl Executor {
    /// What it has left for others to fetch, in megabytes.
    pub(crate) fn left_megabytes(&self) -> u64 {
        bytes_below(&self.work_dir) / 1_000_000
    }
}

/// Of the Linux kernel's accounting.
const TICKS_A_SECOND: f64 = 100.0;
/// More than any partial result but facts.
const FACTS: u64 = 1_000_000;
/// After which a query hangs.
const LONGEST_QUERY: Duration = Duration::from_secs(400);
/// Between two looks at something awaited.
const POLL: Duration = Duration::from_millis(10);

impl Process {
    fn start(args: &[&str]) -> Self {
        let mut child = program(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert!(!said.is_empty(), "{args:?} ended before it was ready");
        Self { child, said: said.trim().to_owned() }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The most memory that it ever had, in megabytes.
    pub(crate) fn peak_megabytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_000
    }

    /// The processor time that it took, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let after_name = stat.rsplit(')').next().unwrap();
        let ticks = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap());
        ticks.sum::<f64>() / TICKS_A_SECOND
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Whether it is gone already does not matter here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Machines {
    pub(crate) fn start(n_executors: usize, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scheduler = scheduler("127.0.0.1:0");
        let url = format!("df://{}", scheduler.said.strip_prefix("listening on ").unwrap());
        let executors = (0..n_executors)
            .map(|index| executor(&url, folder.path().join(index.to_string()), more))
            .collect();
        Self { scheduler, executors, url, folder }
    }

    /// A client that asks for the features of the history at [`AS_OF`].
    pub(crate) fn ask(&self, history: &Path, out: &str) -> Client {
        let out = self.folder.path().join(out);
        let mut program = program(&[
            "features",
            "--cluster",
            &self.url,
            "--history",
            history.to_str().unwrap(),
            "--scratch",
            self.folder.path().to_str().unwrap(),
            "--as-of",
            &AS_OF.join(","),
            "--out",
            out.to_str().unwrap(),
        ]);
        let child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Client { child, out }
    }

    /// Waits until the executor has written facts for others to fetch: the query is on its way then, and loses them with
    /// the executor. What the client asks first, how events are used, leaves far less.
    pub(crate) fn await_partial_results(&self, executor: usize) {
        let folder = &self.executors[executor].work_dir;
        await_that("partial results", || bytes_below(folder) > FACTS);
    }

    /// A scheduler again, at the same address. Executors find it by themselves.
    pub(crate) fn restart_scheduler(&mut self) {
        self.scheduler = scheduler(self.url.strip_prefix("df://").unwrap());
    }
}

impl Client {
    /// Waits for the end and takes what was printed.
    pub(crate) fn finish(mut self) -> Output {
        let mut ended = None;
        let deadline = Instant::now() + LONGEST_QUERY;
        while ended.is_none() && Instant::now() < deadline {
            ended = self.child.try_wait().unwrap();
            std::thread::sleep(POLL);
        }
        if ended.is_none() {
            self.child.kill().unwrap();
        }
        let output = self.child.wait_with_output().unwrap();
        assert!(ended.is_some(), "the query did not end: {}", text(&output));
        output
    }
}

pub(crate) fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast-cluster"));
    command.args(args);
    command
}

pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn scheduler(listen: &str) -> Process {
    Process::start(&["scheduler", "--listen", listen, "--external-host", "127.0.0.1"])
}

fn executor(url: &str, work_dir: PathBuf, more: &[&str]) -> Executor {
    let args = ["executor", "--scheduler", url, "--external-host", "127.0.0.1", "--tasks", "1", "--work-dir"];
    let args: Vec<&str> =
        args.into_iter().chain([work_dir.to_str().unwrap()]).chain(more.iter().copied()).collect();
    Executor { process: Process::start(&args), work_dir }
}

fn await_that(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(120), "waited in vain for {what}");
        std::thread::sleep(POLL);
    }
}

/// Bytes of all files below a folder.
fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let bytes = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(bytes).sum()
}
