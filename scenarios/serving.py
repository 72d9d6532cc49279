"""Serves the mock LLMs of a scenario as an HTTP endpoint, and keeps the keys that open it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from mocks.endpoint import keys as key_files
from mocks.endpoint.app import Endpoint, Time, make_app
from mocks.endpoint.keys import KeyRing
from mocks.endpoint.server import serve
from mocks.llm.model import MockModel
from mocks.llm.persona import personas
from mocks.service import Service
from sandbox.budget import Budget
from sandbox.chat import ChatModel
from sandbox.errors import UsageError
from sandbox.scenario import Source
from scenarios import chat
from scenarios.build import tables_of_chat

_KEY_NAME = "default"


def models(source: Source, folder: Path) -> tuple[dict[str, ChatModel], dict[str, Service]]:
    """Every persona, each knowing the facts of the scenario's tasks, and the service of each.

    The scenario's own persona answers exactly as it does in `sandbox run`.

    Raises:
        ScenarioError: if the scenario cannot be loaded, or no mock LLM plays in it.
    """
    entries = tables_of_chat(source, folder)
    memory: dict[str, Mapping[str, tuple[str, ...]]] = {}
    for entry, _ in entries:
        memory.update(entry.memory())
    found: dict[str, ChatModel] = {name: MockModel(name, memory) for name in personas()}
    services = {name: chat.service_of(name, entries[0][1]) for name in personas()}
    for entry, service in entries:
        services[entry.table.model] = chat.service_of(entry.table.model, service)
    return found, services


def app_of(
    source: Source,
    folder: Path,
    ring: KeyRing | None,
    *,
    seed: int = 0,
    time: str = "real",
    allow_faults: bool = False,
    faults: Sequence[str] = (),
) -> Endpoint:
    """The endpoint of a scenario.

    Raises:
        UsageError: for a setting that cannot be.
    """
    found, services = models(source, folder)
    return make_app(
        found, services, keys=ring, seed=seed, time=_time(time), allow_faults=allow_faults,
        fault_shares=_shares(faults),
    )  # fmt: skip


def serve_scenario(
    source: Source,
    folder: Path,
    *,
    host: str,
    port: int,
    keys: str | None,
    no_keys: bool,
    budget: str | None,
    seed: int,
    time: str,
    allow_faults: bool,
    faults: Sequence[str],
) -> int:
    """Serve until a signal; the exit code.

    Raises:
        UsageError: for settings that cannot be, before anything is served.
    """
    if no_keys and (keys is not None or budget is not None):
        raise UsageError("--no-keys: goes neither with --keys nor with --budget, which belong to keys")
    if keys is not None and budget is not None:
        raise UsageError("--budget: each key of --keys has its own; `sandbox keys FILE limit NAME BUDGET`")
    ring: KeyRing | None = None
    shown = ""
    if keys is not None:
        ring = KeyRing.load(Path(keys))
    elif not no_keys:
        ring, made = KeyRing.of({_KEY_NAME: key_files.sold(Budget.parse(budget) if budget else Budget())})
        shown = made[_KEY_NAME]
    app = app_of(source, folder, ring, seed=seed, time=time, allow_faults=allow_faults, faults=faults)

    def ready(url: str) -> None:
        click.echo(f"export OPENAI_BASE_URL={url}")
        if shown:  # the one place where a key is shown: it was made for this moment
            click.echo(f"export OPENAI_API_KEY={shown}")

    return serve(app, host, port, ready=ready)


def change_keys(path: Path, action: str, name: str | None, budget: str | None, as_json: bool) -> None:
    """Add, list, limit or revoke keys of a file.

    Raises:
        UsageError: for a key that there is not, or is already, or a budget that cannot be.
    """
    if action == "list":
        entries = key_files.list_keys(path)
        if as_json:
            rows = [
                {"name": e.name, "budget": str(e.budget), "created": e.created, "revoked": e.revoked}
                for e in entries
            ]
            click.echo(json.dumps(rows, indent=2))
        for entry in () if as_json else entries:
            state = "revoked" if entry.revoked else str(entry.budget) or "no limit"
            click.echo(f"{entry.name:24} {entry.created:26} {state}")
        return
    if name is None:
        raise UsageError(f"sandbox keys {path} {action}: say which NAME")
    limits = Budget.parse(budget) if budget else None
    if action == "add":
        click.echo(key_files.add_key(path, name, limits))
    elif action == "revoke":
        key_files.revoke_key(path, name)
        click.echo(f"{name} is revoked")
    else:
        key_files.limit_key(path, name, limits)
        click.echo(f"{name}: {limits or 'no limit'}")


def _time(text: str) -> Time:
    if text in ("real", "virtual"):
        return text  # type: ignore[return-value]
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"--time {text!r}: real, virtual, or a factor, as in 10 for ten times faster"
        ) from None


def _shares(faults: Sequence[str]) -> dict[str, float]:
    shares = {}
    for fault in faults:
        name, _, share = fault.partition("=")
        try:
            shares[name.strip()] = float(share)
        except ValueError:
            raise UsageError(f"--fault {fault!r}: write NAME=SHARE, as in closed=0.05") from None
    return shares
