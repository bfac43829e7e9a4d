"""Runs the feature engine and its peers at the same snapshots in one session, compares their results value by value,
and prints one table.

    python3 benches/peers/features.py --history large [--snapshots snapshots.parquet]

Builds nothing of its own but a virtual environment under `target/`; build the programs first:
`cargo build --release -p holdfast-train -p holdfast-benches`.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import environment  # noqa: E402

FEATURES = [
    "events_7d", "events_14d", "events_28d", "events_90d", "events_prior_14d", "value_7d", "value_28d", "value_90d",
    "users_7d", "users_28d", "distinct_events_28d", "active_days_28d", "active_days_90d", "days_since_last_use",
    "events_28d__report_viewed", "events_28d__dashboard_viewed", "events_28d__data_imported",
    "busiest_day_events_28d", "events_slope_8w", "events_ratio_14d",
]
# Quotients, which the engines may round differently in the last place.
QUOTIENTS = {"days_since_last_use": 1e-12, "events_slope_8w": 1e-12, "events_ratio_14d": 1e-12}


def run(name: str, command: list[str]) -> dict:
    """Runs one engine to its end: wall and CPU seconds and peak memory of its process, as the system counts them."""
    print(f"{name} …", file=sys.stderr, flush=True)
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    printed = process.stdout.read()
    # What the system counted of this process alone, and not of those before it.
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{name} failed: {' '.join(command)}")
    wall = time.perf_counter() - started
    rows = re.search(r"([\d,]+) rows|rows (\d+)", printed)
    return {
        "name": name,
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss / 1024**2,
        "rows": int((rows.group(1) or rows.group(2)).replace(",", "")) if rows else 0,
    }


def differences(one: str, other: str, names: list[str], out: pathlib.Path, python: str) -> list[str]:
    """The features whose values differ between two result files, with how many; run apart, for DuckDB lives there."""
    script = f"""
import duckdb
c = duckdb.connect(); c.execute("SET TimeZone = 'UTC'")
one, other = "read_parquet('{out / one}')", "read_parquet('{out / other}')"
rows = [c.execute(f"SELECT count(*), count(DISTINCT (account_id, as_of)) FROM {{f}}").fetchone() for f in (one, other)]
if rows[0] != rows[1]: print("rows", rows)
for name in {names!r}:
    tolerance = {QUOTIENTS!r}.get(name, 0)
    (n,) = c.execute(f'''SELECT count(*) FROM {{one}} AS a FULL JOIN {{other}} AS b USING (account_id, as_of)
        WHERE (a."{{name}}" IS NULL) <> (b."{{name}}" IS NULL)
              OR abs(a."{{name}}" - b."{{name}}") > {{tolerance}} * abs(b."{{name}}")''').fetchone()
    if n: print(f"{{name}}: {{n}} values")
"""
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return done.stdout.splitlines()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--history", required=True)
    options.add_argument("--snapshots", help="made with snapshots.py where not given")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--out", type=pathlib.Path, default=ROOT / "target" / "peers", help="default: target/peers")
    options.add_argument("--programs", type=pathlib.Path, default=ROOT / "target" / "release")
    options.add_argument("--all-columns", action="store_true", help="ours computes its full catalogue too")
    options.add_argument("--only", default=",".join(FEATURES), help="the features that ours computes and are compared")
    options.add_argument("--runs", type=int, default=1, help="runs of each; the quickest counts (default: 1)")
    given = options.parse_args()
    python = str(environment.python())
    given.out.mkdir(parents=True, exist_ok=True)
    snapshots = given.snapshots or str(given.out / "snapshots.parquet")
    if not given.snapshots:
        made = [python, str(HERE / "snapshots.py"), "--history", given.history, "--out", snapshots]
        subprocess.run(made, check=True)

    def peer(name: str) -> list[str]:
        paths = ["--history", given.history, "--snapshots", snapshots, "--out", str(given.out / f"{name}.parquet")]
        return [python, str(HERE / f"features_{name}.py"), *paths, "--threads", str(given.threads)]

    def ours(name: str, more: list[str]) -> list[str]:
        out = str(given.out / f"{name}.parquet")
        paths = ["--history", given.history, "--snapshots", snapshots, "--out", out]
        # The program takes as many threads as there are cores, unless told.
        threads = ["env", f"RAYON_NUM_THREADS={given.threads}"]
        return [*threads, str(given.programs / "holdfast-train"), "features", *paths, *more]

    engines = [
        ("decode only", [str(given.programs / "decode"), given.history, str(given.threads)]),
        ("holdfast", ours("holdfast", ["--only", given.only])),
        ("duckdb", peer("duckdb")),
        ("polars", peer("polars")),
    ]
    if given.all_columns:
        engines.insert(2, ("holdfast, all features", ours("holdfast_all", [])))
    measured = {}
    for _ in range(given.runs):
        for name, command in engines:
            result = run(name, command)
            if name not in measured or result["wall"] < measured[name]["wall"]:
                measured[name] = result
    limit, quick = measured["decode only"], measured["holdfast"]
    print("| engine | wall s | CPU s | peak GB | wall to decode only | wall to holdfast |")
    print("|---|---|---|---|---|---|")
    for result in measured.values():
        print(
            f"| {result['name']} | {result['wall']:.2f} | {result['cpu']:.2f} | {result['peak']:.2f} "
            f"| {result['wall'] / limit['wall']:.1f} | {result['wall'] / quick['wall']:.1f} |"
        )
    print(f"\n{limit['rows']:,} usage events, {quick['rows']:,} snapshots, {given.threads} threads")
    failed = False
    names = given.only.split(",")
    for name in ("duckdb", "polars"):
        found = differences("holdfast.parquet", f"{name}.parquet", names, given.out, python)
        failed |= bool(found)
        print(f"holdfast and {name}: " + ("; ".join(found) if found else f"all {len(names)} features agree"))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
