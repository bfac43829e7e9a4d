//! The probability that an account stops paying within 30, 60, 90 and 180 days: discrete-time hazards.
//!
//! Churn of the account is the one end: a renewal, an expansion or a contraction ends the question about a term but not
//! the account's risk, so that none of them competes with churn; what they change is where a period lies between
//! decisions ([`Situation`]). A row is followed period by period until the account ends or nothing more is known
//! ([`Followed`]), and the hazard of each period is a ridge logistic regression on the margin of the churn model, the
//! period and its situation: the margin carries all features, and what is learnt here is how it plays out in time
//! (Allison 1982; stacked as in landmarking, van Houwelingen 2007). One calibrator on the logit of the hazard keeps
//! every probability monotone in the horizon.

mod decisions;
mod fit;
mod incidence;

use holdfast_features::Row;
use holdfast_features::snapshot::Question;
use serde::{Deserialize, Serialize};

pub use decisions::{Decisions, Situation};
pub use fit::{HorizonError, HorizonFit, HorizonRows, MIN_CHURNED, fit};
pub use incidence::{Followed, cumulative_incidence, observed_hazards};

use crate::calibrate::Calibrator;
use crate::probability::{MAX_MARGIN, sigmoid};

/// The length of a period, in days.
pub const PERIOD_DAYS: u32 = 30;
/// The periods that are looked ahead.
pub const N_PERIODS: usize = 6;
/// The horizons that are answered, in days: ends of periods.
pub const HORIZONS: [u32; 4] = [30, 60, 90, 180];

/// One constant for each: periods after the first, situations after the first, the slope of the margin in each
/// situation, the period as a number for long terms, and the change of the slope with it for rolling and long terms.
const N_COLUMNS: usize = (N_PERIODS - 1) + (Situation::COUNT - 1) + Situation::COUNT + 3;

/// What is learnt: hazards of churn in each period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HorizonModel {
    question: Question,
    /// The margin at which the slopes do nothing.
    centre: f64,
    slopes: [f64; N_COLUMNS],
    intercept: f64,
    calibrator: Calibrator,
    base_hazards: [f64; N_PERIODS],
}

/// The probability of a churn within so many days.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HorizonRisk {
    /// Days after the observation, out of [`HORIZONS`].
    pub days: u32,
    /// Probability, 0 to 1, that the account stops paying within them; never below that of a shorter horizon.
    pub churn_probability: f64,
}

/// Numbers that no fit could have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the hazards hold a number that cannot be used")]
pub struct NotUsable;

impl HorizonModel {
    /// The probabilities of an account whose margin by the churn model is `margin` (log-odds, not calibrated) and whose
    /// contract is as its `row` says, one for each of [`HORIZONS`]. Allocates nothing.
    #[must_use]
    pub fn risks(&self, margin: f64, row: Row<'_>) -> [HorizonRisk; HORIZONS.len()] {
        self.risks_at(margin, Decisions::of(row, &self.question))
    }

    /// As [`Self::risks`], of a contract that is decided then.
    #[must_use]
    pub fn risks_at(&self, margin: f64, decisions: Decisions) -> [HorizonRisk; HORIZONS.len()] {
        at_horizons(&self.hazards(margin, decisions))
    }

    /// The calibrated hazard of each period.
    #[must_use]
    pub fn hazards(&self, margin: f64, decisions: Decisions) -> [f64; N_PERIODS] {
        std::array::from_fn(|period| sigmoid(self.calibrator.apply(self.logit(margin, decisions, period))))
    }

    /// The probabilities of everybody, by the hazards of all rows that were learnt from.
    #[must_use]
    pub fn base_risks(&self) -> [HorizonRisk; HORIZONS.len()] {
        at_horizons(&self.base_hazards)
    }

    /// Which accounts are asked about a renewal.
    #[must_use]
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// The calibrator of the hazards' logits.
    #[must_use]
    pub fn calibrator(&self) -> Calibrator {
        self.calibrator
    }

    /// Checks numbers that came from a file: afterwards every probability lies between 0 and 1.
    ///
    /// # Errors
    /// Where one is not finite, a base hazard is no probability, or the calibrator falls.
    pub fn validate(&self) -> Result<(), NotUsable> {
        let finite = [self.centre, self.intercept].iter().chain(&self.slopes).all(|value| value.is_finite());
        let base = self.base_hazards.iter().all(|hazard| (0.0..=1.0).contains(hazard));
        if finite && base && self.calibrator.is_valid() { Ok(()) } else { Err(NotUsable) }
    }

    fn logit(&self, margin: f64, decisions: Decisions, period: usize) -> f64 {
        let inputs = inputs(margin - self.centre, decisions, period);
        inputs.iter().zip(&self.slopes).map(|(input, slope)| input * slope).sum::<f64>() + self.intercept
    }
}

/// The cumulative incidence of one cause at the horizons.
#[must_use]
pub fn at_horizons(hazards: &[f64; N_PERIODS]) -> [HorizonRisk; HORIZONS.len()] {
    let incidence = cumulative_incidence(&hazards.map(|hazard| [hazard]));
    HORIZONS.map(|days| {
        let last = usize::try_from(days / PERIOD_DAYS).unwrap_or(1).clamp(1, N_PERIODS) - 1;
        HorizonRisk { days, churn_probability: incidence[last][0].clamp(0.0, 1.0) }
    })
}

/// What the hazard of a period (from 0) is made from; `centred` is the margin less the usual one.
fn inputs(centred: f64, decisions: Decisions, period: usize) -> [f64; N_COLUMNS] {
    let situation = decisions.situation(period).index();
    let margin = centred.clamp(-2.0 * MAX_MARGIN, 2.0 * MAX_MARGIN);
    let ahead = f64::from(u32::try_from(period).unwrap_or(0)) / 5.0;
    let (rolling, term) = if decisions.is_rolling() { (1.0, 0.0) } else { (0.0, 1.0) };
    let mut inputs = [0.0; N_COLUMNS];
    let (periods, rest) = inputs.split_at_mut(N_PERIODS - 1);
    let (situations, rest) = rest.split_at_mut(Situation::COUNT - 1);
    let (slopes, rest) = rest.split_at_mut(Situation::COUNT);
    if period > 0 {
        periods[period - 1] = 1.0;
    }
    if situation > 0 {
        situations[situation - 1] = 1.0;
    }
    slopes[situation] = margin;
    rest.copy_from_slice(&[term * ahead, rolling * ahead * margin, term * ahead * margin]);
    inputs
}

#[cfg(test)]
mod tests;
