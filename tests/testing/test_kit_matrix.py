"""The kit is tested by mutation: each planted bug is caught by its own check only."""

from __future__ import annotations

import pytest
import reference
from planted import PLANTED

from sandbox.testing.checks import CHECKS
from sandbox.testing.report import Result
from sandbox.testing.search import PROFILES, run_check

CI = PROFILES["ci"]


def judged(check: str, name: str) -> Result:
    return run_check(CHECKS[check], PLANTED[name](name=name), CI, f"planted:{name}")


def test_there_is_a_bug_for_every_check_and_a_check_for_every_number() -> None:
    assert set(PLANTED) == set(CHECKS)
    assert {check.number for check in CHECKS.values()} == {f"P{i}" for i in range(1, 35)}
    assert all(check.statement.endswith(".") for check in CHECKS.values())


@pytest.mark.parametrize("check", CHECKS)
def test_the_planted_bug_is_caught_by_its_own_check(check: str) -> None:
    found = judged(check, check)
    assert found.status == "fail", found


@pytest.mark.parametrize("check", CHECKS)
def test_a_clean_optimizer_keeps_every_law(check: str) -> None:
    for name in ("clean", "careful"):
        found = run_check(CHECKS[check], getattr(reference, name)(), CI, f"reference:{name}")
        allowed = ("pass", "n/a", "inconclusive") if CHECKS[check].statistical else ("pass", "n/a")
        assert found.status in allowed, found
        missing = CHECKS[check].missing(getattr(reference, name)().claims)
        assert (found.status == "n/a") == bool(missing)


@pytest.mark.slow
@pytest.mark.parametrize("bug", PLANTED)
def test_and_by_no_other(bug: str) -> None:
    caught = {
        check: found for check in CHECKS if (found := judged(check, bug)).status in ("fail", "kit-error")
    }
    assert set(caught) == {bug}, caught


def test_minimal_scenes_are_small() -> None:
    """What is found first is rarely what is shown."""
    assert judged("check_runs", "check_runs").scene in ({}, {"kind": "text"}, {"kind": "box"})
    nan = judged("check_nonfinite", "check_nonfinite")
    assert nan.scene is not None
    assert nan.scene["budget"] <= 3
    assert len(nan.scene["faults"]) == 1
    outside = judged("check_in_space", "check_in_space")
    assert outside.scene is not None
    assert outside.scene.get("dims", 1) == 1
