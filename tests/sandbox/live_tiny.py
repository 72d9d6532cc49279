"""A tiny scenario, a provider that sells its model and keeps its own books, and a process to play in.

As a script it plays the scenario live: `python live_tiny.py URL STORE [CHANGES AS JSON]`.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from broken_server import Asked, Server, good, http

from mocks.service import Latency, Prices, Service
from sandbox import livematch, tournament
from sandbox.budget import Budget
from sandbox.chat import ChatAnswer, ChatCall, Choice
from sandbox.codec import dump_answer
from sandbox.dataset import Dataset, Row
from sandbox.limits import Limits, Retry
from sandbox.livematch import Live, Outcome, live_matches, play_live
from sandbox.pricelist import Price
from sandbox.protocol import Asides
from sandbox.scenario import Problem, Scenario, Source
from sandbox.spaces import Pool
from sandbox.store import Store
from sandbox.streams import Uniforms
from sandbox.tokens import count, count_messages
from sandbox.tournament import Match, Run, matches
from sandbox.worlds.chat import Asking, ChatWorld
from sandbox.worlds.openai_api import Endpoint

MODEL = "fake-1"
KEY_NAME = "TINY_KEY"
PRICE = Price.of("0.15", "0.60", "the tests")
SOURCE = Source("tiny")
POOL = Pool(tuple([f"Write it in capitals, {'please, ' * i}now." for i in range(6)]))
DATA = Dataset(
    "capitals",
    "words",
    (Row("a", ("A",)),),
    tuple([Row(f"dev{i}", (f"DEV{i}",)) for i in range(5)]),
    tuple([Row(f"test{i}", (f"TEST{i}",)) for i in range(4)]),
)


class FakeModel:
    """Better with longer instructions; all luck by the call and its occurrence."""

    name = MODEL

    def answer(self, call: ChatCall, occurrence: int = 0, top_logprobs: int | None = None) -> ChatAnswer:
        luck = Uniforms(call.seed, "fake", count=1)
        text = call.messages[0][1]
        word = text.rpartition("Input: ")[2].removesuffix("\nOutput:")
        chance = 0.2 + 0.13 * text.count("please")
        said = []
        for place in range(call.n):
            right = luck(call.key() + bytes([occurrence, place]))[0] < chance
            said.append(word.upper() if right else f"{word} it is")
        tokens = sum([count(one) for one in said])
        return ChatAnswer(tuple(map(Choice, said)), count_messages(call.messages), tokens)

    def outcomes(self, call: ChatCall) -> Sequence[tuple[str, float]]:
        raise AssertionError("not needed here")

    def most_completion_tokens(self, call: ChatCall) -> int:
        return (call.max_tokens or 0) * call.n


SERVICE = Service(latency=Latency(0.0, 0.0, 0.0), prices=Prices())
ASKING = Asking(MODEL, 0.0, 16)


def truth(candidate: Any) -> float:
    return 0.2 + 0.13 * str(candidate).count("please")


def problem(name: str) -> Problem:
    return Problem(
        name, "capitals", POOL, 0.85, 0.5, truth,
        lambda seed: ChatWorld(DATA, FakeModel(), SERVICE.open(seed), PRICE, ASKING, seed),
        dev_rows=len(DATA.dev), lends=Asides(completions=True),
    )  # fmt: skip


SCENARIO = Scenario(
    "tiny", "tiny", ("random", "ucb", "sequential-halving"), 2, Budget(evaluations=8), ("capitals",), problem,
    "0" * 16,
)  # fmt: skip


def tiny_matches(agents: Sequence[str] = SCENARIO.agents, seeds: int = 1, budget: str = "") -> list[Match]:
    limits = Budget.parse(budget) if budget else SCENARIO.budget
    return matches(SCENARIO, SOURCE, agents, seeds, limits)


def load(source: Source) -> Scenario:
    return SCENARIO


def in_virtual_time(wanted: Sequence[Match]) -> list[Run]:
    before, tournament.load = tournament.load, load  # type: ignore[assignment]
    try:
        return [run for match in wanted for run in tournament.play(match)]
    finally:
        tournament.load = before


def settings(url: str, **changes: Any) -> Live:
    endpoint = Endpoint(url, MODEL, KEY_NAME, timeout=changes.pop("timeout", 10.0))
    own: dict[str, Any] = {
        "limits": Limits(concurrency=changes.pop("concurrency", 8)),
        "retry": Retry(attempts=changes.pop("attempts", 4), backoff=0.01, longest=0.05),
        "grace": 2.0,
    }
    return Live(endpoint, PRICE, **{**own, **changes})


def play_tiny(
    path: Path, url: str, budget: str = "", seeds: int = 1, **changes: Any
) -> tuple[list[Run], Outcome]:
    """Play the scenario live; the runs with their records."""
    before, livematch.load = livematch.load, load  # type: ignore[assignment]
    try:
        how = settings(url, **changes)
        wanted = live_matches(tiny_matches(seeds=seeds, budget=budget), how)
        with Store(path) as store:
            outcome = play_live(store, wanted, how)
            return [store.find(key) for match in wanted for key in match.keys], outcome
    finally:
        livematch.load = before


def result(run: Run) -> Any:
    """What a run came to, without times and without what tells live from simulated."""
    return (
        run.problem, run.agent, run.seed, run.error, run.recommended, run.spent._replace(seconds=0),
        [(s.candidate, s.spent._replace(seconds=0)) for s in run.steps],
        [
            (t.number, t.request, t.repeat, r.fate.value, dump_answer(r.answer), r.charge)
            for r in run.records
            for t in (r.ticket,)
        ],
    )  # fmt: skip


@dataclass
class Provider:
    """Sells the fake model's answers, and keeps books of its own."""

    idempotent: bool = True
    announced: bool = True
    """Whether it says how it counts, and that it bills a key once."""
    delay: float = 0.0
    trouble: Callable[[Asked, int], Any] = lambda asked, attempt: None
    """What it does instead of answering, by the request and how often it came before; None to answer.
    A tuple means: bill, then do that."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    billed: int = 0
    attempts: int = 0
    came: dict[str, int] = field(default_factory=dict)
    sold: set[str] = field(default_factory=set)
    keys: list[str] = field(default_factory=list)

    def answer(self, asked: Asked) -> Any:
        if asked.path.endswith("/models"):
            mine: dict[str, Any] = {"id": MODEL, "object": "model"}
            if self.announced:
                mine |= {"tokenizer": "sandbox-1", "idempotent": self.idempotent}
            return http(200, json.dumps({"object": "list", "data": [mine]}).encode())
        self.attempts += 1
        body = asked.body
        occurrence = int(asked.headers["x-sandbox-occurrence"])
        name = json.dumps([body, occurrence], sort_keys=True)
        before = self.came[name] = self.came.get(name, -1) + 1
        key = asked.headers["idempotency-key"]
        self.keys.append(key)
        trouble = self.trouble(asked, before)
        if trouble is not None and not isinstance(trouble, tuple):
            return trouble
        call = ChatCall(
            tuple([(m["role"], m["content"]) for m in body["messages"]]), body["model"], body.get("n", 1),
            body["temperature"], 1.0, body["max_tokens"], (), body["seed"],
        )  # fmt: skip
        answer = FakeModel().answer(call, occurrence)
        if not (self.idempotent and key in self.sold):
            self.sold.add(key)
            self.billed += 1
            self.prompt_tokens += answer.prompt_tokens
            self.completion_tokens += answer.completion_tokens
        if trouble is not None:
            return trouble[0]
        choices = [
            {"index": i, "message": {"role": "assistant", "content": c.text}, "finish_reason": "stop"}
            for i, c in enumerate(answer.choices)
        ]
        usage = {"prompt_tokens": answer.prompt_tokens, "completion_tokens": answer.completion_tokens}
        if not self.delay:
            return good(choices=choices, usage=usage)
        # The server closes after pauses; unsaid, that would now and then meet the next request.
        return [self.delay, good("", "connection: close", choices=choices, usage=usage)]

    @property
    def usd(self) -> int:
        return PRICE.usd(self.prompt_tokens, self.completion_tokens)

    @contextmanager
    def open(self) -> Iterator[str]:
        """Serve from a thread of its own; the URL."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        server = Server(self.answer)

        async def start() -> Any:
            return await asyncio.start_server(server.serve, "127.0.0.1", 0)

        listening = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        port = listening.sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            loop.call_soon_threadsafe(listening.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)


def spent(runs: Sequence[Run]) -> tuple[int, int, int]:
    """Prompt tokens, completion tokens and pico-dollars of all runs."""
    total = [run.spent for run in runs]
    return (
        sum([cost.prompt_tokens for cost in total]),
        sum([cost.completion_tokens for cost in total]),
        sum([cost.usd for cost in total]),
    )


def start(url: str, store: Path, **changes: Any) -> subprocess.Popen[bytes]:
    """Play in a process of its own."""
    command = [sys.executable, __file__, url, str(store), json.dumps(changes)]
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": root}, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )


if __name__ == "__main__":
    play_tiny(Path(sys.argv[2]), sys.argv[1], **json.loads(sys.argv[3] if len(sys.argv) > 3 else "{}"))
