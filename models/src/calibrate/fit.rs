//! Fitting the parametric calibrators by weighted maximum likelihood.

use super::spline::{N_KNOTS, Spline};
use crate::calibrate::Calibrator;
use crate::encode::Order;
use crate::newton::{Coefficients, NotConverged, Problem, minimise};
use crate::probability::softplus;

/// Error of the coefficients, in standard errors.
const TOLERANCE: f64 = 1e-10;

/// Why margins cannot be calibrated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibrationError {
    /// One label, weight and group is needed for each margin.
    #[error("{found} {what} for {expected} margins")]
    Length {
        /// `labels`, `weights` or `groups`.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The number of margins.
        expected: usize,
    },
    /// A margin, label or weight out of its range.
    #[error("row {row}: {what} {value} is not usable for calibration")]
    Value {
        /// The position.
        row: usize,
        /// `margin`, `label` or `weight`.
        what: &'static str,
        /// What was given.
        value: f64,
    },
    /// Calibration needs rows of both outcomes.
    #[error("calibration needs rows of both outcomes; {positives} of {rows} are positive")]
    OneClass {
        /// The number of rows.
        rows: usize,
        /// Those with label 1.
        positives: usize,
    },
    /// A spline has knots at different margins.
    #[error("too many margins are equal for a calibrating spline; calibrate by another method")]
    Ties,
    /// No optimum was found.
    #[error("{method} calibration: {error}")]
    NotConverged {
        /// `intercept`, `platt`, `beta` or `spline`.
        method: &'static str,
        /// What the search says.
        error: NotConverged,
    },
}

/// The shift that makes the weighted mean probability equal to the weighted mean label.
///
/// # Errors
/// Refuses rows of one outcome, and what [`CalibrationError`] lists.
pub fn fit_intercept(
    margins: &[f64],
    labels: &[f64],
    weights: &[f64],
) -> Result<Calibrator, CalibrationError> {
    check(margins, labels, weights)?;
    let fitted = logistic("intercept", &[], Some(margins), labels, weights)?;
    Ok(Calibrator::Intercept { shift: fitted.intercept })
}

/// Slope and shift by maximum likelihood with Platt's targets (N₊+1)/(N₊+2) and 1/(N₋+2), N the summed weights.
/// A slope below 0 says that the margins rank the wrong way round: it is held at 0.
///
/// # Errors
/// Refuses rows of one outcome, and what [`CalibrationError`] lists.
pub fn fit_platt(margins: &[f64], labels: &[f64], weights: &[f64]) -> Result<Calibrator, CalibrationError> {
    check(margins, labels, weights)?;
    let positive: f64 = labels.iter().zip(weights).map(|(label, weight)| label * weight).sum();
    let negative = weights.iter().sum::<f64>() - positive;
    let (high, low) = ((positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0));
    let targets: Vec<f64> = labels.iter().map(|&label| if label == 1.0 { high } else { low }).collect();
    let column = Column { values: margins.to_vec(), ridge: 0.0 };
    let fitted = logistic("platt", &[column], None, &targets, weights)?;
    Ok(Calibrator::Platt { slope: fitted.slopes[0], shift: fitted.intercept })
}

/// Beta calibration by penalised maximum likelihood: a ridge of the given strength (against summed log losses)
/// shrinks a and b to 1, the identity. As in Kull et al. a coefficient below 0 is held at 0.
///
/// # Errors
/// Refuses rows of one outcome, and what [`CalibrationError`] lists.
pub fn fit_beta(
    margins: &[f64],
    labels: &[f64],
    weights: &[f64],
    ridge: f64,
) -> Result<Calibrator, CalibrationError> {
    check(margins, labels, weights)?;
    let column = |values: Vec<f64>| Column { values, ridge };
    let log_s = column(margins.iter().map(|&margin| -softplus(-margin)).collect());
    let log_rest = column(margins.iter().map(|&margin| softplus(margin)).collect());
    let fitted = logistic("beta", &[log_s, log_rest], None, labels, weights)?;
    Ok(Calibrator::Beta { a: fitted.slopes[0], b: fitted.slopes[1], c: fitted.intercept })
}

/// A monotone spline by penalised maximum likelihood: a ridge of the given strength (against summed log losses) shrinks
/// the slope at every knot to 1, the identity; none falls below 0.
///
/// # Errors
/// Refuses rows of one outcome, margins of which too many are equal, and what [`CalibrationError`] lists.
pub fn fit_spline(
    margins: &[f64],
    labels: &[f64],
    weights: &[f64],
    ridge: f64,
) -> Result<Calibrator, CalibrationError> {
    check(margins, labels, weights)?;
    let knots = Spline::knots(margins).ok_or(CalibrationError::Ties)?;
    let column = |knot: usize| {
        let part = Spline::part(knots, knot);
        Column { values: margins.iter().map(|&margin| part.apply(margin)).collect(), ridge }
    };
    let fitted = logistic("spline", &std::array::from_fn::<_, N_KNOTS, _>(column), None, labels, weights)?;
    let slopes = std::array::from_fn(|knot| fitted.slopes[knot]);
    Ok(Calibrator::Spline(Spline { knots, slopes, shift: fitted.intercept }))
}

/// What a coefficient, drawn to 1 and never below 0, is multiplied by.
struct Column {
    values: Vec<f64>,
    ridge: f64,
}

fn logistic(
    method: &'static str,
    columns: &[Column],
    offsets: Option<&[f64]>,
    targets: &[f64],
    weights: &[f64],
) -> Result<Coefficients, CalibrationError> {
    let design: Vec<f64> =
        (0..targets.len()).flat_map(|row| columns.iter().map(move |column| column.values[row])).collect();
    let centre = vec![1.0; columns.len()];
    let problem = Problem {
        design: &design,
        n_columns: columns.len(),
        offsets,
        targets,
        weights,
        ridge: &columns.iter().map(|column| column.ridge).collect::<Vec<_>>(),
        centre: &centre,
        lasso: None,
        orders: Some(&vec![Order::Rising; columns.len()]),
    };
    let start = Coefficients { slopes: centre.clone(), intercept: 0.0 };
    minimise(&problem, start, TOLERANCE).map_err(|error| CalibrationError::NotConverged { method, error })
}

/// Checks lengths and values.
pub(super) fn check(margins: &[f64], labels: &[f64], weights: &[f64]) -> Result<(), CalibrationError> {
    let expected = margins.len();
    for (what, found) in [("labels", labels.len()), ("weights", weights.len())] {
        if found != expected {
            return Err(CalibrationError::Length { what, found, expected });
        }
    }
    let bad = |what, values: &[f64], is_good: fn(f64) -> bool| {
        let row = values.iter().position(|&value| !is_good(value))?;
        Some(CalibrationError::Value { row, what, value: values[row] })
    };
    if let Some(error) = bad("margin", margins, f64::is_finite)
        .or_else(|| bad("label", labels, |label| label == 0.0 || label == 1.0))
        .or_else(|| bad("weight", weights, |weight| weight.is_normal() && weight > 0.0))
    {
        return Err(error);
    }
    let positives = labels.iter().filter(|&&label| label == 1.0).count();
    if positives == 0 || positives == expected {
        return Err(CalibrationError::OneClass { rows: expected, positives });
    }
    Ok(())
}
