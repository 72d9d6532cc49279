"""The tournament on really measured scores: 8 tables x 4 agents x 20 seeds x 100 evaluations."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main(data: str) -> None:
    """Print its leaderboard and what it took."""
    with tempfile.TemporaryDirectory() as folder:
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        command = [
            "sandbox", "run", "recorded", "--data", data, "--seeds", "20", "--budget", "evaluations=100",
            "--agents", "random,thompson,sequential-halving,gp-bo",
            "--out", str(Path(folder) / "recorded.db"),
        ]  # fmt: skip
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(result.stdout)
    print(f"{wall:.0f} s wall, {cpu:.0f} CPU-s")


if __name__ == "__main__":
    main(sys.argv[1])
