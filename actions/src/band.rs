//! Risk bands, and how fast each wants an answer.
//!
//! A band is the worse of two readings. *Health*, 0 to 100: healthy above 85, low risk 70 to 85, medium 50 to
//! below 70, high below 50. *Probability*: by its odds against the odds of the average account of the training
//! data, or absolutely where it is high by any measure. So a healthy-looking account whose churn is nearly
//! certain is not called healthy, and neither is a neglected one that the model likes. A table without
//! dimensions has no health; its bands come from the probability alone.
//!
//! An account near the edge of a band would cross it at every other look, and each time call for other plays. So
//! where it was read before, its band changes only after two readings ([`settle`]). What is no matter of degree does
//! not wait: a signal that caps the band (a sponsor or champion who left, a wish to cancel) and a sudden fall in health.

use serde::{Deserialize, Serialize};

use crate::rule::Noting;

/// How much an account is at risk, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// Nothing to do beyond the ordinary.
    Healthy,
    /// Respond within a week.
    Low,
    /// Respond within five days.
    Medium,
    /// Respond within 24 hours.
    High,
}

/// Where the bands end and how fast they are answered.
#[derive(Debug, Clone, PartialEq)]
pub struct BandPolicy {
    /// Health above this is healthy.
    pub healthy_above: f64,
    /// Health from here on is at most low risk.
    pub low_from: f64,
    /// Health from here on is at most medium risk, below it high.
    pub medium_from: f64,
    /// Odds of churn, as multiples of the average odds, from which the band is low, medium and high.
    pub odds_from: [f64; 3],
    /// Churn probabilities from which the band is medium and high whatever the average is.
    pub probability_from: [f64; 2],
    /// Hours to respond in, by band from healthy to high.
    pub respond_hours: [f64; 4],
    /// Days for which an earlier reading can hold the band; 0: the band is always that of today.
    pub settle_days: f64,
}

impl Band {
    /// All four, best first.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Low, Self::Medium, Self::High];

    /// The lower-case name, as in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The name in a sentence.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Low => "low risk",
            Self::Medium => "medium risk",
            Self::High => "high risk",
        }
    }
}

/// The band in force after `readings`, the oldest first: it moves only as far as two successive readings agree.
/// An account at low risk that is read as high and then as medium risk is at medium risk: both readings say that it
/// is at least that. `None` without readings; the first one counts at once.
#[must_use]
pub fn settle(readings: &[Band]) -> Option<Band> {
    let mut settled = *readings.first()?;
    for pair in readings.windows(2) {
        settled = settled.clamp(pair[0].min(pair[1]), pair[0].max(pair[1]));
    }
    Some(settled)
}

impl BandPolicy {
    pub(crate) fn read(section: &mut Noting<'_, '_, '_>) -> Self {
        let first = ["healthy_above", "low_from", "medium_from"].iter().find_map(|key| section.line_of(key));
        let policy = Self {
            healthy_above: section.number("healthy_above", 85.0, 0.0..=100.0),
            low_from: section.number("low_from", 70.0, 0.0..=100.0),
            medium_from: section.number("medium_from", 50.0, 0.0..=100.0),
            odds_from: [
                section.number("low_odds_ratio", 0.5, 0.0..=1_000.0),
                section.number("medium_odds_ratio", 1.5, 0.0..=1_000.0),
                section.number("high_odds_ratio", 3.0, 0.0..=1_000.0),
            ],
            probability_from: [
                section.number("medium_probability", 0.3, 0.0..=1.0),
                section.number("high_probability", 0.5, 0.0..=1.0),
            ],
            respond_hours: [
                section.number("healthy_hours", 720.0, 1.0..=8_760.0),
                section.number("low_hours", 168.0, 1.0..=8_760.0),
                section.number("medium_hours", 120.0, 1.0..=8_760.0),
                section.number("high_hours", 24.0, 1.0..=8_760.0),
            ],
            settle_days: section.number("settle_days", 30.0, 0.0..=365.0),
        };
        if !(policy.medium_from <= policy.low_from && policy.low_from <= policy.healthy_above) {
            section.report(
                first.unwrap_or(1),
                format!(
                    "the bands of health must not overlap: medium_from {} <= low_from {} <= healthy_above {}",
                    policy.medium_from, policy.low_from, policy.healthy_above
                ),
            );
        }
        policy
    }

