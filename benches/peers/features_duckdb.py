"""Twenty usage features at given snapshots, by DuckDB: what the feature engine is measured against.

A usage event counts at `as_of` where it happened and was received before it. Here `as_of` is a midnight, so that
this is a question of days: the day of the event, and the day it was first seen (the later of its two times).
"""

import argparse

import duckdb

import measure

# The events that have features of their own.
NAMED = ("report_viewed", "dashboard_viewed", "data_imported")

# Days since 1970 and the snapshots they concern: a window of 90 days touches at most four buckets of 32, so that
# joins by (account, bucket) look at few rows in vain.
PREPARE = """
CREATE MACRO day_of(moment) AS (epoch_us(moment) // 86400000000)::INTEGER;
CREATE TEMP TABLE snapshots AS
    SELECT row_number() OVER ()::INTEGER AS snapshot, account_id, as_of, day_of(as_of) AS today
    FROM read_parquet({snapshots});
CREATE TEMP TABLE windows AS
    SELECT snapshot, account_id, today, unnest(range((today - 90) // 32, (today - 1) // 32 + 1))::INTEGER AS bucket
    FROM snapshots;
CREATE TEMP TABLE codes AS
    SELECT event, (row_number() OVER (ORDER BY event) - 1)::INTEGER AS code
    FROM (SELECT DISTINCT event FROM read_parquet({usage}));
CREATE TEMP VIEW events AS
    SELECT account_id, user_id, event, occurred_at, value, day_of(occurred_at) AS day,
           day_of(greatest(occurred_at, received_at)) AS seen
    FROM read_parquet({usage});
"""

# One row an account, day and day of being seen; `so_far` is what of the day had been seen by then.
DAYS = """
CREATE TEMP TABLE days AS
    SELECT *, day // 32 AS bucket,
           sum(n) OVER (PARTITION BY account_id, day ORDER BY seen)::BIGINT AS so_far
    FROM (
        SELECT account_id, day, seen, count(*) AS n, sum(value) AS value, count(value) AS n_values,
               max(occurred_at) AS latest, bit_or(1::{mask} << code) AS kinds, {named_counts}
        FROM events JOIN codes USING (event)
        GROUP BY account_id, day, seen
    );
CREATE TEMP TABLE first_seen AS
    SELECT account_id, min(seen) AS anything, min(seen) FILTER (n_values > 0) AS a_value, {named_first}
    FROM days GROUP BY account_id;
CREATE TEMP TABLE last_use AS
    SELECT account_id, seen, max(max(latest)) OVER (PARTITION BY account_id ORDER BY seen) AS latest
    FROM days GROUP BY account_id, seen;
"""

SUMS = """
CREATE TEMP TABLE sums AS
    SELECT snapshot, {weeks},
           sum(n) AS n_90, sum(value) FILTER (age <= 7) AS value_7, sum(value) FILTER (age <= 28) AS value_28,
           sum(value) AS value_90, bit_count(bit_or(kinds) FILTER (age <= 28)) AS kinds_28,
           bit_count(bit_or(1::BIGINT << least(age, 29)) FILTER (age <= 28)) AS days_28,
           bit_count(bit_or(1::HUGEINT << age)) AS days_90,
           max(so_far) FILTER (age <= 28) AS busiest_28, {named_sums}
    FROM (
        SELECT windows.snapshot, days.*, today - day AS age
        FROM days JOIN windows USING (account_id, bucket)
        WHERE day < today AND day >= today - 90 AND seen < today
    )
    GROUP BY snapshot;
"""

# A snapshot's 28 days are few enough to be written out, one row each.
USERS = """
CREATE TEMP TABLE users AS
    SELECT snapshot, count(*) AS users_28, count(*) FILTER (age <= 7) AS users_7
    FROM (
        SELECT snapshot, user_id, min(today - day) AS age
        FROM events
             JOIN (SELECT snapshot, account_id, today, unnest(range(today - 28, today))::INTEGER AS day FROM snapshots)
             USING (account_id, day)
        WHERE seen < today AND user_id IS NOT NULL
        GROUP BY snapshot, user_id
    )
    GROUP BY snapshot;
"""

