//! What a probability is about, for one account at one moment.

use serde::{Deserialize, Serialize};

use super::config::{Framing, SnapshotConfig};

/// Which question a model answers of which account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Of whom a renewal is asked.
    pub framing: Framing,
    /// Shortest term, in months, that is asked about its renewal under [`Framing::Auto`].
    pub min_term_months: u32,
    /// Of all others: whether they churn within so many days.
    pub horizon_days: u32,
}

impl From<&SnapshotConfig> for Question {
    fn from(config: &SnapshotConfig) -> Self {
        let horizon_days = u32::try_from(config.horizon_days).unwrap_or(u32::MAX);
        Self { framing: config.framing, min_term_months: config.min_term_months, horizon_days }
    }
}

impl Question {
    /// Whether an account whose term in force has that many months is asked about its renewal. Without a term it
    /// can only be asked about the horizon.
    #[must_use]
    pub fn is_of_renewal(&self, term_months: Option<f64>) -> bool {
        match (self.framing, term_months) {
            (_, None) | (Framing::Calendar, _) => false,
            (Framing::Auto, Some(months)) => months >= f64::from(self.min_term_months),
            (Framing::Term, Some(_)) => true,
        }
    }

    /// Days from the observation to the end of what is asked: of the term, 0 where its renewal is overdue, else of
    /// the horizon.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range of u32"
    )]
    pub fn days(&self, term_months: Option<f64>, days_to_term_end: Option<f64>) -> u32 {
        match days_to_term_end.filter(|_| self.is_of_renewal(term_months)) {
            Some(days) => days.ceil().clamp(0.0, f64::from(u32::MAX)) as u32,
            None => self.horizon_days,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_terms_are_asked_to_their_end_and_others_to_the_horizon() {
        let question = Question::from(&SnapshotConfig::default());
        assert_eq!(question.days(Some(12.0), Some(79.2)), 80);
        assert_eq!(question.days(Some(12.0), Some(-4.0)), 0, "overdue");
        assert_eq!(question.days(Some(1.0), Some(12.0)), 30);
        assert_eq!(question.days(None, None), 30);
        let calendar = Question { framing: Framing::Calendar, ..question };
        assert_eq!(calendar.days(Some(12.0), Some(79.2)), 30);
        let term = Question { framing: Framing::Term, ..question };
        assert_eq!(term.days(Some(1.0), Some(12.0)), 12);
    }
}
