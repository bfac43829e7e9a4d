//! What can be chosen about the logistic learner.

use serde::{Deserialize, Serialize};

use crate::encode::LinearOptions;
use crate::fit::ParamsError;

/// Unchecked parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Ridge λ on the standardised columns against the weighted sum of log losses, > 0.
    pub strength: f64,
    /// How values become columns.
    pub encoding: LinearOptions,
}

/// Checked parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ValidParams(Params);

impl Default for Params {
    fn default() -> Self {
        Self { strength: 10.0, encoding: LinearOptions { hinges: 0, min_level_rows: 20, max_levels: 30 } }
    }
}

impl Params {
    /// Checks each parameter.
    ///
    /// # Errors
    /// The first one out of its range.
    pub fn check(self) -> Result<ValidParams, ParamsError> {
        let refuse = |parameter, expected, found: String| {
            Err(ParamsError { learner: "logistic", parameter, expected, found })
        };
        if !self.strength.is_normal() || self.strength < 0.0 {
            return refuse("strength", "a number above 0", self.strength.to_string());
        }
        if self.encoding.hinges > 20 {
            return refuse("hinges", "at most 20", self.encoding.hinges.to_string());
        }
        if self.encoding.max_levels > 500 {
            return refuse("max_levels", "at most 500", self.encoding.max_levels.to_string());
        }
        Ok(ValidParams(self))
    }
}

impl ValidParams {
    /// The parameters.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.0
    }

    pub(crate) fn describe(&self) -> String {
        format!("strength={} hinges={}", self.0.strength, self.0.encoding.hinges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_out_of_range() {
        let parameter = |params: Params| params.check().unwrap_err().parameter;
        let encoding = Params::default().encoding;
        assert_eq!(parameter(Params { strength: 0.0, encoding }), "strength");
        assert_eq!(parameter(Params { strength: f64::NAN, encoding }), "strength");
        let many = LinearOptions { hinges: 21, ..encoding };
        assert_eq!(parameter(Params { encoding: many, ..Params::default() }), "hinges");
        let wide = LinearOptions { max_levels: 501, ..encoding };
        assert_eq!(parameter(Params { encoding: wide, ..Params::default() }), "max_levels");
    }
}
