"""What the endpoint refuses: status, type, code and param, and that nothing else slips through."""

from __future__ import annotations

import json
from typing import Any

import pytest
from endpoint_kit import CHAT, app_of, ask, said
from hypothesis import given
from hypothesis import strategies as st

from mocks.endpoint.app import make_app
from mocks.endpoint.problems import Problem
from mocks.service import Service
from sandbox.budget import Budget
from sandbox.errors import UsageError

EMBED = "/v1/embeddings"
OLD = "/v1/completions"
RESPONSES = "/v1/responses"


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": "hi"}, "messages", "invalid_type"),
        ({"messages": ["hi"]}, "messages[0]", "invalid_type"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role", "invalid_type"),
        ({"messages": [{"role": "king", "content": "hi"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].type", "unsupported_value",
        ),
        ({"model": None}, "model", "missing_required_parameter"),
        ({"model": 5}, "model", "invalid_type"),
        ({"n": 0}, "n", "integer_out_of_range"),
        ({"n": -1}, "n", "integer_out_of_range"),
        ({"n": 129}, "n", "integer_out_of_range"),
        ({"n": True}, "n", "invalid_type"),
        ({"n": "2"}, "n", "invalid_type"),
        ({"n": 1.5}, "n", "invalid_type"),
        ({"max_tokens": 0}, "max_tokens", "integer_out_of_range"),
        ({"max_tokens": 10**30}, "max_tokens", "integer_out_of_range"),
        ({"max_completion_tokens": -5}, "max_completion_tokens", "integer_out_of_range"),
        ({"temperature": 2.1}, "temperature", "decimal_out_of_range"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"top_p": -0.1}, "top_p", "decimal_out_of_range"),
        ({"seed": 2**70}, "seed", "integer_out_of_range"),
        ({"stop": 5}, "stop", "invalid_type"),
        ({"stop": ["a", None]}, "stop", "invalid_type"),
        ({"stop": list("abcde")}, "stop", "array_too_long"),
        ({"logprobs": 1}, "logprobs", "invalid_type"),
        ({"top_logprobs": 3}, "top_logprobs", "invalid_value"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "integer_out_of_range"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
        ({"user": 5}, "user", "invalid_type"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(change: dict[str, Any], param: str, code: str) -> None:
    answer = ask(app_of(), body=said() | change)
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
    assert (answer.error["param"], answer.error["code"]) == (param, code)


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (OLD, {"model": "echo"}, "prompt"),
        (OLD, {"model": "echo", "prompt": [1, 2]}, "prompt"),
        (OLD, {"model": "echo", "prompt": []}, "prompt"),
        (OLD, {"model": "echo", "prompt": "x", "echo": True}, "echo"),
        (OLD, {"model": "echo", "prompt": "x", "suffix": "y"}, "suffix"),
        (OLD, {"model": "echo", "prompt": "x", "best_of": 3}, "best_of"),
        (OLD, {"model": "echo", "prompt": ["x"] * 17}, "prompt"),
        (OLD, {"model": "echo", "prompt": "x", "logprobs": 6}, "logprobs"),
        (EMBED, {"model": "text-embedding-3-small"}, "input"),
        (EMBED, {"model": "text-embedding-3-small", "input": ""}, "input[0]"),
        (EMBED, {"model": "text-embedding-3-small", "input": []}, "input"),
        (EMBED, {"model": "text-embedding-3-small", "input": [[]]}, "input[0]"),
        (EMBED, {"model": "text-embedding-3-small", "input": ["a", 5]}, "input[1]"),
        (EMBED, {"model": "text-embedding-3-small", "input": "a", "dimensions": 0}, "dimensions"),
        (EMBED, {"model": "text-embedding-3-small", "input": "a", "encoding_format": "x"}, "encoding_format"),
        (RESPONSES, {"model": "echo"}, "input"),
        (RESPONSES, {"model": "echo", "input": "x", "stream": True}, "stream"),
    ],
)
def test_a_wrong_field_of_the_other_routes_is_named(path: str, body: dict[str, Any], param: str) -> None:
    answer = ask(app_of(), path, body)
    assert (answer.status, answer.error["param"]) == (400, param)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"nonsense", b"[]", b"null", b'"text"', b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"a": NaN}',
        b"[" * 100_000, b'{"n": ' + b"9" * 10_000 + b"}", b'{"a": 1}trailing', "ü".encode("latin-1"),
    ],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
