"""Optimizers and clients of others, unmodified, against the served endpoint; nothing else is reached.

They need an environment of their own, with the extras `external`, `live`, `serve` and pytest (`.ci/run`
makes it); then `python -m pytest tests/external`. Where a package is missing nothing here is collected,
so that command fails, and the project's other tests run as if this folder were not there.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

PACKAGES = ("dspy", "gepa", "httptools", "litellm", "openai", "optuna", "promptolution")
collect_ignore_glob = [] if all(find_spec(name) for name in PACKAGES) else ["test_*.py"]
_LOOPBACK = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "", None)
_outside: list[str] = []
_watched = False


def _watch(event: str, args: tuple[Any, ...]) -> None:
    """Refuse what would leave this machine, and remember it: packages swallow such errors."""
    if not _watched:
        return
    if event == "socket.connect":
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None  # else a socket of this machine's own
    elif event == "socket.getaddrinfo":
        host = args[0].decode() if isinstance(args[0], bytes) else args[0]
    else:
        return
    if host not in _LOOPBACK:
        _outside.append(f"{event} {host}")
        raise ConnectionRefusedError(f"{host}: tests reach nothing but loopback")


if not collect_ignore_glob:
    # Read when these packages are imported: no price list from the network, no cache between runs.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    _cache = tempfile.TemporaryDirectory(prefix="dspy-cache-", ignore_cleanup_errors=True)
    os.environ["DSPY_CACHEDIR"] = _cache.name
    sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def nothing_but_loopback() -> Iterator[None]:
    global _watched
    _outside.clear()
    _watched = True
    yield
    _watched = False
    assert not _outside
