//! `check`: what a history holds, which features it switches on, and what is wrong with it.

use std::fmt::Write;

use holdfast_actions::rule::{Rule, Source};
use holdfast_features::read::{self, HistoryConfig, Inspection};
use holdfast_features::{History, Timestamp};

use super::{Answer, Verdict};
use crate::TrainError;
use crate::cli::{CheckArgs, HistoryArgs};
use crate::columns::{Align, aligned, count, percent, share};
use crate::config::Config;
use crate::groups::feature_groups;
use crate::history::HistorySource;
use crate::judgement::renewals;
use crate::pipeline::check_snapshots;
use crate::progress::Progress;
use crate::rows::labelled;

/// Reads the history and tells everything about it.
///
/// # Errors
/// A configuration or a folder that cannot be read at all; everything else is told.
pub(super) fn run(args: &CheckArgs, now: Timestamp, progress: &Progress) -> Result<Answer, TrainError> {
    let CheckArgs { input: args, rules: all_rules } = args;
    let config = Config::load(args.config.as_deref())?.with_memory(args.memory);
    let (stage, listener) = progress.reading("reading the history");
    let history = HistoryConfig { now: Some(now), listener, ..config.history.clone() };
    let inspection = read::inspect(&args.history, &history)?;
    drop(stage);
    let mut text = tables(&inspection);
    let mut problems: Vec<String> = inspection.problems.iter().map(ToString::to_string).collect();
    let unlisted = inspection.n_problems.saturating_sub(problems.len());
    if unlisted > 0 {
        problems.push(format!("… and {} more", count(unlisted)));
    }
    if let Some(history) = inspection.history {
        problems.extend(usable(&mut text, history, args, &config)?);
    }
    rules(&mut text, config.decisions.rules(), *all_rules);
    if !inspection.rejects.is_empty() {
        let rejects = inspection.rejects.iter().map(|reject| format!("  {reject}\n"));
        section(&mut text, "Rows set aside", rejects);
    }
    let verdict = if problems.is_empty() { Verdict::Done } else { Verdict::NotUsable };
    if problems.is_empty() {
        let history = args.history.display();
        line(&mut text, format_args!("Ready: holdfast-train run --history {history} --registry registry"));
    } else {
        section(&mut text, "Problems", problems.iter().map(|problem| format!("  {problem}\n")));
        line(&mut text, format_args!("Not usable yet."));
    }
    Ok(Answer { text, verdict })
}

fn tables(inspection: &Inspection) -> String {
    let mut text = String::from("Tables\n");
    let time = |time: Option<Timestamp>| time.map_or_else(String::new, |time| time.to_string());
    let header = ["table", "rows", "set aside", "first", "last", "columns not there", "columns not read"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for table in &inspection.tables {
        rows.push(vec![
            table.summary.table.to_owned(),
            count(table.summary.n_rows),
            count(table.summary.n_rejected),
            time(table.summary.first),
            time(table.summary.last),
            table.missing.join(" "),
            table.ignored.join(" "),
        ]);
    }
    let (left, right) = (Align::Left, Align::Right);
    text.push_str(&aligned(&[left, right, right, left, left, left, left], &rows));
    for note in &inspection.notes {
        line(&mut text, format_args!("  {note}"));
    }
    text
}

/// What a readable history gives, and why no model can be learnt from it, if so.
fn usable(
    text: &mut String,
    history: History,
    args: &HistoryArgs,
    config: &Config,
) -> Result<Vec<String>, TrainError> {
    let source = HistorySource::new(history, &args.history)?;
    line(
        text,
        format_args!("Known until {}; {} accounts", source.until, count(source.history.accounts.len())),
    );
    text.push_str("Features\n");
    let groups = feature_groups(&source.history, &source.specs(config)?).into_iter().map(|group| {
        let dimension = group.dimension.map_or("", holdfast_features::Dimension::name).to_owned();
        let state = if group.off_because.is_none() { "on" } else { "off" };
        let said = group.off_because.unwrap_or_else(|| format!("{} features", group.features));
        vec![state.to_owned(), dimension, group.name, said]
    });
    text.push_str(&aligned(&[Align::Left; 4], &groups.collect::<Vec<_>>()));
    let terms = renewals(&source, config);
    line(
        text,
        format_args!(
            "Renewals: {} decided ({} churned), {} open",
            count(terms.decided),
            percent(share(terms.churned, terms.decided)),
            count(terms.open)
        ),
    );
    let (rows, _) = labelled(source.training_snapshots(config, None)?);
    let churned = rows.iter().filter(|snapshot| snapshot.label == Some(true)).count();
    line(
        text,
        format_args!(
            "Rows to learn from: {}, {} of them churned ({})",
            count(rows.len()),
            count(churned),
            percent(share(churned, rows.len()))
        ),
    );
    Ok(check_snapshots(&source, &rows, config).err().map(|error| error.to_string()).into_iter().collect())
}

/// The rules that a file sets and the number of the others, or all of them.
fn rules(text: &mut String, rules: &[Rule], all: bool) {
    let (own, default): (Vec<&Rule>, Vec<&Rule>) =
        rules.iter().partition(|rule| all || rule.source != Source::Default);
    section(text, "Rules in force", own.into_iter().map(|rule| format!("  {rule}\n")));
    if !default.is_empty() {
        line(text, format_args!("  {} as the product ships them (listed with --rules)", default.len()));
    }
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    line(text, format_args!("{title}"));
    text.extend(lines);
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string never fails.
    let _ = writeln!(text, "{arguments}");
}
