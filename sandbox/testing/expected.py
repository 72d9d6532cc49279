"""What is known to fail: the file conformance.toml, and what it makes of results."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox.errors import DataError, nearest
from sandbox.testing.report import Result

_KEYS = {"agent": str, "check": str, "reason": str, "scene": str, "strict": bool}


@dataclass(frozen=True)
class Expected:
    """A failure that a reason excuses."""

    reason: str
    scene: Path | None = None
    """A file that shows it: then nothing is searched for, and nothing else can fail."""
    strict: bool = True
    """Whether it is an error when it fails no longer."""

    def judge(self, result: Result) -> Result:
        """The result with "xfail" or "xpass" in place of "fail" or "pass"."""
        if result.status == "fail":
            return replace(result, status="xfail", message=f"{self.reason} ({result.message})")
        if result.status == "pass" and self.strict:
            told = f"it passes, and was expected to fail: {self.reason}; remove the entry"
            return replace(result, status="xpass", message=told)
        return result


def read_expected(path: Path, agent: str, checks: Collection[str]) -> dict[str, Expected]:
    """What a file expects of one agent: by the name of the check.

    Raises:
        DataError: if it cannot be read, or names what there is not.
    """
    try:
        told: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise DataError(f"{path}: {exc}") from exc
    if unknown := sorted(set(told) - {"expected"}):
        raise DataError(f"{path}: unknown key {unknown[0]!r}: entries are headed [[expected]]")
    found: dict[str, Expected] = {}
    for number, entry in enumerate(told.get("expected", []), 1):
        where = f"{path}: entry {number}"
        for key, value in entry.items():
            if key not in _KEYS:
                raise DataError(f"{where}: unknown key {key!r}: {nearest(key, _KEYS)}")
            if not isinstance(value, _KEYS[key]):
                raise DataError(f"{where}: {key}={value!r}: a {_KEYS[key].__name__}")
        for key in ("agent", "check", "reason"):
            if not str(entry.get(key, "")).strip():
                raise DataError(f"{where}: {key} is missing")
        name = entry["check"] if entry["check"].startswith("check_") else f"check_{entry['check']}"
        if name not in checks:
            raise DataError(f"{where}: no check {entry['check']!r}: {nearest(name, checks)}")
        if entry["agent"] == agent:
            scene = path.parent / entry["scene"] if "scene" in entry else None
            found[name] = Expected(entry["reason"], scene, entry.get("strict", True))
    return found
