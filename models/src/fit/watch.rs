//! Rows on which a fit is watched: their margins along its rounds, and when more rounds are in vain.

use super::{Checkpoint, TrainingRows};
use crate::probability::log_loss;

/// Rounds that a fit goes on without a lower loss, beyond one and a half times those that lowered it last.
const PATIENCE: usize = 50;

/// What was seen so far.
pub(crate) struct Watched {
    labels: Vec<f64>,
    weights: Vec<f64>,
    checkpoints: Vec<Checkpoint>,
    /// The lowest loss so far, and after how many rounds.
    best: (f64, usize),
}

impl Watched {
    pub(crate) fn new(rows: &TrainingRows<'_>) -> Self {
        let (labels, weights) = rows.targets();
        Self { labels, weights, checkpoints: Vec::new(), best: (f64::INFINITY, 0) }
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.labels.len()
    }

    /// Whether margins are taken down after `rounds` of `most` rounds: after each of the first eight, then four times
    /// while their number doubles, since the loss is flat where it is lowest.
    pub(crate) fn is_checkpoint(rounds: usize, most: usize) -> bool {
        let step = (1 << rounds.max(1).ilog2()) >> 2;
        rounds == most || rounds.is_multiple_of(step.max(1))
    }

    /// Takes the margins after so many rounds down; `false` where going on is in vain.
    pub(crate) fn take_down(&mut self, rounds: usize, margins: Vec<f64>) -> bool {
        let loss = log_loss(&margins, &self.labels, &self.weights);
        if loss < self.best.0 {
            self.best = (loss, rounds);
        }
        self.checkpoints.push(Checkpoint { rounds: Some(rounds), margins });
        rounds < self.best.1 + self.best.1 / 2 + PATIENCE
    }

    pub(crate) fn checkpoints(self) -> Vec<Checkpoint> {
        self.checkpoints
    }
}
