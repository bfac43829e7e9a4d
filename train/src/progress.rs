//! Progress on a terminal: the stages of a run and a bar within each. Silent where stderr is no terminal.

use std::time::Duration;

use holdfast_features::read::{Heard, Listener};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where a run says how far it is.
#[derive(Debug, Clone)]
pub struct Progress {
    bars: MultiProgress,
}

/// A stage under way; dropping it ends it.
#[derive(Debug)]
pub struct Stage {
    bar: ProgressBar,
    name: String,
}

impl Progress {
    /// Draws on stderr where that is a terminal.
    #[must_use]
    pub fn on_stderr() -> Self {
        Self { bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()) }
    }

    /// Draws nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self { bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()) }
    }

    /// Begins the stage called `name` of `n_steps` steps; of unknown length where that is 0.
    #[must_use]
    pub fn stage(&self, name: &str, n_steps: usize) -> Stage {
        let (bar, template) = if n_steps == 0 {
            (ProgressBar::new_spinner(), "{elapsed_precise} {spinner} {msg}")
        } else {
            (ProgressBar::new(n_steps as u64), "{elapsed_precise} {bar:30} {pos}/{len} {msg}")
        };
        self.begin(bar, template, name)
    }

    /// Begins the stage called `name` of reading files, and who listens to how far that is.
    #[must_use]
    pub fn reading(&self, name: &str) -> (Stage, Listener) {
        let template = "{elapsed_precise} {bar:30} {binary_bytes}/{binary_total_bytes} {msg}";
        let stage = self.begin(ProgressBar::new(0), template, name);
        let bar = stage.bar.clone();
        let listener = Listener::new(move |heard| match heard {
            Heard::Expected(n_bytes) => {
                bar.set_length(n_bytes);
                bar.set_position(0);
            }
            Heard::Read(n_bytes) => bar.inc(n_bytes),
        });
        (stage, listener)
    }

    fn begin(&self, bar: ProgressBar, template: &str, name: &str) -> Stage {
        let bar = self.bars.add(bar);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(name.to_owned());
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Stage { bar, name: name.to_owned() }
    }
}

impl Stage {
    /// One step is done.
    pub fn step(&self) {
        self.bar.inc(1);
    }

    /// `n` more steps are done.
    pub fn more(&self, n: u64) {
        self.bar.inc(n);
    }

    /// `n` steps are done in all.
    pub fn at(&self, n: u64) {
        self.bar.set_position(n);
    }

    /// Says `more` after the stage's name.
    pub fn say(&self, more: &str) {
        self.bar.set_message(format!("{}{more}", self.name));
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.bar.finish();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use holdfast_features::read::{self, HistoryConfig};
    use holdfast_features::write;

    use super::*;

    #[test]
    fn reading_is_told_from_its_beginning_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            write::atomically(&folder.path().join(name), |file| file.write_all(text.as_bytes())).unwrap();
        };
        let contracts: String =
            (0..20_000).map(|n| format!("s{n},a{n},100,2024-01-01,2025-01-01\n")).collect();
        let header = "subscription_id,account_id,mrr,started_at,current_term_end\n";
        put("subscriptions.csv", &(header.to_owned() + &contracts));
        put("surveys.ndjson", "{\"account_id\":\"a1\",\"score\":9,\"responded_at\":\"2024-03-01\"}\n");
        let (stage, listener) = Progress::silent().reading("reading");
        read::history(folder.path(), &HistoryConfig { listener, ..HistoryConfig::default() }).unwrap();
        let total: u64 =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
        assert_eq!(stage.bar.length(), Some(total));
        // All but the header, which is no row.
        assert_eq!(stage.bar.position(), total - header.len() as u64);
    }
}
