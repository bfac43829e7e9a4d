//! `features explain`: the facts behind one value.

use std::fmt::Write;

use holdfast_features::Timestamp;
use holdfast_features::compute::{self, Explanation, Key};
use holdfast_features::store::Fact;

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
            "{} facts were known, {} of them change the value:",
            count(*n_known),
            count(behind.len())
        ),
    );
    let header = ["known at", "without it", "table", "fact"].map(str::to_owned).to_vec();
    let rows = behind.iter().take(args.rows).map(|one| {
        let known_at = one.fact.visible_at().map_or_else(String::new, |time| time.to_string());
        let without = one.without.clone().unwrap_or_else(missing);
        vec![known_at, without, one.fact.table().to_owned(), fact(&one.fact)]
    });
    if !behind.is_empty() {
        let rows: Vec<_> = std::iter::once(header).chain(rows).collect();
        text.push_str(&aligned(&[Align::Left, Align::Right, Align::Left, Align::Left], &rows));
    }
    if behind.len() > args.rows {
        line(&mut text, format_args!("… and {} more; --rows lists them", count(behind.len() - args.rows)));
    }
    if !late.is_empty() {
        line(
            &mut text,
            format_args!(
                "{} more had happened before {as_of} but became known only later, and do not count.",
                count(late.len())
            ),
        );
    }
    text
}

/// The columns of a fact that hold something.
fn fact(fact: &Fact) -> String {
    let Ok(serde_json::Value::Object(tagged)) = serde_json::to_value(fact) else { return String::new() };
    let mut shown = Vec::new();
    for columns in tagged.values().filter_map(serde_json::Value::as_object) {
        for (name, value) in columns.iter().filter(|(name, value)| *name != "visible_at" && !value.is_null())
        {
            match value {
                serde_json::Value::String(text) => shown.push(format!("{name}={text}")),
                other => shown.push(format!("{name}={other}")),
            }
        }
    }
    shown.join(" ")
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string never fails.
    let _ = writeln!(text, "{arguments}");
}
