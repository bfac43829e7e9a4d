"""What each counted feature means, said in SQL a second time, from the contract and the catalogue page.

A query is a relation, one row a snapshot (`id`, `as_of`) and visible fact, and aggregates over it by feature name.
Times are microseconds since 1970. `inside(as_of, t, a, b)`: from `b` to `a` days before `as_of`. `ago(as_of, t)`:
days. Names are patterns; `{0}`, `{1}` stand for their groups.
"""

MACROS = """
CREATE MACRO inside(as_of, t, a, b) AS t >= as_of - b * 86400000000 AND t < as_of - a * 86400000000;
CREATE MACRO ago(as_of, t) AS (as_of - t)::DOUBLE / 86400000000.0;
"""

# The contract's tables: their event time, and the columns that are read here. Where no time of knowledge is given,
# a fact is known when it happens.
TABLES = {
    "usage_events": ("occurred_at", ["user_id", "event", "value:n", "channel", "received_at:t"]),
    "usage_daily": ("date", ["event", "count:n", "active_users:n", "value:n", "channel", "recorded_at:t"]),
    "tickets": (
        "created_at",
        ["solved_at:t", "priority", "escalated_at:t", "reopens:n", "recorded_at:t"],
    ),
    "activities": (
        "occurred_at",
        ["contact_id", "type", "initiated_by", "is_automated:b", "status", "response_hours:n", "recorded_at:t"],
    ),
    "surveys": ("responded_at", ["contact_id", "kind", "score:n"]),
    "milestones": (None, ["milestone", "kind", "target_at:t", "achieved_at:t", "recorded_at:t"]),
    "subscriptions": ("started_at", ["subscription_id", "ended_at:t", "recorded_at:t"]),
    "subscription_events": (
        "effective_at",
        ["subscription_id", "type", "mrr_before:n", "mrr_after:n", "recorded_at:t"],
    ),
    "invoices": (
        "created_at",
        ["amount_due:n", "due_at:t", "paid_at:t", "attempt_count:n", "failure_code", "recorded_at:t"],
    ),
    "opportunities": ("created_at", ["type", "amount:n", "closed_at:t", "is_won:b", "recorded_at:t"]),
    "contacts": ("created_at", ["contact_id", "role", "left_at:t", "recorded_at:t"]),
    "interventions": ("assigned_at", ["delivered_at:t", "recorded_at:t"]),
}

OPEN_TICKET = "(solved_at IS NULL OR solved_at >= as_of)"
MEETING = "type IN ('call', 'meeting', 'qbr')"
HELD = "(status IS NULL OR status = 'completed')"
BY_HAND = "is_automated IS DISTINCT FROM true"
OUTREACH = f"(type IN ('email', 'call', 'meeting', 'qbr') AND initiated_by = 'vendor' AND {BY_HAND})"
# Columns of the relation: the latest two-way contact and the latest meeting held, nothing where there is none.
UNANSWERED = f"{OUTREACH} AND (latest_two_way IS NULL OR t > latest_two_way)"
ANSWERED = "(t + trunc(response_hours / 24.0 * 86400000000.0))"
# When both sides took part: what the customer began, a meeting or training attended, an answer.
TWO_WAY = f"""CASE WHEN is_automated THEN NULL
    WHEN initiated_by = 'customer'
         OR ({HELD} AND type NOT IN ('email', 'community') AND (status IS NOT NULL OR initiated_by IS NULL)) THEN t
    WHEN {ANSWERED} < as_of THEN {ANSWERED} END"""
WROTE = f"""CASE WHEN type = 'email' AND initiated_by = 'customer' AND {BY_HAND} THEN t
    WHEN type = 'email' AND {ANSWERED} < as_of AND {BY_HAND} THEN {ANSWERED} END"""
