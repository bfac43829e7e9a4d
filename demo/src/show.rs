//! Answers as text for a terminal.

use chrono::DateTime;
use holdfast_proto::v1::{
    Action, Band, Channel, Dimension, Health, Reason, RecommendResponse, Score, Stage, SuppressedAction,
};
use prost_types::Timestamp;

use crate::ask::Contract;

/// The width of every line.
pub(crate) const WIDTH: usize = 100;
/// Reasons in either direction.
const SHOWN_REASONS: usize = 4;
/// Log-odds below which a reason is not worth a line.
const TELLING: f64 = 0.02;
/// Cells of the bar that shows a probability.
const BAR: usize = 28;

/// One account: who it is, how likely it leaves, why, and what to do.
pub(crate) fn card(
    rank: usize,
    contract: &Contract,
    truth: Option<f64>,
    answer: &RecommendResponse,
) -> String {
    let mut lines = Vec::new();
    if let Some(score) = &answer.score {
        lines.push(headline(rank, score, contract));
        lines.push(String::new());
        lines.extend(risk(score, contract, truth));
        lines.extend(score.health.as_ref().map(health));
    }
    for (title, sign, reasons) in
        [("Why", '+', &answer.reasons_for), ("What speaks against", '−', &answer.reasons_against)]
    {
        let telling: Vec<&Reason> =
            reasons.iter().filter(|reason| reason.logit.abs() >= TELLING).take(SHOWN_REASONS).collect();
        if !telling.is_empty() {
            lines.push(String::new());
            lines.push(format!("   {title}"));
            lines.extend(telling.into_iter().flat_map(|reason| reason_lines(sign, reason)));
        }
    }
    if !answer.signals.is_empty() {
        lines.push(String::new());
        lines.push("   Signals".to_owned());
        lines.extend(answer.signals.iter().take(5).flat_map(|signal| wrapped("     ! ", &signal.text)));
    }
    lines.push(String::new());
    match answer.actions.first() {
        Some(action) => lines.extend(action_lines(action, &answer.currency)),
        None => lines.push("   Next best action: none is worth its effort now.".to_owned()),
    }
    let others: Vec<&str> =
        answer.actions.iter().skip(1).take(3).map(|action| action.title.as_str()).collect();
    if !others.is_empty() {
        lines.extend(wrapped("     then    ", &others.join(" · ")));
    }
    lines.extend(answer.suppressed.iter().take(2).flat_map(held_back));
    if let Some(escalation) = &answer.escalation {
        lines.extend(escalation.reasons.iter().flat_map(|reason| wrapped("     escalate  ", &reason.text)));
    }
    lines.extend(answer.notes.iter().flat_map(|note| wrapped("     note    ", note)));
    lines.join("\n") + "\n"
}

fn headline(rank: usize, score: &Score, contract: &Contract) -> String {
    let mut parts = vec![score.account_id.clone()];
    parts.extend(contract.tier.as_deref().map(|tier| tier.replace('_', " ")));
    parts.extend(contract.plan.as_deref().map(|plan| format!("{plan} plan")));
    parts.extend(contract.arr.map(|arr| format!("{} a year", money(arr, contract.currency.as_deref()))));
    parts.extend(contract.days_to_term_end.map(|days| match days {
        ..0.0 => format!("renewal overdue by {}", in_days(-days)),
        _ => format!("term ends in {}", in_days(days)),
    }));
    let title = format!("── {rank} ── {} ", parts.join(" · "));
    let rest = WIDTH.saturating_sub(title.chars().count());
    title + &"─".repeat(rest)
}

