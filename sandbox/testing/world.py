"""The world of a scene: scores, faults at named calls, and a black box that writes."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import Any

from sandbox.budget import Cost
from sandbox.errors import AnswerFailed
from sandbox.protocol import Complete, Completion, Evaluate, Observation, Request, RowResult
from sandbox.testing.scenes import Scene, unit
from sandbox.trace import Reply, Ticket

BROKEN: dict[str, float] = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class SceneWorld:
    """Answers of a scene; `sandbox.session.World` says what a world is.

    Args:
        scene: what is true.
        change: (power of two, shift) or "cube", done to each score; and "minus", its sign turned.
        held_out: what a test split would be scored with; no answer depends on it.
    """

    def __init__(
        self, scene: Scene, change: tuple[int, int] | str | None = None, held_out: tuple[float, ...] = ()
    ) -> None:
        self.scene, self.change, self.held_out = scene, change, held_out
        self._faults = dict(scene.faults)
        self._evaluations = 0
        self._numbers: dict[int, int] = {}

    def quote(self, request: Request[Any]) -> Cost:
        """See `sandbox.session.World`."""
        if isinstance(request, Evaluate):
            rows = self.scene.rows if request.rows is None else len(request.rows)
            return Cost(evaluations=1, rows=rows)
        return Cost(completions=request.n if isinstance(request, Complete) else 0)

    def tokens(self, request: Request[Any]) -> int:
        """None are counted."""
        return 0

    def reply(self, ticket: Ticket, now: int) -> Reply:
        """See `sandbox.session.World`; the number of an evaluation counts those that were sent before it."""
        request, cost = ticket.request, self.quote(ticket.request)
        if isinstance(request, Complete):
            texts = [written(request.prompt, self.scene.luck, ticket.repeat, i) for i in range(request.n)]
            return Reply(Completion(tuple(texts)), cost, 0)
        if not isinstance(request, Evaluate):
            raise TypeError(f"{request!r} is no question")
        fault = self._faults.get(self.number(ticket))
        if fault == "failed":
            return Reply(AnswerFailed("server_error", "as the scene has it"), cost, 0)
        truth = self.scene.known(request.candidate)
        answer = self._observed(request, ticket.repeat)
        if fault is not None:
            answer = replace_score(answer, BROKEN[fault])
        return Reply(answer, cost, 0, truth)

    def number(self, ticket: Ticket) -> int:
        """Which evaluation of the run this is, counted from 0 in the order asked, whenever it is answered."""
        if ticket.number not in self._numbers:
            self._numbers[ticket.number] = self._evaluations
            self._evaluations += 1
        return self._numbers[ticket.number]

    def _observed(self, request: Evaluate, repeat: int) -> Observation:
        scene, candidate = self.scene, request.candidate
        if scene.rows:
            numbers = range(scene.rows) if request.rows is None else request.rows
            rows = [(row, scene.row_score(candidate, row)) for row in numbers]
            results = tuple([RowResult(r, s, False, f"in {r}", "said", f"out {r}") for r, s in rows])
            return Observation(sum([score for _, score in rows]) / len(rows), results)
        score = scene.truth(candidate)
        if scene.noisy:  # a mean of answers that are right or wrong: unbiased, and in [0, 1]
            right = [unit(scene.luck, "noise", candidate, repeat, i) < score for i in range(8)]
            score = sum(right) / len(right)
        return Observation(self.changed(score))

    def changed(self, score: float) -> float:
        """A score as this world tells it."""
        if self.change is None:
            return score
        if self.change == "cube":
            return score**3
        if self.change == "minus":
            return -score
        if isinstance(self.change, str):
            raise ValueError(f"change={self.change!r}: cube, minus, or a power of two and a shift")
        power, shift = self.change
        return math.ldexp(score + float(shift), int(power))

    def range(self) -> tuple[float, float]:
        """The range of the scores as this world tells them."""
        ends = sorted([self.changed(0.0), self.changed(1.0)])
        return ends[0], ends[1]


def replace_score(answer: Observation, score: float) -> Observation:
    """An observation with another score, and its rows likewise."""
    return Observation(score, tuple([row._replace(score=score) for row in answer.rows]))


def written(prompt: object, luck: int, repeat: int, number: int) -> str:
    """A new instruction in the form that the prompt asks for."""
    text = prompt if isinstance(prompt, str) else "\n".join([str(part) for part in prompt])  # type: ignore[attr-defined]
    told = "Instruction " + hashlib.blake2b(repr((text, luck, repeat, number)).encode()).hexdigest()[:6]
    return in_form(told, text)


def in_form(told: str, prompt: str) -> str:
    """A text between the tags, or in the fence, in which a prompt wants it."""
    if "<INS>" in prompt:
        return f"<INS>{told}</INS>"
    if "<START>" in prompt:
        return f"<START>{told}<END>"
    if "<prompt>" in prompt:
        return f"<prompt>{told}</prompt>"
    return f"```\n{told}\n```" if "```" in prompt else told


def without_faults(scene: Scene) -> Scene:
    """The same scene where every answer arrives."""
    return replace(scene, faults=())
