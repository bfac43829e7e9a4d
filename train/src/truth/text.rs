//! The verdicts as aligned tables.

use std::fmt::Write;

use super::Verdict;
use super::expected::Expected;
use super::judged::Business;
use super::promise::worst_stage;
use crate::columns::{Align, aligned, count, percent};
use crate::lead_time::{LeadTime, THRESHOLDS, median};
use crate::scorings::LeadTimes;

/// A block a scenario, then a line each.
#[must_use]
pub fn text(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        text.push_str(&block(verdict));
        text.push('\n');
    }
    text.push_str(&summary(verdicts));
    text
}

fn block(verdict: &Verdict) -> String {
    let businesses = &verdict.businesses;
    let seeds = match businesses.len() {
        1 => String::new(),
        several => format!(", median of {several} seeds"),
    };
    let middle =
        |of: &dyn Fn(&Business) -> Option<f64>| figure(median(businesses.iter().filter_map(of).collect()));
    let row = |name: &str, of: fn(&Expected) -> Option<f64>| {
        vec![
            name.to_owned(),
            middle(&|business| of(&business.tested.model)),
            middle(&|business| of(&business.tested.observable)),
            middle(&|business| of(&business.tested.latent)),
            middle(&|business| of(&business.later.model)),
            middle(&|business| of(&business.later.observable)),
            middle(&|business| of(&business.later.latent)),
        ]
    };
    let head = ["", "tested", "observable", "latent", "later", "observable", "latent"];
    let rows = vec![
        head.map(str::to_owned).to_vec(),
        row("AUC*", |figures| figures.auc),
        row("log loss*", |figures| Some(figures.log_loss)),
        row("Brier*", |figures| Some(figures.brier)),
        row("mean (q-p)^2", |figures| Some(figures.distance)),
        row("mean |q-p|", |figures| Some(figures.difference)),
        row("mean q - mean p", |figures| Some(figures.bias)),
        row("calibration error", |figures| Some(figures.calibration_error)),
        row("churn rate", |figures| Some(figures.base_rate)),
    ];
    let mut text = format!(
        "{}: {} accounts{seeds}; ceiling from {} rows of {} other accounts\n",
        verdict.scenario,
        count_of(verdict.n_accounts),
        count(verdict.ceiling_rows),
        count_of(verdict.ceiling_accounts),
    );
    text.push_str(&aligned(&[[Align::Left].as_slice(), &[Align::Right; 6]].concat(), &rows));
    // Writing to a string never fails.
    let _ = writeln!(
        text,
        "  claimed by the report on the tested rows: AUC {}, log loss {}",
        middle(&|business| business.claimed.auc),
        middle(&|business| business.claimed.log_loss)
    );
    for stage in businesses.first().map(|business| business.stages.as_slice()).unwrap_or_default() {
        let of = |figure: fn(&Expected) -> f64| {
            let own = |business: &Business| {
                let own = business.stages.iter().find(|other| other.stage == stage.stage)?;
                Some(figure(&own.model))
            };
            middle(&own)
        };
        let _ = writeln!(
            text,
            "  {}: calibration error {}, mean q - mean p {}, churn rate {}",
            stage.stage,
            of(|figures| figures.calibration_error),
            of(|figures| figures.bias),
            of(|figures| figures.base_rate)
        );
    }
    if businesses.iter().any(|business| business.ridge.is_some()) {
        let _ = writeln!(
            text,
            "  the ridge alone on the later rows: AUC* {}, log loss* {}",
            middle(&|business| business.ridge?.auc),
            middle(&|business| Some(business.ridge?.log_loss))
        );
    }
    text.push_str(&lead_times(businesses));
    for promise in &verdict.promises {
        let word = if promise.is_kept { "kept  " } else { "MISSED" };
        let _ = writeln!(
            text,
            "  {word} {}: {} (at most {})",
            promise.what,
            figure(Some(promise.found)),
            figure(Some(promise.at_most))
        );
    }
    for warning in businesses.first().map(|business| business.warnings.as_slice()).unwrap_or_default() {
        let _ = writeln!(text, "  warned: {warning}");
    }
    text
}

/// Share of churners caught by days ahead and ranking, medians over the businesses.
fn lead_times(businesses: &[Business]) -> String {
    let leads: Vec<&LeadTimes> = businesses.iter().filter_map(|business| business.lead.as_ref()).collect();
    let Some(first) = leads.first() else { return String::new() };
    let middle = |name: &str, of: &dyn Fn(&LeadTime) -> Option<f64>| {
        let own = leads.iter().filter_map(|lead| {
            let ranking = lead.rankings.iter().find(|ranking| ranking.name == name)?;
            of(&ranking.lead)
        });
        figure(median(own.collect()))
    };
    let mut head = vec![format!("caught at {}", percent(first.budget))];
    head.extend(THRESHOLDS.map(|days| format!(">= {days} days")));
    head.extend(["median days", "precision", "flip-flop", "accuracy"].map(str::to_owned));
    let mut rows = vec![head];
    for ranking in &first.rankings {
        let name = &ranking.name;
        let mut row = vec![name.clone()];
        row.extend((0..THRESHOLDS.len()).map(|at| middle(name, &|lead| lead.caught[at].share)));
        row.push(middle(name, &|lead| lead.median_days));
        row.push(middle(name, &|lead| lead.precision_at_first));
        row.push(middle(name, &|lead| lead.flip_flop));
        row.push(middle(name, &|lead| lead.accuracy));
        rows.push(row);
    }
    let reach: Vec<String> =
        first.rankings[0].lead.caught.iter().map(|caught| count(caught.in_reach)).collect();
    rows.push([vec!["churners in reach".to_owned()], reach].concat());
    let align = [[Align::Left].as_slice(), &[Align::Right; 9]].concat();
    let note = format!(
        "  {} scorings, {} renewals decided, {} churned; \"everybody renews\" is right {}; the field quotes 70 %, 75 %, \
         80-90 % accuracy\n",
        first.scorings,
        count(first.renewals),
        count(first.churned),
        percent(first.nobody_accuracy)
    );
    aligned(&align, &rows) + &note
}

fn summary(verdicts: &[Verdict]) -> String {
    let head =
        ["scenario", "later AUC*", "below ceiling", "calibration", "worst stage", "in use", "promises"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for verdict in verdicts {
        let middle = |of: &dyn Fn(&Business) -> Option<f64>| {
            figure(median(verdict.businesses.iter().filter_map(of).collect()))
        };
        let used = verdict.businesses.iter().filter(|business| business.is_in_use).count();
        let kept = verdict.promises.iter().filter(|promise| promise.is_kept).count();
        rows.push(vec![
            verdict.scenario.clone(),
            middle(&|business| business.later.model.auc),
            middle(&|business| Some(business.later.observable.auc? - business.later.model.auc?)),
            middle(&|business| Some(business.later.model.calibration_error)),
            middle(&worst_stage),
            format!("{used}/{}", verdict.businesses.len()),
            match verdict.promises.len() {
                0 => "measured only".to_owned(),
                all => format!("{kept} of {all} kept"),
            },
        ]);
    }
    aligned(&[[Align::Left].as_slice(), &[Align::Right; 6]].concat(), &rows)
}

fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

fn count_of(n: u32) -> String {
    count(usize::try_from(n).unwrap_or(usize::MAX))
}
