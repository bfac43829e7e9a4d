"""What the peers share: where usage lies, and what they print of their wall time, CPU time and peak memory."""

import pathlib
import resource
import sys
import time

STARTED = time.perf_counter()


def usage_files(history: str) -> str:
    """A pattern of the Parquet files of usage: one file, or a folder of them."""
    folder = pathlib.Path(history, "usage_events")
    return str(folder / "*.parquet" if folder.is_dir() else folder.with_suffix(".parquet"))


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def lap(name: str) -> None:
    """Says on stderr how long it took so far."""
    print(f"wall {time.perf_counter() - STARTED:8.2f} cpu {cpu():8.2f} after {name}", file=sys.stderr)


def report(n_rows: int) -> None:
    """Prints one line that `features.py` reads."""
    wall = time.perf_counter() - STARTED
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"rows {n_rows} wall {wall:.2f} cpu {cpu():.2f} peak_gb {peak_gb:.2f}")
