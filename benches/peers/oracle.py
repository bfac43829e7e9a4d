"""Checks a feature file against the raw tables of its history: every count, sum, distinct count and recency, computed
a second time by DuckDB (`oracle_queries.py`). Exit code 1 where any value differs or a feature is not covered.

    python oracle.py --history DIR --features features.parquet --catalogue docs/features.md
"""

import argparse
import pathlib
import re
import sys

import duckdb

import oracle_queries as q

# Units of features that count nothing: quotients, averages, medians, trends, levels, and what a contract says.
NOT_COUNTED = {
    "", "share", "ratio", "score", "per week", "per month", "level", "hours", "minutes", "months", "seats", "terms",
    "times", "weeks",
}

# Why others of a counted unit are not computed here a second time.
TERMS = "the schedule of terms decides it, which has tests of its own"
MONEY = "the recurring revenue in force, which has tests of its own"
SPANS = "a span between facts of several tables or rows, computed by hand in the tests of the kernel"
RANKS = "the ranks that titles tell, which have tests of their own"
RUNS = "a longest run, no count: the property tests of the kernel hold it"
TODAY = "an attribute of today, for decisions only"
EXCLUDED = {
    "days_to_term_end": TERMS,
    "subscription_age_days": TERMS,
    "days_without_contract": TERMS,
    "arr": MONEY,
    "mrr_per_seat": MONEY,
    "longest_gap_90d": RUNS,
    "longest_streak_90d": RUNS,
    "late_in_a_row": RUNS,
    "tickets_burst_90d": RUNS,
    "cancels_withdrawn": SPANS,
    "days_since_cancel_withdrawn": SPANS,
    "days_to_first_value": SPANS,
    "days_to_onboard": SPANS,
    "days_without_value": SPANS,
    "milestones_late_mean_days": SPANS,
    "onboarding_late_days": SPANS,
    "tickets_per_contact_90d": SPANS,
    "executives": RANKS,
    "executives_active_90d": RANKS,
    "executives_left_180d": RANKS,
    "open_invoice_attempts": TODAY,
    "days_since_strategic_review": TODAY,
}

# Sums of fractions depend on the order of the addition; whole numbers and times do not.
FRACTIONAL = 1e-12

SEEN = "FROM keys JOIN raw_{0} USING (account_id) WHERE visible < as_of"
ALWAYS = "FROM keys LEFT JOIN raw_{0} ON keys.account_id = raw_{0}.account_id AND visible < as_of"
LATEST_CHANGE = """
    (SELECT CASE WHEN arg_max(type, (effective, type <> 'churn')) = 'churn'
                 THEN arg_max(effective, (effective, type <> 'churn')) END
     FROM (SELECT *, t AS effective FROM raw_subscription_events) AS e
     WHERE e.account_id = keys.account_id AND e.subscription_id = s.subscription_id AND e.visible < as_of
           AND e.type IN ('churn', 'new', 'renewal', 'reactivation'))"""