PAID = "(paid_at < as_of)"
OVERDUE = "(due_at < as_of AND (paid_at IS NULL OR paid_at >= as_of))"
# Days from the due date to the payment, or to the observation.
LATE = "greatest(ago(CASE WHEN paid_at < as_of THEN paid_at ELSE as_of END, due_at), 0)"
FAILED = "(failure_code IS NOT NULL OR attempt_count > 1)"
OPEN_OPPORTUNITY = "(closed_at IS NULL OR closed_at >= as_of)"
PRESENT = "(left_at IS NULL OR left_at >= as_of)"
TRIED = "coalesce(CASE WHEN achieved_at < as_of THEN achieved_at END, CASE WHEN target_at < as_of THEN target_at END)"
REACHED = "(achieved_at < as_of)"
VALUABLE = "kind IN ('outcome', 'first_value', 'roi')"


def count(condition: str) -> str:
    return f"count(*) FILTER ({condition})"


def since(time: str, condition: str = "true") -> str:
    """Days since the latest such time before the observation; nothing where there is none."""
    return f"ago(as_of, max({time}) FILTER ({time} < as_of AND ({condition})))"


def where_any(condition: str, value: str) -> str:
    return f"CASE WHEN count(*) FILTER ({condition}) > 0 THEN {value} END"


def total(value: str, condition: str) -> str:
    return f"coalesce(sum({value}) FILTER ({condition}), 0)"


# `age`: whole days before the edge, which is the observation, or with daily sums its midnight.
USAGE = [
    (r"events_(\d+)d", total("n", "age < {0}")),
    (r"events_prior_(\d+)d", total("n", "age >= {0} AND age < 2 * {0}")),
    (r"users_(\d+)d", where_any("user_id IS NOT NULL", "count(DISTINCT user_id) FILTER (age < {0})")),
    (
        r"users_prior_(\d+)d",
        where_any("user_id IS NOT NULL", "count(DISTINCT user_id) FILTER (age >= {0} AND age < 2 * {0})"),
    ),
    (r"distinct_events_(\d+)d", "count(DISTINCT event) FILTER (age < {0})"),
    (r"distinct_events_prior_(\d+)d", "count(DISTINCT event) FILTER (age >= {0} AND age < 2 * {0})"),
    (r"value_(\d+)d", where_any("value IS NOT NULL", total("value", "age < {0}"))),
    (r"days_since_last_use", "ago(as_of, max(t))"),
    (r"days_since_first_use", "ago(as_of, min(t))"),
    (
        r"interactive_events_(\d+)d",
        where_any("channel IN ('ui', 'mobile')", total("n", "channel IN ('ui', 'mobile') AND age < {0}")),
    ),
    (
        r"events_per_user_(\d+)d",
        total("n", "age < {0}") + " / nullif(count(DISTINCT user_id) FILTER (age < {0}), 0)",
    ),
    (r"events_(\d+)d__(.+)", where_any("event = '{1}'", total("n", "event = '{1}' AND age < {0}"))),
    (r"value_(\d+)d__(.+)", where_any("event = '{1}'", total("value", "event = '{1}' AND age < {0}"))),
    (
        r"active_days_(\d+)d__(.+)",
        where_any("event = '{1}'", "count(DISTINCT age) FILTER (event = '{1}' AND n > 0 AND age < {0})"),
    ),
    (r"days_since_last_use__(.+)", since("t", "event = '{0}'")),
    (
        r"(ui|mobile|api|integration)_events_(\d+)d",
        where_any("channel = '{0}'", total("n", "channel = '{0}' AND age < {1}")),
    ),
    (r"channels_(\d+)d", where_any("channel IS NOT NULL", "count(DISTINCT channel) FILTER (age < {0})")),
    (
        r"events_per_distinct_event_(\d+)d",
        total("n", "age < {0}") + " / nullif(count(DISTINCT event) FILTER (age < {0}), 0)",
    ),
    (
        r"value_per_event_(\d+)d",
        where_any("value IS NOT NULL", total("value", "age < {0}") + " / nullif(sum(n) FILTER (age < {0}), 0)"),
    ),
]

