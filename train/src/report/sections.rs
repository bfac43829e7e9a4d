//! The sections of the page on what the model does: drivers, comparison with rules, segments.

use maud::{Markup, html};

use super::charts::{self, Compared};
use super::format::{NOTHING, count, dimension, interval, percent, prose, rate, rate_interval, value};
use super::{DimensionImportance, NamedEvaluation, Report};
use crate::evaluate::{Difference, Estimate, Evaluation, SegmentEvaluation};

/// The page lists this many features; all are in `report.json`.
const MOST_FEATURES: usize = 20;

pub(super) fn warnings(warnings: &[String]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            div.callout role="note" {
                h2 { "Before you rely on this" }
                ul { @for warning in warnings { li { (prose(warning)) } } }
            }
        }
    }
}

pub(super) fn notes(notes: &[String]) -> Markup {
    html! {
        @if !notes.is_empty() {
            section {
                h2 { "Notes" }
                ul { @for note in notes { li { (prose(note)) } } }
            }
        }
    }
}

pub(super) fn drivers(report: &Report) -> Markup {
    if report.importance.is_empty() {
        return html! {};
    }
    let highest = report.importance.iter().map(|i| i.share).fold(0.0, f64::max);
    let width = |share: f64| {
        let share = if highest > 0.0 { share / highest } else { 0.0 };
        format!("width:{:.1}%", if share.is_finite() { 100.0 * share.clamp(0.0, 1.0) } else { 0.0 })
    };
    // A prepared table has no dimensions: nothing to colour by.
    let by_dimension = report.importance_by_dimension.iter().any(|part| part.dimension.is_some());
    let more: f64 = report.importance.iter().skip(MOST_FEATURES).map(|i| i.share).sum();
    html! {
        section {
            h2 { "What moves the risk" }
            p {
                "The share of each feature in all movements of the predictions, up or down, away from the average. "
                "It says what the model looks at, not what causes churn."
            }
            @if by_dimension { (stack(&report.importance_by_dimension)) }
            div.scroll {
                table {
                    thead { tr {
                        th { "Feature" }
                        @if by_dimension { th { "Dimension" } th { "Unit" } }
                        th { "Share of importance" } th.n { "" }
                    } }
                    tbody {
                        @for item in report.importance.iter().take(MOST_FEATURES) {
                            @let dimension = dimension(item.dimension);
                            tr {
                                th scope="row" { code { (item.feature) } span.small { (prose(&item.meaning)) } }
                                @if by_dimension {
                                    td { span class={ "tag " (dimension) } { (dimension) } }
                                    td.words { (item.unit) }
                                }
                                td { div.meter { div class={ "fill " (dimension) } style=(width(item.share)) {} } }
                                td.n { (rate(item.share)) }
                            }
                        }
                    }
                }
            }
            @if report.importance.len() > MOST_FEATURES {
                p.words.after {
                    "The other " (count(report.importance.len() - MOST_FEATURES)) " features share "
                    (percent(more)) "; report.json lists them."
                }
            }
        }
    }
}

/// One bar of all importance, with its legend.
fn stack(parts: &[DimensionImportance]) -> Markup {
    html! {
        div.stack role="img" aria-label="Importance by dimension, as in the legend below" {
            @for part in parts.iter().filter(|part| part.share > 0.0) {
                @let width = format!("flex:{:.4}", part.share);
                div class={ "fill " (dimension(part.dimension)) } style=(width) {}
            }
        }
        div.legend {
            @for part in parts {
                span class={ "tag " (dimension(part.dimension)) } {
                    (dimension(part.dimension)) " " strong { (rate(part.share)) }
                }
            }
        }
    }
}

pub(super) fn baselines(report: &Report) -> Markup {
    if report.baselines.is_empty() {
        return html! {};
    }
    let rows = |figure: fn(&Evaluation) -> Option<Estimate>| -> Vec<Compared<'_>> {
        std::iter::once(("this model", &report.evaluation))
            .chain(report.baselines.iter().map(|b| (b.name.as_str(), &b.evaluation)))
            .filter_map(|(name, evaluation)| figure(evaluation).map(|estimate| Compared { name, estimate }))
            .collect()
    };
    let (auc, log_loss) = (rows(|e| e.auc), rows(|e| e.log_loss));
    html! {
        section {
            h2 { "Is it better than a simple rule?" }
            p {
                "Simple rules on the same rows. A difference whose interval leaves out 0 is more than chance."
            }
            ul {
                (verdict("In ranking (AUC)", &report.baselines, |d| d.auc, 1.0))
                (verdict("In its probabilities (log loss)", &report.baselines, |d| d.log_loss, -1.0))
            }
            div.pair {
                @if auc.len() > 1 {
                    figure {
                        h3 { "Ranking: AUC, higher is better" }
                        (charts::comparison("compare-auc", "AUC", &auc, Some(0.5)))
                    }
                }
                @if log_loss.len() > 1 {
                    figure {
                        h3 { "Probabilities: log loss, lower is better" }
                        (charts::comparison("compare-log-loss", "Log loss", &log_loss, None))
                    }
                }
            }
            div.scroll { table {
                thead { tr {
                    th { "Scoring" } th.n { "AUC" } th.n { "Lift at 10\u{202f}%" } th.n { "Log loss" } th.n { "Brier" }
                    th.n { "Model’s AUC minus this" } th.n { "Model’s log loss minus this" }
                } }
                tbody {
                    (scoring("this model", "", &report.evaluation, None))
                    @for baseline in &report.baselines {
                        (scoring(&baseline.name, &baseline.meaning, &baseline.evaluation, baseline.model_minus_this))
                    }
                }
            } }
        }
    }
}

