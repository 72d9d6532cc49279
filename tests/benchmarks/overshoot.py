"""How far every bundled agent exceeds its budget in each currency, at concurrency 64."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sandbox.budget import CURRENCIES, Budget
from sandbox.protocol import Needs
from sandbox.registry import agent_table, make_agent
from sandbox.scenario import Source
from sandbox.tournament import load, matches, overspent, play

_FILE = """
description = "x"
agents = ["random"]
budget = { evaluations = 1 }
shared = true
[[noise]]
kind = "binomial"
[service.limits]
concurrency = 64
[service.faults]
rate_limited = 0.05
timeout = 0.05
malformed = 0.05
[[problem]]
oracle = "ORACLE"
"""
_BUDGETS = (
    "evaluations=60",
    "rows=1150",
    "prompt_tokens=40000",
    "completion_tokens=9000",
    "usd=0.0123",
    "seconds=40",
    "evaluations=60,rows=1150,prompt_tokens=50000,completion_tokens=9000,usd=0.0123,seconds=200",
)


def main() -> None:
    """Print the largest excess of any agent in any currency, under every budget."""
    worst = dict.fromkeys(CURRENCIES, 0)
    played = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for need, oracle in (
            (Needs.POOL, "additive-pool"),
            (Needs.TEXT, "additive-text"),
            (Needs.BOX, "low-dimensional-box"),
        ):
            path = Path(folder) / f"{oracle}.toml"
            path.write_text(_FILE.replace("ORACLE", oracle))
            source = Source(str(path))
            agents = [name for name in agent_table() if need in make_agent(name).needs]
            for budget in _BUDGETS:
                # Sixty-four places and one shared service: everything an agent gathers is served at once.
                for match in matches(load(source), source, agents, 1, Budget.parse(budget)):
                    for run in play(match):
                        played += 1
                        failed += run.error is not None
                        for currency, excess in overspent(run).items():
                            worst[currency] = max(worst[currency], excess)
    print(f"{played} runs of {len(agent_table())} agents under {len(_BUDGETS)} budgets, {failed} failed")
    print("largest excess: " + ", ".join(f"{currency} {excess}" for currency, excess in worst.items()))


if __name__ == "__main__":
    main()
