"""Requests, answers and candidates as JSON, and back."""

from __future__ import annotations

import json
from typing import Any

from sandbox.chat import ChatAnswer, Choice
from sandbox.errors import AnswerFailed
from sandbox.protocol import Complete, Completion, Evaluate, Observation, Request, RowCall, RowResult
from sandbox.spaces import Candidate


def one_line(text: str, most: int | None = None) -> str:
    """Text of any origin as one line that terminals and databases take: the rest is written as escapes.

    >>> one_line("Think.\\n\\x1b[31mNow!", 12)
    'Think.\\\\n\\\\x1…'
    """
    plain = text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return plain if most is None or len(plain) <= most else plain[: most - 1] + "…"


def dump_candidate(candidate: Candidate) -> str:
    """A text as a JSON string, a point as a JSON array; floats survive exactly."""
    return json.dumps(candidate)


def load_candidate(text: str) -> Candidate:
    """The inverse of `dump_candidate`."""
    value = json.loads(text)
    return tuple(value) if isinstance(value, list) else str(value)


def dump_request(request: Request[Any]) -> str:
    """A request as a JSON object with its kind; a row's call without its candidate, which precedes it."""
    match request:
        case Evaluate(candidate, rows):
            body: dict[str, Any] = {"kind": "evaluate", "candidate": candidate}
            if rows is not None:
                body["rows"] = rows
        case Complete(prompt, n, temperature, max_tokens, stop):
            body = {
                "kind": "complete", "prompt": prompt, "n": n, "temperature": temperature,
                "max_tokens": max_tokens, "stop": stop,
            }  # fmt: skip
        case RowCall(_, row):
            body = {"kind": "row", "row": row}
        case _:
            body = {"kind": "compute"}
    return json.dumps(body)


def load_request(text: str, candidate: Candidate = "") -> Request[Any]:
    """The inverse of `dump_request`; local compute comes back as a bare `Request`.

    Args:
        text: what `dump_request` wrote.
        candidate: of the evaluation that a row's call belongs to.
    """
    body = json.loads(text)
    match body.pop("kind"):
        case "evaluate":
            candidate = body["candidate"]
            rows = body.get("rows")
            return Evaluate(
                tuple(candidate) if isinstance(candidate, list) else candidate,
                None if rows is None else tuple(rows),
            )
        case "complete":
            prompt = body["prompt"]
            body["prompt"] = prompt if isinstance(prompt, str) else tuple(tuple(turn) for turn in prompt)
            body["stop"] = tuple(body["stop"])
            return Complete(**body)
        case "row":
            return RowCall(str(candidate), body["row"])
        case _:
            return Request()


def dump_answer(answer: Any) -> str | None:
    """An answer as JSON; None for local compute, which has none."""
    match answer:
        case None:
            return None
        case AnswerFailed():
            return json.dumps({"failed": list(answer.args)})
        case Observation(score, rows):
            # The texts of a row are in the record of its call, and in the task.
            told = [[r.row, r.score, True] if r.cached else [r.row, r.score] for r in rows]
            return json.dumps({"score": score, "rows": told} if rows else {"score": score})
        case ChatAnswer(choices, prompt_tokens, completion_tokens, cached_tokens):
            said = [[c.text] if c.finish == "stop" else [c.text, c.finish] for c in choices]
            return json.dumps({"said": said, "tokens": [prompt_tokens, completion_tokens, cached_tokens]})
        case Completion(texts):
            return json.dumps({"texts": texts})
        case _:
            raise TypeError(f"no answer of this protocol: {answer!r}")


def load_answer(text: str | None) -> Any:
    """The inverse of `dump_answer`."""
    if text is None:
        return None
    body = json.loads(text)
    if "failed" in body:
        return AnswerFailed(*body["failed"])
    if "texts" in body:
        return Completion(tuple(body["texts"]))
    if "said" in body:
        return ChatAnswer(tuple(Choice(*choice) for choice in body["said"]), *body["tokens"])
    return Observation(body["score"], tuple(RowResult(*row) for row in body.get("rows", ())))
