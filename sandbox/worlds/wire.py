"""What an OpenAI-compatible server can send back, sorted: an answer, a failure to repeat, a final one.

Pure functions from status, headers and bytes; no network and no client. Facts of the protocol:
platform.openai.com/docs/api-reference/chat and its guides to errors and rate limits, as of 2026.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from sandbox.chat import ChatAnswer, Choice

_FINISHED = {"stop": "stop", "length": "length"}
_NO_MONEY = re.compile(r"insufficient_quota|credit_balance|spend_limit|usage_limit_exceeded|billing")
_UNSUPPORTED = frozenset({"unsupported_parameter", "unsupported_value"})
_AGAIN = frozenset({408, 409, 425, 429})
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_REMAINING = "x-ratelimit-remaining-"
_MOST_TOKENS = 2**40
"""More tokens than this in one usage report are no count."""
_EPOCH = 1e8
"""Seconds; a reset beyond it is a date, not a duration."""


class Usage(NamedTuple):
    """What the server says that it counted."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    written_tokens: int = 0
    """Those of the prompt tokens that were written into the provider's cache."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole answer."""

    answer: ChatAnswer
    """With token counts of 0 where the server did not report them."""
    usage: Usage | None
    """None where the server reports none, or nonsense."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Everything that is no whole answer."""

    kind: str
    """rate_limited, server_error, timeout, dropped, malformed: worth another attempt. refused, filtered,
    rejected: not. unauthorized, unknown_model, out_of_money, unsupported: nor is any other call."""
    detail: str
    """One line; what the server said, without secrets."""
    again: bool = False
    """Whether another attempt may end otherwise."""
    wait: float | None = None
    """Seconds that the server asks to wait before it."""
    billed: bool = False
    """Whether the provider may bill this attempt all the same."""
    usage: Usage | None = None
    """What it says it bills, where that is known."""
    stop: bool = False
    """Whether every other call would fail like this: key, model, money."""


