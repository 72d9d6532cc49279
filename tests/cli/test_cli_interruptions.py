"""Whatever stops the command, what was stored is kept, nobody is left running, and it goes on from there."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from click.testing import Result

from sandbox.streams import stream

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Here = Callable[..., Result]
PLAY = [
    "run",
    "quickstart",
    "--agents",
    "random,bad_agents:Sleeps",
    "--seeds",
    "8",
    "--budget",
    "evaluations=10",
]
PLAY += ["--out", "a.db", "--jobs", "2"]
"""48 matches, of which 24 take a twentieth of a second."""
TABLES = ("runs", "records", "steps")
linux = pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")


@contextmanager
def started(program: list[str], *args: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process group of its own, as a shell would start it."""
    process = subprocess.Popen(
        [*program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def alive(group: int) -> list[int]:
    """The processes of a group that still run, zombies left out."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with suppress(OSError):
                state, _, member = (place / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(member) == group and state != "Z":
                    found.append(int(place.name))
    return found


def all_gone(group: int, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while alive(group) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(group)


def stored() -> int:
    """How many runs are in the store, if there is one yet."""
    if not Path("a.db").exists():
        return 0
    db = sqlite3.connect("a.db", timeout=10)
    try:
        return int(db.execute("SELECT count(*) FROM runs").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        db.close()


def until_stored(count: int, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while stored() < count:
        assert time.monotonic() < end, f"{stored()} of {count} runs are stored"
        time.sleep(0.02)


def outcome(sandbox: Command, here: Here) -> list[str]:
    """The table and the exports when everything is played."""
    table = sandbox(*PLAY).stdout
    return [table, *[here("export", "a.db", "--what", what).stdout for what in TABLES]]


def undisturbed(sandbox: Command, here: Here) -> list[str]:
    """The same without any interruption."""
    expected = outcome(sandbox, here)
    Path("a.db").unlink()
    return expected


@linux
@pytest.mark.slow
def test_killing_it_at_any_moment_changes_no_byte_in_the_end(
    sandbox: Command, here: Here, program: list[str]
) -> None:
    expected = undisturbed(sandbox, here)
    whole_groups = parents = half_way = 0
    for number in range(20):
        rng = stream(7, "kill", number)
        before = stored()
        with started(program, *PLAY) as process:
            if number % 3 == 0:  # while it starts up
                time.sleep(float(rng.uniform(0.0, 1.5)))
            else:
                until_stored(min(before + int(rng.integers(1, 7)), 47))
                time.sleep(float(rng.uniform(0.0, 0.06)))
            if process.poll() is None:
                if number % 2:
                    whole_groups += 1
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    parents += 1
                    process.kill()
            process.wait()
            assert all_gone(process.pid), f"left running after round {number}: {alive(process.pid)}"
        if Path("a.db").exists():
            db = sqlite3.connect("a.db")
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            db.close()
        half_way += before < stored() < 48
        if stored() > 40:  # finish this one, and begin another
            assert outcome(sandbox, here) == expected
            for path in Path().glob("a.db*"):
                path.unlink()
    assert outcome(sandbox, here) == expected
    assert whole_groups + parents >= 18
    assert min(whole_groups, parents) >= 7
    assert half_way >= 9


@linux
@pytest.mark.parametrize("engine", ["processes", "inline"])
def test_ctrl_c_ends_it_cleanly_and_says_how_to_go_on(
    sandbox: Command, program: list[str], engine: str
) -> None:
    with started(program, *PLAY, "--engine", engine) as process:
        until_stored(3)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        out, err = process.communicate(timeout=20)
        assert process.returncode == 130, err
        assert all_gone(process.pid, 3.0)
    assert out == ""
    said = [line for line in err.splitlines() if line != "imported" and " leads" not in line]
    assert len(said) == 1, err
    assert said[0].startswith("interrupted: ")
    assert said[0].endswith(" of 48 matches are in a.db; the same command goes on")
    done = stored()
    assert 3 <= done < 48
    if engine == "inline":
        assert f"{done} of 48 matches are in a.db already" in sandbox(*PLAY).stderr


@linux
@pytest.mark.slow
def test_ctrl_c_while_everything_starts_up_leaves_no_traceback(sandbox: Command, program: list[str]) -> None:
    for number in range(6):
        with started(program, *PLAY) as process:
            time.sleep(0.3 + 0.3 * number)
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.05)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)  # impatient
            _, err = process.communicate(timeout=20)
            assert process.returncode in (0, 130, -signal.SIGINT), err
            assert "Traceback" not in err or number == 0, err  # Python itself was still loading
            assert all_gone(process.pid, 3.0)


@linux
def test_an_agent_cannot_swallow_ctrl_c(sandbox: Command, program: list[str]) -> None:
    args = ["run", "quickstart", "--agents", "bad_agents:Stays", "--seeds", "1", "--engine", "inline"]
    with started(program, *args, "--out", "a.db") as process:
        time.sleep(2.5)
        for _ in range(3):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.3)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130, err
    assert stored() == 0


@linux
def test_a_reader_that_stops_reading_is_no_error(sandbox: Command, program: list[str], folder: Path) -> None:
    sandbox("run", "quickstart", "--agents", "random", "--seeds", "3", "--engine", "inline")
    command = " ".join(program)
    for what in (
        "export quickstart.db --what records",
        "show quickstart.db",
        "show quickstart.db --runs",
        "list",
    ):
        done = subprocess.run(
            ["bash", "-c", f"{command} {what} | head -1"], capture_output=True, text=True, check=False
        )
        assert done.stderr == ""
        assert len(done.stdout.splitlines()) == 1


@linux
def test_closed_streams_are_no_error(sandbox: Command, program: list[str]) -> None:
    sandbox("run", "quickstart", "--agents", "random", "--seeds", "1", "--engine", "inline", "--out", "a.db")
    args = "run quickstart --agents random --seeds 2 --engine inline --out a.db"
    for closed in (">&-", "<&- >&- 2>&-"):
        command = f"{' '.join(program)} {args} --fresh {closed}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (closed, done.stderr)
        assert "Traceback" not in done.stderr
        assert stored() == 6


@linux
def test_two_commands_on_one_store_share_the_work(sandbox: Command, here: Here, program: list[str]) -> None:
    expected = undisturbed(sandbox, here)
    with started(program, *PLAY) as one, started(program, *PLAY) as two:
        outputs = [process.communicate(timeout=60) for process in (one, two)]
        assert [one.returncode, two.returncode] == [0, 0], outputs
    assert [out for out, _ in outputs] == [expected[0]] * 2
    assert outcome(sandbox, here) == expected


@linux
@pytest.mark.slow
def test_a_busy_machine_changes_no_byte(sandbox: Command, here: Here) -> None:
    quick = ["run", "quickstart", "--agents", "random,thompson", "--seeds", "1", "--budget", "evaluations=20"]
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)
    ]
    try:
        found = set()
        for number in range(10):
            if number % 4 == 0:
                sandbox(*quick, "--out", f"{number}.db", "--jobs", "2")
            else:
                here(*quick, "--out", f"{number}.db", "--engine", "inline")
            found.add(tuple(here("export", f"{number}.db", "--what", what).stdout for what in TABLES))
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    assert len(found) == 1


def test_a_file_that_may_not_grow_any_more_is_reported_and_loses_nothing(
    sandbox: Command, program: list[str]
) -> None:
    resource = pytest.importorskip("resource")
    sandbox(*PLAY, "--seeds", "1")
    before = stored()
    size = Path("a.db").stat().st_size

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, size + 20_000))

    args = [*program, *PLAY, "--seeds", "30", "--engine", "inline"]
    done = subprocess.run(args, capture_output=True, text=True, check=False, preexec_fn=limit, timeout=60)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("sandbox: a.db: the disk ")
    assert "Traceback" not in done.stderr
    after = stored()
    assert before < after < 180
    assert "all 6 matches are in a.db already" in sandbox(*PLAY, "--seeds", "1").stderr
