"""Asks an OpenAI-compatible endpoint through the official client; every ending is sorted, none is raised.

The client's own retries are off: attempts are counted and paid for by whoever asks.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sandbox.chat import ChatCall
from sandbox.errors import MissingExtra, UsageError
from sandbox.worlds.keys import Secret, key_from, plain_url
from sandbox.worlds.wire import Answered, Failed, pause_of, read_answer, read_error, unsupported

if TYPE_CHECKING:
    import openai

_LARGEST = 16 * 1024 * 1024
"""Bytes of an answer; no chat completion is longer."""
_NOT_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"})
"""What the transport calls failures before the request left."""
_BOTH_NAMES = ("max_tokens", "max_completion_tokens")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is asked, and how patiently."""

    base_url: str
    model: str
    key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key."""
    timeout: float = 60.0
    """Seconds for one attempt, from sending to the last byte."""
    connect: float = 10.0
    """Seconds for a connection."""
    most_pause: float = 60.0
    """Seconds that a used-up rate limit can hold everything up."""
    marks: bool = True
    """Whether the headers Idempotency-Key and x-sandbox-occurrence are sent."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", plain_url(self.base_url))
        if not self.model.strip() or not self.model.isprintable():
            raise UsageError(f"--model {self.model!r}: the name of a model, as the endpoint spells it")
        for name in ("timeout", "connect"):
            if not 0 < getattr(self, name) <= 86_400:
                raise UsageError(f"{name}={getattr(self, name)}: seconds, above 0 and at most a day")
        if not 0 <= self.most_pause <= 86_400:
            raise UsageError(f"most_pause={self.most_pause}: seconds, at most a day")


@dataclass(frozen=True, slots=True)
class Facts:
    """What an endpoint says about a model in its list of models."""

    tokenizer: str | None = None
    """"sandbox-1": it counts as `sandbox.tokens` does, so that prompts need no generous bound."""
    idempotent: bool = False
    """Whether attempts under one Idempotency-Key are billed once, whatever became of them: also if the
    client left before the answer."""


