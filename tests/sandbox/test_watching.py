"""A store is followed while it grows, without a trace on it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.board import Board, Pace, Tally
from sandbox.budget import USD, Budget, Cost
from sandbox.errors import StoreError
from sandbox.runner import Player, alone, player
from sandbox.scenario import Source
from sandbox.store import Store
from sandbox.tournament import Run
from sandbox.watching import State, Watch, watch


def run(agent: str, seed: int, truth: float | None = 0.5) -> Run:
    return Run(
        key=f"{agent}{seed}", scenario="s", digest="d", problem="p", agent=agent, seed=seed,
        budget=Budget(evaluations=9), rivals=(), error=None if truth is not None else "AgentCrashed: x",
        recommended=None if truth is None else "x", truth=truth, spent=Cost(evaluations=9, usd=USD // 4),
        steps=(), records=(), optimum=1.0, baseline=0.0, caveat="",
    )  # fmt: skip


def add(store: Store, *runs: Run) -> None:
    store.add(runs, [run.agent for run in runs], Source("s"), 0.0)


class Ended(Exception):
    """Raised out of a sleep, where a test has seen enough."""


def acting(*actions: Callable[[], object]) -> Callable[[float], None]:
    """A sleep in which one thing after the other happens."""
    rest = iter(actions)

    def sleep(seconds: float) -> None:
        action = next(rest, None)
        if action is None:
            raise Ended
        action()

    return sleep


def nothing() -> None:
    pass


def test_a_line_a_change_and_the_end_when_all_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.db"
    with Store(path) as store:
        add(store, run("a", 0, 0.2))
        steps = acting(
            nothing,
            lambda: add(store, run("b", 0, 0.8), run("b", 1, None)),
            nothing,
            lambda: add(store, run("a", 1, 0.2)),
        )
        assert watch(path, expect=4, sleep=steps) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "1/4 runs, $0.2500 spent, a leads",
        "3/4 runs, $0.7500 spent, 1 run failed, b leads",
        "4/4 runs, 0 s left, $1.00 spent, 1 run failed, b leads",
        f"{path}: complete; sandbox show {path} has the verdicts",
    ]


def test_a_store_that_is_not_there_yet_is_waited_for_if_so_said(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with pytest.raises(StoreError, match="--wait waits for it"):
        watch(path)

    def made() -> None:
        with Store(path) as store:
            add(store, run("a", 0))

    assert watch(path, wait=True, expect=1, sleep=acting(nothing, path.touch, made)) == 0


def test_the_file_may_be_replaced_vanish_and_be_torn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As when copies are brought from another machine, also a copy that is not whole yet."""
    source, path = tmp_path / "there.db", tmp_path / "here.db"

    def grown(*runs: Run) -> Callable[[], None]:
        def copied() -> None:
            with Store(source) as store:
                add(store, *runs)
            shutil.copy(source, tmp_path / "part")
            (tmp_path / "part").replace(path)

        return copied

    def torn() -> None:
        path.write_bytes(source.read_bytes()[:5000])

    grown(run("a", 0))()
    watch(path, expect=3, sleep=acting(grown(run("a", 1)), path.unlink, torn, grown(run("a", 2))))
    told = capsys.readouterr().out
    assert [line.split(",")[0] for line in told.splitlines()[:3]] == ["1/3 runs", "2/3 runs", "3/3 runs"]


def test_runs_that_are_played_again_are_counted_again(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store(path) as store:
        add(store, run("a", 0, 0.2), run("a", 1, 0.2))
        found = Watch(path)
        assert found.look()
        assert not found.look()
        store.forget(["a0"])
        add(store, run("a", 0, 0.9))
        assert found.tally.runs == 2
        found.look()
        (standing,) = found.tally.standings()
        assert standing[:2] == ("a", 2)
        assert standing[2] == pytest.approx(0.45)


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.endswith("-shm")}