@pytest.mark.parametrize("path", [CHAT, OLD, EMBED, RESPONSES])
def test_a_body_that_is_no_json_object_is_refused(path: str, body: bytes) -> None:
    answer = ask(app_of(), path, body)
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"


def test_an_unknown_model_is_404_and_the_nearest_is_named() -> None:
    answer = ask(app_of(), body=said() | {"model": "echos"})
    assert answer.status == 404
    assert (answer.error["code"], answer.error["param"]) == ("model_not_found", "model")
    assert "did you mean echo?" in answer.error["message"]
    assert ask(app_of(), body=said() | {"model": "x" * 10**6}).status == 404


def test_a_context_that_is_too_long_and_a_model_that_breaks() -> None:
    app = app_of(budget=Budget(prompt_tokens=100))
    answer = ask(app, body=said("long"))
    assert (answer.status, answer.error["code"], answer.error["param"]) == (
        400, "context_length_exceeded", "messages",
    )  # fmt: skip
    assert "5 tokens are too many" in answer.error["message"]
    answer = ask(app, body=said("bug"))
    assert (answer.status, answer.error["type"], answer.error["code"]) == (500, "server_error", None)
    assert b"secret" not in answer.body
    account = app.account("tester")
    assert account is not None
    assert account.spent.prompt_tokens == account.reserved.prompt_tokens == 0


def test_addresses_and_methods_that_do_not_exist() -> None:
    app = app_of()
    assert ask(app, "/v1/nothing").status == 404
    answer = ask(app, CHAT, method="GET")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert answer.error["type"] == "invalid_request_error"
    assert ask(app, "/metrics", method="DELETE").headers["allow"] == "GET"


def test_a_body_above_the_limit_is_413() -> None:
    app = app_of(max_body=1000)
    answer = ask(app, body=said("x" * 2000))
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    assert ask(app, body=said("x"), headers={"content-length": "99999"}).status == 413
    assert ask(app, body=said("x")).status == 200


@pytest.mark.parametrize("header", ["-1", "x", "1.5", "9" * 30, "²"])
def test_a_wrong_occurrence_is_refused(header: str) -> None:
    scope_safe = header.encode("utf-8").decode("latin-1")
    answer = ask(app_of(), body=said(), headers={"x-sandbox-occurrence": scope_safe})
    assert (answer.status, answer.error["param"]) == (400, "x-sandbox-occurrence")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "messages", "model", "n", "temperature", "top_p", "seed", "stop", "max_tokens", "logprobs",
    "top_logprobs", "stream", "stream_options", "user", "prompt", "input", "echo", "suffix", "best_of",
    "dimensions", "encoding_format", "instructions", "max_output_tokens",
)  # fmt: skip


@given(
    st.sampled_from([CHAT, OLD, EMBED, RESPONSES]),
    st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=4),
)
def test_whatever_a_field_holds_the_answer_is_200_or_400_or_404(path: str, fields: dict[str, Any]) -> None:
    model = "text-embedding-3-small" if path == EMBED else "echo"
    body = said() | {"model": model, "prompt": "x", "input": "x"} | fields
    answer = ask(app_of(), path, json.dumps(body).encode())
    assert answer.status in (200, 400, 404)
    if answer.status != 200:
        assert answer.error["type"] == "invalid_request_error"


def test_settings_that_cannot_be_are_usage_errors() -> None:
    from endpoint_kit import Echo

    with pytest.raises(UsageError, match="no models"):
        make_app({}, Service(), keys=None)
    for wrong in (
        {"time": "slow"},
        {"time": 0.0},
        {"fault_shares": {"x": 0.1}},
        {"max_body": 0},
        {"quiet": -1},
    ):
        with pytest.raises(UsageError):
            make_app({"echo": Echo()}, Service(), keys=None, **wrong)  # type: ignore[arg-type]


def test_a_problem_says_what_it_is() -> None:
    assert str(Problem(400, "a", None, None, "b")) == "400 b"
