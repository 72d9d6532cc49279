"""Writes answers as clients read them: bodies and events of OpenAI's API.

Built as text rather than from dictionaries, which takes a third of the time.
"""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable, Sequence
from itertools import zip_longest

from sandbox.chat import ChatAnswer, Choice, TokenChance
from sandbox.tokens import pieces

_string: Callable[[str], str] = json.encoder.encode_basestring_ascii
_VERY_UNLIKELY = -9999.0
DONE = b"data: [DONE]\n\n"


def chat_body(ident: str, created: int, model: str, answer: ChatAnswer, logprobs: bool) -> bytes:
    """A `chat.completion` object."""
    choices = ",".join(
        [
            f'{{"index":{i},"message":{{"role":"assistant","content":{_content(choice)},"refusal":null,'
            f'"annotations":[]}},"logprobs":{_chat_logprobs(choice, logprobs)},'
            f'"finish_reason":"{choice.finish}"}}'
            for i, choice in enumerate(answer.choices)
        ]
    )
    return (
        f'{{"id":"chatcmpl-{ident}","object":"chat.completion","created":{created},"model":{_string(model)},'
        f'"choices":[{choices}],"usage":{usage(answer)},"service_tier":"default",'
        f'"system_fingerprint":"fp_sandbox"}}'
    ).encode()


def completions_body(
    ident: str, created: int, model: str, answers: Sequence[ChatAnswer], logprobs: bool
) -> bytes:
    """A `text_completion` object: the texts of one prompt after those of the other."""
    choices = ",".join(
        [
            f'{{"text":{_string(choice.text)},"index":{i},'
            f'"logprobs":{_old_logprobs(choice.tokens, logprobs)},'
            f'"finish_reason":"{choice.finish}"}}'
            for i, choice in enumerate([choice for answer in answers for choice in answer.choices])
        ]
    )
    return (
        f'{{"id":"cmpl-{ident}","object":"text_completion","created":{created},"model":{_string(model)},'
        f'"choices":[{choices}],"usage":{usage(total(answers))},"system_fingerprint":"fp_sandbox"}}'
    ).encode()


