"""Nonsense that an agent yields, recommends or returns: every refusal names the value."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from generated import TEXTS, iter_of, play

from sandbox.errors import ProtocolError
from sandbox.protocol import Complete, Evaluate, Gather, Recommend, Request
from sandbox.spaces import Box, FreeText


class Unprintable:
    def __repr__(self) -> str:
        raise ValueError("no repr")


@dataclass(frozen=True)
class OwnRequest(Request[None]):
    what: str


NONSENSE: dict[str, tuple[Any, str]] = {
    "a text": ("hello", "yielded 'hello', not a request"),
    "None": (None, "yielded None, not a request"),
    "a class": (Evaluate, "Evaluate'>, not a request"),
    "an unprintable object": (Unprintable(), "yielded <Unprintable whose repr raises ValueError>"),
    "a long text": ("x" * 999, "xxx..., not a request"),
    "a bare request": (Request(), "where only questions may stand"),
    "a request of its own": (OwnRequest("?"), "OwnRequest(what='?') where only questions may stand"),
    "a generator": ((Evaluate(t) for t in TEXTS), "not a request"),
    "a list of requests": ([Evaluate(TEXTS[0])], "not a request"),
    "a candidate outside the pool": (
        Evaluate("other"),
        "evaluates 'other', which is not in a pool of 6 texts",
    ),
    "a point in a pool": (Evaluate((0.5,)), "evaluates (0.5,), which is not in a pool"),
    "an unhashable candidate": (Evaluate([TEXTS[0]]), "evaluates ['instruction 0'], which is not in"),  # type: ignore[arg-type]
    "no candidate": (Evaluate(None), "evaluates None, which is not in"),  # type: ignore[arg-type]
    "bytes": (Evaluate(b"x"), "evaluates b'x', which is not in"),  # type: ignore[arg-type]
    "no rows at all": (Evaluate(TEXTS[0], ()), "asks for rows ()"),
    "a list of rows": (Evaluate(TEXTS[0], [1]), "asks for rows [1]"),  # type: ignore[arg-type]
    "a number of rows": (Evaluate(TEXTS[0], 3), "asks for rows 3"),  # type: ignore[arg-type]
    "a row twice": (Evaluate(TEXTS[0], (1, 2, 1)), "asks for rows (1, 2, 1), some of them twice"),
    "a row too far": (Evaluate(TEXTS[0], (0, 5)), "asks for row 5, and there are 5 dev rows"),
    "a negative row": (Evaluate(TEXTS[0], (-1,)), "asks for row -1"),
    "a row that is a text": (Evaluate(TEXTS[0], ("0",)), "asks for row '0'"),  # type: ignore[arg-type]
    "a row that is a fraction": (Evaluate(TEXTS[0], (0.0,)), "asks for row 0.0"),  # type: ignore[arg-type]
    "a row that is NaN": (Evaluate(TEXTS[0], (float("nan"),)), "asks for row nan"),  # type: ignore[arg-type]
    "an unhashable row": (Evaluate(TEXTS[0], ([],)), "asks for row []"),  # type: ignore[arg-type]
    "no completions": (Complete("a", n=0), "a completion with n=0"),
    "a text of completions": (Complete("a", n="2"), "a completion with n='2'"),  # type: ignore[arg-type]
    "a negative temperature": (Complete("a", temperature=-1), "with temperature=-1"),
    "a NaN temperature": (Complete("a", temperature=float("nan")), "with temperature=nan"),
    "no tokens": (Complete("a", max_tokens=0), "with max_tokens=0"),
    "no prompt": (Complete(None), "with prompt=None"),  # type: ignore[arg-type]
    "a list of messages": (Complete([("user", "a")]), "with prompt=[('user', 'a')]"),  # type: ignore[arg-type]
    "half a message": (Complete((("user",),)), "with prompt=(('user',),)"),  # type: ignore[arg-type]
    "a text to stop at": (Complete("a", stop="x", n=0), "with n=0, stop='x'"),  # type: ignore[arg-type]
    "a gathered list": (Gather([Evaluate(TEXTS[0])]), "gathers [Evaluate("),  # type: ignore[arg-type]
    "a gathered generator": (Gather(Evaluate(t) for t in TEXTS), "not a tuple of requests"),  # type: ignore[arg-type]
    "a gathered array": (Gather(np.array([1, 2])), "gathers array([1, 2]), not a tuple of requests"),  # type: ignore[arg-type]
    "a gathered None": (Gather(None), "gathers None, not a tuple of requests"),  # type: ignore[arg-type]
    "a gathered recommendation": (Gather((Recommend(TEXTS[0]),)), "where only questions may stand"),
    "a gather in a gather": (Gather((Gather(()),)), "where only questions may stand"),
    "a bad member": (Gather((Evaluate(TEXTS[0]), Evaluate("other"))), "evaluates 'other'"),
    "a wrong recommendation": (Recommend("other"), "recommends 'other', which is not in a pool"),
    "an unhashable recommendation": (Recommend({}), "recommends {}, which is not in a pool"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("request_", "named"), NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_a_protocol_error_that_names_the_value(request_: Any, named: str) -> None:
    def plan() -> Any:
        yield from Evaluate(TEXTS[1])
        yield request_

    session = play(plan())
    assert isinstance(session.failure, ProtocolError)
    assert named in str(session.failure)
    assert str(session.failure).startswith("agent ")
    assert session.ledger.spent.evaluations == 1, "nothing of a nonsense batch may be charged"


@pytest.mark.parametrize("value", ["other", (0.0,), ["x"], 3, b"x", {}, Unprintable()])
def test_a_returned_value_outside_the_space_is_a_protocol_error(value: Any) -> None:
    def plan() -> Any:
        yield from Evaluate(TEXTS[1])
        return value

    assert "recommends" in str(play(plan()).failure)


BOX = Box((0.0, -1.0), (1.0, 1.0))
nan, inf = float("nan"), float("inf")


@pytest.mark.parametrize(
    "point",
    [(nan, 0.0), (inf, 0.0), (0.5,), (0.5, 0.5, 0.5), (1.5, 0.0), (0.5, -1.0000001), [0.5, 0.5], "0.5",
     ("0.5", 0.5), (None, 0.0), (0.5j, 0.0), np.array([0.5, 0.5]), (10**400, 0)],
    ids=str,
)  # fmt: skip
def test_what_is_no_point_of_the_box_is_a_protocol_error(point: Any) -> None:
    def asks() -> Any:
        yield from Evaluate(point)

    def recommends() -> Any:
        yield from Recommend(point)

    for plan in (asks(), recommends()):
        session = play(plan, space=BOX)
        assert isinstance(session.failure, ProtocolError)
        assert "which is not in a box in 2 dimensions" in str(session.failure)


def test_free_text_has_a_length() -> None:
    for text in ("", "x" * 11):
        session = play(iter_of(Evaluate(text)), space=FreeText(("start",), longest=10))
        assert "which is not in texts of 1 to 10 characters" in str(session.failure)


@pytest.mark.parametrize("plan", [None, "best", TEXTS, {"best": 1}, iter(TEXTS), Unprintable()])
def test_a_plan_that_is_no_generator_is_a_protocol_error(plan: Any) -> None:
    session = play(plan)
    assert isinstance(session.failure, ProtocolError)
    assert "not a generator; does it yield?" in str(session.failure)


def test_a_plan_may_be_a_coroutine() -> None:
    async def plan() -> Any:
        seen = await Evaluate(TEXTS[2])
        return TEXTS[2] if seen.score > -9 else TEXTS[0]

    assert play(plan()).recommendation == TEXTS[2]

    async def foreign() -> Any:
        await asyncio.sleep(0)

    assert "yielded None, not a request" in str(play(foreign()).failure)