# What the queries are asked of: (name, relation, features).
RELATIONS = [
    ("usage", "SELECT * FROM usage", q.USAGE),
    (
        "days of usage",
        """SELECT id, as_of, age, sum(n) AS n, count(DISTINCT user_id) AS users,
                  bool_or(user_id IS NOT NULL) AS names_users, max(active_users) AS most_users,
                  row_number() OVER (PARTITION BY id, sum(n) > 0 ORDER BY age) - 1 AS place
           FROM usage GROUP BY id, as_of, age""",
        q.USAGE_DAYS,
    ),
    (
        "events of usage",
        """SELECT id, as_of, event, min(t) AS first, min(min(t)) OVER (PARTITION BY id) AS first_of_all,
                  count(DISTINCT age) FILTER (age < 28) AS days_28,
                  count(*) FILTER (age >= 28 AND age < 90) AS days_prior
           FROM usage GROUP BY id, as_of, event""",
        q.USAGE_EVENTS,
    ),
    (
        "weekdays of usage",
        """SELECT id, as_of, coalesce(sum(n) FILTER (age < 7), 0) AS latest,
                  coalesce(sum(n) FILTER (age >= 7 AND age < 35), 0) / 4 AS usual
           FROM usage GROUP BY id, as_of, age % 7""",
        q.USAGE_WEEKDAYS,
    ),
    (
        "users",
        """SELECT id, as_of, user_id, count(DISTINCT age) FILTER (age < 28) AS days_28,
                  count(user_id) FILTER (age >= 28 AND age < 56) AS n_prior,
                  count(user_id) FILTER (age >= 28 AND age < 180) AS n_before
           FROM usage GROUP BY id, as_of, user_id""",
        q.USAGE_USERS,
    ),
    ("tickets", "SELECT * " + SEEN.format("tickets"), q.TICKETS),
    (
        "activities",
        f"""SELECT *, max(two_way) FILTER (two_way < as_of) OVER (PARTITION BY id) AS latest_two_way,
                   max(t) FILTER ({q.MEETING} AND {q.HELD}) OVER (PARTITION BY id) AS latest_meeting
            FROM (SELECT *, {q.TWO_WAY} AS two_way, {q.WROTE} AS wrote {SEEN.format("activities")})""",
        q.ACTIVITIES,
    ),
    (
        "activities of people",
        """SELECT id, as_of, activity.t, role
           FROM keys JOIN raw_activities AS activity USING (account_id)
                JOIN raw_contacts AS contact USING (account_id, contact_id)
           WHERE activity.visible < as_of AND contact.visible < as_of AND initiated_by = 'customer'""",
        q.BEGUN_BY,
    ),
    (
        "people in touch",
        f"""SELECT id, as_of, contact.contact_id, role, left_at, two_way, EXISTS (
                       SELECT 1 FROM raw_activities AS any_one WHERE any_one.account_id = keys.account_id
                       AND any_one.visible < as_of AND any_one.contact_id IS NOT NULL) AS names_people
            FROM keys JOIN raw_contacts AS contact USING (account_id)
                 LEFT JOIN (SELECT id, contact_id, {q.TWO_WAY} AS two_way {SEEN.format("activities")}) AS touch
                 USING (id, contact_id)
            WHERE contact.visible < as_of""",
        q.THREADS,
    ),
    (
        "people asked",
        """SELECT id, as_of, left_at, (
                      SELECT arg_max(score, (answer.t, -score)) FROM raw_surveys AS answer
                      WHERE answer.account_id = keys.account_id AND answer.contact_id = contact.contact_id
                            AND answer.visible < as_of AND coalesce(answer.kind, 'nps') = 'nps'
                            AND inside(as_of, answer.t, 0, 365)) AS nps
           FROM keys JOIN raw_contacts AS contact USING (account_id) WHERE contact.visible < as_of""",
        q.RATED,
    ),
    ("surveys", "SELECT * REPLACE (coalesce(kind, 'nps') AS kind) " + SEEN.format("surveys"), q.SURVEYS),
    ("milestones", "SELECT * " + SEEN.format("milestones"), q.MILESTONES),
    (
        "overdue milestones",
        """SELECT id, as_of, milestone, max(target_at) FILTER (target_at < as_of) AS target,
                  coalesce(bool_or(achieved_at < as_of), false) AS was_reached,
                  bool_or(kind = 'commitment') AS is_commitment """
        + SEEN.format("milestones")
        + " GROUP BY id, as_of, milestone",
        q.OVERDUE_MILESTONES,
    ),
    (
        "subscriptions",
        f"""SELECT id, as_of, t, coalesce(CASE WHEN ended_at < as_of THEN ended_at END, {LATEST_CHANGE}) AS ended
            FROM keys JOIN raw_subscriptions AS s USING (account_id) WHERE s.visible < as_of AND t < as_of""",
        q.SUBSCRIPTIONS,
    ),
    (
        "renewal history",
        "SELECT id, as_of, raw_subscription_events.* EXCLUDE account_id " + ALWAYS.format("subscription_events"),
        q.SUBSCRIPTION_EVENTS,
    ),
    ("invoices", "SELECT * " + SEEN.format("invoices"), q.INVOICES),
    ("opportunities", "SELECT * " + SEEN.format("opportunities"), q.OPPORTUNITIES),
    ("contacts", "SELECT * " + SEEN.format("contacts"), q.CONTACTS),
    (
        "interventions",
        "SELECT id, as_of, raw_interventions.* EXCLUDE account_id " + ALWAYS.format("interventions"),
        q.INTERVENTIONS,
    ),
]


