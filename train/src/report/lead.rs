//! The section of the page on how early it warns.

use maud::{Markup, html};

use super::charts::lead_times;
use super::format::{NOTHING, count, day, number, percent, rate};
use crate::lead_time::Caught;
use crate::scorings::LeadTimes;

/// What those who sell such scores say of theirs, none with a lead time.
const QUOTED: &str = "70\u{202f}%, 75\u{202f}% and 80–90\u{202f}%";

pub(super) fn lead_time(lead: Option<&LeadTimes>) -> Markup {
    let Some(lead) = lead else { return html! {} };
    let days = lead.rankings.first().map(|ranking| ranking.lead.caught.as_slice()).unwrap_or_default();
    html! {
        section {
            h2 { "How early does it warn?" }
            p {
                "Every " (lead.every_days) " days from " (day(Some(lead.first))) " to " (day(Some(lead.last)))
                " all renewals in force are ranked anew and the riskiest " (percent(lead.budget)) " flagged. An alert "
                "counts once two scorings in a row agree. " (count(lead.renewals)) " renewals were decided since, "
                (count(lead.churned)) " of them churned; who was never flagged counts as not caught."
            }
            div.pair {
                figure {
                    h3 { "Churners caught, by days ahead" }
                    (lead_times(lead))
                    figcaption {
                        "Of the churners who could have been seen twice so many days ahead, those with an alert by then."
                    }
                }
                div {
                    h3 { "Beside what is quoted" }
                    p.words {
                        "Such scores are sold by their accuracy: " (QUOTED) " are quoted, without a lead time. On these "
                        "scorings “everybody renews” is right " (percent(lead.nobody_accuracy)) " of the time"
                        @if let Some(accuracy) = lead.rankings.first().and_then(|ranking| ranking.lead.accuracy) {
                            ", the model’s flags " (percent(accuracy))
                        }
                        ". Accuracy says little where few churn; what is caught in time says more."
                    }
                }
            }
            div.scroll { table {
                thead { tr {
                    th { "Ranking" }
                    @for caught in days { th.n { "≥ " (caught.days) " days" } }
                    th.n { "Median days" } th.n { "Precision at first flag" } th.n { "Flip-flop" } th.n { "Accuracy" }
                } }
                tbody {
                    @for ranking in &lead.rankings {
                        tr {
                            th scope="row" { (ranking.name) }
                            @for caught in &ranking.lead.caught { td.n { (share(caught)) } }
                            td.n { (ranking.lead.median_days.map_or(NOTHING.to_owned(), |days| number(days, 0))) }
                            td.n { (or_nothing(ranking.lead.precision_at_first)) }
                            td.n { (or_nothing(ranking.lead.flip_flop)) }
                            td.n { (or_nothing(ranking.lead.accuracy)) }
                        }
                    }
                    tr {
                        th scope="row" { "churners in reach" }
                        @for caught in days { td.n { (count(caught.in_reach)) } }
                        td.n {} td.n {} td.n {} td.n {}
                    }
                }
            } }
        }
    }
}

fn share(caught: &Caught) -> String {
    or_nothing(caught.share)
}

fn or_nothing(value: Option<f64>) -> String {
    value.map_or(NOTHING.to_owned(), rate)
}
