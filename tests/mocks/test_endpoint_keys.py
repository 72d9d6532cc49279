"""Keys: kept as hashes only, found among ten thousand, changed under a running server, never shown."""

from __future__ import annotations

import json
import logging
import os
import stat
import time
from pathlib import Path

import pytest
from endpoint_kit import Echo, ask, said

from mocks.endpoint.app import Endpoint, make_app
from mocks.endpoint.keys import KeyRing, add_key, add_keys, limit_key, list_keys, revoke_key
from mocks.endpoint.server import serve
from mocks.service import Latency, Service
from sandbox.budget import Budget
from sandbox.errors import UsageError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def app_with(path: Path) -> Endpoint:
    app = make_app({"echo": Echo()}, Service(latency=Latency(0.0, 0.0, 0.0)), keys=KeyRing.load(path))
    app._looked_at = -1e9
    return app


def status(app: Endpoint, key: str | None, **more: object) -> int:
    app._looked_at = -1e9  # look at the file now, not in half a second
    headers = {"authorization": f"Bearer {key}"} if key is not None else {"authorization": ""}
    return ask(app, body=said(**more), headers=headers).status


def test_a_key_opens_until_it_is_revoked(path: Path) -> None:
    key = add_key(path, "ann", Budget(completions=3))
    other = add_key(path, "bob")
    app = app_with(path)
    assert status(app, key) == 200
    revoke_key(path, "ann")
    assert status(app, key) == 401
    assert status(app, other) == 200
    assert [(entry.name, entry.revoked) for entry in list_keys(path)] == [("ann", True), ("bob", False)]


@pytest.mark.parametrize("wrong", [None, "", "x", "sk-sandbox-", "é", "a" * 100_000])
def test_wrong_keys_are_401_and_not_repeated(path: Path, wrong: str | None) -> None:
    add_key(path, "ann")
    app = app_with(path)
    header = {"authorization": f"Bearer {wrong}"} if wrong is not None else {}
    answer = ask(app, body=said(), headers={"authorization": "", **header})
    assert answer.status == 401
    assert answer.error["code"] == "invalid_api_key"
    assert answer.headers["www-authenticate"] == "Bearer"
    if wrong and len(wrong) > 1:
        assert wrong.encode() not in answer.body
    assert ask(app, body=said(), headers={"authorization": "Basic abc"}).status == 401


