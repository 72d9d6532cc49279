"""What `pytest --agent` runs: one test a check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.errors import UsageError
from sandbox.testing.checks import CHECKS
from sandbox.testing.expected import Expected, read_expected
from sandbox.testing.kit import judge_in_test
from sandbox.testing.search import profile_of
from sandbox.testing.subjects import subject_of

if TYPE_CHECKING:
    from sandbox.protocol import Agent
    from sandbox.testing.check import Check


@pytest.fixture(scope="session")
def subject(pytestconfig: pytest.Config) -> Agent:
    """The agent that --agent names."""
    try:
        return subject_of(str(pytestconfig.getoption("--agent")))
    except UsageError as error:
        pytest.exit(f"--agent: {error}", returncode=2)


@pytest.fixture(scope="session")
def expected(pytestconfig: pytest.Config) -> dict[str, Expected]:
    """What is known to fail."""
    file = pytestconfig.getoption("--conformance-expected")
    try:
        return (
            {} if file is None else read_expected(Path(file), str(pytestconfig.getoption("--agent")), CHECKS)
        )
    except UsageError as error:
        pytest.exit(f"--conformance-expected: {error}", returncode=2)


def test_conformance(
    conformance_check: Check, subject: Agent, expected: dict[str, Expected], pytestconfig: pytest.Config
) -> None:
    """The agent keeps what it promises, and the rules that hold for everybody."""
    __tracebackhide__ = True
    try:
        profile = profile_of(pytestconfig.getoption("--conformance-profile"))
    except ValueError as error:
        pytest.exit(f"--conformance-profile: {error}", returncode=2)
    spec = str(pytestconfig.getoption("--agent"))
    judge_in_test(conformance_check, subject, profile, expected.get(conformance_check.name), spec)
