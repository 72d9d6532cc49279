"""From the command line: a scenario is played offline, served, and played live against the server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SCENARIO = """
description = "Two tasks, ten instructions each"
agents = ["random", "evolution"]
seeds = 2
budget = { evaluations = 8 }

[[problem]]
kind = "chat"
tasks = ["antonyms", "sum"]
space = "pool"
pool = 10
dev = 4
test = 10
"""
COLUMNS = ("problem", "agent", "seed", "number", "candidate", "truth")


class Server:
    """`sandbox serve` in a process of its own."""

    def __init__(self, program: list[str], folder: Path, *more: str) -> None:
        self.process = subprocess.Popen(
            [*program, "serve", "mini.toml", "--port", "0", "--time", "virtual", *more],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.env: dict[str, str] = {}
        wanted = 1 if "--no-keys" in more or "--keys" in more else 2
        for line in self.process.stdout or ():
            name, _, value = line.removeprefix("export ").strip().partition("=")
            self.env[name] = value
            if len(self.env) == wanted:
                return
        raise AssertionError(self.process.communicate()[1])

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        _, self.errors = self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture
def serve(program: list[str], folder: Path) -> Iterator[Callable[..., Server]]:
    pytest.importorskip("openai", reason="the official client comes with the extra `live`")
    (folder / "mini.toml").write_text(SCENARIO)
    servers: list[Server] = []

    def start(*more: str) -> Server:
        servers.append(Server(program, folder, *more))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


def steps(sandbox: Run, store: str) -> list[dict[str, Any]]:
    """What was recommended when, what it is worth, and what had been spent; without the times."""
    rows = [
        json.loads(line)
        for line in sandbox("export", store, "--what", "steps", "--format", "jsonl").stdout.splitlines()
    ]
    keys = [key for key in rows[0] if key in COLUMNS or (key.startswith("spent_") and key != "spent_seconds")]
    return sorted(({key: row[key] for key in keys} for row in rows), key=str)


@pytest.mark.slow
def test_live_against_the_served_scenario_is_the_simulated_tournament(
    sandbox: Run, serve: Callable[..., Server], folder: Path
) -> None:
    server = serve()
    key = server.env["OPENAI_API_KEY"]
    env = {**os.environ, **server.env, "COLUMNS": "120"}
    live = sandbox("run", "mini.toml", "--live", "--out", "live.db", env=env)
    simulated = sandbox("run", "mini.toml", "--out", "simulated.db")
    assert steps(sandbox, "live.db") == steps(sandbox, "simulated.db")
    board = [line for line in live.stdout.splitlines() if line[:3] in ("1  ", "2  ")]
    assert board == [line for line in simulated.stdout.splitlines() if line[:3] in ("1  ", "2  ")]
    assert len(board) == 2
    again = sandbox("run", "mini.toml", "--live", "--out", "live.db", env=env)
    assert "all 8 matches are in live.db already" in again.stderr
    assert sandbox("replay", "live.db", "sum/random/1").stdout.startswith("the same:")
    assert server.stop() == 0
    for place in folder.rglob("*"):
        if place.is_file():
            assert key.encode() not in place.read_bytes(), f"the key is in {place.name}"
    for text in (live.stdout, live.stderr, again.stderr, server.errors):
        assert key not in text


@pytest.mark.slow
def test_a_live_run_that_is_killed_goes_on_and_pays_for_nothing_twice(
    sandbox: Run, serve: Callable[..., Server], program: list[str], folder: Path
) -> None:
    server = serve()
    env = {**os.environ, **server.env}
    command = [*program, "run", "mini.toml", "--live", "--concurrency", "2", "--out", "live.db"]
    for wait in (2.5, 3.5, 4.5):
        process = subprocess.Popen(
            command, cwd=folder, env=env, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        time.sleep(wait)
        process.kill()
        process.wait()
    sandbox("run", "mini.toml", "--live", "--out", "live.db", env=env)
    sandbox("run", "mini.toml", "--out", "simulated.db")
    assert steps(sandbox, "live.db") == steps(sandbox, "simulated.db")
    usage = _get(server, "/sandbox/usage")
    runs = [
        json.loads(line) for line in sandbox("export", "live.db", "--format", "jsonl").stdout.splitlines()
    ]
    for currency in ("prompt_tokens", "completion_tokens"):
        assert usage["spent"][currency] == sum(run[f"spent_{currency}"] for run in runs)
    assert server.stop() == 0


def test_a_recording_made_live_is_played_again_offline(
    sandbox: Run, serve: Callable[..., Server], folder: Path
) -> None:
    """The referee's questions too; without server, network and key."""
    server = serve()
    env = {**os.environ, **server.env}
    options = ("run", "mini.toml", "--live", "--agents", "random", "--seeds", "1", "--referee", "endpoint")
    sandbox(*options, "--record", "tape.jsonl", "--out", "live.db", env=env)
    assert server.stop() == 0
    offline = {name: value for name, value in env.items() if name != "OPENAI_API_KEY"}
    sandbox(*options, "--replay", "tape.jsonl", "--out", "again.db", env=offline)
    assert steps(sandbox, "again.db") == steps(sandbox, "live.db")
    assert server.env["OPENAI_API_KEY"] not in (folder / "tape.jsonl").read_text()
    missed = sandbox(*options, "--agents", "evolution", "--replay", "tape.jsonl", env=offline, code=2)
    assert "not in the recording" in missed.stderr
    wrong = sandbox("run", "mini.toml", "--replay", "tape.jsonl", code=2)
    assert "this was recorded with --live, so replay it with --live" in wrong.stderr


