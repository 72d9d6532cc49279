"""Other processes: copies of this one, and fresh ones that know the subject by its name only."""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.testing.scenes import Scene

if TYPE_CHECKING:
    from sandbox.testing.check import Trial

T = TypeVar("T")
_PATIENCE = 120.0
"""Wall seconds that a child gets; far more than it needs."""
_HEAD = struct.Struct("<Q")
_now = time.monotonic  # this very function: the kit plays with those of the module


def can_fork() -> bool:
    """Whether this system has copies of processes."""
    return hasattr(os, "fork")


def in_child(work: Callable[[], T], patience: float = _PATIENCE, quiet: bool = False) -> T | None:
    """What `work` returns in a copy of this process; None if that does not end well, or not in time.

    The copy and all that it starts is killed in the end. With `quiet`, what it prints is not shown.
    """
    if not can_fork():
        return None
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _be_child(work, writer, quiet)
    os.close(writer)
    try:
        body = _read(reader, patience)
    finally:
        os.close(reader)
        _end(child)
    if body is None:
        return None
    found: T = pickle.loads(body)  # it comes from our own child
    return found


def _be_child(work: Callable[[], object], writer: int, quiet: bool) -> None:
    """Work, say what came of it, and end without any of the parent's leave-taking."""
    code = 1
    try:
        os.setsid()
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        if quiet:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
        body = pickle.dumps(work())
        told = memoryview(_HEAD.pack(len(body)) + body)
        while told:
            told = told[os.write(writer, told) :]
        code = 0
    finally:
        os._exit(code)


def _read(reader: int, patience: float) -> bytes | None:
    """One message; None if it does not come. A grandchild may hold the pipe open: its end is no sign."""
    until, body = _now() + patience, b""
    while len(body) < _HEAD.size or len(body) < _HEAD.size + _HEAD.unpack_from(body)[0]:
        ready, _, _ = select.select([reader], [], [], max(0.0, until - _now()))
        piece = os.read(reader, 1 << 16) if ready else b""
        if not piece:
            return None
        body += piece
    return body[_HEAD.size :]


def _end(child: int) -> None:
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
    os.waitpid(child, 0)


def fresh_traces(trial: Trial, hash_seed: str, anew: bool = False) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The traces of two runs in a fresh process; `anew` says that what an earlier one said will not do.

    Raises:
        RuntimeError: if the process fails, with the end of what it said.
    """
    if trial.spec is None:
        raise ValueError("a fresh process needs the subject's name")
    told = json.dumps((trial.home or trial.scene).told(), sort_keys=True)
    return (_fresh_traces.__wrapped__ if anew else _fresh_traces)(trial.spec, told, hash_seed)


@lru_cache(maxsize=256)
def _fresh_traces(spec: str, told: str, hash_seed: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    surroundings = dict(os.environ, PYTHONHASHSEED=hash_seed, PYTHONPATH=os.pathsep.join(sys.path))
    ran = subprocess.run(
        [sys.executable, "-m", "sandbox.testing.isolation", spec],
        input=told,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
        env=surroundings,
        timeout=_PATIENCE,
    )
    if ran.returncode:
        raise RuntimeError(f"a fresh process cannot play {spec}: {ran.stderr.strip()[-500:]}")
    one, other = json.loads(ran.stdout.splitlines()[-1])
    return tuple(one), tuple(other)


def main(spec: str, told: str) -> str:
    """Both traces, as JSON."""
    from sandbox.testing.history import play
    from sandbox.testing.subjects import subject_of, white_box_for

    subject, scene = subject_of(spec), Scene.of(json.loads(told))
    traces: list[Any] = [play(subject, scene, white_box=white_box_for(subject)).trace() for _ in range(2)]
    return json.dumps(traces)


if __name__ == "__main__":
    print(main(sys.argv[1], sys.stdin.read()))  # noqa: T201  # the parent reads it
