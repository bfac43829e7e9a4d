//! One function a signal: the features that it reads, its condition and its words.

use super::{Evidence, Peers, Signal, SignalConfig, SignalKind};

/// Thresholds on computed shares forgive rounding: 80 of 100 is a fall of 20 %.
const ROUNDING: f64 = 1e-9;

/// Answers with a feature's value by name; `None` where it is absent or missing.
type Numbers<'a> = &'a dyn Fn(&str) -> Option<f64>;

pub(super) fn all(number: Numbers<'_>, config: &SignalConfig, peers: Peers) -> Vec<Signal> {
    [
        usage_decline(number, config),
        support_spike(number, config),
        feature_adopted(number),
        exploration_spike(number, config),
        adoption_stall(number, config, peers),
        sponsor_silent(number, config),
        sponsor_left(number, config),
        champion_left(number, config),
        qbr_missed(number, config),
        response_slowing(number, config),
        sentiment_falling(number, config),
        nps_detractor(number, config),
        payment_late(number, config),
        over_capacity(number, config),
        under_used(number, config),
        milestone_missed(number, config),
        first_value_late(number, config),
        renewal_near(number, config),
        cancel_requested(number),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn health_drop(before: f64, now: f64, config: &SignalConfig) -> Option<Signal> {
    let points = before - now;
    (points >= config.health_drop).then(|| {
        let evidence = vec![
            fact("health", now, "points", None, format!("health {} now", shown(now))),
            fact(
                "health",
                before,
                "points",
                Some(30),
                format!("health {} within 30 days before", shown(before)),
            ),
        ];
        let text = format!(
            "Health fell {} points ({} → {}) within 30 days",
            shown(points),
            shown(before),
            shown(now)
        );
        signal(SignalKind::HealthDrop, evidence, text)
    })
}

fn usage_decline(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let fall = |now: &'static str, before: &'static str, what: &'static str, unit, least: f64| {
        let (now_value, before_value) = (number(now)?, number(before)?);
        let share = 1.0 - now_value / before_value;
        (before_value >= least && share >= config.usage_decline - ROUNDING).then(|| {
            let text = format!(
                "{what} fell {} ({} → {}) in the last 14 days against the 14 before",
                percent(share),
                shown(before_value),
                shown(now_value)
            );
            let facts = [
                windowed(now, now_value, unit, 14, "in the last 14 days"),
                windowed(before, before_value, unit, 14, "in the 14 days before"),
            ];
            (text, facts)
        })
    };
    let users = fall("users_14d", "users_prior_14d", "Active users", "users", config.usage_decline_users);
    let events =
        fall("events_14d", "events_prior_14d", "Usage events", "events", config.usage_decline_events);
    let found: Vec<_> = [users, events].into_iter().flatten().collect();
    let text = found.first()?.0.clone();
    let evidence = found.into_iter().flat_map(|(_, facts)| facts).collect();
    Some(signal(SignalKind::UsageDecline, evidence, text))
}

fn support_spike(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let tickets = number("tickets_7d")?;
    (tickets >= config.support_spike_tickets).then(|| {
        let evidence = vec![windowed("tickets_7d", tickets, "tickets", 7, "in the last 7 days")];
        let text = format!("{} tickets were opened in the last 7 days", shown(tickets));
        signal(SignalKind::SupportSpike, evidence, text)
    })
}

fn feature_adopted(number: Numbers<'_>) -> Option<Signal> {
    let adopted = number("adopted_events_28d")?;
    (adopted >= 1.0).then(|| {
        let evidence = vec![windowed("adopted_events_28d", adopted, "events", 28, "adopted in 28 days")];
        let text = format!("{} never used before, now in use on 3 days or more", count(adopted, "event"));
        signal(SignalKind::FeatureAdopted, evidence, text)
    })
}

fn exploration_spike(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let (now, before) = (number("distinct_events_14d")?, number("distinct_events_prior_14d")?);
    let rise = now / before - 1.0;
    (before >= config.exploration_spike_events && rise >= config.exploration_spike - ROUNDING).then(|| {
        let evidence = vec![
            windowed("distinct_events_14d", now, "events", 14, "in the last 14 days"),
            windowed("distinct_events_prior_14d", before, "events", 14, "in the 14 days before"),
        ];
        let text = format!(
            "Distinct events used rose {} ({} → {}) in the last 14 days against the 14 before",
            percent(rise),
            shown(before),
            shown(now)
        );
        signal(SignalKind::ExplorationSpike, evidence, text)
    })
}

fn adoption_stall(number: Numbers<'_>, config: &SignalConfig, peers: Peers) -> Option<Signal> {
    let days = number("days_since_new_event")?;
    let breadth = number("distinct_events_28d")?;
    let (usual, whose) = match peers.median_distinct_events_28d {
        Some(median) => (median, "the median of its segment"),
        None => (number("distinct_events_90d")?, "its own last 90 days"),
    };
    (days >= config.adoption_stall_days && breadth < usual).then(|| {
        let evidence = vec![
            fact(
                "days_since_new_event",
                days,
                "days",
                None,
                format!("{} days without a new event", whole(days)),
            ),
            windowed("distinct_events_28d", breadth, "events", 28, "used in 28 days"),
        ];
        let text = format!(
            "Nothing new was used for {} days; {} in 28 days against {} ({whose})",
            whole(days),
            count(breadth, "distinct event"),
            shown(usual)
        );
        signal(SignalKind::AdoptionStall, evidence, text)
    })
}

fn sponsor_silent(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let days = number("days_since_sponsor_contact")?;
    let present = number("sponsor_present")? >= 1.0;
    (present && days >= config.sponsor_silent_days).then(|| {
        let words = format!("{} days since the executive sponsor was in touch", whole(days));
        let evidence = vec![fact("days_since_sponsor_contact", days, "days", None, words)];
        let text = format!("The executive sponsor has not been in touch for {} days", whole(days));
        signal(SignalKind::SponsorSilent, evidence, text)
    })
}

fn sponsor_left(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let days = number("days_since_sponsor_left")?;
    let gone = number("sponsor_present")? < 1.0 && days <= config.recent_days;
    gone.then(|| {
        let text = format!("The executive sponsor left {} days ago and nobody followed", whole(days));
        let evidence = vec![fact("days_since_sponsor_left", days, "days", None, text.clone())];
        signal(SignalKind::SponsorLeft, evidence, text)
    })
}

fn champion_left(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let days = number("days_since_champion_left")?;
    let gone = number("champion_present")? < 1.0 && days <= config.recent_days;
    gone.then(|| {
        let text = format!("The champion left {} days ago and nobody followed", whole(days));
        let evidence = vec![fact("days_since_champion_left", days, "days", None, text.clone())];
        signal(SignalKind::ChampionLeft, evidence, text)
    })
}

fn qbr_missed(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let missed = number("days_since_qbr_missed")?;
    let held_since = number("days_since_qbr").is_some_and(|held| held < missed);
    (!held_since && missed <= config.recent_days).then(|| {
        let text = format!("The business review {} days ago did not take place", whole(missed));
        let evidence = vec![fact("days_since_qbr_missed", missed, "days", None, text.clone())];
        signal(SignalKind::QbrMissed, evidence, text)
    })
}

fn response_slowing(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let (now, before) = (number("response_hours_28d")?, number("response_hours_prior_90d")?);
    (before > 0.0 && now / before >= config.response_slowing).then(|| {
        let evidence = vec![
            windowed("response_hours_28d", now, "hours", 28, "to an answer (median) in 28 days"),
            windowed("response_hours_prior_90d", before, "hours", 90, "in the 90 days before"),
        ];
        let text = format!(
            "Answers take {} times as long ({} → {} hours, median) in the last 28 days as in the 90 before",
            shown(now / before),
            shown(before),
            shown(now)
        );
        signal(SignalKind::ResponseSlowing, evidence, text)
    })
}

fn sentiment_falling(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let (now, before) = (number("sentiment_28d")?, number("sentiment_prior_90d")?);
    (before - now >= config.sentiment_fall - ROUNDING).then(|| {
        let evidence = vec![
            fact("sentiment_28d", now, "score", Some(28), format!("sentiment {now:.2} in the last 28 days")),
            fact(
                "sentiment_prior_90d",
                before,
                "score",
                Some(90),
                format!("{before:.2} in the 90 days before"),
            ),
        ];
        let text = format!("Sentiment fell from {before:.2} to {now:.2} in the last 28 days");
        signal(SignalKind::SentimentFalling, evidence, text)
    })
}

fn nps_detractor(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let (score, days) = (number("nps_latest")?, number("days_since_nps")?);
    (score <= config.nps_detractor && days <= config.nps_days).then(|| {
        let text = format!("The latest NPS answer, {} days ago, was {}", whole(days), shown(score));
        let evidence = vec![
            fact("nps_latest", score, "score", None, text.clone()),
            fact("days_since_nps", days, "days", None, format!("answered {} days ago", whole(days))),
        ];
        signal(SignalKind::NpsDetractor, evidence, text)
    })
}

fn payment_late(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let overdue = number("max_days_overdue").filter(|&days| days > config.payment_late_days);
    let attempts = number("open_invoice_attempts").filter(|&attempts| attempts >= config.payment_attempts);
    let mut evidence = Vec::new();
    if let Some(days) = overdue {
        let words = format!("an invoice is {} days overdue", whole(days));
        evidence.push(fact("max_days_overdue", days, "days", None, words));
    }
    if let Some(attempts) = attempts {
        let words = format!("{} collection attempts on an open invoice", shown(attempts));
        evidence.push(fact("open_invoice_attempts", attempts, "attempts", None, words));
    }
    let text = evidence.iter().map(|fact| fact.text.as_str()).collect::<Vec<_>>().join("; ");
    (!evidence.is_empty()).then(|| signal(SignalKind::PaymentLate, evidence, capitalised(&text)))
}

fn over_capacity(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let share = number("seats_active_share_28d")?;
    (share >= config.over_capacity).then(|| {
        let text = format!("{} of the seats were in use in the last 28 days", percent(share));
        signal(SignalKind::OverCapacity, seats_evidence(number, share, &text), text)
    })
}

fn under_used(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let share = number("seats_active_share_28d")?;
    (share <= config.under_used).then(|| {
        let text = format!("Only {} of the seats were in use in the last 28 days", percent(share));
        signal(SignalKind::UnderUsed, seats_evidence(number, share, &text), text)
    })
}

fn seats_evidence(number: Numbers<'_>, share: f64, text: &str) -> Vec<Evidence> {
    let mut evidence = vec![fact("seats_active_share_28d", share, "share", Some(28), text.to_owned())];
    if let Some(users) = number("users_28d") {
        evidence.push(windowed("users_28d", users, "users", 28, "in the last 28 days"));
    }
    if let Some(seats) = number("seats") {
        evidence.push(fact("seats", seats, "seats", None, format!("{} seats", shown(seats))));
    }
    evidence
}

fn milestone_missed(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let days = number("days_since_milestone_missed")?;
    let open = number("milestones_overdue")?;
    (open >= 1.0 && days <= config.recent_days).then(|| {
        let evidence = vec![
            fact(
                "milestones_overdue",
                open,
                "milestones",
                None,
                format!("{} overdue", count(open, "milestone")),
            ),
            fact(
                "days_since_milestone_missed",
                days,
                "days",
                None,
                format!("latest {} days ago", whole(days)),
            ),
        ];
        let text = format!(
            "{} overdue and not reached, the latest for {} days",
            count(open, "milestone"),
            whole(days)
        );
        signal(SignalKind::MilestoneMissed, evidence, text)
    })
}

fn first_value_late(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let reached = number("first_value_reached")?;
    let tenure = number("tenure_days")?;
    (reached < 1.0 && tenure >= config.first_value_days).then(|| {
        let text = format!("No first value {} days after the start", whole(tenure));
        let evidence = vec![
            fact("first_value_reached", reached, "", None, "no first value reached".to_owned()),
            fact("tenure_days", tenure, "days", None, format!("{} days since the start", whole(tenure))),
        ];
        signal(SignalKind::FirstValueLate, evidence, text)
    })
}

fn renewal_near(number: Numbers<'_>, config: &SignalConfig) -> Option<Signal> {
    let days = number("days_to_term_end")?;
    let long = number("term_months")? >= config.renewal_term_months;
    (long && days <= config.renewal_near_days).then(|| {
        let text = if days < 0.0 {
            format!("The renewal is {} days overdue", whole(-days))
        } else {
            format!("The term ends in {} days", whole(days))
        };
        let evidence = vec![fact("days_to_term_end", days, "days", None, text.clone())];
        signal(SignalKind::RenewalNear, evidence, text)
    })
}

fn cancel_requested(number: Numbers<'_>) -> Option<Signal> {
    let requested = number("cancel_requested")?;
    (requested >= 1.0).then(|| {
        let text = "The customer asked to cancel".to_owned();
        let evidence = vec![fact("cancel_requested", requested, "", None, text.clone())];
        signal(SignalKind::CancelRequested, evidence, text)
    })
}

fn signal(kind: SignalKind, evidence: Vec<Evidence>, text: String) -> Signal {
    Signal { kind, dimension: kind.dimension(), evidence, text }
}

fn fact(
    feature: &'static str,
    value: f64,
    unit: &'static str,
    window_days: Option<u32>,
    text: String,
) -> Evidence {
    Evidence { feature, value, unit, window_days, text }
}

fn windowed(feature: &'static str, value: f64, unit: &'static str, days: u32, when: &str) -> Evidence {
    fact(feature, value, unit, Some(days), format!("{} {unit} {when}", shown(value)))
}

/// A number as a reader wants it: whole where it is whole, else one decimal.
fn shown(value: f64) -> String {
    if (value - value.round()).abs() < 1e-9 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn whole(days: f64) -> String {
    format!("{:.0}", days.floor())
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn count(number: f64, what: &str) -> String {
    let is_one = (number - 1.0).abs() < f64::EPSILON;
    let plural = if is_one { "" } else { "s" };
    format!("{} {what}{plural}", shown(number))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests;
