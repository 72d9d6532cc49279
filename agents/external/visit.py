"""What the process is like while somebody else's code runs: random streams of its own, and silence."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np


class Global(NamedTuple):
    """Something of which a process has one."""

    get: Callable[[], Any]
    put: Callable[[Any], object]


RANDOM = Global(random.getstate, random.setstate)
NUMPY = Global(np.random.get_state, np.random.set_state)


class Visit:
    """Globals change hands when the code is entered, and back whenever it asks or ends.

    Several such agents may take turns in one process; each goes on where its own streams were. What its
    thread prints is dropped: progress bars would write over those of a tournament.
    """

    def __init__(self, rng: np.random.Generator, others: Sequence[Global] = ()) -> None:
        """`rng` seeds the streams of `random` and `numpy.random`; `others` change hands as they are."""
        seed = int(rng.integers(2**32))
        legacy = np.random.RandomState(seed)
        self._globals = (RANDOM, NUMPY, *others)
        self._inside = [random.Random(seed).getstate(), legacy.get_state(), *[one.get() for one in others]]
        self._outside: list[Any] = []
        self._streams: tuple[Any, Any] = (None, None)

    def __enter__(self) -> None:
        self._outside = [one.get() for one in self._globals]
        for one, state in zip(self._globals, self._inside, strict=True):
            one.put(state)
        self._streams = sys.stdout, sys.stderr
        here = threading.get_ident()
        sys.stdout, sys.stderr = _Deaf(sys.stdout, here), _Deaf(sys.stderr, here)

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stderr = self._streams
        self._inside = [one.get() for one in self._globals]
        for one, state in zip(self._globals, self._outside, strict=True):
            one.put(state)

    @contextmanager
    def interrupted(self) -> Iterator[None]:
        """The world outside, for the time of a question."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()


class _Deaf:
    """A stream that drops what one thread writes, and passes on what all others do."""

    def __init__(self, stream: Any, thread: int) -> None:
        self._stream, self._thread = stream, thread

    def write(self, text: str) -> int:
        if threading.get_ident() == self._thread:
            return len(text)
        return int(self._stream.write(text))

    def flush(self) -> None:
        if threading.get_ident() != self._thread:
            self._stream.flush()

    def isatty(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