# By day of use; `place` counts them backwards from 0.
USAGE_DAYS = [
    (r"active_days_(\d+)d", count("n > 0 AND age < {0}")),
    (
        r"active_days_change_(\d+)d",
        count("n > 0 AND age < {0}") + " - " + count("n > 0 AND age >= {0} AND age < 2 * {0}"),
    ),
    (r"busiest_day_events_(\d+)d", "coalesce(max(n) FILTER (age < {0}), 0)"),
    (
        r"events_per_active_day_(\d+)d",
        total("n", "age < {0}") + " / nullif(" + count("n > 0 AND age < {0}") + ", 0)",
    ),
    (
        r"daily_users_(\d+)d",
        "CASE WHEN bool_or(names_users) THEN "
        + total("users", "age < {0}")
        + " / nullif("
        + count("n > 0 AND age < {0}")
        + ", 0) WHEN max(most_users) IS NOT NULL THEN "
        + total("most_users", "age < {0}")
        + " / nullif("
        + count("n > 0 AND age < {0}")
        + ", 0) END",
    ),
    (r"current_streak", count("n > 0 AND age < 90 AND place = age")),
]

# By event.
USAGE_EVENTS = [
    (r"features_in_use_28d", count("days_28 >= 3")),
    (r"days_since_new_event", "ago(as_of, max(first))"),
    (r"new_events_28d", count("inside(as_of, first, 0, 28)")),
    (
        r"adopted_events_28d",
        count("inside(as_of, first, 0, 28) AND first >= first_of_all + 7 * 86400000000 AND days_28 >= 3"),
    ),
    (r"abandoned_events_28d", count("days_28 = 0 AND days_prior > 0")),
]

# By day of the week: the last one, and how much is usual in the four weeks before it.
USAGE_WEEKDAYS = [
    (r"days_below_usual_7d", count("latest < usual / 2")),
]

# By person.
USAGE_USERS = [
    (r"users_lost_28d", where_any("user_id IS NOT NULL", count("days_28 = 0 AND n_prior > 0"))),
    (r"users_new_28d", where_any("user_id IS NOT NULL", count("days_28 > 0 AND n_before = 0 AND user_id IS NOT NULL"))),
    (r"regular_users_28d", where_any("user_id IS NOT NULL", count("days_28 >= 8 AND user_id IS NOT NULL"))),
]

TICKETS = [
    (r"tickets_(\d+)d", count("inside(as_of, t, 0, {0})")),
    (r"open_tickets", count(OPEN_TICKET)),
    (r"oldest_open_ticket_days", f"coalesce(ago(as_of, min(t) FILTER ({OPEN_TICKET})), 0)"),
    (r"urgent_tickets_(\d+)d", count("priority IN ('high', 'urgent') AND inside(as_of, t, 0, {0})")),
    (r"escalated_tickets_(\d+)d|escalations_(\d+)d", count("inside(as_of, escalated_at, 0, {0})")),
    (r"days_since_ticket", since("t")),
    (
        r"(low|normal|high)_tickets_(\d+)d",
        where_any("priority IS NOT NULL", count("priority = '{0}' AND inside(as_of, t, 0, {1})")),
    ),
    (
        r"critical_tickets_(\d+)d",
        where_any("priority IS NOT NULL", count("priority = 'urgent' AND inside(as_of, t, 0, {0})")),
    ),
    (r"tickets_solved_(\d+)d", count("inside(as_of, solved_at, 0, {0})")),
    (
        r"tickets_backlog_(\d+)d",
        count("inside(as_of, t, 0, {0})") + " - " + count("inside(as_of, solved_at, 0, {0})"),
    ),
    (r"open_tickets_over_(\d+)d", count(f"{OPEN_TICKET} AND t < as_of - {{0}} * 86400000000")),
    (r"open_urgent_tickets", count(f"{OPEN_TICKET} AND priority IN ('high', 'urgent')")),
    (r"open_escalated_tickets", count(f"{OPEN_TICKET} AND escalated_at < as_of")),
    (r"days_since_escalation", since("escalated_at")),
    (r"open_tickets_mean_days", f"coalesce(avg(ago(as_of, t)) FILTER ({OPEN_TICKET}), 0)"),
]

