"""What the endpoint refuses, in the shape of OpenAI's errors: status, type, code, param and message."""

from __future__ import annotations

import json

from sandbox.errors import SandboxError

Headers = tuple[tuple[bytes, bytes], ...]
STOP: Headers = ((b"x-should-retry", b"false"),)
"""Tells the official clients that another attempt would end the same."""


class Problem(SandboxError):
    """A request that is answered with an error: ``Problem(status, type, code, param, message, headers)``."""

    def __init__(
        self,
        status: int,
        kind: str,
        code: str | None,
        param: str | None,
        message: str,
        headers: Headers = (),
    ) -> None:
        super().__init__(status, kind, code, param, message, headers)
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.message = message
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.status} {self.message}"

    def body(self) -> bytes:
        """The JSON that clients read."""
        return error_body(self.message, self.kind, self.code, self.param)


def error_body(message: str, kind: str, code: str | None, param: str | None = None) -> bytes:
    """An error object as JSON."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return json.dumps({"error": error}, separators=(",", ":")).encode()


def invalid(param: str | None, message: str, code: str | None = "invalid_value") -> Problem:
    """400 for a field that cannot be used."""
    return Problem(400, "invalid_request_error", code, param, message)


def wrong_type(param: str, wanted: str, value: object) -> Problem:
    """400 for a field of the wrong JSON type."""
    return invalid(param, f"'{param}' must be {wanted}, not {json_type(value)}.", "invalid_type")


def json_type(value: object) -> str:
    """What JSON calls a value, with its article."""
    names = {
        dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "an integer",
        float: "a number", type(None): "null",
    }  # fmt: skip
    return names.get(type(value), "something else")


def no_key() -> Problem:
    """401 where a key is missing."""
    return Problem(
        401, "invalid_request_error", "invalid_api_key", None,
        "No API key: send the header 'Authorization: Bearer KEY'.",
        ((b"www-authenticate", b"Bearer"),),
    )  # fmt: skip


def wrong_key() -> Problem:
    """401 for a key that is not on the list; it is not repeated."""
    return Problem(
        401, "invalid_request_error", "invalid_api_key", None,
        "This API key is not known here, or was revoked.",
        ((b"www-authenticate", b"Bearer"),),
    )  # fmt: skip


def budget_spent(why: str) -> Problem:
    """429 for a key whose budget cannot cover the request; it costs nothing, and waiting does not help."""
    return Problem(
        429, "insufficient_quota", "project_spend_limit_exceeded", None,
        f"The budget of this key is spent ({why}). Waiting does not help.", STOP,
    )  # fmt: skip


def closing() -> Problem:
    """503 while the server finishes what is in flight."""
    return Problem(
        503, "service_unavailable_error", "server_is_overloaded", None,
        "This server is shutting down.", ((b"connection", b"close"),),
    )  # fmt: skip


def context_too_long(message: str) -> Problem:
    """400 for messages that do not fit the model's context."""
    return Problem(400, "invalid_request_error", "context_length_exceeded", "messages", message)


def broken_model(what: str) -> Problem:
    """500 for a model that failed in a way that nobody asked for."""
    return Problem(500, "server_error", None, None, f"The model failed: {what}.")
