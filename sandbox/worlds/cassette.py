"""Records what an endpoint answered, and answers from such a recording: no network, no key, no money.

An attempt is found again by who asked, the canonical call, how often it was asked before, and the
number of the attempt; where this asker never asked it, by the rest, so that a new agent can be tried
on what others paid for. What was never asked is an error that says so.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

from sandbox.chat import ChatAnswer, ChatCall, Choice
from sandbox.codec import one_line
from sandbox.errors import DataError
from sandbox.worlds.openai_api import Endpoint, Facts
from sandbox.worlds.recording import append, read
from sandbox.worlds.wire import Answered, Failed, Usage


class Client(Protocol):
    """What a live world asks: the endpoint itself, or a recording of it."""

    @property
    def endpoint(self) -> Endpoint: ...

    @property
    def pause(self) -> float: ...

    async def facts(self) -> Facts: ...

    async def ask(
        self,
        call: ChatCall,
        *,
        occurrence: int = 0,
        user: str = "",
        idempotency_key: str = "",
        attempt: int = 0,
    ) -> Answered | Failed: ...

    async def close(self) -> None: ...


class Recorder:
    """A client, with each of its answers written to a file."""

    def __init__(self, client: Client, path: Path) -> None:
        self.client = client
        self.endpoint = client.endpoint
        self.close = client.close
        self._path = path

    @property
    def pause(self) -> float:
        """See `OpenAIClient.pause`."""
        return self.client.pause

    async def facts(self) -> Facts:
        """See `OpenAIClient.facts`."""
        found = await self.client.facts()
        append(self._path, "client", {"facts": asdict(found), "model": self.endpoint.model})
        return found

    async def ask(
        self,
        call: ChatCall,
        *,
        occurrence: int = 0,
        user: str = "",
        idempotency_key: str = "",
        attempt: int = 0,
    ) -> Answered | Failed:
        """See `OpenAIClient.ask`."""
        result = await self.client.ask(
            call, occurrence=occurrence, user=user, idempotency_key=idempotency_key, attempt=attempt
        )
        line: dict[str, Any] = {
            "key": _name(call, occurrence, attempt), "user": user, "asked": call._asdict(),
            "occurrence": occurrence, "attempt": attempt,
        }  # fmt: skip
        if isinstance(result, Answered):
            choices = [[choice.text, choice.finish] for choice in result.answer.choices]
            line |= {"answered": choices, "usage": result.usage}
        else:
            line |= {"failed": asdict(result)}
        append(self._path, "client", line)
        return result


class Player:
    """Answers as the endpoint did when it was recorded."""

    pause = 0.0

    def __init__(self, endpoint: Endpoint, path: Path) -> None:
        """Read the recording.

        Raises:
            DataError: if it cannot be read.
        """
        self.endpoint = endpoint
        self._path = path
        self._facts = Facts()
        self._results: dict[str, dict[str, Answered | Failed]] = {}
        read(path, "client", self._add)

    def _add(self, line: dict[str, Any]) -> None:
        if "facts" in line:
            self._facts = Facts(**line["facts"])
            return
        usage = None if line.get("usage") is None else Usage(*line["usage"])
        if "failed" in line:
            told = line["failed"]
            told["usage"] = None if told["usage"] is None else Usage(*told["usage"])
            result: Answered | Failed = Failed(**told)
        else:
            counted = usage or Usage(0, 0)
            choices = tuple(Choice(text, finish) for text, finish in line["answered"])
            result = Answered(ChatAnswer(choices, *counted[:3]), usage)
        self._results.setdefault(line["key"], {}).setdefault(line["user"], result)

    async def facts(self) -> Facts:
        """What the endpoint said about its model."""
        return self._facts

    async def ask(
        self,
        call: ChatCall,
        *,
        occurrence: int = 0,
        user: str = "",
        idempotency_key: str = "",
        attempt: int = 0,
    ) -> Answered | Failed:
        """What the endpoint answered.

        Raises:
            DataError: if this was never asked.
        """
        found = self._results.get(_name(call, occurrence, attempt))
        if not found:
            what = one_line(json.dumps(call.messages), 200)
            raise DataError(
                f"{self._path}: not in the recording: {what}, model {call.model}, seed {call.seed}, "
                f"occurrence {occurrence}, attempt {attempt}; record it first with --live --record"
            )
        return found[user] if user in found else found[min(found)]

    async def close(self) -> None:
        """There is nothing to give back."""


def _name(call: ChatCall, occurrence: int, attempt: int) -> str:
    facts = repr((call.key(), occurrence, attempt)).encode()
    return blake2b(facts, digest_size=16).hexdigest()
