"""How long the command takes to say something: `sandbox --help` and `sandbox list`."""

from __future__ import annotations

import resource
import subprocess
import time

_TIMES = 7


def main() -> None:
    """Print the median of several runs, in wall and in CPU seconds."""
    for arguments in (["--help"], ["list"], ["list", "scenarios"]):
        wall, cpu = [], []
        for _ in range(_TIMES):
            before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run(["sandbox", *arguments], check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            wall.append(time.perf_counter() - started)
            cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        middle = _TIMES // 2
        command = " ".join(["sandbox", *arguments])
        print(f"{command}: {sorted(wall)[middle]:.2f} s wall, {sorted(cpu)[middle]:.2f} CPU-s")


if __name__ == "__main__":
    main()