# Nothing is 0 but where something was seen. The least-squares slope of the weekly counts is divided by their mean:
# the sum of (x - 3.5)^2 over the weeks 0 to 7 is 42.
RESULT = """
CREATE TEMP TABLE result AS
    WITH seen AS (
        SELECT snapshots.*, latest, {or_nothing}, {values}, {named}
        FROM snapshots
             JOIN first_seen ON snapshots.account_id = first_seen.account_id AND anything < today
             LEFT JOIN sums USING (snapshot) LEFT JOIN users USING (snapshot)
             ASOF LEFT JOIN last_use ON snapshots.account_id = last_use.account_id AND today > last_use.seen
    ), weekly AS (
        SELECT *, w0 + w1 AS n_14, w2 + w3 AS prior_14, (w0 + w1 + w2 + w3 + w4 + w5 + w6 + w7) / 8 AS mean
        FROM seen
    )
    SELECT snapshots.account_id, snapshots.as_of, w0 AS events_7d, n_14 AS events_14d,
           n_14 + prior_14 AS events_28d, n_90 AS events_90d, prior_14 AS events_prior_14d,
           value_7d, value_28d, value_90d, users_7 AS users_7d, users_28 AS users_28d,
           kinds_28 AS distinct_events_28d, days_28 AS active_days_28d, days_90 AS active_days_90d,
           epoch_us(snapshots.as_of - latest) / 86400000000.0 AS days_since_last_use, {named_names},
           busiest_28 AS busiest_day_events_28d, {slope} / 42 / nullif(mean, 0) AS events_slope_8w,
           n_14 / nullif(prior_14, 0) AS events_ratio_14d
    FROM snapshots LEFT JOIN weekly USING (snapshot);
"""

# What is 0 where an account has been seen, but nothing of it lies in the window.
COUNTS = [f"w{week}" for week in range(8)] + [
    "n_90", "users_7", "users_28", "kinds_28", "days_28", "days_90", "busiest_28"
]


def joined(template: str, items) -> str:
    return ", ".join(template.format(*item) if isinstance(item, tuple) else template.format(item) for item in items)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--history", required=True)
    options.add_argument("--snapshots", required=True)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--out", required=True)
    given = options.parse_args()
    connection = duckdb.connect()
    connection.execute(f"SET threads = {given.threads}; SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    text = lambda path: "'" + path.replace("'", "''") + "'"
    parts = {
        "usage": text(measure.usage_files(given.history)),
        "snapshots": text(given.snapshots),
        "named_counts": joined("count(*) FILTER (event = '{0}') AS n_{0}", NAMED),
        "named_first": joined("min(seen) FILTER (n_{0} > 0) AS first_{0}", NAMED),
        "named_sums": joined("sum(n_{0}) FILTER (age <= 28) AS n_{0}", NAMED),
        "weeks": joined(
            "sum(n) FILTER (age > {0} AND age <= {1}) AS w{2}", [(7 * w, 7 * w + 7, w) for w in range(8)]
        ),
        "values": joined(
            "CASE WHEN a_value < today THEN coalesce(value_{0}, 0)::DOUBLE END AS value_{0}d", (7, 28, 90)
        ),
        "named": joined(
            "CASE WHEN first_{0} < today THEN coalesce(n_{0}, 0)::DOUBLE END AS events_28d__{0}", NAMED
        ),
        "named_names": joined("events_28d__{0}", NAMED),
        "or_nothing": joined("coalesce({0}, 0)::DOUBLE AS {0}", COUNTS),
        "slope": "(" + " + ".join(f"({3.5 - week}) * (w{week} - mean)" for week in range(8)) + ")",
    }
    connection.execute(PREPARE.format(**parts))
    (n_events,) = connection.execute("SELECT count(*) FROM codes").fetchone()
    # The narrower mask where it is wide enough; its last bit is the sign.
    parts["mask"] = "BIGINT" if n_events < 64 else "HUGEINT"
    measure.lap("prepare")
    for name, query in [
        ("days", DAYS), ("sums", SUMS), ("users", USERS), ("result", RESULT),
    ]:
        connection.execute(query.format(**parts))
        measure.lap(name)
    (n_rows,) = connection.execute(f"COPY result TO {text(given.out)} (FORMAT parquet)").fetchone()
    measure.report(n_rows)


if __name__ == "__main__":
    main()
