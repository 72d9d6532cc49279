"""The pytest plugin: `pytest --agent MODULE:AGENT` runs the catalogue without any test file."""

from __future__ import annotations

from pathlib import Path

import pytest

_SUITE = Path(__file__).with_name("suite.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("sandbox", "conformance of optimizers (instruct-sandbox)")
    group.addoption("--agent", metavar="MODULE:AGENT", help="hold this agent to every check of the test kit")
    group.addoption(
        "--conformance-profile", default="ci", metavar="NAME", help="quick, ci (the default) or nightly"
    )
    group.addoption("--conformance-expected", metavar="FILE", help="what is known to fail: conformance.toml")


def pytest_configure(config: pytest.Config) -> None:
    """Put the suite in the place of the tests that nobody named."""
    if config.getoption("--agent") and config.args_source is not config.ArgsSource.ARGS:
        config.args = [str(_SUITE)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a check."""
    if "conformance_check" not in metafunc.fixturenames:
        return
    from sandbox.testing.checks import CHECKS

    names = [name.removeprefix("check_") for name in CHECKS]
    metafunc.parametrize("conformance_check", list(CHECKS.values()), ids=names)
