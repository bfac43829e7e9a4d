//! Raw margins → calibrated probabilities, learnt from rows that the classifier did not see.

mod fit;
mod ladder;
mod segments;
mod spline;
mod venn_abers;

use serde::{Deserialize, Serialize};

pub use fit::{CalibrationError, fit_beta, fit_intercept, fit_platt, fit_spline};
pub(crate) use ladder::choose;
pub use ladder::{
    Calibration, CalibrationReport, Rung, RungReport, SegmentReport, ladder, ladder_by_segment,
};
pub use segments::{SegmentOffsets, Segments};
pub use spline::Spline;
pub(crate) use spline::Stretch;
pub use venn_abers::VennAbers;

use crate::probability::softplus;

/// A fitted map from a raw margin to calibrated log-odds; none of them ever falls.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibrator {
    /// The margin is already calibrated.
    Identity,
    /// margin + shift.
    Intercept {
        /// In log-odds.
        shift: f64,
    },
    /// slope · margin + shift (Platt 1999, on log-odds).
    Platt {
        /// ≥ 0.
        slope: f64,
        /// In log-odds.
        shift: f64,
    },
    /// a · ln s − b · ln(1 − s) + c, with s the probability at the margin (Kull, Silva Filho and Flach 2017).
    Beta {
        /// ≥ 0.
        a: f64,
        /// ≥ 0.
        b: f64,
        /// In log-odds.
        c: f64,
    },
    /// A curve whose slope follows the data from knot to knot.
    Spline(Spline),
}

impl Calibrator {
    /// Calibrated log-odds at a raw `margin`.
    #[must_use]
    pub fn apply(self, margin: f64) -> f64 {
        match self {
            Self::Identity => margin,
            Self::Intercept { shift } => margin + shift,
            Self::Platt { slope, shift } => slope * margin + shift,
            Self::Beta { a, b, c } => b * softplus(margin) - a * softplus(-margin) + c,
            Self::Spline(spline) => spline.apply(margin),
        }
    }

    /// Whether all constants are finite and the map never falls: what a file must hold.
    #[must_use]
    pub fn is_valid(self) -> bool {
        match self {
            Self::Identity => true,
            Self::Intercept { shift } => shift.is_finite(),
            Self::Platt { slope, shift } => slope.is_finite() && slope >= 0.0 && shift.is_finite(),
            Self::Beta { a, b, c } => a.is_finite() && a >= 0.0 && b.is_finite() && b >= 0.0 && c.is_finite(),
            Self::Spline(spline) => spline.is_valid(),
        }
    }

    /// `identity`, `intercept`, `platt`, `beta` or `spline`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Intercept { .. } => "intercept",
            Self::Platt { .. } => "platt",
            Self::Beta { .. } => "beta",
            Self::Spline(_) => "spline",
        }
    }
}

#[cfg(test)]
mod tests;
