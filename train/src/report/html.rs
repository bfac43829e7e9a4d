//! The report as one HTML page: no script, nothing loaded from elsewhere, light and dark, made to be printed.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::format::{NOTHING, count, day, number, percent, prose};
use super::{Report, charts, figures, horizons, lead, origin, outcomes, sections, shapes};
use crate::evaluate::Evaluation;

const STYLE: &str = include_str!("style.css");

/// The whole page.
#[must_use]
pub fn html(report: &Report) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (report.title) " · " (report.generated_for) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (top(report))
                main {
                    (cards(report))
                    (sections::warnings(&report.warnings))
                    (ranking(report))
                    (probabilities(report))
                    (horizons::section(report.horizons.as_ref()))
                    (outcomes::section(report.outcomes.as_ref()))
                    (sections::drivers(report))
                    (shapes::section(report.glass_box.as_ref()))
                    (sections::baselines(report))
                    (sections::segments(&report.segments))
                    (lead::lead_time(report.lead_time.as_ref()))
                    (all_figures(report))
                    (origin::data(report))
                    (origin::protocol(&report.protocol))
                    (origin::candidates(&report.candidates))
                    (sections::notes(&report.notes))
                }
                footer {
                    "Holdfast · " (report.generated_for) " · the same figures, unrounded, are in report.json. "
                    "Intervals hold the middle 95\u{202f}% of bootstrap replicates in which whole accounts were drawn."
                }
            }
        }
    }
    .into_string()
}

/// Whether the share of churned rows differs from the rate by weight: a reader would wonder why.
pub(super) fn is_weighted(evaluation: &Evaluation) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "counts of rows, far below 2^53")]
    let plain = evaluation.positives as f64 / evaluation.rows as f64;
    (plain - evaluation.base_rate.value).abs() > 0.001
}

/// The one sentence that a busy reader takes away.
fn headline(report: &Report) -> Markup {
    let evaluation = &report.evaluation;
    let base = evaluation.base_rate.value;
    let Some(lift) = evaluation.lift_10 else {
        return html! {
            "In none of the " (count(evaluation.rows)) " rows it was judged on is it so that the account "
            (prose(&report.outcome)) ": how well it ranks " (report.subjects) " cannot be told yet."
        };
    };
    html! {
        "Of the 10\u{202f}% of rows ranked riskiest, "
        em { (percent((lift.value * base).min(1.0))) " " (prose(&report.outcome)) }
        ": " (number(lift.value, 1)) "× the average of " (percent(base)) "."
    }
}

fn top(report: &Report) -> Markup {
    let evaluation = &report.evaluation;
    let span = (report.data.first.is_some() || report.data.last.is_some())
        .then(|| format!("data {} to {}", day(report.data.first), day(report.data.last)));
    html! {
        header.top {
            div.eyebrow {
                b { "Holdfast" }
                span { code { (report.generated_for) } }
                @if let Some(span) = span { span { (span) } }
            }
            h1 { (report.title) }
            p.headline { (headline(report)) }
            p.lead {
                "Judged on " (count(evaluation.rows)) " rows of " (count(evaluation.groups)) " "
                (report.subjects) ", none of which the judged model had learnt from; "
                (count(evaluation.positives)) " of the rows " (prose(&report.outcome)) ". "
                @if let Some(auc) = evaluation.auc {
                    "Shown one that did and one that did not, the model puts the right one first "
                    (percent(auc.value)) " of the time."
                }
                @if is_weighted(&report.evaluation) {
                    " Rates and figures weigh the rows, so that the rows of one renewal count as one."
                }
            }
        }
    }
}

fn cards(report: &Report) -> Markup {
    html! {
        div.cards {
            @for figure in figures::cards(&report.evaluation) {
                div.card {
                    div.label { (figure.name) }
                    div.figure { (figure.value) }
                    div.interval { @if figure.interval == NOTHING { "\u{a0}" } @else { (figure.interval) } }
                    div.says { (figure.says) }
                }
            }
        }
    }
}

fn ranking(report: &Report) -> Markup {
    let evaluation = &report.evaluation;
    html! {
        section {
            h2 { "Who to call first" }
            p { "What working down the list from the riskiest finds." }
            @if evaluation.gains.is_empty() {
                p { "No row churned: there is nothing to find." }
            } @else {
                div.pair {
                    figure {
                        h3 { "What the list finds" }
                        (charts::gains(evaluation, &report.baselines))
                        figcaption {
                            "The faster the line rises, the fewer accounts must be worked through to find the same "
                            "churn. The thin grey line is perfect foresight."
                        }
                    }
                    figure {
                        h3 { "Churn by predicted risk" }
                        (charts::risk_bands(&evaluation.risk_bands, evaluation.base_rate.value))
                        figcaption {
                            "Bars should fall from left to right, and each dot should sit at the top of its bar."
                        }
                    }
                }
            }
            @if let Some(capacity) = &evaluation.at_capacity {
                div.scroll {
                    table.figures {
                        caption {
                            "With time for " (percent(capacity.share)) " of the list ("
                            (number(capacity.rows, 0)) " of " (count(evaluation.rows)) " rows"
                            @if is_weighted(evaluation) { ", a renewal's rows counting as one" }
                            ")"
                        }
                        (figures::head())
                        tbody { (figures::rows(&figures::at_capacity(capacity))) }
                    }
                }
            }
        }
    }
}

fn probabilities(report: &Report) -> Markup {
    let evaluation = &report.evaluation;
    let Some(reliability) = &evaluation.reliability else { return html! {} };
    let calibration = &report.calibration;
    html! {
        section {
            h2 { "Can the probabilities be taken literally?" }
            p { "Of those given 20\u{202f}%, one in five should churn." }
            div.pair {
                figure {
                    h3 { "Reliability" }
                    (charts::reliability(reliability))
                    figcaption {
                        "Line: share that churned at each stated probability (isotonic, no bins). Shaded: where the "
                        "line would lie nine times in ten if every probability were right. Dotted: stated equals "
                        "observed. Below: how many rows got which probability."
                    }
                }
                div {
                    h3 { "In figures" }
                    table {
                        thead { tr { th { "Figure" } th.n { "Value" } th.n { "95\u{202f}% interval" } } }
                        tbody { (figures::narrow_rows(&figures::calibration(evaluation))) }
                    }
                    p.words.after {
                        "Calibration in force: " strong { (calibration.method) } ", decided on "
                        (count(calibration.positives)) " churned rows held out from learning. "
                        @if let (Some(before), Some(after)) = (calibration.log_loss_before, calibration.log_loss_after) {
                            "Cross-validated log loss " (number(before, 4)) " before, " (number(after, 4)) " after. "
                        }
                        (prose(&calibration.reason))
                    }
                }
            }
        }
    }
}

fn all_figures(report: &Report) -> Markup {
    let evaluation = &report.evaluation;
    html! {
        section {
            h2 { "All figures" }
            p {
                "On " (count(evaluation.rows)) " rows of " (count(evaluation.groups)) " " (report.subjects) ", "
                (count(evaluation.positives)) " churned."
            }
            div.scroll {
                table.figures {
                    (figures::head())
                    tbody {
                        (figures::rows(&figures::scores(evaluation)))
                        @for (name, parts) in [
                            ("Brier score", evaluation.brier_parts),
                            ("Log loss", evaluation.log_loss_parts),
                        ] {
                            @if let Some(parts) = parts {
                                tr.group {
                                    td colspan="4" { (name) " = miscalibration − discrimination + uncertainty" }
                                }
                                (figures::rows(&figures::parts(parts)))
                            }
                        }
                    }
                }
            }
        }
    }
}
