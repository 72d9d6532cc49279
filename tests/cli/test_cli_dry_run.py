"""`sandbox run --dry-run`: what the agents expect to spend, and nothing is played."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Here = Callable[..., Result]


def test_it_tells_what_is_expected_and_plays_nothing(here: Here, folder: Path) -> None:
    told = here("run", "quickstart", "--agents", "random,ucb", "--seeds", "3", "--dry-run").stdout
    assert "In all 18 runs: 3,600 evaluations" in told
    assert not list(folder.glob("*.db"))


def test_a_budget_that_is_too_small_is_named(here: Here) -> None:
    arguments = ("run", "induction30", "--agents", "gepa,ape", "--budget", "rows=20", "--dry-run")
    told = " ".join(here(*arguments).stdout.split())
    assert "gepa: the budget is too small on 30 of 30 problems; below rows=" in told
    assert "ape: the budget" not in told
    (found,) = json.loads(here(*arguments, "--json").stdout)
    gepa, ape = found["agents"]
    assert (gepa["too_small_on"], ape["too_small_on"]) == (30, 0)
    assert gepa["least_useful_budget"]["rows"] > 20
    assert ape["per_run"]["rows"] <= 20


def test_an_agent_that_does_not_tell_is_listed(here: Here, folder: Path) -> None:
    (folder / "mine.py").write_text(
        "from sandbox.protocol import Needs\n"
        "class Mine:\n"
        "    name = 'mine'\n"
        "    needs = Needs.ANY_SPACE\n"
        "    def plan(self, task, rng):\n"
        "        yield from ()\n"
    )
    told = here("run", "quickstart", "--agents", "mine:Mine,random", "--dry-run").stdout
    assert "not told" in told


def test_all_who_can_play(here: Here) -> None:
    told = here("run", "induction30-quick", "--agents", "all", "--dry-run", "--json").stdout
    (found,) = json.loads(told)
    names = {outlook["agent"] for outlook in found["agents"]}
    assert {"random", "thompson", "gp-bo"} <= names
    assert not names & {"cma-es", "instructzero", "ape"}