def quoted(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def source(history: pathlib.Path, table: str) -> str | None:
    """How to read the table: a file or a folder of files, Parquet, CSV or NDJSON; nothing where it is not there."""
    for ending, read in [
        ("parquet", "read_parquet({}, union_by_name = true)"),
        ("csv", "read_csv({}, all_varchar = true, union_by_name = true)"),
        ("ndjson", "read_ndjson({}, union_by_name = true)"),
    ]:
        for files in (history / f"{table}.{ending}", history / table / f"*.{ending}"):
            if list(files.parent.glob(files.name)):
                return read.format(quoted(files))
    return None


def load(connection: duckdb.DuckDBPyConnection, history: pathlib.Path) -> set[str]:
    """Makes a table `raw_NAME` of each table of the contract, empty where the history has none: the names found."""
    found = set()
    for table, (event_time, columns) in q.TABLES.items():
        read = source(history, table)
        there = set()
        if read:
            found.add(table)
            there = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()}

        def typed(column: str, kind: str) -> str:
            if column not in there:
                return {"t": "NULL::BIGINT", "n": "NULL::DOUBLE", "b": "NULL::BOOLEAN"}.get(kind, "NULL::VARCHAR")
            conversion = {"t": "epoch_us({}::TIMESTAMPTZ)", "n": "{}::DOUBLE", "b": "{}::BOOLEAN"}
            return conversion.get(kind, "{}::VARCHAR").format(column)

        named = [column.partition(":")[::2] for column in columns]
        parts = [f"{typed(name, kind)} AS {name}" for name, kind in named]
        parts.append(("account_id::VARCHAR" if read else "NULL::VARCHAR") + " AS account_id")
        parts.append(f"{typed(event_time, 't') if event_time else 'NULL::BIGINT'} AS event_time")
        rows = f"SELECT {', '.join(parts)} FROM {read or '(SELECT 1) WHERE false'}"
        recorded = "received_at" if table == "usage_events" else "recorded_at"
        if not any(name == recorded for name, _ in named):
            recorded = "NULL::BIGINT"
        visible = {
            # A day is known once it is over.
            "usage_daily": f"greatest(event_time + 86399999999, {recorded})",
            # What is planned is no event: it counts once it is recorded.
            "milestones": "CASE WHEN recorded_at IS NULL THEN least(target_at, achieved_at) "
            "WHEN target_at IS NULL THEN greatest(achieved_at, recorded_at) ELSE recorded_at END",
        }.get(table, f"coalesce(greatest(event_time, {recorded}), 0)")
        connection.execute(
            f"CREATE TABLE raw_{table} AS SELECT * EXCLUDE event_time, coalesce(event_time, visible) AS t "
            f"FROM (SELECT *, {visible} AS visible FROM ({rows}))"
        )
    connection.execute(
        """CREATE VIEW raw_usage AS
           SELECT account_id, t, visible, user_id, event, 1::DOUBLE AS n, value, channel, NULL::DOUBLE AS active_users,
                  false AS daily FROM raw_usage_events
           UNION ALL
           SELECT account_id, t, visible, NULL, event, count, value, channel, active_users, true FROM raw_usage_daily"""
    )
    return found


def catalogue(page: pathlib.Path) -> dict[str, str]:
    """The unit of each feature of the catalogue page."""
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]*) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: unit.strip() for name, unit in rows}


def find(name: str) -> tuple[str, str] | None:
    """The relation that gives the feature, and the aggregate over it."""
    for relation, _, features in RELATIONS:
        for pattern, aggregate in features:
            match = re.fullmatch(pattern, name)
            if match:
                groups = [group.replace("'", "''") for group in match.groups() if group is not None]
                return relation, aggregate.format(*groups)
    return None


