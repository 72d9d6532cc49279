"""Stores to make reports of, hostile ones too, and a reader of HTML that notices what should not be there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from sandbox.budget import USD, Budget, Cost
from sandbox.errors import AnswerFailed
from sandbox.protocol import Complete, Completion, Evaluate, Observation
from sandbox.report.html.write import of_store
from sandbox.scenario import Source
from sandbox.store import Store
from sandbox.tournament import Run, Step
from sandbox.trace import Fate, Record, Ticket

SECOND = 10**9
BUDGET = Budget(evaluations=100)
HOSTILE = [
    "<script>window.hacked=1</script>",
    '"><img src=x onerror="window.hacked=1">',
    "</script><script>window.hacked=1</script>",
    "</style><svg onload=window.hacked=1>",
    "<!--<script>window.hacked=1//",
    "javascript:window.hacked=1",
    "' onmouseover='window.hacked=1",
    "&lt;script&gt;window.hacked=1&lt;/script&gt;",
    "line\u2028separators\u2029 and \u202eright to left\u202c and \x00 \x1b[31m \ud800 nothing",
    "]]><![CDATA[<script>window.hacked=1</script>",
]
"""Texts that would run, or break the page, if anything let them."""


def run(
    agent: str,
    seed: int,
    truth: float | None,
    problem: str = "p",
    scenario: str = "s",
    texts: Sequence[str] = ("Be brief.", "Be brief and right."),
    error: str | None = None,
    budget: Budget = BUDGET,
    calls: int = 4,
    noise: float = 0.05,
    **more: Any,
) -> Run:
    """A run with a few requests of every kind, which hands in the last of `texts`."""
    records, at = [], 0
    for number in range(calls):
        text = texts[number % len(texts)]
        request: Any = Evaluate(text) if number % 4 != 1 else Complete(f"improve: {text}", n=2)
        answer: Any = (
            Observation((truth or 0.5) + noise * (1 + number % 3))
            if number % 4 != 1
            else Completion((text, text + "!"))
        )
        fate = Fate.ANSWERED
        if number == 2:
            answer, fate = AnswerFailed("timeout", text), Fate.FAILED
        charge = Cost(evaluations=int(number % 4 != 1), completions=2 * int(number % 4 == 1),
                      prompt_tokens=40, completion_tokens=5, usd=USD // 1000)  # fmt: skip
        ticket = Ticket(number, request, 0, 0, at, request.key() + bytes(8))
        at += SECOND
        records.append(Record(ticket, fate, answer, charge, truth, at))
    steps = tuple(
        Step(text, truth - 0.1 * (len(texts) - 1 - i), (i + 1) * SECOND,
             Cost(evaluations=10 * (i + 1), prompt_tokens=100 * (i + 1), usd=(i + 1) * USD // 100,
                  seconds=(i + 1) * SECOND))
        for i, text in enumerate(texts)
        if truth is not None
    )  # fmt: skip
    facts: dict[str, Any] = {
        "key": f"{scenario}-{agent}-{problem}-{seed}-{budget}", "scenario": scenario, "digest": "d" * 20,
        "problem": problem, "agent": agent, "seed": seed, "budget": budget, "rivals": (), "error": error,
        "recommended": None if truth is None or error else texts[-1], "truth": None if error else truth,
        "spent": Cost(evaluations=60 + seed, prompt_tokens=4_000, completion_tokens=100, usd=USD // 8,
                      seconds=90 * SECOND),
        "steps": steps, "records": tuple(records), "optimum": 1.0, "baseline": 0.2, "caveat": "",
        "code": "c" * 20, "note": "",
    }  # fmt: skip
    return Run(**{**facts, **more})


def store_of(path: Path, runs: Sequence[Run]) -> Path:
    """A store with these runs."""
    with Store(path) as store:
        store.add(runs, [one.agent for one in runs], Source("s"), 1.0)
    return path


def report_of(path: Path, runs: Sequence[Run]) -> str:
    """The report of these runs."""
    return of_store(store_of(path, runs))


def board(scores: dict[str, Sequence[float | None]], **more: Any) -> list[Run]:
    """Runs of one problem: agent → score of each seed."""
    return [
        run(
            agent, seed, truth, error=None if truth is not None else "AgentCrashed: ZeroDivisionError", **more
        )
        for agent, truths in scores.items()
        for seed, truth in enumerate(truths)
    ]


_VOID = {"br", "col", "hr", "input", "link", "meta", "wbr"}
_PAGE = "html head meta title style script noscript body header main nav section figure figcaption div p span"
_PARTS = "a b code h2 h3 i li pre small summary details table tbody td th thead tr ul"
_FORM = "button fieldset input label legend option select"
_SVG = "circle g line path rect svg text"
_TAGS = set(" ".join([_PAGE, _PARTS, _FORM, _SVG]).split(" "))


class Page(HTMLParser):
    """Reads a page, and complains about what may not be in it."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.texts: list[str] = []
        self.blocks: dict[str, list[str]] = {"script": [], "style": [], "json": []}
        self.policy = ""
        self.ids: list[str] = []
        self.references: list[str] = []
        self.figures = 0
        self.feed(source)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _TAGS, f"an element of an unknown kind: {tag} {attrs}"
        for name, value in attrs:
            assert not name.startswith("on"), f"<{tag} {name}={value!r}>"
            assert name not in ("style", "src", "srcset", "srcdoc", "xlink:href"), f"<{tag} {name}={value!r}>"
            if name in ("href", "action", "formaction"):
                assert value is not None
                assert value.startswith("#"), f"<{tag} {name}={value!r}>"
                self.references.append(value[1:])
            if name == "id" and value:
                self.ids.append(value)
        found = dict(attrs)
        self.figures += tag == "figure"
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"] or ""
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "script":
            self.open[-1] = "json" if found.get("type") == "application/json" else "script"

    def handle_endtag(self, tag: str) -> None:
        last = self.open.pop()
        assert last == tag or (tag == "script" and last == "json"), f"</{tag}> closes <{last}>"

    def handle_data(self, data: str) -> None:
        kind = self.open[-1] if self.open else ""
        if kind in self.blocks:
            self.blocks[kind].append(data)
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All that is shown, in one line."""
        return re.sub(r"\s+", " ", " ".join(self.texts).replace("\N{NO-BREAK SPACE}", " "))
