"""Every agent that comes along keeps the laws of the kit, and what it promises beyond them."""

from __future__ import annotations

import pytest

from agents import TABLE
from agents.external import TABLE as EXTERNAL
from sandbox.testing import check_agent
from sandbox.testing.subjects import subject_of

pytest.importorskip("torch")

FAST = (
    "random", "round-robin", "ucb", "thompson", "sequential-halving", "evolution", "naive", "icl",
    "prompt-mii-zero", "prompt-mii",
)  # fmt: skip
SLOW = tuple([name for name in TABLE if name not in FAST])


@pytest.mark.parametrize("name", FAST)
def test_a_fast_agent_conforms(name: str) -> None:
    report = check_agent(name, profile="quick")
    assert report.ok, str(report)
    assert set(report.counts()) <= {"pass", "n/a", "vacuous", "inconclusive"}


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_a_slow_agent_conforms(name: str) -> None:
    report = check_agent(name, profile="quick")
    assert report.ok, str(report)
    assert set(report.counts()) <= {"pass", "n/a", "vacuous", "inconclusive"}


@pytest.mark.parametrize("name", FAST)
def test_only_what_never_evaluates_has_nothing_to_judge(name: str) -> None:
    report = check_agent(name, profile="quick", only=["stops_when_denied", "faults"])
    vacuous = any(result.status == "vacuous" for result in report.results)
    assert vacuous == (name in ("naive", "icl", "prompt-mii-zero", "prompt-mii"))


@pytest.mark.parametrize("name", TABLE)
def test_every_agent_promises_that_its_seed_is_its_only_source_of_chance(name: str) -> None:
    assert subject_of(name).claims.seeded  # type: ignore[attr-defined]


def test_other_peoples_optimizers_promise_nothing_yet() -> None:
    assert set(EXTERNAL) & set(TABLE) == set()
