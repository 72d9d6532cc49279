"""A world whose rows are solved by a chat model that is asked directly, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Protocol

from sandbox.budget import FREE, Cost
from sandbox.chat import ChatAnswer, ChatCall, ChatModel, Messages
from sandbox.dataset import Dataset, prompt, prompt_tokens
from sandbox.errors import AnswerFailed, ProtocolError
from sandbox.protocol import Complete, Completion, Evaluate, Observation, Request, RowCall, RowResult
from sandbox.tokens import count_messages
from sandbox.trace import Reply, Ticket, build


@dataclass(frozen=True, slots=True)
class Asking:
    """How rows are put to the model."""

    model: str = ""
    """The model's name, as calls carry it."""
    temperature: float = 0.0
    max_tokens: int = 32
    """Completion tokens of a row's answer; so many are reserved."""
    cache: bool = True
    """Whether a row that was answered for an instruction is remembered; asking again is then free."""
    closing: str = ""
    """What stands behind every instruction, such as the format line of a classification."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 2:
            raise ValueError(f"temperature={self.temperature}: between 0 and 2")
        if not 1 <= self.max_tokens <= 100_000:
            raise ValueError(f"max_tokens={self.max_tokens}: between 1 and 100,000")

    def told(self, candidate: str) -> str:
        """The whole instruction that the model reads."""
        return f"{candidate}\n{self.closing}" if self.closing else candidate


class Desk(Protocol):
    """Latency and faults of a service, with their luck; `mocks.service.Desk` is one."""

    @property
    def reliable(self) -> bool: ...

    def nanoseconds(self, key: bytes, prompt_tokens: int, completion_tokens: int) -> int: ...

    def attempt(
        self, key: bytes, number: int, prompt_tokens: int, completion_tokens: int, now: int
    ) -> Attempt: ...


class Attempt(Protocol):
    """What became of one attempt."""

    @property
    def fault(self) -> str | None: ...
    @property
    def nanoseconds(self) -> int: ...
    @property
    def billed(self) -> bool: ...
    @property
    def retry_after(self) -> int | None: ...


class Tariff(Protocol):
    """What tokens cost; `mocks.service.Prices` is one."""

    def usd(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Pico-dollars."""
        ...


class Rows:
    """What every chat world shares: calls, the cache, and how rows become an observation.

    A world has one agent's memory: make one a session.
    """

    def __init__(self, dataset: Dataset, asking: Asking, seed: int) -> None:
        self.dataset = dataset
        self.asking = asking
        self.seed = seed
        self._score = dataset.score
        self._known: dict[tuple[str, int], tuple[int, str, float]] = {}
        """By instruction and row: the ticket that asked first, the answer, its score."""
        self._all = tuple(range(len(dataset.dev)))

    def call_of(self, request: Request[Any]) -> ChatCall:
        """What is said to the model for a `RowCall` or a `Complete`."""
        asking = self.asking
        messages: Messages
        if isinstance(request, RowCall):
            messages = prompt(asking.told(request.candidate), self.dataset.dev[request.row].input)
            return build(
                ChatCall,
                (messages, asking.model, 1, asking.temperature, 1.0, asking.max_tokens, (), self.seed),
            )
        if isinstance(request, Complete):
            asked = request.prompt
            messages = (("user", asked),) if isinstance(asked, str) else asked
            return ChatCall(
                messages, asking.model, request.n, request.temperature, 1.0, request.max_tokens,
                request.stop, self.seed,
            )  # fmt: skip
        raise ProtocolError(f"a chat model cannot answer {type(request).__name__}")

    def parts(self, request: Request[Any]) -> tuple[RowCall, ...] | None:
        """See `sandbox.assembly.Composer`: the rows that are not known yet."""
        if not isinstance(request, Evaluate):
            return None
        candidate = self._text(request)
        known, rows = self._known, request.rows
        return tuple([
            RowCall(candidate, row)
            for row in (self._all if rows is None else rows)
            if (candidate, row) not in known
        ])  # fmt: skip

    def conclude(self, ticket: Ticket, parts: Sequence[Request[Any]], answers: Sequence[Any]) -> Any:
        """See `sandbox.assembly.Composer`: the mean score of the rows."""
        request: Request[Any] = ticket.request
        if not isinstance(request, Evaluate):
            raise ProtocolError(f"a {type(request).__name__} has no rows")
        candidate, dev, known = self._text(request), self.dataset.dev, self._known
        fresh: dict[int, tuple[str, float]] = {}
        failed: list[AnswerFailed] = []
        for part, answer in zip(parts, answers, strict=True):
            if isinstance(answer, ChatAnswer) and isinstance(part, RowCall):
                text = answer.choices[0].text
                fresh[part.row] = text, self._score(text, dev[part.row].answers)
            else:
                failed.append(answer)
        if self.asking.cache:
            for row, (text, score) in fresh.items():
                before = known.get((candidate, row))
                if before is None or ticket.number < before[0]:
                    known[candidate, row] = ticket.number, text, score
        if failed:
            return AnswerFailed("rows", f"{len(failed)} of {len(parts)} rows failed, the first: {failed[0]}")
        results = []
        for row in self._all if request.rows is None else request.rows:
            cached = row not in fresh
            text, score = known[candidate, row][1:] if cached else fresh[row]
            asked = dev[row]
            results.append(build(RowResult, (row, score, cached, asked.input, text, asked.answers[0])))
        return Observation(fmean([result.score for result in results]), tuple(results))

    @staticmethod
    def _text(request: Evaluate) -> str:
        if not isinstance(request.candidate, str):
            raise ProtocolError(f"an instruction is a text, and this is {request.candidate!r}")
        return request.candidate

    @staticmethod
    def to_agent(request: Request[Any], answer: ChatAnswer) -> Any:
        """A chat answer as whoever asked for `request` wants it."""
        if isinstance(request, Complete):
            return Completion(tuple([choice.text for choice in answer.choices]))
        return answer


