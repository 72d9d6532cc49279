"""A run that was recorded is played again from the recording, byte for byte, and without the world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import generated as g
import pytest
from generated import Program, new, plain, story
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_row_laws import WildRows

from mocks.service import Service
from sandbox.budget import Budget
from sandbox.drivers import virtual
from sandbox.errors import DataError
from sandbox.limits import Limits
from sandbox.protocol import Evaluate
from sandbox.worlds.recording import Recording, Tape, recorded, replayed


def forbidden(*_: Any) -> Any:
    raise AssertionError("a replay asked the world")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    program=g.programs(completions=True),
    budget=g.budgets(),
    limits=g.limits,
    rows=st.booleans(),
    number=st.integers(0, 10**9),
)
def test_a_recorded_run_comes_back_from_the_file_alone(
    tmp_path: Path, program: Program, budget: Budget, limits: Limits, rows: bool, number: int
) -> None:
    path = tmp_path / f"{number}.jsonl"
    path.unlink(missing_ok=True)
    make: Any = WildRows if rows else g.WildWorld
    first = new(program, budget, recorded(make(3), "task", 3, Tape(path)))
    virtual.play([first.session], limits)
    silent = make(3)
    silent.reply = forbidden
    path.touch()
    again = new(program, budget, replayed(silent, "task", 3, Recording(path)))
    virtual.play([again.session], limits)
    assert story(again.session) == story(first.session)
    assert [r.answered_at for r in again.session.trace.records] == [
        r.answered_at for r in first.session.trace.records
    ]
    assert [plain(answer) for answer in again.heard] == [plain(answer) for answer in first.heard]


def tape_of(path: Path, *requests: Any) -> None:
    g.play(g.iter_of(*requests), world=recorded(g.oracle_world(1, Service()), "task", 3, Tape(path)))


@pytest.mark.parametrize(
    ("problem", "seed", "request_"),
    [
        ("task", 3, Evaluate(g.TEXTS[1])),
        ("task", 4, Evaluate(g.TEXTS[0])),
        ("other", 3, Evaluate(g.TEXTS[0])),
    ],
)
def test_a_miss_is_loud(tmp_path: Path, problem: str, seed: int, request_: Any) -> None:
    path = tmp_path / "tape.jsonl"
    tape_of(path, Evaluate(g.TEXTS[0]))
    world = replayed(g.oracle_world(1, Service()), problem, seed, Recording(path))
    with pytest.raises(DataError, match=r"not in the recording: .*record it first with --record"):
        g.play(g.iter_of(request_), world=world)


def test_asking_once_more_than_was_recorded_is_a_miss(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    tape_of(path, Evaluate(g.TEXTS[0]))
    world = replayed(g.oracle_world(1, Service()), "task", 3, Recording(path))
    with pytest.raises(DataError, match="occurrence 1"):
        g.play(g.iter_of(Evaluate(g.TEXTS[0]), Evaluate(g.TEXTS[0])), world=world)


def test_a_line_that_was_cut_off_is_left_out_and_a_broken_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    tape_of(path, Evaluate(g.TEXTS[0]), Evaluate(g.TEXTS[2]))
    whole = path.read_text()
    path.write_text(whole[:-20])
    assert len(Recording(path)) == 1
    path.write_text("nonsense\n" + whole)
    with pytest.raises(DataError, match="line 1 is no line of a recording"):
        Recording(path)
    line = json.loads(whole.split("\n")[0])
    path.write_text(json.dumps({**line, "format": 99}) + "\n")
    with pytest.raises(DataError, match="format 99"):
        Recording(path)
    with pytest.raises(DataError, match="cannot be read"):
        Recording(tmp_path / "absent.jsonl")
