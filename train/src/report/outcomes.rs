//! The section of the page on the four outcomes of a decision.

use maud::{Markup, html};

use super::format::{count, number, rate};
use crate::outcomes::OutcomeReport;

/// Nothing where only churn is known.
pub(super) fn section(report: Option<&OutcomeReport>) -> Markup {
    let Some(report) = report else { return html! {} };
    html! {
        section {
            h2 { "How do the others go on?" }
            p {
                "The four outcomes of a decision on " (count(report.rows)) " later rows. What the churn probability "
                "leaves is shared out by a multinomial logit of the rows that stayed. Log loss "
                (number(report.log_loss, 4)) "; with constant shares of those who stayed "
                (number(report.constant_log_loss, 4)) ", with the rates that were known before for every row "
                (number(report.base_log_loss, 4)) "."
                @if !report.is_better_than_constant() { " Constant shares do as well: see what the page warns of." }
            }
            div.scroll { table {
                thead { tr {
                    th { "Came" } th.n { "Rows" } th.n { "Observed" } th.n { "Predicted" }
                    @for one in &report.outcomes { th.n { "Likeliest: " (one.outcome) } }
                } }
                tbody {
                    @for one in &report.outcomes {
                        tr {
                            th scope="row" { (one.outcome) }
                            td.n { (count(one.rows)) }
                            td.n { (rate(one.observed)) }
                            td.n { (rate(one.mean_probability)) }
                            @for share in one.likeliest { td.n { (rate(share)) } }
                        }
                    }
                }
            } }
        }
    }
}
