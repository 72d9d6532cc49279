"""How often the kit finds each planted bug: searches with random seeds, at a few numbers of examples.

python tests/benchmarks/detection.py [--searches N] [--examples 10,25,60] [--only CHECK,...]
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "testing"))

from planted import PLANTED

from sandbox.testing import search
from sandbox.testing.checks import CHECKS


def main(arguments: list[str] | None = None) -> None:
    """Print a line for each check, and how many are found in every search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--examples", default="10,25,60")
    parser.add_argument("--only", default="")
    wanted = parser.parse_args(arguments)
    numbers = [int(number) for number in wanted.examples.split(",")]
    names = [name for name in wanted.only.split(",") if name] or list(CHECKS)
    print(f"{'check':32}" + "".join([f"{f'at {n}':>10}" for n in numbers]) + f"{'seconds':>10}")
    always = dict.fromkeys(numbers, 0)
    for name in names:
        check, line, began = CHECKS[name], f"{name:32}", time.perf_counter()
        for number in numbers:
            found = 0
            searches = 1 if check.once else wanted.searches  # it looks at one scene: always the same
            for turn in range(searches):
                search.KIT = 1_000 + turn  # another stream of scenes
                profile = replace(search.PROFILES["ci"], examples=number)
                subject = PLANTED[name](name=name)
                result = search.run_check(check, subject, profile, f"planted:{name}" if check.once else None)
                found += result.status == "fail"
            always[number] += found == searches
            line += f"{f'{found}/{searches}':>10}"
        print(f"{line}{time.perf_counter() - began:10.1f}", flush=True)
    for number, count in always.items():
        print(f"found in every search at {number} examples: {count} of {len(names)}")


if __name__ == "__main__":
    main()
