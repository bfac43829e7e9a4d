//! The sections of the page on where the model comes from: data, protocol, learners.

use maud::{Markup, html};

use super::format::{NOTHING, count, day, dimension, number, prose, rate};
use super::html::is_weighted;
use super::{
    CandidateOutcome, CandidateResult, DataSummary, FeatureGroup, Protocol, Report, TableSummary, charts,
};

pub(super) fn data(report: &Report) -> Markup {
    let data: &DataSummary = &report.data;
    html! {
        section {
            h2 { "What it was made from" }
            p {
                (count(data.accounts)) " " (report.subjects) ", " (count(data.snapshots)) " rows; "
                (count(data.decided)) " outcomes are known; " (rate(data.base_rate)) " of the rows churned"
                @if is_weighted(&report.evaluation) { ", each renewal counted once" }
                @if data.open > 0 {
                    "; " (count(data.open)) " outcomes are still open and were not counted as either"
                }
                "."
            }
            div.pair {
                @if !data.tables.is_empty() { div { (tables(&data.tables)) } }
                @if !data.feature_groups.is_empty() { div { (feature_groups(&data.feature_groups)) } }
            }
        }
    }
}

fn tables(tables: &[TableSummary]) -> Markup {
    let dated = tables.iter().any(|table| table.first.is_some() || table.last.is_some());
    let set_aside = tables.iter().any(|table| table.set_aside > 0);
    html! {
        table {
            caption { "Tables" }
            thead { tr { th { "Table" } th.n { "Rows" } @if set_aside { th.n { "Set aside" } } @if dated { th.n { "First" } th.n { "Last" } } } }
            tbody {
                @for table in tables {
                    tr {
                        th scope="row" { code { (table.name) } }
                        td.n { (count(table.rows)) }
                        @if set_aside { td.n { (count(table.set_aside)) } }
                        @if dated { td.n { (day(table.first)) } td.n { (day(table.last)) } }
                    }
                }
            }
        }
    }
}

fn feature_groups(groups: &[FeatureGroup]) -> Markup {
    let by_dimension = groups.iter().any(|group| group.dimension.is_some());
    html! {
        table {
            caption { "Feature groups" }
            thead { tr { th { "Group" } @if by_dimension { th { "Dimension" } } th.n { "Features" } } }
            tbody {
                @for group in groups {
                    @let dimension = dimension(group.dimension);
                    tr {
                        th scope="row" {
                            @match &group.off_because {
                                None => (group.name),
                                Some(reason) => {
                                    span.off { (group.name) }
                                    span.small { "off: " (prose(reason)) }
                                }
                            }
                        }
                        @if by_dimension { td { span class={ "tag " (dimension) } { (dimension) } } }
                        td.n { @if group.off_because.is_some() { (NOTHING) } @else { (count(group.features)) } }
                    }
                }
            }
        }
    }
}

pub(super) fn protocol(protocol: &Protocol) -> Markup {
    let dated = protocol.blocks.iter().any(|block| block.first.is_some() || block.last.is_some());
    html! {
        section {
            h2 { "How it was judged" }
            ul { @for line in &protocol.lines { li { (prose(line)) } } }
            @if let Some(timeline) = charts::timeline(protocol) { div.time { (timeline) } }
            @if !protocol.blocks.is_empty() {
                div.scroll {
                    table {
                        thead { tr {
                            th { "Block" }
                            @if dated { th.n { "First row" } th.n { "Last row" } }
                            th.n { "Rows" } th.n { "Accounts" } th.n { "Churned" }
                        } }
                        tbody {
                            @for block in &protocol.blocks {
                                tr {
                                    th scope="row" { (block.name) }
                                    @if dated { td.n { (day(block.first)) } td.n { (day(block.last)) } }
                                    td.n { (count(block.rows)) }
                                    td.n { (count(block.accounts)) }
                                    td.n { (count(block.positives)) }
                                }
                            }
                        }
                    }
                }
            }
            p.words.after {
                (count(protocol.folds)) " folds"
                @if let Some(days) = protocol.purge_days {
                    "; no row of the " (number(days, 0)) " days before the test block is learnt from"
                }
                @for seed in &protocol.seeds { "; seed of " (seed.of) ": " (seed.value) }
                "."
            }
        }
    }
}

pub(super) fn candidates(candidates: &[CandidateResult]) -> Markup {
    html! {
        @if !candidates.is_empty() {
            section {
                h2 { "Learners that were tried" }
                p {
                    "Judged out of fold on the rows to learn from: each row by a model that had not seen its account. "
                    "The lowest log loss wins."
                }
                div.scroll {
                    table {
                        thead { tr { th { "Learner" } th.n { "Log loss" } th.n { "AUC" } th { "" } } }
                        tbody { @for candidate in candidates { (candidate_row(candidate)) } }
                    }
                }
            }
        }
    }
}

fn candidate_row(candidate: &CandidateResult) -> Markup {
    let (class, outcome) = match candidate.outcome {
        CandidateOutcome::Chosen => (Some("chosen"), "chosen"),
        CandidateOutcome::Blended => (Some("chosen"), "part of the blend"),
        CandidateOutcome::NotChosen => (None, ""),
    };
    html! {
        tr class=[class] {
            th scope="row" {
                (candidate.name)
                @if !candidate.settings.is_empty() { span.small { (candidate.settings) } }
            }
            td.n { (number(candidate.log_loss, 4)) }
            td.n { (candidate.auc.map_or_else(|| NOTHING.to_owned(), |auc| number(auc, 3))) }
            td.words { (outcome) }
        }
    }
}