ACTIVITIES = [
    (r"activities_(\d+)d", count(f"{BY_HAND} AND inside(as_of, t, 0, {{0}})")),
    (r"emails_(\d+)d", count(f"type = 'email' AND {BY_HAND} AND inside(as_of, t, 0, {{0}})")),
    (r"meetings_(\d+)d", count(f"{MEETING} AND {HELD} AND inside(as_of, t, 0, {{0}})")),
    (r"no_shows_(\d+)d", count(f"{MEETING} AND NOT {HELD} AND inside(as_of, t, 0, {{0}})")),
    (r"trainings_180d", count(f"type IN ('training', 'webinar') AND {HELD} AND inside(as_of, t, 0, 180)")),
    (
        r"trainings_365d",
        where_any(
            "type IN ('training', 'webinar')",
            count(f"type IN ('training', 'webinar') AND {HELD} AND inside(as_of, t, 0, 365)"),
        ),
    ),
    (r"community_90d", count("type = 'community' AND inside(as_of, t, 0, 90)")),
    (r"community_28d", where_any("type = 'community'", count("type = 'community' AND inside(as_of, t, 0, 28)"))),
    (r"qbrs_365d", where_any("type = 'qbr'", count(f"type = 'qbr' AND {HELD} AND inside(as_of, t, 0, 365)"))),
    (r"days_since_two_way_contact", since("two_way")),
    (r"days_since_qbr", since("t", f"type = 'qbr' AND {HELD}")),
    (r"days_since_qbr_missed", since("t", f"type = 'qbr' AND NOT {HELD}")),
    (r"days_since_meeting", since("t", f"{MEETING} AND {HELD}")),
    (r"days_since_training", since("t", f"type IN ('training', 'webinar') AND {HELD}")),
    (r"days_since_community", since("t", "type = 'community'")),
    (r"customer_initiated_(\d+)d", count("initiated_by = 'customer' AND inside(as_of, t, 0, {0})")),
    (
        r"emails_from_customer_(\d+)d",
        where_any(
            f"type = 'email' AND initiated_by = 'customer' AND {BY_HAND}",
            count(f"type = 'email' AND initiated_by = 'customer' AND {BY_HAND} AND inside(as_of, t, 0, {{0}})"),
        ),
    ),
    (r"days_since_customer_contact", since("t", "initiated_by = 'customer'")),
    (
        r"contacts_active_(\d+)d",
        where_any(
            "contact_id IS NOT NULL",
            f"count(DISTINCT contact_id) FILTER ({BY_HAND} AND inside(as_of, t, 0, {{0}}))",
        ),
    ),
    (
        r"two_way_contacts_(\d+)d",
        where_any("two_way IS NOT NULL", count("inside(as_of, two_way, 0, {0})")),
    ),
    (r"outreach_(\d+)d", where_any(OUTREACH, count(f"{OUTREACH} AND inside(as_of, t, 0, {{0}})"))),
    (r"outreach_unanswered", where_any(OUTREACH, count(UNANSWERED))),
    (r"days_unanswered", where_any(OUTREACH, f"coalesce(ago(as_of, min(t) FILTER ({UNANSWERED})), 0)")),
    (
        r"meetings_missed_in_a_row",
        where_any(MEETING, count(f"{MEETING} AND NOT {HELD} AND (latest_meeting IS NULL OR t > latest_meeting)")),
    ),
    (r"days_since_customer_wrote", since("wrote")),
    (
        r"contacts_two_way_(\d+)d",
        where_any(
            "contact_id IS NOT NULL", "count(DISTINCT contact_id) FILTER (inside(as_of, two_way, 0, {0}))"
        ),
    ),
    (
        r"contacts_two_way_change_(\d+)d",
        where_any(
            "contact_id IS NOT NULL",
            "count(DISTINCT contact_id) FILTER (inside(as_of, two_way, 0, {0}))"
            " - count(DISTINCT contact_id) FILTER (inside(as_of, two_way, {0}, 2 * {0}))",
        ),
    ),
]

# Activities that a visible contact of the account began.
BEGUN_BY = [
    (r"days_since_sponsor_contact", since("t", "role = 'executive_sponsor'")),
    (r"days_since_champion_contact", since("t", "role = 'champion'")),
]

