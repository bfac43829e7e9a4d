//! The declarations as a page for people: `docs/features.md`.

use std::fmt::Write;

use super::declared::{CURRENCY, Declared, Needs};
use super::events::{self, NamedEvent};
use super::plan::declarations;
use crate::history::MutableColumn;
use crate::spec::{Dimension, Direction, Role};

const HEAD: &str = "\
# The features

Generated from the declarations in `features/src/compute`; a test holds it. To write it again:
`cargo run --quiet --package holdfast-features --example catalogue > docs/features.md`.

Every feature is computed at an observation date from what was known before it. Windows end at the observation (with daily sums of
usage, at its midnight). A value is *missing*, never 0, where the account has no facts at all in the table: nobody is silent in a channel
never used. The column *risk* says which way the risk moves with the value, where that is known: learners keep it.
";

const EVENTS: &str = "
## Usage, each of the most used events (`usage_events` or `usage_daily`)

The `features.max_events` events that most accounts use get features of their own; EVENT stands for the name. Those of quantities exist
only where the event carries any. Missing where the account never used the event.
";

const CONTEXT: &str = "
## For decisions only

Health, signals, plays and guardrails read these; no model learns from them.
";

/// `docs/features.md`.
#[must_use]
pub fn catalogue() -> String {
    let mut page = HEAD.to_owned();
    let mut places: Vec<(Option<Dimension>, String)> = Vec::new();
    for declared in declarations().filter(|declared| is_learnt(declared)) {
        let place = (declared.dimension, table(declared));
        if !places.contains(&place) {
            places.push(place);
        }
    }
    // The sort is stable: tables stay in the order of their declarations.
    places.sort_by_key(|(dimension, _)| *dimension);
    for (dimension, source) in places {
        let name = dimension.map_or("", Dimension::name);
        let title = name[..1].to_uppercase() + &name[1..];
        let rows = declarations()
            .filter(|declared| is_learnt(declared))
            .filter(|declared| (declared.dimension, table(declared)) == (dimension, source.clone()));
        section(&mut page, &format!("\n## {title} ({source})\n"), rows.map(row));
    }
    let any = NamedEvent { name: "EVENT".into(), has_value: true };
    let measures = events::specs(&any, "").into_iter().map(|spec| {
        [code(&spec.name), spec.unit, risk(spec.direction).to_owned(), spec.meaning]
            .map(|cell| escaped(&cell))
    });
    section(&mut page, EVENTS, measures);
    section(&mut page, CONTEXT, declarations().filter(|declared| !is_learnt(declared)).map(row));
    page
}

fn is_learnt(declared: &Declared) -> bool {
    declared.role == Role::Feature
}

/// The table as code.
fn table(declared: &Declared) -> String {
    match declared.needs {
        Needs::Usage => "`usage_events` or `usage_daily`".to_owned(),
        Needs::Table(table) | Needs::ContextWithout(table) => code(table),
    }
}

fn row(declared: &Declared) -> [String; 4] {
    let unit = if declared.unit == CURRENCY { "money" } else { declared.unit };
    let today: Vec<String> = declared.of_today.iter().map(|column| code(column.name())).collect();
    let today = match (declared.of_today, today.as_slice()) {
        ([], _) => String::new(),
        ([MutableColumn::Mrr], _) => {
            " Learnt from where `subscription_events` tell the MRR, or `mrr` is configured constant."
                .to_owned()
        }
        (_, columns) => format!(" Learnt from only where {} is configured constant.", columns.join(" and ")),
    };
    let meaning = format!("{}{today}", declared.meaning);
    [code(declared.name), unit.to_owned(), risk(declared.direction).to_owned(), meaning]
        .map(|cell| escaped(&cell))
}

fn risk(direction: Direction) -> &'static str {
    match direction {
        Direction::RaisesRisk => "rises",
        Direction::LowersRisk => "falls",
        Direction::Unknown => "",
    }
}

fn code(name: &str) -> String {
    format!("`{name}`")
}

fn escaped(cell: &str) -> String {
    cell.replace('|', "\\|")
}

fn section(page: &mut String, head: &str, rows: impl Iterator<Item = [String; 4]>) {
    page.push_str(head);
    page.push_str("\n| feature | unit | risk | meaning |\n|---|---|---|---|\n");
    for row in rows {
        // Writing to a string never fails.
        let _ = writeln!(page, "| {} |", row.join(" | "));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_committed_page_is_that_of_the_declarations() {
        let committed = include_str!("../../../docs/features.md");
        assert!(committed == catalogue(), "docs/features.md is old: its head says how to write it again");
    }

    #[test]
    fn names_are_unique_and_every_dimension_has_features() {
        let names: BTreeSet<&str> = declarations().map(|declared| declared.name).collect();
        assert_eq!(names.len(), declarations().count());
        for dimension in Dimension::ALL {
            let n = declarations().filter(|one| is_learnt(one) && one.dimension == Some(dimension)).count();
            assert!(n >= 5, "{n} features of {dimension:?}");
        }
    }
}
