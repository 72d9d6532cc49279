"""Reads what clients ask, strictly where it matters and with patience where it does not.

Fields that change the answer are checked, and an error names the first wrong one. Tools, response
formats, penalties and fields that nobody knows are accepted and change nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from mocks.endpoint.problems import Problem, invalid, json_type, wrong_type
from sandbox.chat import ChatCall, Messages
from sandbox.errors import nearest

MOST_TOKENS = 1_000_000
"""Completion tokens a text that may be asked for."""
MOST_TEXTS = 128
MOST_PROMPTS = 16
MOST_STOPS = 4
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_SEED = 2**63


@dataclass(slots=True)
class Ask:
    """One request: what to put to which model, and how the answer is to be written."""

    model: str
    calls: list[ChatCall]
    user: str
    stream: bool = False
    include_usage: bool = False
    logprobs: int | None = None
    """How many likeliest tokens are wanted beside each token; None for no logprobs."""


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def read_json(body: bytes) -> dict[str, Any]:
    """A body as an object.

    Raises:
        Problem: if it is not UTF-8, not JSON, or no object.
    """
    try:
        text = body.decode("utf-8")
        # What `decode` does, but for bodies that begin and end with their braces, as nearly all do.
        found, end = _decoder.raw_decode(text) if text[:1] == "{" else (None, -1)
        if end != len(text):
            found = _decoder.decode(text)
    except UnicodeDecodeError:
        raise invalid(None, "The body is not UTF-8.", "invalid_json") from None
    except (ValueError, RecursionError) as exc:
        why = str(exc) if isinstance(exc, json.JSONDecodeError) else "it is nested or numbered beyond reason"
        raise invalid(None, f"The body is not JSON: {why}.", "invalid_json") from None
    if not isinstance(found, dict):
        raise invalid(None, f"The body must be a JSON object, not {json_type(found)}.", "invalid_type")
    return found


def read_model(data: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    """The model that is asked.

    Raises:
        Problem: 400 without one, 404 with the nearest name for one that is not here.
    """
    name = data.get("model")
    if name is None:
        raise invalid("model", "'model' is required.", "missing_required_parameter")
    if not isinstance(name, str):
        raise wrong_type("model", "a string", name)
    if name not in models:
        raise unknown_model(name, models)
    return name


def unknown_model(name: str, models: Mapping[str, Any]) -> Problem:
    """404 that names the nearest model."""
    shown = name if len(name) <= 100 else name[:99] + "…"
    message = f"The model '{shown}' does not exist here; {nearest(shown, models)}"
    return Problem(404, "invalid_request_error", "model_not_found", "model", message)


def read_chat(data: Mapping[str, Any], model: str, seed: int) -> Ask:
    """The body of POST /v1/chat/completions."""
    get = data.get
    messages = read_messages(get("messages"))
    logprobs = _logprobs(get("logprobs"), get("top_logprobs"))
    newer = read_integer("max_completion_tokens", get("max_completion_tokens"), 1, MOST_TOKENS)
    older = read_integer("max_tokens", get("max_tokens"), 1, MOST_TOKENS)
    limit = older if newer is None else newer
    call = _call(data, messages, model, seed, limit, _stops(get("stop")))
    stream, usage = _stream(data)
    return Ask(model, [call], read_text("user", get("user")), stream, usage, logprobs)


def read_completions(data: Mapping[str, Any], model: str, seed: int) -> Ask:
    """The body of the older POST /v1/completions: each prompt is a chat of one user message."""
    get = data.get
    prompts = get("prompt")
    if prompts is None:
        raise invalid("prompt", "'prompt' is required.", "missing_required_parameter")
    if isinstance(prompts, str):
        prompts = [prompts]
    if not isinstance(prompts, list) or not all(isinstance(prompt, str) for prompt in prompts):
        raise invalid(
            "prompt", "'prompt' must be a string or a list of strings; tokens are not read.", "invalid_type"
        )
    if not 1 <= len(prompts) <= MOST_PROMPTS:
        raise invalid("prompt", f"'prompt' has {len(prompts)} entries: between 1 and {MOST_PROMPTS}.")
    _unsupported(data, echo=False, suffix="")
    best_of, n = get("best_of"), get("n")
    if best_of is not None and best_of != (1 if n is None else n):
        raise invalid("best_of", "'best_of' other than 'n' is not supported here.", "unsupported_parameter")
    logprobs = get("logprobs")
    if logprobs is False:
        logprobs = None
    most = read_integer("logprobs", logprobs, 0, 5)
    limit = read_integer("max_tokens", get("max_tokens"), 1, MOST_TOKENS)
    stops = _stops(get("stop"))
    calls = [
        _call(data, (("user", prompt),), model, seed, 16 if limit is None else limit, stops)
        for prompt in prompts
    ]
    stream, usage = _stream(data)
    return Ask(model, calls, read_text("user", get("user")), stream, usage, most)


def read_responses(data: Mapping[str, Any], model: str, seed: int) -> Ask:
    """The body of POST /v1/responses, without state and streams."""
    get = data.get
    asked = get("input")
    if asked is None:
        raise invalid("input", "'input' is required.", "missing_required_parameter")
    messages = (("user", asked),) if isinstance(asked, str) else read_messages(asked, "input")
    instructions = read_text("instructions", get("instructions"))
    if instructions:
        messages = (("system", instructions), *messages)
    _unsupported(
        data, stream=False, background=False, previous_response_id=None, conversation=None, prompt=None
    )
    limit = read_integer("max_output_tokens", get("max_output_tokens"), 1, MOST_TOKENS)
    told = {name: get(name) for name in ("temperature", "top_p", "seed")}
    return Ask(model, [_call(told, messages, model, seed, limit, ())], read_text("user", get("user")))


def read_messages(found: Any, where: str = "messages") -> Messages:
    """(role, text) pairs from a list of messages; lists of text parts are joined, null is no text."""
    if found is None:
        raise invalid(where, f"'{where}' is required.", "missing_required_parameter")
    if not isinstance(found, list):
        raise wrong_type(where, "a list of messages", found)
    if not found:
        raise invalid(where, f"'{where}' is empty: at least one message.", "empty_array")
    messages = []
    for i, message in enumerate(found):
        if not isinstance(message, dict):
            raise wrong_type(f"{where}[{i}]", "an object", message)
        role = message.get("role")
        if not isinstance(role, str):
            raise wrong_type(f"{where}[{i}].role", "a string", role)
        if role not in _ROLES:
            raise invalid(
                f"{where}[{i}].role",
                f"'{where}[{i}].role' is '{role[:40]}': one of {', '.join(sorted(_ROLES))}.",
            )
        content = message.get("content")
        if not isinstance(content, str):
            content = "" if content is None else _parts(content, f"{where}[{i}].content")
        messages.append((role, content))
    return tuple(messages)


def _parts(content: Any, where: str) -> str:
    if not isinstance(content, list):
        raise wrong_type(where, "a string, null or a list of parts", content)
    texts = []
    for i, part in enumerate(content):
        if isinstance(part, str):
            texts.append(part)
            continue
        if not isinstance(part, dict):
            raise wrong_type(f"{where}[{i}]", "an object", part)
        kind = part.get("type")
        if kind not in ("text", "input_text", "output_text", "refusal"):
            shown = kind[:40] if isinstance(kind, str) else json_type(kind)
            raise invalid(
                f"{where}[{i}].type",
                f"A part of type '{shown}' is not read, only text.",
                "unsupported_value",
            )
        text = part.get("refusal" if kind == "refusal" else "text")
        if not isinstance(text, str):
            raise wrong_type(f"{where}[{i}].text", "a string", text)
        texts.append(text)
    return "".join(texts)


def _call(
    data: Mapping[str, Any],
    messages: Messages,
    model: str,
    default_seed: int,
    max_tokens: int | None,
    stops: tuple[str, ...],
) -> ChatCall:
    n = read_integer("n", data.get("n"), 1, MOST_TEXTS)
    seed = read_integer("seed", data.get("seed"), -_SEED, _SEED - 1)
    return ChatCall(
        messages,
        model,
        1 if n is None else n,
        _number("temperature", data.get("temperature"), 2.0),
        _number("top_p", data.get("top_p"), 1.0),
        max_tokens,
        stops,
        default_seed if seed is None else seed,
    )


def read_integer(name: str, value: Any, low: int, high: int) -> int | None:
    """A whole number in a range, 3.0 included; None for null."""
    if value is None:
        return None
    if type(value) is not int:
        if type(value) is float and value.is_integer():
            return read_integer(name, int(value), low, high)
        raise wrong_type(name, "an integer", value)
    if not low <= value <= high:
        shown = value if abs(value) < 10**20 else f"{'-' if value < 0 else ''}1e{len(str(abs(value))) - 1}"
        raise invalid(name, f"'{name}' is {shown}: between {low} and {high}.", "integer_out_of_range")
    return value


def _number(name: str, value: Any, high: float) -> float:
    """A number between 0 and `high`; 1 where none is given."""
    if value is None:
        return 1.0
    if type(value) is not float and type(value) is not int:
        raise wrong_type(name, "a number", value)
    if not 0 <= value <= high or not isfinite(value):
        raise invalid(name, f"'{name}' must be between 0 and {high:g}.", "decimal_out_of_range")
    return float(value)


def _stops(found: Any) -> tuple[str, ...]:
    if found is None:
        return ()
    if isinstance(found, str):
        found = [found]
    if not isinstance(found, list) or not all(isinstance(stop, str) for stop in found):
        raise invalid("stop", "'stop' must be a string or a list of strings.", "invalid_type")
    if len(found) > MOST_STOPS:
        raise invalid("stop", f"'stop' has {len(found)} entries: at most {MOST_STOPS}.", "array_too_long")
    return tuple([stop for stop in found if stop])


def _logprobs(wanted: Any, top: Any) -> int | None:
    if not _flag("logprobs", wanted):
        if read_integer("top_logprobs", top, 0, 20):
            raise invalid("top_logprobs", "'top_logprobs' needs 'logprobs': true.")
        return None
    return read_integer("top_logprobs", top, 0, 20) or 0


def _stream(data: Mapping[str, Any]) -> tuple[bool, bool]:
    stream = _flag("stream", data.get("stream"))
    options = data.get("stream_options")
    if options is None:
        return stream, False
    if not isinstance(options, dict):
        raise wrong_type("stream_options", "an object", options)
    usage = _flag("stream_options.include_usage", options.get("include_usage"))
    if not stream:
        raise invalid("stream_options", "'stream_options' needs 'stream': true.")
    return stream, usage


def _unsupported(data: Mapping[str, Any], **off: Any) -> None:
    """Refuse fields that are not what they are when they are switched off, or null."""
    for field, nothing in off.items():
        value = data.get(field)
        if value is not None and (type(value) is not type(nothing) or value != nothing):
            raise invalid(field, f"'{field}' is not supported here; leave it out.", "unsupported_parameter")


def _flag(name: str, value: Any) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise wrong_type(name, "a boolean", value)
    return value


def read_text(name: str, value: Any) -> str:
    """A text; null is an empty one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise wrong_type(name, "a string", value)
    return value
