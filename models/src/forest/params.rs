//! What can be chosen about the forest.

use serde::{Deserialize, Serialize};

use crate::fit::ParamsError;

/// Unchecked parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// The number of trees, 1 to 2,000.
    pub trees: usize,
    /// The longest path, 1 to 32 splits.
    pub max_depth: u16,
    /// The fewest training rows in a leaf, at least 1.
    pub min_leaf: usize,
    /// The share of columns tried at each split, above 0 and up to 1.
    pub column_fraction: f64,
    /// The most rows that a batch of trees draws its samples from, at least 100: bounds the time on large tables.
    pub max_rows: usize,
}

/// Checked parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ValidParams(Params);

impl Default for Params {
    fn default() -> Self {
        Self { trees: 200, max_depth: 12, min_leaf: 10, column_fraction: 0.3, max_rows: 10_000 }
    }
}

impl Params {
    /// Checks each parameter.
    ///
    /// # Errors
    /// The first one out of its range.
    pub fn check(self) -> Result<ValidParams, ParamsError> {
        let refuse = |parameter, expected, found: String| {
            Err(ParamsError { learner: "forest", parameter, expected, found })
        };
        if !(1..=2_000).contains(&self.trees) {
            return refuse("trees", "1 to 2000", self.trees.to_string());
        }
        if !(1..=32).contains(&self.max_depth) {
            return refuse("max_depth", "1 to 32", self.max_depth.to_string());
        }
        if self.min_leaf == 0 {
            return refuse("min_leaf", "at least 1", self.min_leaf.to_string());
        }
        if !(self.column_fraction > 0.0 && self.column_fraction <= 1.0) {
            return refuse("column_fraction", "above 0 and up to 1", self.column_fraction.to_string());
        }
        if self.max_rows < 100 {
            return refuse("max_rows", "at least 100", self.max_rows.to_string());
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
        let Params { trees, max_depth, min_leaf, .. } = self.0;
        format!("trees={trees} depth={max_depth} min_leaf={min_leaf}")
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
        assert_eq!(parameter(Params { trees: 0, ..good }), "trees");
        assert_eq!(parameter(Params { max_depth: 33, ..good }), "max_depth");
        assert_eq!(parameter(Params { min_leaf: 0, ..good }), "min_leaf");
        assert_eq!(parameter(Params { column_fraction: f64::NAN, ..good }), "column_fraction");
        assert_eq!(parameter(Params { max_rows: 99, ..good }), "max_rows");
    }
}
