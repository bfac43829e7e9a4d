//! What can be chosen about the additive model.

use serde::{Deserialize, Serialize};

use crate::boost::{self, Monotone};
use crate::fit::ParamsError;

/// Unchecked parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Sweeps over all columns, 1 to 5,000.
    pub rounds: usize,
    /// How much of each step is taken, above 0 and up to 1.
    pub learning_rate: f64,
    /// Ridge on steps, in units of Hessian (a row at p = 0.5 counts 0.25), ≥ 0.
    pub l2: f64,
    /// What a step must gain to be taken, in nats of log loss times two (as a likelihood ratio is counted), ≥ 0. The best
    /// of many cuts of a column that tells nothing gains a few.
    pub min_gain: f64,
    /// The fewest training rows on either side of a step, at least 1.
    pub min_rows: usize,
    /// The share of rows that each sweep sees, above 0 and up to 1.
    pub row_fraction: f64,
    /// The most bins of a column, 2 to 255: the most steps of a shape are one fewer.
    pub max_bins: usize,
    /// Whether known directions bind the shapes.
    pub monotone: Monotone,
}

/// Checked parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ValidParams(Params);

impl Default for Params {
    fn default() -> Self {
        Self {
            rounds: 300,
            learning_rate: 0.03,
            l2: 5.0,
            min_gain: 4.0,
            min_rows: 20,
            row_fraction: 0.7,
            max_bins: 64,
            monotone: Monotone::Declared,
        }
    }
}

impl Params {
    /// Checks each parameter.
    ///
    /// # Errors
    /// The first one out of its range.
    pub fn check(self) -> Result<ValidParams, ParamsError> {
        let renamed = |error| ParamsError { learner: "additive", ..error };
        self.steps().check().map_err(renamed)?;
        if !self.min_gain.is_finite() || self.min_gain < 0.0 {
            return Err(ParamsError {
                learner: "additive",
                parameter: "min_gain",
                expected: "a number from 0",
                found: self.min_gain.to_string(),
            });
        }
        Ok(ValidParams(self))
    }

    /// A step is a boosted tree of one split on a column that is its turn.
    pub(super) fn steps(&self) -> boost::Params {
        boost::Params {
            rounds: self.rounds,
            learning_rate: self.learning_rate,
            depth: 1,
            l2: self.l2,
            min_child_weight: 0.0,
            min_rows: self.min_rows,
            row_fraction: self.row_fraction,
            column_fraction: 1.0,
            max_bins: self.max_bins,
            monotone: self.monotone,
            ..boost::Params::default()
        }
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

    pub(crate) fn describe(&self) -> String {
        let Params { rounds, learning_rate, l2, min_gain, min_rows, .. } = self.0;
        format!("rounds={rounds} rate={learning_rate} l2={l2} min_gain={min_gain} min_rows={min_rows}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_out_of_range() {
        let good = Params::default();
        assert!(good.check().is_ok());
        let parameter = |params: Params| {
            let error = params.check().unwrap_err();
            assert_eq!(error.learner, "additive");
            error.parameter
        };
        assert_eq!(parameter(Params { rounds: 5_001, ..good }), "rounds");
        assert_eq!(parameter(Params { max_bins: 1, ..good }), "max_bins");
        assert_eq!(parameter(Params { min_gain: -1.0, ..good }), "min_gain");
        assert_eq!(parameter(Params { min_gain: f64::NAN, ..good }), "min_gain");
    }
}
