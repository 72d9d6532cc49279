"""Records what a world answers, and answers from such a recording, without the world.

A recording is a file of JSON lines, one an attempt. A line is found again by the problem, the
seed, the canonical request, how often it was asked before, and the attempt: not by who asks, nor
when. (Where the world's answer depends on the time as well, as in an outage, the line of the same
time is taken if there is one.) What was never recorded is an error that says so: nothing is made
up, and nothing is fetched. A world never sees a key of an API, so none can be in here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sandbox.budget import CURRENCIES, Cost
from sandbox.chat import ChatCall
from sandbox.codec import dump_answer, dump_request, load_answer, one_line
from sandbox.errors import DataError
from sandbox.protocol import Request, RowCall
from sandbox.trace import Reply, Ticket

_FORMAT = 1


def name_of(problem: str, seed: int, world: Any, ticket: Ticket) -> str:
    """What a reply is found by: a hash of the problem, the seed, the canonical request and its place."""
    asked = world.call_of(ticket.request).key() if hasattr(world, "call_of") else ticket.request.key()
    facts = repr((problem, int(seed), asked, int(ticket.repeat), int(ticket.attempt)))
    return blake2b(facts.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _request(world: Any, request: Request[Any]) -> Any:
    """A request as a person can read it; nothing is looked up by this."""
    if hasattr(world, "call_of"):
        call: ChatCall = world.call_of(request)
        return {"messages": call.messages, "n": call.n, "temperature": call.temperature, "stop": call.stop}
    return json.loads(dump_request(request))


def append(path: Path, door: str, line: dict[str, Any]) -> None:
    """Add a line to a recording, in one piece, so that several processes may share the file.

    Raises:
        DataError: if the file cannot be written.
    """
    text = json.dumps({"format": _FORMAT, "door": door, **line}) + "\n"
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, text.encode())
        finally:
            os.close(file)
    except OSError as exc:
        raise DataError(f"{path}: the recording cannot be written: {exc.strerror}") from exc


def read(path: Path, door: str, add: Callable[[dict[str, Any]], None]) -> None:
    """Give every line of a recording to `add`; a last line that was cut off is left out.

    Raises:
        DataError: if the file cannot be read, or is of another kind, naming the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise DataError(f"{path}: the recording cannot be read: {exc}") from exc
    for number, text in enumerate(lines, 1):
        if not text:
            continue
        try:
            line = json.loads(text)
            if line["format"] != _FORMAT:
                raise ValueError(f"format {line['format']}, and this version reads {_FORMAT}")
            if line["door"] == door:
                add(line)
                continue
        except (ValueError, KeyError, TypeError) as exc:
            if number == len(lines):  # the process was killed while it wrote
                break
            raise DataError(f"{path}: line {number} is no line of a recording: {exc!r}") from exc
        how = {"client": "with --live", "world": "without --live"}.get(line["door"], "elsewhere")
        raise DataError(f"{path}: line {number}: this was recorded {how}, so replay it {how}")


class Tape:
    """A file that replies are appended to; several processes may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, problem: str, seed: int, world: Any, ticket: Ticket, reply: Reply, now: int) -> None:
        """Append a reply; the line is handed to the operating system in one piece.

        Raises:
            DataError: if the file cannot be written.
        """
        answer = dump_answer(reply.answer)
        line = {
            "key": name_of(problem, seed, world, ticket), "problem": problem, "seed": seed,
            "asked": _request(world, ticket.request), "occurrence": ticket.repeat, "attempt": ticket.attempt,
            "answer": None if answer is None else json.loads(answer), "nanoseconds": reply.nanoseconds,
            "charge": {name: paid for name, paid in zip(CURRENCIES, reply.charge, strict=True) if paid},
            "truth": reply.truth, "retry_after": reply.retry_after, "at": now,
        }  # fmt: skip
        append(self.path, "world", line)


class Recording:
    """A file of recorded replies, in memory."""

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            DataError: if it cannot be read, naming the line; a last line that was cut off is left out.
        """
        self.path = path
        self._replies: dict[str, dict[int, Reply]] = {}
        read(path, "world", self._add)

    def __len__(self) -> int:
        return len(self._replies)

    def _add(self, line: dict[str, Any]) -> None:
        reply = Reply(
            load_answer(None if line["answer"] is None else json.dumps(line["answer"])),
            Cost(**line["charge"]), line["nanoseconds"], line["truth"], line["retry_after"],
        )  # fmt: skip
        self._replies.setdefault(line["key"], {}).setdefault(line["at"], reply)

    def reply(self, problem: str, seed: int, world: Any, ticket: Ticket, now: int) -> Reply:
        """What was answered then.

        Raises:
            DataError: if this was never asked.
        """
        found = self._replies.get(name_of(problem, seed, world, ticket))
        if not found:
            what = one_line(json.dumps(_request(world, ticket.request)), 200)
            raise DataError(
                f"{self.path}: not in the recording: {what}, problem {problem}, seed {seed}, occurrence "
                f"{ticket.repeat}, attempt {ticket.attempt}; record it first with --record"
            )
        reply = found.get(now) or found[min(found)]
        if isinstance(reply.answer, Exception):  # each hearer gets an error of its own
            return reply._replace(answer=type(reply.answer)(*reply.answer.args))
        return reply


class _Wrapped:
    """A world whose replies go through `take`; everything else is the world's own."""

    def __init__(self, world: Any, take: Callable[[Ticket, int], Reply]) -> None:
        self.inner = world
        self.quote = world.quote
        self.tokens = world.tokens
        self.reply = take
        if hasattr(world, "call_of"):
            self.call_of = world.call_of
        if hasattr(world, "parts"):
            self.parts: Callable[[Request[Any]], tuple[RowCall, ...] | None] = world.parts
            self.conclude: Callable[[Ticket, Sequence[Any], Sequence[Any]], Any] = world.conclude


def recorded(world: Any, problem: str, seed: int, tape: Tape) -> Any:
    """`world`, with each of its replies written to `tape`."""

    def take(ticket: Ticket, now: int) -> Reply:
        reply: Reply = world.reply(ticket, now)
        tape.write(problem, seed, world, ticket, reply, now)
        return reply

    return _Wrapped(world, take)


def replayed(world: Any, problem: str, seed: int, recording: Recording) -> Any:
    """A world that answers from `recording`; `world` is asked for quotes, and to put rows together."""
    return _Wrapped(world, lambda ticket, now: recording.reply(problem, seed, world, ticket, now))


def tape_or_replay(problem: Any, tape: tuple[str, str]) -> Any:
    """A `sandbox.scenario.Problem` whose worlds are recorded or replayed.

    Args:
        problem: the problem.
        tape: ("record" or "replay", path of the file).

    Raises:
        DataError: if the file cannot be used.
    """
    how, path = tape
    make = problem.world
    if how == "record":
        reel = Tape(Path(path))
        return replace(problem, world=lambda seed: recorded(make(seed), problem.name, seed, reel))
    recording = _load(path)
    return replace(problem, world=lambda seed: replayed(make(seed), problem.name, seed, recording))


_loaded: dict[str, Recording] = {}


def _load(path: str) -> Recording:
    """Read once a process."""
    if path not in _loaded:
        _loaded.clear()
        _loaded[path] = Recording(Path(path))
    return _loaded[path]
