"""The parts of dspy that its users choose: model, adapter, program, metric; here they ask the sandbox."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

from agents.external.line import Line
from agents.external.packages import load
from sandbox.protocol import Complete

_TOKENS = 1000
_KEPT: list[tempfile.TemporaryDirectory[str]] = []
"""Removed when the process ends."""


def quiet_import(agent: str) -> Any:
    """Import dspy so that it makes no cache at home and looks up no prices on the network."""
    if "dspy" in sys.modules:
        return load(agent, "dspy")
    _KEPT.append(tempfile.TemporaryDirectory(prefix="dspy-", ignore_cleanup_errors=True))
    wanted = {"DSPY_CACHEDIR": _KEPT[-1].name, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    added = [name for name in wanted if name not in os.environ]
    os.environ.update({name: wanted[name] for name in added})
    try:
        return load(agent, "dspy")
    finally:
        for name in added:
            del os.environ[name]


class RowText(str):
    """The input of a row; it knows which row it is of."""

    __slots__ = ("row",)
    row: int

    @classmethod
    def of(cls, text: str, row: int) -> RowText:
        """`text`, as the input of `row`."""
        made = cls(text)
        made.row = row
        return made

    def __reduce__(self) -> Any:
        return RowText.of, (str(self), self.row)  # programs and examples are copied deeply


class Parts:
    """Makes them for one run."""

    def __init__(self, dspy: Any, line: Line) -> None:
        self.line = line
        self._dspy = dspy
        self.unreadable: type[Exception] = dspy.utils.exceptions.AdapterParseError
        """What dspy raises when an answer of the model has not the form that it asked for."""

    def settings(self) -> Any:
        """The context in which it all works."""
        return self._dspy.context(lm=self._model(), adapter=self._adapter(), disable_history=True)

    def program(self) -> Any:
        """A program whose instruction is the line's first text."""
        return self._dspy.Predict(self._dspy.Signature("input -> output", self.line.best))

    def examples(self) -> list[Any]:
        """The dev rows with their inputs and answers, from an evaluation of the line's first text."""
        (results,) = self.line.score([self.line.best], [range(self.line.task.dev_rows)])
        return [self._example(result.input, result.row, result.expected) for result in results]

    def numbered(self) -> list[Any]:
        """The dev rows for an optimizer that does not read them."""
        return [self._example(str(row), row, "") for row in range(self.line.task.dev_rows)]

    def _example(self, text: str, row: int, answer: str) -> Any:
        return self._dspy.Example(input=RowText.of(text, row), output=answer).with_inputs("input")

    @staticmethod
    def metric(example: Any, told: Any, trace: Any = None) -> float:
        """The sandbox's score of the row, which the adapter put beside the answer."""
        return float(told.score)

    def _adapter(self) -> Any:
        line = self.line

        class Adapter(self._dspy.ChatAdapter):  # type: ignore[name-defined,misc]
            """An instruction and a row are evaluated; everything else is put to the model as dspy does it."""

            def __call__(
                self, lm: Any, lm_kwargs: Any, signature: Any, demos: Any, inputs: dict[str, Any]
            ) -> Any:
                text = inputs.get("input")
                if not isinstance(text, RowText):
                    return super().__call__(lm, lm_kwargs, signature, demos, inputs)
                ((result,),) = line.score([signature.instructions], [[text.row]])
                return [{"output": result.answer, "score": result.score}]

        return Adapter()

    def _model(self) -> Any:
        lm15 = self._dspy.lm15
        line = self.line

        class Engine:
            """One call, one completion: dspy makes n calls where n texts are wanted."""

            def complete(self, request: Any) -> Any:
                turns = [("system", _plain(request.system))] if request.system else []
                turns += [(turn.role, _plain(turn.parts)) for turn in request.messages]
                warmth = getattr(request.config, "temperature", None)
                asked = Complete(tuple(turns), 1, 1.0 if warmth is None else float(warmth), _TOKENS)
                ((text,),) = line.write([asked])
                told = lm15.Message("assistant", (lm15.TextPart(text),))
                return lm15.Response(None, request.model, told, "stop", lm15.Usage())

        # Without its cache, which would answer behind the meter, and without its retries.
        return self._dspy.LM("sandbox/black-box", engine=Engine(), cache=False, num_retries=0)


def _plain(parts: Any) -> str:
    return parts if isinstance(parts, str) else "".join(getattr(part, "text", "") for part in parts or ())
