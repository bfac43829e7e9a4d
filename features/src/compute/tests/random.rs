//! Random histories with every table filled, and random things that nobody could know yet.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::summary;
use crate::history::*;
use crate::time::{DAY, Timestamp};

/// The first day of the random histories.
pub(super) const START: Timestamp = Timestamp(19_000 * DAY);
/// Every table that features are made from, usage as single events.
const TABLES: [&str; 14] = [
    "subscriptions",
    "subscription_events",
    "accounts",
    "account_history",
    "usage_events",
    "tickets",
    "contacts",
    "activities",
    "surveys",
    "invoices",
    "opportunities",
    "milestones",
    "account_states",
    "interventions",
];

/// When a random fact happens and becomes known.
#[derive(Clone, Copy)]
pub(super) enum When {
    /// Somewhere in 400 days, known at once or up to 20 days later.
    Any,
    /// Known at the time or after, whenever it happened.
    UnknownAt(Timestamp),
}

fn maybe<T>(rng: &mut ChaCha8Rng, value: T) -> Option<T> {
    rng.random_bool(0.7).then_some(value)
}

fn time(rng: &mut ChaCha8Rng) -> Timestamp {
    // Half of the times are midnights: ties and edges of windows are likely then.
    let exact = START + rng.random_range(0..400 * DAY);
    if rng.random_bool(0.5) { exact.midnight() } else { exact }
}

fn later(rng: &mut ChaCha8Rng, than: Timestamp, days: i64) -> Timestamp {
    than + rng.random_range(0..days * DAY)
}

/// (happened, known)
fn moment(rng: &mut ChaCha8Rng, when: When) -> (Timestamp, Timestamp) {
    let happened = time(rng);
    let late = if rng.random_bool(0.6) { happened } else { later(rng, happened, 20) };
    match when {
        When::Any => (happened, late),
        When::UnknownAt(as_of) => (happened, late.max(as_of)),
    }
}

fn name(rng: &mut ChaCha8Rng, names: &[&str]) -> Text {
    names.choose(rng).copied().unwrap_or("none").into()
}

fn pick<T: Copy>(rng: &mut ChaCha8Rng, items: &[T]) -> T {
    items[rng.random_range(0..items.len())]
}

fn amount(rng: &mut ChaCha8Rng) -> f64 {
    rng.random_range(0.0..1_000.0)
}

/// Adds up to `most` rows to every table of the account.
pub(super) fn add(rng: &mut ChaCha8Rng, facts: &mut AccountFacts, most: usize, when: When) {
    for _ in 0..rng.random_range(0..=most) {
        commercial(rng, facts, when);
        customer(rng, facts, when);
    }
    sort(facts);
}

fn commercial(rng: &mut ChaCha8Rng, facts: &mut AccountFacts, when: When) {
    use SubscriptionEventType as Type;
    let (at, known) = moment(rng, when);
    let end = later(rng, at, 500);
    facts.subscriptions.push(Subscription {
        visible_at: known,
        subscription_id: format!("s{}", facts.subscriptions.len()).into(),
        plan: maybe(rng, "pro".into()),
        quantity: maybe(rng, 10.0),
        mrr: amount(rng),
        billing_period_months: Some(pick(rng, &[1, 3, 12])),
        started_at: at,
        current_term_start: None,
        current_term_end: maybe(rng, end),
        auto_renew: maybe(rng, true),
        cancel_requested_at: maybe(rng, end.plus_days(-10)),
        ended_at: maybe(rng, end),
        cancel_reason: None,
        is_voluntary: None,
    });
    let (at, known) = moment(rng, when);
    facts.subscription_events.push(SubscriptionEvent {
        visible_at: known,
        subscription_id: name(rng, &["s0", "s1", "s2"]),
        event_type: pick(
            rng,
            &[
                Type::New,
                Type::Renewal,
                Type::Expansion,
                Type::Contraction,
                Type::Churn,
                Type::Pause,
                Type::Reactivation,
                Type::CancelRequested,
            ],
        ),
        mrr_before: Some(amount(rng)),
        mrr_after: Some(amount(rng)),
        term_end: Some(later(rng, at, 400)),
        effective_at: at,
    });
    let (at, known) = moment(rng, when);
    let (due, paid) = (at.plus_days(30), later(rng, at, 90));
    facts.invoices.push(Invoice {
        visible_at: known,
        invoice_id: format!("i{}", facts.invoices.len()).into(),
        amount_due: if rng.random_bool(0.9) { amount(rng) } else { -amount(rng) },
        amount_paid: maybe(rng, 10.0),
        created_at: at,
        due_at: maybe(rng, due),
        paid_at: maybe(rng, paid),
        attempt_count: maybe(rng, 3.0),
        failure_code: maybe(rng, "declined".into()),
    });
    let (at, known) = moment(rng, when);
    let closed = later(rng, at, 200);
    facts.opportunities.push(Opportunity {
        visible_at: known,
        opportunity_id: format!("o{}", facts.opportunities.len()).into(),
        opportunity_type: pick(
            rng,
            &[OpportunityType::Renewal, OpportunityType::Expansion, OpportunityType::New],
        ),
        amount: maybe(rng, 500.0),
        created_at: at,
        closed_at: maybe(rng, closed),
        is_won: pick(rng, &[Some(true), Some(false), None]),
    });
    let (at, known) = moment(rng, when);
    facts.field_changes.push(FieldChange {
        visible_at: known,
        field: name(rng, &["tier", "csm_id"]),
        value: Some(name(rng, &["high_touch", "low_touch"])),
        valid_from: at,
    });
    let (at, known) = moment(rng, when);
    let ended = later(rng, at, 100);
    facts.states.push(AccountState {
        visible_at: known,
        state: pick(rng, &[StateKind::ActiveEscalation, StateKind::LegalHold, StateKind::ManualHealth]),
        started_at: at,
        ended_at: maybe(rng, ended),
        value: maybe(rng, "amber".into()),
    });
    let (at, known) = moment(rng, when);
    let delivered = later(rng, at, 10);
    facts.interventions.push(Intervention {
        visible_at: known,
        action: "call".into(),
        is_treatment: true,
        propensity: None,
        assigned_at: at,
        delivered_at: maybe(rng, delivered),
        channel: None,
        is_automated: None,
        cost: None,
    });
}