class OpenAIClient:
    """One endpoint. To be made, used and closed inside one event loop.

    Its key is in no repr, error, log or answer of its own, and hidden in what the server echoes.
    """

    def __init__(self, endpoint: Endpoint, key: Secret | None = None) -> None:
        """With the key of the environment, unless one is given.

        Raises:
            UsageError: if there is no usable key.
            MissingExtra: if the official client is not installed.
        """
        try:
            import openai
        except ImportError:
            raise MissingExtra("asking a real endpoint", "live") from None
        self.endpoint = endpoint
        for name in ("openai", "httpcore", "httpcore2"):
            log = logging.getLogger(name)  # their debug logs show raw headers, where a server may echo a key
            log.setLevel(max(log.level, logging.INFO))
        self._key = key if key is not None else key_from(endpoint.key_env)
        timeout = openai.Timeout(endpoint.timeout, connect=min(endpoint.connect, endpoint.timeout))
        self._http = openai.DefaultAsyncHttpxClient(timeout=timeout, follow_redirects=False)
        self._openai: openai.AsyncOpenAI = openai.AsyncOpenAI(
            api_key=self._key.reveal(),
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=timeout,
            http_client=self._http,
        )
        self._status_error = openai.APIStatusError
        self._name_of_limit = _BOTH_NAMES[0]
        self._open_from = 0.0
        self.attempts = 0
        """Requests that were sent, or tried to be."""

    def __repr__(self) -> str:
        return f"OpenAIClient({self.endpoint.base_url!r}, {self.endpoint.model!r})"

    async def close(self) -> None:
        """Give the connections back."""
        await self._openai.close()

    async def __aenter__(self) -> OpenAIClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def pause(self) -> float:
        """Seconds until the rate limits that the server reported allow another request; 0 for now."""
        return max(self._open_from - time.monotonic(), 0.0)

    async def facts(self) -> Facts:
        """What GET /models says about the model; nothing, where there is no such list."""
        try:
            async with asyncio.timeout(self.endpoint.timeout):
                page = await self._openai.models.list()
                for model in page.data:
                    if model.id == self.endpoint.model:
                        more = model.model_extra or {}
                        tokenizer = more.get("tokenizer")
                        return Facts(
                            tokenizer if isinstance(tokenizer, str) else None,
                            more.get("idempotent") is True,
                        )
        except Exception:  # whatever this optional list answers: the first real call will say what is wrong
            return Facts()
        return Facts()

    async def ask(
        self,
        call: ChatCall,
        *,
        occurrence: int = 0,
        user: str = "",
        idempotency_key: str = "",
        attempt: int = 0,
    ) -> Answered | Failed:
        """One attempt at `call`; waits first while the server's rate limits are used up.

        Args:
            call: what to say; its model goes before the endpoint's.
            occurrence: how often the same was asked before.
            user: who asks, for the provider's statistics.
            idempotency_key: marks attempts of which the server should bill one.
            attempt: from 0; tells the server that this is a repetition.
        """
        body = self._body(call, user)
        if not _sendable(call):
            return Failed("rejected", "the prompt holds half a surrogate pair, which no UTF-8 text can")
        headers = {"x-stainless-retry-count": str(attempt)}
        if self.endpoint.marks:
            headers["x-sandbox-occurrence"] = str(occurrence)
            if idempotency_key:
                headers["Idempotency-Key"] = idempotency_key
        while self.pause > 0:
            await asyncio.sleep(self.pause)
        result, raw = await self._attempt(body, headers, call.n)
        other = unsupported(raw) if isinstance(result, Failed) else None
        if other == self._name_of_limit and other in body:
            # Newer models take the second name only, and older servers know only the first.
            self._name_of_limit = _BOTH_NAMES[1 - _BOTH_NAMES.index(other)]
            result, _ = await self._attempt(self._body(call, user), headers, call.n)
        return result

    def _body(self, call: ChatCall, user: str) -> dict[str, Any]:
        """What is sent; what has its default value is left out, since some servers refuse what they lack."""
        body: dict[str, Any] = {
            "model": call.model or self.endpoint.model,
            "messages": [{"role": role, "content": text} for role, text in call.messages],
            "temperature": call.temperature,
            "seed": call.seed,
        }
        if call.max_tokens is not None:
            body[self._name_of_limit] = call.max_tokens
        if call.n != 1:
            body["n"] = call.n
        if call.top_p != 1:
            body["top_p"] = call.top_p
        if call.stop:
            body["stop"] = list(call.stop)
        if user:
            body["user"] = user
        return body

    async def _attempt(
        self, body: dict[str, Any], headers: Mapping[str, str], texts: int
    ) -> tuple[Answered | Failed, bytes]:
        """Send once; the result, and the body of an error."""
        self.attempts += 1
        content = b""
        try:
            status, said, content = await self._exchange(body, headers)
        except Exception as exc:  # the network, the transport and the client have many kinds of errors
            result: Answered | Failed = self._broken(exc)
        else:
            content = self._key.hide_in(content)
            self._heed(said)
            if not 200 <= status < 300:
                result = read_error(status, said, content)
            elif len(content) > _LARGEST:
                result = Failed("malformed", f"an answer above {_LARGEST} bytes", billed=True)
            else:
                result = read_answer(content, said.get("content-type", ""), texts)
        if isinstance(result, Failed):
            result = replace(result, detail=self._key.hide(result.detail))
        return result, content

    async def _exchange(
        self, body: dict[str, Any], headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers in lower case, and body, which is cut where it is too long."""
        ask = self._openai.chat.completions.with_streaming_response.create
        try:
            async with (
                asyncio.timeout(self.endpoint.timeout),
                ask(**body, extra_headers=headers) as response,
            ):
                content = bytearray()
                async for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > _LARGEST:
                        break
                return response.status_code, _lower(response.headers), bytes(content)
        except self._status_error as exc:
            return exc.status_code, _lower(exc.response.headers), exc.response.content

    def _broken(self, error: Exception) -> Failed:
        """No whole answer. The error's name says where it broke; its text may tell too much."""
        cause = error.__cause__ or error
        name = type(cause).__name__
        sent = name not in _NOT_SENT
        if isinstance(error, TimeoutError) or "Timeout" in name:
            limit = self.endpoint.timeout if sent else self.endpoint.connect
            return Failed("timeout", f"no whole answer within {limit:g} s", again=True, billed=sent)
        where = "after it was sent" if sent else f"no connection to {self.endpoint.base_url}"
        return Failed("dropped", f"{name}: {where}", again=True, billed=sent)

    def _heed(self, headers: Mapping[str, str]) -> None:
        """Hold everything up while a limit is used up."""
        pause = min(pause_of(headers), self.endpoint.most_pause)
        if pause > 0:
            self._open_from = max(self._open_from, time.monotonic() + pause)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _sendable(call: ChatCall) -> bool:
    """Whether UTF-8 can carry every text of a call."""
    try:
        for text in (*[text for _, text in call.messages], *call.stop, call.model):
            text.encode()
    except UnicodeEncodeError:
        return False
    return True
