"""The property-based test kit: point it at an optimizer, and get the smallest worlds in which it fails.

From a shell `sandbox check MODULE:AGENT`; from pytest `pytest --agent MODULE:AGENT`, or
`parametrize_with_checks`; from Python `check_agent`. `check_world` holds oracles and worlds to their laws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.claims import Claims
    from sandbox.testing.kit import check_agent, parametrize_with_checks
    from sandbox.testing.ledger_laws import LedgerLaws
    from sandbox.testing.report import Report, Result
    from sandbox.testing.scenes import Scene
    from sandbox.testing.subjects import FromAskTell, FromBlocking
    from sandbox.testing.worlds import check_world

_HOMES = {
    "Claims": "sandbox.claims",
    "FromAskTell": "sandbox.testing.subjects",
    "FromBlocking": "sandbox.testing.subjects",
    "LedgerLaws": "sandbox.testing.ledger_laws",
    "Report": "sandbox.testing.report",
    "Result": "sandbox.testing.report",
    "Scene": "sandbox.testing.scenes",
    "check_agent": "sandbox.testing.kit",
    "check_world": "sandbox.testing.worlds",
    "parametrize_with_checks": "sandbox.testing.kit",
}

__all__ = [
    "Claims", "FromAskTell", "FromBlocking", "LedgerLaws", "Report", "Result", "Scene", "check_agent",
    "check_world", "parametrize_with_checks",
]  # fmt: skip


def __getattr__(name: str) -> Any:  # what pytest and hypothesis load at their start must not load everything
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