# Contacts, each with its two-way contacts; `names_people`: whether any activity known names anybody.
NAMES = "CASE WHEN bool_or(names_people) THEN {} END"
THREADS = [
    (r"(sponsor|champion)_silent_days", since("two_way", f"contains(role, '{{0}}') AND {PRESENT}")),
    (
        r"(sponsor|champion)_contacts_(\d+)d",
        NAMES.format(
            where_any(
                f"contains(role, '{{0}}') AND {PRESENT}",
                count(f"contains(role, '{{0}}') AND {PRESENT} AND inside(as_of, two_way, 0, {{1}})"),
            )
        ),
    ),
    (
        r"roles_two_way_(\d+)d",
        NAMES.format(f"count(DISTINCT role) FILTER ({PRESENT} AND inside(as_of, two_way, 0, {{0}}))"),
    ),
    (
        r"contacts_fallen_silent",
        NAMES.format(
            f"count(DISTINCT contact_id) FILTER ({PRESENT} AND two_way < as_of)"
            f" - count(DISTINCT contact_id) FILTER ({PRESENT} AND inside(as_of, two_way, 0, 90))"
        ),
    ),
]

# Contacts, each with the score of its latest NPS answer in the last year.
RATED = [
    (r"promoter_contacts", where_any("nps IS NOT NULL", count(f"nps >= 9 AND {PRESENT}"))),
    (r"detractor_contacts", where_any("nps IS NOT NULL", count(f"nps <= 6 AND {PRESENT}"))),
    (r"promoters_left_365d", where_any("nps IS NOT NULL", count(f"nps >= 9 AND NOT {PRESENT}"))),
]

SURVEYS = [
    (r"surveys_(\d+)d", count("inside(as_of, t, 0, {0})")),
    (r"days_since_survey", since("t")),
    (r"days_since_(nps|csat)", since("t", "kind = '{0}'")),
    (
        r"(nps|csat)_answers_(\d+)d",
        where_any("kind = '{0}'", count("kind = '{0}' AND inside(as_of, t, 0, {1})")),
    ),
    (
        r"promoters_(\d+)d",
        where_any("kind = 'nps'", count("kind = 'nps' AND score >= 9 AND inside(as_of, t, 0, {0})")),
    ),
    (
        r"detractors_(\d+)d",
        where_any("kind = 'nps'", count("kind = 'nps' AND score <= 6 AND inside(as_of, t, 0, {0})")),
    ),
    (
        r"survey_respondents_(\d+)d",
        where_any("contact_id IS NOT NULL", "count(DISTINCT contact_id) FILTER (inside(as_of, t, 0, {0}))"),
    ),
]

MILESTONES = [
    (r"milestones_achieved", f"count(DISTINCT milestone) FILTER ({REACHED})"),
    (r"milestones_achieved_(\d+)d", count("inside(as_of, achieved_at, 0, {0})")),
    (r"milestone_attempts_(\d+)d", count(f"inside(as_of, {TRIED}, 0, {{0}})")),
    (r"milestone_attempts", f"count({TRIED})"),
    (r"days_since_milestone_attempt", since(TRIED)),
    (r"days_since_milestone_achieved", since("achieved_at")),
    (r"milestones_planned", count("(achieved_at IS NULL OR achieved_at >= as_of) AND target_at >= as_of")),
    (r"outcomes_achieved", count(f"{REACHED} AND {VALUABLE}")),
    (r"roi_achieved", where_any("kind = 'roi'", count(f"{REACHED} AND kind = 'roi'"))),
    (
        r"days_to_next_milestone",
        f"-ago(as_of, min(target_at) FILTER (target_at >= as_of AND NOT coalesce({REACHED}, false)))",
    ),
]

