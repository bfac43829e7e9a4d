//! Every figure with its interval and one sentence on how to read it: the only place where the page defines them.

use maud::{Markup, html};

use super::format::{NOTHING, interval, number, percent, rate, rate_interval, value};
use crate::evaluate::{AtCapacity, Decomposition, Estimate, Evaluation, Recalibration};

/// An interval of the slope wider than this says little.
const WIDE_SLOPE: f64 = 0.5;

/// One figure, ready to be shown.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// Empty where the figure has none.
    pub(super) interval: String,
    pub(super) says: String,
}

fn figure(
    name: &'static str,
    estimate: Option<Estimate>,
    decimals: usize,
    says: impl Into<String>,
) -> Figure {
    let (value, interval) = (value(estimate, decimals), interval(estimate, decimals));
    Figure { name, value, interval, says: says.into() }
}

fn share(name: &'static str, estimate: Estimate, says: &str) -> Figure {
    let (value, interval) = (rate(estimate.value), rate_interval(Some(estimate)));
    Figure { name, value, interval, says: says.to_owned() }
}

fn bare(name: &'static str, value: Option<String>, says: &str) -> Figure {
    let value = value.unwrap_or_else(|| NOTHING.to_owned());
    Figure { name, value, interval: String::new(), says: says.to_owned() }
}

/// The four figures at the top.
pub(super) fn cards(evaluation: &Evaluation) -> [Figure; 4] {
    let slope = evaluation.recalibration.and_then(|recalibration| recalibration.slope);
    let average = evaluation
        .log_loss_parts
        .map(|parts| format!(" Always saying the average gives {}.", number(parts.uncertainty, 4)))
        .unwrap_or_default();
    let mut lift = figure(
        "Lift at 10\u{202f}%",
        evaluation.lift_10,
        2,
        "Churn in the riskiest tenth, as a multiple of the average.",
    );
    if evaluation.lift_10.is_some() {
        lift.value.push('×');
    }
    [
        figure("AUC", evaluation.auc, 3, "How well it orders by risk: 0.5 is guessing, 1 is perfect."),
        lift,
        figure(
            "Log loss",
            evaluation.log_loss,
            4,
            format!("Penalty for the probabilities given; lower is better.{average}"),
        ),
        figure("Calibration slope", slope, 2, slope_in_words(slope)),
    ]
}

fn slope_in_words(slope: Option<Estimate>) -> &'static str {
    match slope.map(|slope| (slope.low, slope.high)) {
        None => "Not defined on these rows.",
        Some((Some(low), _)) if low > 1.0 => {
            "Above 1: the probabilities are too cautious; high risks are higher still."
        }
        Some((_, Some(high))) if high < 1.0 => {
            "Below 1: the probabilities are too extreme; take high risks as lower."
        }
        Some((Some(low), Some(high))) if high - low > WIDE_SLOPE => {
            "1 is ideal, and inside the interval; but that is wide: too few churned rows to be sure."
        }
        Some((Some(_), Some(_))) => {
            "1 is ideal, and inside the interval: no sign that probabilities are too extreme or too cautious."
        }
        Some(_) => "1 is ideal; below 1 the probabilities are too extreme.",
    }
}

/// What the team finds with the time it has.
pub(super) fn at_capacity(capacity: &AtCapacity) -> Vec<Figure> {
    let precision = "Of those worked on, the share that churned: how often the call was warranted.";
    let mut figures = vec![
        share("Precision", capacity.precision, precision),
        share("Recall", capacity.recall, "Of all churn, the share that was on the list."),
    ];
    figures.extend(capacity.arr_recall.map(|recall| {
        share(
            "Recall in ARR",
            recall,
            "Of all recurring revenue that churned, the share that was on the list.",
        )
    }));
    figures
}

/// How far the probabilities can be taken literally.
pub(super) fn calibration(evaluation: &Evaluation) -> Vec<Figure> {
    let from = |pick: fn(Recalibration) -> Option<Estimate>| evaluation.recalibration.and_then(pick);
    vec![
        bare("Mean probability", evaluation.mean_probability.map(rate), "should match the base rate"),
        share("Base rate", evaluation.base_rate, "share that churned"),
        figure("Slope", from(|r| r.slope), 2, "ideal 1; below 1 too extreme"),
        figure("Intercept in the large", from(|r| r.in_the_large), 2, "ideal 0; above 0 too low on average"),
        bare(
            "Spiegelhalter’s z",
            evaluation.spiegelhalter_z.map(|z| number(z, 2)),
            "within ±1.96 when calibrated, if rows are independent",
        ),
        bare(
            "Expected calibration error",
            evaluation.expected_calibration_error.map(rate),
            "ten bins; informational, decides nothing",
        ),
    ]
}

/// Ranking and probabilities on all rows.
pub(super) fn scores(evaluation: &Evaluation) -> Vec<Figure> {
    let base = evaluation.base_rate.value;
    vec![
        figure(
            "AUC",
            evaluation.auc,
            3,
            "Chance that a churned row is ranked above one that stayed; a tie counts half.",
        ),
        figure(
            "Average precision",
            evaluation.average_precision,
            3,
            format!(
                "Mean precision over the cut-offs at which one more churned row is found; guessing gives {}.",
                number(base, 3)
            ),
        ),
        figure(
            "Lift at 10\u{202f}%",
            evaluation.lift_10,
            2,
            format!("Churn rate of the riskiest tenth over the average of {}.", percent(base)),
        ),
        figure(
            "Log loss",
            evaluation.log_loss,
            4,
            "Mean of −ln(probability given to what happened), in nats; lower is better.",
        ),
        figure(
            "Brier score",
            evaluation.brier,
            4,
            "Mean squared distance of probability and outcome; lower is better.",
        ),
    ]
}

/// The parts of a score.
pub(super) fn parts(parts: Decomposition) -> Vec<Figure> {
    let part = |name, value, says| bare(name, Some(number(value, 4)), says);
    vec![
        part(
            "Miscalibration",
            parts.miscalibration,
            "What perfect recalibration would still save; 0 is ideal, and never quite reached on finite data.",
        ),
        part(
            "Discrimination",
            parts.discrimination,
            "What telling rows apart saves against always saying the average; higher is better.",
        ),
        part(
            "Uncertainty",
            parts.uncertainty,
            "The score of always saying the average: how hard the task is.",
        ),
    ]
}

/// Rows of a table with the sentence in a column of its own.
pub(super) fn rows(figures: &[Figure]) -> Markup {
    html! {
        @for figure in figures {
            tr {
                th scope="row" { (figure.name) }
                td.n { (figure.value) }
                td.n { (figure.interval) }
                td.words { (figure.says) }
            }
        }
    }
}

/// Rows of a narrow table with the sentence below the name.
pub(super) fn narrow_rows(figures: &[Figure]) -> Markup {
    html! {
        @for figure in figures {
            tr {
                th scope="row" { (figure.name) span.small { (figure.says) } }
                td.n { (figure.value) }
                td.n { (figure.interval) }
            }
        }
    }
}

/// The head of a table of [`rows`].
pub(super) fn head() -> Markup {
    html! {
        thead { tr { th { "Figure" } th.n { "Value" } th.n { "95\u{202f}% interval" } th { "What it says" } } }
    }
}
