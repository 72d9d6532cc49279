"""The mock model: a chat model that follows instructions as well as they are given, with a computable truth.

It has no state that an answer could depend on; what it remembers only saves time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from mocks.llm import answering, classify, jobs
from mocks.llm.answering import Outcomes
from mocks.llm.label_list import labels_in
from mocks.llm.persona import Persona, load, too_long
from mocks.llm.reading import BARE, Reading, Wrap, plain, read, wrapping
from mocks.llm.sampling import Spread, draw, merged, spread
from mocks.llm.understanding import Memory, Understanding, perfect, understand
from sandbox.chat import ChatAnswer, ChatCall, Messages
from sandbox.dataset import Row, prompt
from sandbox.metrics import Metric, normalise
from sandbox.tokens import count, count_messages

_LEAD, _INPUT, _OUTPUT = "Instruction: ", "\n\nInput: ", "\nOutput:"
_REMEMBERED = 8_192
"""Prompts' heads, and whole prompts, that are kept."""

_SURE = 0.5
"""A skill with this probability is surely meant."""


class Mind(NamedTuple):
    """What is made of everything in a prompt but the input."""

    reading: Reading
    """With an empty query."""
    stance: answering.Stance
    sorts: tuple[str, ...] | None
    """The labels to sort by, normalised; None where it is no classification."""