# By milestone: its latest past target, and whether any row of it was reached.
OVERDUE_MILESTONES = [
    (r"milestones_overdue", count("target IS NOT NULL AND NOT was_reached")),
    (r"days_since_milestone_missed", "ago(as_of, max(target) FILTER (NOT was_reached))"),
    (
        r"commitments_overdue",
        where_any("is_commitment", count("target IS NOT NULL AND NOT was_reached AND is_commitment")),
    ),
    (r"milestones_overdue_most_days", "coalesce(ago(as_of, min(target) FILTER (NOT was_reached)), 0)"),
]

# `ended`: when the subscription ended, as far as was known.
SUBSCRIPTIONS = [
    (r"tenure_days", "ago(as_of, min(t))"),
    (r"active_subscriptions", count("ended IS NULL OR ended > as_of")),
    (r"ended_subscriptions", count("ended <= as_of")),
    (r"subscriptions_ended_(\d+)d", count("inside(as_of, ended, 0, {0})")),
    (
        r"subscriptions_added_(\d+)d",
        count("inside(as_of, t, 0, {0})") + " - inside(as_of, min(t), 0, {0})::INTEGER",
    ),
]

# Every account of a history with the table has these: no event is no renewal.
GREW = "(type = 'expansion' OR (type = 'renewal' AND mrr_after > mrr_before))"
SHRANK = "(type = 'contraction' OR (type = 'renewal' AND mrr_after < mrr_before))"
SUBSCRIPTION_EVENTS = [
    (r"renewals", count("type = 'renewal'")),
    (r"reactivations", count("type = 'reactivation'")),
    (r"expansions_(\d+)d", count(f"{GREW} AND inside(as_of, t, 0, {{0}})")),
    (r"contractions_(\d+)d", count(f"{SHRANK} AND inside(as_of, t, 0, {{0}})")),
    (r"expansions", count(GREW)),
    (r"contractions", count(SHRANK)),
    (r"pauses_(\d+)d", count("type = 'pause' AND inside(as_of, t, 0, {0})")),
    (r"days_since_renewal", since("t", "type = 'renewal'")),
    (r"days_since_expansion", since("t", GREW)),
    (r"days_since_contraction", since("t", SHRANK)),
    (
        r"expansion_amount_(\d+)d",
        total("abs(mrr_after - mrr_before)", f"{GREW} AND inside(as_of, t, 0, {{0}})"),
    ),
    (
        r"contraction_amount_(\d+)d",
        total("abs(mrr_after - mrr_before)", f"{SHRANK} AND inside(as_of, t, 0, {{0}})"),
    ),
]

INVOICES = [
    (r"overdue_invoices", count(OVERDUE)),
    (r"max_days_overdue", f"coalesce(ago(as_of, min(due_at) FILTER ({OVERDUE})), 0)"),
    (r"unpaid_amount", total("amount_due", OVERDUE)),
    (r"failed_payments_365d", count(f"{PAID} AND {FAILED} AND inside(as_of, t, 0, 365)")),
    (r"failed_payments_90d", count(f"{FAILED} AND inside(as_of, paid_at, 0, 90)")),
    (r"invoices_(\d+)d", count("inside(as_of, t, 0, {0})")),
    (r"billed_(\d+)d", total("amount_due", "inside(as_of, t, 0, {0})")),
    (r"days_since_payment", since("paid_at")),
    (r"days_since_failed_payment", since("paid_at", FAILED)),
    (r"days_to_pay_(\d+)d", "avg(ago(paid_at, t)) FILTER (inside(as_of, paid_at, 0, {0}))"),
    (r"credit_notes_(\d+)d", count("amount_due < 0 AND inside(as_of, t, 0, {0})")),
    (r"open_invoices", count("amount_due > 0 AND (paid_at IS NULL OR paid_at >= as_of)")),
    (r"days_late_(\d+)d", f"avg({LATE}) FILTER (amount_due > 0 AND inside(as_of, due_at, 0, {{0}}))"),
    (r"days_late_max_(\d+)d", f"max({LATE}) FILTER (amount_due > 0 AND inside(as_of, due_at, 0, {{0}}))"),
    (
        r"days_late_change_(\d+)d",
        f"avg({LATE}) FILTER (amount_due > 0 AND inside(as_of, due_at, 0, {{0}}))"
        f" - avg({LATE}) FILTER (amount_due > 0 AND inside(as_of, due_at, {{0}}, 2 * {{0}}))",
    ),
    (r"days_late_latest", f"arg_max({LATE}, due_at) FILTER (amount_due > 0 AND due_at < as_of)"),
    (
        r"days_to_pay_change_(\d+)d",
        "avg(ago(paid_at, t)) FILTER (inside(as_of, paid_at, 0, {0}))"
        " - avg(ago(paid_at, t)) FILTER (inside(as_of, paid_at, {0}, 2 * {0}))",
    ),
    (r"payment_attempts_(\d+)d", "avg(attempt_count) FILTER (inside(as_of, paid_at, 0, {0}))"),
]