/// What the differences amount to, in a sentence; `better` is the sign of a difference in the model's favour.
fn verdict(
    what: &str,
    baselines: &[NamedEvaluation],
    figure: fn(Difference) -> Option<Estimate>,
    better: f64,
) -> Markup {
    let (mut beaten, mut equal, mut ahead) = (Vec::new(), Vec::new(), Vec::new());
    for baseline in baselines {
        let Some(difference) = baseline.model_minus_this.and_then(figure) else { continue };
        let (Some(low), Some(high)) = (difference.low, difference.high) else { continue };
        let side = if low * better > 0.0 && high * better > 0.0 {
            &mut beaten
        } else if low * better < 0.0 && high * better < 0.0 {
            &mut ahead
        } else {
            &mut equal
        };
        side.push(format!("“{}”", baseline.name));
    }
    let parts: Vec<String> = [
        ("is better than", beaten),
        ("cannot be told apart on these rows from", equal),
        ("is worse than", ahead),
    ]
    .into_iter()
    .filter(|(_, names)| !names.is_empty())
    .map(|(verb, names)| format!("{verb} {}", names.join(", ")))
    .collect();
    html! {
        @if !parts.is_empty() { li { (what) " the model " (parts.join("; it ")) "." } }
    }
}

fn scoring(name: &str, meaning: &str, evaluation: &Evaluation, difference: Option<Difference>) -> Markup {
    let against = |estimate: Option<Estimate>, decimals: usize| {
        html! {
            td.n {
                (value(estimate, decimals))
                @if estimate.is_some() { span.small { (interval(estimate, decimals)) } }
            }
        }
    };
    html! {
        tr class=[meaning.is_empty().then_some("chosen")] {
            th scope="row" { (name) @if !meaning.is_empty() { span.small { (prose(meaning)) } } }
            td.n { (value(evaluation.auc, 3)) }
            td.n { (value(evaluation.lift_10, 2)) }
            td.n { (value(evaluation.log_loss, 4)) }
            td.n { (value(evaluation.brier, 4)) }
            (against(difference.and_then(|d| d.auc), 3))
            (against(difference.and_then(|d| d.log_loss), 4))
        }
    }
}

pub(super) fn segments(segments: &[SegmentEvaluation]) -> Markup {
    // A split into one part says nothing that the figures of all rows do not say.
    let parts = |by: &str| segments.iter().filter(|segment| segment.by == by).count();
    let segments: Vec<&SegmentEvaluation> = segments.iter().filter(|s| parts(&s.by) > 1).collect();
    let starts_group = |index: usize| index == 0 || segments[index - 1].by != segments[index].by;
    html! {
        @if !segments.is_empty() {
            section {
                h2 { "Does it hold everywhere?" }
                p {
                    "The same figures within parts of the business. Predicted and observed churn should agree; where "
                    "few rows churned no ranking figure is given."
                }
                div.scroll { table {
                    thead { tr {
                        th { "Segment" } th.n { "Rows" } th.n { "Churned" } th.n { "Observed" }
                        th.n { "95\u{202f}% interval" } th.n { "Predicted" } th.n { "AUC" }
                        th.n { "95\u{202f}% interval" } th.n { "Lift at 10\u{202f}%" } th.n { "Log loss" }
                    } }
                    tbody {
                        @for (index, segment) in segments.iter().enumerate() {
                            @if starts_group(index) { tr.group { td colspan="10" { "By " (segment.by) } } }
                            tr {
                                th scope="row" { (segment.segment.replace('_', " ")) }
                                td.n { (count(segment.rows)) }
                                td.n { (count(segment.positives)) }
                                td.n { (rate(segment.base_rate.value)) }
                                td.n.words { (rate_interval(Some(segment.base_rate))) }
                                td.n { (segment.mean_probability.map_or(NOTHING.to_owned(), rate)) }
                                td.n { (value(segment.auc, 3)) }
                                td.n.words { (interval(segment.auc, 2)) }
                                td.n { (value(segment.lift_10, 2)) }
                                td.n { (value(segment.log_loss, 4)) }
                            }
                        }
                    }
                } }
            }
        }
    }
}
