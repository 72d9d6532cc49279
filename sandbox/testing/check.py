"""What a check is, what it is given, and what it may find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.claims import Claims, claims_of
from sandbox.protocol import Agent
from sandbox.testing.history import PLAIN, History, Play, play
from sandbox.testing.scenes import KINDS, ORACLES, Kind, Oracle, Scene


class Violation(AssertionError):
    """A property does not hold: ``Violation(what was observed, the history that shows it)``."""

    def __init__(self, observed: str, history: History | None = None, parting: str = "") -> None:
        super().__init__(observed)
        self.observed, self.history, self.parting = observed, history, parting


class Blocked(Exception):
    """Nothing can be said, because another property does not hold: ``Blocked(name of its check)``."""


class Inconclusive(Exception):
    """The data decide nothing: ``Inconclusive(what was seen)``."""


class NotApplicable(Exception):
    """The check has nothing to look at here: ``NotApplicable(why)``."""


@dataclass(frozen=True)
class Wants:
    """Which scenes a check is shown."""

    kinds: tuple[Kind, ...] = KINDS
    oracles: tuple[Oracle, ...] = ORACLES
    budget: tuple[int, int] = (1, 12)
    rich: bool = False
    """A large space that does not shrink, where two random candidates are never the same."""
    rows: bool | None = None
    """Whether there are dev rows; None for either."""
    faults: tuple[str, ...] = ()
    """Of these kinds; () for none."""
    full: bool = False
    """Whether every evaluation may be at fault."""


@dataclass
class Trial:
    """A subject in a scene: what the body of a check is given."""

    subject: Agent
    scene: Scene
    white_box: Callable[[], Any] | None = None
    spec: str | None = None
    """MODULE:AGENT, where a fresh process can make the subject."""
    profile: str = "ci"
    home: Scene | None = None
    """A rich scene that is the same in all trials of a search, for what is too slow to be done in each."""
    reached: Counter[str] = field(default_factory=Counter)

    @property
    def claims(self) -> Claims:
        """What the subject promises."""
        return claims_of(self.subject)

    def reach(self, what: str) -> None:
        """Note that the check really looked at something; if none of its trials does, it is vacuous."""
        self.reached[what] += 1

    def play(self, how: Play = PLAIN, scene: Scene | None = None, subject: Agent | None = None) -> History:
        """One run."""
        return play(subject or self.subject, scene or self.scene, how, self.white_box)

    def healthy(self, how: Play = PLAIN, scene: Scene | None = None, subject: Agent | None = None) -> History:
        """One run that must have ended well.

        Raises:
            Blocked: if it did not, by the check that says so.
        """
        found = self.play(how, scene, subject)
        if culprit := ailing(found):
            raise Blocked(culprit)
        return found

    def pure(self, scene: Scene | None = None) -> History:
        """One run that is the same again, in other surroundings too.

        Raises:
            Blocked: if it is not: then two runs differ whatever else is done to them.
        """
        first = self.healthy(scene=scene)
        for how, culprit in _SURROUNDINGS:
            if self.play(how, scene).trace() != first.trace():
                raise Blocked(culprit)
        return first

    def on(self, **changes: Any) -> Scene:
        """The scene with some fields changed."""
        return replace(self.scene, **changes)


_SURROUNDINGS = (
    (PLAIN, "check_seed_determinism"),
    (Play(chance=2), "check_no_global_rng_read"),
    (Play(clock=(4.1e9, 977.0)), "check_no_wall_clock"),
)


def ailing(history: History) -> str:
    """The check that a run which did not end well belongs to; "" for a healthy one."""
    if history.endless:
        return "check_terminates"
    if not history.failure:
        return ""
    return "check_in_space" if history.broke_rule and "which is not in" in history.failure else "check_runs"


@dataclass(frozen=True)
class Check:
    """A named property."""

    name: str
    number: str
    """Of the catalogue: "P1" to "P34"."""
    statement: str
    body: Callable[[Trial], None]
    claims: tuple[str, ...]
    """All of these must be promised; () for every agent."""
    wants: Wants
    once: bool
    """Whether it looks at one scene of its own making, and searches none."""
    statistical: bool

    def missing(self, claims: Claims) -> list[str]:
        """The promises that it needs and that are not made."""
        return [name for name in self.claims if not getattr(claims, name)]


CHECKS: dict[str, Check] = {}
"""All of them, in the order of the catalogue once `sandbox.testing.checks` is imported."""


def check(
    number: str,
    *claims: str,
    wants: Wants = Wants(),  # frozen
    once: bool = False,
    statistical: bool = False,
) -> Callable[[Callable[[Trial], None]], Callable[[Trial], None]]:
    """Register a function as a check; the first line of its docstring is the statement."""

    def register(body: Callable[[Trial], None]) -> Callable[[Trial], None]:
        statement = (body.__doc__ or "").strip().partition("\n")[0]
        name = body.__name__
        CHECKS[name] = Check(name, number, statement, body, claims, wants, once, statistical)
        return body

    return register
