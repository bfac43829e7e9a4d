//! What changes from period to period: whether the account's contract is decided in it.

use holdfast_features::Row;
use holdfast_features::snapshot::Question;
use serde::{Deserialize, Serialize};

use super::{N_PERIODS, PERIOD_DAYS};

/// Average length of a month, in days.
const DAYS_PER_MONTH: f64 = 30.4375;

/// When the contract of an account is decided, as far as is known at the observation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decisions {
    /// Whether the account is asked about its renewal; else its terms roll.
    is_renewal: bool,
    /// Days to the first decision, negative where it is overdue.
    first: f64,
    /// Days from one decision to the next, at least one.
    apart: f64,
}

/// Where a period lies between decisions. Hazards differ most by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Situation {
    /// A rolling term ends in the period; also where no term is known.
    RollingDecides,
    /// No rolling term ends in it.
    RollingBetween,
    /// A long term ends in it.
    TermDecides,
    /// The end of the long term is still ahead.
    TermAhead,
    /// The long term was renewed before it.
    TermAfter,
    /// The first period of an account whose renewal is overdue.
    TermOverdue,
}

impl Situation {
    /// The number of situations.
    pub const COUNT: usize = 6;

    /// Its position among them.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::RollingDecides => 0,
            Self::RollingBetween => 1,
            Self::TermDecides => 2,
            Self::TermAhead => 3,
            Self::TermAfter => 4,
            Self::TermOverdue => 5,
        }
    }
}

impl Decisions {
    /// Those of the account in `row`, by its columns `days_to_term_end` and `term_months`; without them a decision a
    /// month, as monthly contracts have.
    #[must_use]
    pub fn of(row: Row<'_>, question: &Question) -> Self {
        Self::new(question, row.number("term_months"), row.number("days_to_term_end"))
    }

    /// Those of a term of so many months that ends in so many days; NaN and `None` mean not known.
    #[must_use]
    pub fn new(question: &Question, term_months: Option<f64>, days_to_term_end: Option<f64>) -> Self {
        let known = |value: Option<f64>| value.filter(|value| value.is_finite());
        match (known(term_months), known(days_to_term_end)) {
            (Some(months), Some(days)) => Self {
                is_renewal: question.is_of_renewal(Some(months)),
                first: days.floor(),
                apart: (months * DAYS_PER_MONTH).max(1.0),
            },
            _ => Self { is_renewal: false, first: 0.0, apart: DAYS_PER_MONTH },
        }
    }

    /// Whether the account's terms roll: it is asked about the days to come rather than about a renewal.
    #[must_use]
    pub fn is_rolling(self) -> bool {
        !self.is_renewal
    }

    /// Where the period (from 0) lies.
    #[must_use]
    pub fn situation(self, period: usize) -> Situation {
        let first = self.first.max(0.0);
        let (begins, ends) = bounds(period);
        let decides = self.decides_within(begins, ends);
        match (self.is_renewal, decides) {
            (false, true) => Situation::RollingDecides,
            (false, false) => Situation::RollingBetween,
            (true, _) if self.first < 0.0 && period == 0 => Situation::TermOverdue,
            (true, true) => Situation::TermDecides,
            (true, false) if first > ends => Situation::TermAhead,
            (true, false) => Situation::TermAfter,
        }
    }

    /// Whether one of the decisions falls after day `begins` and not after day `ends`; days as [`super::Followed`]
    /// counts them.
    fn decides_within(self, begins: f64, ends: f64) -> bool {
        let first = self.first.max(0.0);
        if first > begins {
            return first <= ends;
        }
        let next = first + ((begins - first) / self.apart).floor() * self.apart + self.apart;
        next.floor() <= ends
    }
}

/// The days after which and up to which a period lasts; the first also holds day 0.
fn bounds(period: usize) -> (f64, f64) {
    let days = |periods: usize| f64::from(u32::try_from(periods.min(N_PERIODS)).unwrap_or(0) * PERIOD_DAYS);
    (if period == 0 { -1.0 } else { days(period) }, days(period + 1))
}
