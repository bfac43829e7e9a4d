//! Signs of life where no terminal shows a progress bar.

use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

/// Seconds between two signs.
const EVERY: u64 = 10;

/// Calls back every ten seconds until it is stopped; never where stderr is a terminal.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    running: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Heartbeat {
    pub(crate) fn start(beat: impl Fn(u64) + Send + 'static) -> Self {
        if stderr().is_terminal() {
            return Self { running: None };
        }
        let (stop, stopped) = channel();
        let thread = spawn(move || {
            let mut seconds = 0;
            while stopped.recv_timeout(Duration::from_secs(EVERY)) == Err(RecvTimeoutError::Timeout) {
                seconds += EVERY;
                beat(seconds);
            }
        });
        Self { running: Some((stop, thread)) }
    }

    /// Ends it; no sign comes after this.
    pub(crate) fn stop(self) {
        if let Some((stop, thread)) = self.running {
            drop(stop);
            // A thread that only prints has nothing to report.
            let _ = thread.join();
        }
    }
}
