//! From hazards of periods to what has happened by their ends: the product-sum formula (Aalen and Johansen 1978; in
//! discrete time Kalbfleisch and Prentice 2002, section 8.2).

use holdfast_features::snapshot::FollowUp;

use super::{N_PERIODS, PERIOD_DAYS};

/// How one row was followed, in whole periods.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Followed {
    /// Periods through which it was followed, or up to which it is known what ended it.
    pub periods: usize,
    /// The period (from 0, below `periods`) and the cause (from 0) that ended it; `None` while it goes on.
    pub ended: Option<(usize, usize)>,
    /// How much it counts, > 0.
    pub weight: f64,
}

impl Followed {
    /// In periods of [`PERIOD_DAYS`] days, of which the first also holds day 0; a period that is not known to its last
    /// day counts as not followed, whatever happened in it: else only ends would be known of it.
    #[must_use]
    pub fn new(known: FollowUp, weight: f64) -> Self {
        let index = |period: u32| usize::try_from(period).unwrap_or(usize::MAX);
        let periods = index(known.days_known / PERIOD_DAYS).min(N_PERIODS);
        let period_of = |day: u32| index(day.div_ceil(PERIOD_DAYS).saturating_sub(1));
        let ended = known.churned_after.map(period_of).filter(|&period| period < periods);
        Self { periods, ended: ended.map(|period| (period, 0)), weight }
    }

    /// Each period at whose beginning it was at risk, and the cause that ended it there.
    pub fn at_risk(self) -> impl Iterator<Item = (usize, Option<usize>)> {
        let n_periods = self.ended.map_or(self.periods, |(period, _)| period + 1);
        (0..n_periods).map(move |period| {
            (period, self.ended.filter(|&(ended, _)| ended == period).map(|(_, cause)| cause))
        })
    }
}

/// The hazard of each cause in each period, without covariates: its share of the weight at risk, which is its maximum
/// likelihood. A period in which nothing was at risk has the hazards of the one before, the first 0.
#[must_use]
pub fn observed_hazards<const CAUSES: usize, const PERIODS: usize>(
    followed: &[Followed],
) -> [[f64; CAUSES]; PERIODS] {
    let mut at_risk = [0.0; PERIODS];
    let mut ended = [[0.0; CAUSES]; PERIODS];
    for row in followed {
        for (period, cause) in row.at_risk().take(PERIODS) {
            at_risk[period] += row.weight;
            if let Some(sum) = cause.and_then(|cause| ended[period].get_mut(cause)) {
                *sum += row.weight;
            }
        }
    }
    let mut hazards = [[0.0; CAUSES]; PERIODS];
    for period in 0..PERIODS {
        hazards[period] = if at_risk[period] > 0.0 {
            ended[period].map(|sum| sum / at_risk[period])
        } else {
            period.checked_sub(1).map_or([0.0; CAUSES], |before| hazards[before])
        };
    }
    hazards
}

/// The probability of each cause to have ended a row by the end of each period: the sum over periods of the hazard
/// times the probability to have reached the period. Never falls, and the causes of one period never exceed 1 in sum.
/// `hazards` are at least 0, those of one period at most 1 in sum.
#[must_use]
pub fn cumulative_incidence<const CAUSES: usize, const PERIODS: usize>(
    hazards: &[[f64; CAUSES]; PERIODS],
) -> [[f64; CAUSES]; PERIODS] {
    let mut reached = 1.0;
    let mut sums = [0.0; CAUSES];
    hazards.map(|of_period| {
        for (sum, hazard) in sums.iter_mut().zip(of_period) {
            *sum += reached * hazard;
        }
        reached *= (1.0 - of_period.iter().sum::<f64>()).max(0.0);
        sums
    })
}
