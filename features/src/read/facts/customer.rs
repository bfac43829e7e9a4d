//! Rows about the account itself, its people, and what they do.

use crate::history::{
    Account, AccountFacts, AccountState, Activity, Contact, FieldChange, Milestone, Survey, Text, Ticket,
    Usage,
};
use crate::read::check::Batch;
use crate::read::contract::words;

use super::{UsedRow, each};

pub(super) fn accounts(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let (parent, name) = (batch.text("parent_account_id"), batch.text("name"));
    let (industry, country) = (batch.text("industry"), batch.text("country"));
    let (created_at, reviewed_at) = (batch.at("created_at"), batch.at("strategic_reviewed_at"));
    let (employee_count, is_strategic) = (batch.number("employee_count"), batch.boolean("is_strategic"));
    let tier = batch.meaning("tier", &words::TIERS);
    let csm_id = batch.text("csm_id");
    each(rows, facts, |UsedRow { row, .. }, facts| {
        facts.account = Some(Account {
            parent_account_id: parent.at(row),
            name: name.at(row),
            created_at: created_at.at(row),
            industry: industry.at(row),
            country: country.at(row),
            employee_count: employee_count.at(row),
            tier: tier(row).map(Text::from),
            is_strategic: is_strategic.at(row),
            strategic_reviewed_at: reviewed_at.at(row),
            csm_id: csm_id.at(row),
            candidates: Vec::new(),
        });
        Some(())
    });
}

pub(super) fn account_history(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let (field, value) = (batch.text("field"), batch.text("value"));
    let valid_from = batch.at("valid_from");
    each(rows, facts, |UsedRow { row, visible_at, .. }, facts| {
        facts.field_changes.push(FieldChange {
            visible_at,
            field: field.at(row)?,
            value: value.at(row),
            valid_from: valid_from.at(row)?,
        });
        Some(())
    });
}

pub(super) fn usage_events(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let (user_id, event) = (batch.text("user_id"), batch.text("event"));
    let (occurred_at, value) = (batch.at("occurred_at"), batch.number("value"));
    let channel = batch.meaning("channel", &words::CHANNELS);
    each(rows, facts, |UsedRow { row, visible_at, .. }, facts| {
        facts.usage.push(Usage {
            visible_at,
            occurred_at: occurred_at.at(row)?,
            user_id: user_id.at(row),
            event: event.at(row)?,
            count: 1.0,
            active_users: None,
            value: value.at(row),
            channel: channel(row),
        });
        Some(())
    });
}

pub(super) fn usage_daily(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let (date, event) = (batch.at("date"), batch.text("event"));
    let (count, active_users) = (batch.number("count"), batch.number("active_users"));
    let value = batch.number("value");
    let channel = batch.meaning("channel", &words::CHANNELS);
    each(rows, facts, |UsedRow { row, visible_at, .. }, facts| {
        facts.usage.push(Usage {
            visible_at,
            occurred_at: date.at(row)?,
            user_id: None,
            event: event.at(row)?,
            count: count.at(row)?,
            active_users: active_users.at(row),
            value: value.at(row),
            channel: channel(row),
        });
        Some(())
    });
}

pub(super) fn tickets(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let (ticket_id, created_at) = (batch.text("ticket_id"), batch.at("created_at"));
    let (solved_at, escalated_at) = (batch.at("solved_at"), batch.at("escalated_at"));
    let priority = batch.meaning("priority", &words::PRIORITIES);
    let (reopens, reply_time) = (batch.number("reopens"), batch.number("reply_time_minutes"));
    let (satisfaction, sentiment) = (batch.number("satisfaction_score"), batch.number("sentiment"));
    each(rows, facts, |UsedRow { row, visible_at, .. }, facts| {
        facts.tickets.push(Ticket {
            visible_at,
            ticket_id: ticket_id.at(row)?,
            created_at: created_at.at(row)?,
            solved_at: solved_at.at(row),
            priority: priority(row),
            escalated_at: escalated_at.at(row),
            reopens: reopens.at(row),
            reply_time_minutes: reply_time.at(row),
            satisfaction_score: satisfaction.at(row),
            sentiment: sentiment.at(row),
        });
        Some(())
    });
}

pub(super) fn contacts(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let (contact_id, title) = (batch.text("contact_id"), batch.text("title"));
    let role = batch.meaning("role", &words::CONTACT_ROLES);
    let (created_at, left_at) = (batch.at("created_at"), batch.at("left_at"));
    each(rows, facts, |UsedRow { row, visible_at, .. }, facts| {
        facts.contacts.push(Contact {
            visible_at,
            contact_id: contact_id.at(row)?,
            role: role(row),
            title: title.at(row),
            created_at: created_at.at(row).unwrap_or(visible_at),
            left_at: left_at.at(row),
        });
        Some(())
    });
}

pub(super) fn activities(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let (activity_id, contact_id) = (batch.text("activity_id"), batch.text("contact_id"));
    let activity_type = batch.meaning("type", &words::ACTIVITY_TYPES);
    let occurred_at = batch.at("occurred_at");
    let initiated_by = batch.meaning("initiated_by", &words::INITIATORS);
    let is_automated = batch.boolean("is_automated");
    let status = batch.meaning("status", &words::ACTIVITY_STATUSES);
    let (response_hours, sentiment) = (batch.number("response_hours"), batch.number("sentiment"));
    each(rows, facts, |UsedRow { row, visible_at, .. }, facts| {
        facts.activities.push(Activity {
            visible_at,
            activity_id: activity_id.at(row)?,
            contact_id: contact_id.at(row),
            activity_type: activity_type(row)?,
            occurred_at: occurred_at.at(row)?,
            initiated_by: initiated_by(row),
            is_automated: is_automated.at(row),
            status: status(row),
            response_hours: response_hours.at(row),
            sentiment: sentiment.at(row),
        });
        Some(())
    });
}

pub(super) fn surveys(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let (contact_id, score) = (batch.text("contact_id"), batch.number("score"));
    let kind = batch.meaning("kind", &words::SURVEY_KINDS);
    let responded_at = batch.at("responded_at");
    each(rows, facts, |UsedRow { row, visible_at, .. }, facts| {
        facts.surveys.push(Survey {
            visible_at,
            contact_id: contact_id.at(row),
            kind: kind(row),
            score: score.at(row)?,
            responded_at: responded_at.at(row)?,
        });
        Some(())
    });
}

pub(super) fn milestones(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let (milestone, value) = (batch.text("milestone"), batch.number("value"));
    let kind = batch.meaning("kind", &words::MILESTONE_KINDS);
    let (target_at, achieved_at) = (batch.at("target_at"), batch.at("achieved_at"));
    each(rows, facts, |UsedRow { row, visible_at, .. }, facts| {
        facts.milestones.push(Milestone {
            visible_at,
            milestone: milestone.at(row)?,
            kind: kind(row)?,
            target_at: target_at.at(row),
            achieved_at: achieved_at.at(row),
            value: value.at(row),
        });
        Some(())
    });
}

pub(super) fn account_states(batch: &Batch, rows: &[UsedRow], facts: &mut [AccountFacts]) {
    let state = batch.meaning("state", &words::STATE_KINDS);
    let (started_at, ended_at) = (batch.at("started_at"), batch.at("ended_at"));
    let value = batch.text("value");
    each(rows, facts, |UsedRow { row, visible_at, .. }, facts| {
        facts.states.push(AccountState {
            visible_at,
            state: state(row)?,
            started_at: started_at.at(row)?,
            ended_at: ended_at.at(row),
            value: value.at(row),
        });
        Some(())
    });
}
