"""Snapshots of a simulated history for the benches: every account at the start of each month."""

import argparse

import duckdb

QUERY = """
COPY (
    SELECT account_id, as_of
    FROM read_parquet($accounts),
         (SELECT timezone('UTC', unnest(generate_series($first::TIMESTAMP, $first::TIMESTAMP
                 + to_months($months::INTEGER - 1), INTERVAL 1 MONTH))) AS as_of)
    ORDER BY account_id, as_of
) TO $out (FORMAT parquet)
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--history", required=True)
    options.add_argument("--first", default="2022-02-01", help="the first date (default: %(default)s)")
    options.add_argument("--months", type=int, default=24, help="dates an account (default: %(default)s)")
    options.add_argument("--out", required=True)
    given = options.parse_args()
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    values = {
        "accounts": f"{given.history}/accounts.parquet",
        "first": given.first,
        "months": given.months,
        "out": given.out,
    }
    # COPY takes no parameters: the literals are quoted here.
    query = QUERY
    for name, value in values.items():
        text = str(value).replace("'", "''")
        query = query.replace(f"${name}", f"'{text}'")
    (n_rows,) = connection.execute(query).fetchone()
    print(f"{n_rows:,} snapshots in {given.out}")


if __name__ == "__main__":
    main()
