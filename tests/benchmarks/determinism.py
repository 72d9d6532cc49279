"""Ten runs of one tournament while other processes burn the CPUs: how many exports are byte-identical."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

_TIMES = 10


def _burn() -> None:
    while True:
        sum(i * i for i in range(10_000))


def main() -> None:
    """Print how many of the exported record tables equal the first."""
    burners = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(os.cpu_count() or 1)]
    for burner in burners:
        burner.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            digests = [_play(Path(folder) / f"{i}.db") for i in range(_TIMES)]
    finally:
        for burner in burners:
            burner.kill()
    same = Counter(digests)[digests[0]]
    print(f"{same} of {_TIMES} exports of all records are byte-identical (sha256 {digests[0][:12]})")


def _play(store: Path) -> str:
    run = ["sandbox", "run", "quickstart", "--seeds", "2", "--out", str(store)]
    subprocess.run(run, check=True, capture_output=True)
    export = ["sandbox", "export", str(store), "--what", "records", "--format", "jsonl"]
    return hashlib.sha256(subprocess.run(export, check=True, capture_output=True).stdout).hexdigest()


if __name__ == "__main__":
    main()
