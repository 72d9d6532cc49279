"""Holds a subject to the catalogue: from Python, and for the command line and pytest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.claims import Claims, claims_of
from sandbox.errors import UsageError, nearest
from sandbox.protocol import Agent
from sandbox.testing.check import Check
from sandbox.testing.checks import CHECKS
from sandbox.testing.expected import Expected
from sandbox.testing.files import read_failure
from sandbox.testing.isolation import can_fork, in_child
from sandbox.testing.report import BAD, Report, Result, text
from sandbox.testing.scenes import Scene
from sandbox.testing.search import Profile, profile_of, replayed, run_check
from sandbox.testing.subjects import subject_of

_now = time.monotonic  # this very function: the kit plays with those of the module


def check_agent(
    agent: object,
    *,
    only: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
    profile: str = "ci",
    expected: Mapping[str, Expected] | None = None,
    claims: Claims | None = None,
    apart: bool = False,
    told: Callable[[Result, int, int], None] | None = None,
) -> Report:
    """Hold an agent to every check of the catalogue, or to some.

    >>> from sandbox.testing import check_agent
    >>> report = check_agent("random", only=["runs", "in_space"], profile="quick")
    >>> report.ok, report.counts()
    (True, {'pass': 2})

    Args:
        agent: an agent, a spec as on the command line, or a factory; other people's optimizers are wrapped
            in `FromBlocking` or `FromAskTell`.
        only: names of checks, with or without "check_"; None for all.
        exclude: likewise.
        profile: "quick", "ci" or "nightly": 10, 60 or 1,000 scenes a check.
        expected: what is known to fail, by the name of the check.
        claims: what it promises; its own attribute `claims` if None.
        apart: whether each check gets a copy of this process, so that a subject may do there what it likes.
        told: called with each result, its number from 1, and how many there will be.

    Raises:
        UsageError: if there is no such check or profile, or `agent` is no agent.
    """
    wanted, how = chosen(only, exclude), _profile(profile)
    subject = subject_of(agent, claims)
    spec = agent if isinstance(agent, str) and claims is None else None
    known = expected or {}
    results = []
    for number, check in enumerate(wanted, 1):
        began = _now()
        result = judged(check, subject, how, spec, known.get(check.name), apart)
        results.append(replace(result, seconds=_now() - began))
        if told is not None:
            told(results[-1], number, len(wanted))
    return Report(subject.name, tuple(claims_of(subject).made()), profile, tuple(results))


def _profile(name: str) -> Profile:
    try:
        return profile_of(name)
    except ValueError as exc:
        raise UsageError(str(exc)) from exc


def chosen(only: Iterable[str] | None = None, exclude: Iterable[str] = ()) -> list[Check]:
    """Checks by their names, in the order of the catalogue.

    Raises:
        UsageError: if one of the names is unknown.
    """
    left_out = {name_of_check(name) for name in exclude}
    kept = set(CHECKS) if only is None else {name_of_check(name) for name in only}
    return [check for name, check in CHECKS.items() if name in kept - left_out]


def name_of_check(name: str) -> str:
    """The full name of a check.

    Raises:
        UsageError: if there is none.
    """
    full = name if name.startswith("check_") else f"check_{name}"
    if full not in CHECKS:
        raise UsageError(f"no check {name!r}: {nearest(full, CHECKS)}; see sandbox check --list")
    return full


def judged(
    check: Check, subject: Agent, profile: Profile, spec: str | None, expected: Expected | None, apart: bool
) -> Result:
    """One check, and whether what came of it was expected."""

    def work() -> Result:
        if expected is not None and expected.scene is not None:
            return replayed(check, subject, read_failure(expected.scene).scene, spec)
        return run_check(check, subject, profile, spec)

    result: Result | None
    if apart and can_fork():
        result = in_child(work, profile.patience + 30.0, quiet=True)
        if result is None:
            told = "the process of this check ended, or had to be ended: does the subject hang, fork or exit?"
            result = Result(check.name, "kit-error", told)
    else:
        result = work()
    return result if expected is None else expected.judge(result)


def parametrize_with_checks(
    agents: Sequence[Any],
    *,
    profile: str = "ci",
    only: Iterable[str] | None = None,
    expected: Mapping[str, str] | Callable[[Any], Mapping[str, str]] | None = None,
) -> Any:
    """A decorator: one pytest test for each agent and check.

    ::

        @parametrize_with_checks([MyAgent(), MyAgent(batch=4)])
        def test_conformance(agent, check):
            check(agent)

    Args:
        agents: see `check_agent`.
        profile: see `check_agent`.
        only: see `check_agent`.
        expected: name of a check -> the reason for which it fails; or a function of the agent that says so.
    """
    import pytest

    how, wanted = _profile(profile), chosen(only)

    def caller(check: Check) -> Callable[[Any], None]:
        def call(agent: Any) -> None:
            __tracebackhide__ = True
            reasons = expected(agent) if callable(expected) else (expected or {})
            named = {name_of_check(name): reason for name, reason in reasons.items()}
            known = Expected(named[check.name]) if check.name in named else None
            judge_in_test(check, agent, how, known)

        return call

    cases = [
        pytest.param(agent, caller(check), id=f"{_label(agent, number)}-{check.name.removeprefix('check_')}")
        for number, agent in enumerate(agents)
        for check in wanted
    ]
    return pytest.mark.parametrize(("agent", "check"), cases)


def judge_in_test(
    check: Check, agent: Any, profile: Profile, expected: Expected | None = None, spec: str | None = None
) -> None:
    """Run a check, and tell pytest what came of it."""
    __tracebackhide__ = True
    import pytest

    subject = subject_of(agent)
    result = judged(
        check, subject, profile, spec or (agent if isinstance(agent, str) else None), expected, False
    )
    if result.status in BAD:
        pytest.fail(text(result, subject.name), pytrace=False)
    if result.status == "xfail":
        pytest.xfail(result.message)
    if result.status != "pass":
        pytest.skip(f"{result.status}: {result.message}")


def _label(agent: Any, number: int) -> str:
    name = agent if isinstance(agent, str) else getattr(agent, "name", f"agent{number}")
    return str(name).replace(":", ".")


def replay(path: Path, agent: str | None = None) -> tuple[str, str]:
    """Show a failure again: ("FIXED" | "FAILED" | "DIFFERENT" | "ERROR", what was seen).

    Raises:
        UsageError: if the file cannot be read, or says nothing of an agent that can be made.
    """
    kept = read_failure(path)
    spec = agent or kept.agent
    check = CHECKS[name_of_check(kept.check)]
    result = in_child(lambda: replayed(check, subject_of(spec), kept.scene, spec), quiet=True)
    if result is None:  # make the error here, where it can be told
        subject_of(spec)
        return "ERROR", "the process of the check ended, or had to be ended"
    if result.status == "fail":
        return ("FAILED" if result.message == kept.observed else "DIFFERENT"), result.message
    if result.status == "pass":
        return "FIXED", f"{kept.check} holds in {Scene.of(kept.scene.told())}"
    return "ERROR", f"{result.status}: {result.message}"
