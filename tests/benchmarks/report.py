"""What a report of a large store costs: processor seconds, memory, and the size of the file.

`python tests/benchmarks/report.py [--runs 10000,50000]`. Thirty seeds of `quickstart` with 30 evaluations
are played; their runs, with every record, are then copied under other seeds until there are enough.
"""

from __future__ import annotations

import argparse
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sandbox.tables import PLAYED, RECORD, RUN, STEP

SEEDS = 30
BUDGET = ("--budget", "evaluations=30")


def main(arguments: list[str] | None = None) -> None:
    """Make the stores, and a report of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", default="10000,50000")
    wanted = [int(number) for number in parser.parse_args(arguments).runs.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "runs.db"
        _sandbox("run", "quickstart", "--seeds", str(SEEDS), *BUDGET, "--out", str(store))
        for number in sorted(wanted):
            runs = _grow(store, number)
            began, before = time.perf_counter(), _spent()
            _sandbox("report", str(store), "-o", str(store.with_suffix(".html")))
            size = store.with_suffix(".html").stat().st_size / 1e6
            memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
            print(
                f"{runs:,} runs ({store.stat().st_size / 1e6:,.0f} MB): {_spent() - before:.1f} CPU-s, "
                f"{time.perf_counter() - began:.1f} s, at most {memory:.2f} GiB so far, {size:.2f} MB",
                flush=True,
            )


def _sandbox(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "sandbox.cli", *arguments],
        check=True,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _grow(store: Path, wanted: int) -> int:
    """Copy the first seeds' runs under later ones until there are as many as wanted."""
    db = sqlite3.connect(store)
    first = db.execute("SELECT count(*), max(id) FROM runs WHERE seed < ?", (SEEDS,)).fetchone()
    copies = -(-wanted // first[0])
    had = db.execute("SELECT max(seed) FROM runs").fetchone()[0] // SEEDS + 1
    columns = f"{RUN}, {PLAYED}"
    run = columns.replace("id, key", "id + :ids, key || ' ' || :turn").replace(" seed,", " seed + :seeds,")
    with db:
        for turn in range(had, copies):
            values = {
                "ids": turn * first[1],
                "turn": turn,
                "seeds": turn * SEEDS,
                "own": SEEDS,
                "last": first[1],
            }
            db.execute(
                f"INSERT INTO runs ({columns}) SELECT {run} FROM runs WHERE seed < :own AND id <= :last",
                values,
            )
            for table, names in (("records", RECORD), ("steps", STEP)):
                moved = names.replace("run,", "run + :ids,", 1)
                db.execute(
                    f"INSERT INTO {table} ({names}) SELECT {moved} FROM {table} WHERE run <= :last", values
                )
    count: int = db.execute("SELECT count(*) FROM runs").fetchone()[0]
    db.close()
    return count


if __name__ == "__main__":
    main()