def uncovered(page: pathlib.Path) -> list[str]:
    units = catalogue(page)
    if len(units) < 100:
        raise SystemExit(f"{page}: only {len(units)} features found: is it the catalogue?")
    counted = {name for name, unit in units.items() if unit not in NOT_COUNTED}
    return sorted(name for name in counted if name not in EXCLUDED and not find(name.replace("EVENT", "x")))


def compare(connection: duckdb.DuckDBPyConnection, file: str, examples: int) -> tuple[int, int, int]:
    """Compares column by column: the numbers of features, of values given, and of values that differ."""
    columns = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {file}").fetchall()]
    found = {name: place for name in columns[2:] if (place := find(name))}
    n_given = n_different = 0
    for relation, rows, _ in RELATIONS:
        wanted = {name: aggregate for name, (of, aggregate) in found.items() if of == relation}
        if not wanted:
            continue
        aggregates = ", ".join(f'({aggregate})::DOUBLE AS "{name}"' for name, aggregate in wanted.items())
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE expected AS SELECT id, {aggregates} FROM ({rows}) GROUP BY id, as_of"
        )
        for name in wanted:
            joined = (
                f'SELECT account_id, as_of, ours."{name}" AS ours, expected."{name}" AS oracle '
                "FROM ours LEFT JOIN expected USING (id)"
            )
            differs = (
                "ours IS DISTINCT FROM oracle AND NOT coalesce(oracle <> floor(oracle) "
                f"AND abs(ours - oracle) <= {FRACTIONAL} * abs(oracle), false)"
            )
            if name.startswith("days_since"):
                differs = "ours IS DISTINCT FROM oracle"
            counted = f"SELECT count(ours), count(*) FILTER ({differs}) FROM ({joined})"
            given, different = connection.execute(counted).fetchone()
            n_given, n_different = n_given + given, n_different + different
            if different:
                print(f"{name}: {different} values differ")
                few = (
                    f"SELECT account_id, as_of::VARCHAR, ours, oracle FROM ({joined}) WHERE {differs} "
                    f"ORDER BY account_id, as_of LIMIT {examples}"
                )
                for account, as_of, ours, oracle in connection.execute(few).fetchall():
                    print(f"  {account} at {as_of}: {ours} in the file, {oracle} by the oracle")
    return len(found), n_given, n_different


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--history", required=True, type=pathlib.Path)
    options.add_argument("--features", required=True, help="the feature file (Parquet)")
    options.add_argument("--catalogue", required=True, type=pathlib.Path, help="docs/features.md")
    options.add_argument("--examples", type=int, default=3, help="differences shown a feature (default: %(default)s)")
    given = options.parse_args()
    missing = uncovered(given.catalogue)
    for name in missing:
        print(f"{name} is counted, but neither covered nor excluded: add it to oracle_queries.py")
    connection = duckdb.connect()
    connection.execute(f"SET TimeZone = 'UTC'; {q.MACROS}")
    tables = load(connection, given.history)
    file = f"read_parquet({quoted(given.features)})"
    connection.execute(f"CREATE TABLE ours AS SELECT row_number() OVER () AS id, * FROM {file}")
    connection.execute("CREATE TABLE keys AS SELECT id, account_id, epoch_us(as_of) AS as_of FROM ours")
    connection.execute(
        """CREATE TABLE usage AS
           SELECT *, (CASE WHEN daily THEN as_of - as_of % 86400000000 ELSE as_of END - t - 1) // 86400000000 AS age
           FROM keys JOIN raw_usage USING (account_id) WHERE visible < as_of"""
    )
    n_features, n_given, n_different = compare(connection, file, given.examples)
    print(
        f"{n_features} features of {len(tables)} tables compared: {n_given} values given, {n_different} differ, "
        f"{len(missing)} features not covered"
    )
    sys.exit(1 if n_different or missing or not n_given else 0)


if __name__ == "__main__":
    main()
