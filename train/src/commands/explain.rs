//! `features explain`: the facts behind one value.

use std::fmt::Write;

use holdfast_features::compute::{self, Behind, Explanation, Key};
use holdfast_features::store::Fact;
use holdfast_features::{FeatureSpec, Timestamp};

use crate::TrainError;
use crate::cli::ExplainArgs;
use crate::columns::{Align, aligned, count};
use crate::config::Config;
use crate::history::HistorySource;
use crate::progress::Progress;

/// Explains a value.
///
/// # Errors
/// Input that cannot be used, a feature or an account that the history does not have.
pub(super) fn run(args: &ExplainArgs, now: Timestamp, progress: &Progress) -> Result<String, TrainError> {
    let mut config = Config::load(args.input.config.as_deref())?.with_memory(args.input.memory);
    config.history.with_hashes = false;
    config.history.wanted = compute::tables_of(std::slice::from_ref(&args.name));
    let source = HistorySource::read(&args.input.history, &config, now, progress)?;
    let as_of = source.date("--as-of", &args.as_of)?;
    let key = Key { account_id: args.account.as_str().into(), as_of, subscription_id: None };
    let stage = progress.stage("leaving out each fact in turn", 0);
    let explained = compute::explain(&source.history, &key, &args.name)?;
    drop(stage);
    Ok(text(&explained, args, as_of))
}

fn text(explained: &Explanation, args: &ExplainArgs, as_of: Timestamp) -> String {
    let Explanation { spec, value, behind, n_known, late } = explained;
    let missing = || "missing".to_owned();
    let mut text = String::new();
    line(
        &mut text,
        format_args!(
            "{} of {} at {as_of}: {}",
            spec.name,
            args.account,
            value.clone().unwrap_or_else(missing)
        ),
    );
    let unit = if spec.unit.is_empty() { String::new() } else { format!(" In {}.", spec.unit) };
    line(&mut text, format_args!("{}{unit} From {}.", spec.meaning, spec.source));
    line(
        &mut text,
        format_args!(
            "{} known, {} of them {} the value{}",
            counted(*n_known, "fact was", "facts were"),
            if behind.is_empty() { "none".to_owned() } else { count(behind.len()) },
            if behind.len() > 1 { "change" } else { "changes" },
            if behind.is_empty() { "." } else { ":" }
        ),
    );
    let header = ["known at", "happened", "without it", "table", "fact"].map(str::to_owned).to_vec();
    let shown = |time: Option<Timestamp>| match time {
        Some(time) if time >= as_of => format!("{time}{LATER}"),
        Some(time) => time.to_string(),
        None => String::new(),
    };
    let rows = behind.iter().take(args.rows).map(|one| {
        let Behind { fact, without } = one;
        let times = [shown(fact.visible_at()), shown(fact.happened_at())];
        let without = without.clone().unwrap_or_else(missing);
        times.into_iter().chain([without, table(fact, spec), columns(fact, as_of)]).collect()
    });
    if !behind.is_empty() {
        let rows: Vec<_> = std::iter::once(header).chain(rows).collect();
        let align = [Align::Left, Align::Left, Align::Right, Align::Left, Align::Left];
        let rows = aligned(&align, &rows);
        text.push_str(&rows);
        if rows.contains(LATER) {
            line(
                &mut text,
                format_args!(
                    "{LATER} of a later day, or of the day of the export: never used as if it had been known"
                ),
            );
        }
    } else if *n_known > 0 {
        line(&mut text, format_args!("What one of them tells others tell, too, or it does not matter here."));
    }
    if behind.len() > args.rows {
        line(&mut text, format_args!("… and {} more; --rows lists them", count(behind.len() - args.rows)));
    }
    if !late.is_empty() {
        line(
            &mut text,
            format_args!(
                "{} more had happened before {as_of}, became known only later and {} not count.",
                count(late.len()),
                if late.len() == 1 { "does" } else { "do" }
            ),
        );
    }
    text
}

/// The table that the fact stands in; daily sums are usage too.
fn table(fact: &Fact, spec: &FeatureSpec) -> String {
    let is_daily = matches!(fact, Fact::Usage(_)) && spec.source == "usage_daily";
    if is_daily { spec.source.clone() } else { fact.table().to_owned() }
}

/// Marks what is not before the observation.
const LATER: char = '†';

/// The columns of a fact that hold something, but the times that are shown beside it. A row tells what became of it
/// later, too: that is marked.
fn columns(fact: &Fact, as_of: Timestamp) -> String {
    let Ok(serde_json::Value::Object(tagged)) = serde_json::to_value(fact) else { return String::new() };
    let happened = fact.happened_at().map(|time| time.to_string());
    let mut shown = Vec::new();
    for (name, value) in tagged.values().filter_map(serde_json::Value::as_object).flatten() {
        let is_single = name == "count" && value.as_f64() == Some(1.0);
        let is_shown_beside =
            name == "visible_at" || value.as_str().is_some_and(|text| happened.as_deref() == Some(text));
        if value.is_null() || is_single || is_shown_beside {
            continue;
        }
        let (text, number) = (value.as_str(), value.as_f64());
        let cell = match (text, number) {
            (Some(text), _) if WORDS.contains(&name.as_str()) => word(text),
            (Some(text), _) => text.to_owned(),
            (None, Some(number)) => number.to_string(),
            (None, None) => value.to_string(),
        };
        let is_of_today = matches!(fact, Fact::Subscription(_)) && OF_TODAY.contains(&name.as_str());
        let is_later = is_of_today || text.is_some_and(|text| is_later(name, text, as_of));
        let mark = if is_later { LATER.to_string() } else { String::new() };
        shown.push(format!("{name}={cell}{mark}"));
    }
    shown.join(" ")
}

/// Whether a column holds a time that is not before the observation.
fn is_later(name: &str, text: &str, as_of: Timestamp) -> bool {
    let is_time = name.ends_with("_at") || name.ends_with("_end");
    is_time && Timestamp::parse(text).is_ok_and(|time| time >= as_of)
}

/// The columns of a subscription that an export tells of its own day.
const OF_TODAY: [&str; 6] =
    ["auto_renew", "current_term_end", "current_term_start", "mrr", "plan", "quantity"];

/// The columns that hold words of the contract.
const WORDS: [&str; 11] = [
    "activity_type",
    "channel",
    "event_type",
    "initiated_by",
    "kind",
    "opportunity_type",
    "outcome",
    "priority",
    "role",
    "state",
    "status",
];

/// A word as the contract writes it: `QbrHeld` is `qbr_held`.
fn word(name: &str) -> String {
    let mut word = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.extend(letter.to_lowercase());
    }
    word
}

fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string never fails.
    let _ = writeln!(text, "{arguments}");
}
