"""Looks for a scene in which a check fails, and shrinks what it finds."""

from __future__ import annotations

import hashlib
import signal
import threading
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sandbox.claims import claims_of
from sandbox.errors import nearest
from sandbox.protocol import Agent, Needs
from sandbox.testing.check import (
    Blocked,
    Check,
    Inconclusive,
    NotApplicable,
    Trial,
    Violation,
)
from sandbox.testing.report import Result
from sandbox.testing.scenes import Scene, kinds_of
from sandbox.testing.subjects import white_box_for

KIT = 1
"""Changes whenever the same subject could be shown other scenes."""


@dataclass(frozen=True)
class Profile:
    """How hard to look."""

    name: str
    examples: int
    patience: float
    """Wall seconds in one scene after which a check is given up: a limit of the process, and no verdict."""


PROFILES = {
    "quick": Profile("quick", 10, 60.0),
    "ci": Profile("ci", 60, 300.0),
    "nightly": Profile("nightly", 1000, 7200.0),
}


class Hang(BaseException):
    """The process limit: a check takes longer than it ever should."""


def profile_of(name: str) -> Profile:
    """A profile by its name.

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in PROFILES:
        raise ValueError(f"profile {name!r}: {nearest(name, PROFILES)}")
    return PROFILES[name]


def run_check(check: Check, subject: Agent, profile: Profile, spec: str | None = None) -> Result:
    """Hold a subject to one property."""
    missing = check.missing(claims_of(subject))
    if missing:
        return Result(check.name, "n/a", f"it does not claim {', '.join(missing)}")
    trial = _first_trial(check, subject, profile, spec)
    if trial is None:
        return Result(check.name, "n/a", "it plays on no space that the check looks at")
    try:
        if check.once:
            with _patience(profile.patience):
                found = _once(check, trial)
        else:
            found = _searched(check, trial, profile)
    except Hang:
        found = Result(
            check.name,
            "kit-error",
            f"given up after {profile.patience:.0f} s in one scene: does the subject hang?",
        )
    except Exception as exc:
        told = traceback.format_exc(limit=-4)
        found = Result(check.name, "kit-error", f"{type(exc).__name__}: {exc}", detail=told)
    return replace(found, reached=dict(trial.reached))


def replayed(check: Check, subject: Agent, scene: Scene, spec: str | None = None) -> Result:
    """Hold a subject to one property in one scene, without a search."""
    return _once(check, Trial(subject, scene, white_box_for(subject), spec))


def _first_trial(check: Check, subject: Agent, profile: Profile, spec: str | None) -> Trial | None:
    kinds = [kind for kind in check.wants.kinds if kind in kinds_of(subject.needs)]
    if not kinds:
        return None
    rich = Scene(
        kind=kinds[0], size=64, dims=6, oracle="table", budget=max(10, claims_of(subject).min_budget),
        luck=1, rows=4 if check.wants.rows else 0, writes=Needs.COMPLETIONS in subject.needs,
    )  # fmt: skip
    return Trial(subject, rich, white_box_for(subject), spec, profile.name, home=rich)


def _once(check: Check, trial: Trial) -> Result:
    try:
        check.body(trial)
    except Violation as found:
        return Result.of_violation(check.name, found, trial.scene, 1)
    except Blocked as other:
        return Result(check.name, "blocked", f"by {other}")
    except NotApplicable as why:
        return Result(check.name, "n/a", str(why))
    except Inconclusive as seen:
        return Result(check.name, "inconclusive", str(seen))
    if not any(trial.reached.values()):
        return Result(check.name, "vacuous", "it met nothing to judge")
    return Result(check.name, "pass", "", examples=1)


def _searched(check: Check, trial: Trial, profile: Profile) -> Result:
    """The smallest scene found in which the check fails."""
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis.errors import Flaky

    from sandbox.testing.strategies import scenes

    subject = trial.subject
    found: list[tuple[Scene, Violation]] = []
    blocked: Counter[str] = Counter()
    examples = passed = 0

    def property_(scene: Scene) -> None:
        nonlocal examples, passed
        examples += 1
        try:
            with _patience(profile.patience):
                check.body(replace(trial, scene=scene))
        except Blocked as other:
            blocked[str(other)] += 1
            return
        except Violation as violation:
            found.append((scene, violation))
            raise
        passed += 1

    drawn = scenes(
        kinds_of(subject.needs),
        check.wants,
        claims_of(subject).min_budget,
        Needs.COMPLETIONS in subject.needs,
    )
    search: Any = settings(
        max_examples=profile.examples, database=None, deadline=None, report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
    )(seed(_stable(check.name))(given(drawn)(property_)))  # fmt: skip
    try:
        search()
    except Violation:
        scene, violation = found[-1]
        return Result.of_violation(check.name, violation, scene, examples)
    except Flaky:
        scene, violation = found[-1]
        told = Result.of_violation(check.name, violation, scene, examples)
        if claims_of(subject).seeded and check.name != "check_seed_determinism":
            return Result(check.name, "blocked", "by check_seed_determinism")
        return replace(told, message=f"{told.message} (not every time: its runs differ)")
    except NotApplicable as why:
        return Result(check.name, "n/a", str(why))
    if not passed and blocked:
        return Result(check.name, "blocked", f"by {blocked.most_common(1)[0][0]}", examples=examples)
    if not any(trial.reached.values()):
        return Result(
            check.name, "vacuous", f"{examples} scenes, and nothing to judge in any", examples=examples
        )
    return Result(check.name, "pass", "", examples=examples)


def _stable(name: str) -> int:
    """A seed of the search: every subject meets the same scenes."""
    return int.from_bytes(hashlib.sha256(f"{name} {KIT}".encode()).digest()[:8], "little")


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """End a check that hangs, where signals can: in the main thread of a process that has alarms."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # again every second, for what swallows everything
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
