//! What can be chosen about boosting.

use serde::{Deserialize, Serialize};

use crate::fit::ParamsError;
use crate::tree::MAX_DEPTH;

/// As many as a tree of depth 10 has.
const MAX_LEAVES: usize = 1_024;

/// Whether known directions bind the trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monotone {
    /// The risk moves as each spec's direction says, wherever it says something.
    Declared,
    /// Directions are ignored.
    Free,
}

/// At which of a column's values a node may be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cuts {
    /// At the one that gains most.
    #[default]
    Best,
    /// At one drawn anew for each node, of those between its least and its largest (Geurts, Ernst and Wehenkel 2006): trees that
    /// differ more, and learn less of what is chance.
    Random,
}

/// Unchecked parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Trees of each bag, 1 to 5,000.
    pub rounds: usize,
    /// Models on other samples of rows and columns whose mean is taken, 1 to 50 (Breiman 1996).
    pub bags: usize,
    /// How much of each tree's answer is taken, above 0 and up to 1.
    pub learning_rate: f64,
    /// The longest path, 1 to 10 splits; up to [`MAX_DEPTH`] where fewer than 1,024 leaves are allowed.
    pub depth: usize,
    /// The most leaves of a tree, 2 to 1,024. With fewer than 2^`depth` a tree grows where it gains most (Shi 2007).
    pub leaves: usize,
    /// Ridge on leaf values, in units of Hessian (a row at p = 0.5 counts 0.25), ≥ 0.
    pub l2: f64,
    /// The least Hessian in a leaf, ≥ 0.
    pub min_child_weight: f64,
    /// The fewest training rows in a leaf, at least 1.
    pub min_rows: usize,
    /// The share of rows that each tree sees, above 0 and up to 1.
    pub row_fraction: f64,
    /// The share of columns that each tree sees, above 0 and up to 1.
    pub column_fraction: f64,
    /// The most bins of a column, 2 to 255.
    pub max_bins: usize,
    /// Whether known directions bind the trees.
    pub monotone: Monotone,
    /// At which values nodes may be split.
    #[serde(default)]
    pub cuts: Cuts,
}

/// Checked parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ValidParams(Params);

impl Default for Params {
    fn default() -> Self {
        Self {
            rounds: 300,
            bags: 1,
            learning_rate: 0.03,
            depth: 4,
            leaves: MAX_LEAVES,
            l2: 10.0,
            min_child_weight: 3.0,
            min_rows: 20,
            row_fraction: 0.7,
            column_fraction: 0.5,
            max_bins: 255,
            monotone: Monotone::Declared,
            cuts: Cuts::Best,
        }
    }
}

impl Params {
    /// Checks each parameter.
    ///
    /// # Errors
    /// The first one out of its range.
    pub fn check(self) -> Result<ValidParams, ParamsError> {
        let refuse = |parameter, expected, found: String| {
            Err(ParamsError { learner: "boost", parameter, expected, found })
        };
        if !(1..=5_000).contains(&self.rounds) {
            return refuse("rounds", "1 to 5000", self.rounds.to_string());
        }
        if !(1..=50).contains(&self.bags) {
            return refuse("bags", "1 to 50", self.bags.to_string());
        }
        if !(2..=MAX_LEAVES).contains(&self.leaves) {
            return refuse("leaves", "2 to 1024", self.leaves.to_string());
        }
        let (deepest, expected) =
            if self.leaves < MAX_LEAVES { (MAX_DEPTH, "1 to 64") } else { (10, "1 to 10") };
        if !(1..=deepest).contains(&self.depth) {
            return refuse("depth", expected, self.depth.to_string());
        }
        if self.min_rows == 0 {
            return refuse("min_rows", "at least 1", self.min_rows.to_string());
        }
        if !(2..=255).contains(&self.max_bins) {
            return refuse("max_bins", "2 to 255", self.max_bins.to_string());
        }
        for (parameter, share) in [
            ("learning_rate", self.learning_rate),
            ("row_fraction", self.row_fraction),
            ("column_fraction", self.column_fraction),
        ] {
            if !(share > 0.0 && share <= 1.0) {
                return refuse(parameter, "above 0 and up to 1", share.to_string());
            }
        }
        for (parameter, number) in [("l2", self.l2), ("min_child_weight", self.min_child_weight)] {
            if !number.is_finite() || number < 0.0 {
                return refuse(parameter, "a number from 0", number.to_string());
            }
        }
        Ok(ValidParams(self))
    }

    /// Whether the number of leaves binds before the depth does.
    pub(super) fn is_best_first(&self) -> bool {
        self.leaves < 1 << self.depth.min(10)
    }
}

impl ValidParams {
    /// The parameters.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.0
    }

    /// The same with `rounds`, brought into 1 to 5,000.
    #[must_use]
    pub fn with_rounds(&self, rounds: usize) -> Self {
        Self(Params { rounds: rounds.clamp(1, 5_000), ..self.0 })
    }

    /// The same with `bags`, brought into 1 to 50.
    #[must_use]
    pub fn with_bags(&self, bags: usize) -> Self {
        Self(Params { bags: bags.clamp(1, 50), ..self.0 })
    }

    pub(crate) fn describe(&self) -> String {
        let Params { rounds, bags, learning_rate, depth, leaves, l2, min_rows, column_fraction, .. } = self.0;
        let bags = if bags > 1 { format!("bags={bags} ") } else { String::new() };
        let size = if self.0.is_best_first() { format!("leaves={leaves}") } else { format!("depth={depth}") };
        let free = if self.0.monotone == Monotone::Free { " directions=free" } else { "" };
        let cuts = if self.0.cuts == Cuts::Random { " cuts=random" } else { "" };
        format!(
            "{bags}rounds={rounds} rate={learning_rate} {size} l2={l2} min_rows={min_rows} columns={column_fraction}{free}{cuts}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_out_of_range() {
        let good = Params::default();
        assert!(good.check().is_ok());
        let parameter = |params: Params| params.check().unwrap_err().parameter;
        assert_eq!(parameter(Params { rounds: 0, ..good }), "rounds");
        assert_eq!(parameter(Params { depth: 11, ..good }), "depth");
        assert_eq!(parameter(Params { bags: 51, ..good }), "bags");
        assert_eq!(parameter(Params { leaves: 1, ..good }), "leaves");
        assert!(Params { depth: 64, leaves: 31, ..good }.check().is_ok());
        assert_eq!(parameter(Params { depth: 65, leaves: 31, ..good }), "depth");
        assert_eq!(parameter(Params { min_rows: 0, ..good }), "min_rows");
        assert_eq!(parameter(Params { max_bins: 256, ..good }), "max_bins");
        assert_eq!(parameter(Params { learning_rate: 0.0, ..good }), "learning_rate");
        assert_eq!(parameter(Params { row_fraction: 1.1, ..good }), "row_fraction");
        assert_eq!(parameter(Params { column_fraction: f64::NAN, ..good }), "column_fraction");
        assert_eq!(parameter(Params { l2: -1.0, ..good }), "l2");
        assert_eq!(parameter(Params { min_child_weight: f64::INFINITY, ..good }), "min_child_weight");
    }
}