class MockModel:
    """A persona that answers chat calls; implements `sandbox.chat.ChatModel`.

    Args:
        persona: A persona or the name of one; an unknown name raises `UsageError`.
        memory: What it knows of real data: {skill: {input: accepted answers}}. It knows these facts as
            well as its own; how well it does a task remains the persona's.
    """

    def __init__(self, persona: Persona | str, memory: Memory | None = None) -> None:
        self.persona = load(persona) if isinstance(persona, str) else persona
        self.memory: Memory = {} if memory is None else memory
        self._rows = answering.Rows(self.persona, self.memory)
        self._understood = lru_cache(maxsize=_REMEMBERED)(self._understand)
        self._minds: dict[str, Mind | None] = {}
        self._read = lru_cache(maxsize=_REMEMBERED)(self._outcomes)
        self._last: tuple[ChatCall, int, Spread] | None = None

    @property
    def name(self) -> str:
        """The persona's name."""
        return self.persona.name

    def answer(self, call: ChatCall, occurrence: int = 0, top_logprobs: int | None = None) -> ChatAnswer:
        """Answer; `ContextTooLong` where the prompt does not fit the context window."""
        prompt_tokens, options = self._spread(call)
        return draw(options, call, occurrence, prompt_tokens, top_logprobs)

    def outcomes(self, call: ChatCall) -> Sequence[tuple[str, float]]:
        """Every text that one choice can be, with its probability."""
        _, options = self._spread(call)
        found: dict[str, float] = {}
        for text, _, chance in options:
            found[text] = found.get(text, 0.0) + chance
        return list(found.items())

    def most_completion_tokens(self, call: ChatCall) -> int:
        """The longest text that one choice can be, `call.n` times."""
        _, options = self._spread(call)
        return call.n * max([count(text) for text, _, _ in options])

    def understanding(self, instruction: str) -> Understanding:
        """What the persona makes of an instruction in the house's template."""
        head = prompt(instruction, "")[0][1].rpartition(_INPUT)[0]
        return self._understood(_headed(head)).stance.mind

    def expected(
        self,
        instruction: str,
        rows: Sequence[Row],
        metric: Metric,
        temperature: float = 0.0,
        max_tokens: int | None = None,
    ) -> float:
        """The expected mean score of an instruction in the house's template over rows, without sampling."""
        total = []
        for row in rows:
            call = ChatCall(prompt(instruction, row.input), temperature=temperature, max_tokens=max_tokens)
            for text, _, chance in self._spread(call)[1]:
                total.append(chance * metric(text, row.answers))
        return math.fsum(total) / len(rows)

    def ceiling(self, name: str, rows: Sequence[Row], metric: Metric) -> float:
        """The expected score at temperature 0 of an instruction for skill `name` that cannot be better."""
        return self._scored(perfect(name), rows, metric)

    def floor(self, name: str, rows: Sequence[Row], metric: Metric) -> float:
        """The expected score at temperature 0 of an empty instruction; `name` plays no part in it."""
        return self.expected("", rows, metric)

    def _scored(self, mind: Understanding, rows: Sequence[Row], metric: Metric) -> float:
        scores = []
        view = answering.stance(mind, self.persona)
        for row in rows:
            found = answering.outcomes(view, row.input, self._rows)
            call = ChatCall((), temperature=0.0)
            scores.append(metric(spread(found, call, self.persona.max_completion)[0][0], row.answers))
        return math.fsum(scores) / len(rows)

    def _spread(self, call: ChatCall) -> tuple[int, Spread]:
        """Prompt tokens, and what one choice can be."""
        last = self._last
        if last is not None and last[0] is call:
            return last[1], last[2]
        tokens = count_messages(call.messages)
        left = self.persona.context_window - tokens
        if left < 1:
            raise too_long(tokens, self.persona.context_window)
        limit = self.persona.max_completion if call.max_tokens is None else call.max_tokens
        options = spread(self._answers(call.messages), call, max(1, min(limit, left)))
        self._last = (call, tokens, options)
        return tokens, options

    def _answers(self, messages: Messages) -> Outcomes:
        """Every text with its logit; the quick way for the house's template."""
        if len(messages) == 1:
            text = messages[0][1]
            if text.startswith(_LEAD) and text.endswith(_OUTPUT):
                at = text.rfind(_INPUT)
                if at >= 0:
                    head = text[:at]
                    mind = self._mind(head, messages)
                    if mind is not None:
                        return self._follow(mind, text[at + len(_INPUT) : -len(_OUTPUT)])
        return self._read(messages)

    def _mind(self, head: str, messages: Messages) -> Mind | None:
        """What is made of a head of the house's template; None where it is a job of another kind."""
        try:
            return self._minds[head]
        except KeyError:
            pass
        mind = None if self._job(messages) is not None else self._understood(_headed(head))
        if len(self._minds) >= _REMEMBERED:
            self._minds.clear()
        self._minds[head] = mind
        return mind

    def _outcomes(self, messages: Messages) -> Outcomes:
        job = self._job(messages)
        if job is not None:
            return merged(job.outcomes(self.persona, self.memory))
        reading = read(messages)
        empty = Reading(reading.instruction, "", reading.demos, reading.labels, reading.wrap)
        return self._follow(self._understood(empty), reading.query)

    def _job(self, messages: Messages) -> Any:
        """A job that an optimizer asks for, or None."""
        return jobs.recognise(messages)

    def _understand(self, reading: Reading) -> Mind:
        mind = understand(reading.instruction, reading.demos, self.persona, self.memory)
        sure = bool(mind.skills) and mind.skills[0][1] >= _SURE
        # Labels that only the examples suggest are none where a skill explains the examples.
        known = classify.understand(reading.instruction, () if sure else reading.demos, reading.labels)
        sorts = None if known is None else tuple(map(normalise, known.labels))
        return Mind(reading, answering.stance(mind, self.persona), sorts)

    def _follow(self, mind: Mind, query: str) -> Outcomes:
        told = mind.reading
        if mind.sorts is not None and not self._answers_with(mind, query):
            labelled = classify.outcomes(told.instruction, told.demos, query, told.labels, self.persona)
            if labelled is not None:
                return _wrapped(merged(labelled), told.wrap, self.persona)
        return _wrapped(answering.outcomes(mind.stance, query, self._rows), told.wrap, self.persona)

    def _answers_with(self, mind: Mind, query: str) -> bool:
        """Whether the skill that is surely meant answers with one of the labels, as sentiment does."""
        shares = mind.stance.shares
        if not shares or shares[0][1] < _SURE:
            return False
        answer = self._rows.look(shares[0][0], query).answer
        return answer is not None and normalise(answer) in (mind.sorts or ())


def _wrapped(found: Outcomes, wrap: Wrap, persona: Persona) -> Outcomes:
    """Answers in the form that the prompt demands; now and then the form is forgotten."""
    if wrap is BARE:
        return found
    text, best = max(found, key=lambda pair: pair[1])
    slip = math.log(max(persona.sloppiness, 1e-6))
    return merged([*[(wrap(answer), logit) for answer, logit in found], (text, best + slip)])


@lru_cache(maxsize=1_024)
def _headed(head: str) -> Reading:
    """The reading of what stands before the input in the house's template."""
    reading = plain("", head + _INPUT + "?" + _OUTPUT)
    if reading.query != "?":
        return Reading(head.removeprefix(_LEAD), "", (), labels_in(head), wrapping(head))
    return Reading(reading.instruction, "", reading.demos, reading.labels, reading.wrap)