def test_keys_are_made_limited_and_revoked_by_the_command(
    sandbox: Run, serve: Callable[..., Server], folder: Path
) -> None:
    key = sandbox("keys", "keys.json", "add", "alice", "completions=3").stdout.strip()
    assert key not in (folder / "keys.json").read_text()
    assert "alice" in sandbox("keys", "keys.json", "list").stdout
    server = serve("--keys", "keys.json")
    server.env["OPENAI_API_KEY"] = key
    assert _get(server, "/sandbox/usage")["limit"] == {"completions": 3}
    sandbox("keys", "keys.json", "revoke", "alice")
    deadline = time.monotonic() + 10
    while "error" not in (told := _get(server, "/sandbox/usage")) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert told["error"]["code"] == "invalid_api_key"
    assert "exists already" in sandbox("keys", "keys.json", "add", "alice", code=2).stderr
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("serve", "quickstart"), "no mock LLM plays in it"),
        (("serve", "nothing"), "unknown scenario 'nothing'"),
        (("serve", "mini.toml", "--time", "soon"), "--time 'soon': real, virtual, or a factor"),
        (("serve", "mini.toml", "--fault", "closed"), "--fault 'closed': write NAME=SHARE"),
        (("serve", "mini.toml", "--host", "0.0.0.0", "--no-keys"), "without keys only loopback"),
        (("serve", "mini.toml", "--no-keys", "--budget", "usd=1"), "--no-keys: goes neither with"),
        (("serve", "mini.toml", "--keys", "absent.json"), "absent.json"),
        (("serve", "mini.toml", "--budget", "rows=3"), "a key is limited in"),
        (("serve", "mini.toml", "--set", "problem.model=gpt-9"), "unknown model 'gpt-9'"),
        (("run", "mini.toml", "--set", "problem.tasks=[\"antonym\"]"), "did you mean antonyms?"),
        (("run", "mini.toml", "--set", "problem.temperature=3"), "temperature=3.0: between 0 and 2"),
        (("run", "mini.toml", "--live", "--model", "nobody-knows-it"), "nobody says what 'nobody-knows-it'"),
        (("run", "mini.toml", "--live", "--key-env", "NO_SUCH_KEY"), "NO_SUCH_KEY"),
        (("run", "quickstart", "--live", "--model", "gpt-4o"), "cannot be played live"),
        (("run", "mini.toml", "--replay", "absent.jsonl"), "absent.jsonl"),
        (("run", "mini.toml", "--record", "no/where.jsonl"), "there is no folder no"),
        (("run", "mini.toml", "--record", "a", "--replay", "b"), "one of them"),
        (("keys", "keys.json", "list"), "keys.json"),
        (("keys", "keys.json", "add"), "say which NAME"),
        (("keys", "keys.json", "add", "-x", "usd=1"), "No such option"),
        (("keys", "keys.json", "add", "x y"), "key name 'x y'"),
    ],
)  # fmt: skip
def test_mistakes_are_named(
    here: Callable[..., Any],
    folder: Path,
    arguments: tuple[str, ...],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folder / "mini.toml").write_text(SCENARIO)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-mine")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    done = here(*arguments, code=2)
    assert sentence in done.output
    assert "secret-of-mine" not in done.output


def _get(server: Server, path: str) -> Any:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    request = Request(
        server.env["OPENAI_BASE_URL"] + path,
        headers={"authorization": f"Bearer {server.env['OPENAI_API_KEY']}"},
    )
    try:
        with urlopen(request, timeout=10) as answer:
            return json.load(answer)
    except HTTPError as refusal:
        return json.load(refusal)


@pytest.mark.slow
def test_a_live_store_is_repriced_to_what_playing_it_at_that_price_costs(
    sandbox: Run, serve: Callable[..., Server], folder: Path
) -> None:
    """Real time cannot be put otherwise, money can: the same answers at another price."""
    server = serve()
    env = {**os.environ, **server.env, "COLUMNS": "120"}
    (folder / "dear.toml").write_text('[models]\n"mock-gpt-3.5-turbo" = { input = "7", output = "11" }\n')
    dear = ["--model", "mock-gpt-3.5-turbo", "--prices", "dear.toml"]
    sandbox("run", "mini.toml", "--live", "--out", "live.db", env=env)
    sandbox("reprice", "live.db", *dear, "-o", "new.db")
    sandbox("run", "mini.toml", "--live", *dear, "--out", "dear.db", env=env)
    assert steps(sandbox, "new.db") == steps(sandbox, "dear.db") != steps(sandbox, "live.db")
    refused = sandbox("reprice", "live.db", "--workers", "2", "-o", "other.db", code=2)
    assert "it was played in real time" in refused.stderr
    assert not (folder / "other.db").exists()
