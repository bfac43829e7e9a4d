//! The tables of the contract, in the order in which they are read and reported.

use super::words::{self, names};
use super::{ColumnKind, ColumnSchema, EventTime, Presence, Range, TableSchema, Tense};

use ColumnKind::{Boolean, Date, Id, Money, MonthlyMoney, Number, Rating, Text, Time, Whole, Words};
use Range::{Any, Months, NonNegative, Propensity, Signed};

const HAPPENED: ColumnKind = Time(Tense::Past);
const PLANNED: ColumnKind = Time(Tense::Planned);

/// When a row became visible, in any table.
const RECORDED_AT: ColumnSchema = optional("recorded_at", HAPPENED, &[]);

const NOTHING_MORE: TableSchema = TableSchema {
    name: "",
    columns: &[],
    event_time: EventTime::Timeless,
    unique: None,
    one_of: &[],
    in_order: &[],
};

/// All tables.
pub const TABLES: &[TableSchema] = &[
    TableSchema {
        name: "id_map",
        columns: &[
            required("account_id", Id, &[]),
            required("alias", Id, &["source_id", "tool_id", "external_id"]),
            optional("table", Text, &[]),
        ],
        ..NOTHING_MORE
    },
    TableSchema {
        name: "subscriptions",
        columns: &[
            required("subscription_id", Id, &["id"]),
            required("account_id", Id, &["customer", "customer_id", "AccountId"]),
            optional("plan", Text, &["plan_id"]),
            optional("quantity", Number(NonNegative), &["plan_quantity", "seats"]),
            required("mrr", MonthlyMoney("arr"), &[]),
            optional("currency", Text, &["currency_code", "CurrencyIsoCode"]),
            optional("billing_period_months", Whole(Months), &["ContractTerm"]),
            required("started_at", PLANNED, &["start_date", "StartDate"]),
            optional("current_term_start", PLANNED, &["current_period_start"]),
            optional("current_term_end", PLANNED, &["current_period_end", "EndDate"]),
            optional("auto_renew", Boolean, &[]),
            optional("cancel_requested_at", HAPPENED, &["canceled_at", "cancelled_at"]),
            optional("ended_at", PLANNED, &[]),
            optional("cancel_reason", Text, &[]),
            optional("cancel_type", Words(&names(&words::CANCEL_TYPES)), &[]),
            optional("status", Text, &[]),
            RECORDED_AT,
        ],
        event_time: EventTime::At("started_at"),
        unique: Some("subscription_id"),
        one_of: &[&["current_term_end", "billing_period_months"]],
        in_order: &[("started_at", "ended_at"), ("current_term_start", "current_term_end")],
    },
    TableSchema {
        name: "subscription_events",
        columns: &[
            required("subscription_id", Id, &[]),
            required("account_id", Id, &["customer", "customer_id", "AccountId"]),
            required("type", Words(&names(&words::EVENT_TYPES)), &["event_type"]),
            optional("mrr_before", Money(NonNegative), &[]),
            optional("mrr_after", Money(NonNegative), &[]),
            optional("term_end", PLANNED, &[]),
            required("effective_at", PLANNED, &[]),
            RECORDED_AT,
        ],
        event_time: EventTime::At("effective_at"),
        ..NOTHING_MORE
    },
    TableSchema {
        name: "accounts",
        columns: &[
            required("account_id", Id, &["id", "hs_object_id"]),
            optional("parent_account_id", Id, &["ParentId"]),
            optional("name", Text, &[]),
            optional("created_at", HAPPENED, &["CreatedDate", "createdate"]),
            optional("industry", Text, &[]),
            optional("country", Text, &["BillingCountry"]),
            optional("employee_count", Whole(NonNegative), &["NumberOfEmployees"]),
            optional("tier", Words(&names(&words::TIERS)), &[]),
            optional("is_strategic", Boolean, &[]),
            optional("strategic_reviewed_at", Date(Tense::Past), &[]),
            optional("csm_id", Id, &["OwnerId", "hubspot_owner_id"]),
        ],
        unique: Some("account_id"),
        ..NOTHING_MORE
    },
    TableSchema {
        name: "account_history",
        columns: &[
            required("account_id", Id, &["AccountId"]),
            required("field", Text, &[]),
            optional("value", Text, &["NewValue"]),
            required("valid_from", PLANNED, &["CreatedDate"]),
            RECORDED_AT,
        ],
        event_time: EventTime::At("valid_from"),
        ..NOTHING_MORE
    },
    TableSchema {
        name: "usage_events",
        columns: &[
            required("account_id", Id, &["groupId", "group_id"]),
            optional("user_id", Id, &["userId", "distinct_id"]),
            required("event", Text, &["event_type"]),
            required("occurred_at", HAPPENED, &["timestamp", "event_time"]),
            optional("recorded_at", HAPPENED, &["received_at", "receivedAt", "server_upload_time"]),
            optional("value", Number(Any), &[]),
            optional("channel", Words(&names(&words::CHANNELS)), &[]),
        ],
        event_time: EventTime::At("occurred_at"),
        ..NOTHING_MORE
    },
    TableSchema {
        name: "usage_daily",
        columns: &[
            required("account_id", Id, &[]),
            required("date", Date(Tense::Past), &[]),
            required("event", Text, &[]),
            required("count", Whole(NonNegative), &[]),
            optional("active_users", Whole(NonNegative), &[]),
            optional("value", Number(Any), &[]),
            optional("channel", Words(&names(&words::CHANNELS)), &[]),
            RECORDED_AT,
        ],
        event_time: EventTime::DayOf("date"),
        ..NOTHING_MORE
    },
    TableSchema {
        name: "tickets",
        columns: &[
            required("ticket_id", Id, &["id"]),
            required("account_id", Id, &["organization_id", "AccountId"]),
            required("created_at", HAPPENED, &["CreatedDate", "createdate"]),
            optional("solved_at", HAPPENED, &["ClosedDate", "closed_date"]),
            optional("status", Text, &[]),
            optional("priority", Words(&names(&words::PRIORITIES)), &[]),
            optional("is_escalated", Boolean, &["IsEscalated"]),
            optional("escalated_at", HAPPENED, &[]),
            optional("reopens", Whole(NonNegative), &[]),
            optional("reply_time_minutes", Number(NonNegative), &["reply_time_in_minutes"]),
            optional("satisfaction_score", Rating, &["satisfaction_rating"]),
            optional("sentiment", Number(Signed), &[]),
            RECORDED_AT,
        ],
        event_time: EventTime::At("created_at"),
        unique: Some("ticket_id"),
        in_order: &[("created_at", "solved_at"), ("created_at", "escalated_at")],
        ..NOTHING_MORE
    },
    TableSchema {
        name: "contacts",
        columns: &[
            required("contact_id", Id, &["id"]),
            required("account_id", Id, &["AccountId"]),
            optional("role", Words(&names(&words::CONTACT_ROLES)), &[]),
            optional("title", Text, &["jobtitle"]),
            optional("created_at", HAPPENED, &["CreatedDate", "createdate"]),
            optional("left_at", HAPPENED, &[]),
            RECORDED_AT,
        ],
        event_time: EventTime::At("created_at"),
        unique: Some("contact_id"),
        one_of: &[&["created_at", "recorded_at"]],
        ..NOTHING_MORE
    },
    TableSchema {
        name: "activities",
        columns: &[
            required("activity_id", Id, &["id", "hs_object_id"]),
            required("account_id", Id, &["AccountId"]),
            optional("contact_id", Id, &["WhoId"]),
            required("type", Words(&names(&words::ACTIVITY_TYPES)), &[]),
            required("occurred_at", PLANNED, &["ActivityDate", "hs_timestamp"]),
            optional("initiated_by", Words(&names(&words::INITIATORS)), &[]),
            optional("is_automated", Boolean, &[]),
            optional("status", Words(&names(&words::ACTIVITY_STATUSES)), &[]),
            optional("response_hours", Number(NonNegative), &[]),
            optional("sentiment", Number(Signed), &[]),
            RECORDED_AT,
        ],
        event_time: EventTime::At("occurred_at"),
        unique: Some("activity_id"),
        ..NOTHING_MORE
    },
    TableSchema {
        name: "surveys",
        columns: &[
            required("account_id", Id, &["AccountId"]),
            optional("contact_id", Id, &[]),
            optional("kind", Words(&names(&words::SURVEY_KINDS)), &[]),
            required("score", Number(Any), &[]),
            required("responded_at", HAPPENED, &[]),
            RECORDED_AT,
        ],
        event_time: EventTime::At("responded_at"),
        ..NOTHING_MORE
    },
    TableSchema {
        name: "invoices",
        columns: &[
            required("invoice_id", Id, &["id"]),
            required("account_id", Id, &["customer", "customer_id"]),
            required("amount_due", Money(Any), &["total"]),
            optional("amount_paid", Money(Any), &[]),
            optional("currency", Text, &["currency_code"]),
            required("created_at", HAPPENED, &["created", "date"]),
            optional("due_at", PLANNED, &["due_date"]),
            optional("paid_at", HAPPENED, &["status_transitions.paid_at"]),
            optional("attempt_count", Whole(NonNegative), &[]),
            optional("failure_code", Text, &[]),
            RECORDED_AT,
        ],
        event_time: EventTime::At("created_at"),
        unique: Some("invoice_id"),
        ..NOTHING_MORE
    },
    TableSchema {
        name: "opportunities",
        columns: &[
            required("opportunity_id", Id, &["id"]),
            required("account_id", Id, &["AccountId"]),
            required("type", Words(&names(&words::OPPORTUNITY_TYPES)), &[]),
            optional("stage", Text, &["StageName"]),
            optional("amount", Money(Any), &[]),
            required("created_at", HAPPENED, &["CreatedDate"]),
            optional("closed_at", PLANNED, &["CloseDate"]),
            optional("is_won", Boolean, &["IsWon"]),
            RECORDED_AT,
        ],
        event_time: EventTime::At("created_at"),
        unique: Some("opportunity_id"),
        ..NOTHING_MORE
    },
    TableSchema {
        name: "milestones",
        columns: &[
            required("account_id", Id, &[]),
            required("milestone", Text, &[]),
            required("kind", Words(&names(&words::MILESTONE_KINDS)), &[]),
            optional("target_at", PLANNED, &[]),
            optional("achieved_at", HAPPENED, &[]),
            optional("value", Number(Any), &[]),
            RECORDED_AT,
        ],
        event_time: EventTime::Earliest { plan: "target_at", done: "achieved_at" },
        one_of: &[&["target_at", "achieved_at"]],
        ..NOTHING_MORE
    },
    TableSchema {
        name: "account_states",
        columns: &[
            required("account_id", Id, &[]),
            required("state", Words(&names(&words::STATE_KINDS)), &[]),
            required("started_at", PLANNED, &[]),
            optional("ended_at", PLANNED, &[]),
            optional("value", Text, &[]),
            RECORDED_AT,
        ],
        event_time: EventTime::At("started_at"),
        in_order: &[("started_at", "ended_at")],
        ..NOTHING_MORE
    },
    TableSchema {
        name: "interventions",
        columns: &[
            required("account_id", Id, &[]),
            required("action", Text, &[]),
            required("arm", Words(&names(&words::ARMS)), &[]),
            optional("propensity", Number(Propensity), &[]),
            required("assigned_at", HAPPENED, &[]),
            optional("delivered_at", HAPPENED, &[]),
            optional("channel", Text, &[]),
            optional("is_automated", Boolean, &[]),
            optional("approved_by", Text, &[]),
            optional("cost", Money(NonNegative), &[]),
            RECORDED_AT,
        ],
        event_time: EventTime::At("assigned_at"),
        ..NOTHING_MORE
    },
    TableSchema {
        name: "labels",
        columns: &[
            required("account_id", Id, &[]),
            required("term_end", PLANNED, &[]),
            required("outcome", Words(&names(&words::OUTCOMES)), &[]),
            optional("churn_type", Words(&names(&words::CHURN_TYPES)), &[]),
            optional("decided_at", HAPPENED, &[]),
        ],
        event_time: EventTime::At("decided_at"),
        ..NOTHING_MORE
    },
];

const fn required(name: &'static str, kind: ColumnKind, aliases: &'static [&'static str]) -> ColumnSchema {
    ColumnSchema { name, kind, presence: Presence::Required, aliases }
}

const fn optional(name: &'static str, kind: ColumnKind, aliases: &'static [&'static str]) -> ColumnSchema {
    ColumnSchema { name, kind, presence: Presence::Optional, aliases }
}