fn risk(score: &Score, contract: &Contract, truth: Option<f64>) -> Vec<String> {
    let is_at_term_end =
        contract.days_to_term_end.is_some_and(|days| days.ceil().max(0.0) == f64::from(score.horizon_days));
    let question = match score.horizon_days {
        _ if is_at_term_end => "risk of no renewal at the end of its term".to_owned(),
        0 => "churn risk".to_owned(),
        days => format!("churn risk within {days} days"),
    };
    let mut lines = vec![format!(
        "   {}  {}  {question}  (evidence {} to {})",
        percent(score.probability),
        bar(score.probability),
        percent(score.p_low),
        percent(score.p_high)
    )];
    if let Some(truth) = truth {
        lines.push(format!(
            "   {}  {}  the simulation's own truth, which no model sees",
            percent(truth),
            bar(truth)
        ));
    }
    let place = match (score.stage(), score.underlying_stage()) {
        (stage, under) if stage == under => stage_name(stage).to_owned(),
        (stage, under) => format!("{} (over {})", stage_name(stage), stage_name(under)),
    };
    lines.push(format!("   {} · stage {place}", band_name(score.band())));
    lines
}

fn health(health: &Health) -> String {
    let score = |score: Option<f64>| score.map_or("no data".to_owned(), |score| format!("{score:.0}"));
    let parts = health
        .dimensions
        .iter()
        .map(|part| format!("{} {}", dimension_name(part.dimension()), score(part.score)));
    let sparse = if health.data_sparse { " · little data" } else { "" };
    let parts: Vec<String> = parts.collect();
    format!("   health {} of 100: {}{sparse}", score(health.overall), parts.join(" · "))
}

fn reason_lines(sign: char, reason: &Reason) -> Vec<String> {
    wrapped(&format!("     {sign} {:<13}", dimension_name(reason.dimension())), &reason.text)
}

fn action_lines(action: &Action, currency: &str) -> Vec<String> {
    let mut lines = vec![format!("   Next best action: {}", action.title)];
    let due = action.due_at.as_ref().and_then(date).map_or(String::new(), |day| format!(" (by {day})"));
    let how = format!(
        "{}, {}, within {}{due}",
        action.owner_role.replace('_', " "),
        channel_name(action.channel()),
        hours(action.due_within_hours)
    );
    lines.extend(wrapped("     who     ", &how));
    if let Some(saved) = action.expected_saved_arr {
        let worth = format!("{} expected to be saved after cost", money(saved, Some(currency)));
        lines.extend(wrapped("     worth   ", &worth));
    }
    lines.extend(action.reasons.iter().take(3).flat_map(|reason| wrapped("     because ", reason)));
    if let Some(reason) = &action.approval_reason {
        lines.extend(wrapped("     approve ", reason));
    }
    for (number, step) in action.steps.iter().enumerate() {
        lines.extend(wrapped(&format!("     {}. ", number + 1), step));
    }
    lines.extend(action.talking_points.iter().take(3).flat_map(|point| wrapped("     say     ", point)));
    lines
}

fn held_back(suppressed: &SuppressedAction) -> Vec<String> {
    let text =
        format!("{} ({}): {}", suppressed.title, suppressed.guardrail.replace('_', " "), suppressed.reason);
    wrapped("     held    ", &text)
}

/// `text` behind `lead`, broken between words at [`WIDTH`]; further lines are indented as far as the first.
fn wrapped(lead: &str, text: &str) -> Vec<String> {
    let indent = lead.chars().count();
    let mut lines = Vec::new();
    let mut line = lead.to_owned();
    let mut is_first = true;
    for word in text.split_whitespace() {
        let needed = line.chars().count() + word.chars().count() + usize::from(!is_first);
        if !is_first && needed > WIDTH {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            is_first = true;
        }
        if !is_first {
            line.push(' ');
        }
        line.push_str(word);
        is_first = false;
    }
    lines.push(line);
    lines
}

fn bar(probability: f64) -> String {
    let filled = (0..BAR).filter(|&cell| (cell as f64 + 0.5) / (BAR as f64) < probability).count();
    "█".repeat(filled) + &"░".repeat(BAR - filled)
}

fn percent(probability: f64) -> String {
    format!("{:>3.0} %", probability * 100.0)
}

fn hours(hours: f64) -> String {
    if hours <= 48.0 { format!("{hours:.0} hours") } else { in_days(hours / 24.0) }
}

