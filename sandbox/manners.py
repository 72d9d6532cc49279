"""What an agent may not say: nonsense becomes an error that shows the value, or the agent's own line."""

from __future__ import annotations

import math
import os
from pathlib import Path, PurePath
from traceback import extract_tb

from sandbox.errors import AgentCrashed, AnswerFailed, ProtocolError
from sandbox.protocol import Complete, Evaluate, Request, Task

AGENTS_OWN = (Exception, SystemExit, GeneratorExit)
"""What an agent may raise without stopping everybody else."""

_HOUSE = str(Path(__file__).parent) + os.sep


def check_question(agent: str, task: Task, request: object) -> None:
    """Refuse what no world could answer.

    Raises:
        ProtocolError: naming the value.
    """
    if isinstance(request, Evaluate):
        if request.candidate not in task.space:
            what = f"{agent} evaluates {short(request.candidate)}, which is not in {task.space}"
            raise ProtocolError(what)
        if request.rows is not None:
            _check_rows(agent, request.rows, task.dev_rows)
    elif isinstance(request, Complete):
        if not task.lends.completions:
            raise ProtocolError(f"{agent} asks for a completion, and this black box only scores")
        _check_completion(agent, request)
    elif not isinstance(request, Request):
        raise ProtocolError(f"{agent} yielded {short(request)}, not a request")
    else:
        raise ProtocolError(f"{agent} yielded {short(request)} where only questions may stand")


def check_recommendation(agent: str, task: Task, candidate: object) -> None:
    """Refuse what cannot be judged.

    Raises:
        ProtocolError: naming the value.
    """
    if candidate not in task.space:
        raise ProtocolError(f"{agent} recommends {short(candidate)}, which is not in {task.space}")


def _check_rows(agent: str, rows: object, count: int) -> None:
    if not isinstance(rows, tuple) or not rows:
        raise ProtocolError(f"{agent} asks for rows {short(rows)}: a tuple of rows, or None for all")
    for row in rows:
        if not isinstance(row, int) or not 0 <= row < count:
            raise ProtocolError(f"{agent} asks for row {short(row)}, and there are {count} dev rows")
    if len(set(rows)) != len(rows):
        raise ProtocolError(f"{agent} asks for rows {short(rows)}, some of them twice")


def _check_completion(agent: str, request: Complete) -> None:
    """Each part must be of its type and in its range."""
    prompt, temperature, stop = request.prompt, request.temperature, request.stop
    wrong: list[str] = []
    if not (isinstance(prompt, str) or (_all_tuples(prompt) and all(_all_texts(m, 2) for m in prompt))):
        wrong.append(f"prompt={short(prompt)}")
    for name, count in (("n", request.n), ("max_tokens", request.max_tokens)):
        if not isinstance(count, int) or count < 1:
            wrong.append(f"{name}={short(count)}")
    if not isinstance(temperature, (int, float)) or not 0 <= temperature < math.inf:
        wrong.append(f"temperature={short(temperature)}")
    if not _all_texts(stop):
        wrong.append(f"stop={short(stop)}")
    if wrong:
        raise ProtocolError(f"{agent} asks for a completion with {', '.join(wrong)}")


def _all_tuples(value: object) -> bool:
    return isinstance(value, tuple) and len(value) > 0 and all(isinstance(part, tuple) for part in value)


def _all_texts(value: object, length: int | None = None) -> bool:
    if not isinstance(value, tuple) or (length is not None and len(value) != length):
        return False
    return all(isinstance(part, str) for part in value)


def crash(error: BaseException) -> AgentCrashed:
    """An agent's own error, and where in the agent's file; no path, so that stores compare equal.

    The agent's file is that of the outermost frame outside this package, and the line the
    innermost one there: libraries and bridges are not where its author has to look first.
    """
    if isinstance(error.__cause__, StopIteration):
        error = error.__cause__  # Python wraps it in a RuntimeError that has lost the agent's frames
    frames = list(extract_tb(error.__traceback__))
    own = [frame for frame in frames if not frame.filename.startswith(_HOUSE)]
    innermost = [frame for frame in own if frame.filename == own[0].filename] or frames
    where = "an unknown place"
    if innermost:
        where = f"{PurePath(innermost[-1].filename).name}:{innermost[-1].lineno}"
    if isinstance(error, AnswerFailed):
        return AgentCrashed(f"did not handle a failed call: {message(error)}", where)
    return AgentCrashed(f"{type(error).__name__}: {message(error)}", where)


def message(error: BaseException) -> str:
    """What an error says, also if it cannot be said."""
    try:
        text = str(error) if not isinstance(error, KeyError) else f"no key {error}"
    except Exception as exc:
        return f"its message raises {type(exc).__name__}"
    return _cut(text, 300)


def short(value: object) -> str:
    """A value as an error message can show it."""
    try:
        text = repr(value)
    except Exception as exc:
        return f"<{type(value).__name__} whose repr raises {type(exc).__name__}>"
    return _cut(text, 80)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