OPPORTUNITIES = [
    (r"open_(expansion|renewal|new)_opportunities", count(f"type = '{{0}}' AND {OPEN_OPPORTUNITY}")),
    (r"open_(expansion|renewal)_amount", total("amount", f"type = '{{0}}' AND {OPEN_OPPORTUNITY}")),
    (r"opportunities_lost_(\d+)d", count("is_won = false AND inside(as_of, closed_at, 0, {0})")),
    (r"days_since_opportunity", since("t")),
    (r"open_(expansion|renewal)_age_days", f"ago(as_of, min(t) FILTER (type = '{{0}}' AND {OPEN_OPPORTUNITY}))"),
    (r"expansions_won_(\d+)d", count("type = 'expansion' AND is_won AND inside(as_of, closed_at, 0, {0})")),
    (
        r"expansions_lost_(\d+)d",
        count("type = 'expansion' AND is_won = false AND inside(as_of, closed_at, 0, {0})"),
    ),
    (
        r"expansion_amount_lost_(\d+)d",
        total("amount", "type = 'expansion' AND is_won = false AND inside(as_of, closed_at, 0, {0})"),
    ),
    (r"days_since_expansion_lost", since("closed_at", "type = 'expansion' AND is_won = false")),
    (r"days_since_expansion_won", since("closed_at", "type = 'expansion' AND is_won")),
]

CONTACTS = [
    (r"contacts", count(PRESENT)),
    (r"roles_covered", f"count(DISTINCT role) FILTER ({PRESENT})"),
    (r"contacts_joined_(\d+)d", count("inside(as_of, t, 0, {0})")),
    (r"contacts_left_(\d+)d", count("inside(as_of, left_at, 0, {0})")),
    (
        r"contacts_net_(\d+)d",
        count("inside(as_of, t, 0, {0})") + " - " + count("inside(as_of, left_at, 0, {0})"),
    ),
    (r"days_since_sponsor_left", since("left_at", "role = 'executive_sponsor'")),
    (r"days_since_champion_left", since("left_at", "role = 'champion'")),
    (r"days_since_contact_left", since("left_at")),
    (r"days_since_contact_joined", since("t")),
    (r"sponsor_tenure_days", f"ago(as_of, min(t) FILTER (role = 'executive_sponsor' AND {PRESENT}))"),
    (r"champion_tenure_days", f"ago(as_of, min(t) FILTER (role = 'champion' AND {PRESENT}))"),
    (
        r"(sponsor|champion)s_left_(\d+)d",
        where_any(
            "contains(role, '{0}')", count("contains(role, '{0}') AND inside(as_of, left_at, 0, {1})")
        ),
    ),
    (r"contact_tenure_mean_days", f"avg(ago(as_of, t)) FILTER ({PRESENT})"),
    (
        r"days_without_(sponsor|champion)",
        "CASE WHEN count(*) FILTER (contains(role, '{0}')) = 0 THEN NULL "
        f"WHEN count(*) FILTER (contains(role, '{{0}}') AND {PRESENT}) > 0 THEN 0 "
        "ELSE " + since("left_at", "contains(role, '{0}')") + " END",
    ),
]

INTERVENTIONS = [
    (r"touches_(\d+)d", count("inside(as_of, delivered_at, 0, {0})")),
    (r"days_since_touch", since("delivered_at")),
]
