"""Writes a copy of a simulated history whose monthly files of usage are in the order of receipt, as event streams are
exported; a simulated one is in the order of accounts, as warehouses cluster. Other tables are linked."""

import argparse
import os
import pathlib

import duckdb


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--history", required=True, type=pathlib.Path)
    options.add_argument("--out", required=True, type=pathlib.Path, help="a new folder")
    given = options.parse_args()
    months = sorted((given.history / "usage_events").glob("*.parquet"))
    if not months:
        raise SystemExit(f"{given.history} has no folder usage_events: simulate it with --monthly")
    (given.out / "usage_events").mkdir(parents=True)
    for table in given.history.glob("*.parquet"):
        os.symlink(table.resolve(), given.out / table.name)
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for month in months:
        to = given.out / "usage_events" / month.name
        connection.execute(
            f"COPY (SELECT * FROM read_parquet('{month}') ORDER BY received_at, account_id) TO '{to}' "
            "(FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 131072)"
        )
    print(f"{len(months)} months in the order of receipt in {given.out}")


if __name__ == "__main__":
    main()