class ChatWorld(Rows):
    """Answers `Evaluate` row by row, and `Complete`, for one seed.

    An evaluation costs one evaluation; each of its rows that is not in the cache costs a row and
    its tokens. A row that failed for good is charged the tokens that the provider bills, and
    fails the evaluation; the rows that were answered stay known, so that asking again costs only
    the others.
    """

    def __init__(
        self, dataset: Dataset, model: ChatModel, desk: Desk, tariff: Tariff, asking: Asking, seed: int,
        billed_attempts: int = 1,
    ) -> None:  # fmt: skip
        """`billed_attempts`: how many attempts of one call can be billed, all together."""
        super().__init__(dataset, asking, seed)
        self.model = model
        self._desk = desk
        self._usd = tariff.usd
        self._attempts = billed_attempts
        self._costs: dict[tuple[int, int, int, int], Cost] = {}
        self._longest = asking.max_tokens

    def quote(self, request: Request[Any]) -> Cost:
        """See `sandbox.session.World`."""
        if isinstance(request, RowCall):
            return self._cost(self._prompt_tokens(request), self._longest, 1, 0, self._attempts)
        if isinstance(request, Evaluate):
            return _EVALUATION
        texts = request.n if isinstance(request, Complete) else 0
        return self._cost(self._prompt_tokens(request), self._bound(request), 0, texts, self._attempts)

    def tokens(self, request: Request[Any]) -> int:
        """See `sandbox.session.World`: prompt and reserved completion, as providers count them."""
        return 0 if isinstance(request, Evaluate) else self._prompt_tokens(request) + self._bound(request)

    def reply(self, ticket: Ticket, now: int) -> Reply:
        """See `sandbox.session.World`."""
        request, desk = ticket.request, self._desk
        call = self.call_of(request)
        luck = luck_of(call, ticket.repeat)
        try:
            answer = self.model.answer(call, ticket.repeat)
        except AnswerFailed as refused:  # at once and for good: it does not fit the model's context
            return Reply(AnswerFailed(*refused.args), FREE, desk.nanoseconds(luck, 0, 0))
        read, written = answer.prompt_tokens, answer.completion_tokens
        if desk.reliable:
            nanoseconds = desk.nanoseconds(luck, read, written)
        else:
            attempt = desk.attempt(luck, ticket.attempt, read, written, now)
            if attempt.fault is not None:
                charge = self._cost(read, written, 0, 0, 1) if attempt.billed else FREE
                failure = AnswerFailed(attempt.fault, f"attempt {ticket.attempt + 1}")
                return Reply(failure, charge, attempt.nanoseconds, None, attempt.retry_after)
            nanoseconds = attempt.nanoseconds
        if isinstance(request, RowCall):
            return build(Reply, (answer, self._cost(read, written, 1, 0, 1), nanoseconds, None, None))
        charge = self._cost(read, written, 0, call.n, 1)
        return build(Reply, (self.to_agent(request, answer), charge, nanoseconds, None, None))

    def _bound(self, request: Request[Any]) -> int:
        if isinstance(request, RowCall):
            return self._longest
        try:
            return self.model.most_completion_tokens(self.call_of(request))
        except AnswerFailed:  # so will the reply say
            return 0

    def _prompt_tokens(self, request: Request[Any]) -> int:
        if isinstance(request, RowCall):
            told = self.asking.told(request.candidate)
            return prompt_tokens(told, self.dataset.dev[request.row].input)
        return count_messages(self.call_of(request).messages)

    def _cost(self, prompt_tokens: int, completion_tokens: int, rows: int, texts: int, times: int) -> Cost:
        """The same object each time: the ledger recognises it."""
        size = (prompt_tokens, completion_tokens, rows + 2 * texts, times)
        found = self._costs.get(size)
        if found is not None:
            return found
        if len(self._costs) > 10_000:
            self._costs.clear()
        usd = self._usd(prompt_tokens, completion_tokens)
        found = self._costs[size] = Cost(
            rows=rows, completions=texts, prompt_tokens=times * prompt_tokens,
            completion_tokens=times * completion_tokens, usd=times * usd,
        )  # fmt: skip
        return found


_EVALUATION = Cost(evaluations=1)


def luck_of(call: ChatCall, occurrence: int) -> bytes:
    """What latency and faults of a call may depend on, whichever door it came through."""
    return call.key() + occurrence.to_bytes(8, "little")


def expected_score(
    outcomes: Callable[[ChatCall], Sequence[tuple[str, float]]],
    dataset: Dataset,
    asking: Asking,
    candidate: str,
) -> float:
    """The expected score of an instruction on the test rows, without sampling: the referee's truth.

    Args:
        outcomes: the distribution of a model's answers, see `sandbox.chat.ChatModel.outcomes`.
        dataset: its test rows count.
        asking: how rows are put to the model.
        candidate: the instruction.
    """
    score, told = dataset.score, asking.told(candidate)
    total = 0.0
    for row in dataset.test:
        call = ChatCall(prompt(told, row.input), asking.model, 1, asking.temperature, 1.0, asking.max_tokens)
        try:
            total += sum([chance * score(text, row.answers) for text, chance in outcomes(call)])
        except AnswerFailed:
            continue  # no answer is right to a prompt that the model cannot take
    return total / len(dataset.test)
