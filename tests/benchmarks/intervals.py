"""What the heavy statistics cost: an interval of the interquartile mean, and Bradley-Terry refits."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from sandbox.statistics.aggregates import aggregate
from sandbox.statistics.ratings import bradley_terry
from sandbox.streams import stream

_TIMES = 7


def main() -> None:
    """Print the median of several runs, in CPU seconds; the first run's imports are left out."""
    scores = stream(1, "scores").random((20, 10))
    _tell(
        "50,000 replicates of the interquartile mean, 20 tasks x 10 seeds",
        lambda: aggregate(scores, stream(1, "iqm"), "iqm", replicates=50_000),
    )
    players = {f"player {i}": scores + 0.1 * stream(1, "player", i).random((20, 10)) for i in range(12)}
    _tell(
        "1,000 Bradley-Terry refits of 12 players, 20 tasks x 10 seeds",
        lambda: bradley_terry(players, stream(1, "ratings"), replicates=1_000),
    )


def _tell(what: str, work: Callable[[], object]) -> None:
    work()
    spent = []
    for _ in range(_TIMES):
        started = time.process_time()
        work()
        spent.append(time.process_time() - started)
    print(f"{what}: {np.median(spent):.3f} CPU-s")


if __name__ == "__main__":
    main()