    /// The band of a health of 0 to 100.
    #[must_use]
    pub fn of_health(&self, health: f64) -> Band {
        if health > self.healthy_above {
            Band::Healthy
        } else if health >= self.low_from {
            Band::Low
        } else if health >= self.medium_from {
            Band::Medium
        } else {
            Band::High
        }
    }

    /// The band of a churn probability; `base_rate` is the churn rate of the rows learnt from that were
    /// asked the same, with which nothing is compared where it is 0 or 1.
    #[must_use]
    pub fn of_probability(&self, probability: f64, base_rate: f64) -> Band {
        let odds = |p: f64| p / (1.0 - p);
        let absolute = match self.probability_from {
            [_, high] if probability >= high => Band::High,
            [medium, _] if probability >= medium => Band::Medium,
            _ => Band::Healthy,
        };
        if base_rate <= 0.0 || base_rate >= 1.0 {
            return absolute;
        }
        let ratio = odds(probability) / odds(base_rate);
        let relative = match self.odds_from {
            [_, _, high] if ratio >= high => Band::High,
            [_, medium, _] if ratio >= medium => Band::Medium,
            [low, _, _] if ratio >= low => Band::Low,
            _ => Band::Healthy,
        };
        relative.max(absolute)
    }

    /// Hours within which an account of `band` is answered.
    #[must_use]
    pub fn hours(&self, band: Band) -> f64 {
        let [healthy, low, medium, high] = self.respond_hours;
        match band {
            Band::Healthy => healthy,
            Band::Low => low,
            Band::Medium => medium,
            Band::High => high,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::tests::default_policy;

    #[test]
    fn bands_have_no_gaps() {
        let bands = default_policy().bands;
        let expected = [
            (100.0, Band::Healthy),
            (85.1, Band::Healthy),
            (85.0, Band::Low),
            (70.0, Band::Low),
            (69.999, Band::Medium),
            (50.0, Band::Medium),
            (49.999, Band::High),
            (0.0, Band::High),
        ];
        for (health, band) in expected {
            assert_eq!(bands.of_health(health), band, "{health}");
        }
        let hours: Vec<f64> = Band::ALL.into_iter().map(|band| bands.hours(band)).collect();
        assert_eq!(hours, [720.0, 168.0, 120.0, 24.0]);
    }

    #[test]
    fn the_average_account_is_low_risk_and_a_likely_churner_never_healthy() {
        let bands = default_policy().bands;
        assert_eq!(bands.of_probability(0.05, 0.05), Band::Low);
        assert_eq!(bands.of_probability(0.02, 0.05), Band::Healthy);
        assert_eq!(bands.of_probability(0.10, 0.05), Band::Medium);
        assert_eq!(bands.of_probability(0.20, 0.05), Band::High);
        assert_eq!(bands.of_probability(0.9, 0.0), Band::High);
        assert_eq!(bands.of_probability(0.9, 0.9), Band::High);
        assert_eq!(bands.of_probability(1.0, 0.5), Band::High);
    }

    #[test]
    fn a_band_changes_after_two_readings() {
        use Band::{High, Low, Medium};
        assert_eq!(settle(&[]), None);
        assert_eq!(settle(&[Low]), Some(Low));
        assert_eq!(settle(&[Low, High]), Some(Low));
        assert_eq!(settle(&[Low, High, Low, High]), Some(Low));
        assert_eq!(settle(&[Low, High, Medium]), Some(Medium));
        assert_eq!(settle(&[High, Low, Medium]), Some(Medium));
        assert_eq!(settle(&[Low, High, High]), Some(High));
        assert_eq!(settle(&[Low, High, High, Low]), Some(High));
    }

    proptest! {
        #[test]
        fn a_higher_probability_is_never_a_better_band(
            low in 0.0_f64..=1.0, step in 0.0_f64..=1.0, base in 0.0_f64..=1.0
        ) {
            let bands = default_policy().bands;
            let high = (low + step).min(1.0);
            prop_assert!(bands.of_probability(low, base) <= bands.of_probability(high, base));
        }
    }
}
