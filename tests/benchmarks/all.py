"""Every figure of the README, in one run: `python tests/benchmarks/all.py --data DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parent))

import chat
import closed_loop
import detection
import determinism
import endpoint
import instinct
import instructzero
import intervals
import overshoot
import recorded
import report
import sequential
import startup
import throughput
import whitebox

from scenarios.build import BUNDLED


def main() -> None:
    """Run them one after the other; each prints what it measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", help="folder of measured scores; without it, the recorded tournament is left out"
    )
    data = parser.parse_args().data
    _announce(throughput)
    throughput.main([])
    for benchmark in (overshoot, determinism, closed_loop, startup, intervals):
        _announce(benchmark)
        benchmark.main()
    for benchmark in (chat, endpoint, instructzero, instinct, detection, sequential, report):
        _announce(benchmark)
        benchmark.main([])
    _announce(whitebox)
    whitebox.main(BUNDLED)
    if data:
        _announce(recorded)
        recorded.main(data)


def _announce(benchmark: ModuleType) -> None:
    print(f"\n== {(benchmark.__doc__ or '').splitlines()[0]}", flush=True)


if __name__ == "__main__":
    main()
