"""The white box as an agent holds it: every call is paid for before it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from sandbox.budget import SECOND, Meter
from sandbox.whitebox.decoding import Style
from sandbox.whitebox.prompts import Floats, Prompts

if TYPE_CHECKING:
    from sandbox.whitebox.adapters import Adapter
    from sandbox.whitebox.model import LocalModel

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds that work on the white box is said to take, whatever machine it is done on."""

    per_call: float = 0.01
    per_prompt_token: float = 0.00002
    per_written_token: float = 0.0002

    def __post_init__(self) -> None:
        for name in ("per_call", "per_prompt_token", "per_written_token"):
            value = getattr(self, name)
            if not 0.0 <= value < 1e6:
                raise ValueError(f"{name}={value}: seconds, from 0 to a million")

    def nanoseconds(self, read: int, written: int) -> int:
        """Of one call."""
        return (
            round(self.per_call * SECOND)
            + read * round(self.per_prompt_token * SECOND)
            + written * round(self.per_written_token * SECOND)
        )


class WhiteBox:
    """A causal LM, lent to one run.

    Arrays in and out are numpy's. A call may raise `BudgetExhausted`, before anything is computed; it
    raises `ValueError` for what cannot be asked: a soft prompt of the wrong width, a layer that there is
    not, a prompt that is too long. Work costs `whitebox_tokens`, one a position read (soft tokens too,
    padding not) and one a token written, and `whitebox_seconds` by a stated law.
    """

    def __init__(self, load: Callable[[], LocalModel], meter: Meter, speed: Speed) -> None:
        """`load` is called when the model is first needed."""
        self._load = load
        self._loaded: LocalModel | None = None
        self._meter = meter
        self._speed = speed
        self._training: Trainable | None = None

    @property
    def _model(self) -> LocalModel:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    @property
    def name(self) -> str:
        """Of the model's folder."""
        return self._model.name

    @property
    def width(self) -> int:
        """H, of the token embeddings and of soft prompts."""
        return self._model.width

    @property
    def hidden_width(self) -> int:
        """Of hidden states; H for almost all models."""
        return self._model.hidden_width

    @property
    def layers(self) -> int:
        """Transformer blocks."""
        return self._model.layers

    @property
    def vocabulary(self) -> int:
        """Rows of the embedding table."""
        return self._model.vocabulary

    @property
    def positions(self) -> int | None:
        """The longest text it reads and writes, soft tokens included; None where there is no such bound."""
        return self._model.positions

    def chat(self, text: str) -> str:
        """`text` as a user's turn, with the assistant's turn opened; unchanged without a chat template."""
        return self._model.chat(text)

    def count(self, text: str) -> int:
        """How many tokens a text is, to be compared with `positions`; costs nothing."""
        return self._model.count(text)

    def embeddings_rms(self) -> float:
        """Root mean square entry of the token embeddings: the size that soft prompts should have."""
        return self._model.embeddings_rms()

    def decode(
        self,
        soft: Floats | None,
        context: str | Sequence[str],
        *,
        max_tokens: int = 64,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
    ) -> list[str]:
        """What the model writes behind each soft prompt and its context; the continuation alone.

        Args:
            soft: shape (B, m, H), put before the context's first token; None for contexts alone.
            context: one for all, or B of them.
            max_tokens: a continuation has at most so many.
            temperature: 0 is greedy.
            seed: with the place in the batch it keys what is drawn.
            stop: texts at whose first appearance a continuation ends.
        """
        style = Style(max_tokens, float(temperature), seed, (stop,) if isinstance(stop, str) else tuple(stop))
        model = self._model
        prompts = model.prompts(context, soft)
        read, most = prompts.tokens, len(prompts) * max_tokens
        if not prompts.ids:
            return []
        with self._working():
            return self._paid(read, most, lambda: model.decode(prompts, style))

    def hidden(
        self,
        texts: str | Sequence[str] | None = None,
        *,
        soft: Floats | None = None,
        layer: int = -1,
        pooling: str = "last",
    ) -> Floats:
        """Hidden states of texts behind soft prompts, or of either alone, shape (B, hidden width).

        Args:
            texts: one for all soft prompts, or B of them.
            soft: shape (B, m, H).
            layer: -1 is the last one after the final norm; k the output of block k as it is, 0 what
                enters the first block.
            pooling: "last" takes the last token; "mean" and "max" go over the text's own tokens, or, where
                there is no text, over the soft ones.
        """
        model = self._model
        if texts is None and soft is None:
            raise ValueError("nothing to read: give texts, or soft prompts, or both")
        prompts = model.prompts(texts, soft)
        with self._working():
            return self._read(prompts, lambda: model.hidden(prompts, layer, pooling))

    def embed(self, texts: str | Sequence[str]) -> Floats:
        """Texts as points: the mean of the last layer over their tokens, shape (B, hidden width)."""
        return self.hidden(texts, pooling="mean")

    def logprob(
        self, texts: str | Sequence[str], context: str | Sequence[str] = "", soft: Floats | None = None
    ) -> NDArray[np.float64]:
        """The log-probability of each text behind its context, summed over its tokens, shape (B,).

        Text and context are tokenized apart. `context` and `soft` are one for all, or B of them.
        """
        model = self._model
        prompts = model.scored(texts, context, soft)
        with self._working():
            return self._read(prompts, lambda: model.logprob(prompts))

    def trainable(self, rank: int = 8, seed: int = 0) -> Trainable:
        """A low-rank adapter as a flat vector; until it is closed, this white box works with it.

        Others who share the model see it frozen. At the start nothing is changed (B = 0).

        Raises:
            RuntimeError: if another one of this white box is open.
        """
        if self._training is not None:
            raise RuntimeError("this white box is being trained already: close the other trainable first")
        from sandbox.whitebox.adapters import Adapter

        self._training = Trainable(Adapter(self._model.model, rank, seed), self._trained)
        return self._training

    def _trained(self) -> None:
        self._training = None

    @contextmanager
    def _working(self) -> Iterator[None]:
        """The model as this run has trained it."""
        if self._training is None:
            yield
            return
        with self._training._adapter.at_work():
            yield

    def _read(self, prompts: Prompts, work: Callable[[], T]) -> T:
        return self._paid(prompts.tokens, 0, lambda: (work(), 0))

    def _paid(self, read: int, most: int, work: Callable[[], tuple[T, int]]) -> T:
        """Do work that reads so many tokens and writes at most so many; pay for what it wrote."""
        speed, meter = self._speed, self._meter
        held = meter.hold(speed.nanoseconds(read, most), read + most)
        try:
            result, written = work()
        except BaseException:
            meter.settle(held)
            raise
        meter.settle(held, speed.nanoseconds(read, written), read + written)
        return result


class Trainable:
    """Parameters of a white box that its holder may set; gone without a trace when it is closed."""

    def __init__(self, adapter: Adapter, closed: Callable[[], None]) -> None:
        self._adapter: Any = adapter
        self._closed = closed
        self._removed = finalize(self, adapter.remove)  # also where a holder forgets

    @property
    def size(self) -> int:
        """P, how many parameters there are."""
        return int(self._adapter.size)

    def get_flat(self) -> Floats:
        """All parameters, a copy, shape (P,)."""
        flat: Floats = self._adapter.get_flat()
        return flat

    def set_flat(self, values: Floats) -> None:
        """Replace all parameters, shape (P,).

        Raises:
            ValueError: for another shape, or what is no finite number.
        """
        self._adapter.set_flat(values)

    def close(self) -> None:
        """Undo everything; a second time does nothing."""
        if self._removed.alive:
            self._removed()
            self._closed()

    def __enter__(self) -> Trainable:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
