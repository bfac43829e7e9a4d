//! Followed rows with the margins of classifiers that never saw their account → hazards.

use holdfast_features::snapshot::Question;

use super::incidence::{Followed, observed_hazards};
use super::{Decisions, HorizonModel, N_COLUMNS, N_PERIODS, Situation, inputs};
use crate::calibrate::{CalibrationError, CalibrationReport, Calibrator, choose};
use crate::encode::part_of;
use crate::newton::{Coefficients, NotConverged, Problem, minimise};

/// Fewer churned rows say nothing about when accounts churn.
pub const MIN_CHURNED: usize = 10;
/// Parts by group, for the margins that the calibrator learns from.
const PARTS: u64 = 5;
/// Strength of the ridge on periods and situations: as much as one row at p = 0.5 says of a shift by ¼. Weak, since a
/// situation in which nobody ends must be able to say so.
const SHIFT_RIDGE: f64 = 0.1;
/// Strength of the ridge that draws slopes to what the churn model itself would say.
const SLOPE_RIDGE: f64 = 3.0;
const TOLERANCE: f64 = 1e-8;

/// The rows to learn from; one entry a row in each part.
#[derive(Debug, Clone, Copy)]
pub struct HorizonRows<'a> {
    /// Raw margins (log-odds) by classifiers that did not learn from the row's group.
    pub margins: &'a [f64],
    /// When each is decided.
    pub decisions: &'a [Decisions],
    /// How each was followed; the cause is always churn, 0.
    pub followed: &'a [Followed],
    /// Which rows belong together.
    pub groups: &'a [u32],
}

/// A fitted model with how its calibrator was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct HorizonFit {
    /// The model.
    pub model: HorizonModel,
    /// Rows followed for at least one period.
    pub rows: usize,
    /// Those of them that churned.
    pub churned: usize,
    /// Rows times the periods in which they were at risk.
    pub person_periods: usize,
    /// How its calibrator was chosen, on person-periods.
    pub calibration: CalibrationReport,
}

