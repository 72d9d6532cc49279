"""The official client, sync and async, whole and streamed, told nothing but an address and a key."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import pytest
from served import MODEL, serving

from scenarios.tasks import make

DATA = make("antonyms", seed=7, train=5, dev=5, test=24)
ORDER = "Write the opposite of the word."
SCRIPT = f"""
from openai import OpenAI

client = OpenAI()
told = client.chat.completions.create(
    model={MODEL!r}, messages=[{{"role": "user", "content": "{ORDER}\\n\\nhot"}}], temperature=0
)
print(told.choices[0].message.content, told.usage.total_tokens)
"""


def _messages(text: str) -> list[Any]:
    return [{"role": "system", "content": ORDER}, {"role": "user", "content": text}]


def _right(told: list[str]) -> float:
    rows = zip(told, DATA.test, strict=True)
    return sum(DATA.score(text, row.answers) for text, row in rows) / len(told)


def test_one_after_another_and_all_at_once_get_the_same_answers_for_the_same_money() -> None:
    from openai import AsyncOpenAI, OpenAI

    def whole() -> tuple[list[str], int]:
        client = OpenAI(base_url=served.url, api_key=served.key)
        found = [
            client.chat.completions.create(model=MODEL, messages=_messages(row.input)) for row in DATA.test
        ]
        return [one.choices[0].message.content for one in found], sum(one.usage.total_tokens for one in found)

    def streamed() -> tuple[list[str], int]:
        client = OpenAI(base_url=served.url, api_key=served.key)
        texts, tokens = [], 0
        for row in DATA.test:
            parts = []
            options = {"stream": True, "stream_options": {"include_usage": True}}
            for chunk in client.chat.completions.create(
                model=MODEL, messages=_messages(row.input), **options
            ):
                parts += [choice.delta.content or "" for choice in chunk.choices]
                tokens += chunk.usage.total_tokens if chunk.usage else 0
            texts.append("".join(parts))
        return texts, tokens

    async def together() -> tuple[list[str], int]:
        async with AsyncOpenAI(base_url=served.url, api_key=served.key) as client:
            calls = [
                client.chat.completions.create(model=MODEL, messages=_messages(row.input))
                for row in DATA.test
            ]
            found = await asyncio.gather(*calls)
        return [one.choices[0].message.content for one in found], sum(one.usage.total_tokens for one in found)

    async def streams() -> tuple[list[str], int]:
        async def one(text: str) -> tuple[str, int]:
            options = {"stream": True, "stream_options": {"include_usage": True}}
            stream = await client.chat.completions.create(model=MODEL, messages=_messages(text), **options)
            parts, tokens = [], 0
            async for chunk in stream:
                parts += [choice.delta.content or "" for choice in chunk.choices]
                tokens += chunk.usage.total_tokens if chunk.usage else 0
            return "".join(parts), tokens

        async with AsyncOpenAI(base_url=served.url, api_key=served.key) as client:
            found = await asyncio.gather(*[one(row.input) for row in DATA.test])
        return [text for text, _ in found], sum(tokens for _, tokens in found)

    results = []
    for ask in (whole, streamed, lambda: asyncio.run(together()), lambda: asyncio.run(streams())):
        with serving() as served:
            texts, tokens = ask()
            spent = served.check()["spent"]
        assert spent["completions"] == len(DATA.test)
        assert spent["prompt_tokens"] + spent["completion_tokens"] == tokens
        results.append((texts, spent["usd_pico"]))
    assert all(result == results[0] for result in results)
    assert _right(results[0][0]) >= 0.5


def test_a_script_of_somebody_else_needs_only_two_variables() -> None:
    with serving() as served:
        place = {"OPENAI_BASE_URL": served.url, "OPENAI_API_KEY": served.key}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, **place},
            capture_output=True,
            text=True,
            check=True,
        )
        spent = served.check()["spent"]
    answer, tokens = done.stdout.split()
    assert answer == "cold"
    assert int(tokens) == spent["prompt_tokens"] + spent["completion_tokens"]


@pytest.mark.parametrize("at_once", [False, True])
def test_the_client_gets_what_the_budget_covers_and_a_billing_error_for_the_rest(at_once: bool) -> None:
    from openai import AsyncOpenAI, OpenAI, RateLimitError

    def one_by_one() -> list[Any]:
        client, found = OpenAI(base_url=served.url, api_key=served.key), []
        for row in DATA.test:
            try:
                found.append(client.chat.completions.create(model=MODEL, messages=_messages(row.input)))
            except RateLimitError as refused:
                found.append(refused)
        return found

    async def together() -> list[Any]:
        async with AsyncOpenAI(base_url=served.url, api_key=served.key) as client:
            calls = [
                client.chat.completions.create(model=MODEL, messages=_messages(row.input))
                for row in DATA.test
            ]
            return await asyncio.gather(*calls, return_exceptions=True)

    with serving("completions=10") as served:
        found = asyncio.run(together()) if at_once else one_by_one()
        books = served.check()
    refused = [one for one in found if isinstance(one, RateLimitError)]
    assert (len(found) - len(refused), books["calls"]) == (10, 10)
    assert {one.type for one in refused} == {"insufficient_quota"}
    assert books["attempts"] == len(DATA.test)  # nothing was sent twice
