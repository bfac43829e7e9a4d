//! What can be chosen about the logistic learner.

use serde::{Deserialize, Serialize};

use crate::encode::LinearOptions;
use crate::fit::ParamsError;

/// Unchecked parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// Strength λ of the penalty on the standardised columns against the weighted sum of log losses, > 0.
    pub strength: f64,
    /// The share α of it that is on the slopes' sizes, 0 to 1: the penalty is λ·Σ (α·|β| + ½·(1 − α)·β²), the elastic net
    /// of Zou and Hastie (2005). 0 is a ridge; above 0, slopes that tell little are exactly 0.
    pub l1_share: f64,
    /// How values become columns.
    pub encoding: LinearOptions,
}

/// Checked parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ValidParams(Params);

impl Default for Params {
    fn default() -> Self {
        Self {
            strength: 10.0,
            l1_share: 0.0,
            encoding: LinearOptions { hinges: 0, min_level_rows: 20, max_levels: 30 },
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
            Err(ParamsError { learner: "logistic", parameter, expected, found })
        };
        if !self.strength.is_normal() || self.strength < 0.0 {
            return refuse("strength", "a number above 0", self.strength.to_string());
        }
        if !(0.0..=1.0).contains(&self.l1_share) {
            return refuse("l1_share", "from 0 to 1", self.l1_share.to_string());
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
        let Params { strength, l1_share, encoding } = self.0;
        let share = if l1_share > 0.0 { format!(" l1_share={l1_share}") } else { String::new() };
        format!("strength={strength}{share} hinges={}", encoding.hinges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_out_of_range() {
        let parameter = |params: Params| params.check().unwrap_err().parameter;
        let encoding = Params::default().encoding;
        assert_eq!(parameter(Params { strength: 0.0, ..Params::default() }), "strength");
        assert_eq!(parameter(Params { strength: f64::NAN, ..Params::default() }), "strength");
        assert_eq!(parameter(Params { l1_share: 1.1, ..Params::default() }), "l1_share");
        assert_eq!(parameter(Params { l1_share: f64::NAN, ..Params::default() }), "l1_share");
        let many = LinearOptions { hinges: 21, ..encoding };
        assert_eq!(parameter(Params { encoding: many, ..Params::default() }), "hinges");
        let wide = LinearOptions { max_levels: 501, ..encoding };
        assert_eq!(parameter(Params { encoding: wide, ..Params::default() }), "max_levels");
    }
}