def test_looking_leaves_no_trace(tmp_path: Path) -> None:
    """What stands in the log is seen, and stays in the log: beside a player, and in a copy without one."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    with Store(here / "a.db") as store:
        add(store, run("a", 0), run("b", 0))
        for name, content in files(here).items():
            (there / name).write_bytes(content)
        for folder in (here, there):
            before = files(folder)
            assert before["a.db-wal"]
            found = Watch(folder / "a.db")
            found.look()
            assert found.tally.runs == 2
            assert files(folder) == before


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_disk_that_cannot_be_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store(path) as store:
        add(store, run("a", 0))
    tmp_path.chmod(0o555)
    try:
        found = Watch(path)
        found.look()
        assert found.tally.runs == 1
    finally:
        tmp_path.chmod(0o755)


def test_what_is_no_store_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("A text of more than sixteen letters.")
    with pytest.raises(StoreError, match="not a store"):
        watch(tmp_path / "text.db")
    with pytest.raises(StoreError, match="a folder"):
        watch(tmp_path)
    torn = tmp_path / "torn.db"
    with Store(torn) as store:
        add(store, run("a", 0))
    torn.write_bytes(torn.read_bytes()[:5000])
    with pytest.raises(StoreError, match="cannot be read"):
        watch(torn, once=True)


def test_a_player_says_how_many_runs_there_will_be_and_when_it_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store(path) as store:
        add(store, run("a", 0))
        found = Watch(path)
        found.look()
        assert (found.state, found.total) == (State.UNKNOWN, None)
        with alone(path, 7) as first:
            assert first
            assert player(path) == Player(7, os.getpid(), platform.node())
            with alone(path, 9) as second:
                assert not second
            assert player(path) == Player(7, os.getpid(), platform.node())
            found.look()
            assert (found.state, found.total) == (State.PLAYED, 7)
        assert player(path) is None
        found.look()
        assert (found.state, found.total) == (State.ENDED, 7)


def test_it_ends_a_while_after_the_player_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, lock = tmp_path / "a.db", tmp_path / "a.db.lock"
    words = json.dumps([5, os.getpid(), platform.node()])
    lock.write_text(words)
    with Store(path) as store:
        add(store, run("a", 0))
    # Gone for a moment, there again, and gone for good.
    steps = [lock.unlink, nothing, lambda: lock.write_text(words), lock.unlink, *[nothing] * 3]
    assert watch(path, sleep=acting(*steps)) == 0
    assert "its player has ended" in capsys.readouterr().out


def test_a_killed_player_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.db"
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    with Store(path) as store:
        add(store, run("a", 0))
    (tmp_path / "a.db.lock").write_text(json.dumps([5, int(done.stdout), platform.node()]))
    assert watch(path, sleep=acting(*[nothing] * 9)) == 1
    assert "its player was stopped" in capsys.readouterr().out
    (tmp_path / "a.db.lock").write_text(json.dumps([5, int(done.stdout), "another machine"]))
    with pytest.raises(Ended):
        watch(path, sleep=acting(*[nothing] * 9))


@pytest.mark.parametrize("words", ["", "[", "[1]", '["a", "b", "c"]', "null", "\udcff"])
def test_a_lock_that_cannot_be_read_says_nothing(tmp_path: Path, words: str) -> None:
    (tmp_path / "a.db.lock").write_bytes(words.encode("utf-8", "surrogateescape"))
    assert player(tmp_path / "a.db") is None


def test_ctrl_c_says_how_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store(path) as store:
        add(store, run("a", 0))

    def pressed(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="1 runs, "):
        watch(path, sleep=pressed)


def test_time_left_is_what_is_left_at_the_pace_so_far() -> None:
    assert Pace(30, 120, 1.5).left == 60
    assert Pace(120, 120, 0.0).left == 0
    assert Pace(1, 120, 0.0).left is None
    assert Pace(1, None, 1.0).left is None
    assert Pace(5, None, 0.5, "runs").line(Tally()) == "5 runs, 30.0 a minute, nobody leads"


def test_the_board_tells_progress_rate_time_left_money_and_the_leader(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = [0.0]
    console = Console(file=sys.stderr)
    with Board(console, 3, lambda: now[0]) as board:
        for time, one in ((2.0, run("a", 0, 0.2)), (10.0, run("b", 0, 0.8)), (20.0, run("a", 1, None))):
            now[0] = time
            board.add([one])  # at first it is too early to speak
    assert capsys.readouterr().err.splitlines() == [
        "2/3 matches, 5 s left, 12.0 a minute, $0.5000 spent, b leads",
        "3/3 matches, 0 s left, 9.0 a minute, $0.7500 spent, 1 run failed, b leads",
    ]


def test_a_terminal_shows_a_leaderboard_beside_all_that() -> None:
    console = Console(force_terminal=True, width=140, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    with Board(console, 4) as board:
        board.add([run("a", 0, 0.2), run("[b]", 0, 0.9)])
        console.print(board._drawn())
    shown = console.export_text()
    for words in ("1/4", "matches", "left:", "$0.5000 spent", "agent so far", "[b]", "10%"):
        assert words in shown