fn customer(rng: &mut ChaCha8Rng, facts: &mut AccountFacts, when: When) {
    for _ in 0..8 {
        let (at, known) = moment(rng, when);
        facts.usage.push(Usage {
            visible_at: known,
            occurred_at: at,
            user_id: Some(name(rng, &["u1", "u2", "u3"])),
            event: name(rng, &["login", "export", "report"]),
            count: pick(rng, &[1.0, 2.5]),
            active_users: maybe(rng, 4.0),
            value: maybe(rng, 0.1),
            channel: Some(pick(rng, &[Channel::Ui, Channel::Api, Channel::Mobile, Channel::Integration])),
        });
    }
    let (at, known) = moment(rng, when);
    let (solved, escalated) = (later(rng, at, 60), later(rng, at, 30));
    facts.tickets.push(Ticket {
        visible_at: known,
        ticket_id: format!("t{}", facts.tickets.len()).into(),
        created_at: at,
        solved_at: maybe(rng, solved),
        priority: Some(pick(rng, &[Priority::Low, Priority::Normal, Priority::High, Priority::Urgent])),
        escalated_at: maybe(rng, escalated),
        reopens: maybe(rng, 1.0),
        reply_time_minutes: maybe(rng, 30.0),
        satisfaction_score: pick(rng, &[Some(4.0), Some(1.0), None]),
        sentiment: pick(rng, &[Some(0.3), Some(-0.4), None]),
    });
    let (at, known) = moment(rng, when);
    let left = later(rng, at, 300);
    facts.contacts.push(Contact {
        visible_at: known,
        contact_id: format!("c{}", facts.contacts.len()).into(),
        role: Some(pick(rng, &[ContactRole::ExecutiveSponsor, ContactRole::Champion])),
        title: pick(rng, &[Some("CEO"), Some("Head of Data"), Some("Analyst"), None]).map(Text::from),
        created_at: at,
        left_at: maybe(rng, left),
    });
    let (at, known) = moment(rng, when);
    use ActivityType as Kind;
    facts.activities.push(Activity {
        visible_at: known,
        activity_id: format!("a{}", facts.activities.len()).into(),
        contact_id: Some(name(rng, &["c0", "c1", "c2"])),
        activity_type: pick(
            rng,
            &[
                Kind::Email,
                Kind::Email,
                Kind::Call,
                Kind::Meeting,
                Kind::Qbr,
                Kind::Training,
                Kind::Community,
            ],
        ),
        occurred_at: at,
        initiated_by: Some(pick(rng, &[Initiator::Customer, Initiator::Vendor])),
        is_automated: pick(rng, &[Some(false), Some(false), Some(true), None]),
        status: pick(rng, &[Some(ActivityStatus::Completed), Some(ActivityStatus::NoShow), None]),
        response_hours: maybe(rng, 100.0),
        sentiment: pick(rng, &[Some(-0.2), Some(0.6), None]),
    });
    let (at, known) = moment(rng, when);
    facts.surveys.push(Survey {
        visible_at: known,
        contact_id: Some(name(rng, &["c0", "c1", "c2"])),
        kind: pick(rng, &[Some(SurveyKind::Nps), Some(SurveyKind::Csat), Some(SurveyKind::Ces), None]),
        score: f64::from(rng.random_range(0_u8..=10)),
        responded_at: at,
    });
    let (at, known) = moment(rng, when);
    let achieved = later(rng, at, 60);
    facts.milestones.push(Milestone {
        visible_at: known,
        milestone: name(rng, &["m1", "m2"]),
        kind: pick(
            rng,
            &[
                MilestoneKind::Onboarding,
                MilestoneKind::Outcome,
                MilestoneKind::Training,
                MilestoneKind::Roi,
                MilestoneKind::Commitment,
            ],
        ),
        target_at: Some(later(rng, at, 90)),
        achieved_at: maybe(rng, achieved),
        value: maybe(rng, 2.0),
    });
}

