"""Results of checks, and how they are told: in words, as JSON, as JUnit's XML."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree

from sandbox.testing.history import History, shown
from sandbox.testing.scenes import Scene, name_of

if TYPE_CHECKING:
    from sandbox.testing.check import Violation

Status = Literal["pass", "fail", "xfail", "xpass", "blocked", "n/a", "vacuous", "inconclusive", "kit-error"]
BAD: tuple[Status, ...] = ("fail", "xpass", "kit-error")
"""What makes a report not ok."""
_FIRST_CALLS = 10


@dataclass(frozen=True)
class Result:
    """What became of one check."""

    check: str
    status: Status
    message: str
    """What was observed, or why nothing could be."""
    scene: Mapping[str, Any] | None = None
    """Where, as `Scene.told`: only what is not the default."""
    calls: tuple[str, ...] = ()
    """The first that the run made there."""
    parting: str = ""
    """Where two runs that should be the same part."""
    examples: int = 0
    reached: Mapping[str, int] = field(default_factory=dict)
    """What the check looked at, and how often."""
    detail: str = ""
    seconds: float = 0.0

    @classmethod
    def of_violation(cls, check: str, found: Violation, scene: Scene, examples: int) -> Result:
        """A failure, with what a reader needs."""
        calls = () if found.history is None else _calls(found.history)
        return cls(check, "fail", found.observed, scene.told(), calls, found.parting, examples)


def _calls(history: History) -> tuple[str, ...]:
    told = [f"{shown(event.request)} -> {_heard(event.answer)}" for event in history.events[:_FIRST_CALLS]]
    more = len(history.events) - len(told)
    return (*told, f"... {more} more") if more > 0 else tuple(told)


def _heard(answer: object) -> str:
    score = getattr(answer, "score", None)
    if score is not None:
        return repr(score)
    if isinstance(answer, Exception):
        return f"{type(answer).__name__} ({answer})"
    return "nothing" if answer is None else repr(answer)[:80]


@dataclass(frozen=True)
class Report:
    """All checks of one subject."""

    agent: str
    claims: tuple[str, ...]
    profile: str
    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed that was not expected to, and nothing passed that was."""
        return not any(result.status in BAD for result in self.results)

    def counts(self) -> dict[str, int]:
        """How many of each status."""
        return dict(Counter([result.status for result in self.results]))

    def __str__(self) -> str:
        told = ", ".join([f"{number} {status}" for status, number in sorted(self.counts().items())])
        lines = [f"{self.agent}: {told} (claims: {', '.join(self.claims) or 'none'})"]
        lines += [text(result, self.agent) for result in self.results if result.status in BAD]
        return "\n".join(lines)

    def as_json(self) -> str:
        """Everything, for programs."""
        facts = asdict(self)
        return json.dumps({"ok": self.ok, **facts}, indent=1, default=str)

    def as_junit(self) -> str:
        """The same for CI servers."""
        counts = self.counts()
        suite = ElementTree.Element(
            "testsuite", name=f"sandbox check {self.agent}", tests=str(len(self.results)),
            failures=str(counts.get("fail", 0) + counts.get("xpass", 0)),
            errors=str(counts.get("kit-error", 0)),
        )  # fmt: skip
        for result in self.results:
            case = ElementTree.SubElement(
                suite, "testcase", classname=self.agent, name=result.check, time=f"{result.seconds:.3f}"
            )
            if result.status == "pass":
                continue
            tag = {"fail": "failure", "xpass": "failure", "kit-error": "error"}.get(result.status, "skipped")
            child = ElementTree.SubElement(case, tag, message=f"{result.status}: {result.message}")
            child.text = _clean(text(result, self.agent)) if tag != "skipped" else None
        return ElementTree.tostring(suite, encoding="unicode")


def _clean(told: str) -> str:
    """Without what XML cannot hold."""
    return "".join([c if c in "\n\t" or ord(c) >= 32 else "?" for c in told])


def text(result: Result, agent: str, file: str = "") -> str:
    """One result in words: the property, what was observed, where, the first calls, how to see it again."""
    from sandbox.testing.checks import CHECKS

    known = CHECKS.get(result.check)
    lines = [f"{result.check}: {result.status}" + (f" ({known.statement})" if known else "")]
    lines.append(f"  observed : {result.message}")
    if result.scene is not None:
        lines.append(f"  scene    : {Scene.of(result.scene)}")
    if result.parting:
        lines.append(f"  parting  : {result.parting}")
    if result.calls:
        lines += ["  calls    : " + ("\n             ".join(result.calls))]
    if known and known.claims and result.status == "fail":
        lines.append(
            f"  claim    : {', '.join(known.claims)}; an agent that does not claim it is not held to it"
        )
    if file:
        lines.append(f"  replay   : sandbox check --replay {file}")
    if result.detail:
        lines.append(result.detail.rstrip())
    return "\n".join(lines)


def file_of(result: Result, agent: str) -> tuple[str, str]:
    """Name and content of the file that shows a failure again."""
    facts = {"schema": 1, "check": result.check, "agent": agent, "scene": dict(result.scene or {})}
    body = {**facts, "observed": result.message, "calls": list(result.calls)}
    return f"{result.check}-{name_of(facts)}.json", json.dumps(body, indent=1, ensure_ascii=True) + "\n"