fn in_days(days: f64) -> String {
    let days = days.round();
    if days == 1.0 { "1 day".to_owned() } else { format!("{days:.0} days") }
}

/// An amount without cents, thousands separated.
fn money(amount: f64, currency: Option<&str>) -> String {
    let digits = format!("{:.0}", amount.abs());
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if amount <= -0.5 { "−" } else { "" };
    format!("{sign}{grouped} {}", currency.unwrap_or_default()).trim_end().to_owned()
}

fn date(time: &Timestamp) -> Option<String> {
    DateTime::from_timestamp(time.seconds, 0).map(|time| time.format("%Y-%m-%d").to_string())
}

fn dimension_name(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Unspecified => "general",
        Dimension::Usage => "usage",
        Dimension::Engagement => "engagement",
        Dimension::Financial => "financial",
        Dimension::Relationship => "relationship",
    }
}

fn band_name(band: Band) -> &'static str {
    match band {
        Band::Unspecified => "band not known",
        Band::Healthy => "healthy",
        Band::LowRisk => "low risk",
        Band::MediumRisk => "medium risk",
        Band::HighRisk => "high risk",
    }
}

fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Unspecified => "in any way",
        Channel::Email => "by e-mail",
        Channel::InApp => "in the product",
        Channel::Call => "by call",
        Channel::Meeting => "in a meeting",
        Channel::Webinar => "in a webinar",
        Channel::Training => "in a training",
        Channel::Internal => "internally",
    }
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Unspecified => "not known",
        Stage::Onboarding => "onboarding",
        Stage::Adoption => "adoption",
        Stage::ValueRealisation => "value realisation",
        Stage::Expansion => "expansion",
        Stage::Renewal => "renewal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_break_between_words_under_their_first_line() {
        let text = "word ".repeat(40);
        let lines = wrapped("  lead  ", &text);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert!(lines[1].starts_with("        word"));
        assert_eq!(wrapped("  lead", "").len(), 1);
    }

    #[test]
    fn one_day_is_singular() {
        assert_eq!(
            (in_days(1.2), in_days(0.0), hours(72.0)),
            ("1 day".into(), "0 days".into(), "3 days".into())
        );
    }

    #[test]
    fn amounts_are_grouped() {
        assert_eq!(money(1_234_567.4, Some("USD")), "1,234,567 USD");
        assert_eq!(money(-999.6, None), "−1,000");
        assert_eq!(money(0.0, Some("EUR")), "0 EUR");
    }

    #[test]
    fn a_card_says_who_how_likely_why_and_what_to_do() {
        let score = Score {
            account_id: "acct-1".to_owned(),
            probability: 0.75,
            p_low: 0.5,
            p_high: 0.9,
            horizon_days: 90,
            band: Band::HighRisk.into(),
            ..Score::default()
        };
        let reason = Reason {
            dimension: Dimension::Relationship.into(),
            logit: 0.7,
            text: "The executive sponsor left 12 days ago.".to_owned(),
            ..Reason::default()
        };
        let action = Action {
            title: "Win a new sponsor".to_owned(),
            owner_role: "csm".to_owned(),
            channel: Channel::Call.into(),
            due_within_hours: 24.0,
            ..Action::default()
        };
        let answer = RecommendResponse {
            score: Some(score),
            reasons_for: vec![reason],
            actions: vec![action],
            notes: vec!["The last review is 200 days old".to_owned()],
            ..RecommendResponse::default()
        };
        let contract =
            Contract { arr: Some(24_000.0), currency: Some("USD".to_owned()), ..Contract::default() };
        let text = card(1, &contract, Some(0.8), &answer);
        for part in [
            "acct-1 · 24,000 USD a year",
            " 75 %",
            " 80 %",
            "high risk",
            "sponsor left",
            "within 24 hours",
            "note    The last review",
        ] {
            assert!(text.contains(part), "{part} is missing from\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }
}
