"""Which versions of other people's packages are tested here, and what to say where they are not there."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sandbox.errors import MissingExtra, UsageError

TESTED = {"gepa": "0.1.4", "dspy": "3.4.1", "promptolution": "2.3.0"}
"""The extra `external` pins them."""


def require(agent: str, package: str, any_version: bool) -> None:
    """Refuse a package that is not there, or whose version nobody tested here.

    Raises:
        MissingExtra: naming the extra that brings it.
        UsageError: naming both versions, unless `any_version` admits them all.
    """
    try:
        found = version(package)
    except PackageNotFoundError:
        raise MissingExtra(agent, "external") from None
    if found != TESTED[package] and not any_version:
        raise UsageError(
            f"{agent}: {package} {found} is not tested here, {TESTED[package]} is; "
            f"pip install '{package}=={TESTED[package]}', or {agent}(any_version=True) to try"
        )


def load(agent: str, module: str) -> Any:
    """A module of a package.

    Raises:
        MissingExtra: if it, or something that it needs, is not there.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(agent, "external") from error


def check_switch(name: str, value: object) -> None:
    """Refuse a parameter that is neither True nor False.

    Raises:
        ValueError: naming the value.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name}={value!r}: True or False")
