"""The `sandbox` command as a fixture: in a process of its own, or, where that is enough, in this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from click.testing import CliRunner, Result

Command: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]
BAD_AGENTS = Path(__file__).with_name("bad_agents.py")


@pytest.fixture(scope="session")
def program() -> list[str]:
    """How the installed command is started."""
    script = Path(sys.executable).with_name("sandbox")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "sandbox.cli"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory with agents that misbehave."""
    shutil.copy(BAD_AGENTS, tmp_path)
    return tmp_path


@pytest.fixture
def sandbox(program: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in `folder` and check its exit code."""
    monkeypatch.chdir(folder)

    def run(*args: str, code: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "COLUMNS": "120"}
        options = {"cwd": folder, "timeout": 120, "env": environment, **options}
        done = subprocess.run([*program, *args], capture_output=True, text=True, check=False, **options)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    return run


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command in this process, in `folder`, and check its exit code."""
    from sandbox.cli import main
    from sandbox.tournament import load

    monkeypatch.chdir(folder)
    # The folder of one test must not serve the agents of the next.
    monkeypatch.setattr(sys, "path", [place for place in sys.path if Path(place) != BAD_AGENTS.parent])

    def run(*args: str, code: int = 0) -> Result:
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(str(folder.parent)):
                del sys.modules[name]  # of another test, or edited since
        load.cache_clear()  # a new process would not remember either
        done = CliRunner().invoke(main, list(args))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert done.exit_code == code, (done.exit_code, done.output)
        return done

    return run
