//! The programs under test, started as a user would.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The training binary: its own `main.rs`, built for these tests.
pub(crate) const TRAIN: &str = env!("CARGO_BIN_EXE_train-under-test");
/// The server: its own `main.rs`, built for these tests.
pub(crate) const SERVE: &str = env!("CARGO_BIN_EXE_serve-under-test");

/// The folder of real data beside the repository; `None`, said on stderr, where it is missing.
pub(crate) fn real_data() -> Option<PathBuf> {
    let folder = root().join("../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no real data at {}", folder.display());
    None
}

/// Runs `holdfast-train` to its end, with or without success.
pub(crate) fn train(arguments: &[&str]) -> Output {
    Command::new(TRAIN).args(arguments).output().expect("holdfast-train starts")
}

/// Runs `holdfast-train`, which must succeed, and gives what it printed.
pub(crate) fn trained(arguments: &[&str]) -> String {
    let output = train(arguments);
    if !output.status.success() {
        panic!("holdfast-train {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A running `holdfast-serve`, killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens.
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// Starts the server on a free port over `registry` and waits until it listens.
    ///
    /// # Panics
    /// Where it does not come to listen.
    pub(crate) fn start(registry: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(SERVE)
            .arg("--registry")
            .arg(registry)
            .args(["--listen", "127.0.0.1:0"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("holdfast-serve starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its standard output is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it prints where it listens");
        let addr = line.trim().strip_prefix("listening on ").and_then(|addr| addr.parse().ok());
        Self { child, addr: addr.expect("it prints `listening on ADDRESS`") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that has ended already needs no more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