/// Changes what happens to known facts at `as_of` or after: nobody could know it.
pub(super) fn change_the_future(rng: &mut ChaCha8Rng, facts: &mut AccountFacts, as_of: Timestamp) {
    let mut another = |time: &mut Option<Timestamp>| {
        if time.is_none_or(|time| time >= as_of) {
            *time = if rng.random_bool(0.5) { Some(later(rng, as_of, 100)) } else { None };
        }
    };
    for one in &mut facts.tickets {
        another(&mut one.escalated_at);
        another(&mut one.solved_at);
    }
    for one in &mut facts.invoices {
        another(&mut one.paid_at);
    }
    for one in &mut facts.opportunities {
        another(&mut one.closed_at);
    }
    for one in &mut facts.subscriptions {
        another(&mut one.ended_at);
        another(&mut one.cancel_requested_at);
    }
    facts.contacts.iter_mut().for_each(|one| another(&mut one.left_at));
    facts.milestones.iter_mut().for_each(|one| another(&mut one.achieved_at));
    facts.states.iter_mut().for_each(|one| another(&mut one.ended_at));
    for one in &mut facts.activities {
        let answered = one.response_hours.map(|hours| one.occurred_at.days_since(as_of) + hours / 24.0);
        if answered.is_some_and(|days| days >= 0.0) {
            one.response_hours = Some(1_000.0);
        }
    }
    change_today(rng, facts, as_of);
}

/// Changes the cells that have no time of their own, as an export long after `as_of` may show them.
pub(super) fn change_today(rng: &mut ChaCha8Rng, facts: &mut AccountFacts, as_of: Timestamp) {
    for one in &mut facts.subscriptions {
        one.auto_renew = maybe(rng, false);
        one.quantity = maybe(rng, 0.0);
        one.mrr = if rng.random_bool(0.5) { 0.0 } else { amount(rng) };
        one.plan = maybe(rng, "ended".into());
        one.cancel_reason = Some("changed".into());
        one.is_voluntary = Some(false);
    }
    for one in facts.invoices.iter_mut().filter(|one| one.paid_at.is_none_or(|paid| paid >= as_of)) {
        (one.attempt_count, one.failure_code) = (Some(99.0), Some("closed".into()));
        one.amount_paid = maybe(rng, 1.0);
    }
    for one in facts.tickets.iter_mut().filter(|one| one.solved_at.is_none_or(|solved| solved >= as_of)) {
        (one.satisfaction_score, one.sentiment, one.reopens) = (Some(-9.0), Some(-1.0), Some(9.0));
        one.reply_time_minutes = Some(1e6);
    }
    for one in facts.opportunities.iter_mut().filter(|one| one.closed_at.is_none_or(|at| at >= as_of)) {
        one.is_won = Some(false);
    }
}

/// The order that the reader gives: by the time of knowledge, ties by content.
pub(super) fn sort(facts: &mut AccountFacts) {
    fn by<T: std::fmt::Debug>(rows: &mut [T], visible_at: impl Fn(&T) -> Timestamp) {
        rows.sort_by_cached_key(|row| (visible_at(row), format!("{row:?}")));
    }
    by(&mut facts.subscriptions, |row| row.visible_at);
    by(&mut facts.subscription_events, |row| row.visible_at);
    by(&mut facts.field_changes, |row| row.visible_at);
    by(&mut facts.usage, |row| row.visible_at);
    by(&mut facts.tickets, |row| row.visible_at);
    by(&mut facts.contacts, |row| row.visible_at);
    by(&mut facts.activities, |row| row.visible_at);
    by(&mut facts.surveys, |row| row.visible_at);
    by(&mut facts.invoices, |row| row.visible_at);
    by(&mut facts.opportunities, |row| row.visible_at);
    by(&mut facts.milestones, |row| row.visible_at);
    by(&mut facts.states, |row| row.visible_at);
    by(&mut facts.interventions, |row| row.visible_at);
}

/// `n` accounts `a00`, `a01` … with up to `most` rows in each table (usage: eight times that).
pub(super) fn history(rng: &mut ChaCha8Rng, n: usize, most: usize) -> History {
    let accounts = (0..n).map(|index| {
        let mut facts = AccountFacts { account_id: format!("a{index:02}").into(), ..AccountFacts::default() };
        add(rng, &mut facts, most, When::Any);
        facts
    });
    History {
        store: None,
        book: None,
        accounts: accounts.collect(),
        until: Some(START.plus_days(500)),
        currency: Some("EUR".into()),
        tables: TABLES.map(summary).to_vec(),
        candidate_columns: Vec::new(),
        constant_subscription_columns: Vec::new(),
    }
}
