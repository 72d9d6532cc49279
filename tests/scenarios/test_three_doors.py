"""One model behind three doors: asked directly, through the official client, and over plain HTTP."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from mocks.endpoint.app import make_app
from mocks.endpoint.server import running
from mocks.llm.model import MockModel
from mocks.llm.writing.luck import Luck
from mocks.llm.writing.phrases import phrase
from mocks.service import Service
from sandbox.chat import ChatCall
from sandbox.dataset import prompt, shown
from scenarios import tasks
from scenarios.chat import service_of

openai = pytest.importorskip("openai", reason="the official client comes with the extra `live`")

PERSONA = "mock-gpt-3.5-turbo"
MANY = 1000


class Said(NamedTuple):
    """What a door gives back, and what it costs."""

    texts: tuple[tuple[str, str], ...]
    usage: tuple[int, int]
    cost: int


def calls() -> list[ChatCall]:
    """A thousand calls of every kind: rows, few-shot rows, an optimizer's requests, odd texts."""
    names = ("antonyms", "sum", "sentiment", "letters_list", "translation_en-fr", "word_sorting", "rhymes")
    rows = {name: tasks.make(name, train=8, dev=8, test=8) for name in names}
    found = []
    for number in range(MANY):
        luck = Luck("doors", number)
        name = luck.pick(names)
        data, instruction = rows[name], phrase(name, luck.uniform(), luck)
        kind = luck.below(10)
        if kind < 6:
            messages: Any = prompt(instruction, luck.pick(data.dev).input)
        elif kind == 6:
            messages = (("system", instruction), ("user", luck.pick(data.dev).input))
        elif kind == 7:
            messages = prompt(f"{instruction}\n\n{shown(data.train[:3])}", luck.pick(data.dev).input)
        elif kind == 8:
            asked = f"Write another version of this instruction that means the same:\n{instruction}"
            messages = (("user", asked),)
        else:
            messages = (("user", luck.pick(["", "é😀\u2028", "日本語", "Hello?", "\\n\"'{}", "a" * 5000])),)
        found.append(
            ChatCall(
                messages, PERSONA, luck.pick([1, 1, 1, 3]), luck.pick([0.0, 0.0, 0.7, 1.0, 1.5]),
                luck.pick([1.0, 1.0, 0.8]), luck.pick([None, 64, 5, 1]),
                luck.pick([(), (), ("\n",), ("a", ".")]), luck.below(3),
            )
        )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def model() -> MockModel:
    return MockModel(PERSONA)


@pytest.fixture(scope="module")
def doors(model: MockModel) -> Iterator[tuple[str, Any]]:
    """A server in virtual time, where nobody waits, and its service."""
    service = service_of(PERSONA, Service())
    with running(make_app({PERSONA: model}, service, keys=None, time="virtual")) as url:
        yield url, service


def directly(model: MockModel, call: ChatCall, occurrence: int, prices: Any) -> Said:
    answer = model.answer(call, occurrence)
    usage = answer.prompt_tokens, answer.completion_tokens
    return Said(tuple((one.text, one.finish) for one in answer.choices), usage, prices.usd(*usage))


def body_of(call: ChatCall) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": call.model, "messages": [{"role": role, "content": text} for role, text in call.messages],
        "n": call.n, "temperature": call.temperature, "top_p": call.top_p, "seed": call.seed,
    }  # fmt: skip
    if call.max_tokens is not None:
        body["max_tokens"] = call.max_tokens
    if call.stop:
        body["stop"] = list(call.stop)
    return body


def over_http(url: str, call: ChatCall, occurrence: int, prices: Any, user: str) -> Said:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port)
    headers = {"content-type": "application/json", "x-sandbox-occurrence": str(occurrence)}
    try:
        body = json.dumps(body_of(call) | {"user": user})
        connection.request("POST", "/v1/chat/completions", body, headers)
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    usage = answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]
    texts = tuple((one["message"]["content"], one["finish_reason"]) for one in answer["choices"])
    return Said(texts, usage, prices.usd(*usage))


def spent(url: str) -> int:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port)
    connection.request("GET", "/v1/sandbox/usage")
    return int(json.loads(connection.getresponse().read())["spent"]["usd_pico"])


@pytest.mark.slow
def test_a_thousand_calls_get_the_same_answers_and_bills_at_all_doors(
    model: MockModel, doors: tuple[str, Any]
) -> None:
    url, service = doors
    prices = service.prices
    asked = calls()
    seen: dict[bytes, int] = {}
    occurrences = []
    for call in asked:
        occurrences.append(seen.get(call.key(), 0))
        seen[call.key()] = occurrences[-1] + 1
    told = [directly(model, call, n, prices) for call, n in zip(asked, occurrences, strict=True)]

    before = spent(url)
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    official = []
    for call in asked:  # in order, so the server counts the occurrences itself
        answer = client.chat.completions.create(**body_of(call), user="official")
        usage = answer.usage.prompt_tokens, answer.usage.completion_tokens
        texts = tuple((one.message.content, one.finish_reason) for one in answer.choices)
        official.append(Said(texts, usage, prices.usd(*usage)))
    assert official == told
    assert spent(url) - before == sum(one.cost for one in told)

    order = sorted(range(MANY), key=lambda i: Luck("shuffled", i).uniform())
    with ThreadPoolExecutor(64) as pool:  # shuffled, 64 at once
        tasks_ = {i: pool.submit(over_http, url, asked[i], occurrences[i], prices, "raw") for i in order}
        raw = [tasks_[i].result() for i in range(MANY)]
    assert raw == told
    assert spent(url) - before == 2 * sum(one.cost for one in told)
    assert len({one.texts for one in told}) > 300, "the calls are too much alike to prove anything"


def test_order_and_concurrency_change_no_answer(model: MockModel) -> None:
    asked = calls()[:200]
    calm = [model.answer(call, 1) for call in asked]
    fresh = MockModel(PERSONA)
    with ThreadPoolExecutor(64) as pool:
        crowded = list(pool.map(lambda call: fresh.answer(call, 1), asked[::-1]))[::-1]
    assert crowded == calm
