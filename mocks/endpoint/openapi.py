"""Describes the endpoint in OpenAPI 3.1, exactly enough for a fuzzer to hold it to its word."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mocks.endpoint.embedding import MOST_DIMENSIONS, MOST_INPUTS
from mocks.endpoint.reading import MOST_PROMPTS, MOST_STOPS, MOST_TEXTS, MOST_TOKENS

_Schema = dict[str, Any]
_TEXT: _Schema = {"type": "string"}
_COUNT: _Schema = {"type": "integer", "minimum": 0}


def describe(models: Iterable[str], embedder: str, keyed: bool) -> _Schema:
    """The description, for the models that are served."""
    names = list(models)
    model: _Schema = {"type": "string", "enum": names}
    paths = {
        "/v1/chat/completions": {"post": _post("chat", _chat(model), "Completion", "text/event-stream")},
        "/v1/completions": {"post": _post("completions", _completions(model), "Text", "text/event-stream")},
        "/v1/responses": {"post": _post("responses", _responses(model), "Response")},
        "/v1/embeddings": {"post": _post("embeddings", _embeddings(embedder), "Embeddings")},
        "/v1/models": {"get": _get("listModels", "Models")},
        "/v1/models/{id}": {
            "get": _get("getModel", "Model")
            | {
                "parameters": [
                    {
                        "name": "id", "in": "path", "required": True,
                        "schema": {"type": "string", "enum": [*names, embedder]},
                    }
                ]
            }
        },
        "/v1/sandbox/usage": {"get": _get("usage", "Usage")},
        "/healthz": {"get": _get("health", "Health") | {"security": []}},
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "security": [],
                "responses": {
                    "200": {"description": "Prometheus text.", "content": {"text/plain": {"schema": _TEXT}}},
                    "default": _error(),
                },
            }
        },
    }  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {"title": "instruct-sandbox", "version": "1"},
        "paths": paths,
        "security": [{"key": []}] if keyed else [],
        "components": {
            "schemas": _answers(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _post(name: str, body: _Schema, answer: str, stream: str | None = None) -> _Schema:
    content: _Schema = {"application/json": {"schema": _ref(answer)}}
    if stream:
        content[stream] = {}
    return {
        "operationId": name,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": {"description": "The answer.", "content": content},
            "default": _error(),
        },
    }


def _get(name: str, answer: str) -> _Schema:
    content = {"application/json": {"schema": _ref(answer)}}
    return {
        "operationId": name,
        "responses": {"200": {"description": "The answer.", "content": content}, "default": _error()},
    }


def _error() -> _Schema:
    return {
        "description": "An error of OpenAI's shape.",
        "content": {"application/json": {"schema": _ref("Error")}},
    }


def _ref(name: str) -> _Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: Iterable[str] = (), /, **properties: _Schema) -> _Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def _or_null(schema: _Schema) -> _Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _integer(low: int, high: int) -> _Schema:
    return _or_null({"type": "integer", "minimum": low, "maximum": high})


def _number(high: float) -> _Schema:
    return _or_null({"type": "number", "minimum": 0, "maximum": high})


def _list(items: _Schema, low: int = 0, high: int | None = None) -> _Schema:
    bounds = {"minItems": low} | ({"maxItems": high} if high is not None else {})
    return {"type": "array", "items": items, **bounds}


def _sampling() -> _Schema:
    return {
        "n": _integer(1, MOST_TEXTS),
        "temperature": _number(2),
        "top_p": _number(1),
        "seed": _integer(-(2**63), 2**63 - 1),
        "stop": {"anyOf": [_TEXT, _list(_TEXT, 0, MOST_STOPS), {"type": "null"}]},
        "max_tokens": _integer(1, MOST_TOKENS),
        "user": _or_null(_TEXT),
    }


def _stream() -> _Schema:
    """`stream_options` only beside `stream: true`."""
    options = _object(include_usage=_or_null({"type": "boolean"}))
    return {
        "anyOf": [
            {
                "properties": {"stream": {"const": True}, "stream_options": _or_null(options)},
                "required": ["stream"],
            },
            {"properties": {"stream": {"enum": [False, None]}, "stream_options": {"type": "null"}}},
        ]
    }


def _messages(
    roles: Iterable[str] = ("system", "developer", "user", "assistant", "tool", "function"),
) -> _Schema:
    part = _object(["type", "text"], type={"enum": ["text", "input_text", "output_text"]}, text=_TEXT)
    content = {"anyOf": [_TEXT, _list({"anyOf": [part, _TEXT]}), {"type": "null"}]}
    return _list(_object(["role"], role={"enum": roles}, content=content), 1)


def _chat(model: _Schema) -> _Schema:
    asked = _object(
        ["model", "messages"],
        model=model,
        messages=_messages(),
        max_completion_tokens=_integer(1, MOST_TOKENS),
        **_sampling(),
    )
    wanted = {
        "anyOf": [
            {
                "properties": {"logprobs": {"const": True}, "top_logprobs": _integer(0, 20)},
                "required": ["logprobs"],
            },
            {"properties": {"logprobs": {"enum": [False, None]}, "top_logprobs": {"enum": [0, None]}}},
        ]
    }
    return asked | {"allOf": [_stream(), wanted]}


def _completions(model: _Schema) -> _Schema:
    prompt = {"anyOf": [_TEXT, _list(_TEXT, 1, MOST_PROMPTS)]}
    return _object(
        ["model", "prompt"],
        model=model,
        prompt=prompt,
        logprobs={"anyOf": [{"type": "integer", "minimum": 0, "maximum": 5}, {"enum": [False, None]}]},
        echo={"enum": [False, None]},
        suffix={"enum": ["", None]},
        **_sampling(),
    ) | {"allOf": [_stream()]}


def _responses(model: _Schema) -> _Schema:
    off = {"enum": [False, None]}
    none = {"type": "null"}
    return _object(
        ["model", "input"],
        model=model,
        input={"anyOf": [_TEXT, _messages()]},
        instructions=_or_null(_TEXT),
        max_output_tokens=_integer(1, MOST_TOKENS),
        temperature=_number(2),
        top_p=_number(1),
        user=_or_null(_TEXT),
        seed=_integer(-(2**63), 2**63 - 1),
        stream=off,
        background=off,
        previous_response_id=none,
        conversation=none,
        prompt=none,
    )


def _embeddings(embedder: str) -> _Schema:
    text, tokens = {"type": "string", "minLength": 1}, _list({"type": "integer"}, 1)
    return _object(
        ["model", "input"],
        model={"type": "string", "enum": [embedder]},
        input={"anyOf": [text, _list(text, 1, MOST_INPUTS), tokens, _list(tokens, 1, MOST_INPUTS)]},
        dimensions=_integer(1, MOST_DIMENSIONS),
        encoding_format={"enum": ["float", "base64", None]},
        user=_or_null(_TEXT),
    )


def _answers() -> dict[str, _Schema]:
    model = _object(
        ["id", "object", "created", "owned_by", "tokenizer", "idempotent"],
        id=_TEXT, object={"const": "model"}, created=_COUNT, owned_by=_TEXT, tokenizer=_TEXT,
        idempotent={"type": "boolean"},
    )  # fmt: skip
    usage = _object(
        ["prompt_tokens", "completion_tokens", "total_tokens"],
        prompt_tokens=_COUNT, completion_tokens=_COUNT, total_tokens=_COUNT,
    )  # fmt: skip
    finish = {"enum": ["stop", "length", "content_filter"]}
    message = _object(["role", "content"], role={"const": "assistant"}, content=_or_null(_TEXT))
    choice = _object(
        ["index", "message", "finish_reason"], index=_COUNT, message=message, finish_reason=finish
    )
    text = _object(["index", "text", "finish_reason"], index=_COUNT, text=_TEXT, finish_reason=finish)
    head: _Schema = {"id": _TEXT, "created": _COUNT, "model": _TEXT}
    error = _object(
        ["message", "type", "param", "code"],
        message=_TEXT, type=_TEXT, param=_or_null(_TEXT), code=_or_null(_TEXT),
    )  # fmt: skip
    return {
        "Error": _object(["error"], error=error),
        "Completion": _object(
            ["id", "object", "created", "model", "choices", "usage"],
            object={"const": "chat.completion"}, choices=_list(choice, 1), usage=usage, **head,
        ),
        "Text": _object(
            ["id", "object", "created", "model", "choices", "usage"],
            object={"const": "text_completion"}, choices=_list(text, 1), usage=usage, **head,
        ),
        "Response": _object(
            ["id", "object", "created_at", "status", "output", "usage"],
            id=_TEXT, object={"const": "response"}, status={"enum": ["completed", "incomplete"]},
            output=_list({"type": "object"}, 1, 1),
        ),
        "Embeddings": _object(
            ["object", "data", "model", "usage"],
            object={"const": "list"},
            data=_list(_object(["index", "embedding"], index=_COUNT), 1),
        ),
        "Model": model,
        "Models": _object(["object", "data"], object={"const": "list"}, data=_list(model, 1)),
        "Usage": _object(
            ["key", "calls", "attempts", "spent", "limit"],
            key=_TEXT, calls=_COUNT, attempts=_COUNT, spent={"type": "object"}, limit={"type": "object"},
        ),
        "Health": _object(["status"], status=_TEXT),
    }  # fmt: skip
