//! The section of the page on when accounts churn: probabilities within fixed numbers of days.

use maud::{Markup, html};

use super::format::{NOTHING, count, interval, number, percent, prose, rate, value};
use super::plot::{Frame, ceiling, fixed, ticks};
use crate::evaluate::{HorizonEvaluation, RiskGroup};
use crate::horizons::HorizonReport;
use holdfast_models::horizon::HORIZONS;

/// The last horizon, in days: the end of the time axis.
const LAST: f64 = 180.0;

/// Nothing where the data do not say when accounts churn.
pub(super) fn section(report: Option<&HorizonReport>) -> Markup {
    let Some(report) = report else { return html! {} };
    html! {
        section {
            h2 { "When will they churn?" }
            p {
                "The probability that an account stops paying within so many days of any day, whatever its contract: "
                "of a census of all accounts, followed month by month. Who was not followed to the end of a horizon "
                "is not counted in it, whatever became of it before."
            }
            @if report.judged.is_empty() {
                p { "The later rows were not followed for 30 days: nothing can be judged yet." }
            } @else {
                div.pair {
                    figure {
                        h3 { "Said and happened" }
                        (chart(&report.groups))
                    }
                    div.words {
                        p {
                            "Lines: mean probability of each group of later rows. Dots: the share that had churned "
                            "by then (Aalen–Johansen, each row for as long as it was followed)."
                        }
                        (learnt(report))
                    }
                }
                (table(&report.judged))
            }
            @if report.judged.is_empty() { div.words { (learnt(report)) } }
        }
    }
}

fn learnt(report: &HorizonReport) -> Markup {
    html! {
        p {
            "Learnt from " (count(report.rows)) " rows, " (count(report.churned)) " of which churned within 180 days, in "
            (count(report.person_periods)) " periods of 30 days; calibration of the hazards: "
            strong { (report.calibration) } "."
            @if !report.is_better_than_base() { " The known rates do as well: see what the page warns of." }
        }
        @if !report.judged.is_empty() {
            p {
                "In the table, “base” gives every row the rate that was known before; “renewal model” takes the "
                "probability of the account’s own question for that of the horizon."
            }
        }
    }
}

fn table(judged: &[HorizonEvaluation]) -> Markup {
    let plain = |figure: Option<f64>, decimals| {
        figure.map_or_else(|| NOTHING.to_owned(), |figure| number(figure, decimals))
    };
    html! {
        h3 { "In figures" }
        div.scroll { table {
            thead { tr {
                th { "Within" } th.n { "Rows" } th.n { "Churned" } th.n { "Predicted" } th.n { "AUC" }
                th.n { "Log loss" } th.n { "Slope" }
            } }
            tbody {
                @for one in judged {
                    tr {
                        th scope="row" {
                            (one.days) " days"
                            span.small { (count(one.churned)) " churned" }
                        }
                        td.n { (count(one.rows)) }
                        td.n { (rate(one.observed.value)) }
                        td.n { (one.mean_probability.map_or_else(|| NOTHING.to_owned(), rate)) }
                        td.n {
                            (value(one.auc, 3))
                            span.small { (interval(one.auc, 3)) }
                            span.small { "renewal model " (plain(one.renewal_auc, 3)) }
                        }
                        td.n {
                            (value(one.log_loss, 4))
                            span.small { "base " (plain(one.base_log_loss, 4)) }
                            span.small { "renewal model " (plain(one.renewal_log_loss, 4)) }
                        }
                        td.n { (value(one.calibration_slope, 2)) }
                    }
                }
            }
        } }
    }
}

/// Churn as it builds up in each group of risk.
fn chart(groups: &[RiskGroup]) -> Markup {
    let highest = groups.iter().flat_map(|group| group.predicted.iter().chain(&group.observed));
    let top = ceiling(highest.copied().fold(0.0, f64::max), 5).clamp(0.01, 1.0);
    let frame = Frame {
        width: 460.0,
        height: 350.0,
        left: 50.0,
        right: 16.0,
        top: 30.0,
        bottom: 46.0,
        x: (0.0, LAST),
        y: (0.0, top),
    };
    let days = HORIZONS.map(f64::from);
    let points =
        |values: &[f64]| -> Vec<(f64, f64)> { days.into_iter().zip(values.iter().copied()).collect() };
    let described = |group: &RiskGroup| {
        let last = |values: &[f64]| percent(values.last().copied().unwrap_or(f64::NAN));
        format!(
            "{}: {} predicted within 180 days, {} churned.",
            group.name,
            last(&group.predicted),
            last(&group.observed)
        )
    };
    let description = groups.iter().map(described).collect::<Vec<_>>().join(" ");
    frame.svg(
        "horizons",
        "Churn within 30, 60, 90 and 180 days by predicted risk",
        &description,
        &html! {
            (frame.y_axis(&ticks(0.0, top, 5), percent, "Churned"))
            (frame.x_axis(&days, |day| number(day, 0), "Days ahead"))
            @for (index, group) in groups.iter().enumerate() {
                @let class = if index == 0 { "model".to_owned() } else { format!("rule rule-{}", index - 1) };
                @let line = std::iter::once((0.0, 0.0)).chain(points(&group.predicted));
                path class=(class) d=(frame.path(line)) {}
                @for (day, share) in points(&group.observed) {
                    circle.dot cx=(fixed(frame.at_x(day))) cy=(fixed(frame.at_y(share))) r="4" {}
                }
                @let y = 46.0 + 17.0 * f64::from(u8::try_from(index).unwrap_or(u8::MAX));
                line class=(class) x1="62" x2="84" y1=(fixed(y - 4.0)) y2=(fixed(y - 4.0)) {}
                text.key x="92" y=(fixed(y)) { (prose(&group.name)) }
            }
        },
    )
}
