//! Whether a model is put to use: it must be better than telling everybody the base rate.

use serde::{Deserialize, Serialize};

use crate::baseline::BASE_RATE;
use crate::evaluate::Estimate;
use crate::report::NamedEvaluation;

/// What happens to a model that is not better than the base rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Promote {
    /// It is published on hold: listed, with its report, and not in use. The default.
    WhenBetter,
    /// It is put to use all the same.
    Always,
}

/// Why a model is not put to use.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The model's log loss less that of the base rate on the same later rows, nats; its interval reaches 0.
    pub difference: Estimate,
}

/// Whether the model is held back: where the upper end of the 95 % interval (paired, whole accounts drawn) of its log loss
/// less that of the base rate is not below 0; without an interval the difference itself decides.
#[must_use]
pub fn held_back(baselines: &[NamedEvaluation]) -> Option<Held> {
    let base = baselines.iter().find(|rule| rule.name == BASE_RATE)?;
    let difference = base.model_minus_this?.log_loss?;
    (difference.high.unwrap_or(difference.value) >= 0.0).then_some(Held { difference })
}

impl Held {
    /// One sentence for the report and the terminal.
    #[must_use]
    pub fn reason(&self) -> String {
        let Estimate { value, low, high } = self.difference;
        let interval = match (low, high) {
            (Some(low), Some(high)) => format!(", 95 % interval {low:+.4} to {high:+.4}"),
            _ => ", without an interval".to_owned(),
        };
        format!(
            "The model is not shown to be better than telling everybody the base rate: its log loss on rows never learnt \
             from differs by {value:+.4}{interval}. It is published on hold, not put to use."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    /// The example's rules, the base rate compared as given.
    fn compared(value: f64, interval: Option<(f64, f64)>) -> Vec<NamedEvaluation> {
        let mut rules = example::report().baselines;
        let rule = rules.iter_mut().find(|rule| rule.name == BASE_RATE).unwrap();
        let (low, high) = (interval.map(|(low, _)| low), interval.map(|(_, high)| high));
        rule.model_minus_this.as_mut().unwrap().log_loss = Some(Estimate { value, low, high });
        rules
    }

    #[test]
    fn only_a_difference_below_nought_beyond_chance_is_better() {
        assert_eq!(held_back(&compared(-0.03, Some((-0.05, -0.01)))), None);
        assert_eq!(held_back(&compared(-0.03, None)), None);
        let held = held_back(&compared(-0.01, Some((-0.03, 0.002)))).unwrap();
        assert!(held.reason().contains("-0.0100, 95 % interval -0.0300 to +0.0020"), "{}", held.reason());
        assert!(held_back(&compared(0.0, None)).is_some());
        assert_eq!(held_back(&[]), None, "nothing to compare with holds nothing back");
    }
}