def test_neither_the_file_nor_logs_nor_answers_hold_a_key(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = add_key(path, "ann", Budget(completions=1))
    app = app_with(path)
    seen = [path.read_bytes()]
    for text in ("hello", "bug", "long", "again"):
        answer = ask(app, body=said(text), headers={"authorization": f"Bearer {key}"})
        seen += [answer.body, repr(answer.headers).encode()]
    for route in ("/metrics", "/openapi.json", "/v1/sandbox/usage"):
        seen.append(ask(app, route, method="GET", headers={"authorization": f"Bearer {key}"}).body)
    seen += [caplog.text.encode(), repr(app.keys.entries).encode() if app.keys else b""]
    assert key.encode() not in b"".join(seen)
    assert key[20:].encode() not in b"".join(seen)
    assert b"ann" in b"".join(seen)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_limit_can_be_changed_while_the_server_runs_and_what_was_spent_counts(path: Path) -> None:
    key = add_key(path, "ann", Budget(completions=2))
    app = app_with(path)
    assert [status(app, key, text=f"{i}") for i in range(3)] == [200, 200, 429]
    limit_key(path, "ann", Budget(completions=3))
    assert [status(app, key, text=f"{i}") for i in range(2)] == [200, 429]
    limit_key(path, "ann", Budget(completions=1))
    assert status(app, key) == 429
    limit_key(path, "ann", None)
    assert status(app, key) == 200
    account = app.account("ann")
    assert account is not None
    assert account.spent.completions == 4


def test_ten_thousand_keys_stay_fast(path: Path) -> None:
    made = add_keys(path, [f"agent-{i}" for i in range(10_000)], Budget(usd=10**10))
    app = app_with(path)
    few = list(made)[::1000]
    for name in few:
        assert ask(app, body=said(), headers={"authorization": f"Bearer {made[name]}"}).status == 200
    ring = app.keys
    assert ring is not None
    keys = [key.encode() for key in made.values()]
    began = time.process_time()
    assert all(ring.find(key) for key in keys)
    each = (time.process_time() - began) / len(keys)
    assert each < 1e-4, "a lookup does not depend on how many keys there are"
    assert ring.find(keys[0][:-1]) is None


def test_hashes_are_peppered(path: Path, tmp_path: Path) -> None:
    """The same key in two files has two hashes."""
    key = add_key(path, "ann")
    again = tmp_path / "again.json"
    add_key(again, "ann")
    raw, other = json.loads(path.read_text()), json.loads(again.read_text())
    assert raw["pepper"] != other["pepper"]
    assert KeyRing.load(path).find(key.encode())
    raw["pepper"] = other["pepper"]
    path.write_text(json.dumps(raw))
    assert KeyRing.load(path).find(key.encode()) is None


def test_a_toml_file_is_read_too(path: Path) -> None:
    key = add_key(path, "ann")
    raw = json.loads(path.read_text())
    toml = path.with_suffix(".toml")
    toml.write_text(
        f'pepper = "{raw["pepper"]}"\n[[keys]]\nname = "ann"\nsha256 = "{raw["keys"][0]["sha256"]}"\n'
        "budget = {usd = 0.5, completions = 3}\n"
    )
    entry = KeyRing.load(toml).find(key.encode())
    assert entry is not None
    assert entry.budget == Budget.of({"usd": 0.5, "completions": 3})
    with pytest.raises(UsageError, match="edited by hand"):
        add_key(toml, "bob")


def test_mistakes_are_usage_errors(path: Path) -> None:
    add_key(path, "ann")
    for name in ("ann", "", "a b", "x" * 65, "-a", "é"):
        with pytest.raises(UsageError):
            add_key(path, name)
    with pytest.raises(UsageError, match="did you mean ann"):
        revoke_key(path, "anna")
    with pytest.raises(UsageError, match="evaluations"):
        limit_key(path, "ann", Budget(evaluations=5))
    with pytest.raises(UsageError):
        KeyRing.load(path.with_name("nothing.json"))
    for text in ("", "[]", '{"keys": []}', '{"pepper": "zz", "keys": []}', '{"pepper": "00", "keys": [{}]}'):
        path.write_text(text)
        with pytest.raises(UsageError, match=r"keys\.json"):
            KeyRing.load(path)


def test_a_file_that_breaks_under_a_running_server_changes_nothing(path: Path) -> None:
    key = add_key(path, "ann")
    app = app_with(path)
    assert status(app, key) == 200
    path.write_text("broken")
    assert status(app, key) == 200


def test_without_keys_only_loopback_is_served() -> None:
    app = make_app({"echo": Echo()}, Service(), keys=None)
    with pytest.raises(UsageError, match="only loopback"):
        serve(app, "0.0.0.0")
    with pytest.raises(UsageError, match="cannot listen"):
        serve(app, "127.0.0.1", 99999)


def test_metrics_are_for_this_machine_or_for_keys(path: Path) -> None:
    import asyncio

    key = add_key(path, "ann")
    app = app_with(path)

    async def fetch(client: str, token: str) -> int:
        sent = []

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        async def receive() -> dict[str, object]:
            return {"type": "http.request"}

        headers = [(b"authorization", b"Bearer " + token.encode())]
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/metrics",
            "client": (client, 1),
            "headers": headers,
        }
        await app(scope, receive, send)
        return int(str(sent[0]["status"]))

    assert asyncio.run(fetch("127.0.0.1", "none")) == 200
    assert asyncio.run(fetch("10.0.0.1", "none")) == 401
    assert asyncio.run(fetch("10.0.0.1", key)) == 200
