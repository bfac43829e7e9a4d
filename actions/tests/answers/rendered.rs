//! An answer as a reader would want it, for snapshots.

use std::fmt::Write;

use holdfast_actions::{Answer, Reason};

pub(crate) fn rendered(answer: &Answer) -> String {
    let mut text = String::new();
    let assessment = &answer.assessment;
    let mut line = |words: String| writeln!(text, "{words}").unwrap();
    line(format!("churn {:.2}", assessment.prediction.probability));
    line(format!("stage {:?}", assessment.stage.map(|placement| placement.stage)));
    line(format!("health {:.0?} sparse {}", assessment.health.overall, assessment.health.data_sparse));
    for dimension in &assessment.health.dimensions {
        line(format!(
            "  {} {:.0?} weight {:.2}",
            dimension.dimension.name(),
            dimension.score,
            dimension.weight
        ));
    }
    line(format!("band {} ({})", assessment.band.name(), assessment.band_reasons.join("; ")));
    assessment.signals.iter().for_each(|signal| line(format!("signal {}", signal.text)));
    let reasons = &answer.reasons;
    for (title, list) in
        [("for", &reasons.raising), ("against", &reasons.lowering), ("no data", &reasons.no_data)]
    {
        list.iter().for_each(|reason: &Reason| line(format!("{title}: {}", without_figures(&reason.text))));
    }
    for (rank, action) in answer.actions.iter().enumerate() {
        line(format!("{}. {} [{}] {:?}", rank + 1, action.title, action.play, action.delivery));
        line(format!(
            "   due {} ({:.0} h) by {} via {}",
            action.due_at,
            action.due_within_hours,
            action.owner_role,
            action.channel.name()
        ));
        if let Some(why) = &action.approval {
            line(format!("   approval: {why}"));
        }
        action.reasons.iter().for_each(|why| line(format!("   because: {why}")));
        line(format!("   says: {}", action.talking_points[0]));
    }
    for held in &answer.suppressed {
        line(format!("held back {} by {}: {}", held.play, held.guardrail.name(), without_money(&held.why)));
    }
    if let Some(escalation) = &answer.escalation {
        escalation.reasons.iter().for_each(|(trigger, why)| line(format!("escalate {trigger:?}: {why}")));
    }
    answer.notes.iter().for_each(|note| line(format!("note {note}")));
    text
}

/// Odds depend on the learner's last digits; the words before them do not.
fn without_figures(text: &str) -> String {
    let cut = ["Raises", "Lowers", "Multiplies"].iter().filter_map(|verb| text.find(verb)).min();
    cut.map_or(text, |end| text[..end].trim_end()).to_owned()
}

fn without_money(text: &str) -> &str {
    text.split(" and is expected").next().unwrap_or(text)
}
