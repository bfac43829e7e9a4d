//! Progress on a terminal: the stages of a run and a bar within each. Silent where stderr is no terminal.

use std::time::Duration;

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