def responses_body(
    ident: str, created: int, model: str, answer: ChatAnswer, temperature: float, top_p: float
) -> bytes:
    """A `response` object of the Responses API."""
    (choice, *_) = answer.choices
    cut = choice.finish != "stop"
    reason = "max_output_tokens" if choice.finish == "length" else "content_filter"
    status = "incomplete" if cut else "completed"
    text = {"type": "output_text", "text": choice.text, "annotations": [], "logprobs": []}
    message = {
        "id": f"msg_{ident}", "type": "message", "role": "assistant", "status": status, "content": [text],
    }  # fmt: skip
    used = {
        "input_tokens": answer.prompt_tokens,
        "input_tokens_details": {"cached_tokens": answer.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": answer.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
    }
    body = {
        "id": f"resp_{ident}", "object": "response", "created_at": created, "status": status,
        "error": None, "incomplete_details": {"reason": reason} if cut else None, "instructions": None,
        "model": model, "output": [message], "parallel_tool_calls": True, "temperature": temperature,
        "top_p": top_p, "tool_choice": "auto", "tools": [], "metadata": {}, "usage": used,
    }  # fmt: skip
    return json.dumps(body, separators=(",", ":")).encode()


def usage(answer: ChatAnswer) -> str:
    """A `usage` object as JSON."""
    prompt, completion, cached = answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens
    return (
        f'{{"prompt_tokens":{prompt},"completion_tokens":{completion},"total_tokens":{prompt + completion},'
        f'"prompt_tokens_details":{{"cached_tokens":{cached},"audio_tokens":0}},'
        '"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,'
        '"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
    )


def total(answers: Sequence[ChatAnswer]) -> ChatAnswer:
    """Several answers' counts together."""
    if len(answers) == 1:
        return answers[0]
    return ChatAnswer(
        (),
        sum([answer.prompt_tokens for answer in answers]),
        sum([answer.completion_tokens for answer in answers]),
        sum([answer.cached_tokens for answer in answers]),
    )


class Events:
    """The events of a streamed answer."""

    def __init__(self, ident: str, created: int, model: str, chat: bool, include_usage: bool) -> None:
        kind, prefix = ("chat.completion.chunk", "chatcmpl") if chat else ("text_completion", "cmpl")
        self._chat = chat
        self._usage = include_usage
        self._head = (
            f'data: {{"id":"{prefix}-{ident}","object":"{kind}","created":{created},"model":{_string(model)},'
            f'"system_fingerprint":"fp_sandbox","choices":['
        )
        self._tail = '],"usage":null}\n\n' if include_usage else "]}\n\n"

    def steps(self, answers: Sequence[ChatAnswer], logprobs: bool) -> list[bytes]:
        """What is sent at a time: the k-th tokens of all texts, which are written side by side.

        The first step opens the texts and the last one closes them; a step between them is
        a token of each text.
        """
        choices = [choice for answer in answers for choice in answer.choices]
        columns = [self._column(i, choice, logprobs) for i, choice in enumerate(choices)]
        return ["".join(row).encode() for row in zip_longest(*columns, fillvalue="")]

    def last(self, answers: Sequence[ChatAnswer]) -> bytes:
        """The event with the usage, if it was asked for."""
        if not self._usage:
            return b""
        return f'{self._head}],"usage":{usage(total(answers))}}}\n\n'.encode()

    def _column(self, index: int, choice: Choice, logprobs: bool) -> list[str]:
        tokens = choice.tokens or tuple([TokenChance(piece, 0.0) for piece in pieces(choice.text) if piece])
        column, offset = [], 0
        if self._chat:
            column.append(self._event(index, '"delta":{"role":"assistant","content":"","refusal":null}'))
            for token in tokens:
                shown = f'{{"content":[{_token(token)}],"refusal":null}}' if logprobs else "null"
                column.append(self._event(index, f'"delta":{{"content":{_string(token.token)}}}', shown))
            column.append(self._event(index, '"delta":{}', "null", f'"{choice.finish}"'))
            return column
        for token in tokens:
            shown = _old_logprobs((token,), logprobs, offset)
            column.append(self._event(index, f'"text":{_string(token.token)}', shown))
            offset += len(token.token)
        column.append(self._event(index, '"text":""', "null", f'"{choice.finish}"'))
        return column

    def _event(self, index: int, what: str, logprobs: str = "null", finish: str = "null") -> str:
        said = f'{{"index":{index},{what},"logprobs":{logprobs},"finish_reason":{finish}}}'
        return f"{self._head}{said}{self._tail}"


def _content(choice: Choice) -> str:
    if choice.finish == "content_filter" and not choice.text:
        return "null"
    return _string(choice.text)


def _chat_logprobs(choice: Choice, wanted: bool) -> str:
    if not wanted:
        return "null"
    return f'{{"content":[{",".join([_token(token) for token in choice.tokens])}],"refusal":null}}'


def _token(token: TokenChance) -> str:
    top = ",".join([f"{{{_chance(text, logprob)}}}" for text, logprob in token.top])
    return f'{{{_chance(token.token, token.logprob)},"top_logprobs":[{top}]}}'


def _chance(token: str, logprob: float) -> str:
    raw = list(token.encode("utf-8", "surrogatepass"))
    return f'"token":{_string(token)},"logprob":{_finite(logprob)!r},"bytes":{raw}'


def _finite(logprob: float) -> float:
    return logprob if logprob > _VERY_UNLIKELY else _VERY_UNLIKELY


def _old_logprobs(tokens: Sequence[TokenChance], wanted: bool, offset: int = 0) -> str:
    if not wanted:
        return "null"
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.token)
    return json.dumps(
        {
            "tokens": [token.token for token in tokens],
            "token_logprobs": [_finite(token.logprob) for token in tokens],
            "top_logprobs": [
                {text: _finite(logprob) for text, logprob in token.top} if token.top else None
                for token in tokens
            ],
            "text_offset": offsets,
        },
        separators=(",", ":"),
    )
