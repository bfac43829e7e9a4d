"""Twenty usage features at given snapshots, by Polars (streaming): what the feature engine is measured against.

A usage event counts at `as_of` where it happened and was received before it. Here `as_of` is a midnight, so that
this is a question of days: the day of the event, and the day it was first seen (the later of its two times).
"""

import argparse
import os

import measure

# The events that have features of their own.
NAMED = ("report_viewed", "dashboard_viewed", "data_imported")
DAY = 86_400_000_000
# A window of 90 days touches at most four buckets of 32 days: joins by (account, bucket) look at few rows in vain.
BUCKET = 32


def compute(history: str, snapshots_file: str):
    import polars as pl

    def collect(frame):
        return frame.collect(engine="streaming")

    def day_of(moment):
        return (moment.dt.epoch("us") // DAY).cast(pl.Int32)

    def buckets(n_days: int):
        first, last = (pl.col("today") - n_days) // BUCKET, (pl.col("today") - 1) // BUCKET
        return (
            snapshots.select("snapshot", "account_id", "today", bucket=pl.int_ranges(first, last + 1, dtype=pl.Int32))
            .explode("bucket")
            .lazy()
        )

    def inside(n_days: int):
        day, today = pl.col("day"), pl.col("today")
        return (day < today) & (day >= today - n_days) & (pl.col("seen") < today)

    usage = pl.scan_parquet(measure.usage_files(history))
    snapshots = collect(
        pl.scan_parquet(snapshots_file)
        .select("account_id", "as_of")
        .with_columns(today=day_of(pl.col("as_of")))
        .with_row_index("snapshot")
    )
    codes = collect(usage.select(pl.col("event").unique().sort()))["event"].to_list()
    if len(codes) > 64:
        raise SystemExit("more than 64 distinct events: the bit mask of 64 is too small")
    code = pl.col("event").cast(pl.Enum(codes)).to_physical()
    events = usage.with_columns(
        day=day_of(pl.col("occurred_at")),
        seen=day_of(pl.max_horizontal("occurred_at", "received_at")),
    ).with_columns(bucket=pl.col("day") // BUCKET)
    measure.lap("prepare")

    # One row an account, day and day of being seen; `so_far` is what of the day had been seen by then.
    days = collect(
        events.with_columns(
            kind=pl.lit(2, pl.UInt64).pow(code).cast(pl.UInt64),
            **{f"is_{name}": (code == codes.index(name)).cast(pl.UInt32) for name in NAMED if name in codes},
            **{f"is_{name}": pl.lit(0, pl.UInt32) for name in NAMED if name not in codes},
        )
        .group_by("account_id", "day", "bucket", "seen")
        .agg(
            n=pl.len(),
            value=pl.col("value").sum(),
            n_values=pl.col("value").count(),
            latest=pl.col("occurred_at").max(),
            kinds=pl.col("kind").bitwise_or(),
            **{f"n_{name}": pl.col(f"is_{name}").sum() for name in NAMED},
        )
    )
    # The sum over the rows of a day so far, by sums over all rows: cheaper than a window by account and day.
    days = days.sort("account_id", "day", "seen").with_columns(all_so_far=pl.col("n").cast(pl.Int64).cum_sum())
    is_first = (pl.struct("account_id", "day") != pl.struct("account_id", "day").shift()).fill_null(True)
    before = pl.when(is_first).then(pl.col("all_so_far") - pl.col("n")).forward_fill()
    days = days.with_columns(so_far=pl.col("all_so_far") - before)
    measure.lap("days")

    seen = pl.col("seen")
    first_seen = days.group_by("account_id").agg(
        anything=seen.min(),
        a_value=seen.filter(pl.col("n_values") > 0).min(),
        **{f"first_{name}": seen.filter(pl.col(f"n_{name}") > 0).min() for name in NAMED},
    )
    last_use = (
        days.group_by("account_id", "seen")
        .agg(pl.col("latest").max())
        .sort("seen")
        .with_columns(pl.col("latest").cum_max().over("account_id"))
    )

    age = pl.col("today") - pl.col("day")
    short = age <= 28
    one = pl.lit(1, pl.UInt64)
    weeks = {f"w{week}": pl.col("n").filter((age > 7 * week) & (age <= 7 * week + 7)).sum() for week in range(8)}
    sums = collect(
        days.lazy()
        .join(buckets(90), on=["account_id", "bucket"])
        .filter(inside(90))
        .group_by("snapshot")
        .agg(
            n_90=pl.col("n").sum(),
            value_7=pl.col("value").filter(age <= 7).sum(),
            value_28=pl.col("value").filter(short).sum(),
            value_90=pl.col("value").sum(),
            kinds_28=pl.col("kinds").filter(short).bitwise_or().bitwise_count_ones(),
            days_28=age.filter(short).n_unique(),
            days_90=age.n_unique(),
            busiest_28=pl.col("so_far").filter(short).max(),
            **weeks,
            **{f"n_{name}": pl.col(f"n_{name}").filter(short).sum() for name in NAMED},
        )
    )
    measure.lap("sums")
    # A snapshot's 28 days are few enough to be written out, one row each.
    each_day = (
        snapshots.select(
            "snapshot", "account_id", "today", day=pl.int_ranges(pl.col("today") - 28, pl.col("today"), dtype=pl.Int32)
        )
        .explode("day")
        .lazy()
    )
    users = collect(
        events.filter(pl.col("user_id").is_not_null())
        .select("account_id", "user_id", "day", "seen")
        .join(each_day, on=["account_id", "day"])
        .filter(pl.col("seen") < pl.col("today"))
        .group_by("snapshot", "user_id")
        .agg(age=age.min())
        .group_by("snapshot")
        .agg(users_28=pl.len(), users_7=(pl.col("age") <= 7).sum())
    )
    measure.lap("users")

    counts = [*weeks, "n_90", "users_7", "users_28", "kinds_28", "days_28", "days_90", "busiest_28"]
    known = pl.col("anything") < pl.col("today")

    def col(name: str):
        return pl.col(name).fill_null(0).cast(pl.Float64)

    table = (
        snapshots.sort("today")
        .join_asof(
            last_use, left_on="today", right_on="seen", by="account_id", allow_exact_matches=False,
            check_sortedness=False,
        )
        .join(first_seen, on="account_id", how="left")
        .join(sums, on="snapshot", how="left")
        .join(users, on="snapshot", how="left")
        .with_columns(col(name) for name in counts)
        .with_columns(
            n_14=pl.col("w0") + pl.col("w1"),
            prior_14=pl.col("w2") + pl.col("w3"),
            mean=pl.sum_horizontal(f"w{week}" for week in range(8)) / 8,
        )
    )
    # The sum of (x - 3.5)^2 over the weeks 0 to 7 is 42.
    slope = pl.sum_horizontal((3.5 - week) * (pl.col(f"w{week}") - pl.col("mean")) for week in range(8)) / 42

    def over(part, whole: str):
        return pl.when(pl.col(whole) != 0).then(part / pl.col(whole))

    features = {
        "events_7d": pl.col("w0"),
        "events_14d": pl.col("n_14"),
        "events_28d": pl.col("n_14") + pl.col("prior_14"),
        "events_90d": pl.col("n_90"),
        "events_prior_14d": pl.col("prior_14"),
        **{
            f"value_{n}d": pl.when(pl.col("a_value") < pl.col("today")).then(col(f"value_{n}"))
            for n in (7, 28, 90)
        },
        "users_7d": pl.col("users_7"),
        "users_28d": pl.col("users_28"),
        "distinct_events_28d": pl.col("kinds_28"),
        "active_days_28d": pl.col("days_28"),
        "active_days_90d": pl.col("days_90"),
        "days_since_last_use": (pl.col("as_of") - pl.col("latest")).dt.total_microseconds() / DAY,
        **{
            f"events_28d__{name}": pl.when(pl.col(f"first_{name}") < pl.col("today")).then(col(f"n_{name}"))
            for name in NAMED
        },
        "busiest_day_events_28d": pl.col("busiest_28"),
        "events_slope_8w": over(slope, "mean"),
        "events_ratio_14d": over(pl.col("n_14"), "prior_14"),
    }
    # Nothing is known of an account before anything of it has been seen.
    return table.select(
        "account_id", "as_of", **{name: pl.when(known).then(value) for name, value in features.items()}
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--history", required=True)
    options.add_argument("--snapshots", required=True)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--out", required=True)
    given = options.parse_args()
    # Read when Polars is loaded.
    os.environ["POLARS_MAX_THREADS"] = str(given.threads)
    table = compute(given.history, given.snapshots)
    table.write_parquet(given.out)
    measure.report(table.height)


if __name__ == "__main__":
    main()
