"""A file of API keys: their names, hashes and budgets; the keys themselves are shown once and kept nowhere.

A key has 256 random bits, so one SHA-256 with a random pepper a file is enough: there is
nothing to guess. Changes replace the whole file at once; a running server notices them.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import re
import secrets
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sandbox.budget import Budget
from sandbox.errors import UsageError, nearest

PREFIX = "sk-sandbox-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SOLD = frozenset({"completions", "prompt_tokens", "completion_tokens", "usd", "seconds"})
"""The currencies that mean something here."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One key, without the key."""

    name: str
    digest: str
    """SHA-256 of the pepper and the key, in hex."""
    budget: Budget
    created: str = ""
    """ISO 8601, UTC."""
    revoked: bool = False


class KeyRing:
    """All keys of a file, found by hash."""

    def __init__(self, entries: Iterable[Entry], pepper: bytes, path: Path | None = None) -> None:
        self._pepper = sha256(pepper)
        self.path = path
        self._stamp = _stamp(path)
        self.entries = tuple(entries)
        self._by_digest = {entry.digest: entry for entry in self.entries if not entry.revoked}

    @classmethod
    def load(cls, path: Path) -> KeyRing:
        """Read a file of keys, JSON or (by its ending) TOML.

        Raises:
            UsageError: naming what cannot be read.
        """
        ring, pepper = _read(path)
        return cls(ring, pepper, path)

    @classmethod
    def of(cls, keys: Mapping[str, Budget]) -> tuple[KeyRing, dict[str, str]]:
        """A ring without a file, for one run: names and budgets in, the ring and the new keys out."""
        pepper = secrets.token_bytes(32)
        made = {_checked(name): new_key() for name in keys}
        ring = cls([Entry(name, _digest(pepper, made[name]), keys[name]) for name in keys], pepper)
        return ring, made

    def find(self, key: bytes) -> Entry | None:
        """The entry of a key, or None. What is compared are hashes, in constant time."""
        hashed = self._pepper.copy()
        hashed.update(key)
        digest = hashed.hexdigest()
        entry = self._by_digest.get(digest)
        if entry is None or not hmac.compare_digest(entry.digest, digest):
            return None
        return entry

    def refreshed(self) -> KeyRing:
        """This ring, or a new one if its file has changed. A file that broke meanwhile changes nothing."""
        if self.path is None or _stamp(self.path) == self._stamp:
            return self
        with contextlib.suppress(UsageError):
            return KeyRing.load(self.path)
        self._stamp = _stamp(self.path)
        return self


def new_key() -> str:
    """A fresh random key."""
    return PREFIX + secrets.token_urlsafe(32)


def add_keys(path: Path, names: Iterable[str], budget: Budget | None = None) -> dict[str, str]:
    """Make keys, all with the same budget; the file is made if there is none.

    Returns:
        The keys by name. This is the only time that they are seen.

    Raises:
        UsageError: for a name that is taken or cannot be one, or a budget in a currency
            that is not sold here.
    """
    budget = sold(budget or Budget())
    names = [_checked(name) for name in names]
    with _locked(path):
        entries, pepper = _read(path) if path.exists() else ([], secrets.token_bytes(32))
        taken = {entry.name for entry in entries}
        created = datetime.now(UTC).isoformat(timespec="seconds")
        made: dict[str, str] = {}
        for name in names:
            if name in taken:
                raise UsageError(f"key {name!r} exists already; take another name, or revoke it first")
            taken.add(name)
            made[name] = new_key()
            entries.append(Entry(name, _digest(pepper, made[name]), budget, created))
        _write(path, entries, pepper)
    return made


def add_key(path: Path, name: str, budget: Budget | None = None) -> str:
    """Make one key and return it, see `add_keys`."""
    return add_keys(path, [name], budget)[name]


def list_keys(path: Path) -> tuple[Entry, ...]:
    """What is known of every key of a file, in the order of their making.

    Raises:
        UsageError: if the file cannot be read.
    """
    return tuple(_read(path)[0])


def revoke_key(path: Path, name: str) -> None:
    """Make a key useless; a running server refuses it within a second.

    Raises:
        UsageError: if there is no such key.
    """
    _change(path, name, lambda entry: replace(entry, revoked=True))


def limit_key(path: Path, name: str, budget: Budget | None) -> None:
    """Give a key another budget; None takes every limit away. What was spent stays spent.

    Raises:
        UsageError: if there is no such key, or the budget is in a currency that is not sold here.
    """
    checked = sold(budget or Budget())
    _change(path, name, lambda entry: replace(entry, budget=checked))


def _change(path: Path, name: str, change: Any) -> None:
    with _locked(path):
        entries, pepper = _read(path)
        names = [entry.name for entry in entries]
        if name not in names:
            raise UsageError(f"{path}: no key is called {name!r}; {nearest(name, names)}")
        _write(path, [change(entry) if entry.name == name else entry for entry in entries], pepper)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"key name {name!r}: up to 64 letters, digits, dots, dashes and underscores, no sign first"
        )
    return name


def sold(budget: Budget) -> Budget:
    """`budget`, if all its currencies mean something here; else `UsageError`."""
    for currency in budget.limits():
        if currency not in _SOLD:
            raise UsageError(f"budget {currency}: a key is limited in {', '.join(sorted(_SOLD))}")
    return budget


def _digest(pepper: bytes, key: str) -> str:
    hashed = sha256(pepper)
    hashed.update(key.encode())
    return hashed.hexdigest()


def _stamp(path: Path | None) -> tuple[int, int, int]:
    """What changes whenever a file is replaced."""
    if path is None:
        return 0, 0, 0
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path) -> tuple[list[Entry], bytes]:
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        pepper = bytes.fromhex(raw["pepper"])
        entries = [_entry(row) for row in raw["keys"]]
    except OSError as exc:
        raise UsageError(f"key file {path}: {exc.strerror or exc}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        why = f"{exc} is missing" if isinstance(exc, KeyError) else str(exc)
        raise UsageError(f"key file {path} cannot be read: {why}") from None
    doubles = len(entries) - len({entry.name for entry in entries})
    if doubles:
        raise UsageError(f"key file {path}: {doubles} names stand there twice")
    return entries, pepper


def _entry(row: Mapping[str, Any]) -> Entry:
    limits = row.get("budget") or {}
    budget = sold(Budget.of(limits)) if limits else Budget()
    digest = row["sha256"]
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ValueError(f"the hash of key {row['name']!r} is none")
    return Entry(_checked(row["name"]), digest, budget, str(row.get("created", "")), bool(row.get("revoked")))


def _write(path: Path, entries: Iterable[Entry], pepper: bytes) -> None:
    if path.suffix == ".toml":
        raise UsageError(f"key file {path}: TOML files are edited by hand; let the command keep a .json file")
    rows = [
        {
            "name": entry.name,
            "sha256": entry.digest,
            "budget": {
                part.split("=")[0]: part.split("=")[1] for part in str(entry.budget).split(",") if part
            },
            "created": entry.created,
            "revoked": entry.revoked,
        }
        for entry in entries
    ]
    text = json.dumps({"pepper": pepper.hex(), "keys": rows}, indent=1) + "\n"
    beside = path.with_name(path.name + ".new")
    with open(beside, "w", encoding="utf-8", opener=_private) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One change at a time, or one of two that are made at once would be lost."""
    import fcntl

    try:
        lock = open(path.with_name(path.name + ".lock"), "w", opener=_private)  # noqa: SIM115
    except OSError as exc:
        raise UsageError(f"key file {path}: {exc.strerror or exc}") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