def read_answer(body: bytes, content_type: str, texts: int) -> Answered | Failed:
    """Sort the body of a success; `texts` choices were asked for."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return _malformed(f"{_shown(body)} is no JSON (content-type {content_type or 'missing'})", None)
    if not isinstance(found, dict):
        return _malformed(f"a JSON {type(found).__name__} where an object was expected", None)
    error = found.get("error")
    if error:  # some gateways send errors with status 200
        code = error.get("code") if isinstance(error, dict) else None
        return read_error(code if isinstance(code, int) and 400 <= code < 600 else 500, {}, body)
    usage = _usage(found.get("usage"))
    choices = found.get("choices")
    if not isinstance(choices, list) or not choices:
        return _malformed(f"choices={_shown(choices)}", usage)
    if len(choices) != texts:
        return Failed(
            "rejected", f"{texts} texts were asked for, {len(choices)} came", billed=True, usage=usage
        )
    read: list[Choice] = []
    for choice in _in_order(choices):
        one = _choice(choice, usage)
        if isinstance(one, Failed):
            return one
        read.append(one)
    if usage is not None and not usage.completion_tokens and any(choice.text for choice in read):
        usage = None  # texts of no tokens: this server does not count
    counted = usage or Usage(0, 0)
    answer = ChatAnswer(tuple(read), counted.prompt_tokens, counted.completion_tokens, counted.cached_tokens)
    return Answered(answer, usage)


def _choice(choice: Any, usage: Usage | None) -> Choice | Failed:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        return _malformed(f"a choice without a message: {_shown(choice)}", usage)
    finish, text, refusal = choice.get("finish_reason"), message.get("content"), message.get("refusal")
    if finish == "content_filter":
        return Failed("filtered", "the answer was stopped by a content filter", billed=True, usage=usage)
    if refusal:
        return Failed("refused", f"the model refuses: {_shown(refusal)}", billed=True, usage=usage)
    if finish in ("tool_calls", "function_call"):
        return Failed("refused", "the model calls a tool, and none was offered", billed=True, usage=usage)
    if not isinstance(text, str):
        return _malformed(f"content={_shown(text)} with finish_reason={_shown(finish)}", usage)
    if not isinstance(finish, str) or finish not in _FINISHED:
        return _malformed(f"finish_reason={_shown(finish)}", usage)
    return Choice(text, _FINISHED[finish])


def _in_order(choices: list[Any]) -> list[Any]:
    """By their indices, if these are what they should be."""
    placed = {c["index"]: c for c in choices if isinstance(c, dict) and type(c.get("index")) is int}
    wanted = range(len(choices))
    return [placed[place] for place in wanted] if set(placed) == set(wanted) else choices


def _usage(report: Any) -> Usage | None:
    """The counts, or None if they are no counts."""
    if not isinstance(report, dict):
        return None
    details = report.get("prompt_tokens_details")
    details = details if isinstance(details, dict) else {}
    prompt, completion = _count(report.get("prompt_tokens")), _count(report.get("completion_tokens"))
    if not prompt or completion is None:  # a prompt of no tokens: this server does not count
        return None
    cached = min(_count(details.get("cached_tokens")) or 0, prompt)
    written = min(_count(details.get("cache_write_tokens")) or 0, prompt - cached)
    return Usage(prompt, completion, cached, written)


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None


def _malformed(detail: str, usage: Usage | None) -> Failed:
    return Failed("malformed", detail, again=True, billed=True, usage=usage)


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> Failed:
    """Sort an answer whose status is no success. `headers` are in lower case. None of these is billed."""
    message, code, kind = _said(body)
    said = f"{status} {message}".strip()
    names = f"{code} {kind}"
    if status == 402 or (400 <= status < 500 and _NO_MONEY.search(names)):
        return Failed("out_of_money", said, stop=True)
    if status in (401, 403) and code != "content_filter":
        return Failed("unauthorized", said, stop=True)
    if status == 404:
        return Failed("unknown_model", said, stop=True)
    if 300 <= status < 400:
        where = headers.get("location", "another address")
        return Failed("unsupported", f"{status}: the server redirects to {where}", stop=True)
    if code in _UNSUPPORTED:
        return Failed("unsupported", said, stop=True)
    if code == "content_filter":
        return Failed("filtered", said)
    again = status in _AGAIN or status >= 500
    asked = headers.get("x-should-retry", "").lower()
    if asked in ("true", "false"):
        again = asked == "true"
    name = "rate_limited" if status == 429 else "server_error" if status >= 500 else "rejected"
    return Failed(name, said, again=again, wait=wait_of(headers))


def unsupported(body: bytes) -> str | None:
    """The name of the field that the server says it does not know, if that is what it says."""
    message, code, _ = _said(body)
    param = _error(body).get("param")
    if code in _UNSUPPORTED or "unsupported parameter" in message.lower():
        return param if isinstance(param, str) else next(iter(re.findall(r"max_\w*tokens", message)), None)
    return None


def _error(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    error = found.get("error") if isinstance(found, dict) else None
    if isinstance(error, dict):
        return error
    return {"message": error if isinstance(error, str) else found} if found else {}


def _said(body: bytes) -> tuple[str, str, str]:
    """Message, code and type of an error body, whatever its form."""
    error = _error(body)
    message = error.get("message", "") or _shown(body)
    return _shown(message), str(error.get("code") or ""), str(error.get("type") or "")


def _shown(value: object) -> str:
    """Anything from outside as one short line."""
    if isinstance(value, bytes):
        value = value[:400].decode("utf-8", "replace")
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text[:400].split())
    plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return (plain if len(plain) <= 200 else plain[:199] + "…") or "nothing"


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait, as the official client reads them: milliseconds first."""
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        milliseconds = _number(headers.get(name))
        if milliseconds is not None:
            return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is None and value:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return None if seconds is None else max(seconds, 0.0)


def pause_of(headers: Mapping[str, str]) -> float:
    """Seconds until a limit that is used up is reset; 0 where nothing is used up."""
    pause = 0.0
    for name, value in headers.items():
        if name.startswith(_REMAINING) and (left := _number(value)) is not None and left <= 0:
            reset = headers.get("x-ratelimit-reset-" + name.removeprefix(_REMAINING), "")
            pause = max(pause, duration(reset) or 0.0)
    return pause


def duration(text: str) -> float | None:
    """Seconds of a Go duration (`6m0s`, `120ms`), of plain seconds, or from now to a Unix time.

    >>> duration("6m0.5s"), duration("120ms"), duration("1.5"), duration("soon")
    (360.5, 0.12, 1.5, None)
    """
    text = text.strip()
    seconds = _number(text)
    if seconds is not None:
        return max(seconds - time.time(), 0.0) if seconds > _EPOCH else seconds
    parts = _DURATION.findall(text)
    if not parts or "".join([number + unit for number, unit in parts]) != text:
        return None
    return sum([float(number) * _SECONDS[unit] for number, unit in parts])


def _number(text: str | None) -> float | None:
    """A finite number that is at least 0."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