/// Why there are no hazards.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HorizonError {
    /// One of each is needed for each margin.
    #[error("{found} {what} for {expected} margins")]
    Length {
        /// `decisions`, `followed` or `groups`.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The margins.
        expected: usize,
    },
    /// Too few ends.
    #[error("{found} rows of accounts that churned within 180 days; {MIN_CHURNED} are needed")]
    TooFew {
        /// Rows that churned.
        found: usize,
    },
    /// Nothing but ends.
    #[error("no account was followed through a whole period of 30 days")]
    NobodyStays,
    /// No optimum was found.
    #[error("hazards: {0}")]
    NotConverged(#[from] NotConverged),
    /// The hazards cannot be calibrated.
    #[error("hazards: {0}")]
    Calibration(#[from] CalibrationError),
}

/// Row, period and whether it churned there, of everybody at risk.
#[derive(Debug, Clone, Copy)]
struct PersonPeriod {
    row: usize,
    period: usize,
    churned: f64,
    weight: f64,
}

/// Fits the hazards and, on held-out groups, their calibrator; the same arguments give the same model, bit for bit.
///
/// # Errors
/// Refuses unequal lengths, and too few rows that churned or stayed; see [`HorizonError`].
pub fn fit(rows: &HorizonRows<'_>, question: Question, seed: u64) -> Result<HorizonFit, HorizonError> {
    rows.check()?;
    let at_risk = rows.at_risk();
    let n_churned = rows.followed.iter().filter(|row| row.ended.is_some()).count();
    if n_churned < MIN_CHURNED {
        return Err(HorizonError::TooFew { found: n_churned });
    }
    if at_risk.iter().all(|one| one.churned > 0.5) {
        return Err(HorizonError::NobodyStays);
    }
    let base = observed_hazards::<1, N_PERIODS>(rows.followed).map(|[hazard]| hazard);
    let centre = rows.centre();
    let mut held_out = vec![0.0; at_risk.len()];
    for part in 0..PARTS {
        let is_out = |one: &PersonPeriod| part_of(rows.groups[one.row], seed, PARTS) == part;
        let kept: Vec<PersonPeriod> = at_risk.iter().copied().filter(|one| !is_out(one)).collect();
        let fitted = coefficients(rows, &kept, centre, &base)?;
        let model = model(question, centre, fitted, base);
        for (logit, one) in held_out.iter_mut().zip(&at_risk).filter(|(_, one)| is_out(one)) {
            *logit = model.logit(rows.margins[one.row], rows.decisions[one.row], one.period);
        }
    }
    let labels: Vec<f64> = at_risk.iter().map(|one| one.churned).collect();
    let weights: Vec<f64> = at_risk.iter().map(|one| one.weight).collect();
    let groups: Vec<u32> = at_risk.iter().map(|one| rows.groups[one.row]).collect();
    let calibration = choose(&held_out, &labels, &weights, &groups, seed)?;
    let fitted = coefficients(rows, &at_risk, centre, &base)?;
    let model = HorizonModel { calibrator: calibration.calibrator, ..model(question, centre, fitted, base) };
    Ok(HorizonFit {
        model,
        rows: rows.followed.iter().filter(|row| row.periods > 0).count(),
        churned: n_churned,
        person_periods: at_risk.len(),
        calibration,
    })
}

fn model(
    question: Question,
    centre: f64,
    fitted: Coefficients,
    base_hazards: [f64; N_PERIODS],
) -> HorizonModel {
    let mut slopes = [0.0; N_COLUMNS];
    slopes.copy_from_slice(&fitted.slopes);
    let calibrator = Calibrator::Identity;
    HorizonModel { question, centre, slopes, intercept: fitted.intercept, calibrator, base_hazards }
}

/// The ridge draws every constant to what a churn model that answers for the deciding period alone would mean: slope 1
/// where a contract is decided, ½ where not, no other difference.
fn coefficients(
    rows: &HorizonRows<'_>,
    at_risk: &[PersonPeriod],
    centre: f64,
    base: &[f64; N_PERIODS],
) -> Result<Coefficients, NotConverged> {
    let mut design = Vec::with_capacity(at_risk.len() * N_COLUMNS);
    for one in at_risk {
        design.extend(inputs(rows.margins[one.row] - centre, rows.decisions[one.row], one.period));
    }
    let targets: Vec<f64> = at_risk.iter().map(|one| one.churned).collect();
    let weights: Vec<f64> = at_risk.iter().map(|one| one.weight).collect();
    let first_slope = (N_PERIODS - 1) + (Situation::COUNT - 1);
    let (mut ridge, mut drawn_to) = (vec![SHIFT_RIDGE; N_COLUMNS], vec![0.0; N_COLUMNS]);
    ridge[first_slope..].fill(SLOPE_RIDGE);
    let slopes = &mut drawn_to[first_slope..first_slope + Situation::COUNT];
    slopes.fill(0.5);
    for decided in [Situation::RollingDecides, Situation::TermDecides, Situation::TermOverdue] {
        slopes[decided.index()] = 1.0;
    }
    let problem = Problem {
        design: &design,
        n_columns: N_COLUMNS,
        offsets: None,
        targets: &targets,
        weights: &weights,
        ridge: &ridge,
        centre: &drawn_to,
        lasso: None,
        orders: None,
    };
    let start = Coefficients { slopes: vec![0.0; N_COLUMNS], intercept: crate::probability::logit(base[0]) };
    minimise(&problem, start, TOLERANCE)
}

impl HorizonRows<'_> {
    fn check(&self) -> Result<(), HorizonError> {
        let expected = self.margins.len();
        for (what, found) in [
            ("decisions", self.decisions.len()),
            ("followed", self.followed.len()),
            ("groups", self.groups.len()),
        ] {
            if found != expected {
                return Err(HorizonError::Length { what, found, expected });
            }
        }
        Ok(())
    }

    fn at_risk(&self) -> Vec<PersonPeriod> {
        let of_row = |(row, followed): (usize, &Followed)| {
            let weight = followed.weight;
            followed.at_risk().map(move |(period, cause)| {
                let churned = if cause.is_some() { 1.0 } else { 0.0 };
                PersonPeriod { row, period, churned, weight }
            })
        };
        self.followed.iter().enumerate().flat_map(of_row).collect()
    }

    /// The weighted mean margin.
    fn centre(&self) -> f64 {
        let (sum, weight) = self
            .margins
            .iter()
            .zip(self.followed)
            .fold((0.0, 0.0), |(sum, all), (m, row)| (sum + row.weight * m, all + row.weight));
        if weight > 0.0 { sum / weight } else { 0.0 }
    }
}
